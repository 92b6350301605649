/** Stock by hand: receive, adjust, count, transfer, inspect, return, ship. Each is one command of the core, decided at once. */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { CommandBody } from '#core/command.ts';
import { DISPOSITIONS, type Disposition, type Instant } from '#core/model.ts';
import { readSkuTable } from '#db/status.ts';
import { takeDelta, takeInstant, wholeFrom } from '../arguments.ts';
import { commandBy, decideNow, exitCodeOf, sayTrouble, tallyOf } from '../decide-now.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { type LotOptions, lotOf, noteLotless, sayLot, withComingLot, withLot } from '../lot-options.ts';
import type { Kit, Run } from '../session.ts';
import { baseUnitsOf, sayAmount } from '../units.ts';

type Asked = {
  readonly body: CommandBody;
  readonly occurredAt?: Instant;
  readonly done: string;
  readonly sku: string | null;
};

/** Decides one command and shows what it made of its item. */
async function perform(run: Run, asked: Asked): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const command = commandBy(run, asked.body, asked.occurredAt === undefined ? {} : { occurredAt: asked.occurredAt });
    const outcomes = await decideNow(run, db, [command]);
    const tally = tallyOf(outcomes);
    const exitCode = exitCodeOf(tally);
    const [item] = asked.sku === null ? [] : await readSkuTable(db, { skus: [asked.sku] });
    const says = tally.unchanged > 0 ? 'Nothing to change.' : `${asked.done}.`;
    const stands =
      item === undefined
        ? ''
        : ` ${item.sku}: ${item.onHand} on hand, ${item.allocated} allocated, ${item.atp} to promise.`;
    run.out.show(
      { schema: 'allot.outcome/1', ok: exitCode === EXIT.done, commands: outcomes, item: item ?? null },
      () => (exitCode === EXIT.done ? `${says}${stands}` : ''),
    );
    for (const line of sayTrouble(outcomes)) run.io.note(`${line}\n`);
    if (exitCode === EXIT.done && asked.sku !== null) run.next(`next: allot explain ${asked.sku}`);
    return exitCode;
  });
}

const disposition = (flags: string, description: string): Option =>
  new Option(flags, description).choices(DISPOSITIONS);

type Place = { readonly location: string };

type Received = [sku: string, asked: number, unit: string | undefined, options: Place & ReceiveOptions];
type ReceiveOptions = LotOptions & { readonly disposition: Disposition; readonly supply?: string };

const named = (supply: string | undefined) => (supply === undefined ? {} : { supply });

function addReceive(program: Command, kit: Kit): void {
  const receive = withComingLot(
    program
      .command('receive')
      .description('goods came in')
      .argument('<sku>')
      .argument('<units>', 'whole units', wholeFrom(1))
      .argument('[unit]', 'what they are: case, inner; each when missing')
      .requiredOption('--location <id>', 'where they came in')
      .addOption(disposition('--disposition <state>', 'their state').default('sellable'))
      .option('--supply <ref>', 'the purchase order or transfer that came: so many fewer are expected of it'),
  ).action(
    kit.act(async (run, ...[sku, asked, unit, options]: Received) => {
      const quantity = await baseUnitsOf(run, { sku, quantity: asked, unit: unit ?? null });
      const exitCode = await perform(run, {
        body: { kind: 'receive', sku, quantity, ...pick(options), ...named(options.supply), ...lotOf(options) },
        done: `Received ${sayAmount(quantity, asked, unit)} ${sku}${sayLot(options.lot)} at ${options.location}`,
        sku,
      });
      if (exitCode === EXIT.done) await noteLotless(run, sku, options.lot);
      return exitCode;
    }),
  );
  kit.examples(receive, [
    'allot receive MUG-RED 24 --location main',
    'allot receive MUG-RED 600 --location main --supply PO-1801',
    'allot receive MUG-RED 3 case --location main',
    'allot receive OAT-500 600 --location main --lot L7 --expires 2027-03-31',
    'allot receive MUG-RED 3 --location main --disposition damaged',
  ]);
}

const pick = ({ location, disposition: state }: Place & { disposition: Disposition }) => ({
  location,
  disposition: state,
});

function addAdjust(program: Command, kit: Kit): void {
  const adjust = withComingLot(
    program
      .command('adjust')
      .description('correct what is on hand by some units, with the reason')
      .argument('<sku>')
      .argument('<delta>', 'units to add, or to take away: -3', takeDelta)
      .argument('[unit]', 'what they are: case, inner; each when missing')
      .requiredOption('--location <id>', 'where')
      .requiredOption('--reason <text>', 'why: found, broken, stolen')
      .addOption(disposition('--disposition <state>', 'their state').default('sellable')),
  ).action(
    kit.act(
      async (
        run,
        ...given: [
          string,
          number,
          string | undefined,
          Place & LotOptions & { disposition: Disposition; reason: string },
        ]
      ) => {
        const [sku, asked, unit, options] = given;
        const delta = await baseUnitsOf(run, { sku, quantity: asked, unit: unit ?? null });
        return perform(run, {
          body: { kind: 'adjust', sku, delta, reason: options.reason, ...pick(options), ...lotOf(options) },
          done: `Adjusted ${sku}${sayLot(options.lot)} at ${options.location} by ${sayAmount(delta, asked, unit)}`,
          sku,
        });
      },
    ),
  );
  kit.examples(adjust, [
    'allot adjust MUG-RED -3 --location main --reason broken',
    'allot adjust MUG-RED 2 --location main --reason found',
  ]);
}

