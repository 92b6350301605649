/**
 * What the core is measured on: a brand of 10,000 items with three programs, two places and a listing per channel, and a stream of
 * orders, recorded batch by batch with the state that each is decided from.
 *
 * The same seed gives the same load. Batches are made as the daemon makes them: 500 commands, and of the brand what they touch.
 */
import type { Command } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { ChannelRule, Instant, Policy, Program } from '#core/model.ts';
import type { OrderLineState, OrderState } from '#core/order-state.ts';
import { applyFacts } from '#core/replay.ts';
import type { ItemState, ListingState, State, StoredOrder } from '#core/state.ts';

export const ITEMS = 10_000;
export const BATCH_COMMANDS = 500;
const OPENING_UNITS = 400;
/** The items of the hot load: enough of them that its orders are served, not left waiting. */
const HOT_ITEMS = 10;
const HOT_UNITS = 1_000_000;
export const NOW: Instant = Date.UTC(2026, 2, 1);

const PLACES = ['east', 'west'] as const;
export const CHANNELS = ['shopify:main', 'amazon:uk', 'edi:retailer'] as const;
const PROGRAMS = ['dtc', 'marketplace', 'wholesale'] as const;
const PACKS = [1, 1, 6] as const;

export type Batch = { readonly state: State; readonly commands: readonly Command[]; readonly lines: number };

