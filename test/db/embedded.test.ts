/** The embedded server across processes: real starts, kills and adoptions, each in a home of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '#db/client.ts';
import { findEmbedded, startEmbedded, stopEmbedded } from '#db/embedded.ts';
import { findClosedFolder, resolveBinaries } from '#db/postgres-binaries.ts';
import { isRunning, isServerOf } from '#db/postmaster.ts';
import { type GuardedFolder, makeGuardedFolder } from '../support/reaper.ts';

const STARTER = fileURLToPath(new URL('../support/embedded-starter.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
/** Some containers forbid user namespaces; allot then refuses with advice, which has its own test. */
const canUnshare = isRoot && spawnSync('unshare', ['--user', '--map-user=nobody', 'true']).status === 0;

interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
  readonly adopted: boolean;
}

let open: GuardedFolder;
let homes = 0;
const nextHome = () => join(open.path, `home${homes++}`);

beforeAll(() => {
  open = makeGuardedFolder({ open: true });
});
afterAll(() => open.remove());

/** Starts the server from a process of its own, which leads a process group that can be killed as a whole. */
async function startFromChild(home: string, binaries?: string): Promise<Started> {
  const args = [STARTER, home, ...(binaries === undefined ? [] : [binaries])];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) return { child, ...JSON.parse(line) };
  throw new Error(`${STARTER} ended without a word`);
}

async function killGroup(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await ended;
}

async function makeDeadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}

async function ownerOf(pid: number): Promise<number> {
  return statSync(`/proc/${pid}`).uid;
}

async function readAll(url: string, query: ReturnType<typeof sql>): Promise<object[]> {
  const db = openDatabase(url, { max: 1 });
  try {
    return await db.rows(query);
  } finally {
    await db.close();
  }
}

describe('start and stop', () => {
  test('a fresh home gets a running server that only this machine and this password reach', async () => {
    const home = nextHome();
    const lines: string[] = [];
    const server = await startEmbedded({ home, log: (line) => lines.push(line) });
    expect(server.adopted).toBe(false);
    const [row] = await readAll(
      server.url,
      sql`select current_database() as db, current_setting('server_version_num')::int / 10000 as major,
        current_setting('listen_addresses') as listens, current_setting('server_encoding') as encoding,
        current_setting('fsync') as fsync, current_setting('max_connections')::int as connections, lower('ÄÖ') as lower`,
    );
    expect(row).toEqual({
      db: 'allot',
      major: 18,
      listens: '127.0.0.1',
      encoding: 'UTF8',
      fsync: 'on',
      connections: 200,
      lower: 'äö',
    });
    expect(statSync(join(home, 'postgres.json')).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'postgres.password')).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(join(home, 'postgres.json'), 'utf8'))).toEqual({
      pid: server.pid,
      port: server.port,
    });
    const password = readFileSync(join(home, 'postgres.password'), 'utf8').trim();
    expect(lines.join('\n')).not.toContain(password);
    const wrong = openDatabase(server.url.replace(password, 'guess'), { max: 1 });
    await expect(wrong.rows(sql`select 1`)).rejects.toThrow(
      `127.0.0.1:${server.port}. It refuses this user or password`,
    );
    await wrong.close();
    await server.stop();
  });

  test('the port file finds it again; a stop leaves no process, port file or lock; the data is there at the next start', async () => {
    const home = nextHome();
    const server = await startEmbedded({ home });
    await readAll(server.url, sql`create table kept as select 7 as n`);
    expect(await findEmbedded(home)).toEqual({ url: server.url, port: server.port, pid: server.pid });
    await Promise.all([server.stop(), server.stop()]);
    expect(await isRunning(server.pid)).toBe(false);
    expect(await findEmbedded(home)).toBeUndefined();
    expect(readdirSync(home).sort()).toEqual(['postgres', 'postgres.log', 'postgres.password']);
    expect(await stopEmbedded(home)).toBe(false);
    const again = await startEmbedded({ home });
    expect(await readAll(again.url, sql`select n from kept`)).toEqual([{ n: 7 }]);
    expect(again.adopted).toBe(false);
    await again.stop();
  });

  test('two processes that start at once end with one server', async () => {
    const home = nextHome();
    const [one, other] = await Promise.all([startFromChild(home), startFromChild(home)]);
    expect(one.pid).toBe(other.pid);
    expect(one.adopted).toBe(!other.adopted);
    await Promise.all([killGroup(one.child), killGroup(other.child)]);
    expect(await stopEmbedded(home)).toBe(true);
    expect(await isRunning(one.pid)).toBe(false);
  });

  test('data of another PostgreSQL version is refused with its number', async () => {
    const home = nextHome();
    mkdirSync(join(home, 'postgres'), { recursive: true });
    writeFileSync(join(home, 'postgres', 'PG_VERSION'), '17\n');
    await expect(startEmbedded({ home })).rejects.toThrow('was written by PostgreSQL 17, and this allot brings 18');
  });
});

