/** `allot import items|stock|supply|listings|orders|renewals FILE [--dry-run]`: what each row would do, then does; a dry run is the same, rolled back. */
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { Database, Queries } from '#db/client.ts';
import type { CommandOutcome } from '#db/commands.ts';
import { importItems } from '#db/import-items.ts';
import { importListings } from '#db/import-listings.ts';
import { importOrders } from '#db/import-orders.ts';
import { importRenewals } from '#db/import-renewals.ts';
import { type ImportOptions, type ImportReport, type Judged, makeReport, skip } from '#db/import-report.ts';
import { importStock } from '#db/import-stock.ts';
import { importSupply } from '#db/import-supply.ts';
import { suggest } from '#workers/did-you-mean.ts';
import { takeSpan } from '../arguments.ts';
import { type CsvColumns, type CsvResult, type CsvRow, readCsv } from '../csv.ts';
import {
  ITEM_COLUMNS,
  LISTING_COLUMNS,
  ORDER_COLUMNS,
  RENEWAL_COLUMNS,
  readItem,
  readListing,
  readOrder,
  readRenewal,
  readStock,
  readSupply,
  STOCK_COLUMNS,
  SUPPLY_COLUMNS,
} from '../csv-files.ts';
import { decideAll, exitCodeOf, requirePolicy, sayTrouble, tallyOf } from '../decide-now.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural } from '../output.ts';
import type { Kit, Run } from '../session.ts';

type File = { readonly name: string; readonly bytes: Uint8Array };
type Loaded = {
  readonly faults: CsvResult<unknown>['faults'];
  readonly unread: readonly string[];
  readonly write: (tx: Queries, options: ImportOptions) => Promise<ImportReport>;
};

type Kind = {
  readonly name: string;
  readonly says: string;
  readonly columns: CsvColumns;
  readonly isDecided: boolean;
  /** Takes --horizon and --keep. */
  readonly hasSpans?: boolean;
  readonly load: (file: File) => Loaded;
  readonly next: string;
};

const kindOf = <Row>(
  name: string,
  from: {
    readonly columns: CsvColumns;
    readonly read: (row: CsvRow) => Row;
    readonly write: (tx: Queries, rows: readonly Row[], options: ImportOptions) => Promise<ImportReport>;
  },
  words: Pick<Kind, 'says' | 'next' | 'isDecided' | 'hasSpans'>,
): Kind => ({
  name,
  ...words,
  columns: from.columns,
  load: (file) => {
    const { rows, faults, unread } = readCsv(file, from.columns, from.read);
    return { faults, unread, write: (tx, options) => from.write(tx, rows, options) };
  },
});

const KINDS: readonly Kind[] = [
  kindOf(
    'items',
    { columns: ITEM_COLUMNS, read: readItem, write: importItems },
    {
      says: 'items: titles, identifiers, groups, kits and units of measure',
      next: 'allot import listings FILE',
      isDecided: false,
    },
  ),
  kindOf(
    'stock',
    { columns: STOCK_COLUMNS, read: readStock, write: importStock },
    {
      says: 'counts per item and place, or by lot; a place that is not named is left alone',
      next: 'allot status',
      isDecided: true,
    },
  ),
  kindOf(
    'supply',
    { columns: SUPPLY_COLUMNS, read: readSupply, write: importSupply },
    {
      says: 'goods that are expected, one row per item of a purchase order; what is not named is left alone',
      next: 'allot supply list',
      isDecided: true,
    },
  ),
  kindOf(
    'listings',
    { columns: LISTING_COLUMNS, read: readListing, write: importListings },
    { says: 'listings and the items they stand for', next: 'allot listings list --unmapped', isDecided: false },
  ),
  kindOf(
    'orders',
    { columns: ORDER_COLUMNS, read: readOrder, write: importOrders },
    { says: 'orders, one row per line with totals by state', next: 'allot status', isDecided: true },
  ),
  kindOf(
    'renewals',
    { columns: RENEWAL_COLUMNS, read: readRenewal, write: importRenewals },
    {
      says:
        'renewals of subscriptions: each within the horizon is held for its program until some time after its day; ' +
        'of a kit all components or none. An order takes what is held when it names the holds (allot order place --hold); one that ' +
        'a platform tells of names none: it gets what is free, and its program is served first when they end',
      next: 'allot hold list --kind subscription',
      isDecided: true,
      hasSpans: true,
    },
  ),
];

