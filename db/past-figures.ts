/** What there was of an item at a past moment, and what could be promised of it: the figures that status tells of now. */
import { sql } from 'drizzle-orm';
import { freeOf, openBooks, poolsFor } from '#core/books.ts';
import type { Component, Instant, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { explainShortagesAt } from './explain-shortages.ts';
import { readStateAt } from './past-state.ts';
import { readComponents } from './reach.ts';

export type PastFigures = {
  readonly sku: Sku;
  readonly at: Instant;
  readonly onHand: number;
  readonly allocated: number;
  readonly held: number;
  /** Of a kit: whole sets. Null: no policy was in force yet. */
  readonly atp: number | null;
  /** Null: too many orders moved since to tell. */
  readonly short: number | null;
  /** Of a kit alone: what one set takes today. */
  readonly components?: readonly Component[];
};

export async function readFiguresAt(db: Queries, sku: Sku, at: Instant): Promise<PastFigures> {
  const upTo = sql`to_timestamp(${at} / 1000.0)`;
  const components = (await readComponents(db, [sku])).get(sku);
  const [[row], state, shortages] = await Promise.all([
    db.rows<{ onHand: number; allocated: number; held: number }>(sql`
      select coalesce((select sum(e.delta) from stock_entry e join batch b on b.id = e.batch_id
          where e.sku = ${sku} and b.decided_at <= ${upTo}), 0)::int as "onHand",
        coalesce(sum(e.delta), 0)::int as allocated, coalesce(sum(e.held), 0)::int as held
      from promise_entry e join batch b on b.id = e.batch_id where e.sku = ${sku} and b.decided_at <= ${upTo}`),
    readStateAt(db, [sku], at),
    explainShortagesAt(db, sku, at),
  ]);
  const lines = shortages?.filter(({ orderId }) => orderId !== null);
  return {
    sku,
    at,
    ...(row ?? { onHand: 0, allocated: 0, held: 0 }),
    atp: state === null ? null : setsFree(state, components ?? [{ sku, quantity: 1 }], at),
    short: lines === undefined ? null : lines.reduce((units, { quantity }) => units + quantity, 0),
    ...(components === undefined ? {} : { components }),
  };
}

function setsFree(state: Parameters<typeof openBooks>[0], parts: readonly Component[], at: Instant): number {
  const books = openBooks(state, at);
  const sets = parts.map(({ sku, quantity }) => {
    const item = books.items.get(sku);
    return item === undefined ? 0 : Math.floor(poolsFor(books, item, freeOf(books, item)).free / quantity);
  });
  return Math.min(...sets);
}
