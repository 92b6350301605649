/**
 * The workers on a test database and fake sandboxes over real sockets, each step called by hand: no queue, no timers, so that a test
 * decides what happens when.
 */
import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { Connector } from '#connectors/connector.ts';
import { connector } from '#connectors/fake/index.ts';
import { startFakeSandbox } from '#connectors/fake/sandbox/index.ts';
import { createSandboxControl, type SandboxControl } from '#connectors/sandbox/control.ts';
import { openSharedRates } from '#db/rates.ts';
import { sealingKey } from '#db/seal.ts';
import { BRAND_POLICY, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';
import { openChannels } from '#workers/channels.ts';
import { collectChannel } from '#workers/collect.ts';
import type { WorkerContext } from '#workers/context.ts';
import { pollChannel, takeInbox } from '#workers/intake.ts';
import { pushChannel } from '#workers/push.ts';
import type { Bell } from '#workers/queues.ts';

export type Partner = {
  readonly basis?: 'sellable' | 'onHandLessOwnOpen';
  readonly batch?: 'perItem' | 'allOrNothing';
  readonly ticket?: boolean;
  readonly compareAndSet?: boolean;
};

/** A partner of another platform, with whatever settings and secrets its connector asks for. */
export type OpenPartner = {
  readonly connector: Connector;
  readonly settings: unknown;
  readonly secrets: Readonly<Record<string, string>>;
  readonly control: SandboxControl;
  readonly seeded: Awaited<ReturnType<SandboxControl['seed']>>;
  /** The clock was moved. */
  readonly onClock?: () => void;
  readonly close: () => Promise<void>;
};
export type PartnerOpener = (skus: readonly string[]) => Promise<OpenPartner>;

export type Pipeline = {
  readonly store: TestDatabase;
  readonly context: WorkerContext;
  readonly controls: ReadonlyMap<string, SandboxControl>;
  /** The clock; tests move it. */
  readonly clock: { now: number };
  readonly rung: Bell[];
  /** Polls, takes, decides, pushes and collects on every channel until nothing changes any more; the clock moves on between. */
  quiet(): Promise<void>;
  control(channel: string): SandboxControl;
  close(): Promise<void>;
};

const TOKEN = 'test-token';
const SECRET = 'test-webhook-secret';
const ROUNDS_MAX = 60;
const never = new AbortController().signal;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export type PipelineOptions = {
  readonly partners: Readonly<Record<string, Partner | PartnerOpener>>;
  readonly skus: readonly string[];
  readonly mode?: 'shadow' | 'live' | 'paused';
  readonly readOnly?: boolean;
};

const fakePartner =
  (partner: Partner): PartnerOpener =>
  async (skus) => {
    const sandbox = await startFakeSandbox({ ...partner, accessToken: TOKEN, webhookSecret: SECRET, ticketDelayMs: 0 });
    const control = createSandboxControl(sandbox.url);
    const seeded = await control.seed({ listings: skus.map((sku) => ({ sku, shown: 0 })) });
    const settings = { ...partner, endpoint: sandbox.url, pollOverlap: 60 };
    const secrets = { ACCESS_TOKEN: TOKEN, WEBHOOK_SECRET: SECRET };
    return { connector, settings, secrets, control, seeded, close: () => sandbox.close() };
  };

/** Points the seeded listings at what the sandbox calls them. */
async function mapListings(
  store: TestDatabase,
  channel: string,
  seeded: Awaited<ReturnType<SandboxControl['seed']>>,
): Promise<void> {
  const location = seeded.locations[0]?.locationRef ?? '';
  await store.db.rows(sql`
    update listing l set listing_ref = r."listingRef", location_ref = ${location}
    from json_to_recordset(${JSON.stringify(seeded.listings)}::json) as r(sku text, "listingRef" text)
    where l.channel_id = ${channel} and l.sku = r.sku`);
}

async function runRound(context: WorkerContext, ids: readonly string[]): Promise<void> {
  for (const id of ids) await pollChannel(context, id, never);
  await takeInbox(context, never);
  await decidePending(context.db, { now: context.now });
  for (const id of ids) await pushChannel(context, id, never);
  await context.db.rows(sql`update push_attempt set collect_at = clock_timestamp() where state = 'ticket'`);
  for (const id of ids) await collectChannel(context, id, never);
}

async function isBusy(context: WorkerContext): Promise<boolean> {
  const [row] = await context.db.rows<{ busy: boolean }>(sql`
    select exists (select 1 from command where state = 'pending') or exists (select 1 from inbox_key where state = 'pending')
      or exists (select 1 from push_attempt where state <> 'done')
      or exists (select 1 from target t join listing l on l.id = t.listing_id join channel c on c.id = l.channel_id
        left join listing_sync s on s.listing_id = t.listing_id
        where c.mode = 'live' and l.ramp_place < c.live_share and (t.is_behind or s.read_due_at is not null)) as busy`);
  return (row?.busy ?? false) && !context.readOnly;
}

type Stage = {
  readonly store: TestDatabase;
  readonly open: ReadonlyMap<string, OpenPartner>;
  readonly clock: { now: number };
  readonly rung: Bell[];
  readonly readOnly: boolean;
};

function contextOf({ store, open, clock, rung, readOnly }: Stage): WorkerContext {
  const key = sealingKey(randomBytes(32).toString('base64'));
  // Waits are as long as they may be: a test that moves the clock past a wait knows where it stands.
  const random = () => 0.999_999;
  return {
    db: store.db,
    channels: openChannels(
      [...open].map(([id, { connector: platform, settings, secrets }]) => ({
        id,
        connector: platform,
        settings: platform.settings.parse(settings),
        secret: (name) => secrets[name] ?? '',
      })),
      { db: store.db, rates: openSharedRates(store.db), now: () => clock.now, random, log: silent, keyIds: [key.id] },
    ),
    sealingKeys: [key],
    owner: 'test',
    readOnly,
    publicUrl: 'http://127.0.0.1:1',
    now: () => clock.now,
    random,
    log: silent,
    tally: { pushed: () => undefined, drifted: () => undefined, decided: () => undefined },
    wakeRelay: () => undefined,
    decideSoon: () => undefined,
    ringLater: (bell) => void rung.push(bell),
  };
}

export async function openPipeline(options: PipelineOptions): Promise<Pipeline> {
  const store = await createTestDatabase();
  const ids = Object.keys(options.partners);
  const rules = ids.map((channel) => ({
    channel,
    program: 'dtc',
    sku: '*',
    sharePercent: 100,
    safetyStock: 0,
    buffer: 0,
    hideAtOrBelow: null,
    cap: null,
  }));
  await seedBrand(store.db, {
    skus: options.skus,
    policy: { ...BRAND_POLICY, channels: rules },
    mode: options.mode ?? 'live',
  });
  const open = new Map<string, OpenPartner>();
  for (const [id, partner] of Object.entries(options.partners)) {
    const opener = typeof partner === 'function' ? partner : fakePartner(partner);
    const one = await opener(options.skus);
    await mapListings(store, id, one.seeded);
    open.set(id, one);
  }
  const clock = { now: Date.now() };
  const rung: Bell[] = [];
  const context = contextOf({ store, open, clock, rung, readOnly: options.readOnly ?? false });
  return {
    store,
    context,
    clock,
    rung,
    controls: new Map([...open].map(([id, { control }]) => [id, control])),
    control: (channel) => {
      const found = open.get(channel);
      if (found === undefined) throw new Error(`no partner ${channel}`);
      return found.control;
    },
    async quiet() {
      for (let n = 0; n < ROUNDS_MAX; n += 1) {
        await runRound(context, ids);
        if (!(await isBusy(context))) return;
        clock.now += 5000;
        for (const { onClock } of open.values()) onClock?.();
      }
      throw new Error(`the pipeline is not quiet after ${ROUNDS_MAX} rounds`);
    },
    async close() {
      for (const channel of context.channels.values()) await channel.connection.close();
      for (const { close } of open.values()) await close();
      await store.drop();
    },
  };
}

/** What buyers can buy now, by the platform's own word. */
export async function sellable(pipeline: Pipeline, channel: string): Promise<Record<string, number>> {
  const levels = await pipeline.control(channel).levels();
  return Object.fromEntries(levels.map((level) => [level.sku, level.sellable]));
}
