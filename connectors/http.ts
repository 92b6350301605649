/**
 * The way out to the network: the only user of the global fetch.
 *
 * Guarantees: a call ends within its deadline, body included; a body larger than the cap is never held; only hosts on the list are
 * called, and no redirect leaves the origin; what fails is a fault of core/errors.ts that tells whether anything may have been applied:
 *
 * | what happened                                             | GET, HEAD | other methods |
 * | name not found, connection refused, TLS refused, too soon | Transient | Transient     |
 * | deadline, reset, abort, body cut or too large             | Transient | Uncertain     |
 * | host not on the list, redirect to elsewhere               | Rejected  | Rejected      |
 *
 * Does not judge statuses: each connector does, with `faultOfStatus` where the platform follows custom. Never retries.
 */
import { Credential, type Fault, Rejected, Throttled, Transient, Uncertain } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';

export type FetchOptions = {
  /** `api.example.com`, `api.example.com:8443`, or `*.example.com` for every host below it. A name without a port allows any port. */
  readonly allowedHosts: readonly string[];
  /** From the call to the last byte of the body. */
  readonly deadlineMs: number;
  readonly maxBytes: number;
};

/** Causes that undici and Node report before a byte of the request has left. */
const NOTHING_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const REDIRECTS_MAX = 3;
/** The Response constructor refuses a body, even an empty one, on these. */
const BODILESS = new Set([204, 205, 304]);

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';

export function isAllowedHost(url: URL, allowedHosts: readonly string[]): boolean {
  return allowedHosts.some((pattern) => {
    const wanted = pattern.toLowerCase();
    if (wanted.startsWith('*.')) return url.hostname.endsWith(wanted.slice(1));
    return wanted === url.host || wanted === url.hostname;
  });
}

function* causesOf(error: unknown): Generator<Error & { readonly code?: unknown }> {
  let current: unknown = error;
  // An AggregateError (every address of a name was tried) tells the same code in each of its errors.
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    yield current;
    current = current instanceof AggregateError ? current.errors[0] : current.cause;
  }
}

function codeOf(error: unknown): string | null {
  for (const cause of causesOf(error)) {
    if (typeof cause.code === 'string') return cause.code;
  }
  return null;
}

type Call = {
  readonly method: string;
  readonly url: URL;
  readonly signal: AbortSignal;
  readonly options: FetchOptions;
};

const nameOf = (call: Call): string => `${call.method} ${call.url.host}${call.url.pathname}`;

/** After the request may have left: nothing applied for a read, unknown for a write. */
const lostAnswer = (call: Call, why: string, cause?: unknown): Fault =>
  isRead(call.method)
    ? new Transient(`${nameOf(call)}: ${why}`, cause)
    : new Uncertain(`${nameOf(call)}: ${why}; it may have been applied`, cause);

function faultOf(error: unknown, call: Call): Fault {
  const code = codeOf(error);
  if (code !== null && NOTHING_SENT.has(code)) {
    return new Transient(`${nameOf(call)}: no connection (${code}); nothing was sent`, error);
  }
  if (call.signal.aborted)
    return lostAnswer(call, `no answer within ${call.options.deadlineMs} ms, or given up`, error);
  return lostAnswer(call, `the connection broke (${code ?? 'no code'})`, error);
}

async function readBody(response: Response, call: Call): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (response.body !== null) {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      // Leaving the loop cancels the body, which closes the connection.
      if (size > call.options.maxBytes)
        throw lostAnswer(call, `the answer is larger than ${call.options.maxBytes} bytes`);
      chunks.push(chunk);
    }
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

/** The same answer with its body in memory; what described the bytes on the wire no longer holds. */
function hold(response: Response, body: Uint8Array<ArrayBuffer>): Response {
  const headers = new Headers(response.headers);
  headers.delete('content-encoding');
  headers.delete('content-length');
  const { status, statusText } = response;
  return new Response(BODILESS.has(status) ? null : body, { status, statusText, headers });
}

/** Where a redirect leads, when it may be followed. */
function followable(response: Response, call: Call): URL {
  const location = response.headers.get('location') ?? '';
  const target = URL.canParse(location, call.url.href) ? new URL(location, call.url) : null;
  if (target !== null && target.origin === call.url.origin && isRead(call.method)) return target;
  throw new Rejected(`${nameOf(call)}: the platform redirects elsewhere, which is not followed`, {
    field: 'location',
    value: target?.host ?? location,
    fix: 'put the final address into the settings of the channel',
  });
}

