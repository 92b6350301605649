/** Redis loses all it has, or is gone for a while: webhooks are answered 2xx all the same, and all work is done afterwards. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startBuyers } from '#test/support/buyers.ts';
import { missingRedis, startRedis, type TestRedis } from '#test/support/redis.ts';
import { openStage, type Stage } from '#test/support/stage.ts';

const SKUS = ['MUG', 'TEE'];

if (missingRedis !== undefined) console.warn(missingRedis);

describe.skipIf(missingRedis !== undefined)('with the queue on Redis', () => {
  let redis: TestRedis;
  let stage: Stage;
  beforeEach(async () => {
    redis = await startRedis();
    stage = await openStage({
      database: 'given',
      redisUrl: redis.url,
      skus: SKUS,
      opening: 300,
      partners: { 'fake:shop': {}, 'fake:partner': { basis: 'onHandLessOwnOpen', ticket: true } },
    });
  });
  afterEach(async () => {
    await stage.close();
    await redis.stop();
  });

  async function expectAllAnswered(orders: number): Promise<void> {
    const stats = await Promise.all([...stage.controls.values()].map((control) => control.stats()));
    const sum = (name: 'webhooksSent' | 'webhooksFailed') => stats.reduce((total, one) => total + one[name], 0);
    expect(sum('webhooksFailed')).toBe(0);
    expect(sum('webhooksSent')).toBeGreaterThanOrEqual(orders);
  }

  test('FLUSHALL while orders arrive', { timeout: 60_000 }, async () => {
    const daemon = stage.start();
    await daemon.ready();
    await stage.furnish();
    const buyers = startBuyers(stage.controls, SKUS);
    for (let flush = 0; flush < 5; flush += 1) {
      await buyers.more(20);
      expect(await redis.command('FLUSHALL')).toBe('OK');
    }
    await buyers.more(10);
    await buyers.stop();
    await stage.expectRight();
    await expectAllAnswered(buyers.placed());
  });

  test('kill -9 of Redis, a while without it, and an empty one', { timeout: 60_000 }, async () => {
    const daemon = stage.start();
    await daemon.ready();
    await stage.furnish();
    const buyers = startBuyers(stage.controls, SKUS);
    await buyers.more(20);
    await redis.kill();
    await buyers.more(60);
    const unready = await fetch(`${daemon.url}/readyz`);
    expect({ status: unready.status, body: await unready.text() }).toMatchObject({
      status: 503,
      body: expect.stringMatching(/queue|no answer/),
    });
    await redis.startAgain();
    await daemon.ready();
    await buyers.more(20);
    await buyers.stop();
    await stage.expectRight();
    await expectAllAnswered(buyers.placed());
  });
});
