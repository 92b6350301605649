/**
 * Commands: the only way that stock and promises change. Normalised, free of platform words and personal data, stored as JSON with
 * the batch that decided them, so that replay needs nothing else.
 */
import type {
  ChannelId,
  CommandId,
  Disposition,
  HoldId,
  HoldKind,
  Instant,
  ListingId,
  LocationId,
  LotCode,
  OrderId,
  PoolId,
  ProgramId,
  Sku,
  StockMaster,
  SupplyKind,
} from './model.ts';
import type { OrderState } from './order-state.ts';

export type OrderStateCommand = {
  readonly kind: 'order-state';
  readonly channel: ChannelId;
  readonly order: OrderState;
  /** Holds whose units become allocations of this order's lines. */
  readonly holds?: readonly HoldUse[];
};

/** `rest`: what becomes of the units that the order does not want. */
export type HoldUse = { readonly hold: HoldId; readonly rest: 'keep' | 'release' };

/** Who speaks of goods; absent: allot itself, by a person or a rule. Refused where another is the place's stock master. */
type FromMaster = { readonly source?: StockMaster };

/**
 * The lot that goods are of. Absent: what leaves is taken from units without a lot first, then as it expires; what comes has none, and
 * its expiry is unknown. `expiresAt` makes a lot that is not known yet (null: it never expires).
 */
type OfLot = { readonly lot?: LotCode; readonly expiresAt?: Instant | null };

export type ReceiveCommand = FromMaster &
  OfLot & {
    readonly kind: 'receive';
    readonly sku: Sku;
    readonly location: LocationId;
    readonly quantity: number;
    readonly disposition: Disposition;
    /** The dated supply that came: so much less of it is expected still. */
    readonly supply?: string;
  };

/** A signed correction of what is on hand, with the reason a person gave. */
export type AdjustCommand = FromMaster &
  OfLot & {
    readonly kind: 'adjust';
    readonly sku: Sku;
    readonly location: LocationId;
    readonly disposition: Disposition;
    readonly delta: number;
    readonly reason: string;
  };

/** Units of one lot among what was counted. */
export type LotCount = Required<Pick<OfLot, 'lot'>> & Pick<OfLot, 'expiresAt'> & { readonly quantity: number };

/**
 * What was counted, and the moment of counting: later movements are not erased by it. With a `lot`, of that lot alone; else of the
 * place, and `lots` says what it is made of: a lot that is not named has nothing there, and what they leave of the whole has no lot.
 */
export type CountCommand = FromMaster &
  OfLot & {
    readonly lots?: readonly LotCount[];
    readonly kind: 'count';
    readonly sku: Sku;
    readonly location: LocationId;
    readonly disposition: Disposition;
    readonly quantity: number;
    readonly asOf: Instant;
  };

export type TransferCommand = FromMaster & {
  readonly kind: 'transfer';
  readonly sku: Sku;
  readonly from: LocationId;
  readonly to: LocationId;
  readonly quantity: number;
  readonly lot?: LotCode;
};

/** Moves goods between dispositions at one place: the inspection that lets a return leave quarantine, or damage found. */
export type InspectCommand = FromMaster & {
  readonly kind: 'inspect';
  readonly sku: Sku;
  readonly location: LocationId;
  readonly from: Disposition;
  readonly to: Disposition;
  readonly quantity: number;
  readonly lot?: LotCode;
  /** Where somebody gave one: a recall. */
  readonly reason?: string;
};

/** Ships open units of an order; without lines, all that is allocated. `lot`: the one that was picked, whichever was allocated. */
export type ShipCommand = {
  readonly kind: 'ship';
  readonly orderId: OrderId;
  readonly lines: readonly { readonly lineRef: string; readonly quantity: number; readonly lot?: LotCode }[] | null;
};

/** Corrects when a lot expires. */
export type SetLotCommand = {
  readonly kind: 'set-lot';
  readonly sku: Sku;
  readonly lot: LotCode;
  readonly expiresAt: Instant | null;
  readonly reason: string;
};

/** Goods that came back without their order's channel saying so; they enter quarantine. */
export type ReturnCommand = FromMaster &
  OfLot & {
    readonly kind: 'return';
    readonly sku: Sku;
    readonly location: LocationId;
    readonly quantity: number;
  };

/** A read of the platform that known orders do not explain: `seenSold` units sold in all, as its number implies. Null takes it back. */
export type ObservedCommand = {
  readonly kind: 'observed';
  readonly listing: ListingId;
  readonly seenSold: number | null;
  readonly until: Instant | null;
};

/** What is known now of goods that will come: the newest word on (sku, ref) stands. What was received of it stays received. */
export type ExpectSupplyCommand = {
  readonly kind: 'expect-supply';
  readonly sku: Sku;
  readonly ref: string;
  readonly location: LocationId;
  readonly supplyKind: SupplyKind;
  readonly quantity: number;
  readonly dueAt: Instant;
  readonly state: 'open' | 'cancelled';
};

