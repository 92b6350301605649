/** A daemon whose file was changed by one person, where the running policy asks for two: it goes on under the running one. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPolicyInForce } from '#db/policy-history.ts';
import { runAllot } from '#test/support/command-line.ts';
import { startDaemon } from '#test/support/daemon.ts';
import { createTestDatabase } from '#test/support/database.ts';
import { findFreePort } from '#test/support/free-port.ts';
import { type GuardedFolder, makeGuardedFolder } from '#test/support/reaper.ts';
import { configurationOf } from '#test/support/stage.ts';

let folder: GuardedFolder;
beforeAll(() => {
  folder = makeGuardedFolder({ open: true });
});
afterAll(() => folder.remove());

test('says so, runs, and applies it once a second person approved', async () => {
  await using store = await createTestDatabase();
  const env = {
    ALLOT_HOME: folder.path,
    PORT: String(await findFreePort()),
    DATABASE_URL: store.url,
    ALLOT_SEAL_KEY: randomBytes(32).toString('base64'),
    FAKE_SHOP_ACCESS_TOKEN: 'token',
    FAKE_SHOP_WEBHOOK_SECRET: 'secret',
  };
  const write = (more: string) =>
    writeFileSync(
      join(folder.path, 'allot.yaml'),
      `${configurationOf({ 'fake:shop': { endpoint: 'http://127.0.0.1:9' } })}approval: { policy: required }\n${more}`,
    );
  const startOnce = async (): Promise<string> => {
    const daemon = startDaemon(env, folder.path);
    await daemon.ready();
    daemon.send('SIGTERM');
    expect((await daemon.ended).code).toBe(0);
    return daemon.said();
  };
  const as = (user: string, line: string) =>
    runAllot(line.split(' '), { env: { DATABASE_URL: store.url, USER: user }, cwd: folder.path });
  const version = async () => (await readPolicyInForce(store.db))?.version;

  write('');
  expect(await startOnce()).not.toContain('is not applied');
  write('pools: [{ program: fake-shop, units: 5 }]\n');
  const said = await startOnce();
  expect(said).toContain('allot.yaml is not applied: policy version 1 stays in force');
  expect(said).toContain('allot policy propose FILE --reason TEXT');
  expect(await version()).toBe(1);
  expect((await as('kim', 'status')).out).toContain('allot.yaml is not applied');

  expect((await as('kim', 'policy propose --reason fair')).exitCode).toBe(0);
  expect((await as('lee', 'policy approve 1')).exitCode).toBe(0);
  expect(await startOnce()).not.toContain('is not applied');
  expect(await version()).toBe(2);
});
