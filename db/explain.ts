/**
 * Why a listing shows its number, now or at a past moment, and why an order line has what it has: read from what was stored with
 * each decision, rendered on demand.
 *
 * Guarantees: the steps are recomputed from their inputs and end in the quantity told: of a past moment from the inputs that were stored
 * with the number that stood then; now from what stands now, where it is handed in (explain-now.ts), for a number that does not change
 * keeps the inputs that first made it. Should show, sent and shows are three figures, and an unknown one is null.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { StopReason } from '#core/drift.ts';
import type {
  Allocation,
  ChannelId,
  ChannelMode,
  Component,
  Instant,
  ListingId,
  LotCode,
  OrderId,
  PickTags,
  Sku,
} from '#core/model.ts';
import type { OrderState } from '#core/order-state.ts';
import { type Explanation, explain, type PublishInputs } from '#core/publish.ts';
import { strategyFor } from '#core/reconfirm-claims.ts';
import type { Queries } from './client.ts';
import { type HoldShare, holdsAt, sayHolds } from './holds.ts';
import { list } from './list.ts';
import { RECONFIRM_RULES, type ReconfirmCause, type ReconfirmRules } from './reconfirm-cause.ts';

export type ListingExplanation = {
  readonly sku: Sku;
  readonly channel: ChannelId;
  readonly mode: ChannelMode;
  readonly listing: {
    readonly id: number;
    readonly listingRef: string;
    readonly locationRef: string;
    readonly pack: number;
  };
  /** Should show; null with `why` where no number was decided. */
  readonly quantity: number | null;
  readonly unit: string | null;
  readonly steps: Explanation['steps'];
  readonly inputs: PublishInputs | null;
  /** The requests behind the moves that its inputs name. */
  readonly reallocations: readonly ReallocationCause[];
  readonly targetVersion: number | null;
  readonly decidedAt: Instant | null;
  /** The number that was decided last, by the moment asked for, and is sent; null: none was decided. */
  readonly stored: { readonly quantity: number; readonly policyVersion: number } | null;
  /** The moment that steps and inputs are of, where they are not those stored with the number. */
  readonly explainedAt: Instant | null;
  /** Why there is no number; or what the steps leave open. */
  readonly why: string | null;
  /** Sent: the newest that the platform acknowledged. Null for a past moment. */
  readonly acknowledged: { readonly quantity: number; readonly version: number; readonly at: Instant } | null;
  /** Shows: the last read of the platform. Null for a past moment. */
  readonly observed: {
    readonly sellable: number;
    readonly shown: number;
    readonly state: string;
    readonly at: Instant;
  } | null;
  /** It is never raised until a person says so, or a count; null: it is not stopped, or the moment is past. */
  readonly stopped: { readonly because: StopReason; readonly at: Instant } | null;
  /** A write under way, or why none leaves. */
  readonly inFlightVersion: number | null;
  readonly blocked: { readonly until: Instant; readonly reason: string | null; readonly fix: string | null } | null;
};

type Row = {
  id: number;
  sku: string;
  channel_id: string;
  mode: ChannelMode;
  listing_ref: string;
  location_ref: string;
  pack: number;
  version: number | null;
  quantity: number | null;
  decided_at: number | null;
  inputs: PublishInputs | null;
  acked_version: number | null;
  acked_quantity: number | null;
  acked_at: number | null;
  observed_sellable: number | null;
  shown: number | null;
  observed_state: string | null;
  observed_at: number | null;
  stopped_because: StopReason | null;
  stopped_at: number | null;
  in_flight_version: number | null;
  blocked_until: number | null;
  blocked_reason: string | null;
  blocked_fix: string | null;
};

export type ExplainChoice = {
  readonly sku: Sku;
  readonly channel?: ChannelId;
  readonly listingRef?: string;
  /** What was decided by this moment. */
  readonly at?: Instant;
  /** Without a moment: what a decision would store now. Absent: the stored inputs explain. */
  readonly live?: LiveNumbers;
};

/** What each listing of the item would be shown by, were it decided at this moment; one that no rule shows is not among them. */
export type LiveNumbers = {
  readonly at: Instant;
  readonly policyVersion: number;
  readonly byListing: ReadonlyMap<ListingId, { readonly quantity: number; readonly inputs: PublishInputs }>;
};

const LISTINGS_MAX = 200;

