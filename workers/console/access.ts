/**
 * Who is asking, and what they may do.
 *
 * | way        | when                                                                                                        |
 * | proxy      | console.proxy is configured, the peer is one of its addresses, and its header names a user                    |
 * | session    | a user with a password logged in                                                                            |
 * | loopback   | nobody has a password and no proxy is configured: this machine alone, called by its own name, not through a proxy |
 *
 * Guarantees: a header counts from a configured proxy alone; on loopback the Host header must be this machine's (a page elsewhere
 * cannot rebind its name here), and a forwarded request is nobody's; roles are read anew with every request.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { BlockList, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Instant } from '#core/model.ts';
import type { Queries } from '#db/client.ts';
import { findSession } from '#db/console-sessions.ts';
import { findUser, hasPasswords, USER_NAME, USER_ROLES, type UserRole } from '#db/users.ts';

export type ProxySettings = {
  /** Addresses or networks, such as 10.0.0.5 or 10.0.0.0/8. */
  readonly addresses: readonly string[];
  /** The header with the name of the user, in lower case. */
  readonly userHeader: string;
  /** Of a user that `allot users` does not know; null: they are refused. */
  readonly defaultRole: UserRole | null;
};

export type AccessSettings = { readonly loopbackRole: UserRole; readonly proxy: ProxySettings | null };

export type Visitor = {
  /** On commands and in the audit trail. */
  readonly actor: string;
  readonly name: string;
  readonly role: UserRole;
  readonly way: 'session' | 'proxy' | 'loopback';
};

/** `reason` is for the person who asks: it tells no secret. */
export type Arrival =
  | { readonly kind: 'visitor'; readonly visitor: Visitor }
  | { readonly kind: 'login' }
  | { readonly kind: 'refused'; readonly reason: string; readonly mend: string };

export const SESSION_COOKIE = 'allot_session';
/** A browser takes it over an encrypted connection alone, and for this host alone. */
export const SECURE_SESSION_COOKIE = '__Host-allot_session';

export const mayAct = (role: UserRole, need: UserRole): boolean => USER_ROLES.indexOf(role) >= USER_ROLES.indexOf(need);

export const hashToken = (token: string): Buffer => createHash('sha256').update(token).digest();

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** As the socket says it; an IPv4 address in IPv6 form is the IPv4 address. */
const plainAddress = (address: string | undefined): string => (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '');

const isIn = (listed: BlockList, address: string): boolean =>
  address !== '' && listed.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

export function addressesOf(written: readonly string[]): BlockList {
  const listed = new BlockList();
  for (const text of written) {
    const [address = '', bits] = text.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) listed.addAddress(address, family);
    else listed.addSubnet(address, Number(bits), family);
  }
  return listed;
}

const FORWARDING = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via'];

/** `localhost`, `127.0.0.1` or `[::1]`, with or without a port. */
const isLoopbackHost = (host: string | undefined): boolean =>
  /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?$/i.test(host ?? '');

export const hostOf = (request: FastifyRequest): string => request.raw.headers.host ?? '';

export const isFromLoopback = (request: FastifyRequest): boolean =>
  isIn(LOOPBACK, plainAddress(request.raw.socket.remoteAddress)) &&
  isLoopbackHost(request.raw.headers.host) &&
  FORWARDING.every((name) => request.raw.headers[name] === undefined);

/** Each one that was sent: of several, Node's own `headers` keep the first or join them. */
const valuesOf = ({ raw }: FastifyRequest, name: string): string[] =>
  raw.rawHeaders.filter((_, index) => index % 2 === 1 && raw.rawHeaders[index - 1]?.toLowerCase() === name);

export const isFromProxy = (request: FastifyRequest, proxies: BlockList | null): boolean =>
  proxies !== null && isIn(proxies, plainAddress(request.raw.socket.remoteAddress));

/** For the login's limits: behind a proxy, the last hop that it names. */
export function callerAddress(request: FastifyRequest, proxies: BlockList | null): string {
  const peer = plainAddress(request.raw.socket.remoteAddress);
  const forwarded = valuesOf(request, 'x-forwarded-for').join(',').split(',').at(-1)?.trim();
  return isFromProxy(request, proxies) && forwarded !== undefined && forwarded !== '' ? forwarded.slice(0, 64) : peer;
}

type Asking = {
  readonly db: Queries;
  readonly settings: AccessSettings;
  readonly proxies: BlockList | null;
  readonly now: Instant;
  readonly sessionToken: string | null;
};

export async function identify(request: FastifyRequest, asking: Asking): Promise<Arrival> {
  const { db, settings, proxies, now, sessionToken } = asking;
  if (settings.proxy !== null && isFromProxy(request, proxies)) {
    const named = valuesOf(request, settings.proxy.userHeader);
    if (named.length > 0) return identifyProxied(db, settings.proxy, named);
  }
  if (sessionToken !== null) {
    const user = await findSession(db, hashToken(sessionToken), now);
    if (user !== null)
      return {
        kind: 'visitor',
        visitor: { actor: `operator:${user.name}`, name: user.name, role: user.role, way: 'session' },
      };
  }
  if (await hasPasswords(db)) return { kind: 'login' };
  if (settings.proxy !== null)
    return {
      kind: 'refused',
      reason: 'The console is reached through its reverse proxy, and this request did not come with a user from it.',
      mend: `See that the proxy sends the header ${settings.proxy.userHeader}, and that its address is in console.proxy.addresses.`,
    };
  if (isFromLoopback(request))
    return {
      kind: 'visitor',
      visitor: { actor: 'operator:local-console', name: 'this machine', role: settings.loopbackRole, way: 'loopback' },
    };
  return {
    kind: 'refused',
    reason: 'Nobody has a password yet, so the console answers on its own machine alone.',
    mend: 'Make a user there: allot users add NAME --role admin. Then log in here. On the machine itself open it as http://localhost:PORT/console.',
  };
}

async function identifyProxied(db: Queries, proxy: ProxySettings, named: readonly string[]): Promise<Arrival> {
  const [name = '', ...more] = named;
  const refused = (reason: string, mend: string): Arrival => ({ kind: 'refused', reason, mend });
  if (more.length > 0 || !USER_NAME.test(name.toLowerCase()))
    return refused('The reverse proxy sent no name that can be a user.', `Look at its header ${proxy.userHeader}.`);
  const user = await findUser(db, name.toLowerCase());
  const role = user?.role ?? proxy.defaultRole;
  if (role === null)
    return refused(
      `${name} is not a user of this console.`,
      `An administrator runs: allot users add ${name.toLowerCase()} --role viewer --no-password`,
    );
  const known = name.toLowerCase();
  return { kind: 'visitor', visitor: { actor: `operator:${known}`, name: known, role, way: 'proxy' } };
}

/** A person's word can count as that of a second one only where it is known who speaks. */
export const isNamed = ({ way }: Visitor): boolean => way !== 'loopback';

/** Bound to the session, or where there is none to the person; of no use to anybody else. */
export function csrfToken(key: Buffer, visitor: Visitor | null, sessionToken: string | null): string {
  const bound = JSON.stringify([
    visitor?.way ?? 'none',
    visitor?.actor ?? '',
    visitor?.way === 'session' ? sessionToken : '',
  ]);
  return createHmac('sha256', key).update(`csrf ${bound}`).digest('base64url');
}

export function isSameToken(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** What a browser says of where a form came from must fit; one that says nothing at all is no browser of these years. */
export function comesFromHere(request: FastifyRequest): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return site !== undefined;
  return URL.parse(origin)?.host === hostOf(request);
}
