/**
 * Logging in and out.
 *
 * Guarantees: a new session at every login, the old one ended (no fixation); a wrong name answers as a wrong password does, as late; a
 * guesser waits longer each time, by name, by address and by both, and one address cannot shut a person out from another for long; the
 * cookie is HttpOnly and SameSite=Lax, and Secure under a __Host- name where the connection is encrypted.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { BlockList } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { writeAudit } from '#db/audit.ts';
import {
  closeSession,
  type FailureKey,
  forgetLoginFailures,
  loginBlockedUntil,
  noteLoginFailure,
  openSession,
  SESSION_MS,
} from '#db/console-sessions.ts';
import { findUser, hasPasswords } from '#db/users.ts';
import {
  callerAddress,
  comesFromHere,
  csrfToken,
  hashToken,
  hostOf,
  identify,
  isFromLoopback,
  isFromProxy,
  isSameToken,
  SECURE_SESSION_COOKIE,
  SESSION_COOKIE,
} from './access.ts';
import { duration } from './format.ts';
import { type Html, html, type Shown } from './html.ts';
import { layout } from './layout.ts';
import type { ConsoleParts } from './parts.ts';
import { isPassword } from './passwords.ts';

type Gate = ConsoleParts & { readonly proxies: BlockList | null };

const BODY_MAX_BYTES = 8 * 1024;
/** Failures that cost no wait. A name has many: whoever guesses from everywhere is slowed, and its person rarely. */
const FREE = { both: 4, address: 20, name: 60 } as const;

const bare = (title: string, body: Shown): Html =>
  layout({ here: '', visitor: null, csrf: '', openAlerts: 0, notice: null, isReadOnly: false }, { title, body });

export const refusedPage = ({ reason, mend }: { readonly reason: string; readonly mend: string }): Html =>
  bare('Not from here', html`<p>${reason}</p><p>${mend}</p>`);

/** By the address that browsers use, or by the word of a configured proxy. */
export function isSecure(
  request: FastifyRequest,
  { publicUrl, proxies }: Pick<Gate, 'publicUrl' | 'proxies'>,
): boolean {
  const known = URL.parse(publicUrl ?? '');
  if (known !== null && known.protocol === 'https:' && known.host === hostOf(request)) return true;
  return isFromProxy(request, proxies) && request.headers['x-forwarded-proto'] === 'https';
}

/** A page of ours, never another site's. */
function targetOf(asked: string | null): string {
  const url = URL.parse(asked ?? '', 'http://here');
  const isOurs = url !== null && url.host === 'here' && /^\/console(\/|\?|$)/.test(url.pathname + url.search);
  return isOurs && !url.pathname.startsWith('/console/log') ? url.pathname + url.search : '/console';
}

type LoginShown = { readonly to: string; readonly says: string | null; readonly isPlain: boolean };

const loginPage = ({ to, says, isPlain }: LoginShown): Html =>
  bare(
    'Log in',
    html`${says === null ? null : html`<p class="notice bad" role="alert">${says}</p>`}
${isPlain ? html`<p class="notice warn">This connection is not encrypted: whoever is on the way can read the password. Put the console behind https.</p>` : null}
<form class="card login" action="/console/login" method="post">
<input type="hidden" name="to" value="${to}">
<label for="name">Name</label><input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64">
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024">
<button type="submit">Log in</button></form>
<p class="quiet">A new password is set on the server: <code class="command">allot users password NAME</code></p>`,
  );

function failureKeys(name: string, address: string): FailureKey[] {
  // Hashed: what a stranger typed is not kept.
  const keyOf = (...parts: string[]) => createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return [
    { key: `both ${keyOf(name, address)}`, free: FREE.both },
    { key: `address ${keyOf(address)}`, free: FREE.address },
    { key: `name ${keyOf(name)}`, free: FREE.name },
  ];
}

const cookieOf = (isEncrypted: boolean): string => (isEncrypted ? SECURE_SESSION_COOKIE : SESSION_COOKIE);

function clearSession(reply: FastifyReply): void {
  reply.clearCookie(SESSION_COOKIE, { path: '/' });
  reply.clearCookie(SECURE_SESSION_COOKIE, { path: '/', secure: true });
}

