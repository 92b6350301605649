/** A platform that says "slow down" is left alone until the time it named, whatever rings meanwhile. */
import { afterEach, expect, test } from 'vitest';
import { openPipeline, type Pipeline } from '#test/support/pipeline.ts';
import { pollChannel } from '#workers/intake.ts';
import { pushChannel } from '#workers/push.ts';
import { reconcileChannel } from '#workers/reconcile.ts';

const CHANNEL = 'fake:a';
const never = new AbortController().signal;

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
});

test('poll, push and reconcile wait for the platform, then go on', async () => {
  const p = await openPipeline({ partners: { [CHANNEL]: {} }, skus: ['A'] });
  pipeline = p;
  const turns = [pollChannel, pushChannel, reconcileChannel];
  await p.control(CHANNEL).setFaults({ throttle: 1 });
  await pollChannel(p.context, CHANNEL, never);
  const { throttled } = await p.control(CHANNEL).stats();
  expect(throttled).toBe(1);
  for (const turn of [...turns, ...turns]) await turn(p.context, CHANNEL, never);
  expect((await p.control(CHANNEL).stats()).throttled).toBe(1);
  expect(new Set(p.rung.map(({ topic }) => topic))).toEqual(new Set(['poll', 'push', 'reconcile']));
  await p.control(CHANNEL).setFaults({});
  const { apiCalls } = await p.control(CHANNEL).stats();
  p.clock.now += 2_000;
  for (const turn of turns) await turn(p.context, CHANNEL, never);
  expect((await p.control(CHANNEL).stats()).apiCalls).toBeGreaterThan(apiCalls + 1);
});
