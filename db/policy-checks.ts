/** What of a policy can only be judged with the items there are. */
import { sql } from 'drizzle-orm';
import type { Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { readComponents } from './reach.ts';

export type UnmatchedNames = {
  readonly skus: readonly Sku[];
  readonly groups: readonly string[];
  /** Those that begin like a missing one: what it may have been meant to be. */
  readonly near: { readonly skus: readonly Sku[]; readonly groups: readonly string[] };
  /** Of those with pools: kits, which have none of their own, and the items that they are made of. */
  readonly pooledKits: ReadonlyMap<Sku, readonly Sku[]>;
};

const NEAR_MAX = 300;
const NOTHING: UnmatchedNames = { skus: [], groups: [], near: { skus: [], groups: [] }, pooledKits: new Map() };

/**
 * SKUs that no item has, groups that no item is in, and kits among the SKUs that pools are for. Nothing is missing while there is no
 * item at all: the file comes before the first import.
 */
export async function findUnmatchedNames(
  db: Queries,
  named: { readonly skus: readonly Sku[]; readonly groups: readonly string[]; readonly pooledSkus: readonly Sku[] },
): Promise<UnmatchedNames> {
  const [found] = await db.rows<{ isThere: boolean }>(sql`select exists (select from item) as "isThere"`);
  if (found?.isThere !== true) return NOTHING;
  const [kits, skus, groups] = await Promise.all([
    readComponents(db, named.pooledSkus),
    db.rows<{ name: string }>(sql`
      select n.name from unnest(${list(named.skus)}) as n(name) where not exists (select from item i where i.sku = n.name)`),
    db.rows<{ name: string }>(sql`
      select n.name from unnest(${list(named.groups)}) as n(name) where not exists (select from item i where n.name = any(i.groups))`),
  ]);
  const pooledKits = new Map([...kits].map(([kit, parts]) => [kit, parts.map(({ sku }) => sku)]));
  const missing = [...skus, ...groups].map(({ name }) => name);
  if (missing.length === 0) return { ...NOTHING, pooledKits };
  const near = await db.rows<{ kind: 'sku' | 'group'; name: string }>(sql`
    with named as (select 'sku' as kind, sku as name from item union select 'group', unnest(groups) from item)
    select distinct k.kind, k.name from named k join unnest(${list(missing)}) as n(name) on lower(left(k.name, 2)) = lower(left(n.name, 2))
    limit ${NEAR_MAX}`);
  const of = (kind: 'sku' | 'group') => near.filter((one) => one.kind === kind).map(({ name }) => name);
  return {
    skus: skus.map(({ name }) => name),
    groups: groups.map(({ name }) => name),
    near: { skus: of('sku'), groups: of('group') },
    pooledKits,
  };
}

/** Items that the same rules apply to, one for all of them. */
export type RuledScope = {
  readonly sku: Sku;
  /** Of the named ones, in the order of their names. */
  readonly groups: readonly string[];
  readonly items: number;
};

const PAGE_ITEMS = 5000;

/**
 * The items that are named or in a named group, a page of them at a time: those of one page to which the same names apply are one row.
 * Kits are left out: they have no stock of their own, and so no pool.
 */
export async function* readRuledScopes(
  db: Queries,
  named: { readonly skus: readonly Sku[]; readonly groups: readonly string[] },
): AsyncGenerator<readonly RuledScope[]> {
  for (let after: Sku | null = ''; after !== null; ) {
    const rows: (RuledScope & { readonly last: Sku; readonly isLast: boolean })[] = await db.rows(sql`
      with own as (select distinct n.name from unnest(${list(named.skus)}) as n(name)),
        page as (
          select i.sku, own.name as own, array(select distinct g from unnest(i.groups) as g where g = any(${list(named.groups)}) order by g) as groups
          from item i left join own on own.name = i.sku
          where i.sku > ${after} and (own.name is not null or i.groups && ${list(named.groups)})
            and not exists (select from item_component c where c.kit = i.sku)
          order by i.sku limit ${PAGE_ITEMS})
      select min(sku) as sku, groups, count(*)::int as items, (select max(sku) from page) as last,
        (select count(*) from page) < ${PAGE_ITEMS} as "isLast"
      from page group by own, groups order by 1`);
    if (rows.length > 0) yield rows.map(({ sku, groups, items }) => ({ sku, groups, items }));
    const [first] = rows;
    after = first === undefined || first.isLast ? null : first.last;
  }
}
