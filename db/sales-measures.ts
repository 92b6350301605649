/**
 * What is measured of sales, in set statements of bounded work: never by a decision, and never twice by two processes.
 *
 * latency: an order is sold at t (its first command's `occurred_at`: placed or last modified on its platform) and lowers the number of
 *          another listing; t' is the first acknowledgement of that number or a newer one by the listing's channel; t' - t is counted
 *          for that channel. `recorded` starts at our own record of the command instead.
 *          Left out: what was sold before allot knew the selling channel, or before the other channel went live (a first reading of
 *          old orders), and what lay longer than SOLD_WITHIN_DAYS.
 * rates:   units of each order when it is first met, less what we refused; a kit's are those of its components.
 *
 * Guarantees: an acknowledgement and a batch are counted once at most; of more acknowledgements than ACKS_MAX since the last time the
 * newest are the sample. One that commits just after a later one was read is left out: to wait for it, as a feed must, would let the
 * longest transaction of the server stop the measuring, for a sale in thousands.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { ChannelId, Instant, Sku } from '#core/model.ts';
import {
  BUCKETS_PER_DOUBLING,
  type BucketCount,
  FAST_MS,
  type LatencyFigures,
  latencyFigures,
  SLOW_MS,
} from '#core/sales-measures.ts';
import type { Queries } from './client.ts';
import { recordset } from './recordset.ts';

const ACKS_MAX = 500;
/** Of what a channel is told after a long silence the newest numbers count. */
const NUMBERS_MAX = 100;
const BATCHES_MAX = 2000;
const COMMANDS_MAX = 20_000;
/** Less than acknowledgements are kept (unfinished.ts): so the first one of a number is never taken for gone. */
const SOLD_WITHIN_DAYS = 6;
/** The figures are of so many days. */
const KEPT_DAYS = 7;

export type Since = 'sold' | 'recorded';
type Measure = 'latency' | 'rates' | 'exposure';

const at = (now: Instant): SQL => sql`to_timestamp(${now} / 1000.0)`;

/** Where it stands, locked until the transaction ends; null when it is not due, or another process is at it. */
export async function claimMeasure(
  tx: Queries,
  name: Measure,
  { now, everyMs }: { readonly now: Instant; readonly everyMs: number },
): Promise<{ readonly position: number } | null> {
  const [row] = await tx.rows<{ position: number }>(sql`
    select position from sales_measure where name = ${name} and measured_at <= ${at(now - everyMs)} for update skip locked`);
  return row ?? null;
}

/**
 * The order lines that batches met first, one row each. Step by step along keys: left to itself the planner reads all orders there are
 * for those of a few batches.
 */
const linesOf = (batches: SQL): SQL => sql`
  select b.id as batch_id, o.id as order_id, o.channel_id, o.placed_at, c.occurred_at, c.recorded_at, l.line_ref, l.listing_id, l.sku,
    l.components, l.units
  from (select distinct id from ${batches} taken) taken
  cross join lateral (select id, command_ids from batch where id = taken.id offset 0) b
  cross join lateral unnest(b.command_ids) as u(id)
  cross join lateral (
    select order_id, occurred_at, recorded_at from command where id = u.id and kind = 'order-state' offset 0) c
  cross join lateral (
    select id, channel_id, placed_at from sales_order where id = c.order_id and first_batch_id = b.id offset 0) o
  cross join lateral (
    select line_ref, listing_id, sku, components, ordered - refused as units from order_line
    where order_id = o.id and sku is not null and listing_id is not null offset 0) l`;

