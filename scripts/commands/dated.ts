/** `allot supply` and `allot demand`: what is expected to come and to be wanted, by date. Each change is a command of the core, decided at once. */
import { type Command, Option } from 'commander';
import type { CommandBody } from '#core/command.ts';
import { DISPOSITIONS, type Disposition, type Instant, SUPPLY_KINDS, type SupplyKind } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { type DatedChoice, type DemandListed, listDemand, listSupply, type SupplyListed } from '#db/dated.ts';
import { takeDue, wholeFrom } from '../arguments.ts';
import { commandBy, decideNow, exitCodeOf, sayTrouble, tallyOf } from '../decide-now.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural } from '../output.ts';
import type { Kit, Run } from '../session.ts';

type What = 'supply' | 'demand';

const rowsOf = (db: Database, what: What, choice: DatedChoice, now: Instant) =>
  what === 'supply' ? listSupply(db, choice, now) : listDemand(db, choice, now);

/** Decides the commands, and shows what is expected under the ref then. */
async function perform(
  run: Run,
  db: Database,
  asked: { readonly what: What; readonly ref: string; readonly bodies: readonly CommandBody[]; readonly done: string },
): Promise<ExitCode> {
  const { what, ref, bodies, done } = asked;
  const outcomes = await decideNow(
    run,
    db,
    bodies.map((body) => commandBy(run, body)),
  );
  const tally = tallyOf(outcomes);
  const exitCode = exitCodeOf(tally);
  const rows = await rowsOf(db, what, { ref, all: true }, run.io.now());
  const says = tally.unchanged === outcomes.length ? 'Nothing to change.' : `${done}.`;
  run.out.show({ schema: 'allot.dated/1', ok: exitCode === EXIT.done, commands: outcomes, [what]: rows }, () =>
    exitCode === EXIT.done ? says : '',
  );
  for (const line of sayTrouble(outcomes)) run.io.note(`${line}\n`);
  return exitCode;
}

const dayOf = (at: Instant): string => new Date(at).toISOString().slice(0, 10);

/** The open rows of a ref; the Failure says what there is instead. */
async function openRows<Row extends { readonly ref: string; readonly sku: string }>(
  rows: (choice: DatedChoice) => Promise<Row[]>,
  { what, ref, sku }: { readonly what: What; readonly ref: string; readonly sku: string | undefined },
): Promise<Row[]> {
  const found = await rows({ ref, ...(sku === undefined ? {} : { sku }) });
  if (found.length > 0) return found;
  throw new Failure(`no ${what} ${ref}${sku === undefined ? '' : ` of ${sku}`} is expected`, {
    why: 'it was never told, it came in whole, or it was cancelled already',
    mend: `allot ${what} list --all shows every one`,
  });
}

/** Ref, SKU and units, as all of these commands take them. */
type Goods<Options> = [ref: string, sku: string, quantity: number, options: Options];

type DemandOptions = { readonly program: string; readonly due: Instant };
type ExpectOptions = { readonly location: string; readonly due: Instant; readonly kind: SupplyKind };

function addSupplyChanges(group: Command, kit: Kit): void {
  const expect = group
    .command('expect')
    .description('goods are expected; said again under the same ref and SKU, the new word stands')
    .argument('<ref>', 'number of the purchase order, transfer or production order')
    .argument('<sku>')
    .argument('<units>', 'in all, with what was received of it already', wholeFrom(1))
    .requiredOption('--location <id>', 'where they will come in')
    .requiredOption('--due <date>', 'day (all of it, UTC), or moment with its zone', takeDue)
    .addOption(new Option('--kind <kind>', 'where they come from').choices(SUPPLY_KINDS).default('purchaseOrder'))
    .action(
      kit.act(async (run, ...[ref, sku, quantity, options]: Goods<ExpectOptions>) => {
        const { location, due: dueAt, kind } = options;
        const row = { sku, ref, location, supplyKind: kind, quantity, dueAt };
        const body: CommandBody = { kind: 'expect-supply', ...row, state: 'open' };
        const done = `Expected ${quantity} ${sku} of ${ref} at ${location}, due ${dayOf(dueAt)}`;
        return run.withDatabase((db) => perform(run, db, { what: 'supply', ref, bodies: [body], done }));
      }),
    );
  kit.examples(expect, [
    'allot supply expect PO-1801 MUG-RED 1800 --location main --due 2026-12-10',
    'allot supply expect PO-1801 MUG-RED 1800 --location main --due 2026-12-17T08:00:00+01:00',
    'allot supply expect TR-7 MUG-RED 40 --location main --due 2026-12-02 --kind transfer',
  ]);
  const cancel = group
    .command('cancel')
    .description('goods will not come, or no more of them')
    .argument('<ref>')
    .argument('[sku]', 'one item of it; without it, all')
    .action(
      kit.act(async (run, ref: string, sku: string | undefined) =>
        run.withDatabase(async (db) => {
          const open = (choice: DatedChoice) => listSupply(db, choice, run.io.now());
          const rows = await openRows(open, { what: 'supply', ref, sku });
          const bodies = rows.map((row): CommandBody => ({ ...expectedAgain(row), state: 'cancelled' }));
          const done = `Cancelled ${ref}: ${plural(rows.length, 'item')}, ${rows.reduce((sum, row) => sum + row.left, 0)} units`;
          return perform(run, db, { what: 'supply', ref, bodies, done });
        }),
      ),
    );
  kit.examples(cancel, ['allot supply cancel PO-1801', 'allot supply cancel PO-1801 MUG-RED']);
}

