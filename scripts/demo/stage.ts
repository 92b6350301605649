/**
 * The stage: the platforms, the database and the daemon as processes of their own, the catalogue in all of them, and the opening
 * stock. What is opened is closed in the reverse order, whatever fails on the way.
 */
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type CatalogueAnswer, createSandboxControl, type SandboxControl } from '#connectors/sandbox/control.ts';
import { type Database, openDatabase } from '#db/client.ts';
import { applyConfiguration } from '#db/configuration.ts';
import { startEmbedded } from '#db/embedded.ts';
import { importItems } from '#db/import-items.ts';
import { importListings, type ListingRow } from '#db/import-listings.ts';
import { migrate } from '#db/migrate.ts';
import { setMode } from '#db/modes.ts';
import { readStatus } from '#db/status.ts';
import { type ConfigFile, connectorOf, readConfigFile } from '#workers/config-file.ts';
import {
  type BrandPools,
  CHANNELS,
  type DemoChannel,
  makeSecrets,
  type Secrets,
  sandboxOptions,
  secretVariables,
  writeConfiguration,
} from './brand.ts';
import { type Child, type SandboxProcess, startDaemonProcess, startSandbox } from './child.ts';
import { type DemoHome, openDemoHome, writeSecrets } from './home.ts';

export type Stage = {
  readonly home: DemoHome;
  readonly db: Database;
  /** Of the daemon: webhooks, and the console. */
  readonly url: string;
  readonly controls: ReadonlyMap<string, SandboxControl>;
  readonly config: ConfigFile;
  readonly sealKey: string;
  readonly pids: { readonly daemon: () => number; readonly platforms: readonly number[]; readonly postgres: number };
  /** kill -9, then a new one at once; resolves when the new one has been started, not when it is ready. */
  readonly crashDaemon: () => Promise<void>;
  /** Throws when the daemon or a sandbox has ended by itself, with its last words. */
  readonly checkProcesses: () => void;
  readonly close: () => Promise<void>;
};

export type StageOptions = {
  readonly home: string;
  readonly skus: readonly string[];
  readonly pools: BrandPools;
  readonly redisUrl: string | null;
  readonly say: (line: string) => void;
};

const ROOT = new URL('../../', import.meta.url);
const scriptAt = (path: string): string => fileURLToPath(new URL(path, ROOT));
const READY_TIMEOUT_MS = 60_000;
const LOOK_EVERY_MS = 50;

async function findPort(): Promise<number> {
  const server = createServer();
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const { port } = server.address() as AddressInfo;
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  await closed.promise;
  return port;
}

type Platform = {
  readonly id: string;
  readonly control: SandboxControl;
  readonly process: SandboxProcess;
  readonly seeded: CatalogueAnswer;
};

async function startPlatforms(
  { home, secrets, skus }: { readonly home: DemoHome; readonly secrets: Secrets; readonly skus: readonly string[] },
  keep: (child: Child) => void,
): Promise<Platform[]> {
  const start = async (channel: DemoChannel): Promise<Platform> => {
    const { id, connector, locations } = channel;
    const script = scriptAt(`connectors/${connector}/sandbox/main.ts`);
    const process = await startSandbox(script, sandboxOptions(channel, secrets, home.path));
    keep(process.child);
    const control = createSandboxControl(process.url);
    const seeded = await control.seed({
      locations: locations.map((name) => ({ name })),
      listings: skus.map((sku) => ({ sku, title: sku, shown: 0 })),
    });
    return { id, control, process, seeded };
  };
  return Promise.all(CHANNELS.map(start));
}

async function fillCatalogue(
  db: Database,
  file: ConfigFile,
  platforms: readonly Platform[],
  skus: readonly string[],
): Promise<void> {
  await migrate(db);
  await applyConfiguration(db, {
    locations: file.locations,
    channels: file.channels.map(({ id, program }) => ({ id, connector: connectorOf(id), program })),
    policy: file.policy,
    author: 'demo',
    reason: 'the demo begins',
  });
  const by = { actor: 'demo', now: Date.now() };
  await db.transaction((tx) =>
    importItems(
      tx,
      skus.map((sku, n) => ({ line: n + 2, sku, title: null, lifecycle: null, identifiers: [] })),
      by,
    ),
  );
  const rows = platforms.flatMap(({ id, seeded }) => listingRows(id, seeded));
  const report = await db.transaction((tx) =>
    importListings(
      tx,
      rows.map((row, n) => ({ ...row, line: n + 2 })),
      by,
    ),
  );
  const skipped = report.rows.find((row) => row.verdict === 'skipped');
  if (skipped !== undefined) throw new Error(`the catalogue was not taken: ${skipped.key}: ${skipped.reason}`);
  await setMode(db, 'all', 'live', 'demo');
}

