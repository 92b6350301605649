/**
 * The brand that the demo plays: its three channels, its programs and pools as a configuration file, and secrets made at random.
 */
import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import type { QuantityBasis } from '#core/model.ts';
import { secretVariable } from '#workers/secret-names.ts';
import type { ChannelKey } from './stream.ts';

export const LOCATION = 'main';
export const MARKET_BUFFER = 1;
const SHOP = 'allot-demo.myshopify.com';

export type DemoChannel = {
  readonly id: ChannelKey;
  readonly connector: 'shopify' | 'fake';
  readonly program: string;
  readonly basis: QuantityBasis;
  /** The connector's settings but for its endpoint, and what its sandbox is told beside them. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly sandbox: Readonly<Record<string, unknown>>;
};

const WHOLESALE = { basis: 'onHandLessOwnOpen', batch: 'allOrNothing', ticket: false, compareAndSet: true } as const;
const MARKET = { basis: 'sellable', batch: 'perItem', ticket: true, compareAndSet: false } as const;

/** One of each kind: a shop that compares, a partner that subtracts its own open orders, a marketplace that answers with tickets. */
export const CHANNELS: readonly DemoChannel[] = [
  {
    id: 'shopify:main',
    connector: 'shopify',
    program: 'dtc',
    basis: 'sellable',
    // Short: this shop lists an order at once, and every poll reads its overlap again.
    settings: { shop: SHOP, pollOverlap: 10 },
    sandbox: { shop: SHOP },
  },
  {
    id: 'fake:wholesale',
    connector: 'fake',
    program: 'wholesale',
    basis: WHOLESALE.basis,
    settings: WHOLESALE,
    sandbox: WHOLESALE,
  },
  {
    id: 'fake:market',
    connector: 'fake',
    program: 'market',
    basis: MARKET.basis,
    settings: MARKET,
    sandbox: { ...MARKET, ticketDelayMs: 20 },
  },
];

export type ChannelSecrets = { readonly accessToken: string; readonly webhookSecret: string };
export type Secrets = {
  readonly sealKey: string;
  readonly channels: Readonly<Record<string, ChannelSecrets>>;
};

export const makeSecrets = (): Secrets => ({
  sealKey: randomBytes(32).toString('base64'),
  channels: Object.fromEntries(
    CHANNELS.map(({ id }) => [
      id,
      { accessToken: randomBytes(24).toString('hex'), webhookSecret: randomBytes(24).toString('hex') },
    ]),
  ),
});

/** As the daemon's environment takes them. */
export const secretVariables = (secrets: Secrets): Record<string, string> => ({
  ALLOT_SEAL_KEY: secrets.sealKey,
  ...Object.fromEntries(
    Object.entries(secrets.channels).flatMap(([id, { accessToken, webhookSecret }]) => [
      [secretVariable(id, 'ACCESS_TOKEN'), accessToken],
      [secretVariable(id, 'WEBHOOK_SECRET'), webhookSecret],
    ]),
  ),
});

export type BrandPools = { readonly every: number; readonly own: ReadonlyMap<string, number> };

export type BrandParts = {
  /** Of each channel's platform. */
  readonly endpoints: ReadonlyMap<string, string>;
  readonly pools: BrandPools;
  /** Where the daemon listens. */
  readonly port: number;
  readonly skuCount: number;
};

/** Whole catalogues are read so often that it costs no more calls for many SKUs than for few. */
const SKUS_PER_RECONCILE_S = 40;
const RECONCILE_S_MIN = 3;

/** The configuration file. Intervals are short, so that what a fault hides is found within a demo. */
export function writeConfiguration({ endpoints, pools, port, skuCount }: BrandParts): string {
  const reconcileS = Math.max(RECONCILE_S_MIN, Math.ceil(skuCount / SKUS_PER_RECONCILE_S));
  const pool = (units: number) => ({ program: 'wholesale', units, refill: 'receipt' });
  const program = (id: string, priority: number) => ({
    id,
    priority,
    drawOrder: 'ownThenShared',
    locations: [LOCATION],
  });
  return stringify({
    locations: [{ id: LOCATION, master: 'allot' }],
    programs: [program('wholesale', 1), program('dtc', 2), program('market', 3)],
    pools: [pool(pools.every), ...[...pools.own].map(([sku, units]) => ({ ...pool(units), sku }))],
    channels: CHANNELS.map(({ id, program: of, settings }) => ({
      id,
      program: of,
      ...(id === 'fake:market' ? { buffer: MARKET_BUFFER } : {}),
      settings: { ...settings, endpoint: endpoints.get(id) },
    })),
    http: { host: '127.0.0.1', port },
    intervals: { poll: '2s', reconcile: `${reconcileS}s`, sweep: '1s', inFlight: '5s' },
  });
}