/** Numerical Recipes' generator: the load must be the same on every machine. */
function randomOf(seed: number): (below: number) => number {
  let at = seed;
  return (below) => {
    at = (Math.imul(at, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((at / 2 ** 32) * below);
  };
}

const programOf = (id: string, index: number): Program => ({
  id,
  priority: index + 1,
  drawOrder: 'ownThenShared',
  locations: index === 1 ? ['west', 'east'] : ['east', 'west'],
});

const ruleOf = (channel: string, index: number): ChannelRule => ({
  channel,
  program: PROGRAMS[index] ?? '',
  sku: '*',
  sharePercent: index === 1 ? 90 : 100,
  safetyStock: 2,
  buffer: index,
  hideAtOrBelow: index === 1 ? 3 : null,
  cap: index === 1 ? 500 : null,
});

const POLICY: Policy = {
  version: 1,
  programs: PROGRAMS.map(programOf),
  pools: [
    { program: 'wholesale', sku: '*', units: 120, refill: 'never' },
    { program: 'dtc', sku: '*', units: 40, refill: 'receipt' },
  ],
  channels: CHANNELS.map(ruleOf),
  inFlightMs: 600_000,
};

const skuOf = (index: number): string => `SKU-${String(index).padStart(5, '0')}`;
const refOf = (channel: string, item: number): string => `${channel.slice(0, 3)}/variant/${7_000_000 + item}`;

const listingOf = (item: number, index: number): ListingState => ({
  id: item * CHANNELS.length + index + 1,
  channel: CHANNELS[index] ?? '',
  listingRef: refOf(CHANNELS[index] ?? '', item),
  sku: skuOf(item),
  pack: PACKS[index] ?? 1,
  locations: [],
  ownSold: 0,
  ownOpen: 0,
  seenSold: null,
  seenUntil: null,
  target: null,
});

const itemOf = (item: number): ItemState => ({
  sku: skuOf(item),
  balances: PLACES.map((location) => ({
    location,
    disposition: 'sellable',
    quantity: item < HOT_ITEMS ? HOT_UNITS : OPENING_UNITS,
    countedAsOf: NOW - 86_400_000,
  })),
  promises: [],
  holds: [],
  nextHoldEndsAt: null,
  drawn: [],
  groups: [],
  minimum: null,
  safetyStock: null,
  moves: [],
  listings: CHANNELS.map((_, index) => listingOf(item, index)),
  shorts: [],
  moreShorts: false,
  recentEntries: [],
  supply: [],
  demand: [],
  shortOf: [],
});

export function openBrand(): State {
  const items = Array.from({ length: ITEMS }, (_, item) => itemOf(item));
  return {
    policy: POLICY,
    locations: PLACES.map((id) => ({ id, master: 'allot', sells: true })),
    channels: CHANNELS.map((id, index) => ({ id, program: PROGRAMS[index] ?? '' })),
    items,
    orders: [],
    listingRefs: items.flatMap((item) =>
      item.listings.map(({ id, channel, listingRef }) => ({ channel, listingRef, listing: id })),
    ),
  };
}

function newOrder(random: (below: number) => number, id: number, itemAt: () => number): Command {
  const index = random(CHANNELS.length);
  const channel = CHANNELS[index] ?? '';
  const items = new Set(Array.from({ length: 1 + random(3) }, itemAt));
  const lines = [...items].map(
    (item, at): OrderLineState => ({
      lineRef: `line/${9_000_000 + id * 4 + at}`,
      listingRef: refOf(channel, item),
      skuHint: skuOf(item),
      ordered: 1 + random(3),
      cancelled: 0,
      shipped: 0,
      returned: 0,
    }),
  );
  const at = NOW + id;
  const order: OrderState = {
    orderRef: `order/${5_000_000 + id}`,
    displayRef: `#${id}`,
    version: at,
    placedAt: at,
    modifiedAt: at,
    fulfilledBy: 'seller',
    locationRef: null,
    obligations: [],
    lines,
  };
  return commandOf(id, channel, order);
}

const commandOf = (id: number, channel: string, order: OrderState): Command => ({
  id,
  occurredAt: NOW + id,
  recordedAt: NOW + id,
  actor: channel,
  body: { kind: 'order-state', channel, order },
});

/** A later state of an order that is stored: two in three are shipped, the third loses its first line. */
function laterState(random: (below: number) => number, id: number, stored: StoredOrder): Command {
  const isShipped = random(3) < 2;
  const lines = stored.state.lines.map(({ version: _, ...line }, index) => {
    if (isShipped) return { ...line, shipped: line.ordered - line.cancelled };
    return index === 0 ? { ...line, cancelled: line.ordered - line.shipped } : line;
  });
  const at = NOW + id;
  return commandOf(id, stored.channel, { ...stored.state, version: at, modifiedAt: at, lines });
}

const linesOf = ({ body }: Command): OrderState['lines'] => (body.kind === 'order-state' ? body.order.lines : []);

/** Of the brand what the commands touch, as db/state.ts loads it, in objects of its own. */
function partOf(brand: Brand, commands: readonly Command[]): State {
  const refs = new Map<string, State['listingRefs'][number]>();
  const skus = new Set<string>();
  const orders = new Map<string, StoredOrder>();
  for (const command of commands) {
    if (command.body.kind !== 'order-state') continue;
    const { channel, order } = command.body;
    const stored = brand.orders.get(`${channel}/${order.orderRef}`);
    if (stored !== undefined) orders.set(stored.id, stored);
    for (const { listingRef, skuHint } of linesOf(command)) {
      const ref = brand.refs.get(listingRef ?? '');
      if (ref !== undefined) refs.set(ref.listingRef, ref);
      skus.add(skuHint ?? '');
    }
  }
  const items = [...skus].sort().flatMap((sku) => brand.items.get(sku) ?? []);
  const part = { ...brand.head, items, orders: [...orders.values()], listingRefs: [...refs.values()] };
  return JSON.parse(JSON.stringify(part)) as State;
}

type Brand = {
  readonly head: State;
  readonly items: Map<string, ItemState>;
  readonly orders: Map<string, StoredOrder>;
  readonly refs: ReadonlyMap<string, State['listingRefs'][number]>;
};

/** Records the batches of a stream, each with the state that it is decided from. `hot` lines of a hundred name one of ten items; one command in seven is a later state. */
export function recordLoad({ batches, hot }: { readonly batches: number; readonly hot: number }): readonly Batch[] {
  const random = randomOf(20_260_301);
  const head = openBrand();
  const brand: Brand = {
    head,
    items: new Map(head.items.map((item) => [item.sku, item])),
    orders: new Map(),
    refs: new Map(head.listingRefs.map((ref) => [ref.listingRef, ref])),
  };
  const itemAt = () => (random(100) < hot ? random(HOT_ITEMS) : random(ITEMS));
  const open: string[] = [];
  const recorded: Batch[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const commands: Command[] = [];
    for (let n = 0; n < BATCH_COMMANDS; n++) {
      const id = batch * BATCH_COMMANDS + n + 1;
      const stored = random(7) === 0 ? brand.orders.get(open.splice(random(open.length), 1)[0] ?? '') : undefined;
      commands.push(stored === undefined ? newOrder(random, id, itemAt) : laterState(random, id, stored));
    }
    const state = partOf(brand, commands);
    recorded.push(batchOf(state, commands));
    const after = applyFacts(state, decide(state, commands, NOW));
    for (const item of after.items) brand.items.set(item.sku, { ...item, recentEntries: [] });
    for (const order of after.orders) {
      if (!brand.orders.has(order.id)) open.push(order.id);
      brand.orders.set(order.id, order);
    }
  }
  return recorded;
}

const batchOf = (state: State, commands: readonly Command[]): Batch => ({
  state,
  commands,
  lines: commands.reduce((sum, command) => sum + linesOf(command).length, 0),
});

/** The same stream as one batch on the whole brand. */
export const asOneBatch = (batches: readonly Batch[]): readonly Batch[] => [
  batchOf(
    openBrand(),
    batches.flatMap(({ commands }) => commands),
  ),
];
