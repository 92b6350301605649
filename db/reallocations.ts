/**
 * Reallocations as requests: who asked for what, why, who approved it, and what became of it.
 *
 * | state     | next                                                                                              |
 * | proposed  | approved (a second person), applied (below the limits), rejected, withdrawn, expired (its end came) |
 * | approved  | applied, rejected, withdrawn, expired                                                              |
 * | applied   | returned (a person, before its end), expired (by itself, at its end)                               |
 * | returned, expired, rejected, withdrawn | final                                                                 |
 *
 * Guarantees: units are moved exactly while the state is `applied`; that state is written by `writeMoves` alone, in the transaction of
 * the decision that moves them; every step is in the audit trail with its actor.
 */
import { type SQL, sql } from 'drizzle-orm';
import { assert } from '#core/errors.ts';
import type { Instant, OrderId, PoolId, Sku } from '#core/model.ts';
import { DAY_MS } from '#core/reallocation-guards.ts';
import type { ReallocationPreview } from '#core/reallocation-preview.ts';
import type { Facts } from '#core/state.ts';
import { writeAudit } from './audit.ts';
import type { Database, Queries } from './client.ts';
import { addCommands } from './commands.ts';
import { list } from './list.ts';

export const REALLOCATION_STATES = [
  'proposed',
  'approved',
  'applied',
  'returned',
  'expired',
  'rejected',
  'withdrawn',
] as const;
export type ReallocationState = (typeof REALLOCATION_STATES)[number];

export type Reallocation = {
  readonly id: number;
  readonly sku: Sku;
  readonly from: PoolId;
  readonly to: PoolId;
  readonly units: number;
  readonly until: Instant;
  readonly reason: string;
  readonly state: ReallocationState;
  readonly preview: ReallocationPreview;
  readonly proposer: string;
  readonly proposedAt: Instant;
  readonly approver: string | null;
  readonly approvedAt: Instant | null;
  readonly appliedBy: string | null;
  readonly appliedAt: Instant | null;
  readonly closedBy: string | null;
  readonly closedAt: Instant | null;
  readonly closeReason: string | null;
  /** Of its units, once it ended: back where they came from, and drawn by whoever received them. */
  readonly returned: number;
  readonly spent: number;
};

/** A preview that was kept before dates were told has none. */
const COLUMNS = sql`id, sku, from_pool as "from", to_pool as "to", units, until, reason, state,
  jsonb_build_object('demands', '[]'::jsonb, 'atp', '[]'::jsonb) || preview as preview, proposer,
  proposed_at as "proposedAt", approver, approved_at as "approvedAt", applied_by as "appliedBy", applied_at as "appliedAt",
  closed_by as "closedBy", closed_at as "closedAt", close_reason as "closeReason", returned, spent`;

const at = (instant: Instant): SQL => sql`to_timestamp(${instant} / 1000.0)`;

export type NewReallocation = Pick<Reallocation, 'sku' | 'from' | 'to' | 'units' | 'until' | 'reason' | 'preview'>;

type Told = Pick<Reallocation, 'id' | 'sku' | 'from' | 'to' | 'units' | 'until' | 'reason'>;

const detailOf = ({ sku, from, to, units, until, reason }: Told) => ({
  sku,
  from,
  to,
  units,
  until: new Date(until).toISOString(),
  reason,
});

const auditOf = (actor: string, verb: string, row: Told, more: Readonly<Record<string, unknown>> = {}) => ({
  actor,
  action: `${verb} reallocation`,
  subject: `reallocation ${row.id}`,
  detail: { ...detailOf(row), ...more },
});

export async function insertReallocation(
  tx: Queries,
  asked: NewReallocation,
  by: { readonly actor: string; readonly now: Instant },
): Promise<Reallocation> {
  const [row] = await tx.rows<Reallocation>(sql`
    insert into reallocation (sku, from_pool, to_pool, units, until, reason, preview, proposer, proposed_at)
    values (${asked.sku}, ${asked.from}, ${asked.to}, ${asked.units}, ${at(asked.until)}, ${asked.reason},
      ${JSON.stringify(asked.preview)}::jsonb, ${by.actor}, ${at(by.now)})
    returning ${COLUMNS}`);
  assert(row !== undefined, 'insert into reallocation answered no row');
  await writeAudit(tx, [auditOf(by.actor, 'propose', row, { harm: row.preview.harm })]);
  return row;
}

export async function readReallocation(db: Queries, id: number): Promise<Reallocation | undefined> {
  const [row] = await db.rows<Reallocation>(sql`select ${COLUMNS} from reallocation where id = ${id}`);
  return row;
}

/** The same, held until the transaction ends. */
export async function lockReallocation(tx: Queries, id: number): Promise<Reallocation | undefined> {
  const [row] = await tx.rows<Reallocation>(sql`select ${COLUMNS} from reallocation where id = ${id} for update`);
  return row;
}

const LISTED_MAX = 500;

export type ReallocationFilter = { readonly state?: ReallocationState; readonly sku?: Sku };

/** The newest first, at most 500. */
export const listReallocations = (db: Queries, { state, sku }: ReallocationFilter = {}): Promise<Reallocation[]> =>
  db.rows<Reallocation>(sql`
    select ${COLUMNS} from reallocation
    where (${state ?? null}::text is null or state = ${state ?? null}) and (${sku ?? null}::text is null or sku = ${sku ?? null})
    order by id desc limit ${LISTED_MAX}`);

