/**
 * Writes the facts of one batch: ledgers, balances, orders, targets, outcomes, bells, in a dozen set statements.
 *
 * Guarantees: balances change by exactly the sum of the entries written beside them (I2); the batch row names its commands in
 * order with `now`, policy and core version, so that a replay needs nothing else.
 */
import { sql } from 'drizzle-orm';
import { unitsOf } from '#core/hold-units.ts';
import { allocatedUnits } from '#core/kits.ts';
import type { Instant, OrderId, OrderLine } from '#core/model.ts';
import type { Facts, StoredOrder } from '#core/state.ts';
import { CORE_VERSION } from '#core/version.ts';
import type { Queries } from './client.ts';
import { writeDated } from './dated-facts.ts';
import { writeLots } from './lots.ts';
import { writeLowPools } from './low-pools.ts';
import { ringBells } from './outbox.ts';
import { parkCommands } from './parked.ts';
import { writeMoves } from './reallocations.ts';

export type BatchHeader = {
  readonly decidedAt: Instant;
  readonly policyVersion: number;
  readonly commandIds: readonly number[];
};

/** Answers the batch id. */
export async function writeFacts(tx: Queries, header: BatchHeader, facts: Facts): Promise<number> {
  const [batch] = await tx.rows<{ id: number }>(sql`
    insert into batch (decided_at, policy_version, core_version, command_ids)
    values (${iso(header.decidedAt)}::timestamptz, ${header.policyVersion}, ${CORE_VERSION},
      (select coalesce(array_agg(v::bigint order by n), '{}') from json_array_elements_text(${JSON.stringify(header.commandIds)}::json)
        with ordinality as t(v, n)))
    returning id`);
  if (batch === undefined) throw new Error('insert into batch answered no row');
  await writeStock(tx, batch.id, facts);
  await writePromises(tx, batch.id, facts);
  await writeLots(tx, facts);
  await writeHolds(tx, header.decidedAt, facts);
  await writeOrders(tx, batch.id, header.decidedAt, facts);
  await writeShortages(tx, facts);
  await writeDated(tx, batch.id, facts);
  await writeTargets(tx, batch.id, header.decidedAt, facts);
  await writeMoves(tx, header.decidedAt, facts.moves);
  await writeLowPools(tx, facts);
  await writeOutcomes(tx, batch.id, facts);
  return batch.id;
}

const iso = (instant: Instant): string => new Date(instant).toISOString();
const isoOrNull = (instant: Instant | null): string | null => (instant === null ? null : iso(instant));

/** Adds up deltas per key, so that each balance row is written once. */
function totals<T>(entries: readonly T[], keyOf: (entry: T) => string, add: (sum: T, entry: T) => T): T[] {
  const byKey = new Map<string, T>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const sum = byKey.get(key);
    byKey.set(key, sum === undefined ? entry : add(sum, entry));
  }
  return [...byKey.values()];
}

async function writeStock(tx: Queries, batchId: number, facts: Facts): Promise<void> {
  if (facts.stock.length > 0) {
    const entries = facts.stock.map((entry) => ({ ...entry, occurredAt: iso(entry.occurredAt) }));
    await tx.rows(sql`
      insert into stock_entry (batch_id, command_id, sku, location, disposition, kind, delta, occurred_at, lot)
      select ${batchId}, "commandId", sku, location, disposition, kind, delta, "occurredAt", lot
      from json_to_recordset(${JSON.stringify(entries)}::json) as r("commandId" bigint, sku text, location text,
        disposition text, kind text, delta int, "occurredAt" timestamptz, lot text)`);
    const sums = totals(
      facts.stock.map(({ sku, location, disposition, delta }) => ({ sku, location, disposition, delta })),
      (entry) => `${entry.sku} ${entry.location} ${entry.disposition}`,
      (sum, entry) => ({ ...sum, delta: sum.delta + entry.delta }),
    );
    await tx.rows(sql`
      merge into stock_balance b using (select * from json_to_recordset(${JSON.stringify(sums)}::json)
        as r(sku text, location text, disposition text, delta int)) r
      on b.sku = r.sku and b.location = r.location and b.disposition = r.disposition
      when matched then update set quantity = b.quantity + r.delta
      when not matched then insert (sku, location, disposition, quantity) values (r.sku, r.location, r.disposition, r.delta)`);
  }
  if (facts.counted.length === 0) return;
  const counted = totals(
    facts.counted.filter(({ lot }) => lot === undefined),
    (count) => `${count.sku} ${count.location} ${count.disposition}`,
    (last, count) => (count.asOf > last.asOf ? count : last),
  ).map((count) => ({ ...count, asOf: iso(count.asOf) }));
  await tx.rows(sql`
    merge into stock_balance b using (select * from json_to_recordset(${JSON.stringify(counted)}::json)
      as r(sku text, location text, disposition text, "asOf" timestamptz)) r
    on b.sku = r.sku and b.location = r.location and b.disposition = r.disposition
    when matched then update set counted_as_of = r."asOf"
    when not matched then insert (sku, location, disposition, quantity, counted_as_of)
      values (r.sku, r.location, r.disposition, 0, r."asOf")`);
}

