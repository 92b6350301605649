/**
 * What went wrong with a call, by what to do about it. Pure; client.ts takes the SDK's errors apart first.
 *
 * | Shopify or the network says             | read       | write                                    |
 * | 200 THROTTLED, 429, 430                 | Throttled  | Throttled (resend with the same key)     |
 * | 401, 402, 403, 404, 423, ACCESS_DENIED  | Credential | Credential                               |
 * | 5xx, 200 that is no GraphQL answer      | Transient  | Uncertain: it may have been applied      |
 * | refused connection, unknown host        | Transient  | Transient: nothing was sent              |
 * | reset, timeout, abort                   | Transient  | Uncertain                                |
 * | any other top-level error, 400          | Defect     | Defect                                   |
 *
 * Shopify does not promise that a throttled mutation had no effect: it is sent again byte by byte, under the key it had (facts,
 * section 2). `userErrors` are no faults: push.ts and subscriptions.ts read them.
 */
import { Credential, Defect, Fault, Throttled, Transient, Uncertain } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';

/** Points of Shopify's cost bucket. */
export type Cost = {
  readonly requestedQueryCost: number;
  readonly throttleStatus: {
    readonly maximumAvailable: number;
    readonly currentlyAvailable: number;
    readonly restoreRate: number;
  };
};

/** One failed call, out of the SDK's hands. `thrown` is what fetch threw, before the SDK reduced it to a message. */
export type Failure = {
  readonly status: number | null;
  readonly retryAfterS: number | null;
  readonly graphQLErrors: readonly { readonly message: string; readonly code: string | null }[];
  readonly cost: Cost | null;
  readonly thrown: unknown;
  readonly message: string;
};

export type Call = {
  readonly kind: 'read' | 'write';
  readonly operation: string;
  readonly shop: string;
  readonly now: Instant;
};

/** Shopify's advised least wait. */
const WAIT_MS_MIN = 1_000;

const CREDENTIAL_STATUSES: Readonly<Record<number, string>> = {
  401: 'the access token is not valid: put a new one into ACCESS_TOKEN (or check CLIENT_ID and CLIENT_SECRET)',
  402: 'the shop is frozen for unpaid bills: its owner must settle them in the Shopify admin',
  403: 'the app may not do this: grant it read_products, read_inventory, write_inventory, read_locations and read_orders',
  404: 'no such shop or API version: check `shop` and `apiVersion` of this channel',
  423: 'the shop is locked by Shopify: its owner must ask Shopify support',
};

/** Errors of the network before a byte could have reached Shopify. */
const NOTHING_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** When a bucket that holds too little will pay `requested`, at the earliest in a second. */
function payableAt(requested: number, available: number, restoreRate: number, now: Instant): Instant {
  const waitMs = restoreRate > 0 ? ((requested - available) / restoreRate) * 1_000 : WAIT_MS_MIN;
  return now + Math.ceil(Math.max(WAIT_MS_MIN, waitMs));
}

function throttled(failure: Failure, call: Call): Throttled {
  const what = `${call.shop} throttles ${call.operation}`;
  if (failure.cost !== null) {
    const { requestedQueryCost, throttleStatus } = failure.cost;
    const { currentlyAvailable, maximumAvailable, restoreRate } = throttleStatus;
    const retryAt = payableAt(requestedQueryCost, currentlyAvailable, restoreRate, call.now);
    return new Throttled(
      `${what}: it costs ${requestedQueryCost}, ${currentlyAvailable} of ${maximumAvailable} points are left`,
      retryAt,
    );
  }
  return new Throttled(what, call.now + Math.max(WAIT_MS_MIN, (failure.retryAfterS ?? 0) * 1_000));
}

const codesOf = (thrown: unknown): readonly string[] => {
  const codes: string[] = [];
  for (let error: unknown = thrown; error instanceof Error && codes.length < 8; error = error.cause) {
    if ('code' in error && typeof error.code === 'string') codes.push(error.code);
  }
  return codes;
};

/** Nothing came back. Whatever http.ts made of it, a read is always safe to repeat. */
function networkFault(failure: Failure, call: Call): Fault {
  const { thrown } = failure;
  const message = `${call.operation} at ${call.shop}: ${thrown instanceof Error ? thrown.message : failure.message}`;
  if (call.kind === 'read')
    return thrown instanceof Fault && thrown.code !== 'uncertain' ? thrown : new Transient(message, thrown);
  if (thrown instanceof Fault) return thrown;
  return codesOf(thrown).some((code) => NOTHING_SENT.has(code))
    ? new Transient(message, thrown)
    : new Uncertain(message, thrown);
}

function graphqlFault(failure: Failure, call: Call): Fault {
  const codes = failure.graphQLErrors.map((error) => error.code);
  const messages = failure.graphQLErrors.map((error) => error.message).join('; ');
  if (codes.includes('THROTTLED')) return throttled(failure, call);
  if (codes.includes('ACCESS_DENIED') || codes.includes('SHOP_INACTIVE')) {
    return new Credential(
      `${call.operation} at ${call.shop}: ${messages}; grant the app the scope it names and install it again`,
    );
  }
  if (codes.includes('INTERNAL_SERVER_ERROR') || codes.includes('TIMEOUT')) return unclear(call, messages);
  return new Defect(`${call.shop} refuses ${call.operation} as it is written: ${messages} (${codes.join(', ')})`);
}

const unclear = (call: Call, what: string): Fault => {
  const message = `${call.operation} at ${call.shop}: ${what}`;
  return call.kind === 'read' ? new Transient(message) : new Uncertain(message);
};

export function faultOf(failure: Failure, call: Call): Fault {
  const { status } = failure;
  if (status === null) return networkFault(failure, call);
  if (status === 200 && failure.graphQLErrors.length > 0) return graphqlFault(failure, call);
  if (status === 429 || status === 430) return throttled(failure, call);
  const fix = CREDENTIAL_STATUSES[status];
  if (fix !== undefined) return new Credential(`${call.shop} answers ${status} to ${call.operation}: ${fix}`);
  if (status === 200) return unclear(call, 'an answer that is no GraphQL');
  if (status >= 500) return unclear(call, `HTTP ${status}`);
  return new Defect(`${call.shop} answers ${status} to ${call.operation}: ${failure.message.slice(0, 200)}`);
}