/** One explanation per listing of the item, in order of channel; empty when it has none there. */
export async function explainListings(db: Queries, choice: ExplainChoice): Promise<ListingExplanation[]> {
  const chosen = sql`l.sku = ${choice.sku} and (${choice.channel ?? null}::text is null or l.channel_id = ${choice.channel ?? null})
    and (${choice.listingRef ?? null}::text is null or l.listing_ref = ${choice.listingRef ?? null})`;
  const rows = await (choice.at === undefined ? readNow(db, chosen) : readPast(db, chosen, choice.at));
  const told = rows.map((row) => ({ row, by: numberOf(row, choice) }));
  const causes = await readCauses(
    db,
    told.flatMap(({ by }) => by.inputs?.moves?.map(({ id }) => id) ?? []),
  );
  const holds = rows.length === 0 ? [] : await holdsAt(db, choice.sku, choice.at);
  return told.map(({ row, by }) => nameHolds(explanationOf(row, by, causes), holds));
}

export type ReallocationCause = {
  readonly id: number;
  readonly reason: string;
  readonly proposer: string;
  readonly approver: string | null;
  readonly until: Instant;
};

/** Who asked for the moves that the numbers were made with, and why. */
async function readCauses(db: Queries, ids: readonly number[]): Promise<readonly ReallocationCause[]> {
  if (ids.length === 0) return [];
  return db.rows<ReallocationCause>(sql`
    select id, reason, proposer, approver, until from reallocation where id = any(${list([...new Set(ids)])}::bigint[]) order by id`);
}

const readNow = (db: Queries, chosen: SQL): Promise<Row[]> =>
  db.rows<Row>(sql`
    select l.id, l.sku, l.channel_id, c.mode, l.listing_ref, l.location_ref, l.pack, t.version, t.quantity, t.decided_at, e.inputs,
      t.acked_version, s.acked_quantity, s.acked_at, s.observed_sellable, s.shown, s.observed_state, s.observed_at,
      s.stopped_because, s.stopped_at,
      (select i.version from push_attempt_item i where i.listing_id = l.id and i.outcome is null) as in_flight_version,
      case when s.blocked_until > now() then s.blocked_until end as blocked_until, s.blocked_reason, s.blocked_fix
    from listing l join channel c on c.id = l.channel_id left join target t on t.listing_id = l.id
      left join target_entry e on e.listing_id = t.listing_id and e.version = t.version
      left join listing_sync s on s.listing_id = l.id
    where ${chosen} order by l.channel_id, l.pack, l.id limit ${LISTINGS_MAX}`);

const readPast = (db: Queries, chosen: SQL, at: Instant): Promise<Row[]> =>
  db.rows<Row>(sql`
    select l.id, l.sku, l.channel_id, c.mode, l.listing_ref, l.location_ref, l.pack, t.version, t.quantity, t.decided_at, t.inputs,
      null as acked_version, null as acked_quantity, null as acked_at, null as observed_sellable, null as shown, null as observed_state,
      null as observed_at, null as stopped_because, null as stopped_at, null as in_flight_version, null as blocked_until, null as blocked_reason, null as blocked_fix
    from listing l join channel c on c.id = l.channel_id
      left join lateral (select * from target_entry e where e.listing_id = l.id and e.decided_at <= to_timestamp(${at} / 1000.0)
        order by e.version desc limit 1) t on true
    where ${chosen} order by l.channel_id, l.pack, l.id limit ${LISTINGS_MAX}`);

type ToldNumber = Pick<ListingExplanation, 'quantity' | 'inputs' | 'explainedAt' | 'why'>;

/** By what a listing is explained. */
function numberOf(row: Row, { at, live }: ExplainChoice): ToldNumber {
  const stored = row.inputs === null ? null : row.quantity;
  const ofStored = { quantity: stored, inputs: row.inputs, explainedAt: null };
  if (live === undefined) return { ...ofStored, why: stored === null ? whyNone(row, at) : null };
  const now = live.byListing.get(row.id);
  if (now === undefined) return { ...ofStored, why: stored === null ? whyNone(row, at) : whyKept(row, live) };
  return { ...now, explainedAt: live.at, why: whyBehind(row, stored, now.quantity) };
}

const whyKept = (row: Row, { policyVersion }: LiveNumbers): string =>
  `policy ${policyVersion} has no rule for ${row.channel_id}: its number stays as it was decided, and nothing moves it`;