/** What the donor gave within the last day and is still away, and when it gave last. */
export async function donorHistory(
  tx: Queries,
  { sku, from }: Pick<Reallocation, 'sku' | 'from'>,
  now: Instant,
): Promise<{ readonly movedToday: number; readonly lastMovedAt: Instant | null }> {
  const [row] = await tx.rows<{ movedToday: number; lastMovedAt: Instant | null }>(sql`
    select coalesce(sum(units) filter (where state = 'applied' and applied_at > ${at(now - DAY_MS)}), 0)::int as "movedToday",
      max(applied_at) as "lastMovedAt"
    from reallocation where sku = ${sku} and from_pool = ${from} and applied_at is not null`);
  return row ?? { movedToday: 0, lastMovedAt: null };
}

/** By when orders have to be shipped, as their platforms say; those without a date are absent. */
export async function shipDates(tx: Queries, orders: readonly OrderId[]): Promise<Map<OrderId, Instant>> {
  const rows = await tx.rows<{ id: OrderId; dueAt: number }>(sql`
    select o.id, min(d."dueAt") as "dueAt" from sales_order o
      cross join lateral jsonb_to_recordset(o.state->'obligations') as d(kind text, "dueAt" float8)
    where o.id = any(${list(orders)}) and d.kind = 'ship' group by o.id`);
  return new Map(rows.map(({ id, dueAt }) => [id, dueAt]));
}

export async function approveRow(tx: Queries, row: Reallocation, by: { actor: string; now: Instant }): Promise<void> {
  await tx.rows(sql`
    update reallocation set state = 'approved', approver = ${by.actor}, approved_at = ${at(by.now)} where id = ${row.id}`);
  await writeAudit(tx, [auditOf(by.actor, 'approve', row, { proposer: row.proposer })]);
}

/** Ends a request that moved nothing. */
export async function closeRow(
  tx: Queries,
  row: Reallocation,
  by: {
    readonly actor: string;
    readonly now: Instant;
    readonly as: 'rejected' | 'withdrawn';
    readonly why: string | null;
  },
): Promise<void> {
  await tx.rows(sql`
    update reallocation set state = ${by.as}, closed_by = ${by.actor}, closed_at = ${at(by.now)}, close_reason = ${by.why}
    where id = ${row.id}`);
  const verb = by.as === 'rejected' ? 'reject' : 'withdraw';
  await writeAudit(tx, [auditOf(by.actor, verb, row, by.why === null ? {} : { why: by.why })]);
}

/** Why a person takes a move back; kept until its end is decided, in the same transaction. */
export const keepCloseReason = (tx: Queries, id: number, why: string | null): Promise<unknown> =>
  tx.rows(sql`update reallocation set close_reason = ${why} where id = ${id}`);

const VERBS = { applied: 'apply', returned: 'return', expired: 'expire' } as const;

type MoveFact = Facts['moves'][number];

/** Writes the states that the decided moves give their requests. Throws where one has no request that may take it. */
export async function writeMoves(tx: Queries, decidedAt: Instant, moves: Facts['moves']): Promise<void> {
  const applied = moves.filter(({ kind }) => kind === 'applied');
  const ended = moves.filter(({ kind }) => kind !== 'applied');
  await writeStates(
    tx,
    applied,
    sql`state = 'applied', applied_by = c.actor, applied_at = ${at(decidedAt)}`,
    sql`r.state in ('proposed', 'approved')`,
  );
  await writeStates(
    tx,
    ended,
    sql`state = m.kind, closed_by = c.actor, closed_at = ${at(decidedAt)}, returned = m.returned, spent = m.spent`,
    sql`r.state = 'applied'`,
  );
}

async function writeStates(tx: Queries, moves: readonly MoveFact[], change: SQL, fits: SQL): Promise<void> {
  if (moves.length === 0) return;
  const rows = await tx.rows<Told & { actor: string }>(sql`
    update reallocation r set ${change}
    from json_to_recordset(${JSON.stringify(moves)}::json) as m(id bigint, "commandId" bigint, kind text, returned int, spent int)
      join command c on c.id = m."commandId"
    where r.id = m.id and ${fits}
    returning r.id, r.sku, r.from_pool as "from", r.to_pool as "to", r.units, r.until, r.reason, c.actor`);
  const told = new Map(rows.map((row) => [row.id, row]));
  await writeAudit(
    tx,
    moves.map((move) => {
      const row = told.get(move.id);
      assert(row !== undefined, `reallocation ${move.id} is not in a state that becomes ${move.kind}`);
      const { before, after, returned, spent } = move;
      const figures = move.kind === 'applied' ? { before, after } : { before, after, returned, spent };
      return auditOf(row.actor, VERBS[move.kind], row, figures);
    }),
  );
}

/**
 * What time does to reallocations, bounded: a command of their end for moves whose end has come, written once each; requests that
 * nobody applied in time are over.
 */
export async function endDue(db: Database, now: Instant, max: number): Promise<void> {
  await db.transaction(async (tx) => {
    const due = await tx.rows<{ id: number; sku: Sku }>(sql`
      update reallocation set ending_at = ${at(now)} where id in (
        select id from reallocation where state = 'applied' and until <= ${at(now)} and ending_at is null
        order by until limit ${max} for update skip locked)
      returning id, sku`);
    await addCommands(
      tx,
      due.map(({ id, sku }) => ({
        body: { kind: 'end-reallocation' as const, id, sku, as: 'expired' as const },
        actor: 'sweep',
        occurredAt: now,
        channelId: null,
        inboxId: null,
      })),
    );
    const over = await tx.rows<Told>(sql`
      update reallocation set state = 'expired', closed_by = 'sweep', closed_at = ${at(now)},
        close_reason = 'nobody applied it before its end'
      where id in (select id from reallocation where state in ('proposed', 'approved') and until <= ${at(now)}
        order by until limit ${max} for update skip locked)
      returning id, sku, from_pool as "from", to_pool as "to", units, until, reason`);
    await writeAudit(
      tx,
      over.map((row) => auditOf('sweep', 'expire', row)),
    );
  });
}