function listingRows(channel: string, seeded: CatalogueAnswer): Omit<ListingRow, 'line'>[] {
  const locationRef = seeded.locations[0]?.locationRef ?? '';
  return seeded.listings.map(({ sku, listingRef }) => ({
    channel,
    listingRef,
    locationRef,
    sku,
    pack: 1,
    locations: null,
    title: sku,
  }));
}

/** Ready: it answers, and has looked at every platform once (which subscribes it to their webhooks). */
async function waitUntilReady(db: Database, url: string, check: () => void): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    check();
    // Refused while it is not listening yet: that is what is waited for.
    const isUp = await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    const { channels } = await readStatus(db, Date.now());
    if (isUp && channels.every(({ reconciledAt }) => reconciledAt !== null)) return;
    if (Date.now() > deadline) {
      const missing = channels
        .filter(({ reconciledAt }) => reconciledAt === null)
        .map(({ id, lastError }) => `${id} (${lastError ?? 'no answer yet'})`);
      throw new Error(
        `the daemon is not ready after ${READY_TIMEOUT_MS / 1000} s: ${isUp ? missing.join(', ') : 'it does not answer'}`,
      );
    }
    await wait(LOOK_EVERY_MS);
  }
}

/** A platform that is faster here than it is says so. */
const sayChannel = ({ id, speedUp }: DemoChannel, skuCount: number): string =>
  speedUp(skuCount) === 1 ? id : `${id} (${Math.round(speedUp(skuCount))} times as fast as it is)`;

type Closers = (() => Promise<unknown>)[];

/** All are tried, the last opened first; the first fault is told at the end. */
async function closeAll(closers: Closers): Promise<void> {
  const faults: unknown[] = [];
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
    await close().catch((error: unknown) => faults.push(error));
  }
  if (faults.length > 0) throw faults[0];
}

export async function openStage(options: StageOptions): Promise<Stage> {
  const closers: Closers = [];
  try {
    return await open(options, closers);
  } catch (error) {
    await closeAll(closers).catch((fault: unknown) => options.say(`and while closing: ${String(fault)}`));
    throw error;
  }
}

async function open({ home: folder, skus, pools, redisUrl, say }: StageOptions, closers: Closers): Promise<Stage> {
  const home = await openDemoHome(folder);
  const secrets = makeSecrets();
  await writeSecrets(home, secrets);
  say(
    `starting PostgreSQL and a sandbox for each of ${CHANNELS.map((channel) => sayChannel(channel, skus.length)).join(', ')}`,
  );
  const [server, platforms, port] = await Promise.all([
    startEmbedded({ home: home.path }).then((one) => {
      closers.push(() => one.stop());
      return one;
    }),
    startPlatforms({ home, secrets, skus }, (child) => closers.push(() => child.end('SIGTERM'))),
    findPort(),
  ]);
  const text = writeConfiguration({
    endpoints: new Map(platforms.map(({ id, control }) => [id, control.url])),
    pools,
    port,
    skuCount: skus.length,
    home: home.path,
  });
  await writeFile(home.configFile, text, { mode: 0o600 });
  const { file, problems } = readConfigFile(text, 'allot.yaml');
  if (file === null) throw new Error(`the demo wrote a configuration that does not fit: ${problems.join('; ')}`);
  const db = openDatabase(server.url, { max: 4, applicationName: 'allot demo', statementTimeoutMs: 120_000 });
  closers.push(() => db.close());
  await fillCatalogue(db, file, platforms, skus);
  say(`${skus.length} SKUs on ${CHANNELS.length} channels; starting the daemon`);
  const publicUrl = `http://127.0.0.1:${port}`;
  const daemonOptions = {
    script: scriptAt('workers/main.ts'),
    logFile: home.daemonLog,
    env: {
      PATH: process.env.PATH ?? '',
      ALLOT_HOME: home.path,
      ALLOT_CONFIG: home.configFile,
      DATABASE_URL: server.url,
      PUBLIC_URL: publicUrl,
      ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
      ...secretVariables(secrets),
    },
  };
  let daemon = await startDaemonProcess(daemonOptions);
  closers.push(() => daemon.end('SIGTERM', 25_000));
  const checkProcesses = (): void => {
    for (const { id, process: sandbox } of platforms) {
      if (!sandbox.child.isRunning()) throw new Error(`the sandbox of ${id} ended by itself: ${sandbox.lastWords()}`);
    }
    if (daemon.isRunning()) return;
    throw new Error(`the daemon ended by itself; its last words are in ${join(folder, 'daemon.log')}`);
  };
  await waitUntilReady(db, publicUrl, checkProcesses);
  return {
    home,
    db,
    url: publicUrl,
    controls: new Map(platforms.map(({ id, control }) => [id, control])),
    config: file,
    sealKey: secrets.sealKey,
    pids: { daemon: () => daemon.pid, platforms: platforms.map((one) => one.process.child.pid), postgres: server.pid },
    async crashDaemon() {
      await daemon.end('SIGKILL');
      daemon = await startDaemonProcess(daemonOptions);
    },
    checkProcesses,
    close: () => closeAll(closers),
  };
}
