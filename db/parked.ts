/**
 * Parked input: what could not be taken, with its reason, kept until a person or a later event lets it go on.
 *
 * | state   | next                                                                             |
 * | parked  | retried (its source is pending again), dropped (a person, with a reason)          |
 * | retried | final; if it fails again a new parked row is made, with one attempt more         |
 * | dropped | final                                                                            |
 *
 * Guarantees: nothing parked is lost or retried by half: retrying an order's command retries the later ones of that order too, and
 * dropping one lets those go on that were parked behind it.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Outcome } from '#core/state.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { ringBells } from './outbox.ts';

export type ParkedRow = {
  readonly id: number;
  readonly source: 'inbox' | 'command';
  readonly source_id: number;
  readonly channel_id: string | null;
  readonly order_id: string | null;
  readonly code: string;
  readonly reason: string;
  readonly field: string | null;
  readonly fix: string;
  readonly waits_for: string | null;
  readonly parked_at: number;
  readonly attempts: number;
};

type ParkedOutcome = Extract<Outcome, { kind: 'parked' }>;

/** Parks refused commands; the channel, order and what they wait for are read off the commands themselves. */
export async function parkCommands(tx: Queries, outcomes: readonly ParkedOutcome[]): Promise<void> {
  if (outcomes.length === 0) return;
  await tx.rows(sql`
    insert into parked (source, source_id, channel_id, order_id, code, reason, field, fix, waits_for, attempts)
    select 'command', c.id, c.channel_id, c.order_id, r.code, r.reason, r.field, r.fix,
      case r.code when 'unmapped-listing' then 'listing ' || c.channel_id when 'unknown-sku' then 'item ' || c.sku end,
      1 + (select count(*) from parked p where p.source = 'command' and p.source_id = c.id)
    from json_to_recordset(${JSON.stringify(outcomes)}::json) as r("commandId" bigint, code text, reason text, field text, fix text)
    join command c on c.id = r."commandId"`);
}

export type InboxRefusal = {
  readonly inboxId: number;
  readonly code: string;
  readonly reason: string;
  readonly field: string | null;
  readonly fix: string;
};

export async function parkInbox(tx: Queries, refusals: readonly InboxRefusal[]): Promise<void> {
  if (refusals.length === 0) return;
  const text = JSON.stringify(refusals);
  await tx.rows(sql`
    insert into parked (source, source_id, channel_id, code, reason, field, fix, attempts)
    select 'inbox', k.inbox_id, k.channel_id, r.code, r.reason, r.field, r.fix,
      1 + (select count(*) from parked p where p.source = 'inbox' and p.source_id = k.inbox_id)
    from json_to_recordset(${text}::json) as r("inboxId" bigint, code text, reason text, field text, fix text)
    join inbox_key k on k.inbox_id = r."inboxId"`);
  await tx.rows(sql`
    update inbox_key k set state = 'parked'
    from json_to_recordset(${text}::json) as r("inboxId" bigint) where k.inbox_id = r."inboxId"`);
}

export const listParked = (db: Queries, limit: number, after = 0): Promise<ParkedRow[]> =>
  db.rows<ParkedRow>(sql`
    select id, source, source_id, channel_id, order_id, code, reason, field, fix, waits_for, parked_at, attempts
    from parked where state = 'parked' and id > ${after} order by id limit ${limit}`);

/** The row with what it holds: the normalised command, or for the inbox its sealed payload's place. */
export async function showParked(
  db: Queries,
  id: number,
): Promise<(ParkedRow & { state: string; body: unknown }) | undefined> {
  const [row] = await db.rows<ParkedRow & { state: string; body: unknown }>(sql`
    select p.*, c.body from parked p left join command c on p.source = 'command' and c.id = p.source_id where p.id = ${id}`);
  return row;
}

