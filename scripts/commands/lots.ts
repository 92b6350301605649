/** `allot lots [SKU]`, `show`, `recall`, `set`: where lots lie, who may still have them, who has them, who was shipped them. */
import type { Command } from 'commander';
import type { CommandBody } from '#core/command.ts';
import { daysLeft } from '#core/lot-inputs.ts';
import type { Instant, LocationId, Policy, StockMaster } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import {
  findLots,
  type LotFilter,
  type LotHead,
  type LotHolder,
  type LotMovement,
  type LotShipment,
  listLots,
  readLotHolders,
  readLotMovements,
  readLotShipments,
  readMasters,
} from '#db/lot-reports.ts';
import { readPolicy } from '#db/policy-current.ts';
import { sayDay, type ToldLot, tellLots } from '#workers/lot-words.ts';
import { takeExpiry, takeSpan, wholeFrom } from '../arguments.ts';
import { commandBy, decideNow, exitCodeOf, requirePolicy, sayTrouble, tallyOf } from '../decide-now.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { expiryOf } from '../lot-options.ts';
import { lotTable, number } from '../lot-words.ts';
import { plural, sayPairs } from '../output.ts';
import type { Kit, Run } from '../session.ts';

const ROWS_MAX = 1000;
const MOVEMENTS_MAX = 100;

type ListOptions = { readonly location?: LocationId; readonly expiring?: number; readonly limit: number };

async function list(run: Run, sku: string | undefined, options: ListOptions): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    await requirePolicy(db);
    const now = run.io.now();
    const filter: LotFilter = {
      ...(sku === undefined ? {} : { sku }),
      ...(options.location === undefined ? {} : { location: options.location }),
      ...(options.expiring === undefined ? {} : { expiresBy: now + options.expiring }),
    };
    const policy = await readPolicy(db);
    const rows = tellLots(await listLots(db, filter, options.limit), policy, now);
    run.out.show({ schema: 'allot.lots/1', lots: rows }, () =>
      rows.length === 0 ? 'No lot matches.' : lotTable(run, rows, policy),
    );
    if (rows.length === options.limit) run.next(`only the first ${options.limit}: the same with --limit`);
    const [first] = rows.filter(({ lot }) => lot !== null);
    if (first !== undefined) run.next(`next: allot lots show ${first.lot} --sku ${first.sku}`);
    return EXIT.done;
  });
}

/** The one lot of this code. */
async function requireLot(db: Database, code: string, sku: string | undefined): Promise<LotHead> {
  const found = await findLots(db, code, sku);
  const [lot, another] = found;
  if (lot !== undefined && another === undefined) return lot;
  if (lot === undefined) {
    throw new Failure(`there is no lot ${code}${sku === undefined ? '' : ` of ${sku}`}`, {
      mend: `allot lots${sku === undefined ? '' : ` ${sku}`} shows those there are`,
    });
  }
  throw new Failure(`${found.length} items have a lot ${code}: ${found.map((each) => each.sku).join(', ')}`, {
    mend: `say which with --sku ${lot.sku}`,
    exitCode: EXIT.usage,
  });
}

type OfSku = { readonly sku?: string };

const pairsOf = (run: Run, lot: LotHead): [string, string | number | null][] => [
  ['lot', lot.lot],
  ['item', lot.sku],
  ['received', new Date(lot.receivedAt).toISOString()],
  [
    'expires',
    lot.expiresAt === null ? 'never' : `${sayDay(lot.expiresAt)} (${daysLeft(lot.expiresAt, run.io.now())} days)`,
  ],
];

const holderTable = (run: Run, holders: readonly LotHolder[]): string =>
  run.out.table(
    [{ title: 'WHO' }, { title: 'PROGRAM' }, { title: 'PLACE' }, number('UNITS')],
    holders.map(({ orderId, lineRef, hold, program, location, units }) => [
      orderId === null ? `hold ${hold}` : `${orderId} line ${lineRef}`,
      program,
      location,
      units,
    ]),
  );

const movementTable = (run: Run, movements: readonly LotMovement[]): string =>
  run.out.table(
    [{ title: 'WHEN' }, { title: 'WHAT' }, number('UNITS'), { title: 'WHERE' }, { title: 'CAUSE' }],
    movements.map(({ at, kind, delta, location, disposition, actor, orderId }) => [
      new Date(at).toISOString(),
      kind,
      delta,
      `${disposition} at ${location}`,
      orderId === null ? `by ${actor}` : `${orderId} by ${actor}`,
    ]),
  );

