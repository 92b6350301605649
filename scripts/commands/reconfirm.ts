/**
 * `allot reconfirm`: confirms the open lines of items anew, by strategy, and tells who gains and who loses.
 *
 * Guarantees: it takes units from nobody before a person agreed to the losses that it showed (or gave `--yes`); where the books have
 * moved since, so that somebody would lose more, nothing is done.
 */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import {
  RECONFIRM_ORDERS,
  type ReconfirmCommand,
  type ReconfirmSegment,
  STRATEGIES,
  type Strategy,
} from '#core/command.ts';
import type { Completeness, Sku } from '#core/model.ts';
import { type ReconfirmedLine, type ReconfirmReport, reconfirmReport } from '#core/reconfirm-report.ts';
import type { Database } from '#db/client.ts';
import { readDeficitSkus, readSkuTable } from '#db/status.ts';
import { decideApart } from '#workers/decide-apart.ts';
import { commandBy, requirePolicy } from '../decide-now.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural } from '../output.ts';
import type { Kit, Run } from '../session.ts';

type Options = {
  readonly deficits?: boolean;
  readonly strategy?: readonly ReconfirmSegment[];
  readonly margin?: readonly ReconfirmSegment[];
  readonly chargeback?: readonly ReconfirmSegment[];
  readonly others: Strategy;
  readonly by: ReconfirmCommand['by'];
  readonly simulate?: boolean;
};

/** `channel/order` is an order, `connector:name` a channel, and a word alone a program. */
function named(id: string): Pick<ReconfirmSegment, 'match' | 'id'> {
  if (id.includes('/')) return { match: 'order', id };
  return { match: id.includes(':') ? 'channel' : 'program', id };
}