async function writePromises(tx: Queries, batchId: number, facts: Facts): Promise<void> {
  if (facts.promises.length === 0) return;
  const entries = facts.promises.map((entry) => ({ ...entry, occurredAt: iso(entry.occurredAt) }));
  await tx.rows(sql`
    insert into promise_entry (batch_id, command_id, sku, location, program, pool, kind, delta, consumed, held, hold_id,
      order_id, line_ref, occurred_at, lot)
    select ${batchId}, "commandId", sku, location, program, pool, kind, delta, consumed, held, hold, "orderId", "lineRef", "occurredAt", lot
    from json_to_recordset(${JSON.stringify(entries)}::json) as r("commandId" bigint, sku text, location text, program text,
      pool text, kind text, delta int, consumed int, held int, hold bigint, "orderId" text, "lineRef" text, "occurredAt" timestamptz, lot text)`);
  const places = totals(
    facts.promises.map(({ sku, location, program, pool, delta, held }) => ({
      sku,
      location,
      program,
      pool,
      delta,
      held,
    })),
    (entry) => `${entry.sku} ${entry.location} ${entry.program} ${entry.pool}`,
    (sum, entry) => ({ ...sum, delta: sum.delta + entry.delta, held: sum.held + entry.held }),
  );
  await tx.rows(sql`
    merge into promise_balance b using (select * from json_to_recordset(${JSON.stringify(places)}::json)
      as r(sku text, location text, program text, pool text, delta int, held int)) r
    on b.sku = r.sku and b.location = r.location and b.program = r.program and b.pool = r.pool
    when matched then update set allocated = b.allocated + r.delta, held = b.held + r.held
    when not matched then insert (sku, location, program, pool, allocated, held)
      values (r.sku, r.location, r.program, r.pool, r.delta, r.held)`);
  // Whole rows: what a fill marks is no sum. The item's lock makes them the newest.
  await tx.rows(sql`
    insert into pool_balance (sku, program, location, consumed, taken, taken_at_fill, all_taken_at_fill, is_filled)
    select sku, program, coalesce(location, ''), consumed, taken, "takenAtFill", "allTakenAtFill", "isFilled"
    from json_to_recordset(${JSON.stringify(facts.drawn)}::json) as r(sku text, program text, location text, consumed int, taken int,
      "takenAtFill" int, "allTakenAtFill" int, "isFilled" boolean)
    on conflict (sku, program, location) do update set consumed = excluded.consumed, taken = excluded.taken,
      taken_at_fill = excluded.taken_at_fill, all_taken_at_fill = excluded.all_taken_at_fill, is_filled = excluded.is_filled`);
}

async function writeHolds(tx: Queries, decidedAt: Instant, facts: Facts): Promise<void> {
  if (facts.holds.length === 0) return;
  const rows = facts.holds.map((hold) => ({ ...hold, expiresAt: iso(hold.expiresAt), units: unitsOf(hold) }));
  await tx.rows(sql`
    insert into hold (id, sku, program, kind, owner, reason, ref, location, quantity, units, parts, expires_at, state, created_at, ended_at)
    select id, sku, program, kind, owner, reason, ref, location, quantity, units, parts, "expiresAt", state, ${iso(decidedAt)}::timestamptz,
      case when state <> 'held' then ${iso(decidedAt)}::timestamptz end
    from json_to_recordset(${JSON.stringify(rows)}::json) as r(id bigint, sku text, program text, kind text, owner text, reason text,
      ref text, location text, quantity int, units int, parts jsonb, "expiresAt" timestamptz, state text)
    on conflict (id) do update set program = excluded.program, kind = excluded.kind, owner = excluded.owner, reason = excluded.reason,
      location = excluded.location, quantity = excluded.quantity, units = excluded.units, parts = excluded.parts,
      expires_at = excluded.expires_at, state = excluded.state, ended_at = excluded.ended_at, is_ending = false`);
}

