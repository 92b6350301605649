/**
 * The console: pages about how things stand, and forms for what people do about it, at /console of the daemon's own port.
 *
 * | what comes                                       | answer                                                             |
 * | a page, by somebody known                          | 200, HTML                                                          |
 * | a form, by somebody whose role may, with its token | what the command line would do, then 303 back to the page          |
 * | nobody known, a password exists                    | 303 to the login (a form: 401)                                     |
 * | nobody known, and no password exists               | the page on this machine alone (access.ts); else 403 and how to go on |
 * | a role that may not, a form without its token, or from another site | 403                                               |
 * | what cannot be done                              | 409, what is wrong and what mends it                                |
 *
 * Guarantees: every answer has the headers of SECURITY_HEADERS and is not cached; everything shown is escaped; no page writes; every
 * action goes through the functions of the command line, under the person's name.
 */
import { Readable } from 'node:stream';
import fastifyCookie from '@fastify/cookie';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Fault, Rejected } from '#core/errors.ts';
import { countAlerts } from '#db/alert-counts.ts';
import type { UserRole } from '#db/users.ts';
import {
  type Arrival,
  addressesOf,
  comesFromHere,
  csrfToken,
  identify,
  isSameToken,
  mayAct,
  SECURE_SESSION_COOKIE,
  SESSION_COOKIE,
  type Visitor,
} from './access.ts';
import { serveAssets } from './assets.ts';
import { html } from './html.ts';
import { type Frame, layout, type PageBody } from './layout.ts';
import { openLiveHub } from './live.ts';
import { addLogin, isSecure, refusedPage } from './login.ts';
import { ACTIONS, PAGES } from './pages.ts';
import type { Action, Asked, ConsoleParts, DownloadedFile, Form, Page } from './parts.ts';

const BODY_MAX_BYTES = 64 * 1024;
const NOTICE_COOKIE = 'allot_notice';
const NOTICE_MAX = 1000;

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

/** An action whose steps need more than the action itself. */
class RoleMissing extends Error {
  readonly need: UserRole;
  constructor(need: UserRole) {
    super(`this needs the role ${need}`);
    this.need = need;
  }
}

/** What is known of a request once it has passed the gate. */
type Passed = { readonly visitor: Visitor; readonly csrf: string; readonly sessionToken: string | null };

type Gate = ConsoleParts & { readonly proxies: ReturnType<typeof addressesOf> | null };

export const sessionTokenOf = (request: FastifyRequest): string | null =>
  request.cookies[SECURE_SESSION_COOKIE] ?? request.cookies[SESSION_COOKIE] ?? null;

/** Registers everything below the prefix that its caller gives, /console. */
export async function addConsole(app: FastifyInstance, parts: ConsoleParts): Promise<void> {
  const gate: Gate = {
    ...parts,
    proxies: parts.access.proxy === null ? null : addressesOf(parts.access.proxy.addresses),
  };
  await app.register(fastifyCookie);
  const passed = new WeakMap<FastifyRequest, Passed>();
  const hub = openLiveHub(parts);
  app.addHook('preClose', async () => hub.close());
  app.addHook('onRequest', async (request, reply) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) reply.header(name, value);
    reply.header('cache-control', 'no-store');
    if (isSecure(request, gate)) reply.header('strict-transport-security', 'max-age=31536000');
  });
  app.setErrorHandler<FastifyError | RoleMissing>(async (error, request, reply) =>
    answerFault(gate, error, { request, reply, passed: passed.get(request) }),
  );
  app.setNotFoundHandler(async (request, reply) =>
    sendPage(
      gate,
      { request, reply, passed: passed.get(request) },
      {
        title: 'There is no such page',
        body: html`<p>Nothing is at this address. <a href="/console">The overview</a> leads on.</p>`,
        status: 404,
      },
    ),
  );
  serveAssets(app);
  addLogin(app, gate);
  const pass = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const sessionToken = sessionTokenOf(request);
    const arrival = await identify(request, { ...gate, settings: gate.access, now: gate.now(), sessionToken });
    if (arrival.kind === 'visitor') {
      const csrf = csrfToken(gate.csrfKey, arrival.visitor, sessionToken);
      passed.set(request, { visitor: arrival.visitor, csrf, sessionToken });
      return;
    }
    await turnAway(arrival, request, reply);
  };
  const handled = (request: FastifyRequest): Passed => {
    const found = passed.get(request);
    if (found === undefined) throw new Error('a page was asked for past the gate');
    return found;
  };
  for (const page of PAGES)
    app.get(page.path, { onRequest: pass }, async (request, reply) =>
      showPage(gate, page, { request, reply, passed: handled(request) }),
    );
  for (const action of ACTIONS)
    app.post(action.path, { onRequest: pass, bodyLimit: BODY_MAX_BYTES }, async (request, reply) =>
      takeAction(gate, action, { request, reply, passed: handled(request) }),
    );
  app.get('/live', { onRequest: pass }, async (request, reply) => {
    reply.hijack();
    const { visitor } = handled(request);
    hub.listen(reply.raw, visitor.actor);
  });
}

