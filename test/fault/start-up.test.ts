/** Starts that cannot succeed: each says what is wrong and what to do, on standard error, with the exit code of its kind. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Environment, startDaemon } from '#test/support/daemon.ts';
import { createTestDatabase } from '#test/support/database.ts';
import { findFreePort } from '#test/support/free-port.ts';
import { type GuardedFolder, makeGuardedFolder } from '#test/support/reaper.ts';
import { missingRedis, startRedis } from '#test/support/redis.ts';
import { configurationOf } from '#test/support/stage.ts';

const PASSWORD = 'canary-password-7319';

let folder: GuardedFolder;
let homes = 0;
beforeAll(() => {
  folder = makeGuardedFolder({ open: true });
});
afterAll(() => folder.remove());

/** Starts a daemon in a folder of its own, and answers its end. */
async function startAndEnd(env: Environment, configuration: string | null, args: readonly string[] = []) {
  const home = join(folder.path, `home${homes++}`);
  mkdirSync(home);
  if (configuration !== null) writeFileSync(join(home, 'allot.yaml'), configuration);
  const daemon = startDaemon({ ALLOT_HOME: home, PORT: String(await findFreePort()), ...env }, home, args);
  const { code } = await daemon.ended;
  return { code, said: daemon.said() };
}

const CONFIGURATION = configurationOf({ 'fake:shop': { endpoint: 'http://127.0.0.1:9' } });
const SECRETS: Environment = {
  ALLOT_SEAL_KEY: randomBytes(32).toString('base64'),
  FAKE_SHOP_ACCESS_TOKEN: 'token',
  FAKE_SHOP_WEBHOOK_SECRET: 'secret',
};

describe('configuration, exit 2', () => {
  test('nothing is configured: three lines say what to do', async () => {
    const { code, said } = await startAndEnd({}, null);
    expect(code).toBe(2);
    expect(said.trimEnd().split('\n')).toHaveLength(3);
    expect(said).toMatch(/allot\.yaml[\s\S]+npm start[\s\S]+npm run demo/);
  });

  test('an argument would be lost, --home among them: refused with the variable that does it', async () => {
    const { code, said } = await startAndEnd({}, CONFIGURATION, ['--home', 'elsewhere']);
    expect(code).toBe(2);
    expect(said).toContain('ALLOT_HOME=DIR npm start');
  });

  test('a home elsewhere brings its own file and secrets', async () => {
    const home = join(folder.path, 'elsewhere');
    mkdirSync(home);
    writeFileSync(join(home, 'allot.yaml'), CONFIGURATION);
    const url = `postgres://allot@127.0.0.1:${await findFreePort()}/allot`;
    const env = { ALLOT_HOME: home, DATABASE_URL: url };
    const unsealed = await startAndEnd(env, null);
    expect(unsealed).toMatchObject({ code: 2, said: expect.stringContaining('ALLOT_SEAL_KEY: is missing') });
    const secrets = Object.entries(SECRETS).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(join(home, 'secrets.env'), secrets.join(''));
    // All is there but the database.
    expect(await startAndEnd(env, null)).toMatchObject({ code: 4 });
  });

  test('a mistake in the file is told as file:line:col with its mend', async () => {
    const wrong = CONFIGURATION.replace('priority: 1', 'priorty: 1');
    const { code, said } = await startAndEnd(SECRETS, wrong);
    const line = wrong.split('\n').findIndex((text) => text.includes('priorty')) + 1;
    expect(code).toBe(2);
    expect(said).toMatch(new RegExp(`^allot\\.yaml:${line}:\\d+ .*priorty.*priority`, 'm'));
  });

  test('YAML that is none', async () => {
    const { code, said } = await startAndEnd(SECRETS, 'locations: [\nprograms: }');
    expect(code).toBe(2);
    expect(said).toMatch(/^allot\.yaml:\d+:\d+ /m);
  });

  test('a secret that is missing is named', async () => {
    const { FAKE_SHOP_ACCESS_TOKEN: _, ...others } = SECRETS;
    const { code, said } = await startAndEnd(others, CONFIGURATION);
    expect(code).toBe(2);
    expect(said).toContain('FAKE_SHOP_ACCESS_TOKEN');
  });

  test('a schema newer than the code is refused', async () => {
    await using store = await createTestDatabase();
    await store.db.rows(
      sql`insert into schema_migration (version, name, checksum) values (9999, 'from_the_future', 'none')`,
    );
    const { code, said } = await startAndEnd({ ...SECRETS, DATABASE_URL: store.url }, CONFIGURATION);
    expect(code).toBe(2);
    expect(said).toMatch(/schema 9999.*Run the newer allot/);
  });

  test('pending migrations of a database that others share wait for a person', async () => {
    await using store = await createTestDatabase({ empty: true });
    const { code, said } = await startAndEnd({ ...SECRETS, DATABASE_URL: store.url }, CONFIGURATION);
    expect(code).toBe(2);
    expect(said).toMatch(/lacks \d+ migration.*Run: npx allot migrate/);
    expect(await store.db.rows(sql`select 1 from pg_tables where schemaname = 'public'`)).toEqual([]);
  });
});

describe('unreachable, exit 4, host and port but no password', () => {
  test('the database', async () => {
    const port = await findFreePort();
    const url = `postgres://allot:${PASSWORD}@127.0.0.1:${port}/allot`;
    const { code, said } = await startAndEnd({ ...SECRETS, DATABASE_URL: url }, CONFIGURATION);
    expect(code).toBe(4);
    expect(said).toContain(`127.0.0.1:${port}`);
    expect(said).not.toContain(PASSWORD);
  });

  test('a database that refuses the password', async () => {
    await using store = await createTestDatabase();
    const url = new URL(store.url);
    url.password = PASSWORD;
    const { code, said } = await startAndEnd({ ...SECRETS, DATABASE_URL: url.href }, CONFIGURATION);
    expect(code).toBe(4);
    expect(said).toContain(`${url.hostname}:${url.port}`);
    expect(said).not.toContain(PASSWORD);
  });

  test('Redis', async () => {
    await using store = await createTestDatabase();
    const port = await findFreePort();
    const urls = { DATABASE_URL: store.url, REDIS_URL: `redis://:${PASSWORD}@127.0.0.1:${port}` };
    const { code, said } = await startAndEnd({ ...SECRETS, ...urls }, CONFIGURATION);
    expect(code).toBe(4);
    expect(said).toContain(`127.0.0.1:${port}`);
    expect(said).not.toContain(PASSWORD);
  });
});

describe.skipIf(missingRedis !== undefined)('Redis that may drop work', () => {
  test('is refused, with the command that mends it', async () => {
    const redis = await startRedis({ 'maxmemory-policy': 'allkeys-lru', requirepass: PASSWORD });
    try {
      await using store = await createTestDatabase();
      const urls = { DATABASE_URL: store.url, REDIS_URL: redis.url };
      const { code, said } = await startAndEnd({ ...SECRETS, ...urls }, CONFIGURATION);
      expect(code).toBe(2);
      expect(said).toContain('CONFIG SET maxmemory-policy noeviction');
      expect(said).not.toContain(PASSWORD);
    } finally {
      await redis.stop();
    }
  });
});
