/**
 * What `decide` reads and what it answers: plain data, loaded and written by db/ in one transaction.
 */

import type { DrawnRow, DrawnRows } from './drawn.ts';
import type { Exposure } from './latency-buffer.ts';
import type {
  ChannelId,
  CommandId,
  Component,
  DatedDemand,
  DatedSupply,
  Disposition,
  Hold,
  HoldId,
  Instant,
  Listing,
  ListingId,
  LocationId,
  Lot,
  LotCode,
  Move,
  Order,
  OrderId,
  OrderLine,
  Policy,
  PoolKind,
  ProgramId,
  Sku,
  StockMaster,
} from './model.ts';
import type { FillRule, OrderState } from './order-state.ts';
import type { LowPool } from './pool-levels.ts';
import type { PublishInputs } from './publish.ts';

export type StockBalance = {
  readonly location: LocationId;
  readonly disposition: Disposition;
  readonly quantity: number;
  /** Moment of the last count; a movement from before it is absorbed. */
  readonly countedAsOf: Instant | null;
};

/** What there is of a lot at a place; what has no lot is the rest of the place's own balance. */
export type LotBalance = {
  readonly lot: LotCode;
  readonly location: LocationId;
  readonly disposition: Disposition;
  readonly quantity: number;
  readonly allocated: number;
  readonly held: number;
  /** Moment of the last count of this lot alone. */
  readonly countedAsOf: Instant | null;
};

/** Lots of an item: those of which anything is there or promised, and those that the batch names. */
export type ItemLots = { readonly lots: readonly Lot[]; readonly balances: readonly LotBalance[] };

export type PromiseBalance = {
  readonly location: LocationId;
  readonly program: ProgramId;
  readonly pool: PoolKind;
  readonly allocated: number;
  readonly held: number;
};

export type Target = {
  readonly version: number;
  readonly quantity: number;
  readonly ownSold: number;
  readonly ownOpen: number;
  readonly inFlight: number;
  /** By when the goods are there that the number relies on beyond stock; null where it relies on none. */
  readonly restockAt: Instant | null;
};

export type ListingState = Listing & {
  /** Units (of the listing) sold on its own channel and not cancelled, over all time, as our orders tell. */
  readonly ownSold: number;
  /** Of these, not yet reported shipped. */
  readonly ownOpen: number;
  /** Units sold in all, as a read of the platform implied; null when orders explain every read. */
  readonly seenSold: number | null;
  readonly seenUntil: Instant | null;
  readonly target: Target | null;
  /** What a buffer from measured latency is reckoned from; absent: nothing is measured yet. */
  readonly exposure?: Exposure;
};

export type ItemState = {
  readonly sku: Sku;
  /** Of a kit alone, kits of kits resolved: what one set takes. It has no stock of its own. */
  readonly components?: readonly Component[];
  /** Names that rules may be given for instead of SKUs. */
  readonly groups: readonly string[];
  /** Below so many free units a channel's second rule set counts; null: never. */
  readonly minimum: number | null;
  /** What planning says must stay; null while it has not said. */
  readonly safetyStock: number | null;
  readonly balances: readonly StockBalance[];
  /** Absent while the item never had a lot. */
  readonly lots?: ItemLots;
  readonly promises: readonly PromiseBalance[];
  /** Those that the batch names, ended ones too. */
  readonly holds: readonly Hold[];
  /** When the first of its other holds ends; null when there is none. */
  readonly nextHoldEndsAt: Instant | null;
  /** What each program has drawn of it, by program id; then of pools of one place, by program and place. */
  readonly drawn: DrawnRows;
  /** Reallocations in force. */
  readonly moves: readonly Move[];
  readonly listings: readonly ListingState[];
  /** Lines that wait for this item, whoever's; at most some hundreds, first served first. */
  readonly shorts: readonly ShortLine[];
  /** True when the database holds more of them. */
  readonly moreShorts: boolean;
  /**
   * Every line that has or waits for units of it, by itself or in sets, and the other open lines of orders among them that want all or
   * nothing; there only when the batch confirms the item anew.
   */
  readonly openLines?: readonly ShortLine[];
  /** Ledger entries later than the earliest `asOf` among the batch's counts of this item; empty without counts. */
  readonly recentEntries: readonly {
    readonly location: LocationId;
    readonly disposition: Disposition;
    readonly delta: number;
    readonly occurredAt: Instant;
    readonly lot?: LotCode;
  }[];
  /** What is expected still, and whatever else the batch names. */
  readonly supply: readonly DatedSupply[];
  readonly demand: readonly DatedDemand[];
  /** Units short per program over all lines that wait; may be empty where no program has a backorder tolerance. */
  readonly shortOf: readonly { readonly program: ProgramId; readonly quantity: number }[];
};

/** `fillRule`: the order's own, which wins over its program's completeness. */
export type ShortLine = Omit<Order, 'lines'> & { readonly line: OrderLine; readonly fillRule?: FillRule };

