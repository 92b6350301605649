/**
 * The words of the model as types. Plain data, no behaviour. The glossary is core/README.md.
 * Quantities are whole numbers of base units of an item, unless a name says otherwise; instants are epoch milliseconds.
 */

export type Instant = number;
export type Sku = string;
export type LocationId = string;
/** `connector:name`, for example `shopify:main`. */
export type ChannelId = string;
export type ProgramId = string;
/** A program's own pool, or `shared`: what nobody protects. */
export type PoolId = ProgramId | 'shared';
/** `channelId/orderRef`. */
export type OrderId = string;
export type ListingId = number;
export type CommandId = number;
/** The id of the command that placed it. */
export type HoldId = CommandId;

/** Who says how much there is at a location. Exactly one each. */
export type StockMaster = 'allot' | 'shopify' | '3pl' | 'erp';

export const DISPOSITIONS = ['sellable', 'quarantine', 'damaged', 'rework', 'scrap'] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

/**
 * `sellable`: the platform lowers the number itself when it sells, and wants what may be sold (Shopify, Amazon, EDI 846).
 * `onHandLessOwnOpen`: the platform subtracts its own open orders from the number it was given (Walmart, Faire).
 */
export type QuantityBasis = 'sellable' | 'onHandLessOwnOpen';

export type ChannelMode = 'shadow' | 'live' | 'paused';

export type DrawOrder = 'ownOnly' | 'ownThenShared' | 'sharedThenOwn';

/**
 * How whole an order is filled. `split`: as many as there are, over places. `onePlace`: each line from one place alone, or it waits.
 * `shipComplete`: all lines whole, or the order waits and draws nothing. `fillOrKill`: the same, and refused where we answer.
 */
export const COMPLETENESS = ['split', 'onePlace', 'shipComplete', 'fillOrKill'] as const;
export type Completeness = (typeof COMPLETENESS)[number];

/** How the warehouse marks what it picks for a program: free text for labels and lists. */
export type PickTags = {
  readonly zone?: string;
  readonly stagingArea?: string;
  readonly colour?: string;
  readonly label?: string;
};

/** Program: a demand segment with its own rules. Lower `priority` is served first from new supply. */
export type Program = {
  readonly id: ProgramId;
  readonly priority: number;
  readonly drawOrder: DrawOrder;
  /** Where its demand may be filled from, in order of preference. */
  readonly locations: readonly LocationId[];
  /** Goods count for it only if they are there so many days before they are wanted (wholesale staging); absent: 0. */
  readonly leadTimeDays?: number;
  /** What may be sold beyond stock; absent: nothing. */
  readonly backorder?: Backorder;
  /** Who answers for its rules, and the day (`2027-01-31`) by which they are to be looked at again. */
  readonly owner?: string;
  readonly reviewBy?: string;
  readonly pickTags?: PickTags;
  /** Of what is split fairly it gets by weight; absent: 1. */
  readonly weight?: number;
  /** Absent: `split`. */
  readonly completeness?: Completeness;
  /** Its customers take no lot with fewer days to live, and none of unknown expiry (lots.ts); absent: any that is not expired. */
  readonly minimumLifeDays?: number;
};

/** As the maker or the warehouse calls it; unique within the item. */
export type LotCode = string;

/** Goods of one item that were made, or came in, together. */
export type Lot = {
  readonly code: LotCode;
  /** When the first of it came in. */
  readonly receivedAt: Instant;
  /** From this moment on nobody is promised any of it; null: it never expires. */
  readonly expiresAt: Instant | null;
};

/** What one set of a kit takes of an item, base units. */
export type Component = { readonly sku: Sku; readonly quantity: number };

/** Backorder tolerance: nothing; so many units; or what dated supply will bring: all of it, or so many units of it. */
export type Backorder = 'none' | { readonly units: number } | { readonly supply: number | 'all' };

export const SUPPLY_KINDS = ['purchaseOrder', 'transfer', 'production'] as const;
export type SupplyKind = (typeof SUPPLY_KINDS)[number];

/** Goods of one item that are expected at a place; `ref` names them within the item. */
export type DatedSupply = {
  readonly ref: string;
  readonly location: LocationId;
  readonly kind: SupplyKind;
  /** Expected in all; of these `received` have come. */
  readonly quantity: number;
  readonly received: number;
  readonly dueAt: Instant;
  readonly state: 'open' | 'cancelled';
  /** Known to be late: its moment passed, and not all has come. */
  readonly isLate: boolean;
};

/** Units of one item that a program will want by a moment and that no order asks for yet: a blanket order, a forecast. */
export type DatedDemand = {
  readonly ref: string;
  readonly program: ProgramId;
  readonly quantity: number;
  readonly dueAt: Instant;
  readonly state: 'open' | 'cancelled';
};

/** A reserved program: no channel and no route leads to it, so its pool is touched by a reallocation alone. */
export const EMERGENCY: ProgramId = 'emergency';

