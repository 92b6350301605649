/**
 * The only importer of amazon-sp-api: one seller's line to the Selling Partner API.
 *
 * The SDK knows paths, versions, encodings, headers and the token request; everything around it is ours, since it is unsafe there
 * (facts/amazon.md 1.3: a hot endless retry, sleeping on 429, no deadlines, errors without a status, UTF-8 broken at chunk borders,
 * no single flight for the token). It has no option for the transport, so `execute` of its request object is replaced: the version
 * is pinned, and a change of that seam is a Defect at the first call.
 * Guarantees: every call has a deadline, obeys its caller's signal, goes out once, through context.fetch, with fresh parameters
 * (the SDK encodes paths in place) on an SDK object of its own (which keeps the state of its last call); what fails is a fault.
 */
import { createHash } from 'node:crypto';
import { SellingPartner } from 'amazon-sp-api';
import type { z } from 'zod';
import { assert, Credential, Fault, Throttled, Transient } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { ConnectorContext } from '../connector.ts';
import { asRead, retryAtOf } from '../http.ts';
import { type Buckets, type Operation, openBuckets } from './buckets.ts';
import { type Answered, documentOf, grantOf, isTokenEnded, judge, type Refusal, unclear } from './faults.ts';
import type { AmazonSettings } from './settings.ts';
import { type Grant, openTokens } from './tokens.ts';

const CALL_TIMEOUT_MS = 20_000;

const VERSIONS = { listingsItems: '2021-08-01', orders: '2026-01-01' } as const;

const ENDPOINT_OF: Readonly<Record<Operation, keyof typeof VERSIONS>> = {
  searchOrders: 'orders',
  getOrder: 'orders',
  patchListingsItem: 'listingsItems',
  getListingsItem: 'listingsItems',
  searchListingsItems: 'listingsItems',
};

export const LWA_HOST = 'api.amazon.com';
export const apiHost = (region: AmazonSettings['region']): string => `sellingpartnerapi-${region}.amazon.com`;

export type AmazonRequest<T> = {
  readonly operation: Operation;
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | number | readonly string[]>>;
  readonly body?: unknown;
  /** Its token was taken before, with those of others. */
  readonly isPaid?: true;
  readonly answer: z.ZodType<T>;
};

export type Reply<T> = { readonly kind: 'answer'; readonly body: T } | Refusal;

export type AmazonClient = {
  call<T>(request: AmazonRequest<T>, signal: AbortSignal): Promise<Reply<T>>;
  /** Pays for calls together, as far as the rate allows; the others get moments of their own. */
  pay(operation: Operation, count: number): ReturnType<Buckets['pay']>;
  /** Moments for calls that cannot go out now; none where that cannot be known. */
  putOff(operation: Operation, count: number): Promise<readonly Instant[]>;
};

/** What the SDK hands to its transport. */
type Outgoing = {
  readonly method: string;
  readonly url: string;
  readonly body?: string | null;
  readonly headers: Readonly<Record<string, string>>;
};
type Transport = (outgoing: Outgoing) => Promise<Answered>;

type Secrets = { readonly clientId: string; readonly clientSecret: string; readonly refreshToken: string };

const readSecrets = (context: ConnectorContext): Secrets => ({
  clientId: context.secret('CLIENT_ID'),
  clientSecret: context.secret('CLIENT_SECRET'),
  refreshToken: context.secret('REFRESH_TOKEN'),
});

/** The SDK on our transport; `answers` receives what came back, whatever the SDK makes of it. */
function openSdk(
  settings: AmazonSettings,
  secrets: Secrets,
  line: { readonly accessToken?: string; readonly transport: Transport; readonly answers: Answered[] },
): SellingPartner {
  const sdk = new SellingPartner({
    region: settings.region,
    refresh_token: secrets.refreshToken,
    ...(line.accessToken === undefined ? {} : { access_token: line.accessToken }),
    endpoints_versions: { ...VERSIONS },
    credentials: {
      SELLING_PARTNER_APP_CLIENT_ID: secrets.clientId,
      SELLING_PARTNER_APP_CLIENT_SECRET: secrets.clientSecret,
    },
    options: {
      auto_request_tokens: false,
      auto_request_throttled: false,
      retry_remote_timeout: false,
      version_fallback: false,
    },
  });
  const seam = (sdk as unknown as { readonly _request?: { execute?: unknown } })._request;
  assert(typeof seam?.execute === 'function', 'amazon-sp-api changed its transport: client.ts must be fitted to it');
  seam.execute = async (outgoing: Outgoing) => {
    const answered = await line.transport(outgoing);
    line.answers.push(answered);
    return { body: answered.text, statusCode: answered.status, headers: Object.fromEntries(answered.headers) };
  };
  return sdk;
}

