/**
 * Orders as states: what a connector hands over is a whole order with totals per line, never a transition.
 *
 * Guarantees: `joinOrder` is commutative, associative and idempotent, so duplicates, delays and disorder of one order's states
 * end in one final state. `ordered` and `cancelled` follow the newest version; `shipped` and `returned` only grow, from any
 * version, since goods that left do not come back by a message (a return is its own total).
 */
import type { Instant } from './model.ts';
import type { OrderAttributes } from './rules.ts';

/** Totals of one line, in listing units (a 6-pack listing counts packs). cancelled <= ordered; shipped + cancelled may not exceed ordered. */
export type OrderLineState = {
  readonly lineRef: string;
  /** The connector's opaque listing reference; null where the line names nothing that a listing could be (custom line, deleted product). */
  readonly listingRef: string | null;
  /** The seller's SKU as the platform printed it: a hint for people, never used to decide. */
  readonly skuHint: string | null;
  readonly ordered: number;
  readonly cancelled: number;
  readonly shipped: number;
  readonly returned: number;
  /** The platform orders it by so many at once (a case); 1 when absent. What is promised of it is whole ones. */
  readonly unit?: number;
  /** Written by `joinOrder` alone: the newest order version that named this line. */
  readonly version?: number;
};

export type Obligation = { readonly kind: 'acknowledge' | 'accept' | 'ship'; readonly dueAt: Instant };

/** What becomes of units that cannot be promised when the order has to be answered; `shipComplete`: all of it or nothing. */
export type FillRule = 'cancelBalance' | 'backOrder' | 'shipComplete';

export type OrderState = {
  /** The platform's own order id, opaque, unique in the channel. */
  readonly orderRef: string;
  /** What a person at the platform calls it ("#1001", a PO number). */
  readonly displayRef: string;
  /** Grows with every change on the platform: its version, or its modified time in milliseconds. */
  readonly version: number;
  readonly placedAt: Instant;
  readonly modifiedAt: Instant;
  /** Orders that the marketplace fulfils from its own stock never touch ours. */
  readonly fulfilledBy: 'seller' | 'marketplace';
  /**
   * Taken by a person (phone, import), so that the platform knows nothing of it and lowered no number; absent: the platform's own,
   * which it becomes, and stays, with the first state that the platform tells of it.
   */
  readonly origin?: 'operator';
  readonly locationRef: string | null;
  /** The buyer asked for what is cancelled, where the platform tells; absent: nobody knows, or somebody else did. Moves no unit. */
  readonly cancelledBy?: 'buyer';
  /** What a route may ask for; only values that some route names are kept (rules.ts). */
  readonly attributes?: OrderAttributes;
  readonly obligations: readonly Obligation[];
  /** Only where an obligation to `accept` asks for an answer; what the program's completeness says when absent. */
  readonly fillRule?: FillRule;
  readonly lines: readonly OrderLineState[];
};

/**
 * What a line's totals mean for the books. A line that the newest state no longer names is wholly cancelled (platforms drop removed
 * lines from later payloads), and what left can no longer be cancelled. Read off, never stored: a joined state keeps the raw
 * totals, or the order of arrival would show in it.
 */
export function settleLine(order: OrderState, line: OrderLineState): OrderLineState {
  const cancelled = versionOf(order, line) < order.version ? line.ordered : line.cancelled;
  const settled = Math.max(0, Math.min(cancelled, line.ordered - line.shipped));
  return settled === line.cancelled ? line : { ...line, cancelled: settled };
}

const versionOf = (order: OrderState, line: OrderLineState): number => line.version ?? order.version;

/** The greater text; any name before none. A line never moves to another listing: platforms give a changed item a new line. */
const greaterName = (a: string | null, b: string | null): string | null =>
  a === null || (b !== null && b > a) ? b : a;

type Versioned = OrderLineState & { readonly version: number };

/** By reference, none of them twice: as lines are kept, and as most platforms list them. */
export function isInOrder(lines: readonly { readonly lineRef: string }[]): boolean {
  let before = '';
  for (const { lineRef } of lines) {
    if (lineRef <= before) return false;
    before = lineRef;
  }
  return true;
}

/** What `joinLine` makes of a line and itself. */
function versioned(order: OrderState, line: OrderLineState): Versioned {
  const { lineRef, ordered, shipped, skuHint, returned, cancelled, listingRef, unit = 1 } = line;
  const version = versionOf(order, line);
  const plain = { lineRef, ordered, shipped, skuHint, version, returned, cancelled, listingRef };
  return unit === 1 ? plain : { unit, ...plain };
}

