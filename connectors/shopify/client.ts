/**
 * The only importer of @shopify/shopify-api in production: one shop's line to the Admin API.
 *
 * Guarantees: every call has a deadline and obeys its caller's signal; it goes out through context.fetch, to `endpoint` where one
 * is set; it is sent once (`retries: 0`: the SDK sleeps Retry-After seconds as milliseconds and never retries THROTTLED,
 * facts/shopify.md 1.3); what fails is thrown as a fault of core/errors.ts.
 * Trap: the SDK's fetch is one global of the process. Ours looks up the call it serves in an AsyncLocalStorage, so any number of
 * shops, endpoints and contexts live side by side.
 */
import '@shopify/shopify-api/adapters/node';
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  ApiVersion,
  GraphqlQueryError,
  HttpResponseError,
  HttpThrottlingError,
  LogSeverity,
  Session,
  type Shopify,
  shopifyApi,
} from '@shopify/shopify-api';
import { setAbstractFetchFunc } from '@shopify/shopify-api/runtime';
import { z } from 'zod';
import { Credential, Defect, Transient, Uncertain } from '#core/errors.ts';
import type { ConnectorContext } from '../connector.ts';
import { type Budget, openBudget } from './budget.ts';
import { type Call, type Cost, type Failure, faultOf } from './faults.ts';
import type { ShopifySettings } from './settings.ts';

const CALL_TIMEOUT_MS = 20_000;

/** A token is fetched anew this long before it ends. */
const TOKEN_MARGIN_MS = 300_000;

/** What to send, and what its answer must look like. */
export type Request<T> = {
  readonly document: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly answer: z.ZodType<T>;
};

export type ShopifyClient = {
  /** Safe to repeat: every failure that may pass is Transient. */
  read<T>(request: Request<T>, signal: AbortSignal): Promise<T>;
  /** A failure after sending is Uncertain. */
  write<T>(request: Request<T>, signal: AbortSignal): Promise<T>;
  /** Points a second that the shop's bucket gains; null before the first answer. */
  restoreRate(): number | null;
};

/** The call that a fetch of the SDK belongs to; `thrown` keeps the error of which the SDK leaves only the message. */
type Line = {
  readonly fetch: typeof fetch;
  readonly settings: ShopifySettings;
  readonly signal: AbortSignal;
  thrown: unknown;
};

const lines = new AsyncLocalStorage<Line>();

async function fetchOnLine(input: string | URL | globalThis.Request, init?: RequestInit): Promise<Response> {
  const line = lines.getStore();
  if (line === undefined) throw new Defect('the Shopify SDK called out by itself: wrap the call in client.ts');
  const url = new URL(input instanceof globalThis.Request ? input.url : input);
  const origin = `https://${line.settings.shop}`;
  if (url.origin !== origin) throw new Defect(`the Shopify SDK called ${url.origin} on the line of ${origin}`);
  try {
    return await line.fetch(`${line.settings.endpoint ?? origin}${url.pathname}${url.search}`, {
      ...init,
      signal: line.signal,
    });
  } catch (error) {
    line.thrown = error;
    throw error;
  }
}

setAbstractFetchFunc(fetchOnLine);

const costSchema = z.object({
  requestedQueryCost: z.number(),
  throttleStatus: z.object({ maximumAvailable: z.number(), currentlyAvailable: z.number(), restoreRate: z.number() }),
});

const extensionsSchema = z.object({ cost: costSchema });

const graphQLErrorsSchema = z.array(
  z.object({ message: z.string(), extensions: z.object({ code: z.string().nullish() }).nullish() }),
);

const costOf = (extensions: unknown): Cost | null => extensionsSchema.safeParse(extensions).data?.cost ?? null;

const failedBodySchema = z.object({
  extensions: z.unknown().optional(),
  errors: z.object({ graphQLErrors: graphQLErrorsSchema }),
});

function failureOf(error: unknown, thrown: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const nothing = { status: null, retryAfterS: null, graphQLErrors: [], cost: null, thrown, message };
  if (error instanceof GraphqlQueryError) {
    const body = failedBodySchema.safeParse(error.body).data;
    const errors = body?.errors.graphQLErrors ?? [{ message }];
    const graphQLErrors = errors.map((each) => ({ message: each.message, code: each.extensions?.code ?? null }));
    return { ...nothing, status: 200, graphQLErrors, cost: costOf(body?.extensions) };
  }
  if (error instanceof HttpThrottlingError)
    return { ...nothing, status: 429, retryAfterS: error.response.retryAfter ?? null };
  if (error instanceof HttpResponseError) return { ...nothing, status: Number(error.response.code) };
  return { ...nothing, thrown: thrown ?? error };
}

type TokenSource = {
  readonly token: () => Promise<string>;
  /** Shopify answered 401 to this token: the next call asks for a new one. */
  readonly refused: () => void;
};

/** A static token, read anew at each call so that a changed secret is used at once. */
const staticToken = (context: ConnectorContext): TokenSource => ({
  token: () => Promise.resolve(context.secret('ACCESS_TOKEN')),
  refused: () => undefined,
});

/** Sends; `refused` hears of a 401. */
type Ask = <T>(call: Call, signal: AbortSignal, send: () => Promise<T>, refused?: TokenSource['refused']) => Promise<T>;

