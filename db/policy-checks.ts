/** What of a policy can only be judged with the items there are. */
import { sql } from 'drizzle-orm';
import type { Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';

export type UnmatchedNames = {
  readonly skus: readonly Sku[];
  readonly groups: readonly string[];
  /** Names that begin like a missing one: what it may have been meant to be. */
  readonly known: readonly string[];
};

const KNOWN_MAX = 300;

/** SKUs that no item has. Nothing is missing while there is no item at all: the file comes before the first import. */
export async function findUnmatchedNames(
  db: Queries,
  named: { readonly skus: readonly Sku[]; readonly groups: readonly string[] },
): Promise<UnmatchedNames> {
  const [any] = await db.rows<{ any: boolean }>(sql`select exists (select from item) as any`);
  if (any?.any !== true) return { skus: [], groups: [], known: [] };
  const skus = await db.rows<{ sku: Sku }>(sql`
    select n.sku from unnest(${list(named.skus)}) as n(sku) where not exists (select from item i where i.sku = n.sku)`);
  const missing = skus.map(({ sku }) => sku);
  if (missing.length === 0) return { skus: [], groups: [], known: [] };
  const known = await db.rows<{ name: string }>(sql`
    select distinct i.sku as name from item i join unnest(${list(missing)}) as n(sku) on lower(left(i.sku, 2)) = lower(left(n.sku, 2))
    limit ${KNOWN_MAX}`);
  return { skus: missing, groups: [], known: known.map(({ name }) => name) };
}
