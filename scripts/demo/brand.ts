/**
 * The brand that the demo plays: the one table of its channels, its programs and pools as a configuration file, and secrets made at
 * random. All else of the demo knows a channel by its row here alone.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { ChannelId, QuantityBasis } from '#core/model.ts';
import { secretVariable } from '#workers/secret-names.ts';

export const LOCATION = 'main';
/** The program whose units are protected by pools. */
export const PROTECTED = 'wholesale';
const SHOP = 'allot-demo.myshopify.com';
const SELLER = { sellerId: 'A1DEMO0SELLER0', marketplaceId: 'A1F83G8C2ARO7P' } as const;
/**
 * The stream plays months in minutes, and platforms count calls by the second. Amazon allows a poll of orders every three minutes:
 * here every 180 ms. A Plus shop pays 1,000 points a second from a bucket of 20,000: here from ten of them.
 */
const AMAZON_SPEED_UP = 1000;
const SHOP_SPEED_UP = 10;
const SHOP_BUCKET = { maximumAvailable: 20_000 * SHOP_SPEED_UP, restoreRate: 1_000 * SHOP_SPEED_UP } as const;

/** Whose orders of the stream a channel gets: abroad, large orders at home, or all else. Several channels of one share its customers. */
export type Clientele = 'home' | 'abroad' | 'bulk';

/** Where a channel finds its platform, and how much it has to tell it. */
export type Place = { readonly endpoint: string; readonly mailbox: string; readonly skuCount: number };

export type DemoChannel = {
  readonly id: ChannelId;
  /** A folder in connectors/, with its sandbox. */
  readonly connector: string;
  readonly program: string;
  readonly basis: QuantityBasis;
  readonly buffer: number;
  readonly clientele: Clientele;
  /** Of the orders that are made up: how many of all, with at most so many lines, and units a line. */
  readonly madeUp: { readonly share: number; readonly lines: number; readonly units: number };
  /** False: its buyers have no way to cancel, and can only give back what has left. */
  readonly cancels: boolean;
  /** True: an order is taken as it is placed, and what cannot be promised is refused by allot's answer to it. */
  readonly isAnswered: boolean;
  /**
   * When the play waits for its numbers: `always`; after a delivery in the `morning`, where what it sells by an old number is refused
   * by allot's answer; `never`, where it orders without looking at them.
   */
  readonly awaited: 'always' | 'morning' | 'never';
  /** Who tells allot that goods have left: the platform, or the warehouse itself by a command. */
  readonly shippedBy: 'platform' | 'warehouse';
  /** Where the platform has locations to sell from. */
  readonly locations: readonly string[];
  /** How many times faster than the platform's its rates and delays are. */
  readonly speedUp: (skuCount: number) => number;
  readonly intervals: { readonly poll?: string };
  /** Names of secrets; the sandbox takes them in camel case, allot from its environment. */
  readonly secrets: readonly string[];
  readonly settings: (at: Place) => Readonly<Record<string, unknown>>;
  readonly sandbox: (at: Pick<Place, 'mailbox'>) => Readonly<Record<string, unknown>>;
};

/** A retailer's dialect as the examples have it; its warehouses are served from the brand's one place. */
function dialect(name: string) {
  const text = readFileSync(new URL(`../examples/edi/${name}.yaml`, import.meta.url), 'utf8');
  const given = parse(text) as { orders: { shipTo?: object }; inventory: { everySeconds: number; scope: string } };
  const shipTo = Object.fromEntries(Object.keys(given.orders.shipTo ?? {}).map((warehouse) => [warehouse, LOCATION]));
  return { ...given, orders: { ...given.orders, shipTo } };
}

type Dialect = ReturnType<typeof dialect>;

const DEPARTMENT_STORE = dialect('department-store');
const DROPSHIP_MALL = dialect('dropship-mall');

/**
 * Retailers want their numbers every some minutes. Here every second, which is what the time in an 846 can tell apart; a full one, that
 * names each SKU, less often the more of them there are.
 */