const expectedAgain = ({ ref, sku, location, kind: supplyKind, quantity, dueAt }: SupplyListed) =>
  ({ kind: 'expect-supply', sku, ref, location, supplyKind, quantity, dueAt }) as const;

type ReceiveOptions = { readonly location?: string; readonly disposition: Disposition };

/** More may come than was ordered; it may as well be the same receipt told twice. */
function noteTooMany(run: Run, { ref, sku, location, quantity, received }: SupplyListed, came: number): void {
  const over = Math.min(came, received + came - quantity);
  if (over <= 0) return;
  run.io.note(
    `${over} of these are more than was expected of ${ref}: ${quantity} expected, ${received + came} received.\n  mend: if they were told twice: allot adjust ${sku} -${over} --location ${location} --reason "received twice"\n`,
  );
}

function addSupplyReceive(group: Command, kit: Kit): void {
  const receive = group
    .command('receive')
    .description('goods of a supply came in: on hand by so many, and so many fewer expected')
    .argument('<ref>')
    .argument('<sku>')
    .argument('<units>', 'whole units', wholeFrom(1))
    .option('--location <id>', 'where they came in, if not where they were expected')
    .addOption(new Option('--disposition <state>', 'their state').choices(DISPOSITIONS).default('sellable'))
    .action(
      kit.act(async (run, ...[ref, sku, quantity, { location, disposition }]: Goods<ReceiveOptions>) =>
        run.withDatabase(async (db) => {
          const known = (choice: DatedChoice) => listSupply(db, { ...choice, all: true }, run.io.now());
          const [row] = await openRows(known, { what: 'supply', ref, sku });
          const at = location ?? row?.location ?? '';
          const body: CommandBody = { kind: 'receive', sku, location: at, quantity, disposition, supply: ref };
          const done = `Received ${quantity} ${sku} of ${ref} at ${at}`;
          const exitCode = await perform(run, db, { what: 'supply', ref, bodies: [body], done });
          if (exitCode === EXIT.done && row !== undefined) noteTooMany(run, { ...row, location: at }, quantity);
          return exitCode;
        }),
      ),
    );
  kit.examples(receive, ['allot supply receive PO-1801 MUG-RED 600']);
}

function addDemandChanges(group: Command, kit: Kit): void {
  const expect = group
    .command('expect')
    .description(
      'units will be wanted that no order asks for yet: a blanket order, a forecast. Lower it as orders come',
    )
    .argument('<ref>', 'number of the blanket order, or name of the forecast')
    .argument('<sku>')
    .argument('<units>', 'whole units', wholeFrom(1))
    .requiredOption('--program <id>', 'whose demand it is')
    .requiredOption('--due <date>', 'day (all of it, UTC), or moment with its zone', takeDue)
    .action(
      kit.act(async (run, ...[ref, sku, quantity, options]: Goods<DemandOptions>) => {
        const { program, due: dueAt } = options;
        const body: CommandBody = { kind: 'expect-demand', sku, ref, program, quantity, dueAt, state: 'open' };
        const done = `Expected demand of ${program} for ${quantity} ${sku} (${ref}), due ${dayOf(dueAt)}`;
        return run.withDatabase((db) => perform(run, db, { what: 'demand', ref, bodies: [body], done }));
      }),
    );
  kit.examples(expect, ['allot demand expect BLANKET-9 MUG-RED 400 --program wholesale --due 2027-01-15']);
  const cancel = group
    .command('cancel')
    .description('units are not wanted any more, or orders ask for all of them')
    .argument('<ref>')
    .argument('[sku]', 'one item of it; without it, all')
    .action(
      kit.act(async (run, ref: string, sku: string | undefined) =>
        run.withDatabase(async (db) => {
          const open = (choice: DatedChoice) => listDemand(db, choice, run.io.now());
          const rows = await openRows(open, { what: 'demand', ref, sku });
          const bodies = rows.map(({ sku: item, program, quantity, dueAt }): CommandBody => {
            return { kind: 'expect-demand', sku: item, ref, program, quantity, dueAt, state: 'cancelled' };
          });
          const done = `Cancelled ${ref}: ${plural(rows.length, 'item')}`;
          return perform(run, db, { what: 'demand', ref, bodies, done });
        }),
      ),
    );
  kit.examples(cancel, ['allot demand cancel BLANKET-9']);
}