const whyBehind = (row: Row, stored: number | null, live: number): string | null => {
  if (stored === live) return null;
  const before =
    stored === null
      ? 'no number is decided yet'
      : `the number that is sent is still ${stored} (version ${row.version})`;
  return `${before}: what stands now makes ${live}. The next decision on the item stores it; a daemon that is behind shows in allot status`;
};

function explanationOf(row: Row, by: ToldNumber, causes: readonly ReallocationCause[]): ListingExplanation {
  const { quantity, inputs, explainedAt, why } = by;
  const explained = inputs === null ? null : explain(inputs);
  const isDecided = row.inputs !== null && row.quantity !== null;
  return {
    sku: row.sku,
    channel: row.channel_id,
    mode: row.mode,
    listing: { id: row.id, listingRef: row.listing_ref, locationRef: row.location_ref, pack: row.pack },
    quantity,
    unit: explained?.unit ?? null,
    steps: explained?.steps ?? [],
    inputs,
    reallocations: causes.filter(({ id }) => inputs?.moves?.some((move) => move.id === id) === true),
    targetVersion: isDecided ? row.version : null,
    decidedAt: isDecided ? row.decided_at : null,
    stored:
      row.inputs === null || row.quantity === null
        ? null
        : { quantity: row.quantity, policyVersion: row.inputs.policyVersion },
    explainedAt,
    why,
    acknowledged: acknowledgedOf(row),
    observed: observedOf(row),
    stopped:
      row.stopped_because === null || row.stopped_at === null
        ? null
        : { because: row.stopped_because, at: row.stopped_at },
    inFlightVersion: row.in_flight_version,
    blocked:
      row.blocked_until === null
        ? null
        : { until: row.blocked_until, reason: row.blocked_reason, fix: row.blocked_fix },
  };
}

/** The held step says how many holds there are, and who has most. */
function nameHolds(one: ListingExplanation, holds: readonly HoldShare[]): ListingExplanation {
  const places = new Set(one.inputs?.places.map(({ location }) => location));
  const says = sayHolds(holds.filter(({ location }) => places.has(location)));
  if (says === null) return one;
  return {
    ...one,
    steps: one.steps.map((step) => (step.id === 'held' ? { ...step, says: `${step.says}: ${says}` } : step)),
  };
}

const whyNone = (row: Row, at: Instant | undefined): string =>
  at === undefined
    ? `no number was decided yet: ${row.channel_id} has no rule in the policy, or the item was not decided since it was mapped`
    : `no number was decided by ${new Date(at).toISOString()}`;

const acknowledgedOf = (row: Row): ListingExplanation['acknowledged'] =>
  row.acked_quantity === null || row.acked_at === null
    ? null
    : { quantity: row.acked_quantity, version: row.acked_version ?? 0, at: row.acked_at };

const observedOf = (row: Row): ListingExplanation['observed'] =>
  row.observed_at === null || row.observed_sellable === null
    ? null
    : {
        sellable: row.observed_sellable,
        shown: row.shown ?? row.observed_sellable,
        state: row.observed_state ?? 'tracked',
        at: row.observed_at,
      };

export type LineExplanation = {
  readonly lineRef: string;
  readonly sku: Sku | null;
  readonly pack: number;
  readonly ordered: number;
  readonly cancelled: number;
  readonly shipped: number;
  readonly allocated: number;
  readonly short: number;
  /** What we answered the partner; null where nobody asked, or it is not answered yet. */
  readonly accepted: number | null;
  readonly backOrdered: number;
  readonly refused: number;
  readonly shortSince: Instant | null;
  readonly allocations: readonly Allocation[];
  /** Of a kit: what one set takes for this line, and what each component has now, over all places that sell. */
  readonly components: readonly (Component & {
    readonly sellableNow: number;
    readonly allocatedNow: number;
    readonly heldNow: number;
  })[];
  /** What the item has now, over all places that sell. */
  readonly sellableNow: number;
  readonly allocatedNow: number;
  readonly heldNow: number;
};

/** One change of what an order was promised, with its cause: what a line has is the sum of its steps. */
export type PromiseStep = {
  readonly commandId: number;
  readonly lineRef: string;
  readonly sku: Sku;
  readonly kind: string;
  readonly delta: number;
  readonly location: string;
  readonly program: string;
  readonly pool: string;
  /** Null: of no lot. */
  readonly lot: LotCode | null;
  readonly at: Instant;
  readonly cause: string;
  /** Of a re-confirmation, what it was told of the order; null: something else caused it. */
  readonly reconfirm: ReconfirmCause | null;
  readonly actor: string;
  readonly policyVersion: number;
};

