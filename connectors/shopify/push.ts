/**
 * Absolute quantities to Shopify: `inventorySetQuantities` on `available`, compared with what must still stand there.
 *
 * Guarantees: the prepared bytes carry an idempotency key of their own and `changeFromQuantity` in every entry (an int, or an
 * explicit null); sending them twice within a day applies them once. One outcome per item: Shopify refuses the whole batch for one
 * bad entry, so where it names entries, those get their reason and the others are deferred to be sent again under a new key.
 *
 * | userErrors code                                  | named entry | the others |
 * | CHANGE_FROM_QUANTITY_STALE, COMPARE_QUANTITY_*   | stale       | deferred   |
 * | INVALID_INVENTORY_ITEM, INVALID_LOCATION, NON_MUTABLE_INVENTORY_ITEM, INVALID_QUANTITY_* | rejected | deferred |
 * | IDEMPOTENCY_CONCURRENT_REQUEST, _PREVIOUS_ATTEMPT_FAILED | unknown | unknown    |
 * | all others                                       | Defect      | Defect     |
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { assert, Defect, Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { PreparedPush, PushItem, PushOutcome } from '../connector.ts';
import type { ShopifyClient } from './client.ts';
import { SET_QUANTITIES } from './documents.ts';
import { inventoryItemOf } from './levels.ts';

export const ENTRIES_MAX = 250;

/** Above this Shopify answers INVALID_QUANTITY_TOO_HIGH. */
const QUANTITY_MAX = 1_000_000_000;

/** `changeFromQuantity` is never left out: Shopify refuses a call without it at run time. */
type Entry = {
  readonly inventoryItemId: string;
  readonly locationId: string;
  readonly quantity: number;
  readonly changeFromQuantity: number | null;
};

const wireSchema = z.object({
  query: z.literal(SET_QUANTITIES),
  variables: z.object({
    input: z.looseObject({
      quantities: z.array(
        z.object({
          inventoryItemId: z.string(),
          locationId: z.string(),
          quantity: z.number(),
          changeFromQuantity: z.number().nullable(),
        }),
      ),
    }),
    key: z.string(),
  }),
});

const setAnswer = z.object({
  inventorySetQuantities: z
    .object({
      inventoryAdjustmentGroup: z
        .object({
          changes: z.array(
            z.object({
              quantityAfterChange: z.number().nullable(),
              item: z.object({ id: z.string() }).nullable(),
              location: z.object({ id: z.string() }).nullable(),
            }),
          ),
        })
        .nullable(),
      userErrors: z.array(
        z.object({ code: z.string().nullable(), field: z.array(z.string()).nullable(), message: z.string() }),
      ),
    })
    .nullable(),
});

type Payload = NonNullable<z.infer<typeof setAnswer>['inventorySetQuantities']>;
type UserError = Payload['userErrors'][number];