async function show(run: Run, code: string, { sku }: OfSku): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    await requirePolicy(db);
    const lot = await requireLot(db, code, sku);
    const policy = await readPolicy(db);
    const [rows, holders, movements] = await Promise.all([
      listLots(db, lot, ROWS_MAX),
      readLotHolders(db, lot),
      readLotMovements(db, lot, MOVEMENTS_MAX),
    ]);
    const told = tellLots(rows, policy, run.io.now());
    run.out.show({ schema: 'allot.lot/1', ...lot, places: told, holders, movements }, () =>
      [
        sayPairs(pairsOf(run, lot)),
        told.length === 0 ? 'Nothing of it is there.' : lotTable(run, told, policy),
        holders.length === 0 ? 'Nobody has units of it.' : holderTable(run, holders),
        movementTable(run, movements),
      ].join('\n\n'),
    );
    run.next(`next: allot lots recall ${code} --sku ${lot.sku}`);
    return EXIT.done;
  });
}

const shipmentTable = (run: Run, shipments: readonly LotShipment[]): string =>
  run.out.table(
    [{ title: 'ORDER' }, { title: 'REF' }, { title: 'FROM' }, number('UNITS'), { title: 'LAST' }],
    shipments.map(({ orderId, displayRef, location, units, lastAt }) => [
      orderId,
      displayRef,
      location,
      units,
      new Date(lastAt).toISOString(),
    ]),
  );

type Recall = {
  readonly lot: LotHead;
  readonly places: readonly ToldLot[];
  readonly holders: readonly LotHolder[];
  readonly shipments: readonly LotShipment[];
};

function sayRecall(run: Run, { lot, places, holders, shipments }: Recall, policy: Policy): string {
  const there = places.reduce((sum, { onHand }) => sum + onHand, 0);
  const shipped = shipments.reduce((sum, { units }) => sum + units, 0);
  const held = holders.reduce((sum, { units }) => sum + units, 0);
  const head = `Lot ${lot.lot} of ${lot.sku}: ${there} there, ${held} of them promised, ${shipped} shipped in ${plural(shipments.length, 'order')}.`;
  return [
    head,
    ...(places.length === 0 ? [] : [`Where it is\n${lotTable(run, places, policy)}`]),
    ...(holders.length === 0 ? [] : [`Who is promised units of it\n${holderTable(run, holders)}`]),
    ...(shipments.length === 0 ? [] : [`Who was shipped units of it\n${shipmentTable(run, shipments)}`]),
  ].join('\n\n');
}

/** What can be sold, or can come to be, is moved; what lies where another keeps the stock is for that one to move. */
function quarantineOf(
  { lot, places }: Recall,
  masters: ReadonlyMap<LocationId, StockMaster>,
  reason: string,
): { readonly bodies: readonly CommandBody[]; readonly others: readonly ToldLot[] } {
  const open = places.filter(
    ({ disposition, onHand }) => (disposition === 'sellable' || disposition === 'rework') && onHand > 0,
  );
  const isOurs = ({ location }: ToldLot): boolean => masters.get(location) === 'allot';
  const bodies = open.filter(isOurs).map(
    ({ location, disposition, onHand }): CommandBody => ({
      kind: 'inspect',
      sku: lot.sku,
      location,
      from: disposition,
      to: 'quarantine',
      quantity: onHand,
      lot: lot.lot,
      reason,
    }),
  );
  return { bodies, others: open.filter((row) => !isOurs(row)) };
}

type RecallOptions = OfSku & { readonly quarantine?: boolean; readonly reason?: string };

async function readRecall(
  run: Run,
  db: Database,
  code: string,
  sku: string | undefined,
): Promise<{ recall: Recall; policy: Policy }> {
  const lot = await requireLot(db, code, sku);
  const policy = await readPolicy(db);
  const [rows, holders, shipments] = await Promise.all([
    listLots(db, lot, ROWS_MAX),
    readLotHolders(db, lot),
    readLotShipments(db, lot),
  ]);
  return { recall: { lot, places: tellLots(rows, policy, run.io.now()), holders, shipments }, policy };
}