describe('after a kill', () => {
  test('kill -9 of the starter and its whole group leaves a server that the next start adopts', async () => {
    const home = nextHome();
    const first = await startFromChild(home);
    await killGroup(first.child);
    expect(await isServerOf(first.pid, join(home, 'postgres'))).toBe(true);
    const next = await startEmbedded({ home });
    expect(next).toMatchObject({ adopted: true, pid: first.pid, port: first.port });
    await next.stop();
    expect(await isRunning(first.pid)).toBe(false);
  });

  test('a starter killed inside initdb leaves nothing that blocks the next start', async () => {
    const home = nextHome();
    mkdirSync(home, { recursive: true, mode: 0o711 });
    const began = new Promise<void>((resolve) => {
      const watcher = watch(home, (_, name) => {
        if (!name?.startsWith('postgres.draft-')) return;
        watcher.close();
        resolve();
      });
    });
    const child = spawn(process.execPath, [STARTER, home], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] });
    await began;
    await killGroup(child);
    expect(existsSync(join(home, 'postgres'))).toBe(false);
    const server = await startEmbedded({ home });
    expect(server.adopted).toBe(false);
    await server.stop();
    expect(readdirSync(home).sort()).toEqual(['postgres', 'postgres.log', 'postgres.password']);
  });

  test('a killed server: the next start recovers every committed row on the same port, and open clients go on', async () => {
    const home = nextHome();
    const first = await startEmbedded({ home });
    const db = openDatabase(first.url);
    await db.execute(sql`create table kept as select generate_series(1, 1000) as n`);
    process.kill(first.pid, 'SIGKILL');
    const next = await startEmbedded({ home });
    expect(next).toMatchObject({ adopted: false, url: first.url });
    expect(next.pid).not.toBe(first.pid);
    expect(await db.rows(sql`select count(*) as n from kept`)).toEqual([{ n: 1000 }]);
    await db.close();
    await next.stop();
  });

  test('a process file whose number now belongs to another program does not block, and that program is left alone', async () => {
    const home = nextHome();
    const first = await startEmbedded({ home });
    const processFile = readFileSync(join(home, 'postgres', 'postmaster.pid'), 'utf8');
    const portFile = readFileSync(join(home, 'postgres.json'), 'utf8');
    await first.stop();
    const stranger = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    const reused = (text: string) => text.replace(String(first.pid), String(stranger.pid));
    writeFileSync(join(home, 'postgres', 'postmaster.pid'), reused(processFile));
    writeFileSync(join(home, 'postgres.json'), reused(portFile), { mode: 0o600 });
    expect(await findEmbedded(home)).toBeUndefined();
    expect(await stopEmbedded(home)).toBe(false);
    const next = await startEmbedded({ home });
    expect(next.adopted).toBe(false);
    await next.stop();
    expect(stranger.exitCode).toBeNull();
    stranger.stdin.end();
    await once(stranger, 'exit');
  });

  test('a lock whose owner is dead, or whose number belongs to a later process, is broken', async () => {
    const home = nextHome();
    mkdirSync(home, { recursive: true, mode: 0o711 });
    writeFileSync(
      join(home, 'postgres.lock'),
      JSON.stringify({ pid: await makeDeadPid(), identity: 'gone', token: 'x' }),
    );
    const server = await startEmbedded({ home });
    writeFileSync(
      join(home, 'postgres.lock'),
      JSON.stringify({ pid: process.pid, identity: 'earlier boot', token: 'y' }),
    );
    await server.stop();
    expect(existsSync(join(home, 'postgres.lock'))).toBe(false);
  });
});

