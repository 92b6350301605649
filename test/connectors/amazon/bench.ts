/** An Amazon channel for tests: opened on a sandbox, or on a fetch that answers what a test says. */

import { connector } from '#connectors/amazon/index.ts';
import { type AmazonSandbox, startAmazonSandbox } from '#connectors/amazon/sandbox/start.ts';
import { ratesInMemory } from '#connectors/conformance/rates.ts';
import type { ChannelConnection, ConnectorContext, ListingKey, SharedRates } from '#connectors/connector.ts';
import { createFetch } from '#connectors/http.ts';
import { createSandboxControl, type SandboxControl } from '#connectors/sandbox/control.ts';
import { Credential } from '#core/errors.ts';

export const SETTINGS = { sellerId: 'A1SANDBOX0SELL', region: 'eu', marketplaceId: 'A1F83G8C2ARO7P' };

export const SECRETS: Readonly<Record<string, string>> = {
  CLIENT_ID: 'sandbox-client-id',
  CLIENT_SECRET: 'sandbox-client-secret',
  REFRESH_TOKEN: 'sandbox-refresh-token',
};

export type Told = { readonly fields: Readonly<Record<string, string | number | boolean>>; readonly message: string };

export type ContextOptions = {
  readonly secrets?: Readonly<Record<string, string>>;
  readonly now?: () => number;
  /** Everything the connector logs ends here. */
  readonly told?: Told[];
  /** Shared with another channel. */
  readonly rates?: SharedRates;
};

export function contextOn(fetch: typeof globalThis.fetch, options: ContextOptions = {}): ConnectorContext {
  const { secrets = SECRETS, now = () => Date.now(), told = [], rates = ratesInMemory() } = options;
  const log = (fields: Told['fields'], message: string): void => {
    told.push({ fields, message });
  };
  return {
    channelId: 'amazon:test',
    secret: (name) => {
      const value = secrets[name];
      if (value === undefined) throw new Credential(`the secret ${name} is missing`);
      return value;
    },
    now,
    fetch,
    rates,
    log: { info: log, warn: log },
  };
}

/** Signals of the tests never fire by themselves within a test. */
export const patience = (): AbortSignal => AbortSignal.timeout(20_000);

export type Sent = { readonly method: string; readonly url: URL; readonly headers: Headers; readonly body: string };

export type Canned = { readonly status?: number; readonly body: unknown; readonly headers?: Record<string, string> };

const GRANT: Canned = { body: { access_token: 'Atza|one', token_type: 'bearer', expires_in: 3600 } };

const reply = ({ status = 200, body, headers = {} }: Canned): Response =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers });

export type CannedLine = { readonly connection: ChannelConnection; readonly sent: Sent[]; readonly granted: Sent[] };

/** The API answers by `answer`, Login with Amazon by `grant`; what was sent is kept. */
export function openCanned(
  answer: (sent: Sent) => Canned | Promise<Canned>,
  options: ContextOptions & { readonly grant?: (sent: Sent) => Canned; readonly settings?: object } = {},
): CannedLine {
  const line: { sent: Sent[]; granted: Sent[] } = { sent: [], granted: [] };
  const fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    const body = typeof init.body === 'string' ? init.body : '';
    const one: Sent = { method: init.method ?? 'GET', url, headers: new Headers(init.headers), body };
    if (url.pathname === '/auth/o2/token') {
      line.granted.push(one);
      return reply(options.grant?.(one) ?? GRANT);
    }
    line.sent.push(one);
    return reply(await answer(one));
  };
  const connection = connector.open({ ...SETTINGS, ...options.settings }, contextOn(fetch, options));
  return { connection, ...line };
}

export const keyOf = (sku: string, data: Readonly<Record<string, string>> = {}): ListingKey => ({
  listingRef: sku,
  locationRef: 'DEFAULT',
  data,
});

export type Bench = {
  readonly sandbox: AmazonSandbox;
  readonly control: SandboxControl;
  readonly connection: ChannelConnection;
  [Symbol.asyncDispose](): Promise<void>;
};

/** A sandbox without lag and without a limit, unless the options say otherwise, and a channel to it. */
export async function openBench(
  options: Parameters<typeof startAmazonSandbox>[0] = {},
  context: ContextOptions = {},
): Promise<Bench> {
  const speedUp = options.speedUp ?? 1_000_000;
  const sandbox = await startAmazonSandbox({ searchLagMs: 0, pendingMs: 0, ...options, speedUp });
  const settings = { ...SETTINGS, endpoint: sandbox.url, speedUp };
  const fetch = createFetch({ allowedHosts: connector.hosts(settings), deadlineMs: 5000, maxBytes: 4_194_304 });
  return {
    sandbox,
    control: createSandboxControl(sandbox.url),
    connection: connector.open(settings, contextOn(fetch, context)),
    [Symbol.asyncDispose]: () => sandbox.close(),
  };
}