const RETAILER_SETTINGS = { restSeconds: 0, receiptHours: 30 / 3600 } as const;
const SKUS_PER_SECOND = 350;
const everySeconds = ({ inventory }: Dialect, skuCount: number): number =>
  inventory.scope === 'full' ? Math.max(1, Math.ceil(skuCount / SKUS_PER_SECOND)) : 1;

const AS_A_RETAILER = {
  connector: 'edi',
  program: PROTECTED,
  basis: 'sellable',
  buffer: 0,
  clientele: 'bulk',
  cancels: false,
  isAnswered: true,
  shippedBy: 'warehouse',
  locations: [],
  intervals: { poll: '500ms' },
  secrets: [],
} as const;

const retailer = (partner: Dialect, sandbox: object) => ({
  ...AS_A_RETAILER,
  speedUp: (skuCount: number) => partner.inventory.everySeconds / everySeconds(partner, skuCount),
  settings: ({ mailbox, skuCount }: Place) => ({
    ...RETAILER_SETTINGS,
    everySeconds: everySeconds(partner, skuCount),
    partner,
    mailbox,
  }),
  sandbox: ({ mailbox }: Pick<Place, 'mailbox'>) => ({ ...sandbox, partner, mailbox }),
});

const AS_A_SHOP = { cancels: true, isAnswered: false, awaited: 'always', shippedBy: 'platform' } as const;

export const CHANNELS: readonly DemoChannel[] = [
  {
    ...AS_A_SHOP,
    id: 'shopify:main',
    connector: 'shopify',
    program: 'dtc',
    basis: 'sellable',
    buffer: 0,
    clientele: 'home',
    madeUp: { share: 0.66, lines: 3, units: 4 },
    locations: ['Main warehouse'],
    speedUp: () => SHOP_SPEED_UP,
    // For the webhooks that are lost.
    intervals: { poll: '4s' },
    secrets: ['ACCESS_TOKEN', 'WEBHOOK_SECRET'],
    // Short: this shop lists an order at once, and every poll reads its overlap again.
    settings: ({ endpoint }) => ({ shop: SHOP, pollOverlap: 2, endpoint }),
    sandbox: () => ({ shop: SHOP, ...SHOP_BUCKET }),
  },
  {
    ...AS_A_SHOP,
    id: 'amazon:uk',
    connector: 'amazon',
    program: 'marketplace',
    basis: 'sellable',
    // Its orders are heard of by poll alone, and its numbers are overwritten, never compared.
    buffer: 1,
    clientele: 'abroad',
    madeUp: { share: 0.26, lines: 2, units: 6 },
    locations: [],
    speedUp: () => AMAZON_SPEED_UP,
    intervals: { poll: '500ms' },
    secrets: ['CLIENT_ID', 'CLIENT_SECRET', 'REFRESH_TOKEN'],
    settings: ({ endpoint }) => ({
      ...SELLER,
      region: 'eu',
      endpoint,
      speedUp: AMAZON_SPEED_UP,
      pollOverlap: 2,
      settle: 0.2,
    }),
    sandbox: () => ({ ...SELLER, speedUp: AMAZON_SPEED_UP, applyDelayMs: 50 }),
  },
  {
    // Buys for its own shelves whatever it likes; every other order may be back-ordered, of the others it wants what there is.
    ...retailer(DEPARTMENT_STORE, { fillRules: ['SP', ''], casePacks: [0] }),
    id: 'edi:department-store',
    madeUp: { share: 0.05, lines: 6, units: 30 },
    awaited: 'never',
  },
  {
    // Sells what the last 846 showed.
    ...retailer(DROPSHIP_MALL, {}),
    id: 'edi:dropship-mall',
    madeUp: { share: 0.05, lines: 2, units: 6 },
    awaited: 'morning',
  },
];

export function channelNamed(id: ChannelId): DemoChannel {
  const found = CHANNELS.find((channel) => channel.id === id);
  if (found === undefined) throw new Error(`the demo has no channel ${id}`);
  return found;
}

export const channelsAwaited = (when: DemoChannel['awaited']): ReadonlySet<ChannelId> =>
  new Set(CHANNELS.flatMap(({ id, awaited }) => (awaited === when ? [id] : [])));