describe.runIf(isRoot)('as root', () => {
  test('the server runs as a system user where that user can enter', async () => {
    const home = nextHome();
    const server = await startEmbedded({ home });
    expect(await ownerOf(server.pid)).not.toBe(0);
    expect(statSync(join(home, 'postgres')).uid).toBe(await ownerOf(server.pid));
    await server.stop();
  });

  test.runIf(canUnshare)(
    'below a 0700 folder, programs too, it runs in a user namespace and is adopted after kill -9',
    async () => {
      const closed = makeGuardedFolder({ open: false });
      const binaries = join(closed.path, 'native', 'bin');
      cpSync(join(resolveBinaries(), '..'), join(closed.path, 'native'), { recursive: true, verbatimSymlinks: true });
      const home = join(closed.path, 'home');
      const first = await startFromChild(home, binaries);
      expect(statSync(join(home, 'postgres')).uid).toBe(0);
      await killGroup(first.child);
      const next = await startEmbedded({ home, binaries });
      expect(next).toMatchObject({ adopted: true, pid: first.pid });
      expect(await readAll(next.url, sql`select 1 as one`)).toEqual([{ one: 1 }]);
      await next.stop();
      expect(await isRunning(first.pid)).toBe(false);
      await closed.remove();
      expect(existsSync(closed.path)).toBe(false);
    },
  );

  test.runIf(canUnshare)('a home moved below a closed folder keeps its data', async () => {
    const closed = makeGuardedFolder({ open: false });
    const home = nextHome();
    const server = await startEmbedded({ home });
    await readAll(server.url, sql`create table kept as select 7 as n`);
    await server.stop();
    const moved = join(closed.path, 'home');
    renameSync(home, moved);
    const next = await startEmbedded({ home: moved });
    expect(await readAll(next.url, sql`select n from kept`)).toEqual([{ n: 7 }]);
    await next.stop();
    await closed.remove();
  });

  test.runIf(canUnshare)('where both ways are closed, the refusal names the folder and the ways out', async () => {
    const closed = makeGuardedFolder({ open: false });
    const home = join(closed.path, 'home');
    // A namespace of our own, in which no other user and no further namespace can be had.
    const script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"';
    const child = spawn('unshare', [
      '--user',
      '--map-root-user',
      'sh',
      '-c',
      script,
      'sh',
      process.execPath,
      STARTER,
      home,
    ]);
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
    await once(child, 'close');
    expect(output).toContain(`cannot enter ${closed.path}. Open it (chmod o+x ${closed.path}), or set ALLOT_HOME`);
    expect(output).toContain('or set DATABASE_URL');
    await closed.remove();
  });

  test('the closed folder is the first on the way that the user cannot enter', async () => {
    const closed = makeGuardedFolder({ open: false });
    mkdirSync(join(closed.path, 'deeper'));
    const stranger = { uid: 54_321, gid: 54_321 };
    expect(await findClosedFolder(join(closed.path, 'deeper'), stranger)).toBe(closed.path);
    expect(await findClosedFolder(open.path, stranger)).toBeUndefined();
    await closed.remove();
  });
});
