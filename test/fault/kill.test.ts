/** kill -9 of the whole daemon while orders arrive, five times: its PostgreSQL survives, the next start adopts it, nothing is lost. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findEmbedded } from '#db/embedded.ts';
import { startBuyers } from '#test/support/buyers.ts';
import { openStage, type Stage } from '#test/support/stage.ts';

const SKUS = ['MUG', 'TEE', 'CAP', 'BAG'];
const KILLS = 5;

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({
    database: 'embedded',
    skus: SKUS,
    // More than is sold while a slow machine starts a daemon five times.
    opening: 10_000,
    partners: { 'fake:shop': {}, 'fake:partner': { basis: 'onHandLessOwnOpen', ticket: true, compareAndSet: false } },
  });
});
afterEach(() => stage.close());

test('five kills lose nothing, and every number comes right', { timeout: 120_000 }, async () => {
  let daemon = stage.start();
  await daemon.ready();
  await stage.furnish();
  const server = await findEmbedded(stage.home);
  const buyers = startBuyers(stage.controls, SKUS);
  for (let kill = 1; kill <= KILLS; kill += 1) {
    await buyers.more(10 * kill);
    await daemon.kill();
    expect(await findEmbedded(stage.home)).toEqual(server);
    daemon = stage.start();
    await daemon.ready();
    expect(daemon.said()).toContain('PostgreSQL adopted');
  }
  await buyers.more(10);
  await buyers.stop();
  await stage.expectRight();
});