export type OrderExplanation = {
  readonly id: OrderId;
  readonly channel: ChannelId;
  readonly program: string;
  /** The route that sent it there; null: its channel's program. */
  readonly route: string | null;
  /** How the warehouse marks what it picks for the program, by the policy in force; null where it says nothing. */
  readonly pickTags: PickTags | null;
  readonly displayRef: string;
  readonly placedAt: Instant;
  readonly lines: readonly LineExplanation[];
  /** All of it, or what a line has could not be added up. */
  readonly history: readonly PromiseStep[];
};

export async function explainOrder(db: Queries, id: OrderId): Promise<OrderExplanation | null> {
  const [order] = await db.rows<Omit<OrderExplanation, 'lines' | 'history'>>(sql`
    select o.id, o.channel_id as channel, o.program, o.route, o.state->>'displayRef' as "displayRef", o.placed_at as "placedAt",
      (select x->'pickTags' from policy_current c join policy p on p.version = c.version
        cross join lateral jsonb_array_elements(p.body->'programs') as x where x->>'id' = o.program) as "pickTags"
    from sales_order o where o.id = ${id}`);
  if (order === undefined) return null;
  const [lines, history] = await Promise.all([
    db.rows<LineExplanation>(sql`
      select o.line_ref as "lineRef", o.sku, o.pack, o.ordered, o.cancelled, o.shipped, o.allocated, o.short, o.allocations,
        o.accepted, o.back_ordered as "backOrdered", o.refused,
        s.opened_at as "shortSince", coalesce(b.sellable, 0)::int as "sellableNow", coalesce(p.allocated, 0)::int as "allocatedNow",
        coalesce(p.held, 0)::int as "heldNow", coalesce(k.components, '[]') as components
      from order_line o
      left join lateral (select jsonb_agg(jsonb_build_object('sku', c.sku, 'quantity', c.quantity,
          'sellableNow', coalesce((select sum(quantity) from stock_balance join location l on l.id = location
            where sku = c.sku and disposition = 'sellable' and l.sells), 0),
          'allocatedNow', coalesce((select sum(allocated) from promise_balance join location l on l.id = location
            where sku = c.sku and l.sells), 0),
          'heldNow', coalesce((select sum(held) from promise_balance join location l on l.id = location
            where sku = c.sku and l.sells), 0)) order by c.sku collate "C") as components
        from jsonb_to_recordset(o.components) as c(sku text, quantity int)) k on o.components is not null
      left join shortage s on s.key = 'line ' || o.order_id || ' ' || o.line_ref and s.closed_at is null
      left join lateral (select sum(quantity) as sellable from stock_balance join location l on l.id = location
        where sku = o.sku and disposition = 'sellable' and l.sells) b on true
      left join lateral (select sum(allocated) as allocated, sum(held) as held from promise_balance join location l on l.id = location
        where sku = o.sku and l.sells) p on true
      where o.order_id = ${id} order by o.line_ref collate "C"`),
    db.rows<Omit<PromiseStep, 'reconfirm'> & { rules: ReconfirmRules | null }>(sql`
      select e.command_id as "commandId", e.line_ref as "lineRef", e.sku, e.kind, e.delta, e.location, e.program, e.pool, e.lot, b.decided_at as at, c.kind as cause, c.actor,
        b.policy_version as "policyVersion", ${RECONFIRM_RULES} as rules
      from promise_entry e join batch b on b.id = e.batch_id join command c on c.id = e.command_id
      where e.sku in (select sku from order_line where order_id = ${id}
          union select part->>'sku' from order_line cross join lateral jsonb_array_elements(components) part
          where order_id = ${id} and components is not null) and e.order_id = ${id} order by e.id`),
  ]);
  const told = history.map(({ rules, ...step }) => ({
    ...step,
    reconfirm: rules === null ? null : strategyFor(rules, order),
  }));
  return { ...order, lines, history: told };
}

/** An order as its channel told it; null when it is not known. */
export async function readOrderState(
  db: Queries,
  id: OrderId,
): Promise<{ readonly channel: ChannelId; readonly state: OrderState } | null> {
  const [row] = await db.rows<{ channel: ChannelId; state: OrderState }>(sql`
    select channel_id as channel, state from sales_order where id = ${id}`);
  return row ?? null;
}
