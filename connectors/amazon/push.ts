/**
 * Absolute quantities to Amazon: `patchListingsItem`, one listing per call, op `merge` on fulfillment_availability.
 *
 * `merge` changes the quantity and keeps handling time and restock date, which `replace` wipes (facts/amazon.md 2.1). HTTP 200 is not
 * yet a yes: the body says ACCEPTED or INVALID. ACCEPTED is `applied` with no number: it shows after minutes, and a read proves it.
 * One item per push, because that is what Amazon's call takes: each has its own stored attempt, lease and outcome.
 * A push that our estimate of the rate limit cannot pay is `deferred` to a moment of its own, so that a full resync spreads itself.
 */
import { z } from 'zod';
import { assert, Rejected } from '#core/errors.ts';
import type { ConnectorLog, PreparedPush, PushItem, PushOutcome } from '../connector.ts';
import type { AmazonClient, Reply } from './client.ts';
import { sayErrors } from './faults.ts';
import type { AmazonSettings } from './settings.ts';

export const ITEMS_PER_PUSH = 1;

/** What Amazon takes as a quantity (a 32-bit whole number); far above what anybody keeps. */
const QUANTITY_MAX = 2_147_483_647;

const wireSchema = z.strictObject({
  sku: z.string(),
  marketplaceId: z.string(),
  body: z.looseObject({
    productType: z.string(),
    patches: z.array(z.looseObject({ op: z.literal('merge') })).length(1),
  }),
});

const patchAnswer = z.object({
  status: z.string(),
  submissionId: z.string().optional(),
  issues: z
    .array(
      z.object({
        code: z.string(),
        message: z.string(),
        severity: z.string(),
        attributeNames: z.array(z.string()).optional(),
      }),
    )
    .default([]),
});

type PatchAnswer = z.infer<typeof patchAnswer>;

export function preparePush(items: readonly PushItem[], settings: AmazonSettings): PreparedPush {
  const [item] = items;
  assert(item !== undefined && items.length === ITEMS_PER_PUSH, `a push to Amazon has 1 item, not ${items.length}`);
  const { wireQuantity, listing } = item;
  const { listingRef: sku, locationRef } = listing;
  assert(
    Number.isSafeInteger(wireQuantity) && wireQuantity >= 0 && wireQuantity <= QUANTITY_MAX,
    `quantity ${wireQuantity} of listing ${sku} is not a whole number from 0 to ${QUANTITY_MAX}`,
  );
  if (locationRef.startsWith('AMAZON_') || listing.data.fulfilledBy === 'AMAZON') {
    throw new Rejected(`${sku} is fulfilled by Amazon: a quantity from here would strand its stock`, {
      field: 'listing.locationRef',
      value: locationRef,
      fix: 'unmap the listing (allot listings unmap): FBA stock is read, never written',
    });
  }
  const { productType = 'PRODUCT', marketplaceId = settings.marketplaceId } = listing.data;
  const value = [{ fulfillment_channel_code: locationRef, quantity: wireQuantity }];
  const patches = [{ op: 'merge', path: '/attributes/fulfillment_availability', value }];
  return { wire: JSON.stringify({ sku, marketplaceId, body: { productType, patches } }) };
}

const sayIssues = ({ issues }: PatchAnswer): string =>
  issues
    .map(({ code, message, attributeNames = [] }) =>
      attributeNames.length === 0 ? `${code}: ${message}` : `${code}: ${message} [${attributeNames.join(', ')}]`,
    )
    .join('; ');

const FIX_INVALID = 'mend the listing in Seller Central as the message says; allot sends the quantity again by itself';
const FIX_GONE = 'the SKU is gone from the account: unmap the listing, or map its successor (allot listings)';
const FIX_REFUSED = 'check sellerId, marketplaceId and the SKU of the listing';

/** The outcome of one patch. Pure. */
export function outcomeOf(reply: Reply<PatchAnswer>, sku: string): PushOutcome {
  if (reply.kind === 'refused') {
    const said = sayErrors(reply.errors) || `HTTP ${reply.status}`;
    return { kind: 'rejected', reason: `${sku}: ${said}`, fix: reply.status === 404 ? FIX_GONE : FIX_REFUSED };
  }
  const { status } = reply.body;
  if (status === 'ACCEPTED') return { kind: 'applied', shownAfter: null };
  const said = sayIssues(reply.body) || 'no issue named';
  if (status === 'INVALID') return { kind: 'rejected', reason: `${sku}: ${said}`, fix: FIX_INVALID };
  return { kind: 'unknown', why: `Amazon answered the patch of ${sku} with status ${status} (${said})` };
}

export async function sendPush(
  line: { readonly client: AmazonClient; readonly settings: AmazonSettings; readonly log: ConnectorLog },
  prepared: PreparedPush,
  itemCount: number,
  signal: AbortSignal,
): Promise<readonly PushOutcome[]> {
  const { client, settings, log } = line;
  const { sku, marketplaceId, body } = wireSchema.parse(JSON.parse(prepared.wire));
  assert(itemCount === ITEMS_PER_PUSH, `the wire holds 1 item, not ${itemCount}`);
  const until = client.slotFor('patchListingsItem');
  if (until !== null) return [{ kind: 'deferred', until, why: 'Amazon takes 5 quantities a second' }];
  const reply = await client.call(
    {
      operation: 'patchListingsItem',
      path: { sellerId: settings.sellerId, sku },
      query: { marketplaceIds: [marketplaceId], includedData: ['issues'], issueLocale: 'en_US' },
      body,
      answer: patchAnswer,
    },
    signal,
  );
  if (reply.kind === 'answer' && reply.body.status === 'ACCEPTED' && reply.body.issues.length > 0)
    log.warn({ sku, issues: sayIssues(reply.body) }, 'Amazon accepted the quantity, with remarks on the listing');
  return [outcomeOf(reply, sku)];
}