/** How many sales the newest acknowledgements told of, by their buckets. */
export async function countLatency(tx: Queries, now: Instant): Promise<void> {
  const bucket = (from: SQL): SQL =>
    sql`ceil(${BUCKETS_PER_DOUBLING}::float8 * log(2, greatest(1, 1000 * extract(epoch from acked_at - ${from}))) - 1e-9)::int2`;
  await tx.rows(sql`
    with acked as materialized (
        select listing_id, version, acked_at from push_ack
        where acked_at > (select acked_at from sales_measure where name = 'latency') order by acked_at desc limit ${ACKS_MAX}),
      moved as (
        update sales_measure set measured_at = ${at(now)}, acked_at = coalesce((select max(acked_at) from acked), acked_at)
        where name = 'latency'),
      lowered as materialized (
        select k.listing_id, k.acked_at, e.batch_id, l.sku, l.channel_id, l.listing_ref, c.mode_changed_at
        from acked k join listing l on l.id = k.listing_id join channel c on c.id = l.channel_id and c.mode = 'live'
        cross join lateral (
          select coalesce(max(version), 0) as version from push_ack p where p.listing_id = k.listing_id and p.acked_at < k.acked_at) before
        cross join lateral (
          select version, quantity, batch_id, decided_at from target_entry
          where listing_id = k.listing_id and version > before.version and version <= k.version order by version desc limit ${NUMBERS_MAX}) e
        where e.decided_at > k.acked_at - make_interval(days => ${SOLD_WITHIN_DAYS})
          and e.quantity < (select quantity from target_entry b where b.listing_id = k.listing_id and b.version = e.version - 1)),
      -- By item, its own or a component, on both sides: so that they are joined by it.
      shown as (
        select * from lowered
        union all select w.listing_id, w.acked_at, w.batch_id, i.sku, w.channel_id, w.listing_ref, w.mode_changed_at
        from lowered w join item_component i on i.kit = w.sku),
      line as materialized (
        select n.*, x.listing_ref from (${linesOf(sql`(select batch_id as id from lowered)`)}) n
        join listing x on x.id = n.listing_id join channel s on s.id = n.channel_id and s.known_since <= n.occurred_at),
      sold as materialized (
        select batch_id, order_id, line_ref, channel_id, listing_ref, sku, occurred_at, recorded_at from line
        union all select batch_id, order_id, line_ref, channel_id, listing_ref, part.sku, occurred_at, recorded_at
        from line cross join lateral jsonb_to_recordset(components) as part(sku text) where components is not null),
      sample as (
        select w.channel_id, w.acked_at, min(least(s.occurred_at, s.recorded_at)) as sold_at, min(s.recorded_at) as recorded_at
        from shown w join sold s on s.batch_id = w.batch_id and s.sku = w.sku and s.occurred_at >= w.mode_changed_at
          and (s.channel_id, s.listing_ref) <> (w.channel_id, w.listing_ref)
        group by w.listing_id, w.acked_at, w.channel_id, s.order_id, s.line_ref)
    insert into latency_hour as h (channel_id, hour, since, bucket, count)
    select channel_id, date_trunc('hour', acked_at), since, bucket, count(*)
    from sample cross join lateral (
      values ('sold', ${bucket(sql`sold_at`)}), ('recorded', ${bucket(sql`recorded_at`)})) as v(since, bucket)
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
    on conflict (channel_id, hour, since, bucket) do update set count = h.count + excluded.count`);
}

/** The figures of each channel from the hours that still count. */
export async function writeLatencyFigures(tx: Queries, now: Instant): Promise<void> {
  await tx.rows(sql`delete from latency_hour where hour < now() - make_interval(days => ${KEPT_DAYS})`);
  const counts = await tx.rows<BucketCount & { readonly channel: ChannelId; readonly since: Since }>(sql`
    select channel_id as channel, since, bucket, sum(count)::int as count from latency_hour group by 1, 2, 3`);
  const rows = [...Map.groupBy(counts, ({ channel, since }) => `${channel} ${since}`).values()].flatMap((group) => {
    const [first] = group;
    const figures = latencyFigures(group);
    return first === undefined || figures === null ? [] : [{ channel: first.channel, since: first.since, ...figures }];
  });
  await tx.rows(sql`
    delete from channel_latency where (channel_id, since) not in (select channel, since from ${recordset(rows, { channel: 'text', since: 'text' })})`);
  const columns = {
    channel: 'text',
    since: 'text',
    samples: 'int4',
    p50Ms: 'int8',
    p95Ms: 'int8',
    p99Ms: 'int8',
  } as const;
  await tx.rows(sql`
    insert into channel_latency (channel_id, since, samples, p50_ms, p95_ms, p99_ms, measured_at)
    select channel, since, samples, "p50Ms", "p95Ms", "p99Ms", ${at(now)} from ${recordset(rows, columns)}
    on conflict (channel_id, since) do update set samples = excluded.samples, p50_ms = excluded.p50_ms, p95_ms = excluded.p95_ms,
      p99_ms = excluded.p99_ms, measured_at = excluded.measured_at`);
}