function joinLine(a: Versioned, b: Versioned): Versioned {
  const isTie = a.version === b.version;
  const newer = b.version > a.version ? b : a;
  const unit = isTie ? Math.max(a.unit ?? 1, b.unit ?? 1) : (newer.unit ?? 1);
  const joined = {
    lineRef: a.lineRef,
    ordered: isTie ? Math.max(a.ordered, b.ordered) : newer.ordered,
    shipped: Math.max(a.shipped, b.shipped),
    skuHint: greaterName(a.skuHint, b.skuHint),
    version: newer.version,
    returned: Math.max(a.returned, b.returned),
    cancelled: isTie ? Math.max(a.cancelled, b.cancelled) : newer.cancelled,
    listingRef: greaterName(a.listingRef, b.listingRef),
  };
  return unit === 1 ? joined : { unit, ...joined };
}

function joinLines(a: OrderState, b: OrderState): Versioned[] {
  const lines = new Map<string, Versioned>();
  for (const order of a === b ? [a] : [a, b]) {
    for (const line of order.lines) {
      const next = versioned(order, line);
      const before = lines.get(line.lineRef);
      lines.set(line.lineRef, before === undefined ? next : joinLine(before, next));
    }
  }
  const joined = [...lines.values()];
  return isInOrder(joined) ? joined : joined.sort((x, y) => (x.lineRef < y.lineRef ? -1 : 1));
}

/** In the key order of jsonb. */
const attributesOf = ({ tags, company, partner, customer, orderType }: OrderAttributes): OrderAttributes => ({
  ...(tags === undefined ? {} : { tags }),
  ...(company === undefined ? {} : { company }),
  ...(partner === undefined ? {} : { partner }),
  ...(customer === undefined ? {} : { customer }),
  ...(orderType === undefined ? {} : { orderType }),
});

/** Whose word counts on all but lines and moments: the newer state's; of two with one version, the greater as text. */
function newerHead(a: OrderState, b: OrderState): OrderState {
  if (a === b) return a;
  if (a.version !== b.version) return a.version > b.version ? a : b;
  const textOf = (order: OrderState): string => {
    const { displayRef, fillRule, fulfilledBy, locationRef, obligations, attributes, cancelledBy } = order;
    const owed = obligations.map(({ kind, dueAt }) => [kind, dueAt]);
    const routed = attributes === undefined ? [] : [attributesOf(attributes)];
    const rule = fillRule ?? 'cancelBalance';
    return JSON.stringify([
      displayRef,
      fulfilledBy,
      locationRef,
      owed,
      rule,
      ...routed,
      ...(cancelledBy ? [cancelledBy] : []),
    ]);
  };
  return textOf(a) >= textOf(b) ? a : b;
}

/**
 * The state after both have been seen, in one form: lines by reference, each with the version that last named it; keys as jsonb
 * orders them (by length, then by name), so that a join which adds nothing equals the stored state as text.
 */
export function joinOrder(a: OrderState, b: OrderState): OrderState {
  const head = newerHead(a, b);
  const joined = {
    lines: a === b && isInOrder(a.lines) ? a.lines.map((line) => versioned(a, line)) : joinLines(a, b),
    version: head.version,
    orderRef: head.orderRef,
    placedAt: Math.min(a.placedAt, b.placedAt),
    displayRef: head.displayRef,
    modifiedAt: Math.max(a.modifiedAt, b.modifiedAt),
    fulfilledBy: head.fulfilledBy,
    locationRef: head.locationRef,
    obligations: head.obligations.length === 0 ? [] : head.obligations.map(({ kind, dueAt }) => ({ kind, dueAt })),
  };
  const isOperators = a.origin === 'operator' && b.origin === 'operator';
  const hasRareKeys = head.fillRule !== undefined || head.attributes !== undefined || head.cancelledBy !== undefined;
  return isOperators || hasRareKeys ? withRareKeys(joined, head, isOperators) : joined;
}

/** In their places among the others: keys of one form, whichever there are. */
function withRareKeys(joined: OrderState, head: OrderState, isOperators: boolean): OrderState {
  const { fillRule, attributes, cancelledBy } = head;
  const { lines, version, orderRef, placedAt, displayRef, modifiedAt, ...rest } = joined;
  return {
    lines,
    ...(isOperators ? { origin: 'operator' } : {}),
    version,
    ...(fillRule === undefined ? {} : { fillRule }),
    orderRef,
    placedAt,
    ...(attributes === undefined ? {} : { attributes: attributesOf(attributes) }),
    displayRef,
    modifiedAt,
    ...(cancelledBy === undefined ? {} : { cancelledBy }),
    ...rest,
  };
}
