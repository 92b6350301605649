/**
 * Numbers to the partner: prepared as exact bytes, sent as they are, one outcome per item, tickets collected.
 *
 * Absolute numbers only. Where the partner compares, `expected` and a key travel with each push; elsewhere neither is sent, since a
 * partner that ignored them would only look protected.
 */
import { z } from 'zod';
import { assert } from '#core/errors.ts';
import type { CollectResult, PreparedPush, PushItem, PushOutcome } from '../connector.ts';
import { readShape } from '../json.ts';
import { checkAnswer, type PartnerCall, type PartnerClient } from './client.ts';
import { type FakeSettings, ITEMS_MAX } from './settings.ts';

const resultSchema = z.object({
  status: z.enum(['applied', 'unchanged', 'stale', 'refused']),
  number: z.int().nullable(),
  reason: z.string().optional(),
});
type PartnerResult = z.infer<typeof resultSchema>;
/** Null for an item of which the partner says nothing. */
const resultsSchema = z.array(resultSchema.nullable()).max(ITEMS_MAX);
/** An all-or-nothing batch that was refused whole: which item was the reason. */
const refusalSchema = z.object({ index: z.int().min(0), result: resultSchema });
const sentSchema = z.object({ results: resultsSchema });
const ticketSchema = z.object({ ticket: z.string().min(1) });
const refusedSchema = z.object({ error: refusalSchema });
const collectedSchema = z.object({
  status: z.enum(['working', 'done']),
  results: resultsSchema.optional(),
  error: refusalSchema.optional(),
});

const FIX = 'look at the listing on the partner, or map it again';

/** Pure: the same items and key give the same bytes. Throws Defect for what may never be sent. */
export function prepare(settings: FakeSettings, items: readonly PushItem[], idempotencyKey: string): PreparedPush {
  assert(items.length > 0, 'a push has at least one item');
  assert(items.length <= ITEMS_MAX, `a push has at most ${ITEMS_MAX} items, this one has ${items.length}`);
  const wireItems = items.map(({ listing, wireQuantity, compareWith }) => {
    const isCount = Number.isSafeInteger(wireQuantity) && wireQuantity >= 0;
    assert(isCount, `the quantity of listing ${listing.listingRef} must be a whole number from 0, not ${wireQuantity}`);
    const expected = settings.compareAndSet && compareWith !== null ? { expected: compareWith } : {};
    return { listing: listing.listingRef, location: listing.locationRef, number: wireQuantity, ...expected };
  });
  const key = settings.compareAndSet ? { key: idempotencyKey } : {};
  return { wire: JSON.stringify({ ...key, items: wireItems }) };
}

const OUTCOMES: Readonly<Record<PartnerResult['status'], (result: PartnerResult) => PushOutcome>> = {
  applied: ({ number }) => ({ kind: 'applied', shownAfter: number }),
  unchanged: () => ({ kind: 'unchanged' }),
  stale: ({ number }) => ({ kind: 'stale', shown: number }),
  refused: ({ reason = 'the partner gives no reason' }) => ({ kind: 'rejected', reason, fix: FIX }),
};

const outcomeOf = (result: PartnerResult | null | undefined): PushOutcome | null =>
  result === null || result === undefined ? null : OUTCOMES[result.status](result);

/** The one bad item gets its outcome; the others were not even tried. */
function refuseWhole(refusal: z.infer<typeof refusalSchema>, itemCount: number, now: number): (PushOutcome | null)[] {
  const why = `the batch was refused for item ${refusal.index}`;
  return Array.from({ length: itemCount }, (_, index) =>
    index === refusal.index ? outcomeOf(refusal.result) : { kind: 'deferred', until: now, why },
  );
}

const silence: PushOutcome = { kind: 'unknown', why: 'the partner says nothing of this item' };
const inOrder = (results: readonly (PartnerResult | null)[], itemCount: number): (PushOutcome | null)[] =>
  Array.from({ length: itemCount }, (_, index) => outcomeOf(results[index]));

export type Sender = { readonly client: PartnerClient; readonly now: () => number };
export type Sending = { readonly itemCount: number; readonly signal: AbortSignal };

/** Statuses with a meaning of their own: 422 refuses an all-or-nothing batch. */
export async function send(sender: Sender, prepared: PreparedPush, sending: Sending): Promise<readonly PushOutcome[]> {
  const { itemCount, signal } = sending;
  const call: PartnerCall = { method: 'POST', path: '/v1/levels', body: prepared.wire, signal };
  const { status, document } = await sender.client.exchange(call, (code) => code === 422);
  const read = <T>(schema: z.ZodType<T>): T =>
    checkAnswer(call, () => readShape(schema, document, { what: 'answer', fix: 'ask the partner' }));
  if (status === 202) {
    const { ticket } = read(ticketSchema);
    return Array.from({ length: itemCount }, () => ({ kind: 'accepted', ticket }));
  }
  const outcomes =
    status === 422
      ? refuseWhole(read(refusedSchema).error, itemCount, sender.now())
      : inOrder(read(sentSchema).results, itemCount);
  return outcomes.map((outcome) => outcome ?? silence);
}

/** A ticket that the partner no longer knows is done, and says nothing of any item: each has to be read. */
export async function collect(
  client: PartnerClient,
  ticket: string,
  sending: Sending & { readonly now: number },
): Promise<CollectResult> {
  const { itemCount, signal, now } = sending;
  const nothing = Array.from({ length: itemCount }, () => null);
  const call: PartnerCall = { method: 'GET', path: `/v1/tickets/${encodeURIComponent(ticket)}`, signal };
  const { status, document } = await client.exchange(call, (code) => code === 404);
  if (status === 404) return { done: true, outcomes: nothing };
  const about = { what: `ticket ${ticket}`, fix: 'ask the partner' };
  const collected = checkAnswer(call, () => readShape(collectedSchema, document, about));
  if (collected.status === 'working') return { done: false, outcomes: nothing };
  if (collected.error !== undefined) return { done: true, outcomes: refuseWhole(collected.error, itemCount, now) };
  return { done: true, outcomes: inOrder(collected.results ?? [], itemCount) };
}
