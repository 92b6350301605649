/**
 * What an order says of itself that a route may ask for: its tags, and where it came from ("web", "pos", "shopify_draft_order", an
 * app's id) as its type. Nothing of the customer is read: that takes scopes of its own, and tags set in Shopify (by Flow, by hand)
 * say who is who.
 */
import type { OrderAttributes } from '#core/rules.ts';

export function attributesOf(tags: readonly string[], source: string | null | undefined): OrderAttributes | undefined {
  const named = [...new Set(tags.map((tag) => tag.trim()).filter((tag) => tag !== ''))].sort();
  const hasType = source !== null && source !== undefined && source !== '';
  if (named.length === 0 && !hasType) return undefined;
  return { ...(named.length === 0 ? {} : { tags: named }), ...(hasType ? { orderType: source } : {}) };
}
