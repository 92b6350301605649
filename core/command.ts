/**
 * Commands: the only way that stock and promises change. Normalised, free of platform words and personal data, stored as JSON with
 * the batch that decided them, so that replay needs nothing else.
 */
import type {
  ChannelId,
  CommandId,
  Disposition,
  Instant,
  ListingId,
  LocationId,
  OrderId,
  PoolId,
  Sku,
  StockMaster,
} from './model.ts';
import type { OrderState } from './order-state.ts';

export type OrderStateCommand = {
  readonly kind: 'order-state';
  readonly channel: ChannelId;
  readonly order: OrderState;
};

/** Who speaks of goods; absent: allot itself, by a person or a rule. Refused where another is the place's stock master. */
type FromMaster = { readonly source?: StockMaster };

export type ReceiveCommand = FromMaster & {
  readonly kind: 'receive';
  readonly sku: Sku;
  readonly location: LocationId;
  readonly quantity: number;
  readonly disposition: Disposition;
};

/** A signed correction of what is on hand, with the reason a person gave. */
export type AdjustCommand = FromMaster & {
  readonly kind: 'adjust';
  readonly sku: Sku;
  readonly location: LocationId;
  readonly disposition: Disposition;
  readonly delta: number;
  readonly reason: string;
};

/** What was counted, and the moment of counting: later movements are not erased by it. */
export type CountCommand = FromMaster & {
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
};

/** Moves goods between dispositions at one place: the inspection that lets a return leave quarantine, or damage found. */
export type InspectCommand = FromMaster & {
  readonly kind: 'inspect';
  readonly sku: Sku;
  readonly location: LocationId;
  readonly from: Disposition;
  readonly to: Disposition;
  readonly quantity: number;
};

/** Ships open units of an order; without lines, all that is allocated. */
export type ShipCommand = {
  readonly kind: 'ship';
  readonly orderId: OrderId;
  readonly lines: readonly { readonly lineRef: string; readonly quantity: number }[] | null;
};

/** Goods that came back without their order's channel saying so; they enter quarantine. */
export type ReturnCommand = FromMaster & {
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

/** Decides an item again: a moment came (`nextReviewAt`), or policy or a listing changed. */
export type ReviewCommand = { readonly kind: 'review'; readonly sku: Sku };

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

export type CommandBody =
  | OrderStateCommand
  | ReceiveCommand
  | AdjustCommand
  | CountCommand
  | TransferCommand
  | InspectCommand
  | ShipCommand
  | ReturnCommand
  | ObservedCommand
  | ReviewCommand
  | ReallocateCommand
  | EndReallocationCommand;

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
