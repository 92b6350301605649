/**
 * The door: webhooks in, health and metrics out; and the console, where one is handed in.
 *
 * | what comes                            | answer                                   | stored |
 * | a channel that is not configured      | 404                                      | no     |
 * | refused by the connector's check      | 401                                      | no     |
 * | above 2 MiB / slower than 5 s         | 413 / 408                                | no     |
 * | the check or the store fails, or full | 503: the platform sends again            | no     |
 * | good, also a duplicate                | 200, or what the connector wants answered| yes, before the answer |
 *
 * Guarantees I7: a 2xx leaves after the commit. Bytes stay as they came, whatever their content type. No answer shows a reason, a
 * stack or a value: reasons are logged, once per channel and minute.
 */
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { ChannelConnection, InboundRequest, Verdict } from '#connectors/connector.ts';
import type { ChannelId, Instant } from '#core/model.ts';
import type { Received } from '#db/inbox.ts';
import { addConsole } from './console/console.ts';
import type { ConsoleParts } from './console/parts.ts';
import type { Log } from './context.ts';
import { createGroupCommit, type GroupCommit } from './group-commit.ts';
import { storableKey, storableTopic } from './inbox-names.ts';
import type { Metrics, WebhookOutcome } from './metrics.ts';
import type { Tracing } from './tracing.ts';

export type Readiness = { readonly ok: boolean; readonly reasons: readonly string[] };

export type HttpOptions = {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly connections: ReadonlyMap<ChannelId, Pick<ChannelConnection, 'verify'>>;
  /** Resolves after the commit, to the number of entries that were new. */
  readonly store: (entries: readonly Received[]) => Promise<number>;
  readonly ready: () => Promise<Readiness>;
  readonly metrics: Pick<Metrics, 'countWebhook' | 'countDuplicates' | 'expose'>;
  readonly log: Log;
  readonly now: () => Instant;
  /** Null: this daemon serves none. */
  readonly console: ConsoleParts | null;
  readonly tracing?: Pick<Tracing, 'event'>;
};

export type HttpServer = {
  readonly port: number;
  /** From now on not ready, so that a load balancer turns away; webhooks are still taken. */
  drain(): void;
  /** Takes no more, finishes what is open, then resolves. Safe to call twice. */
  close(): Promise<void>;
};

const BODY_MAX_BYTES = 2 * 1024 * 1024;
const READ_TIMEOUT_MS = 5_000;
const READY_TIMEOUT_MS = 2_000;
/** Below the idle time of the usual proxies, long enough that a platform's next event finds the connection open. */
const KEEP_ALIVE_MS = 5_000;
const REFUSAL_LOG_EVERY_MS = 60_000;

type Door = HttpOptions & {
  readonly inbox: GroupCommit<Received>;
  readonly refusals: Map<ChannelId, { readonly loggedAt: Instant; readonly count: number }>;
};

export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  let isDraining = false;
  const app = openApp(() => isDraining);
  const inbox = createGroupCommit<Received>({
    write: async (batch) => {
      const stored = await options.store(batch);
      options.metrics.countDuplicates(batch.length - stored);
    },
    bytesOf: ({ rawBody }) => rawBody.byteLength,
  });
  const door: Door = { ...options, inbox, refusals: new Map() };
  app.setErrorHandler<FastifyError>((error, request, reply) => answerError(door, error, { request, reply }));
  app.setNotFoundHandler((_, reply) => reply.code(404).send({ error: 'there is nothing here' }));
  const receive = (request: FastifyRequest, reply: FastifyReply) => takeWebhook(door, request, reply);
  app.post('/webhooks/:channelId', receive);
  app.post('/webhooks/:channelId/*', receive);
  app.get('/healthz', () => ({ status: 'up' }));
  app.get('/readyz', async (_, reply) => {
    const { ok, reasons } = await readReadiness(door, isDraining);
    return reply.code(ok ? 200 : 503).send({ ok, reasons });
  });
  app.get('/metrics', async (_, reply) => {
    const { contentType, body } = await options.metrics.expose();
    return reply.type(contentType).send(body);
  });
  if (options.console !== null) await serveConsole(app, options.console);
  const port = await listen(app, options);
  let closing: Promise<void> | undefined;
  const close = async () => {
    isDraining = true;
    await app.close();
    await inbox.settle();
  };
  return {
    port,
    drain: () => {
      isDraining = true;
    },
    close: () => (closing ??= close()),
  };
}

function openApp(isDraining: () => boolean): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_MAX_BYTES,
    requestTimeout: READ_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Node looks for requests over their time every 30 s unless told otherwise.
    http: { headersTimeout: READ_TIMEOUT_MS, connectionsCheckingInterval: 500 },
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (_, __, reply: FastifyReply) => {
      void reply.code(400).send({ error: 'not understood' });
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => {
    done(null, body);
  });
  // A content type that is no content type would be refused with 415, though nobody here reads it. What the connector sees stays as
  // it came (headersDistinct is made from the raw list).
  app.addHook('onRequest', async ({ raw }) => {
    if (raw.headers['content-type'] !== undefined) raw.headers['content-type'] = 'application/octet-stream';
  });
  // An answer that leaves while we close must not keep its connection, or closing waits for it to time out.
  app.addHook('onSend', async (_, reply) => {
    if (isDraining()) reply.header('connection', 'close');
  });
  return app;
}