async function recall(run: Run, code: string, { sku, quarantine, reason = '' }: RecallOptions): Promise<ExitCode> {
  if (quarantine === true && reason.trim() === '') {
    throw new Failure('a recall that moves goods needs its reason', {
      mend: `allot lots recall ${code} --quarantine --reason "what is wrong with it"`,
      exitCode: EXIT.usage,
    });
  }
  return run.withDatabase(async (db) => {
    await requirePolicy(db);
    const before = await readRecall(run, db, code, sku);
    const { bodies, others } = quarantineOf(before.recall, await readMasters(db), reason);
    const units = bodies.reduce((sum, body) => sum + (body.kind === 'inspect' ? body.quantity : 0), 0);
    const isMoved =
      quarantine === true &&
      bodies.length > 0 &&
      (await run.confirm(`Move ${plural(units, 'unit')} of lot ${code} to quarantine?`));
    const outcomes = isMoved
      ? await decideNow(
          run,
          db,
          bodies.map((body) => commandBy(run, body)),
        )
      : [];
    const { recall: told, policy } = isMoved ? await readRecall(run, db, code, sku) : before;
    const { lot, ...rest } = told;
    run.out.show(
      {
        schema: 'allot.lot-recall/1',
        ok: exitCodeOf(tallyOf(outcomes)) === EXIT.done,
        ...lot,
        ...rest,
        commands: outcomes,
      },
      () => sayRecall(run, told, policy),
    );
    for (const line of sayTrouble(outcomes)) run.io.note(`${line}\n`);
    if (isMoved) run.next(`moved ${tallyOf(outcomes).applied} of ${bodies.length} rows to quarantine`);
    for (const { location, onHand } of others)
      run.next(`${onHand} lie at ${location}, whose stock another keeps: have them taken out there`);
    if (!isMoved && bodies.length > 0)
      run.next(`next: allot lots recall ${code} --sku ${lot.sku} --quarantine --reason TEXT`);
    else if (told.holders.length > 0) run.next(`next: allot reconfirm ${lot.sku}`);
    return exitCodeOf(tallyOf(outcomes));
  });
}

async function set(
  run: Run,
  code: string,
  options: OfSku & { expires: Instant | 'never'; reason: string },
): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const { sku, lot } = await requireLot(db, code, options.sku);
    const body = { kind: 'set-lot' as const, sku, lot, expiresAt: expiryOf(options.expires), reason: options.reason };
    const outcomes = await decideNow(run, db, [commandBy(run, body)]);
    const exitCode = exitCodeOf(tallyOf(outcomes));
    const [after] = await findLots(db, lot, sku);
    const words = tallyOf(outcomes).unchanged > 0 ? 'Nothing to change' : 'Corrected';
    run.out.show(
      { schema: 'allot.outcome/1', ok: exitCode === EXIT.done, commands: outcomes, lot: after ?? null },
      () =>
        exitCode === EXIT.done ? `${words}: lot ${lot} of ${sku} expires ${sayDay(after?.expiresAt ?? null)}.` : '',
    );
    for (const line of sayTrouble(outcomes)) run.io.note(`${line}\n`);
    return exitCode;
  });
}

export function addLotCommands(program: Command, kit: Kit): void {
  const group = program.command('lots').description('lots: where they lie, who may have them, who has them, recalls');
  const listing = group
    .command('list', { isDefault: true })
    .description('lots of which anything is there, what expires first first; also: allot lots [SKU]')
    .argument('[sku]')
    .option('--location <id>', 'at this place')
    .option('--expiring <time>', 'that expire within this time: 30d', takeSpan)
    .option('--limit <rows>', 'at most so many', wholeFrom(1), 200)
    .action(kit.act(list));
  kit.examples(listing, ['allot lots', 'allot lots OAT-500', 'allot lots list --expiring 30d --json']);
  const showing = group
    .command('show')
    .description('one lot: its places, who has units of it, all its movements')
    .argument('<lot>')
    .option('--sku <sku>', 'where several items have a lot of this code')
    .action(kit.act(show));
  kit.examples(showing, ['allot lots show L7', 'allot lots show L7 --sku OAT-500']);
  const recalling = group
    .command('recall')
    .description('where a lot is, which open orders have it, which were shipped it; and takes it from sale')
    .argument('<lot>')
    .option('--sku <sku>', 'where several items have a lot of this code')
    .option('--quarantine', 'moves what of it could be sold to quarantine')
    .option('--reason <text>', 'why')
    .action(kit.act(recall));
  kit.examples(recalling, ['allot lots recall L7', 'allot lots recall L7 --quarantine --reason "glass found"']);
  const setting = group
    .command('set')
    .description('correct when a lot expires')
    .argument('<lot>')
    .option('--sku <sku>', 'where several items have a lot of this code')
    .requiredOption('--expires <day>', 'from this day on nobody is promised any of it; or never', takeExpiry)
    .requiredOption('--reason <text>', 'why')
    .action(kit.act(set));
  kit.examples(setting, ['allot lots set L7 --expires 2027-03-31 --reason "misread label"']);
}