async function turnAway(arrival: Exclude<Arrival, { kind: 'visitor' }>, request: FastifyRequest, reply: FastifyReply) {
  if (arrival.kind === 'refused')
    return reply
      .code(403)
      .type('text/html; charset=utf-8')
      .send(String(refusedPage(arrival)));
  // What a script asked for is not the place for a login page.
  if (request.method === 'GET' && request.headers['hx-request'] === undefined)
    return reply.redirect(`/console/login?to=${encodeURIComponent(request.url)}`, 303);
  return reply
    .code(401)
    .type('text/html; charset=utf-8')
    .send(String(refusedPage(SESSION_OVER)));
}

const SESSION_OVER = {
  reason: 'You are not logged in any more.',
  mend: 'Log in again at /console/login, then repeat what you did.',
};

type Exchange = { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly passed: Passed | undefined };
type PassedExchange = Exchange & { readonly passed: Passed };

const askedOf = (gate: Gate, { request, passed }: PassedExchange): Asked => ({
  ...gate,
  at: gate.now(),
  visitor: passed.visitor,
  csrf: passed.csrf,
  query: new URLSearchParams(request.url.includes('?') ? request.url.slice(request.url.indexOf('?')) : ''),
  may: (need) => mayAct(passed.visitor.role, need),
  require: (need) => {
    if (!mayAct(passed.visitor.role, need)) throw new RoleMissing(need);
  },
});

async function showPage(gate: Gate, page: Page, exchange: PassedExchange): Promise<FastifyReply> {
  if (!mayAct(exchange.passed.visitor.role, page.need ?? 'viewer'))
    return refuseRole(gate, exchange, page.need ?? 'viewer');
  const body = await page.show(askedOf(gate, exchange));
  if ('redirect' in body) return exchange.reply.redirect(body.redirect, 303);
  if ('file' in body) return sendFile(exchange.reply, body.file);
  return sendPage(gate, exchange, body);
}

const sendFile = (reply: FastifyReply, { name, type, parts }: DownloadedFile): FastifyReply =>
  reply
    .header('content-disposition', `attachment; filename="${name.replaceAll(/[^A-Za-z0-9.-]+/g, '-')}"`)
    .type(type)
    .send(Readable.from(parts));

const refuseRole = (gate: Gate, exchange: Exchange, need: UserRole): Promise<FastifyReply> =>
  sendPage(gate, exchange, {
    title: 'Not with your role',
    body: html`<p>This needs the role <strong>${need}</strong>; yours is <strong>${exchange.passed?.visitor.role}</strong>.</p>
<p>An administrator changes it: <code class="command">allot users role ${exchange.passed?.visitor.name} ${need}</code></p>`,
    status: 403,
  });

