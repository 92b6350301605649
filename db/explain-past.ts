/**
 * An order as it stood at a past moment (past-orders.ts), and what each of its lines could have been given then.
 *
 * Guarantees: nothing that was decided later shows; quantities are base units, by the pack of each line.
 */
import { allocatedUnits } from '#core/kits.ts';
import { explainLines, type LineExplained } from '#core/line-explanation.ts';
import type { Instant, LotCode, OrderId, PoolKind, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { explainOrder, type PromiseStep } from './explain.ts';
import { skusOf } from './explain-line.ts';
import { readPastOrders } from './past-orders.ts';
import { readStateAt } from './past-state.ts';

export type PastLine = {
  readonly lineRef: string;
  readonly sku: Sku | null;
  readonly ordered: number;
  readonly cancelled: number;
  /** As its channel had told, or we had booked, by then. */
  readonly shipped: number;
  /** Units, or sets of a kit. */
  readonly allocated: number;
  readonly short: number;
  readonly allocations: readonly {
    readonly sku: Sku;
    readonly location: string;
    readonly program: string;
    readonly pool: PoolKind;
    readonly quantity: number;
    /** Null: of no lot. */
    readonly lot: LotCode | null;
  }[];
  /** What it could have been given then, and why no more; null: it names no item, or its program was not in the policy. */
  readonly explained: LineExplained | null;
};

export type PastOrder = {
  readonly id: OrderId;
  readonly channel: string;
  readonly program: string;
  readonly route: string | null;
  readonly displayRef: string;
  readonly at: Instant;
  readonly lines: readonly PastLine[];
  readonly history: readonly PromiseStep[];
};

/** Null where the order is not known; no lines where it had not been decided by then. */
export async function explainOrderAt(db: Queries, id: OrderId, at: Instant): Promise<PastOrder | null> {
  const [now, [then]] = await Promise.all([explainOrder(db, id), readPastOrders(db, [id], at)]);
  if (now === null || then === undefined) return null;
  const state = then.lines.length === 0 ? null : await readStateAt(db, skusOf(then.lines), at);
  const explained = state === null ? null : explainLines(state, then, at);
  const { channel, program, route, displayRef } = now;
  const lines = then.lines.map((line): PastLine => {
    const { lineRef, sku, ordered, cancelled, shipped, short } = line;
    const allocations = line.allocations.map(({ lot = null, sku: of = sku ?? '', ...part }) => ({
      ...part,
      sku: of,
      lot,
    }));
    const told = { lineRef, sku, ordered, cancelled, shipped, allocated: allocatedUnits(line), short, allocations };
    return { ...told, explained: explained?.get(lineRef) ?? null };
  });
  return { id, channel, program, route, displayRef, at, lines, history: now.history.filter((step) => step.at <= at) };
}