function splitPair(text: string, example: string): readonly [string, string] {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError(`"${text}" is not ${example}.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function collectStrategy(text: string, before: readonly ReconfirmSegment[] = []): readonly ReconfirmSegment[] {
  const [id, word] = splitPair(text, 'NAME=STRATEGY, for example wholesale=win');
  const strategy = STRATEGIES.find((one) => one === word);
  if (strategy === undefined)
    throw new InvalidArgumentError(`"${word}" is no strategy: write one of ${STRATEGIES.join(', ')}.`);
  return [...before, { ...named(id), strategy }];
}

const collectMoney =
  (field: 'margin' | 'chargeback') =>
  (text: string, before: readonly ReconfirmSegment[] = []): readonly ReconfirmSegment[] => {
    const [id, amount] = splitPair(text, 'NAME=AMOUNT, for example wholesale=12.50');
    if (!/^\d{1,9}(\.\d{1,4})?$/.test(amount))
      throw new InvalidArgumentError(`"${amount}" is no amount: write it like 12.50.`);
    return [...before, { ...named(id), [field]: Number(amount) }];
  };

/** One segment per name, with all that was said of it; what is said twice stays, for the core to refuse. */
function segmentsOf({ strategy = [], margin = [], chargeback = [] }: Options): ReconfirmSegment[] {
  const segments: ReconfirmSegment[] = [...strategy];
  for (const said of [...margin, ...chargeback]) {
    const field = said.margin === undefined ? 'chargeback' : 'margin';
    const at = segments.findIndex(
      ({ match, id, ...rest }) => match === said.match && id === said.id && rest[field] === undefined,
    );
    const known = segments[at];
    if (known === undefined) segments.push(said);
    else segments[at] = { ...known, ...said };
  }
  return segments;
}

async function chooseSkus(db: Database, skus: readonly Sku[], { deficits }: Options): Promise<Sku[]> {
  if (deficits === true) return readDeficitSkus(db);
  const known = new Set((await readSkuTable(db, { skus })).map(({ sku }) => sku));
  const unknown = skus.filter((sku) => !known.has(sku));
  if (unknown.length === 0) return [...known];
  throw new Failure(`${unknown.join(', ')} ${unknown.length === 1 ? 'is not an item' : 'are not items'}`, {
    why: 'SKUs are case-sensitive',
    mend: 'allot status --skus shows those there are',
  });
}

/** Of other items too, where an order gives up all of its lines. */
const lossesOf = ({
  lines,
  beside,
}: ReconfirmReport): readonly Pick<ReconfirmedLine, 'orderId' | 'lineRef' | 'change'>[] =>
  [...lines, ...beside].filter(({ change }) => change < 0);

/** Nobody loses more than was shown. */
function isAsShown(report: ReconfirmReport, shown: ReconfirmReport): boolean {
  const lost = new Map(
    lossesOf(shown).map(({ orderId, lineRef, change }) => [JSON.stringify([orderId, lineRef]), change]),
  );
  return lossesOf(report).every(
    ({ orderId, lineRef, change }) => change >= (lost.get(JSON.stringify([orderId, lineRef])) ?? 0),
  );
}

/** Decides one run, and writes it where `shown` was agreed to; without it a simulation. */
async function confirm(
  run: Run,
  db: Database,
  body: ReconfirmCommand,
  shown: ReconfirmReport | null,
): Promise<ReconfirmReport> {
  const now = run.io.now();
  const { state, facts, isWritten } = await decideApart(db, [commandBy(run, body)], now, (decided) => {
    const isRefused = decided.facts.outcomes.some(({ kind }) => kind === 'parked');
    return shown !== null && !isRefused && isAsShown(reconfirmReport(decided.state, body, decided.facts, now), shown);
  });
  for (const outcome of facts.outcomes) {
    if (outcome.kind === 'parked') throw new Failure(`${body.sku}: ${outcome.reason}`, { mend: outcome.fix });
  }
  const report = reconfirmReport(state, body, facts, now);
  if (shown !== null && !isWritten) {
    throw new Failure(`the books of ${body.sku} have moved: other lines would lose units than those shown`, {
      why: 'orders or goods came in between; nothing of it was done',
      mend: 'give the command again, and look at the new report',
    });
  }
  return report;
}

const signed = (change: number): string => (change > 0 ? `+${change}` : String(change));

const sayMoves = (lines: readonly ReconfirmedLine[], word: string): string[] =>
  lines.length === 0
    ? []
    : [`${word}: ${lines.map((line) => `${line.orderId} line ${line.lineRef} ${signed(line.change)}`).join(', ')}`];

const LINES_MAX = 200;
const number = (title: string) => ({ title, isNumber: true });

const TAKES: Readonly<Record<Completeness, string>> = {
  split: 'parts',
  onePlace: 'one place',
  shipComplete: 'all or nothing',
  fillOrKill: 'all or nothing',
};

const takesOf = ({ kit, completeness }: ReconfirmedLine): string =>
  kit === null ? TAKES[completeness] : `sets of ${kit}${completeness === 'split' ? '' : `, ${TAKES[completeness]}`}`;

/** Line by line and segment by segment. */
function sayLines({ out }: Run, report: ReconfirmReport): string[] {
  const { lines } = report;
  const rows = lines
    .slice(0, LINES_MAX)
    .map((line) => [
      line.orderId,
      line.lineRef,
      line.program,
      line.strategy,
      takesOf(line),
      line.wanted,
      line.before,
      line.after,
      signed(line.change),
    ]);
  const sums = report.segments.map((one) => [
    one.segment,
    one.strategy,
    one.lines,
    one.wanted,
    one.before,
    one.after,
    one.gained,
    one.lost,
  ]);
  return [
    '',
    out.table(
      [
        { title: 'ORDER' },
        { title: 'LINE' },
        { title: 'PROGRAM' },
        { title: 'STRATEGY' },
        { title: 'TAKES' },
        ...['WANTED', 'BEFORE', 'AFTER', 'CHANGE'].map(number),
      ],
      rows,
    ),
    ...(lines.length > LINES_MAX
      ? [`and ${plural(lines.length - LINES_MAX, 'more line')}: --json has them all\n`]
      : []),
    out.table(
      [
        { title: 'SEGMENT' },
        { title: 'STRATEGY' },
        ...['LINES', 'WANTED', 'BEFORE', 'AFTER', 'GAINED', 'LOST'].map(number),
      ],
      sums,
    ),
    ...sayMoves(lines.filter(({ change }) => change > 0).slice(0, LINES_MAX), 'Gains'),
    ...sayMoves(lines.filter(({ change }) => change < 0).slice(0, LINES_MAX), 'Loses'),
    ...lines.flatMap((line) =>
      line.exception === null
        ? []
        : [`Exception: ${line.orderId} line ${line.lineRef} (${line.strategy}) ${line.exception}`],
    ),
  ];
}

/** Lines of other items that go with an order that holds all or nothing. */
const sayBeside = ({ beside }: ReconfirmReport): string[] =>
  beside.length === 0
    ? []
    : [
        'Lines of other items, of orders that hold all or nothing:',
        ...beside
          .slice(0, LINES_MAX)
          .map(({ orderId, lineRef, sku, change }) => `  ${orderId} line ${lineRef}: ${signed(change)} ${sku}`),
        ...(beside.length > LINES_MAX ? [`  and ${beside.length - LINES_MAX} more: --json has them all`] : []),
      ];

const sayUnmatched = ({ unmatched, sku }: ReconfirmReport): string[] =>
  unmatched.length === 0 ? [] : [`No open line of ${sku} is of: ${unmatched.join(', ')}`];

/** A deficit that stays, which no line can end, and what does. */
const sayDeficit = ({ deficitAfter, sku }: ReconfirmReport): string[] =>
  deficitAfter === 0
    ? []
    : [
        `${plural(deficitAfter, 'unit')} ${deficitAfter === 1 ? 'is' : 'are'} still missing, which no line can give: ${deficitAfter === 1 ? 'it is' : 'they are'} held (allot hold list --sku ${sku}), or left beyond what was there (bring or count units: allot receive ${sku} N)`,
      ];

function sayReport(run: Run, report: ReconfirmReport): string {
  const { sku, there, promisedBefore, promisedAfter, deficitBefore, deficitAfter, lines } = report;
  const title = run.out.paint(
    'bold',
    `${sku}: ${there} there, ${promisedBefore} promised before, ${promisedAfter} after`,
  );
  if (lines.length === 0) return `${title}\nNo line has or wants units of it.`;
  return [
    title,
    `Deficit: ${deficitBefore} before, ${deficitAfter} after`,
    ...sayDeficit(report),
    ...sayUnmatched(report),
    ...sayLines(run, report),
    ...sayBeside(report),
  ].join('\n');
}

/** Asks once for all items; a run that takes from nobody needs no word. */
async function isAgreed(run: Run, shown: readonly ReconfirmReport[]): Promise<boolean> {
  const losses = shown.flatMap(lossesOf);
  if (losses.length === 0) return true;
  const units = losses.reduce((sum, { change }) => sum - change, 0);
  const orders = new Set(losses.map(({ orderId }) => orderId)).size;
  const harm = `${plural(units, 'unit')} from ${plural(losses.length, 'line')} of ${plural(orders, 'order')}`;
  if (run.isYes) return true;
  if (run.io.ask === null) {
    throw new Failure(`this takes ${harm}, and nobody can be asked`, {
      mend: 'look at it with --simulate, then give --yes',
      exitCode: EXIT.usage,
    });
  }
  run.io.note(`${shown.map((report) => sayReport(run, report)).join('\n\n')}\n`);
  return run.confirm(`Take ${harm}?`);
}

const exitCodeOf = (reports: readonly ReconfirmReport[]): ExitCode =>
  reports.some(({ deficitAfter, lines }) => deficitAfter > 0 || lines.some(({ exception }) => exception !== null))
    ? EXIT.found
    : EXIT.done;

function show(run: Run, mode: 'simulation' | 'active', reports: readonly ReconfirmReport[]): ExitCode {
  const exitCode = exitCodeOf(reports);
  run.out.show({ schema: 'allot.reconfirm/1', ok: exitCode === EXIT.done, mode, reports }, () => {
    if (reports.length === 0) return 'No place lacks units that it promised.';
    const head = mode === 'simulation' ? 'Simulation: nothing was written.' : 'Confirmed anew.';
    return [head, ...reports.map((report) => sayReport(run, report))].join('\n\n');
  });
  const first = reports.flatMap(({ lines }) => lines.filter(({ change }) => change !== 0))[0];
  if (mode === 'active' && first !== undefined) run.next(`next: allot explain --order ${first.orderId}`);
  if (mode === 'simulation' && reports.length > 0) run.next('next: the same without --simulate');
  return exitCode;
}

async function reconfirm(run: Run, skus: readonly Sku[], options: Options): Promise<ExitCode> {
  if (skus.length > 0 === (options.deficits === true)) {
    throw new Failure('name SKUs, or take all that lack units with --deficits', {
      mend: 'allot reconfirm SKU..., or allot reconfirm --deficits',
      exitCode: EXIT.usage,
    });
  }
  return run.withDatabase(async (db) => {
    await requirePolicy(db);
    const segments = segmentsOf(options);
    const bodies = (await chooseSkus(db, skus, options)).map(
      (sku): ReconfirmCommand => ({ kind: 'reconfirm', sku, by: options.by, segments, others: options.others }),
    );
    const shown: ReconfirmReport[] = [];
    for (const body of bodies) shown.push(await confirm(run, db, body, null));
    if (options.simulate === true) return show(run, 'simulation', shown);
    if (!(await isAgreed(run, shown))) return EXIT.interrupted;
    const done: ReconfirmReport[] = [];
    for (const [index, body] of bodies.entries()) done.push(await confirm(run, db, body, shown[index] ?? null));
    return show(run, 'active', done);
  });
}

export function addReconfirmCommand(program: Command, kit: Kit): void {
  const command = program
    .command('reconfirm')
    .description(
      'confirm open order lines anew where more is promised than there is; exit 3 when a win or gain could not be kept, or a deficit stays',
    )
    .argument('[sku...]', 'the items', [])
    .option('--deficits', 'all items that lack units they promised')
    .option('--strategy <name=strategy>', `of a program, channel or order: ${STRATEGIES.join(', ')}`, collectStrategy)
    .addOption(new Option('--others <strategy>', 'of all other lines').choices(STRATEGIES).default('redistribute'))
    .addOption(
      new Option('--by <order>', 'who is first inside a strategy').choices(RECONFIRM_ORDERS).default('priority'),
    )
    .option('--margin <name=amount>', 'what is lost with a unit of a program, channel or order', collectMoney('margin'))
    .option(
      '--chargeback <name=amount>',
      'what its partner charges for a unit that is missing',
      collectMoney('chargeback'),
    )
    .option('--simulate', 'write nothing: only tell who would gain and who would lose')
    .action(kit.act(reconfirm));
  kit.examples(command, [
    'allot reconfirm MUG-RED --simulate',
    'allot reconfirm MUG-RED --strategy wholesale=win --strategy dtc=fill --yes',
    'allot reconfirm --deficits --by valueAtRisk --margin dtc=18 --margin wholesale=9 --chargeback edi:target=25',
  ]);
}
