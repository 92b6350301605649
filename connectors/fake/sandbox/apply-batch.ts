/**
 * Numbers set on the shelf: checked one by one, applied item by item, or whole or not at all.
 */
import { z } from 'zod';
import type { FaultDice } from '../../sandbox/faults.ts';
import type { SandboxLog } from '../../sandbox/log.ts';
import type { FakeSandboxOptions } from './options.ts';
import type { Level, Shelf } from './shelf.ts';

export const itemSchema = z.strictObject({
  listing: z.string(),
  location: z.string(),
  number: z.number(),
  expected: z.int().optional(),
});
export type WriteItem = z.infer<typeof itemSchema>;

type WriteResult = {
  readonly status: 'applied' | 'unchanged' | 'stale' | 'refused';
  readonly number: number | null;
  readonly reason?: string;
};
/** What a batch came to: results in order, or the item for which an all-or-nothing batch was refused whole. */
export type BatchResult =
  | { readonly results: readonly WriteResult[] }
  | { readonly error: { readonly index: number; readonly result: WriteResult } };

export type WritesParts = {
  readonly shelf: Shelf;
  readonly log: SandboxLog;
  readonly dice: FaultDice;
  readonly options: FakeSandboxOptions;
};

const NUMBER_MAX = 1_000_000;
const isGood = (result: WriteResult): boolean => result.status === 'applied' || result.status === 'unchanged';

export type ApplyBatch = (items: readonly WriteItem[], by: 'push' | 'latePush') => BatchResult;

export function createApplyBatch({ shelf, log, dice, options }: WritesParts): ApplyBatch {
  const levelOf = (item: WriteItem): Level | undefined => shelf.listings.get(item.listing)?.levels.get(item.location);

  const check = (item: WriteItem): WriteResult => {
    const level = levelOf(item);
    const refuse = (reason: string): WriteResult => ({ status: 'refused', number: level?.number ?? null, reason });
    if (level === undefined) return refuse('there is no such listing at this location');
    if (!Number.isInteger(item.number) || item.number < 0 || item.number > NUMBER_MAX) {
      return refuse(`number must be whole, 0 to ${NUMBER_MAX}`);
    }
    if (shelf.listings.get(item.listing)?.status === 'untracked') return refuse('the listing is not tracked');
    if (options.compareAndSet && item.expected !== undefined && item.expected !== level.number) {
      return { status: 'stale', number: level.number };
    }
    return { status: item.number === level.number ? 'unchanged' : 'applied', number: item.number };
  };

  /** What applying the item will come to; behind a ticket, bad luck included. */
  const judge = (item: WriteItem): WriteResult => {
    const result = check(item);
    if (!options.ticket || !isGood(result) || !dice.roll(dice.current.failTicketItem)) return result;
    return { status: 'refused', number: levelOf(item)?.number ?? null, reason: 'the partner failed on it' };
  };

  const put = (item: WriteItem, result: WriteResult, by: 'push' | 'latePush'): WriteResult => {
    const listing = shelf.listings.get(item.listing);
    const level = levelOf(item);
    if (result.status !== 'applied' || listing === undefined || level === undefined) return result;
    const { sku, id: listingRef } = listing;
    log.append({
      kind: 'applied',
      by,
      sku,
      listingRef,
      locationRef: item.location,
      from: level.number,
      to: item.number,
    });
    level.number = item.number;
    return result;
  };

  return (items, by) => {
    if (options.batch === 'perItem') return { results: items.map((item) => put(item, judge(item), by)) };
    const judged = items.map((item) => ({ item, result: judge(item) }));
    const index = judged.findIndex(({ result }) => !isGood(result));
    const bad = judged[index];
    if (bad !== undefined) return { error: { index, result: bad.result } };
    return { results: judged.map(({ item, result }) => put(item, result, by)) };
  };
}