class RolledBack extends Error {
  readonly report: ImportReport;
  constructor(report: ImportReport) {
    super('a dry run writes nothing');
    this.report = report;
  }
}

async function write(
  db: Database,
  loaded: Loaded,
  options: ImportOptions & { readonly isDryRun: boolean },
): Promise<ImportReport> {
  try {
    return await db.transaction(async (tx) => {
      const report = await loaded.write(tx, options);
      if (options.isDryRun) throw new RolledBack(report);
      return report;
    });
  } catch (error) {
    if (error instanceof RolledBack) return error.report;
    throw error;
  }
}

async function readFileOf(run: Run, path: string): Promise<File> {
  try {
    return { name: basename(path), bytes: await readFile(resolve(run.io.cwd, path)) };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new Failure(`${path} cannot be read (${String(error.code)})`, { mend: 'check the path and who may read it' });
  }
}

type FileOptions = { readonly dryRun?: boolean; readonly horizon?: number; readonly keep?: number };

async function importFile(run: Run, kind: Kind, path: string, options: FileOptions): Promise<ExitCode> {
  const isDryRun = options.dryRun === true;
  const { horizon: horizonMs, keep: keepMs } = options;
  const spans = horizonMs === undefined || keepMs === undefined ? {} : { spans: { horizonMs, keepMs } };
  const file = await readFileOf(run, path);
  const loaded = kind.load(file);
  for (const name of loaded.unread) {
    run.io.note(
      `Column "${name}" of ${file.name} is not read. ${suggest(name, [...kind.columns.required, ...kind.columns.optional])}\n`,
    );
  }
  return run.withDatabase(async (db) => {
    if (kind.isDecided) await requirePolicy(db);
    const written = await write(db, loaded, { actor: run.actor, now: run.io.now(), isDryRun, ...spans });
    const faults = loaded.faults.map(({ line, key, reason, fix }) => skip(line, key, reason, fix));
    const report = makeReport([...written.rows, ...faults], written);
    const outcomes = isDryRun ? [] : await decideImported(run, db, report);
    const hasTrouble = report.counts.skipped > 0 || exitCodeOf(tallyOf(outcomes)) !== EXIT.done;
    const { rows, counts, retried } = report;
    run.out.show(
      {
        schema: 'allot.import/1',
        ok: !hasTrouble,
        kind: kind.name,
        file: file.name,
        dryRun: isDryRun,
        counts,
        rows,
        retried,
        decided: tallyOf(outcomes),
      },
      () => sayReport(run, report, { isDryRun, outcomes }),
    );
    for (const line of sayTrouble(outcomes)) run.io.note(`${line}\n`);
    run.next(isDryRun ? 'next: the same without --dry-run' : `next: ${kind.next}`);
    return hasTrouble ? EXIT.failed : EXIT.done;
  });
}

/** An import of items or listings may come before the first policy: its reviews then wait for it. */
async function decideImported(run: Run, db: Database, report: ImportReport): Promise<CommandOutcome[]> {
  if (report.commandIds.length === 0 && report.retried === 0) return [];
  try {
    await requirePolicy(db);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    run.io.note(`Written; decided when there is a policy (${error.mend}).\n`);
    return [];
  }
  return decideAll(run, db, report.commandIds);
}

const SHOWN_MAX = 100;