function addCount(program: Command, kit: Kit): void {
  const count = withComingLot(
    program
      .command('count')
      .description('what was counted, and when: later movements stand')
      .argument('<sku>')
      .argument('<units>', 'whole units', wholeFrom(0))
      .requiredOption('--location <id>', 'where')
      .requiredOption('--as-of <time>', 'moment of counting, with its zone; or now', takeInstant)
      .addOption(disposition('--disposition <state>', 'their state').default('sellable')),
  ).action(
    kit.act(
      async (
        run,
        sku: string,
        quantity: number,
        options: Place & LotOptions & { disposition: Disposition; asOf: Instant | 'now' },
      ) => {
        const asOf = options.asOf === 'now' ? run.io.now() : options.asOf;
        const body = { kind: 'count' as const, sku, quantity, asOf, ...pick(options), ...lotOf(options) };
        return perform(run, {
          body,
          occurredAt: asOf,
          done: `Counted ${quantity} ${sku}${sayLot(options.lot)} at ${options.location} as of ${new Date(asOf).toISOString()}`,
          sku,
        });
      },
    ),
  );
  kit.examples(count, [
    'allot count MUG-RED 40 --location main --as-of 2026-11-23T08:30:00+01:00',
    'allot count MUG-RED 40 --location main --as-of now',
    'allot count OAT-500 40 --location main --as-of now --lot L7',
  ]);
}

function addMoves(program: Command, kit: Kit): void {
  const transfer = withLot(
    program
      .command('transfer')
      .description('move sellable goods between places')
      .argument('<sku>')
      .argument('<units>', 'whole units', wholeFrom(1))
      .requiredOption('--from <location>', 'where they lie')
      .requiredOption('--to <location>', 'where they go'),
  ).action(
    kit.act(
      async (run, sku: string, quantity: number, { from, to, lot }: LotOptions & { from: string; to: string }) => {
        if (from === to)
          throw new Failure(`the goods are at ${from} already`, {
            mend: 'give two different places',
            exitCode: EXIT.usage,
          });
        return perform(run, {
          body: { kind: 'transfer', sku, quantity, from, to, ...lotOf(lot === undefined ? {} : { lot }) },
          done: `Moved ${quantity} ${sku}${sayLot(lot)} from ${from} to ${to}`,
          sku,
        });
      },
    ),
  );
  kit.examples(transfer, ['allot transfer MUG-RED 12 --from main --to outlet']);
  const inspect = withLot(
    program
      .command('inspect')
      .description('change the state of goods at a place: a return that is fine, damage found')
      .argument('<sku>')
      .argument('<units>', 'whole units', wholeFrom(1))
      .requiredOption('--location <id>', 'where')
      .addOption(disposition('--from <state>', 'their state before').makeOptionMandatory())
      .addOption(disposition('--to <state>', 'their state after').makeOptionMandatory()),
  ).action(
    kit.act(
      async (
        run,
        sku: string,
        quantity: number,
        { location, from, to, ...of }: Place & LotOptions & { from: Disposition; to: Disposition },
      ) => {
        if (from === to)
          throw new Failure(`the goods are ${from} already`, {
            mend: 'give two different states',
            exitCode: EXIT.usage,
          });
        return perform(run, {
          body: { kind: 'inspect', sku, quantity, location, from, to, ...lotOf(of) },
          done: `${quantity} ${sku}${sayLot(of.lot)} at ${location} are ${to} now`,
          sku,
        });
      },
    ),
  );
  kit.examples(inspect, ['allot inspect MUG-RED 2 --location main --from quarantine --to sellable']);
}

function addReturn(program: Command, kit: Kit): void {
  const returned = withComingLot(
    program
      .command('return')
      .description('goods came back from a buyer; they wait in quarantine for inspection')
      .argument('<sku>')
      .argument('<units>', 'whole units', wholeFrom(1))
      .requiredOption('--location <id>', 'where they came back to'),
  ).action(
    kit.act(async (run, sku: string, quantity: number, { location, ...of }: Place & LotOptions) =>
      perform(run, {
        body: { kind: 'return', sku, quantity, location, ...lotOf(of) },
        done: `${quantity} ${sku}${sayLot(of.lot)} are in quarantine at ${location}`,
        sku,
      }),
    ),
  );
  kit.examples(returned, ['allot return MUG-RED 1 --location main']);
}

type ShipOptions = { readonly line?: string; readonly quantity?: number; readonly lot?: string };

function addShip(program: Command, kit: Kit): void {
  const ship = program
    .command('ship')
    .description('goods of an order left; without --line, all that is allocated')
    .argument('<order>', 'as channel/order')
    .option('--line <id>', 'one line of it')
    .option('--quantity <units>', 'units of that line', wholeFrom(1))
    .option('--lot <code>', 'the lot that was picked, whichever was allocated')
    .action(
      kit.act(async (run, orderId: string, { line, quantity, lot }: ShipOptions) => {
        if ((line === undefined) !== (quantity === undefined) || (lot !== undefined && line === undefined)) {
          throw new Failure('--line and --quantity belong together, and --lot with them', {
            mend: `allot ship ${orderId} --line ID --quantity N`,
            exitCode: EXIT.usage,
          });
        }
        const of = lotOf(lot === undefined ? {} : { lot });
        const lines = line === undefined || quantity === undefined ? null : [{ lineRef: line, quantity, ...of }];
        return perform(run, { body: { kind: 'ship', orderId, lines }, done: `Shipped ${orderId}`, sku: null });
      }),
    );
  kit.examples(ship, [
    'allot ship shopify:main/1001',
    'allot ship shopify:main/1001 --line 1 --quantity 2',
    'allot ship shopify:main/1001 --line 1 --quantity 2 --lot L8',
  ]);
}

export function addStockCommands(program: Command, kit: Kit): void {
  addReceive(program, kit);
  addAdjust(program, kit);
  addCount(program, kit);
  addMoves(program, kit);
  addReturn(program, kit);
  addShip(program, kit);
}