type ListOptions = { readonly sku?: string; readonly ref?: string; readonly late?: boolean; readonly all?: boolean };

const choiceOf = ({ sku, ref, all }: ListOptions): DatedChoice => ({
  ...(sku === undefined ? {} : { sku }),
  ...(ref === undefined ? {} : { ref }),
  ...(all === undefined ? {} : { all }),
});

const sayState = ({ state, left, isLate }: SupplyListed): string => {
  if (state === 'cancelled') return 'cancelled';
  if (left === 0) return 'received';
  return isLate ? 'late' : 'expected';
};

function addSupplyList(group: Command, kit: Kit): void {
  const list = group
    .command('list')
    .description('what is expected, by date')
    .option('--sku <sku>', 'of this item')
    .option('--ref <ref>', 'under this number')
    .option('--late', 'only what was due and has not come')
    .option('--all', 'also what was received or cancelled')
    .action(
      kit.act(async (run, options: ListOptions) =>
        run.withDatabase(async (db) => {
          const onlyLate = options.late === true;
          const supply = await listSupply(db, { ...choiceOf(options), onlyLate }, run.io.now());
          run.out.show({ schema: 'allot.supply/1', supply }, () => sayTable(run, supply));
          return EXIT.done;
        }),
      ),
    );
  kit.examples(list, ['allot supply list', 'allot supply list --late', 'allot supply list --sku MUG-RED --all']);
}

const sayTable = (run: Run, supply: readonly SupplyListed[]): string =>
  supply.length === 0
    ? 'Nothing is expected.'
    : run.out.table(
        [
          { title: 'DUE' },
          { title: 'REF' },
          { title: 'SKU' },
          { title: 'AT' },
          { title: 'KIND' },
          { title: 'UNITS', isNumber: true },
          { title: 'RECEIVED', isNumber: true },
          { title: 'LEFT', isNumber: true },
          { title: 'STATE' },
        ],
        supply.map((row) => [
          dayOf(row.dueAt),
          row.ref,
          row.sku,
          row.location,
          row.kind,
          row.quantity,
          row.received,
          row.left,
          sayState(row),
        ]),
      );

const sayDemandState = ({ state, isOverdue }: DemandListed): string => {
  if (state === 'cancelled') return 'cancelled';
  return isOverdue ? 'overdue: counts as wanted now' : 'expected';
};

function addDemandList(group: Command, kit: Kit): void {
  const list = group
    .command('list')
    .description('what will be wanted, by date')
    .option('--sku <sku>', 'of this item')
    .option('--ref <ref>', 'under this number')
    .option('--all', 'also what was cancelled')
    .action(
      kit.act(async (run, options: ListOptions) =>
        run.withDatabase(async (db) => {
          const demand = await listDemand(db, choiceOf(options), run.io.now());
          run.out.show({ schema: 'allot.demand/1', demand }, () =>
            demand.length === 0
              ? 'No demand is expected.'
              : run.out.table(
                  [
                    { title: 'DUE' },
                    { title: 'REF' },
                    { title: 'SKU' },
                    { title: 'PROGRAM' },
                    { title: 'UNITS', isNumber: true },
                    { title: 'STATE' },
                  ],
                  demand.map((row) => [
                    dayOf(row.dueAt),
                    row.ref,
                    row.sku,
                    row.program,
                    row.quantity,
                    sayDemandState(row),
                  ]),
                ),
          );
          return EXIT.done;
        }),
      ),
    );
  kit.examples(list, ['allot demand list', 'allot demand list --sku MUG-RED']);
}

export function addDatedCommands(program: Command, kit: Kit): void {
  const supply = program
    .command('supply')
    .description('goods that are expected: purchase orders, transfers, production');
  addSupplyChanges(supply, kit);
  addSupplyReceive(supply, kit);
  addSupplyList(supply, kit);
  const demand = program.command('demand').description('units that will be wanted: blanket orders, forecasts');
  addDemandChanges(demand, kit);
  addDemandList(demand, kit);
}