/** Everything the SDK sends, through context.fetch, to `endpoint` where one is set. */
function transportOn(settings: AmazonSettings, context: ConnectorContext, signal: AbortSignal): Transport {
  const known = new Set([LWA_HOST, apiHost(settings.region)]);
  return async ({ method, url: target, body, headers }) => {
    const url = new URL(target);
    assert(known.has(url.host), `amazon-sp-api called ${url.host}`);
    // Where a request goes is fetch's to say.
    const { host: _, ...sent } = headers;
    const response = await context.fetch(`${settings.endpoint ?? url.origin}${url.pathname}${url.search}`, {
      method,
      headers: sent,
      signal,
      ...(body === null || body === undefined ? {} : { body }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
}

/** Asks Login with Amazon for a token. Throws Credential, Throttled or Transient. */
async function askGrant(settings: AmazonSettings, context: ConnectorContext): Promise<Grant> {
  const answers: Answered[] = [];
  const transport = transportOn(settings, context, AbortSignal.timeout(CALL_TIMEOUT_MS));
  const sdk = openSdk(settings, readSecrets(context), { transport, answers });
  await asRead(sdk.refreshAccessToken()).catch((error: unknown) => {
    // With an answer at hand the SDK's own complaint about it says less than the answer.
    if (answers.length === 0) throw error;
  });
  const [answered] = answers;
  assert(answered !== undefined, 'amazon-sp-api refreshed a token without a call');
  const grant = grantOf(answered, context.now());
  if (grant instanceof Fault) throw grant;
  return grant;
}

/** Before anything of the call is sent: a caller that gives up leaves nothing behind. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const giveUp = (): void => aborted.reject(new Transient('given up before the call was sent', signal.reason));
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

type Line = {
  readonly settings: AmazonSettings;
  readonly context: ConnectorContext;
  readonly accessToken: string;
  readonly signal: AbortSignal;
};

/** One call through the SDK, as it was answered. Throws what context.fetch throws. */
async function sendOnce<T>(request: AmazonRequest<T>, line: Line): Promise<Answered> {
  const { settings, context, accessToken, signal } = line;
  const answers: Answered[] = [];
  const transport = transportOn(settings, context, signal);
  const sdk = openSdk(settings, readSecrets(context), { accessToken, transport, answers });
  await sdk.callAPI({
    operation: `${ENDPOINT_OF[request.operation]}.${request.operation}`,
    path: { ...request.path },
    query: { ...request.query },
    ...(request.body === undefined ? {} : { body: request.body }),
    options: { raw_result: true },
  });
  const [answered] = answers;
  assert(answered !== undefined && answers.length === 1, `amazon-sp-api made ${answers.length} calls for one`);
  return answered;
}

async function takeToken(buckets: Buckets, operation: Operation, now: Instant): Promise<void> {
  const wait = await buckets.take(operation, now);
  if (wait !== null) throw new Throttled(`${operation} waits for its rate limit`, wait);
}

/** Without its secrets: the account's name is stored. */
function accountOf(settings: AmazonSettings, context: ConnectorContext): string {
  const application = createHash('sha256').update(context.secret('CLIENT_ID')).digest('hex').slice(0, 12);
  return `${settings.region} ${settings.sellerId} ${application}`;
}

/** The shared buckets, where a note that cannot be kept does not cost the answer that it is about. */
function keepBuckets(buckets: Buckets, context: ConnectorContext) {
  const tell = (operation: Operation, error: unknown): void => {
    const why = error instanceof Error ? error.message : String(error);
    context.log.warn({ operation, error: why }, 'what Amazon told of its rate could not be noted');
  };
  return {
    async learn(operation: Operation, headers: Headers): Promise<void> {
      await buckets.learn(operation, headers, context.now()).catch((error: unknown) => tell(operation, error));
    },
    async refuse(operation: Operation, headers: Headers): Promise<Instant> {
      return buckets.refuse(operation, headers, context.now()).catch((error: unknown) => {
        tell(operation, error);
        return retryAtOf(headers, context.now());
      });
    },
    async putOff(operation: Operation, count: number): Promise<readonly Instant[]> {
      return buckets.putOff(operation, count, context.now()).catch((error: unknown) => {
        tell(operation, error);
        return [];
      });
    },
  };
}

export function openClient(settings: AmazonSettings, context: ConnectorContext): AmazonClient {
  const buckets = openBuckets(context.rates, () => accountOf(settings, context), settings.speedUp);
  const kept = keepBuckets(buckets, context);
  const tokens = openTokens(() => askGrant(settings, context), context.now);

  async function call<T>(request: AmazonRequest<T>, callerSignal: AbortSignal): Promise<Reply<T>> {
    const { operation } = request;
    const known = { what: `${operation} of ${settings.sellerId}`, isWrite: operation === 'patchListingsItem' };
    const signal = AbortSignal.any([callerSignal, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
    const accessToken = await untilAborted(tokens.token(), signal);
    if (request.isPaid !== true) await untilAborted(takeToken(buckets, operation, context.now()), signal);
    const answered = await sendOnce(request, { settings, context, accessToken, signal });
    const refusedUntil = answered.status === 429 ? await kept.refuse(operation, answered.headers) : null;
    if (refusedUntil === null) await kept.learn(operation, answered.headers);
    const judged = judge(answered, known, refusedUntil ?? context.now());
    if (judged instanceof Credential || isTokenEnded(answered)) tokens.forget(accessToken);
    if (judged instanceof Fault) throw judged;
    if (judged !== null) return judged;
    const parsed = request.answer.safeParse(documentOf(answered.text));
    if (parsed.success) return { kind: 'answer', body: parsed.data };
    const [issue] = parsed.error.issues;
    throw unclear(known, `an answer in another shape (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`);
  }

  return {
    call,
    pay: (operation, count) => buckets.pay(operation, count, context.now()),
    putOff: (operation, count) => kept.putOff(operation, count),
  };
}
