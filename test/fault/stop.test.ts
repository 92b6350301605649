/** SIGTERM under load: the daemon drains, stops its PostgreSQL and exits 0; a second one ends it at once with 1. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findEmbedded } from '#db/embedded.ts';
import { isRunning } from '#db/postmaster.ts';
import { startBuyers } from '#test/support/buyers.ts';
import { openStage, type Stage } from '#test/support/stage.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const SKUS = ['MUG', 'TEE'];

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({
    database: 'embedded',
    skus: SKUS,
    opening: 300,
    partners: { 'fake:shop': {}, 'fake:partner': { basis: 'onHandLessOwnOpen', batch: 'allOrNothing' } },
  });
});
afterEach(() => stage.close());

test('the first SIGTERM finishes what runs, and the next start goes on where it was', { timeout: 60_000 }, async () => {
  const first = stage.start();
  await first.ready();
  await stage.furnish();
  const server = await findEmbedded(stage.home);
  const buyers = startBuyers(stage.controls, SKUS, { everyMs: 5 });
  await buyers.more(60);
  await stage.letGo();
  first.send('SIGTERM');
  expect(await first.ended).toEqual({ code: 0, signal: null });
  expect(first.said()).toContain('stopping: running work is finished first');
  expect(first.said()).not.toContain('"level":"error"');
  expect(await isRunning(server?.pid ?? 0)).toBe(false);
  expect(await findEmbedded(stage.home)).toBeUndefined();
  await buyers.more(5);
  await buyers.stop();
  const second = stage.start();
  await second.ready();
  expect(second.said()).toContain('PostgreSQL started');
  await stage.expectRight();
});

test('a second SIGTERM does not wait for a partner that hangs', { timeout: 60_000 }, async () => {
  const daemon = stage.start();
  await daemon.ready();
  await stage.furnish();
  const before = await stage.control('fake:shop').stats();
  await stage.control('fake:shop').setFaults({ hang: 1 });
  await waitUntil('a call hangs at the partner', async () => {
    const { faulted } = await stage.control('fake:shop').stats();
    return faulted > before.faulted;
  });
  daemon.send('SIGTERM');
  await waitUntil('it is stopping', () => daemon.said().includes('stopping: running work is finished first'));
  daemon.send('SIGTERM');
  expect(await daemon.ended).toEqual({ code: 1, signal: null });
});
