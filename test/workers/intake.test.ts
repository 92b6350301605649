import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import type { ChannelConnection } from '#connectors/connector.ts';
import type { OrderState } from '#core/order-state.ts';
import type { Received } from '#db/inbox.ts';
import { command, orderOf } from '#test/support/brand.ts';
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
  const parse: ChannelConnection['parse'] = async () => ({ orders: [], refs: ['1'], levels: [] });
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

/** A level told by a webhook. */
const toldOf = (key: string, listingRef: string, shown: number | null, assurance: Received['assurance']): Received => ({
  channelId: 'fake:a',
  key,
  topic: 'levels/changed',
  source: 'webhook',
  assurance,
  rawBody: Buffer.from(JSON.stringify({ listingRef, shown })),
});

test.each([
  ['shows another number than it should', 9, 'signed', true],
  ['does not say its number', null, 'signed', true],
  ['shows what it should', 10, 'signed', false],
  ['shows what it should, by a word that is not believed', 10, 'none', true],
] as const)('a level that %s', async (_name, shown, assurance, isRead) => {
  const p = await openPipeline({ partners: { 'fake:a': { compareAndSet: true } }, skus: ['A'] });
  pipeline = p;
  await command(p.store.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 10, disposition: 'sellable' });
  await p.quiet();
  const channel = p.context.channels.get('fake:a');
  if (channel === undefined) throw new Error('no such channel');
  const [listing] = await p.store.db.rows<{ ref: string; place: string }>(
    sql`select listing_ref as ref, location_ref as place from listing`,
  );
  const parse: ChannelConnection['parse'] = async ({ rawBody }) => {
    const said = JSON.parse(Buffer.from(rawBody).toString('utf8'));
    return { orders: [], refs: [], levels: [{ ...said, locationRef: listing?.place ?? '' }] };
  };
  const told = { ...channel, connection: { ...channel.connection, parse } };
  const context: WorkerContext = { ...p.context, channels: new Map([['fake:a', told]]) };
  await receive(context, [toldOf('k', listing?.ref ?? '', shown, assurance)]);
  await takeInbox(context, new AbortController().signal);
  const due = await p.store.db.rows(sql`select 1 from listing_sync where read_due_at is not null`);
  expect(due).toHaveLength(isRead ? 1 : 0);
  expect(await stateOf(p)).toEqual({ 'fake:a': 'taken' });
});