/** Puts the chosen rows' sources back to pending, and with a command the later ones of its order. Answers how many were let go. */
async function letGo(tx: Queries, chosen: SQL, actor: string): Promise<number> {
  const rows = await tx.rows<{ id: number; source: string; source_id: number; order_id: string | null }>(sql`
    with first as (select id, order_id from parked p where state = 'parked' and (${chosen}) for update)
    select p.id, p.source, p.source_id, p.order_id from parked p
    where p.state = 'parked' and (p.id in (select id from first)
      or (p.order_id is not null and p.order_id in (select order_id from first)))`);
  if (rows.length === 0) return 0;
  const ids = rows.map((row) => row.id);
  await tx.rows(
    sql`update parked set state = 'retried', closed_at = now(), closed_by = ${actor} where id = any(${list(ids)}::bigint[])`,
  );
  const of = (source: string) => rows.filter((row) => row.source === source).map((row) => row.source_id);
  await tx.rows(
    sql`update command set state = 'pending' where id = any(${list(of('command'))}::bigint[]) and state = 'parked'`,
  );
  await tx.rows(
    sql`update inbox_key set state = 'pending' where inbox_id = any(${list(of('inbox'))}::bigint[]) and state = 'parked'`,
  );
  await ringBells(tx, [
    { topic: 'intake', key: '' },
    { topic: 'allocate', key: '' },
  ]);
  return rows.length;
}

export const retryParked = (tx: Queries, ids: readonly number[], actor: string): Promise<number> =>
  letGo(tx, sql`p.id = any(${list(ids)}::bigint[])`, actor);

/** Retries all that waited for this (`listing shopify:main`, `item ABC`): called by whoever mends a mapping or adds an item. */
export const retryWaiting = (tx: Queries, waitsFor: readonly string[], actor: string): Promise<number> =>
  letGo(tx, sql`p.waits_for = any(${list(waitsFor)})`, actor);

/**
 * Retries what is parked though its cause is gone: an order that was decided while its listing was being mapped parks just after
 * the mapping looked for it. Found by the sweep.
 */
export const retryMended = (tx: Queries, max: number): Promise<number> =>
  letGo(
    tx,
    sql`p.id in (
      select q.id from parked q join command c on q.source = 'command' and c.id = q.source_id
      where q.state = 'parked' and ((q.code = 'unmapped-listing' and not exists (
          select 1 from unnest(c.listing_refs) as r(ref) where not exists (
            select 1 from listing l where l.channel_id = c.channel_id and l.listing_ref = r.ref and l.sku is not null)))
        or (q.code = 'unknown-sku' and exists (select 1 from item i where i.sku = c.sku)))
      order by q.id limit ${max})`,
    'sweep',
  );

/** What stood parked behind a dropped command of its order goes on: nothing earlier is left to wait for. */
export async function dropParked(tx: Queries, ids: readonly number[], actor: string, reason: string): Promise<number> {
  const rows = await tx.rows<{ source: string; source_id: number; order_id: string | null }>(sql`
    update parked set state = 'dropped', closed_at = now(), closed_by = ${actor}, drop_reason = ${reason}
    where state = 'parked' and id = any(${list(ids)}::bigint[]) returning source, source_id, order_id`);
  const of = (source: string) => rows.filter((row) => row.source === source).map((row) => row.source_id);
  await tx.rows(sql`update command set state = 'dropped' where id = any(${list(of('command'))}::bigint[])`);
  await tx.rows(sql`update inbox_key set state = 'dropped' where inbox_id = any(${list(of('inbox'))}::bigint[])`);
  const orders = [...new Set(rows.flatMap((row) => row.order_id ?? []))];
  await letGo(tx, sql`p.code = 'behind-parked' and p.order_id = any(${list(orders)})`, actor);
  return rows.length;
}

export type ParkedGroup = {
  readonly code: string;
  readonly channel: string | null;
  readonly count: number;
  readonly oldestAt: number;
  /** Of the oldest. */
  readonly reason: string;
  readonly fix: string;
};

const GROUPED_MAX = 10_000;

/** By cause and channel, the largest first, over the oldest GROUPED_MAX. */
export const groupParked = (db: Queries): Promise<ParkedGroup[]> =>
  db.rows<ParkedGroup>(sql`
    select code, channel_id as channel, count(*)::int as count, min(parked_at) as "oldestAt",
      (array_agg(reason order by id))[1] as reason, (array_agg(fix order by id))[1] as fix
    from (select * from parked where state = 'parked' order by id limit ${GROUPED_MAX}) p group by 1, 2 order by 3 desc, 1, 2`);

/** Of one cause and channel, the oldest first. */
export const listParkedOf = (
  db: Queries,
  choice: { readonly code: string; readonly channel: string | null; readonly limit: number },
): Promise<ParkedRow[]> =>
  db.rows<ParkedRow>(sql`
    select id, source, source_id, channel_id, order_id, code, reason, field, fix, waits_for, parked_at, attempts
    from parked where state = 'parked' and code = ${choice.code} and channel_id is not distinct from ${choice.channel}
    order by id limit ${choice.limit}`);
