/**
 * Doctor's questions about the flow: I3, I6, I7, I9, I10. Each is a query that answers one line of text per violation, and none
 * where all is well. Read-only, over all rows except where a sample is named: run them in one snapshot.
 */
import { type SQL, sql } from 'drizzle-orm';
import { RAW_KEPT_DAYS } from './inbox.ts';
import { list } from './list.ts';

const KEYS_TWICE: SQL = sql`
  select format('%s: the event %s was taken in %s times', channel_id, key, count(*)) as example
  from inbox_key group by channel_id, key having count(*) > 1`;

const APPLIED_TWICE: SQL = sql`
  select format('inbox entry %s: the same %s was applied %s times', inbox_id, kind, count(*)) as example
  from command where inbox_id is not null and state = 'applied' group by inbox_id, kind, md5(body::text) having count(*) > 1`;

/** A parked command that was retried stands in two batches, and has entries in one. */
const DECIDED_TWICE: SQL = sql`
  select format('command %s was decided in %s batches, and was never parked', c.id, count(*)) as example
  from batch b cross join lateral unnest(b.command_ids) as c(id)
  where not exists (select 1 from parked p where p.source = 'command' and p.source_id = c.id)
  group by c.id having count(*) > 1
  union all
  select format('command %s has ledger entries in %s batches', command_id, count(*))
  from (select command_id, batch_id from stock_entry union select command_id, batch_id from promise_entry) e
  group by command_id having count(*) > 1`;

const OLDER_SENT: SQL = sql`
  select format('listing %s: version %s was sent in attempt %s, after version %s', listing_id, version, attempt_id, before) as example
  from (
    select i.listing_id, i.attempt_id, i.version, max(i.version) over (
      partition by i.listing_id order by i.attempt_id rows between unbounded preceding and 1 preceding) as before
    from push_attempt_item i join push_attempt a on a.id = i.attempt_id where a.sent_at is not null) s
  where version < before
  union all
  select format('listing %s: version %s counts as acknowledged, and the newest is %s', listing_id, acked_version, version)
  from target where acked_version > version`;

/** The day before, too: a payload's day is that of its transaction's start. */
const RAW_OF_KEY: SQL = sql`
  select 1 from inbox_raw w where w.inbox_id = k.inbox_id
    and w.received_on between (k.received_at at time zone 'UTC')::date - 1 and (k.received_at at time zone 'UTC')::date`;

const PAYLOADS_GONE: SQL = sql`
  select format('inbox entry %s of %s (%s, %s): its payload is gone before its time', k.inbox_id, k.channel_id, k.topic, k.state) as example
  from inbox_key k
  where (k.state = 'pending' or k.received_at > now() - make_interval(days => ${RAW_KEPT_DAYS - 1}::int)) and not exists (${RAW_OF_KEY})
  union all
  select format('a payload of %s belongs to inbox entry %s, which is not known', w.received_on, w.inbox_id)
  from inbox_raw w where not exists (select 1 from inbox_key k where k.inbox_id = w.inbox_id)`;

/** Whole orders that allot read itself become exactly one command each; what a connector reads may be a bell, which becomes none. */
const WITHOUT_TRACE: SQL = sql`
  select format('inbox entry %s of %s is taken, and no command came of it', k.inbox_id, k.channel_id) as example
  from inbox_key k where k.state = 'taken' and k.topic = 'allot/order-state'
    and not exists (select 1 from command c where c.inbox_id = k.inbox_id)
  union all
  select format('inbox entry %s of %s is %s, and no parked row says why', k.inbox_id, k.channel_id, k.state)
  from inbox_key k where k.state in ('parked', 'dropped')
    and not exists (select 1 from parked p where p.source = 'inbox' and p.source_id = k.inbox_id and p.state = k.state)
  union all
  select format('command %s (%s) is %s, and no parked row says why', c.id, c.kind, c.state)
  from command c where c.state in ('parked', 'dropped')
    and not exists (select 1 from parked p where p.source = 'command' and p.source_id = c.id and p.state = c.state)
  union all
  select format('command %s (%s) is %s, and no batch names it', c.id, c.kind, c.state)
  from command c where c.state in ('applied', 'unchanged') and not exists (select 1 from batch b where b.id = c.batch_id)`;

const WAIT_MAX = sql`interval '10 minutes'`;
const ROWS_MAX = 100_000;

/** The last moment at which a daemon lived; with none ever seen, nothing was left lying. */
const ALIVE_AT: SQL = sql`(select max(seen_at) from worker)`;