async function takeAction(gate: Gate, action: Action, exchange: PassedExchange): Promise<FastifyReply> {
  const { request, reply, passed } = exchange;
  const form = formOf(request);
  if (!comesFromHere(request) || !isSameToken(form.get('csrf') ?? '', passed.csrf)) {
    return sendPage(gate, exchange, {
      title: 'Nothing was done',
      body: html`<p>The form did not come from this console, or is from an earlier login. Open the page again and repeat it.</p>`,
      status: 403,
    });
  }
  if (!mayAct(passed.visitor.role, action.need)) return refuseRole(gate, exchange, action.need);
  const { to, notice } = await action.act(askedOf(gate, exchange), form);
  setNotice(reply, notice);
  return reply.redirect(to, 303);
}

const formOf = (request: FastifyRequest): Form =>
  new URLSearchParams(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');

/** In a cookie, read once: an address that says something would let strangers put words on the page. */
function setNotice(reply: FastifyReply, notice: string): void {
  reply.setCookie(NOTICE_COOKIE, Buffer.from(notice.slice(0, NOTICE_MAX)).toString('base64url'), {
    path: '/console',
    httpOnly: true,
    sameSite: 'strict',
    maxAge: 60,
  });
}

async function sendPage(gate: Gate, { request, reply, passed }: Exchange, page: PageBody): Promise<FastifyReply> {
  const isPart = request.headers['hx-request'] !== undefined;
  const kept = isPart ? undefined : request.cookies[NOTICE_COOKIE];
  if (kept !== undefined) reply.clearCookie(NOTICE_COOKIE, { path: '/console' });
  const visitor = passed?.visitor;
  const frame: Frame = {
    here: request.url,
    visitor:
      visitor === undefined ? null : { says: visitor.name, role: visitor.role, canLogOut: visitor.way === 'session' },
    csrf: passed?.csrf ?? '',
    openAlerts: visitor === undefined || isPart ? 0 : (await countAlerts(gate.db)).open,
    notice: kept === undefined ? null : Buffer.from(kept, 'base64url').toString('utf8'),
    isReadOnly: gate.isReadOnly,
  };
  return reply
    .code(page.status ?? 200)
    .type('text/html; charset=utf-8')
    .send(String(layout(frame, page)));
}

/** What a person may mend is told; what is ours is logged, and told as such. */
async function answerFault(gate: Gate, error: FastifyError | RoleMissing, exchange: Exchange): Promise<FastifyReply> {
  if (error instanceof RoleMissing) return refuseRole(gate, exchange, error.need);
  if (error instanceof Rejected) {
    return sendPage(gate, exchange, {
      title: 'That cannot be done',
      body: html`<p>${error.message}.</p>${error.fix === undefined ? null : html`<p>What to do: <code class="command">${error.fix}</code></p>`}
<p><a href="${backOf(exchange.request)}">Back</a></p>`,
      status: 409,
    });
  }
  const status = error.statusCode !== undefined && error.statusCode < 500 ? error.statusCode : 500;
  if (status < 500)
    return sendPage(gate, exchange, {
      title: 'Not understood',
      body: html`<p>This request cannot be read.</p>`,
      status,
    });
  const isOutage = error instanceof Fault && error.code !== 'defect';
  gate.log.error({ err: error, path: exchange.request.routeOptions.url }, 'a page of the console failed');
  const says = isOutage
    ? html`<p>The database does not answer. The daemon tries again by itself; reload in a moment. <code class="command">allot doctor</code> tells more.</p>`
    : html`<p>A defect of allot. The daemon's log has it, with the address of this page.</p>`;
  const bare = layout(
    { here: '', visitor: null, csrf: '', openAlerts: 0, notice: null, isReadOnly: false },
    { title: 'This page could not be made', body: says },
  );
  return exchange.reply
    .code(isOutage ? 503 : 500)
    .type('text/html; charset=utf-8')
    .send(String(bare));
}

/** Where the form stood, when it was one of ours. */
function backOf(request: FastifyRequest): string {
  const from = URL.parse(request.headers.referer ?? '');
  return from !== null && from.host === request.raw.headers.host && from.pathname.startsWith('/console')
    ? from.pathname + from.search
    : '/console';
}
