/**
 * Small builders of everything `decide` reads: a policy, a state, orders as states, commands. Each takes only what a test is about;
 * the rest is the plainest value that is valid. Nothing here decides anything.
 */
import { DAY_MS, type Outlook } from '#core/atp.ts';
import type {
  Command,
  CommandBody,
  ExpectDemandCommand,
  ExpectSupplyCommand,
  OrderStateCommand,
  ReceiveCommand,
} from '#core/command.ts';
import type {
  ChannelId,
  ChannelRule,
  DatedDemand,
  DatedSupply,
  Instant,
  Listing,
  LocationId,
  Order,
  OrderLine,
  Policy,
  PoolRule,
  Program,
  Sku,
} from '#core/model.ts';
import type { OrderLineState, OrderState } from '#core/order-state.ts';
import type { PublishInputs } from '#core/publish.ts';
import type { ItemState, ListingState, State } from '#core/state.ts';

/** The moment that tests call now: 2026-03-01T00:00:00Z. */
export const NOW: Instant = Date.UTC(2026, 2, 1);
export const MINUTE_MS = 60_000;

export const program = (id: string, over: Partial<Program> = {}): Program => ({
  id,
  priority: 1,
  drawOrder: 'ownThenShared',
  locations: ['main'],
  ...over,
});

export const pool = (programId: string, units: number, over: Partial<PoolRule> = {}): PoolRule => ({
  program: programId,
  sku: '*',
  units,
  refill: 'never',
  ...over,
});

export const channelRule = (channel: ChannelId, programId: string, over: Partial<ChannelRule> = {}): ChannelRule => ({
  channel,
  program: programId,
  sku: '*',
  sharePercent: 100,
  safetyStock: 0,
  buffer: 0,
  hideAtOrBelow: null,
  cap: null,
  ...over,
});

export const policy = (over: Partial<Policy> = {}): Policy => ({
  version: 1,
  programs: [program('dtc')],
  pools: [],
  channels: [channelRule('shop:main', 'dtc')],
  inFlightMs: 10 * MINUTE_MS,
  ...over,
});

export const listing = (
  id: number,
  over: Partial<Listing> & { readonly sku?: Sku; readonly channel?: ChannelId } = {},
): ListingState => ({
  id,
  channel: 'shop:main',
  listingRef: `ref-${id}`,
  sku: 'TEA',
  pack: 1,
  locations: [],
  ownSold: 0,
  ownOpen: 0,
  seenSold: null,
  seenUntil: null,
  target: null,
  ...over,
});

export const item = (
  sku: Sku,
  onHand: Readonly<Record<LocationId, number>> = {},
  over: Partial<ItemState> = {},
): ItemState => ({
  sku,
  groups: [],
  minimum: null,
  safetyStock: null,
  balances: Object.entries(onHand).map(([location, quantity]) => ({
    location,
    disposition: 'sellable',
    quantity,
    countedAsOf: null,
  })),
  promises: [],
  holds: [],
  nextHoldEndsAt: null,
  drawn: [],
  moves: [],
  listings: [],
  shorts: [],
  moreShorts: false,
  recentEntries: [],
  supply: [],
  demand: [],
  shortOf: [],
  ...over,
});

/** A brand with one shop and one place, unless told otherwise; listing references follow from the items' listings. */
export function stateOf(over: Partial<Omit<State, 'listingRefs'>> = {}): State {
  const rules = over.policy ?? policy();
  const items = over.items ?? [item('TEA', { main: 10 }, { listings: [listing(1)] })];
  const places = new Set(rules.programs.flatMap((each) => each.locations));
  const programOf = new Map(rules.channels.map((rule) => [rule.channel, rule.program]));
  return {
    policy: rules,
    locations: [...places].map((id) => ({ id, master: 'allot', sells: true })),
    channels: [...programOf].map(([id, programId]) => ({ id, program: programId })),
    orders: [],
    ...over,
    items,
    listingRefs: items.flatMap((each) =>
      each.listings.map((l) => ({ channel: l.channel, listingRef: l.listingRef, listing: l.id })),
    ),
  };
}

export const lineState = (lineRef: string, over: Partial<OrderLineState> = {}): OrderLineState => ({
  lineRef,
  listingRef: 'ref-1',
  skuHint: null,
  ordered: 1,
  cancelled: 0,
  shipped: 0,
  returned: 0,
  ...over,
});

