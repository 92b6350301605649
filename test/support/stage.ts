/**
 * A brand on stage: scripted partners in the test's own process, and allot as real processes on a home folder or a database.
 *
 * Guarantees that what it started is gone after close(), whatever the test did with it. Orders are placed at the partners, and all
 * judgement comes from their own state (the demo's settle and doctor).
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { startFakeSandbox } from '#connectors/fake/sandbox/index.ts';
import type { SandboxControl } from '#connectors/sandbox/control.ts';
import { createSandboxControl } from '#connectors/sandbox/control.ts';
import type { Sku } from '#core/model.ts';
import { type Database, openDatabase } from '#db/client.ts';
import { addCommands } from '#db/commands.ts';
import { findEmbedded } from '#db/embedded.ts';
import { importItems } from '#db/import-items.ts';
import { importListings } from '#db/import-listings.ts';
import { setMode } from '#db/modes.ts';
import { examine, settle } from '#scripts/demo/settle.ts';
import { secretVariable } from '#workers/secret-names.ts';
import { type CommandSaid, type DaemonProcess, type Environment, runCommand, startDaemon } from './daemon.ts';
import { createTestDatabase } from './database.ts';
import { findFreePort } from './free-port.ts';
import type { Partner } from './pipeline.ts';
import { makeGuardedFolder } from './reaper.ts';
import { waitUntil } from './wait-until.ts';

export type StageOptions = {
  readonly partners: Readonly<Record<string, Partner>>;
  readonly skus: readonly Sku[];
  /** Units received of each. */
  readonly opening: number;
  readonly mode?: 'shadow' | 'live';
  /** `embedded`: the daemon's own PostgreSQL below its home; `given`: a database of the test run's server. */
  readonly database: 'embedded' | 'given';
  readonly redisUrl?: string;
};

export type Stage = {
  readonly home: string;
  /** Of every process; `start` and `allot` add to it. */
  readonly env: Environment;
  /** The first one must be up. */
  readonly db: () => Promise<Database>;
  /** Ends the test's own sessions: an embedded server stays while anybody uses it. */
  readonly letGo: () => Promise<void>;
  readonly controls: ReadonlyMap<string, SandboxControl>;
  readonly control: (channel: string) => SandboxControl;
  /** Ends a partner: its port refuses from now on. */
  readonly stopPartner: (channel: string) => Promise<void>;
  readonly partner: (channel: string) => OpenPartner;
  /** Starts a daemon; `over` is added to its environment. It need not be ready yet. */
  readonly start: (over?: Environment) => DaemonProcess;
  readonly allot: (args: readonly string[], over?: Environment) => Promise<CommandSaid>;
  /** Items, listings, opening stock, modes; then waits until live channels are subscribed to their partners' webhooks. */
  readonly furnish: (options?: { readonly unmapped?: readonly Sku[] }) => Promise<void>;
  /** Fails unless allot comes to hold every order of the partners once, and each shows its target, and the doctor is content. */
  readonly expectRight: (limitMs?: number) => Promise<void>;
  readonly close: () => Promise<void>;
};

export type OpenPartner = {
  readonly control: SandboxControl;
  readonly endpoint: string;
  /** Of its webhooks, and of its API. */
  readonly secret: string;
  readonly token: string;
};
type Listed = { readonly locationRef: string; readonly listings: readonly { sku: string; listingRef: string }[] };

const ACTOR = 'test';

async function openPartner(partner: Partner, closers: (() => Promise<void>)[]): Promise<OpenPartner> {
  const [token, secret] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
  const sandbox = await startFakeSandbox({ ...partner, accessToken: token, webhookSecret: secret, ticketDelayMs: 20 });
  closers.push(() => sandbox.close());
  return { control: createSandboxControl(sandbox.url), secret, token, endpoint: sandbox.url };
}

/** Short intervals: what a fault hides is found within a test. */
export function configurationOf(partners: Readonly<Record<string, object>>): string {
  const ids = Object.keys(partners);
  return stringify({
    locations: [{ id: 'main', master: 'allot' }],
    programs: ids.map((id, n) => ({ id: programOf(id), priority: n + 1, locations: ['main'] })),
    channels: ids.map((id) => ({ id, program: programOf(id), settings: partners[id] })),
    intervals: { poll: '1s', reconcile: '2s', sweep: '500ms', inFlight: '5s' },
  });
}

const programOf = (channel: string): string => channel.replace(':', '-');

async function fillCatalogue(
  db: Database,
  options: StageOptions,
  listed: ReadonlyMap<string, Listed>,
  unmapped: readonly Sku[],
) {
  const by = { actor: ACTOR, now: Date.now() };
  const items = options.skus.map((sku, n) => ({ line: n + 2, sku, title: null, lifecycle: null, identifiers: [] }));
  const listings = [...listed].flatMap(([channel, { locationRef, listings: all }]) =>
    all.map(({ sku, listingRef }) => ({ channel, listingRef, locationRef, sku: unmapped.includes(sku) ? null : sku })),
  );
  const rows = listings.map((row, n) => ({ ...row, line: n + 2, pack: 1, locations: null, title: row.sku }));
  await db.transaction((tx) => importItems(tx, items, by));
  const report = await db.transaction((tx) => importListings(tx, rows, by));
  expect(report.rows.filter(({ verdict }) => verdict === 'skipped')).toEqual([]);
  await db.transaction((tx) =>
    addCommands(
      tx,
      options.skus.map((sku) => ({
        body: { kind: 'receive', sku, location: 'main', quantity: options.opening, disposition: 'sellable' },
        actor: ACTOR,
        occurredAt: Date.now(),
        channelId: null,
        inboxId: null,
      })),
    ),
  );
  if (options.mode !== 'shadow') await setMode(db, 'all', 'live', ACTOR);
}