async function fetchFollowing(input: URL, init: RequestInit, call: Call): Promise<Response> {
  let url = input;
  for (let hop = 0; hop <= REDIRECTS_MAX; hop += 1) {
    const response = await fetch(url, { ...init, redirect: 'manual', signal: call.signal });
    if (!REDIRECTS.has(response.status)) return hold(response, await readBody(response, call));
    await response.body?.cancel();
    url = followable(response, call);
  }
  throw new Transient(`${nameOf(call)}: more than ${REDIRECTS_MAX} redirects in a row`);
}

async function splitRequest(
  input: string | URL | Request,
  init: RequestInit,
): Promise<{ url: URL; init: RequestInit }> {
  if (!(input instanceof Request)) return { url: new URL(input), init };
  const body = isRead(input.method) ? {} : { body: await input.arrayBuffer() };
  const given = { method: input.method, headers: input.headers, signal: input.signal, ...body };
  return { url: new URL(input.url), init: { ...given, ...init } };
}

/** A fetch whose answers are whole and bounded, and whose failures are faults. */
export function createFetch(options: FetchOptions): typeof fetch {
  return async (input, init = {}) => {
    const request = await splitRequest(input, init);
    const method = (request.init.method ?? 'GET').toUpperCase();
    const given = request.init.signal ?? null;
    const deadline = AbortSignal.timeout(options.deadlineMs);
    const signal = given === null ? deadline : AbortSignal.any([given, deadline]);
    const call: Call = { method, url: request.url, signal, options };
    if (given?.aborted === true) throw new Transient(`${nameOf(call)}: given up before it was sent`, given.reason);
    if (!/^https?:$/.test(request.url.protocol) || !isAllowedHost(request.url, options.allowedHosts)) {
      throw new Rejected(`${nameOf(call)}: this host may not be called`, {
        field: 'url',
        value: `${request.url.protocol}//${request.url.host}`,
        fix: `call one of ${options.allowedHosts.join(', ')}, or add the host to the settings of the channel`,
      });
    }
    try {
      return await fetchFollowing(request.url, request.init, call);
    } catch (error) {
      if (error instanceof Transient || error instanceof Uncertain || error instanceof Rejected) throw error;
      throw faultOf(error, call);
    }
  };
}

/** A read that has to travel as POST (GraphQL, batch reads) applies nothing either: its lost answer is Transient. */
export async function asRead<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Uncertain) throw new Transient(error.message, error);
    throw error;
  }
}

/** `Retry-After` in seconds or as a date, kept between one second and one hour from now; 5 s where the platform does not say. */
export function retryAtOf(headers: Headers, now: Instant): Instant {
  const text = headers.get('retry-after') ?? '';
  const given = /^\d+(\.\d+)?$/.test(text) ? now + Number(text) * 1000 : Date.parse(text);
  const wanted = Number.isFinite(given) ? given : now + 5000;
  return Math.min(Math.max(wanted, now + 1000), now + 3_600_000);
}

export type StatusContext = {
  readonly what: string;
  readonly isWrite: boolean;
  readonly now: Instant;
  /** The body, for the message of a refusal. */
  readonly answer: string;
};

/** The fault that a status means by custom, null for 2xx. 503 and 429 are answered before anything is done (RFC 9110, RFC 6585). */
export function faultOfStatus(response: Response, { what, isWrite, now, answer }: StatusContext): Fault | null {
  const { status } = response;
  if (status >= 200 && status < 300) return null;
  if (status === 429) return new Throttled(`${what}: throttled`, retryAtOf(response.headers, now));
  if (status === 401 || status === 403) {
    return new Credential(`${what}: the platform refuses our credential (${status}); renew it and its scopes`);
  }
  if (status === 503 || status === 408 || (status >= 500 && !isWrite))
    return new Transient(`${what}: status ${status}`);
  if (status >= 500) return new Uncertain(`${what}: status ${status}; it may have been applied`);
  const said = answer.replaceAll(/\s+/g, ' ').slice(0, 200);
  const at = { field: 'status', value: status, fix: 'mend what the answer names' };
  return new Rejected(`${what}: the platform refuses the request: ${said}`, at);
}
