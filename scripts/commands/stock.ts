/** Stock by hand: receive, adjust, count, transfer, inspect, return, ship. Each is one command of the core, decided at once. */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { CommandBody } from '#core/command.ts';
import { DISPOSITIONS, type Disposition, type Instant } from '#core/model.ts';
import { readSkuTable } from '#db/status.ts';
import { takeDelta, takeInstant, wholeFrom } from '../arguments.ts';
import { commandBy, decideNow, exitCodeOf, sayTrouble, tallyOf } from '../decide-now.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
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
    if (tally.parked > 0)
      run.next('next: mend it, then give the command again (allot parked drop ID --reason R forgets the first)');
    return exitCode;
  });
}

const disposition = (flags: string, description: string): Option =>
  new Option(flags, description).choices(DISPOSITIONS);

type Place = { readonly location: string };

type Received = [sku: string, asked: number, unit: string | undefined, options: Place & ReceiveOptions];
type ReceiveOptions = { readonly disposition: Disposition; readonly supply?: string };

const named = (supply: string | undefined) => (supply === undefined ? {} : { supply });

function addReceive(program: Command, kit: Kit): void {
  const receive = program
    .command('receive')
    .description('goods came in')
    .argument('<sku>')
    .argument('<units>', 'whole units', wholeFrom(1))
    .argument('[unit]', 'what they are: case, inner; each when missing')
    .requiredOption('--location <id>', 'where they came in')
    .addOption(disposition('--disposition <state>', 'their state').default('sellable'))
    .option('--supply <ref>', 'the purchase order or transfer that came: so many fewer are expected of it')
    .action(
      kit.act(async (run, ...[sku, asked, unit, options]: Received) => {
        const quantity = await baseUnitsOf(run, { sku, quantity: asked, unit: unit ?? null });
        return perform(run, {
          body: { kind: 'receive', sku, quantity, ...pick(options), ...named(options.supply) },
          done: `Received ${sayAmount(quantity, asked, unit)} ${sku} at ${options.location}`,
          sku,
        });
      }),
    );
  kit.examples(receive, [
    'allot receive MUG-RED 24 --location main',
    'allot receive MUG-RED 600 --location main --supply PO-1801',
    'allot receive MUG-RED 3 case --location main',
    'allot receive MUG-RED 3 --location main --disposition damaged',
  ]);
}

const pick = ({ location, disposition: state }: Place & { disposition: Disposition }) => ({
  location,
  disposition: state,
});