function sayReport(
  run: Run,
  report: ImportReport,
  { isDryRun, outcomes }: { isDryRun: boolean; outcomes: readonly CommandOutcome[] },
): string {
  const { create, update, unchanged, skipped } = report.counts;
  const told = report.rows.filter(({ verdict }) => verdict !== 'unchanged' && verdict !== 'create');
  const { applied } = tallyOf(outcomes);
  return [
    `Create ${create}, Update ${update}, Unchanged ${unchanged}, Skipped ${skipped}${isDryRun ? '. Dry run: nothing was written.' : ''}`,
    ...(applied > 0 ? [`${plural(applied, 'command')} decided`] : []),
    ...(report.retried > 0
      ? [`${plural(report.retried, 'parked input')} ${isDryRun ? 'would be' : ''} retried`.replace('  ', ' ')]
      : []),
    ...sayReasons(report.rows, 'create', 'Taken'),
    ...sayReasons(report.rows, 'unchanged', 'Left alone'),
    ...told.slice(0, SHOWN_MAX).flatMap((row) => sayRow(run, row)),
    ...(told.length > SHOWN_MAX ? [`and ${told.length - SHOWN_MAX} more rows: --json shows all`] : []),
  ].join('\n');
}

/** Rows of one verdict, by the reason that they have beside it. */
function sayReasons(rows: readonly Judged[], of: Judged['verdict'], words: string): string[] {
  const byReason = Map.groupBy(rows, ({ verdict, reason }) => (verdict === of ? reason : null));
  return [...byReason].flatMap(([reason, ones]) =>
    reason === null ? [] : [`${words} ${plural(ones.length, 'row')}: ${reason}`],
  );
}

const sayValue = (value: string | number | null): string => (value === null || value === '' ? '-' : String(value));

function sayRow(run: Run, row: Judged): string[] {
  if (row.verdict === 'skipped') {
    return [`${run.out.paint('yellow', 'Skipped')} line ${row.line} ${row.key}: ${row.reason}`, `  mend: ${row.fix}`];
  }
  const changes = row.changes.map(({ field, from, to }) => `${field} ${sayValue(from)} -> ${sayValue(to)}`);
  return [`Update line ${row.line} ${row.key}: ${changes.join(', ')}`];
}

/** Its default as people write it. */
const spanOption = (flags: string, says: string, span: string): Option =>
  new Option(flags, says).argParser(takeSpan).default(takeSpan(span), span);

/** From the columns that the file is read by, so that help names each and how it is written. */
function sayColumns({ required, says }: CsvColumns): string {
  const names = Object.keys(says);
  const width = Math.max(...names.map((name) => name.length));
  const rows = names.map(
    (name) => `  ${name.padEnd(width)} ${required.includes(name) ? '*' : ' '} ${says[name] ?? ''}`,
  );
  return `\nColumns (* must be there; the others may be missing, and an empty cell says nothing):\n${rows.join('\n')}`;
}

export function addImportCommands(program: Command, kit: Kit): void {
  const group = program
    .command('import')
    .description('bring items, stock, supply, listings, orders or renewals in from a CSV file');
  for (const kind of KINDS) {
    const command = group
      .command(kind.name)
      .description(kind.says)
      .argument('<file>', 'CSV in UTF-8, one header row; comma, semicolon or tab')
      .option('--dry-run', 'say what each row would do, and write nothing')
      .addHelpText('after', () => sayColumns(kind.columns))
      .action(kit.act(async (run, file: string, options: FileOptions) => importFile(run, kind, file, options)));
    if (kind.hasSpans === true) {
      command
        .addOption(spanOption('--horizon <time>', 'hold renewals of this time to come', '35d'))
        .addOption(spanOption('--keep <time>', 'hold each so long after its day', '3d'));
    }
    kit.examples(command, [
      `allot import ${kind.name} ${kind.name}.csv --dry-run`,
      `allot import ${kind.name} ${kind.name}.csv${kind.hasSpans === true ? ' --horizon 35d --keep 3d' : ''}`,
    ]);
  }
}