/** What is known now of units that will be wanted: the newest word on (sku, ref) stands. */
export type ExpectDemandCommand = {
  readonly kind: 'expect-demand';
  readonly sku: Sku;
  readonly ref: string;
  readonly program: ProgramId;
  readonly quantity: number;
  readonly dueAt: Instant;
  readonly state: 'open' | 'cancelled';
};

/** Decides an item again: a moment came (`nextReviewAt`), or policy or a listing changed. */
export type ReviewCommand = { readonly kind: 'review'; readonly sku: Sku };

/** Keeps units for a program until `expiresAt`; with a `ref` that is known, changes that hold to what this says. */
export type HoldCommand = {
  readonly kind: 'hold';
  readonly holdKind: HoldKind;
  readonly sku: Sku;
  readonly program: ProgramId;
  readonly quantity: number;
  readonly location: LocationId | null;
  readonly owner: string;
  readonly reason: string;
  readonly expiresAt: Instant;
  readonly ref: string | null;
};

/** `isDue`: its time has come, says the sweep; nothing happens if it was extended meanwhile. */
export type ReleaseHoldCommand = {
  readonly kind: 'release-hold';
  readonly sku: Sku;
  readonly hold: HoldId;
  readonly reason: string;
  readonly isDue: boolean;
};

export type ExtendHoldCommand = {
  readonly kind: 'extend-hold';
  readonly sku: Sku;
  readonly hold: HoldId;
  readonly expiresAt: Instant;
};

/** Moves protected units of an item from one pool to another until a moment: the decision of an approved reallocation. */
export type ReallocateCommand = {
  readonly kind: 'reallocate';
  readonly id: number;
  readonly sku: Sku;
  readonly from: PoolId;
  readonly to: PoolId;
  readonly units: number;
  readonly until: Instant;
};

/** Takes a move back: at its end (`expired`), or by a person before (`returned`). Nothing where it is not in force. */
export type EndReallocationCommand = {
  readonly kind: 'end-reallocation';
  readonly id: number;
  readonly sku: Sku;
  readonly as: 'expired' | 'returned';
};

/** Of a re-confirmation, in the order they are served (reconfirm.ts). */
export const STRATEGIES = ['win', 'gain', 'improve', 'redistribute', 'fill', 'lose'] as const;
export type Strategy = (typeof STRATEGIES)[number];

export const RECONFIRM_ORDERS = ['priority', 'valueAtRisk', 'fairShare'] as const;

/** Lines that a run treats alike; of several that fit a line the nearest counts: order, then channel, then program. */
export type ReconfirmSegment = {
  readonly match: 'program' | 'channel' | 'order';
  readonly id: string;
  readonly strategy?: Strategy;
  /** What a unit that is not delivered costs: the margin lost, and what the partner charges for it. Money, any one currency. */
  readonly margin?: number;
  readonly chargeback?: number;
};

/** Confirms all open lines of an item anew, by strategy: where more is promised than there is, or promised to the wrong ones. */
export type ReconfirmCommand = {
  readonly kind: 'reconfirm';
  readonly sku: Sku;
  readonly by: (typeof RECONFIRM_ORDERS)[number];
  readonly segments: readonly ReconfirmSegment[];
  /** For lines that no segment gives a strategy. */
  readonly others: Strategy;
};

export type CommandBody =
  | OrderStateCommand
  | ReceiveCommand
  | AdjustCommand
  | CountCommand
  | TransferCommand
  | InspectCommand
  | ShipCommand
  | ReturnCommand
  | SetLotCommand
  | ObservedCommand
  | ReviewCommand
  | HoldCommand
  | ReleaseHoldCommand
  | ExtendHoldCommand
  | ReallocateCommand
  | EndReallocationCommand
  | ReconfirmCommand
  | ExpectSupplyCommand
  | ExpectDemandCommand;

export type Command = {
  readonly id: CommandId;
  /** When it happened in the world; a late movement carries an early moment. */
  readonly occurredAt: Instant;
  readonly recordedAt: Instant;
  /** A person, a channel, or a part of allot. */
  readonly actor: string;
  readonly body: CommandBody;
};

export const orderIdOf = (channel: ChannelId, orderRef: string): OrderId => `${channel}/${orderRef}`;

/** The order a command is bound to: commands of one order are decided in sequence, and parked together. */
export function orderOf(body: CommandBody): OrderId | null {
  if (body.kind === 'order-state') return orderIdOf(body.channel, body.order.orderRef);
  return body.kind === 'ship' ? body.orderId : null;
}

/** The item a command names itself; orders and observations reach their items through their listings. */
export function skuOf(body: CommandBody): Sku | null {
  return 'sku' in body ? body.sku : null;
}

/** Lots that a command names, which of them are of an item only its books know. */
export function lotsOf(body: CommandBody): LotCode[] {
  if (body.kind === 'ship') return (body.lines ?? []).flatMap(({ lot }) => lot ?? []);
  const own = 'lot' in body && body.lot !== undefined ? [body.lot] : [];
  return body.kind === 'count' ? [...own, ...(body.lots ?? []).map(({ lot }) => lot)] : own;
}
