/** Pushes that are answered by a ticket: nothing counts before the ticket says so, and silence is never success. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { type ConformanceCase, needsTicket } from '../case.ts';
import { until } from '../expect.ts';
import { type Item, kindsOf, makeItems, shownOf } from '../items.ts';
import type { Stage } from '../stage.ts';

/** Sends, and gives the one ticket. */
async function openTicket(stage: Stage, items: readonly Item[], key: string): Promise<string> {
  const outcomes = await stage.connection.send(stage.connection.prepare(items, key), items.length, stage.signal);
  deepEqual(
    kindsOf(outcomes),
    items.map(() => 'accepted'),
  );
  const tickets = new Set(outcomes.map((outcome) => (outcome.kind === 'accepted' ? outcome.ticket : '')));
  equal(tickets.size, 1, 'one ticket for the whole push');
  return [...tickets].join('');
}

export const TICKET_CASES: readonly ConformanceCase[] = [
  {
    id: 'ticket-accepted-then-done',
    proves: 'Accepted is not applied: the outcomes come from the ticket, when it is done, in the order of the items.',
    skipWhen: needsTicket,
    async play(stage) {
      const items = await makeItems(stage, stage.skus);
      const ticket = await openTicket(stage, items, 'ticket');
      const outcomes = await until(async () => {
        const result = await stage.connection.collect(ticket, items.length, stage.signal);
        return result.done ? result.outcomes : null;
      }, 'the ticket is done');
      deepEqual(
        outcomes.map((outcome) => outcome?.kind),
        items.map(() => 'applied'),
      );
      deepEqual(
        await shownOf(stage, items),
        items.map(({ wireQuantity }) => wireQuantity),
      );
    },
  },
  {
    id: 'ticket-not-done',
    proves: 'While the platform is at work the ticket is not done, and says nothing of any item.',
    skipWhen: needsTicket,
    async play(stage) {
      const items = await makeItems(stage, ['SKU-1', 'SKU-2']);
      await stage.control.setFaults({ seed: stage.seed, stallTicket: 1 });
      const ticket = await openTicket(stage, items, 'stalled');
      const result = await stage.connection.collect(ticket, items.length, stage.signal);
      deepEqual(result, { done: false, outcomes: [null, null] });
    },
  },
  {
    id: 'ticket-partly-failed',
    proves: 'Done is not all good: an item that the platform failed on is rejected, and is not called applied.',
    skipWhen: needsTicket,
    async play(stage) {
      const items = await makeItems(stage, stage.skus);
      const before = await shownOf(stage, items);
      await stage.control.setFaults({ seed: stage.seed, failTicketItem: 0.5 });
      const outcomes = await stage.push(items, 'partly');
      const after = await shownOf(stage, items);
      for (const [index, outcome] of outcomes.entries()) {
        const isThere = after[index] === items[index]?.wireQuantity;
        equal(
          outcome.kind === 'applied',
          isThere,
          `item ${index} is ${outcome.kind}, the platform shows ${after[index]}`,
        );
        if (!isThere) equal(after[index], before[index]);
        ok(outcome.kind !== 'unknown', `the ticket names item ${index}`);
      }
    },
  },
  {
    id: 'ticket-lost',
    proves: 'A ticket that the platform forgot leaves every item to be read: nothing is called applied.',
    skipWhen: needsTicket,
    async play(stage) {
      const items = await makeItems(stage, ['SKU-1', 'SKU-2', 'SKU-3']);
      await stage.control.setFaults({ seed: stage.seed, loseTicket: 1 });
      const ticket = await openTicket(stage, items, 'lost');
      const { done, outcomes } = await stage.connection.collect(ticket, items.length, stage.signal);
      ok(done, 'a ticket that is gone will not be done later');
      equal(outcomes.length, items.length);
      ok(
        outcomes.every((outcome) => outcome === null || outcome.kind === 'unknown'),
        'no outcome is made up',
      );
    },
  },
];