/** From `at` on, `percent` of a protection still stand; between two points it falls or rises in a straight line. */
export type ReleasePoint = { readonly at: Instant; readonly percent: number };

/**
 * Units of an item that nobody but `program` may take: fixed (`units`), or a part of the supply that there was when the pool was
 * last filled (`percent`, rounded down; `parts` of what fixed and percent pools leave, in proportion). None of the three: 0 units.
 */
export type PoolRule = {
  readonly program: ProgramId;
  /** An item, or `*`: every item, or every item of `group`, without a rule that is nearer to it (rules.ts). */
  readonly sku: Sku | '*';
  readonly group?: string;
  /** Protects units, or a part of what is there, at this place alone, beside the program's rule of the whole item; it has no `limit`. */
  readonly location?: LocationId;
  readonly units?: number;
  readonly percent?: number;
  readonly parts?: number;
  /** The protection is at least, and at most, so many units. */
  readonly minimum?: number;
  readonly maximum?: number;
  /** The program may draw no more than this of the item, own and shared together, until the pool is filled anew. */
  readonly limit?: number;
  /** `core` (when absent): against everybody. `prioritised`: only against programs of the same or a lower priority. */
  readonly protects?: 'core' | 'prioritised';
  /** In force from, and until before. */
  readonly activeFrom?: Instant;
  readonly activeUntil?: Instant;
  /** The release curve, by time; 100 % before its first point. */
  readonly release?: readonly ReleasePoint[];
  /** `receipt`: the protection starts anew with each receipt of the item, or at its place. */
  readonly refill: 'never' | 'receipt';
  /** How its units were reckoned, in words, where the file did not name them. */
  readonly because?: string;
};

/** A buffer from measured latency (latency-buffer.ts): the chance of overselling that is allowed, and bounds in units. */
export type LatencyBuffer = { readonly oversellPercent: number; readonly atLeast: number; readonly atMost: number };

/** From a promise to a number. */
export type ShowRule = {
  /** Percent of the promise, 0 to 100, rounded down. */
  readonly sharePercent: number;
  /** Of the shared pool it shows its fair part alone, beside the other channels that ask for theirs (fair-parts.ts). */
  readonly fairShare?: boolean;
  /** Never promised to this channel, units. */
  readonly safetyStock: number;
  /** The same as percent of the share, rounded up; counted on top of the units. */
  readonly safetyStockPercent?: number;
  /** The item's own planned safety stock is counted on top of the units. */
  readonly isSafetyStockPlanned?: boolean;
  /** Kept back for sales still on their way, units; and as percent of the share, rounded up, on top. */
  readonly buffer: number;
  readonly bufferPercent?: number;
  /** Counts instead of both. */
  readonly latencyBuffer?: LatencyBuffer;
  /** Shows 0 at or below this number; null never hides. */
  readonly hideAtOrBelow: number | null;
  readonly cap: number | null;
};

/** What one channel may show of what its program could be promised. */
export type ChannelRule = ShowRule & {
  readonly channel: ChannelId;
  readonly program: ProgramId;
  /** An item, or `*`: every item, or every item of `group`, without a rule that is nearer to it (rules.ts). */
  readonly sku: Sku | '*';
  readonly group?: string;
  /** Counts instead while the item has fewer free units than its own minimum. */
  readonly below?: ShowRule;
};

/** Sends an order to a program other than its channel's. Every condition that is given must hold; at least one is. */
export type Route = {
  readonly id: string;
  readonly program: ProgramId;
  readonly channel?: ChannelId;
  readonly tag?: string;
  readonly partner?: string;
  readonly customer?: string;
  readonly company?: string;
  readonly orderType?: string;
};

/** Units that a reallocation moves from one pool of an item to another while it is in force: it adds to `to` what it takes from `from`. */
export type Move = {
  readonly id: number;
  readonly from: PoolId;
  readonly to: PoolId;
  readonly units: number;
  /** When it ends by itself. */
  readonly until: Instant;
};

/** Limits of reallocations, and when a pool is low. What is left out is as `guardsOf` says (core/reallocation-guards.ts). */
export type ReallocationPolicy = {
  /** Units of one move; above it a second person approves. */
  readonly approveAbove?: number;
  /** Percent of the donor's pool that one move, and the moves of 24 hours together, may take without approval. */
  readonly perMovePercent?: number;
  readonly perDayPercent?: number;
  /** Between two moves of one donor and item. */
  readonly cooldownMs?: number;
  /** How long a move may be in force. */
  readonly maxDays?: number;
  /** A pool is low below this percent of its protection; 0 never tells. */
  readonly lowPoolPercent?: number;
};

/** When a channel goes from shadow to live by itself, and back (gate.ts); percents from 0 to 100. */
export type GateRule = {
  readonly channel: ChannelId;
  readonly cleanDays: number;
  readonly agreement: number;
  /** Rising, 100 last. */
  readonly ramp: readonly number[];
  readonly stepDays: number;
  readonly fallBack: number;
};

