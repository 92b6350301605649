/** A channel's breaker in the workers: a platform that does not answer is left in peace, and only it. */
import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { OPENS_AT, PROBE_MS } from '#core/breaker.ts';
import { Transient } from '#core/errors.ts';
import { readBreaker } from '#db/breakers.ts';
import { command } from '#test/support/brand.ts';
import { openPipeline, type Pipeline, sellable } from '#test/support/pipeline.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { decidePending } from '#workers/allocate.ts';
import { openBreaker } from '#workers/breaker.ts';
import { pollChannel } from '#workers/intake.ts';
import { pushChannel } from '#workers/push.ts';
import { withChannel } from '#workers/with-channel.ts';

const never = new AbortController().signal;
const CHANNEL = 'fake:a';

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

async function open(): Promise<Pipeline> {
  pipeline = await openPipeline({ partners: { [CHANNEL]: {}, 'fake:b': {} }, skus: ['A'] });
  return pipeline;
}

const poll = (p: Pipeline, channel = CHANNEL) => pollChannel(p.context, channel, never);
const calls = async (p: Pipeline, channel = CHANNEL) => (await p.control(channel).stats()).apiCalls;
const receive = (p: Pipeline, quantity: number) =>
  command(p.store.db, { kind: 'receive', sku: 'A', location: 'main', quantity, disposition: 'sellable' });

/** Until the breaker is open. */
async function breakIt(p: Pipeline): Promise<void> {
  await p.control(CHANNEL).setFaults({ seed: 1, error5xx: 1 });
  for (let n = 0; n < OPENS_AT; n += 1) await poll(p);
  expect(await readBreaker(p.store.db, CHANNEL)).toMatchObject({ state: 'open', trips: 1 });
}

test('open, nothing is asked of it and nothing is sent to it, while the other channel goes on', async () => {
  const p = await open();
  await breakIt(p);
  const before = await calls(p);
  await receive(p, 7);
  await decidePending(p.store.db, { now: p.context.now });
  await poll(p);
  await pushChannel(p.context, CHANNEL, never);
  expect(await calls(p)).toBe(before);
  await pushChannel(p.context, 'fake:b', never);
  expect(await sellable(p, 'fake:b')).toEqual({ A: 7 });
  expect(p.rung).toContainEqual({ topic: 'push', key: CHANNEL });
});

test('its probe fails: it rests for longer; its probe is answered: all goes on by itself', async () => {
  const p = await open();
  await breakIt(p);
  const first = await readBreaker(p.store.db, CHANNEL);
  p.clock.now = first.retryAt ?? 0;
  const before = await calls(p);
  await poll(p);
  await poll(p);
  expect(await calls(p)).toBe(before + 1);
  const second = await readBreaker(p.store.db, CHANNEL);
  expect(second).toMatchObject({ state: 'open', trips: 2 });
  expect((second.retryAt ?? 0) - p.clock.now).toBeGreaterThan((first.retryAt ?? 0) - (first.openedAt ?? 0));
  await p.control(CHANNEL).setFaults({});
  p.clock.now = second.retryAt ?? 0;
  await receive(p, 5);
  await p.quiet();
  expect(await readBreaker(p.store.db, CHANNEL)).toMatchObject({ state: 'closed', failures: 0, trips: 0 });
  expect(await sellable(p, CHANNEL)).toEqual({ A: 5 });
  const alerts = await p.store.db.rows(sql`select code, state from alert where channel_id = ${CHANNEL}`);
  expect(alerts).toEqual([{ code: 'breaker-open', state: 'closed' }]);
});

test('another process learns of it with its next work, and while one probes the others rest', async () => {
  const p = await open();
  await breakIt(p);
  const { retryAt } = await readBreaker(p.store.db, CHANNEL);
  p.clock.now = retryAt ?? 0;
  await p.control(CHANNEL).setFaults({});
  const channel = p.context.channels.get(CHANNEL);
  if (channel === undefined) throw new Error('no channel');
  // A second process has its own line, and its own memory of the breaker.
  let asked = 0;
  let answer: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const probe = withChannel(p.context, channel, 'poll', () => channel.breaker.call(() => slow));
  await waitUntil('it probes', async () => (await readBreaker(p.store.db, CHANNEL)).state === 'halfOpen');
  const second = openBreaker({ db: p.store.db, channelId: CHANNEL, now: p.context.now, random: p.context.random });
  second.see(await readBreaker(p.store.db, CHANNEL));
  const refused = await second
    .call(async () => {
      asked += 1;
    })
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'throttled', retryAt: p.clock.now + PROBE_MS });
  answer();
  await probe;
  second.see(await readBreaker(p.store.db, CHANNEL));
  await second.call(async () => {
    asked += 1;
  });
  expect(asked).toBe(1);
});

test('a call that we called off ourselves says nothing of the platform', async () => {
  const p = await open();
  const channel = p.context.channels.get(CHANNEL);
  const stopping = new AbortController();
  stopping.abort();
  for (let n = 0; n < OPENS_AT; n += 1) {
    const call = channel?.breaker.call(() => Promise.reject(new Transient('given up')), stopping.signal);
    await expect(call).rejects.toThrow('given up');
  }
  expect(await readBreaker(p.store.db, CHANNEL)).toMatchObject({ state: 'closed', failures: 0 });
});

test('work that fails for good is told until it succeeds', async () => {
  const p = await open();
  const channel = p.context.channels.get(CHANNEL);
  if (channel === undefined) throw new Error('no channel');
  const run = (work: () => Promise<void>) => withChannel(p.context, channel, 'reconcile', work);
  await expect(run(() => Promise.reject(new Error('a bug')))).rejects.toThrow('a bug');
  const told = () => p.store.db.rows(sql`select code, state, cause from alert`);
  expect(await told()).toEqual([{ code: 'work-failed', state: 'open', cause: 'a bug' }]);
  await run(() => Promise.resolve());
  expect(await told()).toEqual([{ code: 'work-failed', state: 'closed', cause: 'a bug' }]);
});
