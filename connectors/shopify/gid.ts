/**
 * Shopify's names for things (`gid://shopify/Order/820982911946154508`), and JSON whose ids keep every digit.
 *
 * Guarantees: an id above 2^53 survives (JSON.parse alone turns ...154508 into ...154500; facts/shopify.md 4.3). Ids are text
 * everywhere else in the connector. A GID of an inventory level is never built: its number cannot be known (facts, section 3).
 */
import { z } from 'zod';

export type GidType = 'InventoryItem' | 'LineItem' | 'Location' | 'Order' | 'ProductVariant';

export const gid = (type: GidType, id: string): string => `gid://shopify/${type}/${id}`;

/** True for the GID of this very type. */
export const isGid = (type: GidType, text: string): boolean => new RegExp(`^gid://shopify/${type}/\\d+$`).test(text);

/** A number that JSON cannot hold comes out of `parseExact` as its digits. */
export const anyId = z.union([z.number().int().nonnegative(), z.string().regex(/^\d+$/)]).transform(String);

type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** ES2026 hands the source text to the reviver; TypeScript's declaration does not know it yet. */
const parseWithSource = JSON.parse as (text: string, reviver: SourceReviver) => unknown;

/** JSON.parse that gives integers beyond 2^53 as text. Throws SyntaxError. */
export const parseExact = (text: string): unknown =>
  parseWithSource(text, (_key, value, { source }) =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) ? source : value,
  );