const LEFT_LYING: SQL = sql`
  with since as (select ${ALIVE_AT} - ${WAIT_MAX} as at)
  select format('inbox entry %s of %s has waited since %s', inbox_id, channel_id, received_at::timestamptz(0)) as example
  from inbox_key, since where state = 'pending' and received_at < since.at
  union all
  select format('command %s (%s) has waited for its decision since %s', id, kind, recorded_at::timestamptz(0))
  from command, since where state = 'pending' and recorded_at < since.at
  union all
  select format('bell %s %s has waited to be rung since %s', topic, key, recorded_at::timestamptz(0))
  from outbox, since where recorded_at < since.at
  union all
  select format('push attempt %s of %s lost its lease at %s, and nobody took it', id, channel_id, lease_until::timestamptz(0))
  from push_attempt, since where state = 'open' and lease_until < since.at
  union all
  select format('document %s (%s about %s) has waited to be sent since %s', d.id, d.kind, d.subject, d.created_at::timestamptz(0))
  from document d join channel c on c.id = d.channel_id, since
  where d.state = 'pending' and c.mode = 'live' and c.configured and d.created_at < since.at and coalesce(d.sent_at < since.at, true)
  union all
  select format('order %s was answered at %s, and the answer is not written', o.id, o.answered_at::timestamptz(0))
  from sales_order o join channel c on c.id = o.channel_id, since
  where c.configured and o.answered_version > o.answer_stored_version and o.answered_at < since.at
    and coalesce(o.answer_retry_at < since.at, true)
  union all
  select format('item %s was to be reviewed at %s', sku, next_review_at::timestamptz(0)) from item, since where next_review_at < since.at
  union all
  select format('reallocation %s of %s was to end at %s, and is in force', id, sku, until::timestamptz(0))
  from reallocation, since where state = 'applied' and until < since.at
  union all
  select format('a hold of %s %s by %s expired at %s, and still holds', quantity, sku, owner, expires_at::timestamptz(0))
  from hold, since where state = 'held' and expires_at < since.at`;

const GROWN: SQL = sql`
  select format('%s holds more than %s rows', name, ${ROWS_MAX}::int) as example
  from (values
    ('the outbox', (select count(*) from (select 1 from outbox limit ${ROWS_MAX + 1}) r)),
    ('the queue of undecided commands', (select count(*) from (select 1 from command where state = 'pending' limit ${ROWS_MAX + 1}) r)),
    ('the unread inbox', (select count(*) from (select 1 from inbox_key where state = 'pending' limit ${ROWS_MAX + 1}) r)),
    ('the list of parked input', (select count(*) from (select 1 from parked where state = 'parked' limit ${ROWS_MAX + 1}) r)))
    as t(name, rows)
  where rows > ${ROWS_MAX}
  union all
  select format('%s payloads were to be purged by %s', count(*), purge_on) from inbox_raw where purge_on < current_date - 2 group by purge_on`;

/** Nonce and tag come first: a sealed payload of less is none, and 24 printable bytes in a row are no accident (1 in 10^10). */
const PLAIN_PAYLOADS: SQL = sql`
  select format('the payload of inbox entry %s (key %s) is not sealed', inbox_id, key_id) as example from inbox_raw
  where length(sealed) < 28 or encode(substring(sealed from 1 for 24), 'escape') ~ '^[ -~\t\r\n]{24}$'
  union all
  select format('%s payloads name a key with the impossible id %s', count(*), key_id) from inbox_raw
  where key_id !~ '^[0-9a-f]{12}$' group by key_id`;

const unknownKeys = (known: readonly string[]): SQL => sql`
  select format('%s payloads are sealed with key %s, which ALLOT_SEAL_KEY does not hold', count(*), key_id) as example
  from inbox_raw where key_id <> all(${list(known)}) group by key_id`;

const SAMPLE_MAX = 2000;
const MAIL = '[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+[.][A-Za-z]{2,}';

/** The newest rows of what is not sealed. */
const PERSONAL_DATA: SQL = sql`
  select format('%s %s holds what looks like an e-mail address', place, id) as example from (
    (select 'command' as place, id::text, body::text as text from command order by id desc limit ${SAMPLE_MAX})
    union all (select 'order', id, state::text from sales_order order by recorded_at desc limit ${SAMPLE_MAX})
    union all (select 'parked row', id::text, reason || ' ' || fix || ' ' || coalesce(drop_reason, '') from parked order by id desc limit ${SAMPLE_MAX})
    union all (select 'alert', id::text, title || ' ' || cause || ' ' || touches::text from alert order by id desc limit ${SAMPLE_MAX})
    union all (select 'audit row', id::text, subject || ' ' || detail::text from audit order by id desc limit ${SAMPLE_MAX})) s
  where text ~ ${MAIL}`;

export const FLOW = {
  once: [KEYS_TWICE, APPLIED_TWICE, DECIDED_TWICE],
  order: [OLDER_SENT],
  inbox: [PAYLOADS_GONE, WITHOUT_TRACE],
  growth: [LEFT_LYING, GROWN],
  secrets: (knownKeys: readonly string[] | undefined): readonly SQL[] => [
    PLAIN_PAYLOADS,
    PERSONAL_DATA,
    ...(knownKeys === undefined ? [] : [unknownKeys(knownKeys)]),
  ],
} as const;