const tokensOf = (request: FastifyRequest): string[] =>
  [request.cookies[SECURE_SESSION_COOKIE], request.cookies[SESSION_COOKIE]].filter((token) => token !== undefined);

async function logIn(gate: Gate, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const form = new URLSearchParams(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
  const isEncrypted = isSecure(request, gate);
  const to = targetOf(form.get('to'));
  const again = (status: number, says: string) =>
    reply
      .code(status)
      .type('text/html; charset=utf-8')
      .send(String(loginPage({ to, says, isPlain: !isEncrypted && !isFromLoopback(request) })));
  if (!comesFromHere(request)) return again(403, 'The form did not come from this console. Log in here.');
  const name = (form.get('name') ?? '').trim().toLowerCase().slice(0, 64);
  const keys = failureKeys(name, callerAddress(request, gate.proxies));
  const now = gate.now();
  const blockedUntil = await loginBlockedUntil(
    gate.db,
    keys.map(({ key }) => key),
    now,
  );
  if (blockedUntil !== null) {
    reply.header('retry-after', Math.ceil((blockedUntil - now) / 1000));
    return again(429, `Too many wrong tries. Wait ${duration(blockedUntil - now)}, then try again.`);
  }
  const user = await findUser(gate.db, name);
  if (!(await isPassword(form.get('password') ?? '', user?.password ?? null)) || user === null) {
    await noteLoginFailure(gate.db, keys, now);
    gate.log.warn({ user: user?.name ?? 'unknown' }, 'a login to the console failed');
    return again(401, 'Name or password is wrong.');
  }
  const token = randomBytes(32).toString('base64url');
  const old = tokensOf(request);
  await gate.db.transaction(async (tx) => {
    for (const one of old) await closeSession(tx, hashToken(one));
    await openSession(tx, hashToken(token), user.name, now);
    await forgetLoginFailures(
      tx,
      keys.filter(({ free }) => free !== FREE.address).map(({ key }) => key),
    );
    await writeAudit(tx, [
      { actor: `operator:${user.name}`, action: 'log in', subject: `user ${user.name}`, detail: {} },
    ]);
  });
  clearSession(reply);
  reply.setCookie(cookieOf(isEncrypted), token, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: isEncrypted,
    maxAge: SESSION_MS / 1000,
  });
  return reply.redirect(to, 303);
}

async function logOut(gate: Gate, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const form = new URLSearchParams(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
  const [sessionToken = null] = tokensOf(request);
  const arrival = await identify(request, { ...gate, settings: gate.access, now: gate.now(), sessionToken });
  const visitor = arrival.kind === 'visitor' ? arrival.visitor : null;
  const isTheirs = isSameToken(form.get('csrf') ?? '', csrfToken(gate.csrfKey, visitor, sessionToken));
  if (visitor !== null && (!isTheirs || !comesFromHere(request)))
    return reply
      .code(403)
      .type('text/html; charset=utf-8')
      .send(String(refusedPage(NOT_THEIRS)));
  for (const token of tokensOf(request)) await closeSession(gate.db, hashToken(token));
  clearSession(reply);
  return reply.redirect('/console/login', 303);
}

const NOT_THEIRS = { reason: 'The form did not come from this console.', mend: 'Open the console and log out there.' };

export function addLogin(app: FastifyInstance, gate: Gate): void {
  app.get('/login', async (request, reply) => {
    if (!(await hasPasswords(gate.db))) return reply.redirect('/console', 303);
    const to = targetOf(new URL(request.url, 'http://here').searchParams.get('to'));
    const isPlain = !isSecure(request, gate) && !isFromLoopback(request);
    return reply.type('text/html; charset=utf-8').send(String(loginPage({ to, says: null, isPlain })));
  });
  app.post('/login', { bodyLimit: BODY_MAX_BYTES }, async (request, reply) => logIn(gate, request, reply));
  app.post('/logout', { bodyLimit: BODY_MAX_BYTES }, async (request, reply) => logOut(gate, request, reply));
}
