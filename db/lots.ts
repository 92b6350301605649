/**
 * Lots and their balances, as a batch loads and writes them.
 *
 * Guarantees: a row of a lot changes by exactly the sum of the entries that name it (I2), in the transaction of these entries; an item
 * that never had a lot is asked for none.
 */
import { sql } from 'drizzle-orm';
import type { Instant, Lot, LotCode, Sku } from '#core/model.ts';
import type { Facts, ItemLots, LotBalance } from '#core/state.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { recordset } from './recordset.ts';

type Row = { readonly sku: Sku } & Lot & { readonly [K in keyof LotBalance]: LotBalance[K] | null };

/** How an item is given its lots, where it has some: those of which anything is there or promised, and those that the batch names. */
export async function loadLots(
  tx: Queries,
  items: readonly { readonly sku: Sku; readonly hasLots: boolean }[],
  named: readonly LotCode[],
): Promise<(sku: Sku) => { readonly lots?: ItemLots }> {
  const skus = new Set(items.flatMap(({ sku, hasLots }) => (hasLots ? [sku] : [])));
  if (skus.size === 0) return () => ({});
  const rows = await tx.rows<Row>(sql`
    select l.sku, l.code, l.received_at as "receivedAt", l.expires_at as "expiresAt", b.lot, b.location, b.disposition, b.quantity,
      b.allocated, b.held, b.counted_as_of as "countedAsOf"
    from lot l left join lot_balance b on b.sku = l.sku and b.lot = l.code
    where l.sku = any(${list([...skus])}) and (l.code = any(${list(named)})
      or exists (select 1 from lot_balance s where s.sku = l.sku and s.lot = l.code and (s.quantity <> 0 or s.allocated <> 0 or s.held <> 0)))
    order by l.sku, l.code, b.location, b.disposition`);
  const found = Map.groupBy(rows, (row) => row.sku);
  return (sku) => (skus.has(sku) ? { lots: lotsOf(found.get(sku) ?? []) } : {});
}

function lotsOf(rows: readonly Row[]): ItemLots {
  const lots = new Map<LotCode, Lot>();
  const balances = rows.flatMap(
    ({ code, receivedAt, expiresAt, lot, location, disposition, ...units }): LotBalance[] => {
      lots.set(code, { code, receivedAt, expiresAt });
      if (lot === null || location === null || disposition === null) return [];
      const { quantity, allocated, held, countedAsOf } = units;
      return [
        {
          lot,
          location,
          disposition,
          quantity: quantity ?? 0,
          allocated: allocated ?? 0,
          held: held ?? 0,
          countedAsOf,
        },
      ];
    },
  );
  return { lots: [...lots.values()], balances };
}

/** What may be sold of lots, by place, as it was decided by a moment; undefined where the item had none by then. */
export async function readLotsAt(db: Queries, sku: Sku, at: Instant): Promise<ItemLots | undefined> {
  const upTo = sql`to_timestamp(${at} / 1000.0)`;
  const rows = await db.rows<Row>(sql`
    with goods as (
        select e.lot, e.location, sum(e.delta)::int as quantity from stock_entry e join batch b on b.id = e.batch_id
        where e.sku = ${sku} and e.lot is not null and e.disposition = 'sellable' and b.decided_at <= ${upTo} group by 1, 2),
      promised as (
        select e.lot, e.location, sum(e.delta)::int as allocated, sum(e.held)::int as held from promise_entry e join batch b on b.id = e.batch_id
        where e.sku = ${sku} and e.lot is not null and b.decided_at <= ${upTo} group by 1, 2)
    select l.sku, l.code, l.received_at as "receivedAt", l.expires_at as "expiresAt", lot, location, 'sellable' as disposition,
      coalesce(quantity, 0) as quantity, coalesce(allocated, 0) as allocated, coalesce(held, 0) as held, null::timestamptz as "countedAsOf"
    from goods full join promised using (lot, location) join lot l on l.sku = ${sku} and l.code = lot order by l.code, location`);
  return rows.length === 0 ? undefined : lotsOf(rows);
}

type Change = Pick<
  LotBalance,
  'lot' | 'location' | 'disposition' | 'quantity' | 'allocated' | 'held' | 'countedAsOf'
> & {
  readonly sku: Sku;
};

/** What the entries of a batch come to, row by row. */
function changesOf({ stock, promises, counted }: Pick<Facts, 'stock' | 'promises' | 'counted'>): Change[] {
  const changes = new Map<string, Change>();
  const add = (
    at: { readonly sku: Sku; readonly lot?: LotCode } & Pick<Change, 'location' | 'disposition'>,
    apply: (row: Change) => Partial<Change>,
  ): void => {
    const { sku, lot, location, disposition } = at;
    if (lot === undefined) return;
    const key = JSON.stringify([sku, lot, location, disposition]);
    const nothing = { quantity: 0, allocated: 0, held: 0, countedAsOf: null };
    const row = changes.get(key) ?? { sku, lot, location, disposition, ...nothing };
    changes.set(key, { ...row, ...apply(row) });
  };
  for (const entry of stock) add(entry, (row) => ({ quantity: row.quantity + entry.delta }));
  for (const { sku, location, lot, delta, held } of promises) {
    const at = { sku, location, disposition: 'sellable' as const, ...(lot === undefined ? {} : { lot }) };
    add(at, (row) => ({ allocated: row.allocated + delta, held: row.held + held }));
  }
  for (const count of counted)
    add(count, (row) => ({ countedAsOf: Math.max(count.asOf, row.countedAsOf ?? count.asOf) }));
  return [...changes.values()];
}

export async function writeLots(tx: Queries, facts: Facts): Promise<void> {
  if (facts.lots.length > 0) {
    const columns = { sku: 'text', code: 'text', receivedAt: 'timestamptz', expiresAt: 'timestamptz' } as const;
    await tx.rows(sql`
      insert into lot (sku, code, received_at, expires_at)
      select sku, code, "receivedAt", "expiresAt" from ${recordset(facts.lots, columns)}
      on conflict (sku, code) do update set expires_at = excluded.expires_at`);
    const skus = [...new Set(facts.lots.map(({ sku }) => sku))];
    await tx.rows(sql`update item set has_lots = true where sku = any(${list(skus)}) and not has_lots`);
  }
  const changes = changesOf(facts);
  if (changes.length === 0) return;
  const columns = {
    sku: 'text',
    lot: 'text',
    location: 'text',
    disposition: 'text',
    quantity: 'int4',
    allocated: 'int4',
    held: 'int4',
    countedAsOf: 'timestamptz',
  } as const;
  await tx.rows(sql`
    merge into lot_balance b using (select * from ${recordset(changes, columns)}) r
    on b.sku = r.sku and b.lot = r.lot and b.location = r.location and b.disposition = r.disposition
    when matched then update set quantity = b.quantity + r.quantity, allocated = b.allocated + r.allocated, held = b.held + r.held,
      counted_as_of = greatest(b.counted_as_of, r."countedAsOf")
    when not matched then insert (sku, lot, location, disposition, quantity, allocated, held, counted_as_of)
      values (r.sku, r.lot, r.location, r.disposition, r.quantity, r.allocated, r.held, r."countedAsOf")`);
}
