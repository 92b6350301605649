import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import type { ChannelConnection } from '#connectors/connector.ts';
import type { OrderState } from '#core/order-state.ts';
import type { Received } from '#db/inbox.ts';
import { orderOf } from '#test/support/brand.ts';
import { openPipeline, type Pipeline } from '#test/support/pipeline.ts';
import type { OpenChannel, WorkerContext } from '#workers/context.ts';
import { receive, takeInbox } from '#workers/intake.ts';

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

/** An event that is only a bell: its order is read at the platform. */
const bellOf = (channelId: string): Received => ({
  channelId,
  key: 'k',
  topic: 'orders/changed',
  source: 'webhook',
  assurance: 'sharedSecret',
  rawBody: Buffer.from('{}'),
});

function answering(channel: OpenChannel | undefined, hydrate: ChannelConnection['hydrate']): OpenChannel {
  if (channel === undefined) throw new Error('no such channel');
  const parse: ChannelConnection['parse'] = async () => ({ orders: [], refs: ['1'], listingsToRead: [] });
  return { ...channel, connection: { ...channel.connection, parse, hydrate } };
}

async function stateOf(p: Pipeline): Promise<Record<string, string>> {
  const rows = await p.store.db.rows<{ channel: string; state: string }>(
    sql`select channel_id as channel, state from inbox_key`,
  );
  return Object.fromEntries(rows.map(({ channel, state }) => [channel, state]));
}

test('a platform that does not answer keeps only its own entries waiting', async () => {
  const p = await openPipeline({ partners: { 'fake:a': {}, 'fake:b': {} }, skus: ['A'] });
  pipeline = p;
  const slow = Promise.withResolvers<OrderState>();
  const taken = Promise.withResolvers<void>();
  const context: WorkerContext = {
    ...p.context,
    channels: new Map([
      ['fake:a', answering(p.context.channels.get('fake:a'), () => slow.promise)],
      ['fake:b', answering(p.context.channels.get('fake:b'), async () => orderOf('1', {}))],
    ]),
  };
  await receive(context, [bellOf('fake:a'), bellOf('fake:b')]);
  const running = takeInbox({ ...context, decideSoon: taken.resolve }, new AbortController().signal);
  await taken.promise;
  expect(await stateOf(p)).toEqual({ 'fake:a': 'pending', 'fake:b': 'taken' });
  slow.resolve(orderOf('1', {}));
  await running;
  expect(await stateOf(p)).toEqual({ 'fake:a': 'taken', 'fake:b': 'taken' });
});