const lineRow = (orderId: OrderId, line: OrderLine) => {
  const { answer, ...rest } = line;
  return {
    ...rest,
    orderId,
    accepted: answer?.accepted ?? null,
    backOrdered: answer?.backOrdered ?? 0,
    refused: answer?.refused ?? 0,
    allocated: allocatedUnits(line),
  };
};

const orderRow = ({ id, channel, program, placedAt, state, answeredVersion, route }: StoredOrder) => ({
  id,
  channel,
  program,
  placedAt: iso(placedAt),
  state,
  answeredVersion,
  route,
});

/** Orders with their lines; rings for those whose answer has to be written. */
async function writeOrders(tx: Queries, batchId: number, decidedAt: Instant, facts: Facts): Promise<void> {
  if (facts.orders.length > 0) {
    const answered = await tx.rows<{ channel: string }>(sql`
      insert into sales_order (id, channel_id, program, placed_at, state, first_batch_id, batch_id, route, answered_version, answered_at)
      select id, channel, program, "placedAt", state, ${batchId}, ${batchId}, route, "answeredVersion",
        case when "answeredVersion" is not null then ${iso(decidedAt)}::timestamptz end
      from json_to_recordset(${JSON.stringify(facts.orders.map(orderRow))}::json)
        as r(id text, channel text, program text, "placedAt" timestamptz, state jsonb, route text, "answeredVersion" bigint)
      on conflict (id) do update set state = excluded.state, batch_id = excluded.batch_id, placed_at = excluded.placed_at,
        answered_at = case when excluded.answered_version is distinct from sales_order.answered_version
          then excluded.answered_at else sales_order.answered_at end,
        answered_version = excluded.answered_version
      returning case when answered_version > answer_stored_version then channel_id end as channel`);
    const channels = new Set(answered.flatMap(({ channel }) => channel ?? []));
    await ringBells(
      tx,
      [...channels].map((key) => ({ topic: 'documents', key })),
    );
  }
  const lines = [
    ...facts.orders.flatMap((order) => order.lines.map((line) => lineRow(order.id, line))),
    ...facts.filledLines.map(({ orderId, line }) => lineRow(orderId, line)),
  ];
  if (lines.length === 0) return;
  await tx.rows(sql`
    insert into order_line (order_id, line_ref, listing_id, sku, pack, ordered, cancelled, returned, reported_shipped, shipped,
      allocated, short, allocations, accepted, back_ordered, refused, components)
    select "orderId", "lineRef", listing, sku, pack, ordered, cancelled, returned, "reportedShipped", shipped, allocated, short, allocations,
      accepted, "backOrdered", refused, components
    from json_to_recordset(${JSON.stringify(lines)}::json) as r("orderId" text, "lineRef" text, listing bigint, sku text, pack int,
      ordered int, cancelled int, returned int, "reportedShipped" int, shipped int, allocated int, short int, allocations jsonb,
      accepted int, "backOrdered" int, refused int, components jsonb)
    on conflict (order_id, line_ref) do update set listing_id = excluded.listing_id, sku = excluded.sku, pack = excluded.pack,
      ordered = excluded.ordered, cancelled = excluded.cancelled, returned = excluded.returned,
      reported_shipped = excluded.reported_shipped, shipped = excluded.shipped, allocated = excluded.allocated,
      short = excluded.short, allocations = excluded.allocations, accepted = excluded.accepted,
      back_ordered = excluded.back_ordered, refused = excluded.refused,
      components = excluded.components`);
}

type ShortageRow = {
  key: string;
  sku: string;
  location: string | null;
  orderId: string | null;
  lineRef: string | null;
  quantity: number;
};

function shortagesOf(facts: Facts): ShortageRow[] {
  const lines = [
    ...facts.orders.flatMap((order) => order.lines.map((line) => ({ orderId: order.id, line }))),
    ...facts.filledLines,
  ];
  return [
    ...lines.flatMap(({ orderId, line }) =>
      line.sku === null
        ? []
        : [
            {
              key: `line ${orderId} ${line.lineRef}`,
              sku: line.sku,
              location: null,
              orderId,
              lineRef: line.lineRef,
              quantity: line.short,
            },
          ],
    ),
    ...facts.deficits.map(({ sku, location, quantity }) => ({
      key: `place ${location} ${sku}`,
      sku,
      location,
      orderId: null,
      lineRef: null,
      quantity,
    })),
  ];
}