/** FNV-1a: the same text, the same number, everywhere. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** One buyer orders from one channel always. */
export function channelFor(clientele: Clientele, buyer: string): ChannelId {
  const serving = CHANNELS.filter((channel) => channel.clientele === clientele);
  const chosen = serving[hashOf(buyer) % serving.length];
  if (chosen === undefined) throw new Error(`no channel of the demo serves ${clientele}`);
  return chosen.id;
}

export type Secrets = {
  readonly sealKey: string;
  /** By channel, then by name. */
  readonly channels: Readonly<Record<ChannelId, Readonly<Record<string, string>>>>;
};

export const makeSecrets = (): Secrets => ({
  sealKey: randomBytes(32).toString('base64'),
  channels: Object.fromEntries(
    CHANNELS.map(({ id, secrets }) => [
      id,
      Object.fromEntries(secrets.map((name) => [name, randomBytes(24).toString('hex')])),
    ]),
  ),
});

/** As the daemon's environment takes them. */
export const secretVariables = (secrets: Secrets): Record<string, string> => ({
  ALLOT_SEAL_KEY: secrets.sealKey,
  ...Object.fromEntries(
    Object.entries(secrets.channels).flatMap(([id, named]) =>
      Object.entries(named).map(([name, value]) => [secretVariable(id, name), value]),
    ),
  ),
});

const toCamelCase = (name: string): string =>
  name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/** The directories through which documents go, where a platform is a mailbox. */
export const mailboxOf = (home: string, id: ChannelId): string => join(home, 'mailbox', id.replace(':', '-'));

/** What the channel's sandbox is started with. */
export const sandboxOptions = (
  { id, sandbox }: DemoChannel,
  secrets: Secrets,
  home: string,
): Readonly<Record<string, unknown>> => ({
  ...sandbox({ mailbox: mailboxOf(home, id) }),
  ...Object.fromEntries(Object.entries(secrets.channels[id] ?? {}).map(([name, value]) => [toCamelCase(name), value])),
});

export type BrandPools = { readonly every: number; readonly own: ReadonlyMap<string, number> };

export type BrandParts = {
  /** Of each channel's platform. */
  readonly endpoints: ReadonlyMap<ChannelId, string>;
  readonly pools: BrandPools;
  /** Where the daemon listens. */
  readonly port: number;
  readonly skuCount: number;
  /** The demo's. */
  readonly home: string;
};

/** Whole catalogues are read so often that it costs no more calls for many SKUs than for few. */
const SKUS_PER_RECONCILE_S = 40;
const RECONCILE_S_MIN = 3;

/** The configuration file. Intervals are short, so that what a fault hides is found within a demo. */
export function writeConfiguration({ endpoints, pools, port, skuCount, home }: BrandParts): string {
  const reconcileS = Math.max(RECONCILE_S_MIN, Math.ceil(skuCount / SKUS_PER_RECONCILE_S));
  const pool = (units: number) => ({ program: PROTECTED, units, refill: 'receipt' });
  const program = (id: string, priority: number) => ({
    id,
    priority,
    drawOrder: 'ownThenShared',
    locations: [LOCATION],
  });
  return stringify(
    {
      locations: [{ id: LOCATION, master: 'allot' }],
      programs: [program(PROTECTED, 1), program('dtc', 2), program('marketplace', 3)],
      pools: [pool(pools.every), ...[...pools.own].map(([sku, units]) => ({ ...pool(units), sku }))],
      channels: CHANNELS.map(({ id, program: of, buffer, intervals, settings }) => ({
        id,
        program: of,
        buffer,
        intervals,
        settings: settings({ endpoint: endpoints.get(id) ?? '', mailbox: mailboxOf(home, id), skuCount }),
      })),
      http: { host: '127.0.0.1', port },
      intervals: { poll: '2s', reconcile: `${reconcileS}s`, sweep: '500ms', inFlight: '5s' },
    },
    // Both channels of a dialect would else point to one anchor.
    { aliasDuplicateObjects: false },
  );
}
