/**
 * Numbers that are pushed to the partner: checked, applied whole or item by item, at once or behind a ticket.
 *
 * Where the partner compares it also knows a push by its key: the same key again gets the first answer and applies nothing.
 */
import { z } from 'zod';
import type { FaultDice } from '../../sandbox/faults.ts';
import type { SandboxLog } from '../../sandbox/log.ts';
import type { ApiResponse } from '../../sandbox/platform.ts';
import type { FakeSandboxOptions } from './options.ts';
import type { Level, Shelf } from './shelf.ts';

const itemSchema = z.strictObject({
  listing: z.string(),
  location: z.string(),
  number: z.number(),
  expected: z.int().optional(),
});
const pushSchema = z.strictObject({ key: z.string().optional(), items: z.array(itemSchema).min(1) });
type WriteItem = z.infer<typeof itemSchema>;

type WriteResult = {
  readonly status: 'applied' | 'unchanged' | 'stale' | 'refused';
  readonly number: number | null;
  readonly reason?: string;
};
/** What a batch came to: results in order, or the item for which an all-or-nothing batch was refused whole. */
type BatchResult =
  | { readonly results: readonly WriteResult[] }
  | { readonly error: { readonly index: number; readonly result: WriteResult } };
type Ticket = { readonly isStalled: boolean; result: BatchResult | null };

export type Writes = {
  push(body: unknown, isLate: boolean): ApiResponse;
  ticket(id: string): ApiResponse;
  close(): void;
};

export type WritesParts = {
  readonly shelf: Shelf;
  readonly log: SandboxLog;
  readonly dice: FaultDice;
  readonly options: FakeSandboxOptions;
};

const ITEMS_MAX = 100;
const NUMBER_MAX = 1_000_000;
/** Keys are remembered this many pushes long. */
const KEYS_MAX = 10_000;

const answer = (status: number, document: unknown): ApiResponse => ({ status, body: JSON.stringify(document) });
const isGood = (result: WriteResult): boolean => result.status === 'applied' || result.status === 'unchanged';

export function createWrites({ shelf, log, dice, options }: WritesParts): Writes {
  const answered = new Map<string, ApiResponse>();
  const tickets = new Map<string, Ticket>();
  const timers = new Set<NodeJS.Timeout>();
  let ticketCount = 0;

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

  const applyBatch = (items: readonly WriteItem[], by: 'push' | 'latePush'): BatchResult => {
    if (options.batch === 'perItem') return { results: items.map((item) => put(item, judge(item), by)) };
    const judged = items.map((item) => ({ item, result: judge(item) }));
    const index = judged.findIndex(({ result }) => !isGood(result));
    const bad = judged[index];
    if (bad !== undefined) return { error: { index, result: bad.result } };
    return { results: judged.map(({ item, result }) => put(item, result, by)) };
  };

  const remember = (key: string, given: ApiResponse): void => {
    answered.set(key, given);
    const [oldest] = answered.keys();
    if (answered.size > KEYS_MAX && oldest !== undefined) answered.delete(oldest);
  };

  const openTicket = (items: readonly WriteItem[], by: 'push' | 'latePush'): ApiResponse => {
    ticketCount += 1;
    const id = `T${ticketCount}`;
    const ticket: Ticket = { isStalled: dice.roll(dice.current.stallTicket), result: null };
    if (!dice.roll(dice.current.loseTicket)) tickets.set(id, ticket);
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (tickets.has(id) && !ticket.isStalled) ticket.result = applyBatch(items, by);
    }, options.ticketDelayMs);
    timers.add(timer);
    return answer(202, { ticket: id });
  };

  const accept = (items: readonly WriteItem[], by: 'push' | 'latePush'): ApiResponse => {
    if (options.ticket) return openTicket(items, by);
    const result = applyBatch(items, by);
    return answer('error' in result ? 422 : 200, result);
  };

  return {
    push(body, isLate) {
      const parsed = pushSchema.safeParse(body);
      if (!parsed.success) return answer(400, { error: z.prettifyError(parsed.error) });
      const { key, items } = parsed.data;
      if (items.length > ITEMS_MAX) return answer(413, { error: `at most ${ITEMS_MAX} items` });
      const known = key === undefined ? undefined : answered.get(key);
      if (known !== undefined) return known;
      const given = accept(items, isLate ? 'latePush' : 'push');
      if (key !== undefined && options.compareAndSet) remember(key, given);
      return given;
    },
    ticket(id) {
      const ticket = tickets.get(id);
      if (ticket === undefined) return answer(404, { error: `there is no ticket ${id}` });
      return answer(200, ticket.result === null ? { status: 'working' } : { status: 'done', ...ticket.result });
    },
    close() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}
