/** Looks for alerts in the test's own process: a brand in a database, a clock, channels that are never called. */
import { randomBytes } from 'node:crypto';
import type { CommandBody } from '#core/command.ts';
import type { Policy } from '#core/model.ts';
import type { OrderState } from '#core/order-state.ts';
import { type AlertFilter, type AlertRow, listAlerts } from '#db/alert-list.ts';
import { sealingKey } from '#db/seal.ts';
import { type CheckSettings, checkAlerts } from '#workers/alert-checks.ts';
import { decidePending } from '#workers/allocate.ts';
import type { OpenChannel, WorkerContext } from '#workers/context.ts';
import { BRAND_POLICY, command, seedBrand } from './brand.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const SETTINGS: CheckSettings = { intervals: { pollMs: MINUTE, reconcileMs: 5 * MINUTE }, rates: new Map() };

export type WatchBench = {
  readonly store: TestDatabase;
  readonly clock: { now: number };
  readonly context: WorkerContext;
  readonly seed: (over?: Partial<Policy>) => Promise<void>;
  readonly decide: (...bodies: readonly CommandBody[]) => Promise<void>;
  /** A look, a minute after the last. The daemon has run for long unless `startedAt` says otherwise. */
  readonly look: (over?: { readonly settings?: CheckSettings; readonly startedAt?: number }) => Promise<void>;
  readonly alerts: (filter: AlertFilter) => Promise<AlertRow[]>;
  readonly titles: (filter: AlertFilter) => Promise<string[]>;
  /** Throws when a look failed. */
  readonly close: () => Promise<void>;
};

const channelOf = (id: string, over: object = {}): OpenChannel =>
  ({
    id,
    capabilities: { orderPolling: true, ...over },
    connection: { orderLink: (ref: string) => `https://shop.example/${id}/orders/${ref}` },
  }) as unknown as OpenChannel;

export const receive = (sku: string, quantity: number): CommandBody => ({
  kind: 'receive',
  sku,
  location: 'main',
  quantity,
  disposition: 'sellable',
});

export const order = (state: OrderState, channel = 'fake:a'): CommandBody => ({
  kind: 'order-state',
  channel,
  order: state,
});

const ignore = () => undefined;

function contextOn(store: TestDatabase, clock: { readonly now: number }, warned: string[]): WorkerContext {
  const orderLimits = {
    cancelled: [{ percent: 2.5, days: 7 }],
    late: [
      { percent: 4, days: 10 },
      { percent: 4, days: 30 },
    ],
  };
  return {
    db: store.db,
    channels: new Map([
      ['fake:a', channelOf('fake:a', { orderLimits })],
      ['fake:b', channelOf('fake:b')],
    ]),
    sealingKeys: [sealingKey(randomBytes(32).toString('base64'))],
    owner: 'test',
    readOnly: false,
    publicUrl: null,
    now: () => clock.now,
    random: () => 0.999_999,
    log: { debug: ignore, info: ignore, error: ignore, warn: (fields) => void warned.push(JSON.stringify(fields)) },
    tally: { pushed: ignore, drifted: ignore, decided: ignore },
    wakeRelay: ignore,
    decideSoon: ignore,
    ringLater: ignore,
  };
}

export async function openWatchBench(): Promise<WatchBench> {
  const store = await createTestDatabase();
  const clock = { now: Date.now() };
  const warned: string[] = [];
  const context = contextOn(store, clock, warned);
  const alerts = (filter: AlertFilter) => listAlerts(store.db, filter, 200);
  return {
    store,
    clock,
    context,
    seed: (over = {}) => seedBrand(store.db, { skus: ['A', 'B'], policy: { ...BRAND_POLICY, ...over } }),
    decide: async (...bodies) => {
      for (const body of bodies) await command(store.db, body, clock.now);
      await decidePending(store.db, { now: () => clock.now });
    },
    look: async ({ settings = SETTINGS, startedAt = 0 } = {}) => {
      clock.now += MINUTE;
      await checkAlerts(context, settings, startedAt);
    },
    alerts,
    titles: async (filter) => (await alerts(filter)).map(({ title }) => title),
    close: async () => {
      await store.drop();
      if (warned.length > 0) throw new Error(warned.join('\n'));
    },
  };
}
