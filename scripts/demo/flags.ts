/** What the demo is asked for on its command line. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { wholeFrom } from '../arguments.ts';
import { CHANNELS } from './brand.ts';

export type Flags = {
  readonly orders: string | null;
  readonly limit: number | null;
  readonly wholesaleUnits: number;
  readonly pace: number | null;
  readonly seed: number;
  readonly crash: number;
  readonly flushRedis: number;
  readonly chaos: string | null;
  readonly json: boolean;
  readonly once: boolean;
  readonly home: string;
};

const EXAMPLES = `
Examples:
  npm run demo                                   made-up orders, a live table, stays up until Ctrl-C
  npm run demo -- --once --json                  ends by itself; the report is the last line on stdout
  npm run demo -- --once --orders orders.csv.gz  real orders (InvoiceNo, StockCode, Quantity, InvoiceDate, ...)
  npm run demo -- --once --crash 5               kill -9 the daemon five times on the way
  npm run demo -- --once --chaos all             lose, repeat and delay webhooks and files, refuse and break calls

Afterwards:
  npx allot --home .allot/demo status
  npx allot --home .allot/demo explain SKU --channel shopify:main
While it stays up:
  npx allot --home .allot/demo reconcile --dry-run`;

function takeRate(text: string): number {
  const rate = Number(text);
  if (Number.isFinite(rate) && rate > 0) return rate;
  throw new InvalidArgumentError(`"${text}" is no pace: write orders per second above 0, for example 50.`);
}

export function buildCommand(): Command {
  const channels = CHANNELS.map(({ id }) => id);
  return new Command('npm run demo --')
    .description(
      'Plays real or made-up orders through a Shopify shop, an Amazon account and two retailers by EDI, and proves that every number is right.',
    )
    .option('--orders <file>', 'orders to play, csv or csv.gz; without it the demo makes them up')
    .option('--limit <n>', 'the first N invoices alone', wholeFrom(1))
    .option('--wholesale-units <n>', 'invoices from so many units on are wholesale', wholeFrom(1), 500)
    .option(
      '--pace <n>',
      'orders per second, however far behind allot is; default: as fast as allot keeps up',
      takeRate,
    )
    .option('--seed <n>', 'for all that is left to chance', wholeFrom(0), 1)
    .option('--crash <n>', 'kill -9 the daemon at so many moments', wholeFrom(0), 0)
    .option('--flush-redis <n>', 'FLUSHALL the Redis of REDIS_URL at so many moments', wholeFrom(0), 0)
    .addOption(new Option('--chaos <channel>', 'faults on one channel, or on all').choices([...channels, 'all']))
    .option('--json', 'print the report as the last line on stdout', false)
    .option('--once', 'end after the report', false)
    .option('--home <dir>', 'where its database stays until the next demo', '.allot/demo')
    .addHelpText('after', EXAMPLES);
}

export function readFlags(command: Command): Flags {
  const given = command.opts<
    Partial<Flags> & Pick<Flags, 'wholesaleUnits' | 'seed' | 'crash' | 'flushRedis' | 'json' | 'once' | 'home'>
  >();
  return {
    ...given,
    orders: given.orders ?? null,
    limit: given.limit ?? null,
    pace: given.pace ?? null,
    chaos: given.chaos ?? null,
  };
}
