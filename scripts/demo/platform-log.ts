/**
 * The platforms' own word on the run: each sandbox's log, summed up per channel, and put together in order of time for the oracle.
 *
 * Guarantees: nothing here comes from allot's tables. An order is placed when at least one of its lines was, refused when none was;
 * lines and units are counted each for itself, so that placed + refused = offered holds for orders, lines and units. What an answer
 * refuses later was not placed: of a line some units, all of them, or with the last line the order.
 */
import type { LogEntry, SandboxControl } from '#connectors/sandbox/control.ts';
import type { ChannelId, Instant, QuantityBasis } from '#core/model.ts';

export type Tally = { orders: number; lines: number; units: number };

export type PlatformFigures = {
  readonly placed: Tally;
  readonly refused: Tally;
  readonly cancelled: Tally;
  readonly increases: number;
  readonly decreases: number;
  /** SKUs that a buyer could buy there once, and then not. */
  readonly emptied: ReadonlySet<string>;
  readonly placedAt: ReadonlyMap<string, Instant>;
  /** Orders to which no answer came. */
  readonly unanswered: number;
};

export type PlatformEvent = { readonly channel: ChannelId; readonly entry: Exclude<LogEntry, { kind: 'applied' }> };
export type PlatformWord = { readonly figures: PlatformFigures; readonly events: readonly PlatformEvent[] };

const noTally = (): Tally => ({ orders: 0, lines: 0, units: 0 });

function add(tally: Tally, lines: readonly { readonly quantity: number }[], orders: number): void {
  tally.orders += orders;
  tally.lines += lines.length;
  tally.units += lines.reduce((sum, line) => sum + line.quantity, 0);
}

async function* readLog(control: SandboxControl): AsyncGenerator<LogEntry> {
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<SandboxControl['log']>> = await control.log(after);
    yield* page.entries;
    after = page.next;
  }
}

/** What a buyer could buy, followed through the log: the raw number, less what the platform holds back for its open orders. */
function watchShelf(basis: QuantityBasis) {
  const levels = new Map<string, { raw: number; reserved: number; wasOffered: boolean }>();
  const emptied = new Set<string>();
  return {
    emptied,
    move(sku: string, change: (level: { raw: number; reserved: number }) => void) {
      const level = levels.get(sku) ?? { raw: 0, reserved: 0, wasOffered: false };
      levels.set(sku, level);
      change(level);
      const sellable = basis === 'sellable' ? level.raw : level.raw - level.reserved;
      if (sellable > 0) level.wasOffered = true;
      else if (level.wasOffered) emptied.add(sku);
    },
  };
}

type Shelf = ReturnType<typeof watchShelf>;

function moveShelf(shelf: Shelf, entry: LogEntry, basis: QuantityBasis): void {
  if (entry.kind === 'applied') {
    shelf.move(entry.sku, (level) => void Object.assign(level, { raw: entry.to }));
    return;
  }
  // A platform whose orders are answered does not lower its number itself: it shows what it was told last.
  if (entry.kind === 'answer') return;
  const sign = { placement: 1, cancel: -1, ship: -1 }[entry.kind];
  for (const line of entry.lines) {
    if ('accepted' in line && !line.accepted) continue;
    shelf.move(line.sku, (level) => {
      if (basis === 'onHandLessOwnOpen') level.reserved += sign * line.quantity;
      else if (entry.kind !== 'ship') level.raw -= sign * line.quantity;
    });
  }
}

type Counts = {
  readonly placed: Tally;
  readonly refused: Tally;
  readonly cancelled: Tally;
  readonly cancelledOrders: Set<string>;
  /** Lines of each order that are not refused. */
  readonly linesLeft: Map<string, number>;
  readonly answeredOrders: Set<string>;
};

function move(line: { readonly quantity: number }, from: Tally, to: Tally, isWhole: boolean): void {
  from.units -= line.quantity;
  to.units += line.quantity;
  if (!isWhole) return;
  from.lines -= 1;
  to.lines += 1;
}

function countAnswer(counts: Counts, { orderRef, lines }: Extract<LogEntry, { kind: 'answer' }>): void {
  const { placed, refused, linesLeft, answeredOrders } = counts;
  answeredOrders.add(orderRef);
  for (const line of lines.filter((one) => one.refused > 0)) {
    const isWhole = line.accepted + line.backOrdered === 0;
    move({ quantity: line.refused }, placed, refused, isWhole);
    if (!isWhole) continue;
    const left = (linesLeft.get(orderRef) ?? 0) - 1;
    linesLeft.set(orderRef, left);
    if (left > 0) continue;
    placed.orders -= 1;
    refused.orders += 1;
  }
}

function countEntry(counts: Counts, entry: PlatformEvent['entry']): void {
  const { placed, refused, cancelled, cancelledOrders, linesLeft } = counts;
  if (entry.kind === 'placement') {
    const accepted = entry.lines.filter((line) => line.accepted);
    const others = entry.lines.filter((line) => !line.accepted);
    add(placed, accepted, accepted.length > 0 ? 1 : 0);
    add(refused, others, accepted.length > 0 ? 0 : 1);
    if (entry.orderRef !== null) linesLeft.set(entry.orderRef, accepted.length);
  }
  if (entry.kind === 'answer') countAnswer(counts, entry);
  if (entry.kind === 'cancel') {
    add(cancelled, entry.lines, cancelledOrders.has(entry.orderRef) ? 0 : 1);
    cancelledOrders.add(entry.orderRef);
  }
}

export async function readPlatform(
  channel: ChannelId,
  basis: QuantityBasis,
  control: SandboxControl,
): Promise<PlatformWord> {
  const [placed, refused, cancelled] = [noTally(), noTally(), noTally()];
  const orders = { cancelledOrders: new Set<string>(), linesLeft: new Map(), answeredOrders: new Set<string>() };
  const counts: Counts = { placed, refused, cancelled, ...orders };
  const placedAt = new Map<string, Instant>();
  const shelf = watchShelf(basis);
  const events: PlatformEvent[] = [];
  let [increases, decreases] = [0, 0];
  for await (const entry of readLog(control)) {
    moveShelf(shelf, entry, basis);
    if (entry.kind === 'applied') {
      if (entry.to > entry.from) increases += 1;
      if (entry.to < entry.from) decreases += 1;
      continue;
    }
    events.push({ channel, entry });
    countEntry(counts, entry);
    if (entry.kind === 'placement' && entry.orderRef !== null) placedAt.set(entry.orderRef, entry.at);
  }
  const unanswered = placedAt.size - orders.answeredOrders.size;
  const { emptied } = shelf;
  return { figures: { placed, refused, cancelled, increases, decreases, emptied, placedAt, unanswered }, events };
}