/** Opens, changes and closes the explicit shortage rows; a place or line that never was short leaves none. */
async function writeShortages(tx: Queries, facts: Facts): Promise<void> {
  const rows = shortagesOf(facts);
  if (rows.length === 0) return;
  await tx.rows(sql`
    merge into shortage s using (select * from json_to_recordset(${JSON.stringify(rows)}::json)
      as r(key text, sku text, location text, "orderId" text, "lineRef" text, quantity int)) r on s.key = r.key
    when matched and s.quantity <> r.quantity then update set quantity = r.quantity, changed_at = now(),
      closed_at = case when r.quantity = 0 then now() end,
      opened_at = case when s.quantity = 0 then now() else s.opened_at end
    when not matched and r.quantity > 0 then insert (key, sku, location, order_id, line_ref, quantity)
      values (r.key, r.sku, r.location, r."orderId", r."lineRef", r.quantity)`);
}

async function writeTargets(tx: Queries, batchId: number, decidedAt: Instant, facts: Facts): Promise<void> {
  if (facts.reviews.length > 0) {
    const reviews = facts.reviews.map(({ sku, nextReviewAt }) => ({ sku, at: isoOrNull(nextReviewAt) }));
    await tx.rows(sql`
      update item i set next_review_at = r.at, review_turn = 0 from json_to_recordset(${JSON.stringify(reviews)}::json) as r(sku text, at timestamptz)
      where i.sku = r.sku and i.next_review_at is distinct from r.at`);
  }
  if (facts.listings.length === 0) return;
  const targets = new Map(facts.targets.map((target) => [target.listing, target]));
  const rows = facts.listings.map((listing) => ({
    ...listing,
    seenUntil: isoOrNull(listing.seenUntil),
    ...targets.get(listing.listing),
    restockAt: isoOrNull(targets.get(listing.listing)?.restockAt ?? null),
  }));
  const channels = await tx.rows<{ channel_id: string }>(sql`
    with r as materialized (
      select * from json_to_recordset(${JSON.stringify(rows)}::json) as r(listing bigint, version int, quantity int, "ownSold" int,
        "ownOpen" int, "inFlight" int, "seenSold" int, "seenUntil" timestamptz, inputs jsonb,
        "restockAt" timestamptz)),
    entered as (
      insert into target_entry (listing_id, version, quantity, own_sold, own_open, in_flight, batch_id, decided_at, inputs)
      select listing, version, quantity, "ownSold", "ownOpen", "inFlight", ${batchId}, ${iso(decidedAt)}::timestamptz, inputs
      from r where version is not null),
    kept as (
      insert into target (listing_id, version, quantity, own_sold, own_open, in_flight, seen_sold, seen_until, batch_id, decided_at,
        restock_at, dated_version)
      select listing, coalesce(version, 0), coalesce(quantity, 0), "ownSold", "ownOpen", coalesce("inFlight", 0), "seenSold", "seenUntil",
        ${batchId}, ${iso(decidedAt)}::timestamptz, "restockAt", case when "restockAt" is null then 0 else version end
      from r order by listing
      on conflict (listing_id) do update set own_sold = excluded.own_sold, own_open = excluded.own_open,
        seen_sold = excluded.seen_sold, seen_until = excluded.seen_until,
        behind_since = case when excluded.version > target.version and target.version = target.acked_version then clock_timestamp()
          else target.behind_since end,
        version = greatest(target.version, excluded.version),
        quantity = case when excluded.version > target.version then excluded.quantity else target.quantity end,
        dated_version = case when excluded.version > target.version and excluded.restock_at is distinct from target.restock_at
          then excluded.version else target.dated_version end,
        restock_at = case when excluded.version > target.version then excluded.restock_at else target.restock_at end,
        in_flight = case when excluded.version > target.version then excluded.in_flight else target.in_flight end,
        batch_id = case when excluded.version > target.version then excluded.batch_id else target.batch_id end,
        decided_at = case when excluded.version > target.version then excluded.decided_at else target.decided_at end)
    select distinct l.channel_id from r join listing l on l.id = r.listing where r.version is not null`);
  await ringBells(
    tx,
    channels.map(({ channel_id }) => ({ topic: 'push', key: channel_id })),
  );
}

async function writeOutcomes(tx: Queries, batchId: number, facts: Facts): Promise<void> {
  await tx.rows(sql`
    update command c set state = r.kind, batch_id = ${batchId}
    from json_to_recordset(${JSON.stringify(facts.outcomes)}::json) as r("commandId" bigint, kind text) where c.id = r."commandId"`);
  await parkCommands(
    tx,
    facts.outcomes.flatMap((outcome) => (outcome.kind === 'parked' ? [outcome] : [])),
  );
}
