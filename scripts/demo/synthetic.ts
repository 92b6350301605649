/**
 * A plausible order stream made of nothing but a seed: 30 days, 40 SKUs, some 1,200 orders over all channels, with what goes wrong
 * in a warehouse (cancels, returns, breakage). Demand per SKU falls off as in real shops: few sell most.
 */
import { createRandom } from '#connectors/sandbox/faults.ts';
import { CHANNELS, type DemoChannel } from './brand.ts';
import { DAY_MS, type OrderStream, type StreamEvent, type StreamOrder } from './stream.ts';

const DAYS = 30;
const SKUS = 40;
const ORDERS_PER_DAY = 40;
const FIRST_DAY = Date.UTC(2026, 2, 2);
const OPENS_MS = 7 * 3_600_000;
const OPEN_MS = 12 * 3_600_000;
const GOODS = ['MUG', 'TIN', 'BAG', 'LAMP', 'CLOCK', 'FRAME', 'APRON', 'BOWL'];

type Random = () => number;

const upTo = (random: Random, most: number): number => 1 + Math.floor(random() * most);

/** One SKU by its weight 1/(rank + 3). */
function pickSku(random: Random, skus: readonly string[]): string {
  const weights = skus.map((_, rank) => 1 / (rank + 3));
  let left = random() * weights.reduce((a, b) => a + b, 0);
  const index = weights.findIndex((weight) => {
    left -= weight;
    return left <= 0;
  });
  return skus[index === -1 ? skus.length - 1 : index] ?? '';
}

/** By the shares of the table, which are taken as weights. */
function pickChannel(random: Random): DemoChannel {
  let left = random() * CHANNELS.reduce((sum, { madeUp }) => sum + madeUp.share, 0);
  const found = CHANNELS.find(({ madeUp }) => {
    left -= madeUp.share;
    return left <= 0;
  });
  return found ?? (CHANNELS[0] as DemoChannel);
}

function makeOrder(random: Random, at: number, n: number, skus: readonly string[]): StreamOrder {
  const { id: channel, madeUp } = pickChannel(random);
  const units = new Map<string, number>();
  const count = upTo(random, madeUp.lines);
  for (let line = 0; line < count; line += 1) units.set(pickSku(random, skus), upTo(random, madeUp.units));
  return {
    kind: 'order',
    at,
    ref: String(1000 + n),
    channel,
    customer: `buyer-${upTo(random, 200)}`,
    lines: [...units].map(([sku, quantity]) => ({ sku, units: quantity })),
  };
}

/** A cancel some hours later, or goods that come back after days; always within the stream. */
function makeCredit(random: Random, order: StreamOrder, end: number): StreamEvent | null {
  const fate = random();
  const [line] = order.lines;
  if (fate > 0.07 || line === undefined) return null;
  const waitMs = fate < 0.04 ? 2 * 3_600_000 : (3 + upTo(random, 6)) * DAY_MS;
  const at = order.at + waitMs;
  if (at >= end) return null;
  return { kind: 'credit', at, ref: `C${order.ref}`, customer: order.customer, sku: line.sku, units: line.units };
}

export function makeOrderStream({
  seed,
  limit,
}: {
  readonly seed: number;
  readonly limit: number | null;
}): OrderStream {
  const random = createRandom(seed);
  const skus = Array.from({ length: SKUS }, (_, n) => `${GOODS[n % GOODS.length]}-${String(n + 1).padStart(2, '0')}`);
  const end = FIRST_DAY + DAYS * DAY_MS;
  const events: StreamEvent[] = [];
  for (let n = 0; n < Math.min(DAYS * ORDERS_PER_DAY, limit ?? Number.POSITIVE_INFINITY); n += 1) {
    const day = FIRST_DAY + Math.floor(n / ORDERS_PER_DAY) * DAY_MS;
    const at = day + OPENS_MS + Math.floor((OPEN_MS * ((n % ORDERS_PER_DAY) + random())) / ORDERS_PER_DAY);
    const order = makeOrder(random, at, n, skus);
    const credit = makeCredit(random, order, end);
    events.push(order, ...(credit === null ? [] : [credit]));
    if (random() > 0.02) continue;
    events.push({
      kind: 'adjust',
      at: at + 60_000,
      sku: pickSku(random, skus),
      units: upTo(random, 5),
      reason: random() < 0.5 ? 'damaged' : 'lost',
    });
  }
  events.sort((a, b) => a.at - b.at);
  return { name: `made up from seed ${seed}`, events, read: countEvents(events), leftOut: new Map() };
}

function countEvents(events: readonly StreamEvent[]): OrderStream['read'] {
  const counts = { orders: 0, lines: 0, units: 0 };
  for (const event of events) {
    counts.orders += event.kind === 'adjust' ? 0 : 1;
    counts.lines += event.kind === 'order' ? event.lines.length : 1;
    counts.units += event.kind === 'order' ? event.lines.reduce((sum, line) => sum + line.units, 0) : -event.units;
  }
  return counts;
}
