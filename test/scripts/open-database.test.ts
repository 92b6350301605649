/** Which database a command works on: a home that has none, one that nobody runs, one that runs already; and the real process. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '#db/client.ts';
import { findEmbedded, startEmbedded, stopEmbedded } from '#db/embedded.ts';
import { runAllot } from '#test/support/command-line.ts';
import { SMALL_CONFIG } from '#test/support/config-problems.ts';
import { type GuardedFolder, makeGuardedFolder } from '#test/support/reaper.ts';

let folder: GuardedFolder;
let home: string;

beforeAll(() => {
  folder = makeGuardedFolder({ open: true });
  home = join(folder.path, 'home');
});
afterAll(async () => {
  await stopEmbedded(home);
  await folder.remove();
});

// DATABASE_URL leads nowhere on purpose: --home goes before it.
const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };

test('a home without a database stays a message, until migrate makes one; the server ends with the command', async () => {
  expect(await runAllot(['--home', home, 'status'], { env })).toMatchObject({
    exitCode: 4,
    err: expect.stringContaining('allot migrate'),
  });
  expect(existsSync(home)).toBe(false);
  expect(await runAllot(['--home', home, 'migrate'], { env })).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('Applied'),
  });
  expect(await findEmbedded(home)).toBeUndefined();
  const said = await runAllot(['status', '--json'], { env: { ALLOT_HOME: home } });
  expect(said).toMatchObject({ exitCode: 0, err: expect.stringContaining('starting its database for this command') });
  expect(said.document()).toMatchObject({ channels: [] });
  expect(await findEmbedded(home)).toBeUndefined();
});

test('a policy command without a file takes that of the home that is named', async () => {
  writeFileSync(join(home, 'allot.yaml'), `${SMALL_CONFIG}    settings: { endpoint: "http://127.0.0.1:1" }\n`);
  const named = await runAllot(['--home', home, 'policy', 'diff', '--json'], { env, cwd: folder.path });
  expect(named.document()).toMatchObject({ from: null, to: 'home/allot.yaml' });
  const set = await runAllot(['policy', 'diff', '--json'], { env: { ALLOT_HOME: home }, cwd: folder.path });
  expect(set.document()).toMatchObject({ from: null, to: 'home/allot.yaml' });
  expect(await runAllot(['--home', home, 'policy', 'diff'], { env: { ALLOT_CONFIG: 'none.yaml' } })).toMatchObject({
    err: expect.stringContaining('there is no file none.yaml'),
  });
});

test('a home that is named brings its own configuration and secrets; ALLOT_CONFIG goes before it', async () => {
  const own = join(folder.path, 'own');
  mkdirSync(own);
  writeFileSync(join(own, 'allot.yaml'), `${SMALL_CONFIG}    settings: { endpoint: "http://127.0.0.1:1" }\n`);
  writeFileSync(join(own, 'secrets.env'), 'FAKE_A_ACCESS_TOKEN=t\nFAKE_A_WEBHOOK_SECRET=s\n');
  const cwd = folder.path;
  const named = await runAllot(['--home', own, 'config', 'check'], { env, cwd });
  expect(named).toMatchObject({ exitCode: 0, out: expect.stringContaining('own/allot.yaml is sound: 1 channel') });
  const elsewhere = { ...env, ALLOT_CONFIG: join(cwd, 'absent.yaml') };
  expect(await runAllot(['--home', own, 'config', 'check'], { env: elsewhere, cwd })).toMatchObject({
    err: expect.stringContaining('absent.yaml cannot be read'),
  });
  expect(await runAllot(['config', 'check'], { env: { ALLOT_HOME: own }, cwd })).toMatchObject({
    out: expect.stringContaining('own/allot.yaml is sound'),
  });
  expect(await runAllot(['config', 'check'], { env: {}, cwd })).toMatchObject({
    err: expect.stringContaining('Nothing is configured'),
  });
});

test('a server that runs is used and left running', async () => {
  const server = await startEmbedded({ home });
  expect(await runAllot(['--home', home, 'status'], { env })).toMatchObject({ exitCode: 0, err: '' });
  expect(await findEmbedded(home)).toMatchObject({ pid: server.pid });
  await server.stop();
});

test('a server that somebody else began to use meanwhile is left running', async () => {
  const stays: (() => Promise<void>)[] = [];
  // The question comes while the command holds its database open.
  const ask = async () => {
    const found = await findEmbedded(home);
    if (found === undefined) throw new Error('the command started no server');
    const neighbour = openDatabase(found.url, { max: 1, applicationName: 'neighbour' });
    await neighbour.script('select 1');
    stays.push(() => neighbour.close());
    return false;
  };
  expect(await runAllot(['--home', home, 'parked', 'drop', '1', '--reason', 'test'], { env, ask })).toMatchObject({
    exitCode: 130,
  });
  expect(await findEmbedded(home)).toBeDefined();
  await Promise.all(stays.map((close) => close()));
});

// Three processes, one of which starts and stops a server: longer than other tests on a machine that is shared.
test('the process itself: arguments, streams and exit code', { timeout: 120_000 }, async () => {
  const allot = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['scripts/allot.mjs', ...args], {
      env: { ...process.env, DATABASE_URL: '' },
    });
  expect((await allot('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  await expect(allot('recieve')).rejects.toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('Did you mean receive?'),
  });
  const { stdout } = await allot('--home', home, 'doctor', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ ok: true });
});