export type StoredOrder = Order & {
  readonly state: OrderState;
  /** The version of the state that was last answered; null until then, and where nobody asks for an answer. */
  readonly answeredVersion: number | null;
  /** The route that sent it to its program when it was first met; null: its channel's program. */
  readonly route: string | null;
};

export type State = {
  readonly policy: Policy;
  readonly locations: readonly { readonly id: LocationId; readonly master: StockMaster; readonly sells: boolean }[];
  readonly channels: readonly { readonly id: ChannelId; readonly program: ProgramId }[];
  readonly items: readonly ItemState[];
  readonly orders: readonly StoredOrder[];
  /** Listing references of the batch's orders that resolve to nothing are absent here. */
  readonly listingRefs: readonly {
    readonly channel: ChannelId;
    readonly listingRef: string;
    readonly listing: ListingId;
  }[];
};

export type StockEntry = {
  readonly commandId: CommandId;
  readonly sku: Sku;
  readonly location: LocationId;
  readonly disposition: Disposition;
  readonly delta: number;
  readonly kind: 'receive' | 'adjust' | 'count' | 'transfer' | 'inspect' | 'ship' | 'return' | 'absorb';
  readonly occurredAt: Instant;
  /** Absent: of no lot. */
  readonly lot?: LotCode;
};

export type PromiseEntry = {
  readonly commandId: CommandId;
  readonly sku: Sku;
  readonly location: LocationId;
  readonly program: ProgramId;
  readonly pool: PoolKind;
  readonly kind: 'allocate' | 'release' | 'ship' | 'refill' | 'hold' | 'unhold' | 'reallocate';
  /** Change of what is allocated. */
  readonly delta: number;
  /** Change of what the program has drawn from its own pool, of the item or of the place. */
  readonly consumed: number;
  /** Change of what is held. */
  readonly held: number;
  /** Of `hold` and `unhold`, and of an `allocate` whose units were held. */
  readonly hold: HoldId | null;
  readonly orderId: OrderId | null;
  readonly lineRef: string | null;
  readonly occurredAt: Instant;
  readonly lot?: LotCode;
};

/** A reallocation that came into force or ended; `kind` is its state from now on. */
export type MoveFact = Move & {
  readonly commandId: CommandId;
  readonly sku: Sku;
  readonly kind: 'applied' | 'returned' | 'expired';
  /** Of its units: back in the pool they came from, and drawn meanwhile by whoever received them. 0 where it came into force. */
  readonly returned: number;
  readonly spent: number;
  /** Units still protected (or shared) in the two pools. */
  readonly before: { readonly from: number; readonly to: number };
  readonly after: { readonly from: number; readonly to: number };
};

export type TargetFact = Target & { readonly listing: ListingId; readonly sku: Sku; readonly inputs: PublishInputs };

export type Outcome =
  | { readonly commandId: CommandId; readonly kind: 'applied' | 'unchanged' }
  | {
      readonly commandId: CommandId;
      readonly kind: 'parked';
      readonly code: string;
      readonly reason: string;
      readonly field: string | null;
      readonly fix: string;
    };

export type Facts = {
  readonly stock: readonly StockEntry[];
  readonly promises: readonly PromiseEntry[];
  /** Whole orders as they stand after the batch. */
  readonly orders: readonly StoredOrder[];
  /** Lines of other orders that gained or lost units. */
  readonly filledLines: readonly { readonly orderId: OrderId; readonly line: OrderLine }[];
  /** Whole holds as they stand after the batch. */
  readonly holds: readonly Hold[];
  readonly counted: readonly {
    readonly sku: Sku;
    readonly location: LocationId;
    readonly disposition: Disposition;
    readonly asOf: Instant;
    /** Counted alone; absent: the whole place. */
    readonly lot?: LotCode;
  }[];
  /** Lots as they stand after the batch, where it made or changed them. */
  readonly lots: readonly (Lot & { readonly sku: Sku })[];
  /** The places of items where more is promised than there is, or was before the batch (0 where that ended); of reviewed items all. */
  readonly deficits: readonly { readonly sku: Sku; readonly location: LocationId; readonly quantity: number }[];
  /** What programs have drawn of touched items, as it stands after the batch; only where it changed. */
  readonly drawn: readonly ({ readonly sku: Sku } & DrawnRow)[];
  /** Those that changed or have a new target beside them; of reviewed items all. */
  readonly listings: readonly {
    readonly listing: ListingId;
    readonly ownSold: number;
    readonly ownOpen: number;
    readonly seenSold: number | null;
    readonly seenUntil: Instant | null;
  }[];
  readonly targets: readonly TargetFact[];
  readonly moves: readonly MoveFact[];
  /** Every pool of the touched items that is low now. */
  readonly lowPools: readonly LowPool[];
  /** Dated rows as they stand after the batch, where it changed them. */
  readonly supply: readonly { readonly sku: Sku; readonly row: DatedSupply }[];
  readonly demand: readonly { readonly sku: Sku; readonly row: DatedDemand }[];
  readonly reviews: readonly { readonly sku: Sku; readonly nextReviewAt: Instant | null }[];
  readonly outcomes: readonly Outcome[];
};
