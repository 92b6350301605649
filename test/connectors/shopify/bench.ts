/** A Shopify channel for tests: opened on a sandbox, or on a fetch that answers what a test says. */

import { ratesInMemory } from '#connectors/conformance/rates.ts';
import type { ChannelConnection, ConnectorContext, DiscoveredListing } from '#connectors/connector.ts';
import { createFetch } from '#connectors/http.ts';
import { createSandboxControl, type SandboxControl } from '#connectors/sandbox/control.ts';
import { connector } from '#connectors/shopify/index.ts';
import { type ShopifySandbox, startShopifySandbox } from '#connectors/shopify/sandbox/start.ts';
import { Credential } from '#core/errors.ts';

export const SHOP = 'sandbox.myshopify.com';

export const SECRETS: Readonly<Record<string, string>> = {
  ACCESS_TOKEN: 'sandbox-access-token',
  CLIENT_ID: 'sandbox-client-id',
  CLIENT_SECRET: 'sandbox-client-secret',
  WEBHOOK_SECRET: 'sandbox-webhook-secret',
};

export type Told = { readonly fields: Readonly<Record<string, string | number | boolean>>; readonly message: string };

export type ContextOptions = {
  readonly secrets?: Readonly<Record<string, string>>;
  readonly now?: () => number;
  /** Everything the connector logs ends here. */
  readonly told?: Told[];
};

export function contextOn(fetch: typeof globalThis.fetch, options: ContextOptions = {}): ConnectorContext {
  const { secrets = SECRETS, now = () => Date.now(), told = [] } = options;
  const log = (fields: Told['fields'], message: string): void => {
    told.push({ fields, message });
  };
  return {
    channelId: 'shopify:test',
    secret: (name) => {
      const value = secrets[name];
      if (value === undefined) throw new Credential(`the secret ${name} is missing`);
      return value;
    },
    now,
    fetch,
    rates: ratesInMemory(),
    log: { info: log, warn: log },
  };
}

export type Bench = {
  readonly sandbox: ShopifySandbox;
  readonly control: SandboxControl;
  readonly connection: ChannelConnection;
  open(settings?: Readonly<Record<string, unknown>>, options?: ContextOptions): ChannelConnection;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Signals of the tests never fire by themselves within a test. */
export const patience = (): AbortSignal => AbortSignal.timeout(20_000);

export async function openBench(sandboxOptions: Parameters<typeof startShopifySandbox>[0] = {}): Promise<Bench> {
  const sandbox = await startShopifySandbox({ levelCoalesceMs: 10, ...sandboxOptions });
  const open: Bench['open'] = (settings = {}, options = {}) => {
    const all = { shop: sandboxOptions.shop ?? SHOP, endpoint: sandbox.url, ...settings };
    const fetch = createFetch({ allowedHosts: connector.hosts(all), deadlineMs: 5_000, maxBytes: 4_194_304 });
    return connector.open(all, contextOn(fetch, options));
  };
  return {
    sandbox,
    control: createSandboxControl(sandbox.url),
    connection: open(),
    open,
    [Symbol.asyncDispose]: () => sandbox.close(),
  };
}

/** Every listing at every location, all pages. */
export async function discover({ connection }: Bench): Promise<DiscoveredListing[]> {
  const found: DiscoveredListing[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof connection.discoverListings>> = await connection.discoverListings(
      cursor,
      patience(),
    );
    found.push(...page.listings);
    cursor = page.cursor;
  } while (cursor !== null);
  return found;
}
