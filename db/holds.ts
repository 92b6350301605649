/**
 * Holds as they are read: by a batch that names them, and by people, who count, list and show them with their history and find them named
 * in an explanation. Written by facts.ts alone.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { CommandBody } from '#core/command.ts';
import type { Hold, HoldId, HoldKind, Instant, LocationId, OrderId, ProgramId, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';

/** What a hold is stored as, under the names of the core. */
export const HOLD_COLUMNS: SQL = sql`id, sku, program, kind, owner, reason, ref, location, quantity, parts,
  expires_at as "expiresAt", state`;

export type NamedHolds = { readonly ids: readonly HoldId[]; readonly refs: readonly { sku: string; ref: string }[] };

/** The holds that commands name, by id or by ref. */
export function holdsNamedBy(bodies: readonly CommandBody[]): NamedHolds {
  const ids = bodies.flatMap((body) => {
    if (body.kind === 'order-state') return body.holds?.map(({ hold }) => hold) ?? [];
    return body.kind === 'release-hold' || body.kind === 'extend-hold' ? [body.hold] : [];
  });
  const refs = bodies.flatMap((body) =>
    body.kind === 'hold' && body.ref !== null ? [{ sku: body.sku, ref: body.ref }] : [],
  );
  return { ids, refs };
}

/** What the core decides on of the holds that a batch names. */
export async function loadHolds(tx: Queries, skus: readonly string[], { ids, refs }: NamedHolds): Promise<Hold[]> {
  if (ids.length + refs.length === 0) return [];
  return tx.rows<Hold>(sql`
    select ${HOLD_COLUMNS} from hold where sku = any(${list(skus)}) and id in (
      select unnest(${list(ids)}::bigint[])
      union select h.id from hold h join json_to_recordset(${JSON.stringify(refs)}::json) as r(sku text, ref text)
        on h.sku = r.sku and h.ref = r.ref)
    order by id`);
}

/** Units are what it keeps now; `quantity` what was asked for. */
export type HoldRow = Hold & {
  readonly units: number;
  readonly placedAt: Instant;
  readonly endedAt: Instant | null;
};

const COLUMNS = sql`${HOLD_COLUMNS}, units, created_at as "placedAt", ended_at as "endedAt"`;

export type HoldFilter = {
  readonly sku?: Sku;
  readonly program?: ProgramId;
  readonly kind?: HoldKind;
  readonly owner?: string;
  readonly ref?: string;
  /** Those that end by this moment. */
  readonly endsBy?: Instant;
  /** Ended ones too. */
  readonly isAll?: boolean;
};

/** Live ones by their end, the next first. */
export async function listHolds(db: Queries, filter: HoldFilter, limit: number): Promise<HoldRow[]> {
  const { sku = null, program = null, kind = null, owner = null, ref = null, endsBy = null, isAll = false } = filter;
  return db.rows<HoldRow>(sql`
    select ${COLUMNS} from hold
    where (${isAll} or state = 'held') and (${sku}::text is null or sku = ${sku}) and (${program}::text is null or program = ${program})
      and (${kind}::text is null or kind = ${kind}) and (${owner}::text is null or owner = ${owner})
      and (${ref}::text is null or ref = ${ref})
      and (${endsBy}::float8 is null or expires_at <= to_timestamp(${endsBy}::float8 / 1000.0))
    order by state = 'held' desc, expires_at, id limit ${limit}`);
}

export async function readHold(db: Queries, id: HoldId): Promise<HoldRow | null> {
  const [row] = await db.rows<HoldRow>(sql`select ${COLUMNS} from hold where id = ${id}`);
  return row ?? null;
}

/** One entry of a hold's life: signed units, the command behind it, and the order that took them. */
export type HoldStep = {
  readonly at: Instant;
  readonly kind: 'hold' | 'unhold' | 'allocate';
  readonly units: number;
  readonly location: LocationId;
  readonly pool: string;
  readonly orderId: OrderId | null;
  readonly cause: string;
  readonly actor: string;
  readonly reason: string | null;
};

const HISTORY_MAX = 200;

export const readHoldHistory = (db: Queries, { id, sku }: Pick<Hold, 'id' | 'sku'>): Promise<HoldStep[]> =>
  db.rows<HoldStep>(sql`
    select b.decided_at as at, e.kind, e.held + e.delta as units, e.location, e.pool, e.order_id as "orderId", c.kind as cause, c.actor,
      c.body->>'reason' as reason
    from promise_entry e join batch b on b.id = e.batch_id join command c on c.id = e.command_id
    where e.hold_id = ${id} and e.sku = ${sku} order by e.id limit ${HISTORY_MAX}`);

export type HoldCount = {
  readonly count: number;
  readonly units: number;
  /** Of them, those that end within a day. */
  readonly endingSoon: number;
  readonly nextEndAt: Instant | null;
};

const COUNTED_MAX = 10_000;
const DAY_MS = 86_400_000;

/** Live holds; counts stop at 10,000, as all of status. */
export async function countHolds(db: Queries, now: Instant): Promise<HoldCount> {
  const [row] = await db.rows<HoldCount>(sql`
    select count(*)::int as count, coalesce(sum(units), 0)::int8 as units, min(expires_at) as "nextEndAt",
      (count(*) filter (where expires_at <= to_timestamp(${now + DAY_MS}::float8 / 1000.0)))::int as "endingSoon"
    from (select units, expires_at from hold where state = 'held' order by expires_at limit ${COUNTED_MAX}) h`);
  return row ?? { count: 0, units: 0, endingSoon: 0, nextEndAt: null };
}

/** What one hold keeps of an item at one place. */
export type HoldShare = {
  readonly hold: HoldId;
  readonly owner: string;
  readonly location: LocationId;
  readonly units: number;
};

/** The holds of an item, now or as they were decided by a past moment. */
export async function holdsAt(db: Queries, sku: Sku, at?: Instant): Promise<HoldShare[]> {
  if (at === undefined) {
    return db.rows<HoldShare>(sql`
      select h.id as hold, h.owner, a.location, sum(a.quantity)::int as units
      from hold h cross join lateral jsonb_to_recordset(h.parts) as a(location text, quantity int)
      where h.sku = ${sku} and h.state = 'held' group by 1, 2, 3 order by 1, 3`);
  }
  return db.rows<HoldShare>(sql`
    select h.id as hold, h.owner, e.location, sum(e.held)::int as units
    from promise_entry e join batch b on b.id = e.batch_id join hold h on h.id = e.hold_id
    where e.sku = ${sku} and b.decided_at <= to_timestamp(${at}::float8 / 1000.0) group by 1, 2, 3 having sum(e.held) > 0 order by 1, 3`);
}

/** How many holds, and who has most of the units; null where there is none. */
export function sayHolds(shares: readonly HoldShare[]): string | null {
  if (shares.length === 0) return null;
  const byOwner = new Map<string, number>();
  for (const { owner, units } of shares) byOwner.set(owner, (byOwner.get(owner) ?? 0) + units);
  const [largest] = [...byOwner].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const count = new Set(shares.map(({ hold }) => hold)).size;
  return `${count} ${count === 1 ? 'hold' : 'holds'}, most by ${largest?.[0]} (${largest?.[1]})`;
}