async function serveConsole(app: FastifyInstance, parts: ConsoleParts): Promise<void> {
  await app.register((inner) => addConsole(inner, parts), { prefix: '/console' });
  app.get('/', (_, reply) => reply.redirect('/console', 302));
}

async function listen(app: FastifyInstance, { host, port }: HttpOptions): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) throw error;
    const fix = FIXES[error.code] ?? 'Check HOST and PORT.';
    throw new Error(`Cannot listen on ${host} port ${port} (${error.code}). ${fix}`, { cause: error });
  }
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

const FIXES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Another process listens there: end it, or set PORT, or http.port in allot.yaml.',
  EACCES: 'Ports below 1024 need privileges: set PORT to a higher one.',
  EADDRNOTAVAIL: 'This machine has no such address: set HOST, or http.host in allot.yaml.',
};

type Answer = {
  readonly outcome: WebhookOutcome;
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
};

const refuse = (outcome: WebhookOutcome, status: number, error: string): Answer => ({
  outcome,
  status,
  body: JSON.stringify({ error }),
  contentType: 'application/json; charset=utf-8',
});

async function takeWebhook(door: Door, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { channelId } = request.params as { channelId: string };
  const connection = door.connections.get(channelId);
  const answer =
    connection === undefined
      ? refuse('unknownChannel', 404, 'no such channel')
      : await answerWebhook(door, { channelId, connection, inbound: readInbound(request, door.now()) });
  // A stranger's name as a label would grow without end.
  door.metrics.countWebhook(connection === undefined ? 'unknown' : channelId, answer.outcome);
  return reply.code(answer.status).type(answer.contentType).send(answer.body);
}

type Arrival = {
  readonly channelId: ChannelId;
  readonly connection: Pick<ChannelConnection, 'verify'>;
  readonly inbound: InboundRequest;
};

async function answerWebhook(door: Door, { channelId, connection, inbound }: Arrival): Promise<Answer> {
  try {
    const verdict = await connection.verify(inbound);
    if (!verdict.ok) {
      logRefusal(door, channelId, verdict.reason);
      return refuse('refused', 401, 'not accepted');
    }
    const received = toReceived(channelId, verdict, inbound.rawBody);
    await door.inbox.add(received);
    door.tracing?.event(channelId, received.key, { begunAt: inbound.now, endedAt: door.now() });
    return { outcome: 'stored', status: 200, body: '', contentType: 'text/plain', ...verdict.response };
  } catch (error) {
    door.log.error({ channel: channelId, err: error }, 'webhook not stored: the platform has to send it again');
    return refuse('unavailable', 503, 'not stored, send it again');
  }
}

/** Repeated headers are joined, all alike: Node keeps only the first of some, so a second signature could hide behind a good one. */
function readInbound({ raw, method, body }: FastifyRequest, now: Instant): InboundRequest {
  const headers = Object.entries(raw.headersDistinct).map(([name, values]) => [name, values?.join(', ')] as const);
  return {
    method,
    path: raw.url ?? '/',
    headers: Object.fromEntries(headers),
    rawBody: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
    now,
  };
}

function toReceived(channelId: ChannelId, verdict: Extract<Verdict, { ok: true }>, rawBody: Uint8Array): Received {
  return {
    channelId,
    key: storableKey(verdict.dedupeKey),
    topic: storableTopic(verdict.topic),
    source: 'webhook',
    assurance: verdict.assurance,
    rawBody,
  };
}

/** A forger must not fill the disk with log lines; a wrong secret must still be found in the log. */
function logRefusal(door: Door, channel: ChannelId, reason: string): void {
  const last = door.refusals.get(channel);
  const now = door.now();
  if (last !== undefined && now - last.loggedAt < REFUSAL_LOG_EVERY_MS) {
    door.refusals.set(channel, { ...last, count: last.count + 1 });
    return;
  }
  door.log.warn({ channel, reason, held: last?.count ?? 0 }, 'webhook refused: forged, or the secret is wrong');
  door.refusals.set(channel, { loggedAt: now, count: 0 });
}

async function readReadiness(door: Door, isDraining: boolean): Promise<Readiness> {
  const silence = Promise.withResolvers<Readiness>();
  const timer = setTimeout(() => {
    silence.resolve({ ok: false, reasons: [`no answer within ${READY_TIMEOUT_MS / 1_000} s`] });
  }, READY_TIMEOUT_MS);
  try {
    const { ok, reasons } = await Promise.race([door.ready(), silence.promise]);
    return isDraining ? { ok: false, reasons: ['draining', ...reasons] } : { ok, reasons };
  } catch (error) {
    door.log.warn({ err: error }, 'readiness could not be told');
    return { ok: false, reasons: ['readiness could not be told: see the log'] };
  } finally {
    clearTimeout(timer);
  }
}

/** Errors from before a handler: too large, cut off, malformed. */
function answerError(
  door: Door,
  error: FastifyError,
  at: { readonly request: FastifyRequest; readonly reply: FastifyReply },
) {
  const status =
    error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500 ? error.statusCode : 500;
  if (status === 413) {
    const { channelId } = at.request.params as { channelId?: string };
    const channel = channelId !== undefined && door.connections.has(channelId) ? channelId : 'unknown';
    door.metrics.countWebhook(channel, 'tooLarge');
  }
  if (status === 500) door.log.error({ err: error }, 'request failed');
  return at.reply.code(status).send({ error: status === 413 ? `at most ${BODY_MAX_BYTES} bytes` : 'not understood' });
}
