/**
 * Shopify's names for things: `gid://shopify/Order/820982911946154508`. Ids are text, since they outgrow 2^53 (facts/shopify.md 4.3).
 * The GID of an inventory level is never built: its number cannot be known (facts, section 3).
 */
import { z } from 'zod';

export type GidType = 'InventoryItem' | 'LineItem' | 'Location' | 'Order' | 'ProductVariant';

export const gid = (type: GidType, id: string): string => `gid://shopify/${type}/${id}`;

/** True for the GID of this very type. */
export const isGid = (type: GidType, text: string): boolean => new RegExp(`^gid://shopify/${type}/\\d+$`).test(text);

/** An id in a webhook's payload; connectors/json.ts hands the long ones over as their digits. */
export const anyId = z.union([z.number().int().nonnegative(), z.string().regex(/^\d+$/)]).transform(String);
