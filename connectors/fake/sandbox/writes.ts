/**
 * Pushes to the partner: applied at once or behind a ticket, and known again by their key.
 *
 * Where the partner compares it also knows a push by its key: the same key again gets the first answer and applies nothing.
 */
import { z } from 'zod';
import type { ApiResponse } from '../../sandbox/platform.ts';
import { type BatchResult, createApplyBatch, itemSchema, type WriteItem, type WritesParts } from './apply-batch.ts';

const pushSchema = z.strictObject({ key: z.string().optional(), items: z.array(itemSchema).min(1) });
type Ticket = { readonly isStalled: boolean; result: BatchResult | null };

export type Writes = {
  push(body: unknown, isLate: boolean): ApiResponse;
  ticket(id: string): ApiResponse;
  close(): void;
};

const ITEMS_MAX = 100;
/** Keys are remembered this many pushes long. */
const KEYS_MAX = 10_000;

const answer = (status: number, document: unknown): ApiResponse => ({ status, body: JSON.stringify(document) });

export function createWrites(parts: WritesParts): Writes {
  const { dice, options } = parts;
  const answered = new Map<string, ApiResponse>();
  const tickets = new Map<string, Ticket>();
  const timers = new Set<NodeJS.Timeout>();
  let ticketCount = 0;

  const applyBatch = createApplyBatch(parts);
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
