/** Subscriptions that mend themselves, and an end that leaves nothing behind. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { captureOrder, orderWebhooks } from '../capture.ts';
import { type ConformanceCase, needsSubscriptions } from '../case.ts';
import { until } from '../expect.ts';
import { makeItems } from '../items.ts';
import { openReceiver } from '../receiver.ts';
import type { Stage } from '../stage.ts';

/** What keeps a process alive, without the sockets: those of the sandbox and its callers are the sandbox's. */
const openHandles = (): string[] =>
  process
    .getActiveResourcesInfo()
    .filter((kind) => !/^(TCP|Pipe|TTY|HTTP|.*ReqWrap)/.test(kind))
    .sort();

const allOut = ({ control }: Stage) =>
  until(async () => ((await control.stats()).webhooksPending === 0 ? true : null), 'all webhooks are out');

export const KEEPING_CASES: readonly ConformanceCase[] = [
  {
    id: 'subscriptions-idempotent',
    proves:
      'Missing subscriptions are created and named; the second time nothing is done, and no event comes twice for it.',
    skipWhen: needsSubscriptions,
    async play(stage) {
      const { connection, signal } = stage;
      const receiver = await openReceiver();
      try {
        ok(
          (await connection.ensureSubscriptions(receiver.url, signal)).length > 0,
          'the first call says what it created',
        );
        deepEqual(await connection.ensureSubscriptions(receiver.url, signal), [], 'the second call changes nothing');
        await stage.placeOrder([{ sku: 'SKU-1', quantity: 1 }]);
        await receiver.waitFor(1);
        await allOut(stage);
        const keys = await Promise.all(
          receiver.requests.map(async (request) => (await stage.verify(request)).dedupeKey),
        );
        equal(new Set(keys).size, keys.length, 'each event comes once');
      } finally {
        await receiver.close();
      }
    },
  },
  {
    id: 'subscriptions-move',
    proves: 'With another callback address the subscriptions are mended, and webhooks arrive there.',
    skipWhen: needsSubscriptions,
    async play(stage) {
      const old = await openReceiver();
      await stage.connection.ensureSubscriptions(old.url, stage.signal);
      await old.close();
      await captureOrder(stage);
      ok((await orderWebhooks(stage)).length > 0, 'webhooks arrive at the new address');
    },
  },
  {
    id: 'subscriptions-removed',
    proves: 'After removal no webhook comes any more, removing again does nothing, and another address keeps its own.',
    skipWhen: needsSubscriptions,
    async play(stage) {
      const { connection, signal } = stage;
      const [left, kept] = [await openReceiver(), await openReceiver()];
      try {
        await connection.ensureSubscriptions(left.url, signal);
        ok(connection.removeSubscriptions !== undefined, 'what subscribes can end it: removeSubscriptions is missing');
        ok((await connection.removeSubscriptions(left.url, signal)).length > 0, 'the first call says what it ended');
        deepEqual(await connection.removeSubscriptions(left.url, signal), [], 'the second call changes nothing');
        // What happened before, or late to another case, may still have gone there.
        await allOut(stage);
        const heard = left.requests.length;
        await connection.ensureSubscriptions(kept.url, signal);
        deepEqual(
          await connection.removeSubscriptions(left.url, signal),
          [],
          'subscriptions of another address are left alone',
        );
        await stage.placeOrder([{ sku: 'SKU-1', quantity: 1 }]);
        await kept.waitFor(1);
        await allOut(stage);
        equal(left.requests.length, heard, 'the address that was left hears nothing more');
      } finally {
        await Promise.all([left.close(), kept.close()]);
      }
    },
  },
  {
    id: 'close-leaves-nothing',
    proves: 'After close no timer, watcher or child of the connector is left, and closing twice does no harm.',
    alone: true,
    async play(stage) {
      const before = openHandles();
      const connection = stage.open();
      if (connection.documents === undefined) await connection.fetchOrdersSince(null, stage.signal);
      else await connection.documents.fetch(stage.signal);
      const items = await makeItems(stage, ['SKU-1']);
      await connection.send(stage.prepare(items, 'before-close'), items.length, stage.signal);
      await connection.close();
      await connection.close();
      await until(
        () => {
          const left = openHandles();
          for (const kind of before) if (left.includes(kind)) left.splice(left.indexOf(kind), 1);
          return left.length === 0 ? true : null;
        },
        `open handles go back to ${before.join(', ')}, now ${openHandles().join(', ')}`,
      );
    },
  },
];