/** Client credentials: a token for a day, fetched when needed by all callers together. */
function grantedToken(shopify: Shopify, settings: ShopifySettings, context: ConnectorContext, ask: Ask): TokenSource {
  let granted: { readonly token: string; readonly expiresAt: number } | null = null;
  let fetching: Promise<string> | null = null;

  const fetchToken = async (): Promise<string> => {
    const call: Call = { kind: 'read', operation: 'access_token', shop: settings.shop, now: context.now() };
    const grant = () => shopify.auth.clientCredentials({ shop: settings.shop });
    const { session } = await ask(call, AbortSignal.timeout(CALL_TIMEOUT_MS), grant).catch((error: unknown) => {
      if (!(error instanceof Defect)) throw error;
      const fix = 'check CLIENT_ID and CLIENT_SECRET, and that the app belongs to the same organization as the shop';
      throw new Credential(`${settings.shop} grants no access token: ${fix}`, error);
    });
    if (session.accessToken === undefined) throw new Credential(`${settings.shop} granted an empty access token`);
    granted = {
      token: session.accessToken,
      expiresAt: session.expires?.getTime() ?? Number.POSITIVE_INFINITY,
    };
    return granted.token;
  };

  return {
    token() {
      if (granted !== null && context.now() < granted.expiresAt - TOKEN_MARGIN_MS)
        return Promise.resolve(granted.token);
      fetching ??= fetchToken().finally(() => {
        fetching = null;
      });
      return fetching;
    },
    refused() {
      granted = null;
    },
  };
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

const API_VERSIONS: Readonly<Record<ShopifySettings['apiVersion'], ApiVersion>> = {
  '2026-07': ApiVersion.July26,
  '2026-10': ApiVersion.October26,
};

function openSdk(settings: ShopifySettings, context: ConnectorContext): Shopify {
  const isGranted = settings.auth === 'clientCredentials';
  return shopifyApi({
    apiKey: isGranted ? context.secret('CLIENT_ID') : 'static-token',
    apiSecretKey: isGranted ? context.secret('CLIENT_SECRET') : 'static-token',
    // Asked for by the SDK and used by its OAuth pages alone, which we have none of.
    hostName: 'allot.invalid',
    apiVersion: API_VERSIONS[settings.apiVersion],
    isEmbeddedApp: false,
    logger: { level: LogSeverity.Warning, log: (_severity, message) => context.log.warn({}, message) },
  });
}

const operationOf = (document: string): string => /^(?:query|mutation) (\w+)/.exec(document)?.[1] ?? 'request';

/** Runs what the SDK sends on the caller's line and turns what it throws into a fault. */
const askOn =
  (settings: ShopifySettings, context: ConnectorContext, budget: Budget): Ask =>
  async (call, signal, send, refused) => {
    const line: Line = { fetch: context.fetch, settings, signal, thrown: null };
    try {
      return await lines.run(line, send);
    } catch (error) {
      const failure = failureOf(error, line.thrown);
      const at = { ...call, now: context.now() };
      budget.learn(at.operation, failure.cost, at.now);
      if (failure.status === 401) refused?.();
      throw faultOf(failure, at);
    }
  };

export function openClient(settings: ShopifySettings, context: ConnectorContext): ShopifyClient {
  const shopify = openSdk(settings, context);
  const budget = openBudget();
  const ask = askOn(settings, context, budget);
  const tokens = settings.auth === 'token' ? staticToken(context) : grantedToken(shopify, settings, context, ask);
  const warned = new Set<string>();

  /** Once per process: an API version that Shopify has replaced by a newer one under our feet. */
  const watchVersion = (headers: Readonly<Record<string, string | readonly string[]>>): void => {
    const served = String(headers['X-Shopify-Api-Version'] ?? settings.apiVersion);
    if (served === settings.apiVersion || warned.has(served)) return;
    warned.add(served);
    context.log.warn(
      { asked: settings.apiVersion, served },
      'Shopify serves another API version than the one asked for',
    );
  };

  async function call<T>(kind: Call['kind'], request: Request<T>, callerSignal: AbortSignal): Promise<T> {
    const known: Call = { kind, operation: operationOf(request.document), shop: settings.shop, now: context.now() };
    budget.admit(known);
    const signal = AbortSignal.any([callerSignal, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
    const accessToken = await untilAborted(tokens.token(), signal);
    const { shop } = settings;
    const session = new Session({ id: `offline_${shop}`, shop, state: '', isOnline: false, accessToken });
    const client = new shopify.clients.Graphql({ session });
    const send = () => client.request(request.document, { variables: { ...request.variables }, retries: 0, signal });
    const answer = await ask(known, signal, send, tokens.refused);
    budget.learn(known.operation, costOf(answer.extensions), context.now());
    watchVersion(answer.headers ?? {});
    const parsed = request.answer.safeParse(answer.data);
    if (parsed.success) return parsed.data;
    const why = `${settings.shop} answers ${known.operation} in another shape than API ${settings.apiVersion}: ${z.prettifyError(parsed.error)}`;
    throw kind === 'read' ? new Defect(why) : new Uncertain(why);
  }

  return {
    read: (request, signal) => call('read', request, signal),
    write: (request, signal) => call('write', request, signal),
    restoreRate: () => budget.restoreRate(),
  };
}
