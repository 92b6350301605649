/**
 * What happened to an item, newest first: every movement of its stock, its promises and its numbers, with who, why, before and after.
 *
 * Guarantees: read from the ledgers; before and after are reckoned back from the balances of now over the newest READ_MAX entries of
 * each ledger, so a movement that was told later than so many others may shift them.
 */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant, OrderId, ProgramId, Sku } from '#core/model.ts';
import { strategyFor } from '#core/reconfirm-claims.ts';
import type { Queries } from './client.ts';
import { RECONFIRM_RULES, type ReconfirmCause, type ReconfirmRules } from './reconfirm-cause.ts';

export type TimelineEntry = {
  readonly at: Instant;
  /** Of a stock entry its kind; of a promise allocate, release, ship, hold, unhold, refill, reallocate. */
  readonly kind: string;
  readonly ledger: 'stock' | 'promise';
  readonly delta: number;
  readonly held: number;
  readonly location: string;
  readonly disposition: string | null;
  readonly program: string | null;
  readonly orderId: OrderId | null;
  readonly cause: string;
  /** Of a re-confirmation, what it was told of the order; null: something else caused it. */
  readonly reconfirm: ReconfirmCause | null;
  readonly actor: string;
  readonly reason: string | null;
  readonly policyVersion: number;
  /** Over all places: sellable, and allocated plus held, after the decision that this entry was part of. */
  readonly onHand: number;
  readonly promised: number;
};

const READ_MAX = 1000;

type Entry = Omit<TimelineEntry, 'onHand' | 'promised'> & { readonly id: number; readonly batch: number };

const readStock = (db: Queries, sku: Sku): Promise<Entry[]> =>
  db.rows<Entry>(sql`
    select e.id, e.batch_id as batch, b.decided_at as at, e.kind, 'stock' as ledger, e.delta, 0 as held, e.location, e.disposition, null as program,
      c.order_id as "orderId", c.kind as cause, null as reconfirm, c.actor, c.body->>'reason' as reason, b.policy_version as "policyVersion"
    from (select * from stock_entry where sku = ${sku} order by occurred_at desc limit ${READ_MAX}) e
      join batch b on b.id = e.batch_id join command c on c.id = e.command_id`);

type PromiseRow = Omit<Entry, 'reconfirm'> & {
  readonly rules: ReconfirmRules | null;
  readonly channel: ChannelId | null;
  /** Of the order: what it was promised may be of another program's pool. */
  readonly orderProgram: ProgramId | null;
};

async function readPromises(db: Queries, sku: Sku): Promise<Entry[]> {
  const rows = await db.rows<PromiseRow>(sql`
    select e.id, e.batch_id as batch, b.decided_at as at, e.kind, 'promise' as ledger, e.delta, e.held, e.location, null as disposition, e.program,
      coalesce(e.order_id, c.order_id) as "orderId", c.kind as cause, c.actor, c.body->>'reason' as reason,
      b.policy_version as "policyVersion", ${RECONFIRM_RULES} as rules, o.channel_id as channel, o.program as "orderProgram"
    from (select * from promise_entry where sku = ${sku} and kind <> 'refill' order by occurred_at desc limit ${READ_MAX}) e
      join batch b on b.id = e.batch_id join command c on c.id = e.command_id
      left join sales_order o on c.kind = 'reconfirm' and o.id = e.order_id`);
  return rows.map(({ rules, channel, orderProgram: program, ...entry }) => {
    const { orderId: id } = entry;
    const isToldOf = rules !== null && id !== null && channel !== null && program !== null;
    return { ...entry, reconfirm: isToldOf ? strategyFor(rules, { id, channel, program }) : null };
  });
}

/** Every decision is one step: its entries share what was before and after. */
export async function readTimeline(db: Queries, sku: Sku, limit: number): Promise<TimelineEntry[]> {
  const [stock, promises, [balance]] = await Promise.all([
    readStock(db, sku),
    readPromises(db, sku),
    db.rows<{ onHand: number; promised: number }>(sql`
      select coalesce((select sum(quantity) from stock_balance where sku = ${sku} and disposition = 'sellable'), 0)::int as "onHand",
        coalesce((select sum(allocated + held) from promise_balance where sku = ${sku}), 0)::int as promised`),
  ]);
  const batches = Map.groupBy([...stock, ...promises], ({ batch }) => batch);
  const newestFirst = [...batches].toSorted(([a], [b]) => b - a);
  let { onHand, promised } = balance ?? { onHand: 0, promised: 0 };
  const told: TimelineEntry[] = [];
  for (const [, entries] of newestFirst) {
    if (told.length >= limit) break;
    for (const { id: _id, batch: _batch, ...entry } of entries) told.push({ ...entry, onHand, promised });
    for (const { ledger, disposition, delta, held } of entries) {
      if (ledger === 'promise') promised -= delta + held;
      else if (disposition === 'sellable') onHand -= delta;
    }
  }
  return told.slice(0, limit);
}

export type ShownStep = {
  readonly channel: ChannelId;
  readonly at: Instant;
  readonly quantity: number;
};

const SHOWN_MAX = 400;

/** The numbers that its listings were to show, newest first: one per decision and listing. */
export const readShownHistory = (db: Queries, sku: Sku): Promise<(ShownStep & { readonly listing: number })[]> =>
  db.rows<ShownStep & { listing: number }>(sql`
    select l.id as listing, l.channel_id as channel, e.decided_at as at, e.quantity
    from listing l cross join lateral (
      select decided_at, quantity, version from target_entry where listing_id = l.id order by version desc limit ${SHOWN_MAX}) e
    where l.sku = ${sku} order by e.decided_at desc limit ${SHOWN_MAX}`);
