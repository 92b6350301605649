/**
 * The HTTP server under every sandbox: one loopback socket that serves the platform's own API, with faults, and the control API under
 * /sandbox/, without. A sandbox brings a SandboxPlatform and gets the rest: control shapes checked, faults committed, calls counted.
 *
 * Guarantees: a fault is the same for every platform but `throttled`, which each words itself; after close() nothing is applied.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { routeControl } from './control-routes.ts';
import type { CallFault, FaultDice } from './faults.ts';
import {
  type ApiRequest,
  type ApiResponse,
  ControlRefusal,
  type RunningSandbox,
  type SandboxPlatform,
} from './platform.ts';

export type SandboxServerOptions = { readonly port?: number | undefined; readonly dice: FaultDice };

const BODY_BYTES_MAX = 16 * 1024 * 1024;
const HUGE_BYTES = 64 * 1024 * 1024;
const LATE_MS_MIN = 150;
const LATE_MS_SPREAD = 600;

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > BODY_BYTES_MAX) throw new ControlRefusal(`the body is larger than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function reply(response: ServerResponse, answer: ApiResponse): void {
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.byteLength,
    ...answer.headers,
  });
  response.end(body);
}

const cut = (response: ServerResponse): void => {
  response.socket?.destroy();
};

/** Announces a body and goes on sending until the receiver hangs up or the whole is out. */
function sendHuge(response: ServerResponse): void {
  const chunk = Buffer.alloc(65_536, ' ');
  let left = HUGE_BYTES;
  response.writeHead(200, { 'content-type': 'application/json' });
  const pour = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= chunk.byteLength;
      if (!response.write(chunk)) return;
    }
    response.end();
  };
  response.on('drain', pour);
  pour();
}

type Api = (request: ApiRequest) => Promise<ApiResponse>;
type FaultyCall = {
  readonly request: ApiRequest;
  readonly response: ServerResponse;
  readonly api: Api;
  readonly platform: SandboxPlatform;
};

async function commit(
  fault: Exclude<CallFault, 'none' | 'throttle'>,
  call: FaultyCall,
  dice: FaultDice,
): Promise<void> {
  const { request, response, api, platform } = call;
  switch (fault) {
    case 'hang':
      return;
    case 'error5xx':
      return reply(response, platform.unavailable?.() ?? { status: 503, body: '{"error":"service unavailable"}' });
    case 'refuseCredential':
      return reply(response, { status: 401, body: '{"error":"the access token is not valid"}' });
    case 'htmlBody':
      return reply(response, {
        status: 200,
        body: '<!doctype html><title>Just a moment</title>',
        headers: { 'content-type': 'text/html' },
      });
    case 'hugeBody':
      return sendHuge(response);
    case 'timeoutBeforeApply':
      return cut(response);
    case 'timeoutAfterApply':
      await api(request);
      return cut(response);
    case 'lateApply':
      cut(response);
      setTimeout(() => void api({ ...request, isLate: true }), LATE_MS_MIN + dice.upTo(LATE_MS_SPREAD)).unref();
      return;
    case 'emptyBody':
      await api(request);
      return reply(response, { status: 200, body: '{}' });
    case 'truncatedBody': {
      const { status, body } = await api(request);
      return reply(response, { status, body: body.slice(0, Math.floor(body.length / 2)) });
    }
  }
}

/** Starts to listen on 127.0.0.1; `port` 0 or absent takes a free one. */
export async function startSandboxServer(
  platform: SandboxPlatform,
  options: SandboxServerOptions,
): Promise<RunningSandbox> {
  const { dice } = options;
  const counts = { apiCalls: 0, throttled: 0, faulted: 0 };
  let isClosed = false;
  const api: Api = async (request) => (isClosed ? { status: 503, body: '{}' } : platform.api(request));

  const serveApi = async (request: ApiRequest, response: ServerResponse): Promise<void> => {
    counts.apiCalls += 1;
    const fault = dice.rollCall();
    if (fault === 'none') return reply(response, await api(request));
    if (fault === 'throttle') {
      counts.throttled += 1;
      return reply(response, platform.throttled());
    }
    counts.faulted += 1;
    return commit(fault, { request, response, api, platform }, dice);
  };

  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(message.url ?? '/', 'http://sandbox');
    const rawBody = await readBody(message);
    const headers = message.headers as Record<string, string | undefined>;
    const request = {
      method: message.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers,
      rawBody,
      isLate: false,
    };
    if (!url.pathname.startsWith('/sandbox/')) return serveApi(request, response);
    const { documentStats: documents } = platform;
    const stats = {
      ...counts,
      ...platform.deliveryStats,
      orders: platform.orderCount,
      ...(documents === undefined ? {} : { documents }),
    };
    return reply(response, routeControl(request, { platform, dice, stats }));
  };

  const server = createServer((message, response) => {
    serve(message, response).catch((error: unknown) => {
      // A caller that hangs up while it is read from is what faults and aborts look like from here.
      if (response.destroyed || response.headersSent) return;
      const isRefusal = error instanceof ControlRefusal;
      const why = error instanceof Error ? error.message : String(error);
      reply(response, { status: isRefusal ? 409 : 500, body: JSON.stringify({ error: why }) });
    });
  });
  server.keepAliveTimeout = 60_000;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(options.port ?? 0, '127.0.0.1', resolve);
  await promise;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      isClosed = true;
      platform.close();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}