function addAdjust(program: Command, kit: Kit): void {
  const adjust = program
    .command('adjust')
    .description('correct what is on hand by some units, with the reason')
    .argument('<sku>')
    .argument('<delta>', 'units to add, or to take away: -3', takeDelta)
    .argument('[unit]', 'what they are: case, inner; each when missing')
    .requiredOption('--location <id>', 'where')
    .requiredOption('--reason <text>', 'why: found, broken, stolen')
    .addOption(disposition('--disposition <state>', 'their state').default('sellable'))
    .action(
      kit.act(
        async (
          run,
          ...given: [string, number, string | undefined, Place & { disposition: Disposition; reason: string }]
        ) => {
          const [sku, asked, unit, options] = given;
          const delta = await baseUnitsOf(run, { sku, quantity: asked, unit: unit ?? null });
          return perform(run, {
            body: { kind: 'adjust', sku, delta, reason: options.reason, ...pick(options) },
            done: `Adjusted ${sku} at ${options.location} by ${sayAmount(delta, asked, unit)}`,
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
  const count = program
    .command('count')
    .description('what was counted, and when: later movements stand')
    .argument('<sku>')
    .argument('<units>', 'whole units', wholeFrom(0))
    .requiredOption('--location <id>', 'where')
    .requiredOption('--as-of <time>', 'moment of counting, with its zone; or now', takeInstant)
    .addOption(disposition('--disposition <state>', 'their state').default('sellable'))
    .action(
      kit.act(
        async (
          run,
          sku: string,
          quantity: number,
          options: Place & { disposition: Disposition; asOf: Instant | 'now' },
        ) => {
          const asOf = options.asOf === 'now' ? run.io.now() : options.asOf;
          const body = { kind: 'count' as const, sku, quantity, asOf, ...pick(options) };
          return perform(run, {
            body,
            occurredAt: asOf,
            done: `Counted ${quantity} ${sku} at ${options.location} as of ${new Date(asOf).toISOString()}`,
            sku,
          });
        },
      ),
    );
  kit.examples(count, [
    'allot count MUG-RED 40 --location main --as-of 2026-11-23T08:30:00+01:00',
    'allot count MUG-RED 40 --location main --as-of now',
  ]);
}

function addMoves(program: Command, kit: Kit): void {
  const transfer = program
    .command('transfer')
    .description('move sellable goods between places')
    .argument('<sku>')
    .argument('<units>', 'whole units', wholeFrom(1))
    .requiredOption('--from <location>', 'where they lie')
    .requiredOption('--to <location>', 'where they go')
    .action(
      kit.act(async (run, sku: string, quantity: number, { from, to }: { from: string; to: string }) =>
        perform(run, {
          body: { kind: 'transfer', sku, quantity, from, to },
          done: `Moved ${quantity} ${sku} from ${from} to ${to}`,
          sku,
        }),
      ),
    );
  kit.examples(transfer, ['allot transfer MUG-RED 12 --from main --to outlet']);
  const inspect = program
    .command('inspect')
    .description('change the state of goods at a place: a return that is fine, damage found')
    .argument('<sku>')
    .argument('<units>', 'whole units', wholeFrom(1))
    .requiredOption('--location <id>', 'where')
    .addOption(disposition('--from <state>', 'their state before').makeOptionMandatory())
    .addOption(disposition('--to <state>', 'their state after').makeOptionMandatory())
    .action(
      kit.act(
        async (
          run,
          sku: string,
          quantity: number,
          { location, from, to }: Place & { from: Disposition; to: Disposition },
        ) => {
          if (from === to)
            throw new Failure(`the goods are ${from} already`, {
              mend: 'give two different states',
              exitCode: EXIT.usage,
            });
          return perform(run, {
            body: { kind: 'inspect', sku, quantity, location, from, to },
            done: `${quantity} ${sku} at ${location} are ${to} now`,
            sku,
          });
        },
      ),
    );
  kit.examples(inspect, ['allot inspect MUG-RED 2 --location main --from quarantine --to sellable']);
  const returned = program
    .command('return')
    .description('goods came back from a buyer; they wait in quarantine for inspection')
    .argument('<sku>')
    .argument('<units>', 'whole units', wholeFrom(1))
    .requiredOption('--location <id>', 'where they came back to')
    .action(
      kit.act(async (run, sku: string, quantity: number, { location }: Place) =>
        perform(run, {
          body: { kind: 'return', sku, quantity, location },
          done: `${quantity} ${sku} are in quarantine at ${location}`,
          sku,
        }),
      ),
    );
  kit.examples(returned, ['allot return MUG-RED 1 --location main']);
}

function addShip(program: Command, kit: Kit): void {
  const ship = program
    .command('ship')
    .description('goods of an order left; without --line, all that is allocated')
    .argument('<order>', 'as channel/order')
    .option('--line <id>', 'one line of it')
    .option('--quantity <units>', 'units of that line', wholeFrom(1))
    .action(
      kit.act(async (run, orderId: string, { line, quantity }: { line?: string; quantity?: number }) => {
        if ((line === undefined) !== (quantity === undefined)) {
          throw new Failure('--line and --quantity belong together', {
            mend: `allot ship ${orderId} --line ID --quantity N`,
            exitCode: EXIT.usage,
          });
        }
        const lines = line === undefined || quantity === undefined ? null : [{ lineRef: line, quantity }];
        return perform(run, { body: { kind: 'ship', orderId, lines }, done: `Shipped ${orderId}`, sku: null });
      }),
    );
  kit.examples(ship, ['allot ship shopify:main/1001', 'allot ship shopify:main/1001 --line 1 --quantity 2']);
}

export function addStockCommands(program: Command, kit: Kit): void {
  addReceive(program, kit);
  addAdjust(program, kit);
  addCount(program, kit);
  addMoves(program, kit);
  addShip(program, kit);
}