export const orderState = (
  orderRef: string,
  lines: readonly OrderLineState[],
  over: Partial<OrderState> = {},
): OrderState => ({
  orderRef,
  displayRef: `#${orderRef}`,
  version: 1,
  placedAt: NOW,
  modifiedAt: NOW,
  fulfilledBy: 'seller',
  locationRef: null,
  obligations: [],
  lines,
  ...over,
});

/** An order of one line, by its totals. */
export const oneLineOrder = (
  orderRef: string,
  totals: Partial<OrderLineState>,
  over: Partial<OrderState> & { readonly channel?: ChannelId } = {},
): OrderStateCommand => {
  const { channel = 'shop:main', ...rest } = over;
  return { kind: 'order-state', channel, order: orderState(orderRef, [lineState('1', totals)], rest) };
};

export const command = (id: number, body: CommandBody, over: Partial<Command> = {}): Command => ({
  id,
  occurredAt: NOW,
  recordedAt: NOW,
  actor: 'test',
  body,
  ...over,
});

/** Bodies numbered from 1 in the order given. */
export const commands = (...bodies: readonly CommandBody[]): Command[] =>
  bodies.map((body, index) => command(index + 1, body));

export const receive = (quantity: number, over: Partial<ReceiveCommand> = {}): ReceiveCommand => ({
  kind: 'receive',
  sku: 'TEA',
  location: 'main',
  disposition: 'sellable',
  quantity,
  ...over,
});

export const expectSupply = (
  ref: string,
  quantity: number,
  dueAt: Instant,
  over: Partial<ExpectSupplyCommand> = {},
): ExpectSupplyCommand => ({
  kind: 'expect-supply',
  sku: 'TEA',
  ref,
  location: 'main',
  supplyKind: 'purchaseOrder',
  quantity,
  dueAt,
  state: 'open',
  ...over,
});

export const expectDemand = (
  ref: string,
  quantity: number,
  dueAt: Instant,
  over: Partial<ExpectDemandCommand> = {},
): ExpectDemandCommand => ({
  kind: 'expect-demand',
  sku: 'TEA',
  ref,
  program: 'dtc',
  quantity,
  dueAt,
  state: 'open',
  ...over,
});

export const supplyRow = (ref: string, quantity: number, over: Partial<DatedSupply> = {}): DatedSupply => ({
  ref,
  location: 'main',
  kind: 'purchaseOrder',
  quantity,
  received: 0,
  dueAt: NOW + DAY_MS,
  state: 'open',
  isLate: false,
  ...over,
});

export const demandRow = (ref: string, quantity: number, over: Partial<DatedDemand> = {}): DatedDemand => ({
  ref,
  program: 'dtc',
  quantity,
  dueAt: NOW + DAY_MS,
  state: 'open',
  ...over,
});

/** One item with nothing at `main`, unless told otherwise. */
export const outlook = (over: Partial<Outlook> = {}): Outlook => ({
  policy: policy(),
  item: { sku: 'TEA', groups: [], drawn: [] },
  free: new Map([['main', 0]]),
  waiting: [],
  supply: [],
  demand: [],
  ...over,
});

/** A line as it stands in the books: all allocated from the shared pool at `main`, unless told otherwise. */
export const orderLine = (lineRef: string, ordered: number, over: Partial<OrderLine> = {}): OrderLine => ({
  lineRef,
  listing: 1,
  sku: 'TEA',
  pack: 1,
  ordered,
  cancelled: 0,
  returned: 0,
  reportedShipped: 0,
  shipped: 0,
  allocations: [{ location: 'main', program: 'dtc', pool: 'shared', quantity: ordered }],
  short: 0,
  answer: null,
  ...over,
});

export const orderHead = (id: string, over: Partial<Omit<Order, 'lines'>> = {}): Omit<Order, 'lines'> => ({
  id,
  channel: 'shop:main',
  program: 'dtc',
  placedAt: NOW,
  ...over,
});

/** What a listing that may sell `promise` units from the shared pool is published from. */
export const publishInputs = (promise: number, over: Partial<PublishInputs> = {}): PublishInputs => ({
  publishVersion: 1,
  policyVersion: 1,
  program: 'dtc',
  drawOrder: 'ownThenShared',
  places: [{ location: 'main', sellable: promise, allocated: 0, held: 0 }],
  free: promise,
  own: { units: 0, consumed: 0, remaining: 0 },
  protectedForOthers: 0,
  fromOwn: 0,
  fromShared: promise,
  sharePercent: 100,
  safetyStock: 0,
  buffer: 0,
  inFlight: 0,
  inFlightUntil: null,
  hideAtOrBelow: null,
  cap: null,
  pack: 1,
  ...over,
});