/** A UUID (version 5 in form) over the attempt and what it says: other variables can never meet an old key. */
function keyOf(idempotencyKey: string, input: unknown): string {
  const hex = createHash('sha256')
    .update(`${idempotencyKey}|${JSON.stringify(input)}`)
    .digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const pairOf = (entry: { readonly inventoryItemId: string; readonly locationId: string }): string =>
  `${entry.inventoryItemId} at ${entry.locationId}`;

function entryOf(item: PushItem): Entry {
  const { wireQuantity, compareWith, listing } = item;
  const isQuantity = Number.isSafeInteger(wireQuantity) && wireQuantity >= 0 && wireQuantity <= QUANTITY_MAX;
  assert(
    isQuantity,
    `quantity ${wireQuantity} of listing ${listing.listingRef} is not a whole number from 0 to ${QUANTITY_MAX}`,
  );
  return {
    inventoryItemId: inventoryItemOf(listing),
    locationId: listing.locationRef,
    quantity: wireQuantity,
    changeFromQuantity: compareWith,
  };
}

export function preparePush(items: readonly PushItem[], idempotencyKey: string): PreparedPush {
  assert(items.length > 0 && items.length <= ENTRIES_MAX, `a push has 1 to ${ENTRIES_MAX} items, not ${items.length}`);
  const quantities = items.map(entryOf);
  const pairs = new Set<string>();
  for (const [index, entry] of quantities.entries()) {
    const pair = pairOf(entry);
    if (pairs.has(pair)) {
      const value = items[index]?.listing.listingRef;
      const fix = 'two listings of this channel share one inventory item: unmap one of them with allot listings unmap';
      throw new Rejected(`a push names ${pair} twice`, { field: `items[${index}].listing`, value, fix });
    }
    pairs.add(pair);
  }
  const referenceDocumentUri = `gid://allot/PushAttempt/${encodeURIComponent(idempotencyKey)}`;
  const input = { name: 'available', reason: 'correction', referenceDocumentUri, quantities };
  return { wire: JSON.stringify({ query: SET_QUANTITIES, variables: { input, key: keyOf(idempotencyKey, input) } }) };
}

const STALE = new Set(['CHANGE_FROM_QUANTITY_STALE', 'COMPARE_QUANTITY_STALE', 'COMPARE_QUANTITY_REQUIRED']);
const UNKNOWN = new Set(['IDEMPOTENCY_CONCURRENT_REQUEST', 'IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED']);

/** What a person does about an entry that Shopify will never take. */
const FIXES: Readonly<Record<string, string>> = {
  INVALID_INVENTORY_ITEM: 'the product is gone from the shop: unmap the listing, or map its successor (allot listings)',
  INVALID_LOCATION:
    'the location is gone or switched off in the shop: switch it on there, or take it out of this channel',
  NON_MUTABLE_INVENTORY_ITEM:
    'this is a bundle, its number comes from its components: map the components, unmap the bundle',
  INVALID_QUANTITY_NEGATIVE: 'report it: allot never means to send a number below 0',
  INVALID_QUANTITY_TOO_HIGH: 'cap what this channel shows (cap) below 1,000,000,000',
  INVALID_QUANTITY_TOO_LOW: 'report it: allot never means to send a number below 0',
  ITEM_NOT_STOCKED_AT_LOCATION: 'stock the item at this location in the Shopify admin, or unmap the listing',
};

/** `["input", "quantities", "71", "inventoryItemId"]` names entry 71; null where an error names none. */
const indexOf = (error: UserError): number | null => {
  const part = error.field?.find((each) => /^\d+$/.test(each));
  return part === undefined ? null : Number(part);
};

function outcomeOf(error: UserError): PushOutcome {
  const code = error.code ?? 'no code';
  if (STALE.has(code)) return { kind: 'stale', shown: null };
  if (UNKNOWN.has(code)) return { kind: 'unknown', why: `${code}: ${error.message}` };
  const fix = FIXES[code];
  if (fix !== undefined) return { kind: 'rejected', reason: `${code}: ${error.message}`, fix };
  throw new Defect(
    `Shopify refuses the push as it is written: ${code} at ${error.field?.join('.') ?? 'input'}: ${error.message}`,
  );
}

function refusedOutcomes(errors: readonly UserError[], itemCount: number, now: Instant): readonly PushOutcome[] {
  const named = new Map<number, PushOutcome>();
  for (const error of errors) {
    const outcome = outcomeOf(error);
    const index = indexOf(error);
    // Said of the whole call, or of nobody: then it holds for every entry.
    if (index === null || outcome.kind === 'unknown') return Array.from({ length: itemCount }, () => outcome);
    if (!named.has(index)) named.set(index, outcome);
  }
  const deferred: PushOutcome = { kind: 'deferred', until: now, why: 'another entry of the batch was refused' };
  return Array.from({ length: itemCount }, (_, index) => named.get(index) ?? deferred);
}

/** A set that changed nothing answers neither a group nor an error; an entry that changed nothing is not among the changes. */
function appliedOutcomes(payload: Payload, entries: readonly Entry[]): readonly PushOutcome[] {
  const after = new Map<string, number | null>();
  for (const change of payload.inventoryAdjustmentGroup?.changes ?? []) {
    if (change.item === null || change.location === null) continue;
    after.set(pairOf({ inventoryItemId: change.item.id, locationId: change.location.id }), change.quantityAfterChange);
  }
  return entries.map((entry) => {
    const pair = pairOf(entry);
    return after.has(pair) ? { kind: 'applied', shownAfter: after.get(pair) ?? entry.quantity } : { kind: 'unchanged' };
  });
}

/** One outcome per entry from what Shopify answered. Throws Defect where the fault is ours. */
export function outcomesOf(payload: Payload, entries: readonly Entry[], now: Instant): readonly PushOutcome[] {
  if (payload.inventoryAdjustmentGroup === null && payload.userErrors.length > 0) {
    return refusedOutcomes(payload.userErrors, entries.length, now);
  }
  return appliedOutcomes(payload, entries);
}

export async function sendPush(
  client: ShopifyClient,
  prepared: PreparedPush,
  call: { readonly itemCount: number; readonly now: () => Instant },
  signal: AbortSignal,
): Promise<readonly PushOutcome[]> {
  const { query, variables } = wireSchema.parse(JSON.parse(prepared.wire));
  const entries = variables.input.quantities;
  assert(entries.length === call.itemCount, `the wire holds ${entries.length} entries for ${call.itemCount} items`);
  const answer = await client.write({ document: query, variables, answer: setAnswer }, signal);
  const payload = answer.inventorySetQuantities;
  if (payload === null) return entries.map(() => ({ kind: 'unknown', why: 'Shopify answered the push with nothing' }));
  return outcomesOf(payload, entries, call.now());
}
