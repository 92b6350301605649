import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { asRead, createFetch, faultOfStatus, isAllowedHost, retryAtOf } from '#connectors/http.ts';
import { Credential, Rejected, Throttled, Transient, Uncertain } from '#core/errors.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const HANDLERS: Readonly<Record<string, Handler>> = {
  '/ok': (_, response) => response.end('{"a":1}'),
  '/nothing': (_, response) => response.writeHead(204).end(),
  '/cut': (request) => request.socket.destroy(),
  '/hang': () => undefined,
  '/drip': (_, response) => {
    response.write('{');
    const timer = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(timer));
  },
  '/large': (_, response) => response.end('x'.repeat(2000)),
  '/half': (_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half', () => response.socket?.destroy());
  },
  '/here': (_, response) => response.writeHead(302, { location: '/ok' }).end(),
  '/away': (_, response) => response.writeHead(307, { location: 'http://elsewhere.example/ok' }).end(),
  '/loop': (_, response) => response.writeHead(302, { location: '/loop' }).end(),
};

const seen: string[] = [];
const server = createServer((request, response) => {
  seen.push(`${request.method} ${request.url}`);
  request.resume();
  HANDLERS[request.url ?? '']?.(request, response);
});
let origin = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  seen.length = 0;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const create = (deadlineMs = 2000) => createFetch({ allowedHosts: ['127.0.0.1'], deadlineMs, maxBytes: 1000 });
const get = (path: string, deadlineMs?: number) => create(deadlineMs)(`${origin}${path}`);
const post = (path: string, deadlineMs?: number) =>
  create(deadlineMs)(`${origin}${path}`, { method: 'POST', body: 'x' });

