/**
 * Parked: what could not be taken or sent, with its reason, age and owner, kept until a person or a later event lets it go on.
 *
 * | source   | what it is                                  | retried                                     |
 * | inbox    | an event or document that cannot be read    | it is pending again                         |
 * | command  | a command that the core refuses             | it is pending again, with the later ones of its order |
 * | listing  | a number that its platform does not take    | it is sent again at once (db/delays.ts parks it) |
 * | document | a document of ours that cannot be put out   | it is pending again                         |
 * | answer   | an answer to an order that cannot be written| it is written at once (parked-answers.ts)   |
 *
 * | state   | next                                                                             |
 * | parked  | retried (by a person, or by itself: parked-mended.ts), dropped (a person, with a reason) |
 * | retried | final; if it fails again a new parked row is made, with age and owner of this one |
 * | dropped | final                                                                            |
 *
 * Guarantees: nothing parked is lost or retried by half: retrying an order's command retries the later ones of that order too, and
 * dropping one lets those go on that were parked behind it. A number is never dropped: the newest is wanted as long as it is mapped.
 */
import { type SQL, sql } from 'drizzle-orm';
import { Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { Outcome } from '#core/state.ts';
import { CORE_VERSION } from '#core/version.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { ringBells } from './outbox.ts';
import { dropAnswers, writeAnswersAgain } from './parked-answers.ts';

export const PARKED_SOURCES = ['inbox', 'command', 'listing', 'document', 'answer'] as const;
export type ParkedSource = (typeof PARKED_SOURCES)[number];

export type ParkedRow = {
  readonly id: number;
  readonly source: ParkedSource;
  readonly source_id: number;
  readonly channel_id: string | null;
  readonly order_id: string | null;
  readonly code: string;
  readonly reason: string;
  readonly field: string | null;
  readonly fix: string;
  readonly waits_for: string | null;
  readonly parked_at: Instant;
  /** When it was parked first: retried in vain, it is no younger. */
  readonly first_parked_at: Instant;
  readonly attempts: number;
  /** Who took it upon himself. */
  readonly owner: string | null;
  readonly taken_at: Instant | null;
  /** When allot tries it again by itself; null: when its cause is gone. */
  readonly retry_at: Instant | null;
};

const ROW = sql`id, source, source_id, channel_id, order_id, code, reason, field, fix, waits_for, parked_at, first_parked_at, attempts,
  owner, taken_at, retry_at`;

/** Age and owner of what is parked again: source s of a lateral join, whose id is given. */
const before = (source: ParkedSource, id: SQL): SQL => sql`
  left join lateral (select b.first_parked_at, b.owner, b.taken_at, count(*) over ()::int as times
    from parked b where b.source = ${source} and b.source_id = ${id} order by b.id desc limit 1) b on true`;

/** What decided it in vain: another core tries it once. */
export const DECIDER = `core ${CORE_VERSION}`;

type ParkedOutcome = Extract<Outcome, { kind: 'parked' }>;

/** Parks refused commands; the channel, order and what they wait for are read off the commands themselves. */
export async function parkCommands(tx: Queries, outcomes: readonly ParkedOutcome[]): Promise<void> {
  if (outcomes.length === 0) return;
  await tx.rows(sql`
    insert into parked (source, source_id, channel_id, order_id, code, reason, field, fix, waits_for, reader, policy_version,
      attempts, first_parked_at, owner, taken_at)
    select 'command', c.id, c.channel_id, c.order_id, r.code, r.reason, r.field, r.fix,
      case r.code when 'unmapped-listing' then 'listing ' || c.channel_id when 'unknown-sku' then 'item ' || c.sku end,
      case r.code when 'defect' then ${DECIDER} end, (select version from policy_current), 1 + coalesce(b.times, 0), coalesce(b.first_parked_at, now()), b.owner, b.taken_at
    from json_to_recordset(${JSON.stringify(outcomes)}::json) as r("commandId" bigint, code text, reason text, field text, fix text)
    join command c on c.id = r."commandId" ${before('command', sql`c.id`)}`);
}

export type InboxRefusal = {
  readonly inboxId: number;
  /** What read it in vain; another one tries it once by itself. Null: reading is not what failed. */
  readonly reader: string | null;
  readonly retryAt?: Instant;
  readonly code: string;
  readonly reason: string;
  readonly field: string | null;
  readonly fix: string;
};

export async function parkInbox(tx: Queries, refusals: readonly InboxRefusal[]): Promise<void> {
  if (refusals.length === 0) return;
  const text = JSON.stringify(refusals);
  await tx.rows(sql`
    insert into parked (source, source_id, channel_id, code, reason, field, fix, reader, retry_at, policy_version,
      attempts, first_parked_at, owner, taken_at)
    select 'inbox', k.inbox_id, k.channel_id, r.code, r.reason, r.field, r.fix, r.reader, to_timestamp(r."retryAt" / 1000.0),
      (select version from policy_current), 1 + coalesce(b.times, 0), coalesce(b.first_parked_at, now()), b.owner, b.taken_at
    from json_to_recordset(${text}::json) as r("inboxId" bigint, code text, reason text, field text, fix text, reader text, "retryAt" float8)
    join inbox_key k on k.inbox_id = r."inboxId" ${before('inbox', sql`k.inbox_id`)}`);
  await tx.rows(sql`
    update inbox_key k set state = 'parked'
    from json_to_recordset(${text}::json) as r("inboxId" bigint) where k.inbox_id = r."inboxId"`);
}

/** A document of ours that cannot be put out; the others of its channel go on. */
export async function parkDocument(
  tx: Queries,
  documentId: number,
  told: { readonly reason: string; readonly field: string | null; readonly fix: string },
): Promise<void> {
  await tx.rows(sql`
    insert into parked (source, source_id, channel_id, code, reason, field, fix, attempts, first_parked_at, owner, taken_at)
    select 'document', d.id, d.channel_id, 'document-unsent', ${told.reason}, ${told.field}, ${told.fix},
      1 + coalesce(b.times, 0), coalesce(b.first_parked_at, now()), b.owner, b.taken_at
    from document d ${before('document', sql`d.id`)} where d.id = ${documentId}`);
  await tx.rows(sql`update document set state = 'parked' where id = ${documentId}`);
}

export const listParked = (db: Queries, limit: number, after = 0): Promise<ParkedRow[]> =>
  db.rows<ParkedRow>(sql`
    select ${ROW}
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

/** Says who sees to these, or with null that nobody does; answers how many are still parked. */
export async function takeParked(tx: Queries, ids: readonly number[], owner: string | null): Promise<number> {
  const rows = await tx.rows(sql`
    update parked set owner = ${owner}, taken_at = case when ${owner}::text is not null then now() end
    where state = 'parked' and id = any(${list(ids)}::bigint[]) returning id`);
  return rows.length;
}

type Freed = {
  readonly source: string;
  readonly source_id: number;
  readonly channel_id: string | null;
  readonly order_id: string | null;
};

/** Numbers, documents and answers that were parked go out again at once. */
async function sendAgain(tx: Queries, rows: readonly Freed[]): Promise<void> {
  const of = (source: ParkedSource) => rows.filter((row) => row.source === source);
  const [listings, documents, answers] = [of('listing'), of('document'), of('answer')];
  const idsOf = (freed: readonly Freed[]) => list(freed.map(({ source_id }) => source_id));
  if (listings.length > 0) {
    await tx.rows(sql`
      update listing_sync set blocked_until = null where listing_id = any(${idsOf(listings)}::bigint[])`);
  }
  if (documents.length > 0) {
    await tx.rows(sql`
      update document set state = 'pending' where id = any(${idsOf(documents)}::bigint[]) and state = 'parked'`);
  }
  if (answers.length > 0)
    await writeAnswersAgain(
      tx,
      answers.flatMap(({ order_id }) => order_id ?? []),
    );
  const bellsOf = (topic: string, freed: readonly Freed[]) =>
    [...new Set(freed.flatMap(({ channel_id }) => channel_id ?? []))].map((key) => ({ topic, key }));
  await ringBells(tx, [...bellsOf('push', listings), ...bellsOf('documents', [...documents, ...answers])]);
}

/** Puts the chosen rows' sources back to pending, and with a command the later ones of its order. Answers how many were let go. */
export async function letGo(tx: Queries, chosen: SQL, actor: string): Promise<number> {
  const rows = await tx.rows<Freed & { id: number }>(sql`
    with first as (select id, case when source = 'command' then order_id end as order_id from parked p
      where state = 'parked' and (${chosen}) for update)
    select p.id, p.source, p.source_id, p.channel_id, p.order_id from parked p
    where p.state = 'parked' and (p.id in (select id from first)
      or (p.source = 'command' and p.order_id in (select order_id from first)))`);
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
    sql`update inbox_key set state = 'pending', retry_at = null where inbox_id = any(${list(of('inbox'))}::bigint[]) and state = 'parked'`,
  );
  await sendAgain(tx, rows);
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
 * What stood parked behind a dropped command of its order goes on: nothing earlier is left to wait for. Throws Rejected, and drops
 * nothing, where a number is among them.
 */
export async function dropParked(tx: Queries, ids: readonly number[], actor: string, reason: string): Promise<number> {
  await refuseNumbers(tx, ids);
  const rows = await tx.rows<Freed>(sql`
    update parked set state = 'dropped', closed_at = now(), closed_by = ${actor}, drop_reason = ${reason}
    where state = 'parked' and id = any(${list(ids)}::bigint[]) returning source, source_id, channel_id, order_id`);
  const of = (source: string) => rows.filter((row) => row.source === source).map((row) => row.source_id);
  await tx.rows(sql`update command set state = 'dropped' where id = any(${list(of('command'))}::bigint[])`);
  await tx.rows(sql`update inbox_key set state = 'dropped' where inbox_id = any(${list(of('inbox'))}::bigint[])`);
  await tx.rows(sql`update document set state = 'dropped' where id = any(${list(of('document'))}::bigint[])`);
  await dropAnswers(
    tx,
    rows.filter(({ source }) => source === 'answer'),
    reason,
  );
  const orders = [...new Set(rows.flatMap((row) => (row.source === 'command' ? (row.order_id ?? []) : [])))];
  await letGo(tx, sql`p.code = 'behind-parked' and p.order_id = any(${list(orders)})`, actor);
  return rows.length;
}

export type ParkedGroup = {
  readonly code: string;
  readonly channel: string | null;
  readonly count: number;
  /** Since when the oldest was parked first. */
  readonly oldestAt: Instant;
  /** Who sees to some of them, by name. */
  readonly owners: readonly string[];
  /** Nobody sees to so many. */
  readonly ownerless: number;
  /** Of the oldest. */
  readonly reason: string;
  readonly fix: string;
};

const GROUPED_MAX = 10_000;

/** By cause and channel, the largest first, over the oldest GROUPED_MAX. */
export const groupParked = (db: Queries): Promise<ParkedGroup[]> =>
  db.rows<ParkedGroup>(sql`
    select code, channel_id as channel, count(*)::int as count, min(first_parked_at) as "oldestAt",
      coalesce(to_json((array_agg(distinct owner) filter (where owner is not null))[1:5]), '[]') as owners,
      count(*) filter (where owner is null)::int as ownerless,
      (array_agg(reason order by id))[1] as reason, (array_agg(fix order by id))[1] as fix
    from (select * from parked where state = 'parked' order by id limit ${GROUPED_MAX}) p group by 1, 2 order by 3 desc, 1, 2`);

/** Of one cause and channel, the oldest first. */
export const listParkedOf = (
  db: Queries,
  choice: { readonly code: string; readonly channel: string | null; readonly limit: number },
): Promise<ParkedRow[]> =>
  db.rows<ParkedRow>(sql`
    select ${ROW}
    from parked where state = 'parked' and code = ${choice.code} and channel_id is not distinct from ${choice.channel}
    order by id limit ${choice.limit}`);

async function refuseNumbers(tx: Queries, ids: readonly number[]): Promise<void> {
  const [first, ...more] = await tx.rows<{ id: number; channel: string; ref: string }>(sql`
    select p.id, l.channel_id as channel, l.listing_ref as ref from parked p join listing l on l.id = p.source_id
    where p.source = 'listing' and p.state = 'parked' and p.id = any(${list(ids)}::bigint[]) order by p.id`);
  if (first === undefined) return;
  const and = more.length === 0 ? '' : `, and ${more.length} more of these,`;
  throw new Rejected(
    `${first.id}${and} is the number of a listing, and the newest number is wanted as long as it is mapped`,
    {
      field: 'id',
      value: first.id,
      fix: `mend what its reason says, or send it no more numbers: allot listings unmap ${first.channel} ${first.ref}`,
    },
  );
}
