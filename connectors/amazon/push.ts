/**
 * Absolute quantities to Amazon: the bytes of `patchListingsItem`, op `merge` on fulfillment_availability, and what its answer means.
 *
 * `merge` changes the quantity and keeps handling time and restock date, which `replace` wipes (facts/amazon.md 2.1). HTTP 200 is not
 * yet a yes: the body says ACCEPTED or INVALID. ACCEPTED is `applied` with no number: it shows after minutes, and a read proves it.
 * Amazon's call takes one listing; a push stores those of many together, and batch.ts sends them.
 */
import { z } from 'zod';
import { assert, Rejected } from '#core/errors.ts';
import type { PreparedPush, PushItem, PushOutcome } from '../connector.ts';
import type { Reply } from './client.ts';
import { sayErrors } from './faults.ts';
import type { AmazonSettings } from './settings.ts';

/** What a few calls side by side do within seconds: an attempt ends well within its lease. */
export const ITEMS_PER_PUSH = 20;

/** What Amazon takes as a quantity (a 32-bit whole number); far above what anybody keeps. */
const QUANTITY_MAX = 2_147_483_647;

const patchSchema = z.strictObject({
  sku: z.string(),
  marketplaceId: z.string(),
  body: z.looseObject({
    productType: z.string(),
    patches: z.array(z.looseObject({ op: z.literal('merge') })).length(1),
  }),
});

export type Patch = z.infer<typeof patchSchema>;

const wireSchema = z.strictObject({ patches: z.array(patchSchema) });

export const patchAnswer = z.object({
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

export type PatchAnswer = z.infer<typeof patchAnswer>;

function patchOf({ wireQuantity, listing }: PushItem, settings: AmazonSettings): Patch {
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
  const patches = [{ op: 'merge' as const, path: '/attributes/fulfillment_availability', value }];
  return { sku, marketplaceId, body: { productType, patches } };
}

export function preparePush(items: readonly PushItem[], settings: AmazonSettings): PreparedPush {
  const { length } = items;
  assert(length > 0 && length <= ITEMS_PER_PUSH, `a push to Amazon has 1 to ${ITEMS_PER_PUSH} items, not ${length}`);
  return { wire: JSON.stringify({ patches: items.map((item) => patchOf(item, settings)) }) };
}

export function patchesOf({ wire }: PreparedPush, itemCount: number): readonly Patch[] {
  const { patches } = wireSchema.parse(JSON.parse(wire));
  assert(patches.length === itemCount, `the wire holds ${patches.length} patches for ${itemCount} items`);
  return patches;
}

export const sayIssues = ({ issues }: PatchAnswer): string =>
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
