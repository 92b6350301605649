/** The queues: one suite, passed by both places a bell can be stored. Both are real; every wait is for a signal or a condition. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EVENTUALLY, open, type Place, push, startPlace } from '#test/support/queue-places.ts';
import { missingRedis } from '#test/support/redis.ts';
import type { Bell } from '#workers/queues.ts';

const VICTIM = fileURLToPath(new URL('../support/queue-victim.ts', import.meta.url));

if (missingRedis !== undefined) console.warn(missingRedis);

/** Some turns of the event loop, with its I/O: enough to shift two things against each other. */
async function hop(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const KINDS = missingRedis === undefined ? (['postgres', 'redis'] as const) : (['postgres'] as const);

describe.each(KINDS)('queues in %s', (kind) => {
  let place: Place;
  beforeAll(async () => {
    place = await startPlace(kind);
  });
  afterAll(() => place.stop());

  it('hands a bell to its handler, channel ids with a colon included', async () => {
    const { queues } = await open(place.options);
    const heard = Promise.withResolvers<Bell>();
    queues.work('push', async (bell) => heard.resolve(bell));
    await queues.ring([push('shopify:main')]);
    expect(await heard.promise).toEqual({ topic: 'push', key: 'shopify:main' });
  });

  it('joins bells of one key while they wait', async () => {
    const { queues } = await open(place.options);
    for (let i = 0; i < 10; i++) await queues.ring([push('a'), push('a'), push('b')]);
    expect((await queues.depths()).push.waiting).toBe(2);
    const heard: string[] = [];
    queues.work('push', async ({ key }) => {
      heard.push(key);
    });
    await vi.waitFor(async () => {
      expect((await queues.depths()).push).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 0 });
    }, EVENTUALLY);
    expect(heard).toEqual(['a', 'b']);
  });

  it('runs once more for bells rung while the handler runs', async () => {
    const { queues } = await open(place.options);
    const started = Promise.withResolvers<void>();
    const rung = Promise.withResolvers<void>();
    let runs = 0;
    queues.work('push', async () => {
      runs += 1;
      started.resolve();
      await rung.promise;
    });
    await queues.ring([push('a')]);
    await started.promise;
    for (let i = 0; i < 5; i++) await queues.ring([push('a')]);
    expect(runs).toBe(1);
    rung.resolve();
    await vi.waitFor(() => expect(runs).toBe(2), EVENTUALLY);
    await vi.waitFor(async () => expect((await queues.depths()).push.active).toBe(0), EVENTUALLY);
    expect(runs).toBe(2);
  });

  it('loses no bell in 500 races between ringing and finishing', async () => {
    const { queues } = await open(place.options);
    let truth = 0;
    let done = Promise.withResolvers<void>();
    queues.work('push', async () => {
      const seen = truth; // what a real handler reads from Postgres when it starts
      await hop(seen % 4);
      if (seen === truth) done.resolve();
    });
    for (let round = 1; round <= 500; round++) {
      done = Promise.withResolvers<void>();
      truth = round;
      await hop(round % 7); // now before, now while, now after the job of the round before is finished
      await queues.ring([push('a')]);
      await done.promise;
    }
    expect(truth).toBe(500);
  }, 60_000);

  it('takes 500 keys at once and runs each', async () => {
    const { queues } = await open(place.options);
    const keys = Array.from({ length: 500 }, (_, i) => `edi:partner-${i}`);
    const heard = new Set<string>();
    queues.work('push', async ({ key }) => void heard.add(key), { concurrency: 20 });
    await queues.ring(keys.map(push));
    await vi.waitFor(() => expect(heard.size).toBe(500), { ...EVENTUALLY, timeout: 20_000 });
  }, 30_000);

  it('tries again after a throw, and a key that failed for good still hears later bells', async () => {
    const { queues, log } = await open(place.options);
    let runs = 0;
    let isBroken = true;
    queues.work('push', async () => {
      runs += 1;
      if (runs === 2) return Promise.reject(undefined); // a handler may throw anything
      if (isBroken) throw new Error('canary-in-an-error');
    });
    await queues.ring([push('a')]);
    await vi.waitFor(async () => expect((await queues.depths()).push.failed).toBe(1), EVENTUALLY);
    expect(runs).toBe(5);
    const failures = log.entries.filter((entry) => entry.key === 'a');
    expect(failures.map((entry) => [entry.level, entry.attempt])).toEqual([
      ['warn', 1],
      ['warn', 2],
      ['warn', 3],
      ['warn', 4],
      ['error', 5],
    ]);
    const stored = await place.dump();
    expect(stored).toContain('the handler threw: see the log');
    expect(stored).not.toContain('canary');
    isBroken = false;
    await queues.ring([push('a')]);
    await vi.waitFor(() => expect(runs).toBe(6), EVENTUALLY);
    await vi.waitFor(async () => {
      expect((await queues.depths()).push).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 1 });
    }, EVENTUALLY);
  });

  it('shares work between two processes and never runs one key twice at once', async () => {
    const one = await open(place.options);
    const two = await open(place.options, { prefix: one.prefix });
    const runningKeys = new Set<string>();
    const overlaps: string[] = [];
    const startedBy = new Set<string>();
    const bothStarted = Promise.withResolvers<void>();
    let truth = 0;
    const seenOf = new Map<string, number>();
    const handle = (name: string) => async (bell: Bell) => {
      if (runningKeys.has(bell.key)) overlaps.push(bell.key);
      runningKeys.add(bell.key);
      const seen = truth;
      startedBy.add(name);
      if (startedBy.size === 2) bothStarted.resolve();
      await bothStarted.promise;
      await hop(3);
      seenOf.set(bell.key, seen);
      runningKeys.delete(bell.key);
    };
    one.queues.work('push', handle('one'), { concurrency: 4 });
    two.queues.work('push', handle('two'), { concurrency: 4 });
    const keys = Array.from({ length: 10 }, (_, i) => `channel:${i}`);
    for (let round = 1; round <= 30; round++) {
      truth = round;
      await (round % 2 === 0 ? one : two).queues.ring(keys.map(push));
    }
    await vi.waitFor(() => expect([...seenOf.values()]).toEqual(keys.map(() => 30)), EVENTUALLY);
    expect(overlaps).toEqual([]);
  }, 30_000);

  it('pauses: what runs goes on, what is rung waits for another process', async () => {
    const { queues, prefix } = await open(place.options);
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const heard: string[] = [];
    queues.work('push', async ({ key }) => {
      heard.push(key);
      started.resolve();
      await release.promise;
    });
    queues.work('poll', async ({ key }) => void heard.push(key));
    await queues.ring([push('a')]);
    await started.promise;
    await queues.pause();
    await queues.ring([push('b'), { topic: 'poll', key: 'c' }]);
    release.resolve();
    await queues.close({ deadlineMs: 5_000 });
    expect(heard).toEqual(['a']);
    const other = await open(place.options, { prefix });
    other.queues.work('push', async ({ key }) => void heard.push(key));
    other.queues.work('poll', async ({ key }) => void heard.push(key));
    await vi.waitFor(() => expect(heard.toSorted()).toEqual(['a', 'b', 'c']), EVENTUALLY);
  });

  it('closes after the running handler, at once when idle, and twice without harm', async () => {
    const { queues, log } = await open(place.options);
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    let isDone = false;
    queues.work('push', async () => {
      started.resolve();
      await release.promise;
      isDone = true;
    });
    await queues.ring([push('a')]);
    await started.promise;
    const closed = queues.close({ deadlineMs: 10_000 });
    release.resolve();
    await closed;
    expect(isDone).toBe(true);
    await queues.close({ deadlineMs: 10_000 });
    expect(log.entries).toEqual([]);
    await expect(queues.ring([push('a')])).rejects.toThrow('closed');
  });

  it('aborts the signal at the deadline and puts the bell back for another process', async () => {
    const { queues, log, prefix } = await open(place.options);
    const started = Promise.withResolvers<void>();
    const told: unknown[] = [];
    queues.work('push', async (_bell, signal) => {
      started.resolve();
      await new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          told.push(signal.reason);
          reject(new Error('stopped half way'));
        });
      });
    });
    await queues.ring([push('a')]);
    await started.promise;
    await queues.close({ deadlineMs: 50 });
    expect(told).toEqual(['the process is stopping']);
    expect(log.entries.map((entry) => [entry.message, entry.topics])).toEqual([
      ['handlers still running at the deadline: told to stop', ['push']],
    ]);
    const other = await open(place.options, { prefix });
    const heard = Promise.withResolvers<string>();
    other.queues.work('push', async ({ key }) => heard.resolve(key));
    expect(await heard.promise).toBe('a');
  });

  it('closes past a handler that does not heed its signal', async () => {
    const { queues } = await open(place.options);
    const started = Promise.withResolvers<void>();
    queues.work('push', () => {
      started.resolve();
      return new Promise(() => undefined);
    });
    await queues.ring([push('a')]);
    await started.promise;
    await expect(queues.close({ deadlineMs: 50 })).resolves.toBeUndefined();
  });

  it('rescues the bell of a worker killed with -9 within 15 s', async () => {
    const { queues, prefix, log } = await open(place.options);
    const argument = JSON.stringify({ ...place.options, prefix });
    const victim = spawn(process.execPath, [VICTIM, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
    await queues.ring([push('a')]);
    const [printed] = await once(victim.stdout, 'data');
    expect(String(printed)).toBe('started\n');
    const heard = Promise.withResolvers<string>();
    queues.work('push', async ({ key }) => heard.resolve(key));
    const killedAtMs = performance.now();
    victim.kill('SIGKILL');
    expect(await heard.promise).toBe('a');
    const tookMs = performance.now() - killedAtMs;
    console.info(`rescued after ${Math.round(tookMs)} ms`);
    // The log line comes by an event of its own, before the handler or after.
    const messages = () => log.entries.map((entry) => entry.message);
    await vi.waitFor(() => expect(messages()).toContain('bell of a dead or blocked worker rung again'), EVENTUALLY);
  }, 30_000);

  it('recreates a worker that starts nothing while bells wait, and reports death when that does not help', async () => {
    const death = Promise.withResolvers<Error>();
    const timing = { retryDelayMs: 20, watchEveryMs: 50, idleChecksMax: 6 };
    const { queues, prefix, log } = await open(place.options, { timing, onDeath: death.resolve });
    const heard: string[] = [];
    queues.work('push', async ({ key }) => void heard.push(key));
    await place.freeze(`${prefix}-push`);
    await queues.ring([push('a')]);
    const recreated = () => log.entries.filter((entry) => entry.message.includes('worker recreated'));
    await vi.waitFor(() => expect(recreated()).toHaveLength(1), EVENTUALLY);
    await place.thaw(`${prefix}-push`);
    await queues.ring([push('wake')]); // the thaw itself wakes nobody
    await vi.waitFor(() => expect(heard).toEqual(['a', 'wake']), EVENTUALLY);
    await place.freeze(`${prefix}-push`);
    await queues.ring([push('b')]);
    expect((await death.promise).message).toContain('worker of push is dead');
    expect(heard).toEqual(['a', 'wake']);
    await place.thaw(`${prefix}-push`);
  });

  it('refuses what is no key and what is no prefix', async () => {
    const { queues } = await open(place.options);
    await expect(queues.ring([push('x'.repeat(2_000))])).rejects.toThrow('refused');
    await expect(queues.ring([push('\ud800')])).rejects.toThrow('refused');
    await expect(open(place.options, { prefix: 'a:b' })).rejects.toThrow('prefix "a:b"');
    await queues.ring([]);
    queues.work('push', async () => undefined);
    expect(() => queues.work('push', async () => undefined)).toThrow('twice');
  });
});