describe('createFetch', () => {
  test('answers with the whole body, and with none where there is none', async () => {
    expect(await (await get('/ok')).json()).toEqual({ a: 1 });
    expect((await get('/nothing')).status).toBe(204);
    expect(await (await create()(new Request(`${origin}/ok`, { method: 'PUT', body: 'x' }))).text()).toBe('{"a":1}');
    expect(seen).toEqual(['GET /ok', 'GET /nothing', 'PUT /ok']);
  });

  test.each(['/cut', '/half', '/large'])('%s leaves a read undone and a write uncertain', async (path) => {
    await expect(get(path)).rejects.toBeInstanceOf(Transient);
    await expect(post(path)).rejects.toBeInstanceOf(Uncertain);
  });

  test.each(['/hang', '/drip'])('the deadline ends %s', async (path) => {
    await expect(get(path, 150)).rejects.toThrow(/no answer within 150 ms/);
    await expect(post(path, 150)).rejects.toBeInstanceOf(Uncertain);
  });

  test("the caller's signal ends a call, and before it nothing is sent", async () => {
    const late = create()(`${origin}/hang`, { method: 'POST', body: 'x', signal: AbortSignal.timeout(30) });
    await expect(late).rejects.toBeInstanceOf(Uncertain);
    expect(seen).toEqual(['POST /hang']);
    const never = create()(`${origin}/ok`, { method: 'POST', body: 'x', signal: AbortSignal.abort() });
    await expect(never).rejects.toBeInstanceOf(Transient);
    expect(seen).toEqual(['POST /hang']);
  });

  test('no connection means that nothing was sent, for a write too', async () => {
    const vacated = createServer();
    await new Promise<void>((resolve) => {
      vacated.listen(0, '127.0.0.1', resolve);
    });
    const { port } = vacated.address() as AddressInfo;
    await new Promise((resolve) => {
      vacated.close(resolve);
    });
    const call = create()(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x' });
    await expect(call).rejects.toThrow(/ECONNREFUSED.*nothing was sent/);
    await expect(call).rejects.toBeInstanceOf(Transient);
  });

  test('an unknown host is Transient', async () => {
    const call = createFetch({ allowedHosts: ['nowhere.invalid'], deadlineMs: 5000, maxBytes: 1000 });
    await expect(call('http://nowhere.invalid/', { method: 'POST', body: 'x' })).rejects.toBeInstanceOf(Transient);
  });

  test('a host that is not on the list is never called', async () => {
    for (const url of ['http://localhost:1/', 'http://169.254.169.254/latest', 'file:///etc/hosts']) {
      const fault = await create()(url).catch((error: unknown) => error);
      expect(fault).toBeInstanceOf(Rejected);
      expect(fault).toMatchObject({ field: 'url', fix: expect.stringContaining('127.0.0.1') });
    }
  });

  test('a redirect is followed at home and for reads alone', async () => {
    expect(await (await get('/here')).json()).toEqual({ a: 1 });
    await expect(post('/here')).rejects.toBeInstanceOf(Rejected);
    await expect(get('/away')).rejects.toMatchObject({ code: 'rejected', value: 'elsewhere.example' });
    await expect(get('/loop')).rejects.toBeInstanceOf(Transient);
    expect(seen.filter((call) => call === 'GET /loop')).toHaveLength(4);
  });
});

test.each([
  ['https://api.example.com/x', ['api.example.com'], true],
  ['https://api.example.com:8443/x', ['api.example.com'], true],
  ['https://api.example.com:8443/x', ['api.example.com:443'], false],
  ['https://API.Example.com/x', ['Api.example.com'], true],
  ['https://eu.api.example.com/x', ['*.example.com'], true],
  ['https://example.com/x', ['*.example.com'], false],
  ['https://badexample.com/x', ['*.example.com'], false],
  ['https://api.example.com.evil.net/x', ['api.example.com', '*.example.com'], false],
  ['https://api.example.com@evil.net/x', ['api.example.com'], false],
])('%s with %j allowed: %s', (url, allowedHosts, isAllowed) => {
  expect(isAllowedHost(new URL(url), allowedHosts)).toBe(isAllowed);
});

const NOW = Date.parse('2026-11-23T12:00:00Z');
const judge = (status: number, isWrite: boolean, headers: Record<string, string> = {}) =>
  faultOfStatus(new Response(status === 204 ? null : 'because', { status, headers }), {
    what: 'call',
    isWrite,
    now: NOW,
    answer: 'because',
  });

test('a status is a fault by what may have been applied', () => {
  expect([judge(200, true), judge(204, true)]).toEqual([null, null]);
  expect(judge(429, true, { 'retry-after': '7' })).toEqual(expect.objectContaining({ retryAt: NOW + 7000 }));
  expect(judge(429, true)).toBeInstanceOf(Throttled);
  for (const status of [401, 403]) expect(judge(status, false)).toBeInstanceOf(Credential);
  expect(judge(503, true)).toBeInstanceOf(Transient);
  for (const status of [500, 502, 504]) {
    expect(judge(status, false)).toBeInstanceOf(Transient);
    expect(judge(status, true)).toBeInstanceOf(Uncertain);
  }
  expect(judge(400, true)).toMatchObject({
    code: 'rejected',
    value: '400',
    message: expect.stringContaining('because'),
  });
});

test.each([
  ['7', 7000],
  ['0', 1000],
  ['0.5', 1000],
  ['Mon, 23 Nov 2026 12:00:30 GMT', 30_000],
  ['Mon, 23 Nov 2026 11:00:00 GMT', 1000],
  ['999999', 3_600_000],
  ['soon', 5000],
])('Retry-After %s waits %i ms', (text, waitMs) => {
  expect(retryAtOf(new Headers({ 'retry-after': text }), NOW)).toBe(NOW + waitMs);
});

test('a read by POST that is lost is Transient', async () => {
  await expect(asRead(post('/cut'))).rejects.toBeInstanceOf(Transient);
  await expect(asRead(Promise.reject(new Credential('no')))).rejects.toBeInstanceOf(Credential);
});
