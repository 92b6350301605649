/**
 * Writes dated supply and dated demand as the core decided them, and tells of supply that is late.
 *
 * Guarantees: one open alert per ref that is late, whatever it holds; it is closed when nothing of the ref is late any more. Batches
 * that change late rows of one ref follow each other by its resource lock, so that the last of them sees all.
 */
import { sql } from 'drizzle-orm';
import type { DatedSupply, Instant } from '#core/model.ts';
import type { Facts } from '#core/state.ts';
import { closeAlert, cutSkuUnits, raiseAlert, SKU_UNITS_MAX, type SkuUnits } from './alerts.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { recordset } from './recordset.ts';
import { lockResources, RESOURCE } from './state.ts';

export async function writeDated(tx: Queries, batchId: number, facts: Facts): Promise<void> {
  await writeDemand(tx, batchId, facts.demand);
  if (facts.supply.length === 0) return;
  const rows = facts.supply.map(({ sku, row }) => ({ sku, ...row }));
  const columns = {
    sku: 'text',
    ref: 'text',
    location: 'text',
    kind: 'text',
    quantity: 'int4',
    received: 'int4',
    dueAt: 'timestamptz',
    state: 'text',
    isLate: 'boolean',
  } as const;
  await tx.rows(sql`
    insert into dated_supply (sku, ref, location, kind, quantity, received, due_at, state, is_late, batch_id)
    select sku, ref, location, kind, quantity, received, "dueAt", state, "isLate", ${batchId} from ${recordset(rows, columns)}
    on conflict (sku, ref) do update set location = excluded.location, kind = excluded.kind, quantity = excluded.quantity,
      received = excluded.received, due_at = excluded.due_at, state = excluded.state, is_late = excluded.is_late,
      batch_id = excluded.batch_id, changed_at = now()`);
  await tellLate(tx, rows);
}

async function writeDemand(tx: Queries, batchId: number, demand: Facts['demand']): Promise<void> {
  if (demand.length === 0) return;
  const rows = demand.map(({ sku, row }) => ({ sku, ...row }));
  const columns = {
    sku: 'text',
    ref: 'text',
    program: 'text',
    quantity: 'int4',
    dueAt: 'timestamptz',
    state: 'text',
  } as const;
  await tx.rows(sql`
    insert into dated_demand (sku, ref, program, quantity, due_at, state, batch_id)
    select sku, ref, program, quantity, "dueAt", state, ${batchId} from ${recordset(rows, columns)}
    on conflict (sku, ref) do update set program = excluded.program, quantity = excluded.quantity, due_at = excluded.due_at,
      state = excluded.state, batch_id = excluded.batch_id, changed_at = now()`);
}

type LateRef = {
  readonly ref: string;
  readonly units: number;
  readonly dueAt: Instant | null;
  readonly skus: readonly string[];
  readonly skuUnits: readonly SkuUnits[];
  readonly items: number;
  readonly locations: readonly string[];
};

const SKUS_TOLD_MAX = 20;
const PREFIX = 'supply-late ';

/** Opens, changes or closes the alert of each ref by what of it is late now. */
async function tellLate(tx: Queries, changed: readonly DatedSupply[]): Promise<void> {
  const refs = [...new Set(changed.map((row) => row.ref))];
  // A row that is late no more was told by the batch that made it late: its alert can be seen from here.
  const told = await tx.rows<{ ref: string }>(sql`
    select r.ref from unnest(${list(refs)}) as r(ref) join alert a on a.fingerprint = ${PREFIX} || r.ref and a.state <> 'closed'`);
  const late = changed.flatMap((row) => (row.isLate ? [row.ref] : []));
  await tellLateRefs(tx, [...new Set([...late, ...told.map(({ ref }) => ref)])]);
}

const PROVEN_AT_ONCE = 100;

/** Refs whose lateness a person says is over. */
export async function refsToProve(db: Queries): Promise<string[]> {
  const rows = await db.rows<{ ref: string }>(
    sql`select touches->>'ref' as ref from alert where code = 'supply-late' and state = 'proving' order by id limit ${PROVEN_AT_ONCE}`,
  );
  return rows.map(({ ref }) => ref);
}

/** Opens, changes or closes the alerts of these refs by what of them is late now. */
export async function tellLateRefs(tx: Queries, concerned: readonly string[]): Promise<void> {
  if (concerned.length === 0) return;
  await lockResources(tx, RESOURCE.supply, concerned);
  const rows = await tx.rows<LateRef>(sql`
    select r.ref, coalesce(sum(d.quantity - d.received), 0)::int as units, min(d.due_at) as "dueAt", count(d.sku)::int as items,
      coalesce((array_agg(d.sku order by d.sku) filter (where d.sku is not null))[1:${SKUS_TOLD_MAX}], '{}') as skus,
      coalesce(to_json((array_agg(json_build_object('sku', d.sku, 'units', d.quantity - d.received) order by d.quantity - d.received desc, d.sku)
        filter (where d.sku is not null))[1:${SKU_UNITS_MAX}]), '[]') as "skuUnits",
      coalesce(array_agg(distinct d.location) filter (where d.sku is not null), '{}') as locations
    from unnest(${list(concerned)}) as r(ref) left join dated_supply d on d.ref = r.ref and d.is_late
    group by r.ref order by r.ref`);
  for (const row of rows) {
    if (row.dueAt === null)
      await closeAlert(tx, PREFIX + row.ref, 'nothing of it is late: received, moved or cancelled');
    else await raiseAlert(tx, alertOf(row, row.dueAt));
  }
}

function alertOf(
  { ref, units, skus, skuUnits, items, locations }: LateRef,
  dueAt: Instant,
): Parameters<typeof raiseAlert>[1] {
  const due = new Date(dueAt).toISOString();
  const [first = ''] = skus;
  const what = items === 1 ? first : `${items} items`;
  return {
    fingerprint: PREFIX + ref,
    code: 'supply-late',
    severity: 'warning',
    title: `${ref} is late: ${units} units of ${what} were due ${due} at ${locations.join(', ')}`,
    channelId: null,
    touches: { ref, units, skus, locations },
    skuUnits: cutSkuUnits(skuUnits, units),
    cause: 'its moment passed and it was not received: nothing is promised against it any more',
    nextStep: `allot supply receive ${ref} ${first} UNITS if it came; allot supply expect ${ref} ${first} UNITS --location ${locations[0]} --due DATE if it comes later; allot supply cancel ${ref} if it does not`,
  };
}