export type ChannelLatency = LatencyFigures & { readonly channel: ChannelId; readonly since: Since };

export const readLatency = (db: Queries): Promise<ChannelLatency[]> =>
  db.rows<ChannelLatency>(sql`
    select channel_id as channel, since, samples, p50_ms as "p50Ms", p95_ms as "p95Ms", p99_ms as "p99Ms"
    from channel_latency order by 1, 2`);

/** What fades to e^-30 is gone; a product that PostgreSQL has no number for, too near to 0, it takes for an error. */
const faded = (age: SQL, lifeMs: number): SQL => sql`exp(-least(30, ${age} / ${lifeMs / 1000}::float8))`;

/** Adds the sales of the next batches. Answers the items that were sold. */
export async function addSales(tx: Queries, now: Instant): Promise<Sku[]> {
  const sums = (lifeMs: number): SQL =>
    sql`sum(units * ${faded(sql`age`, lifeMs)}), sum(units * units * ${faded(sql`age`, lifeMs)})`;
  const since = sql`greatest(0, extract(epoch from excluded.at - r.at))`;
  const rows = await tx.rows<{ sku: Sku }>(sql`
    with ahead as (
        select id, command_ids, sum(cardinality(command_ids)) over (order by id) - cardinality(command_ids) as before
        from (select id, command_ids from batch where id > (select position from sales_measure where name = 'rates')
          order by id limit ${BATCHES_MAX}) b),
      took as materialized (select id from ahead where before < ${COMMANDS_MAX}),
      moved as (
        update sales_measure set measured_at = ${at(now)}, position = coalesce((select max(id) from took), position) where name = 'rates'),
      line as (
        select distinct n.order_id, n.line_ref, n.listing_id, coalesce(part.sku, n.sku) as sku,
          n.units::float8 * coalesce(part.quantity, 1) as units, n.placed_at
        from (${linesOf(sql`(select id from took)`)}) n
        left join lateral jsonb_to_recordset(n.components) as part(sku text, quantity int) on true
        where n.units > 0),
      sold as (
        select sku, listing_id, units, greatest(0, extract(epoch from ${at(now)} - placed_at))::float8 as age from line),
      noted as (
        insert into sales_rate as r (sku, listing_id, at, fast_units, fast_squares, slow_units, slow_squares)
        select sku, listing_id, ${at(now)}, ${sums(FAST_MS)}, ${sums(SLOW_MS)} from sold group by sku, listing_id order by sku, listing_id
        on conflict (sku, listing_id) do update set at = greatest(r.at, excluded.at),
          fast_units = r.fast_units * ${faded(since, FAST_MS)} + excluded.fast_units,
          fast_squares = r.fast_squares * ${faded(since, FAST_MS)} + excluded.fast_squares,
          slow_units = r.slow_units * ${faded(since, SLOW_MS)} + excluded.slow_units,
          slow_squares = r.slow_squares * ${faded(since, SLOW_MS)} + excluded.slow_squares
        returning r.sku)
    select distinct sku from noted order by sku`);
  return rows.map(({ sku }) => sku);
}