async function seedPartners(controls: ReadonlyMap<string, SandboxControl>, skus: readonly Sku[]) {
  const listed = new Map<string, Listed>();
  for (const [id, control] of controls) {
    const { locations, listings } = await control.seed({ listings: skus.map((sku) => ({ sku, shown: 0 })) });
    listed.set(id, { locationRef: locations[0]?.locationRef ?? '', listings });
  }
  return listed;
}

/** One pool per server: an embedded one that was stopped and started again answers elsewhere. */
function databaseOf(home: string, given: Database | null): Pick<Stage, 'db' | 'letGo'> {
  const opened = new Map<string, Database>();
  return {
    async db() {
      if (given !== null) return given;
      const server = await findEmbedded(home);
      if (server === undefined) throw new Error(`no server runs on ${home}`);
      const db = opened.get(server.url) ?? openDatabase(server.url, { max: 3, applicationName: 'test' });
      opened.set(server.url, db);
      return db;
    },
    async letGo() {
      const all = [...opened.values()];
      opened.clear();
      await Promise.all(all.map((db) => db.close()));
    },
  };
}

type OpenPartners = {
  readonly partners: ReadonlyMap<string, OpenPartner>;
  readonly stop: (channel: string) => Promise<void>;
};

async function openPartners(kinds: StageOptions['partners'], closers: (() => Promise<void>)[]): Promise<OpenPartners> {
  const partners = new Map<string, OpenPartner>();
  const stops = new Map<string, () => Promise<void>>();
  for (const [id, kind] of Object.entries(kinds)) {
    const own: (() => Promise<void>)[] = [];
    partners.set(id, await openPartner(kind, own));
    const stop = async () => {
      await own.pop()?.();
    };
    stops.set(id, stop);
    closers.push(stop);
  }
  return { partners, stop: async (channel) => stops.get(channel)?.() };
}

function writeConfiguration(home: string, kinds: StageOptions['partners'], partners: OpenPartners['partners']): void {
  const settings = Object.entries(kinds).map(
    ([id, kind]) => [id, { ...kind, endpoint: partners.get(id)?.endpoint }] as const,
  );
  writeFileSync(join(home, 'allot.yaml'), configurationOf(Object.fromEntries(settings)));
}

export async function openStage(options: StageOptions): Promise<Stage> {
  const closers: (() => Promise<void>)[] = [];
  const folder = makeGuardedFolder({ open: true });
  closers.push(() => folder.remove());
  const home = join(folder.path, 'home');
  await mkdir(home, { mode: 0o711 });
  const store = options.database === 'given' ? await createTestDatabase({ max: 3 }) : null;
  if (store !== null) closers.push(() => store.drop());
  const { partners, stop: stopPartner } = await openPartners(options.partners, closers);
  const controls = new Map([...partners].map(([id, { control }]) => [id, control]));
  const listed = await seedPartners(controls, options.skus);
  writeConfiguration(home, options.partners, partners);
  const sealKey = randomBytes(32).toString('base64');
  const port = await findFreePort();
  const env: Environment = {
    ALLOT_HOME: home,
    PORT: String(port),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    ALLOT_SEAL_KEY: sealKey,
    ...(store === null ? {} : { DATABASE_URL: store.url }),
    ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
    ...secretVariables(partners),
  };
  const { db, letGo } = databaseOf(home, store?.db ?? null);
  closers.push(letGo);
  const get = (channel: string) => {
    const found = partners.get(channel);
    if (found === undefined) throw new Error(`no partner ${channel}`);
    return found;
  };
  return {
    home,
    env,
    db,
    letGo,
    controls,
    control: (channel) => get(channel).control,
    stopPartner,
    partner: get,
    start(over = {}) {
      const daemon = startDaemon({ ...env, ...over }, home);
      closers.push(() => daemon.kill());
      return daemon;
    },
    allot: (args, over = {}) => runCommand(args, { ...env, ...over }, home),
    async furnish({ unmapped = [] } = {}) {
      await fillCatalogue(await db(), options, listed, unmapped);
      if (options.mode === 'shadow') return;
      for (const [id, partner] of partners) {
        await waitUntil(`${id} is subscribed to`, async () => (await readSubscription(partner)) !== null);
      }
    },
    async expectRight(limitMs = 40_000) {
      const settled = await settle(await db(), controls, AbortSignal.timeout(limitMs));
      expect(settled).toMatchObject({ isSettled: true, missing: 0 });
      const { violations, checks } = await examine(await db(), controls, sealKey);
      expect(checks.filter((check) => check.violations !== 0)).toEqual([]);
      expect(violations.I8).toBe(0);
    },
    async close() {
      for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
    },
  };
}

/** Where the partner sends its webhooks; null: nowhere. */
export async function readSubscription({ endpoint, token }: OpenPartner): Promise<string | null> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(new URL('/v1/webhooks', endpoint), { headers });
  return ((await response.json()) as { url: string | null }).url;
}

const secretVariables = (partners: ReadonlyMap<string, OpenPartner>): Environment =>
  Object.fromEntries(
    [...partners].flatMap(([id, { token, secret }]) => [
      [secretVariable(id, 'ACCESS_TOKEN'), token],
      [secretVariable(id, 'WEBHOOK_SECRET'), secret],
    ]),
  );