/** The whole policy that decisions are made under; `version` is stored on every decision. */
export type Policy = {
  readonly version: number;
  readonly programs: readonly Program[];
  readonly pools: readonly PoolRule[];
  readonly channels: readonly ChannelRule[];
  readonly routes?: readonly Route[];
  /** How long a read number that no order explains lowers what is shown, milliseconds. */
  readonly inFlightMs: number;
  /** Absent: whoever may apply it may change it alone. */
  readonly approval?: PolicyApproval;
  readonly reallocation?: ReallocationPolicy;
  /** Channels that go live, and back, by themselves; the others by hand alone. */
  readonly gates?: readonly GateRule[];
  /** Absent: as `EXPIRING_WITHIN_DAYS` says (lots.ts). */
  readonly lots?: LotPolicy;
  /** Channels where drift is not always allot's to win. */
  readonly drift?: readonly (DriftRule & { readonly channel: ChannelId })[];
};

/** Whose number stands where a listing shows another one that nothing explains (drift.ts). */
export const WINNERS = ['allot', 'platform', 'ask'] as const;
export type Winner = (typeof WINNERS)[number];

/** `up`: it shows more than it should; `down`: less. */
export type DriftRule = { readonly up: Winner; readonly down: Winner };

/** Units of a lot that expires within so many days are told; 0 tells of none. */
export type LotPolicy = { readonly expiringWithinDays: number };

/** `policy: required`: while this policy is in force, another takes its place only when a second person approved that. */
export type PolicyApproval = { readonly policy: 'required' };

/** Whose units they were: the program's own pool of the item, its pool of this place, or what nobody protects. */
export type PoolKind = 'own' | 'place' | 'shared';

/** Units of one order line promised from one place and one pool. */
export type Allocation = {
  readonly location: LocationId;
  readonly program: ProgramId;
  readonly pool: PoolKind;
  readonly quantity: number;
  /** The component of a kit that the units are of; absent: the line's own item. */
  readonly sku?: Sku;
  /** The lot that they are of; absent: none is known. */
  readonly lot?: LotCode;
};

export const HOLD_KINDS = ['cart', 'draft', 'launch', 'presale', 'subscription', 'forecast'] as const;
export type HoldKind = (typeof HOLD_KINDS)[number];
export const HOLD_STATES = ['held', 'expired', 'released', 'converted'] as const;
export type HoldState = (typeof HOLD_STATES)[number];

/** Units kept for a program until a moment: soft, always with an end. */
export type Hold = {
  readonly id: HoldId;
  readonly sku: Sku;
  readonly program: ProgramId;
  readonly kind: HoldKind;
  /** Who answers for it, and why it is; never an e-mail address. */
  readonly owner: string;
  readonly reason: string;
  /** The asker's own name for it, unique within the item: asking again with it changes this hold, never makes a second. */
  readonly ref: string | null;
  /** The one place that was asked for; null: wherever its program may draw. */
  readonly location: LocationId | null;
  /** As asked for. */
  readonly quantity: number;
  /** What it still keeps; empty once it ended. */
  readonly parts: readonly Allocation[];
  readonly expiresAt: Instant;
  readonly state: HoldState;
};

/** What we promised of a line when its order had to be answered, base units: together what it wanted then. */
export type LineAnswer = {
  readonly accepted: number;
  /** Comes later, as there is supply. */
  readonly backOrdered: number;
  /** Never comes: the line wants it no more. */
  readonly refused: number;
};

/** Base units: listing units times the pack of the listing. */
export type OrderLine = {
  readonly lineRef: string;
  readonly listing: ListingId | null;
  readonly sku: Sku | null;
  /** Base units in one listing unit. */
  readonly pack: number;
  readonly ordered: number;
  readonly cancelled: number;
  readonly returned: number;
  /** As the platform reports it; the platform subtracts only what it does not know to be shipped. */
  readonly reportedShipped: number;
  /** As our ledger has it. */
  readonly shipped: number;
  readonly allocations: readonly Allocation[];
  /** Accepted by the platform, wanted, and neither shipped nor allocated. */
  readonly short: number;
  /** Null until its order was answered; given once. */
  readonly answer: LineAnswer | null;
  /** Of a kit alone: what one set is made of for this line. All totals are then whole sets. */
  readonly components?: readonly Component[];
};

export type Order = {
  readonly id: OrderId;
  readonly channel: ChannelId;
  readonly program: ProgramId;
  readonly placedAt: Instant;
  readonly lines: readonly OrderLine[];
};

export type Listing = {
  readonly id: ListingId;
  readonly channel: ChannelId;
  readonly listingRef: string;
  readonly sku: Sku;
  readonly pack: number;
  /** Where this listing may sell from; empty means wherever its program may. */
  readonly locations: readonly LocationId[];
};
