/** The door over real sockets: what is stored, what is refused, and that no 2xx leaves before the store has said yes. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { InboundRequest, Verdict } from '#connectors/connector.ts';
import type { Received } from '#db/inbox.ts';
import { type HttpOptions, type HttpServer, startHttp } from '#workers/http.ts';

const NOW = Date.parse('2026-03-02T10:00:00Z');
const CHANNEL = 'fake:a';
const GOOD = { 'x-signature': 'good', 'x-event': 'e1', 'content-type': 'application/json' };

type Door = {
  readonly http: HttpServer;
  readonly url: string;
  readonly stored: Received[];
  readonly seen: InboundRequest[];
  readonly counted: string[];
  readonly logged: { fields: object; message: string }[];
};

const open: HttpServer[] = [];
afterEach(async () => {
  for (const http of open.splice(0)) await http.close();
});

/** Believes whoever says so, and names the event by a header. */
const verifyByHeader = async ({ headers }: InboundRequest): Promise<Verdict> =>
  headers['x-signature'] === 'good'
    ? { ok: true, assurance: 'signed', dedupeKey: headers['x-event'] ?? '', topic: headers['x-topic'] ?? 'orders' }
    : { ok: false, reason: 'the signature does not fit' };

type Given = Partial<Pick<HttpOptions, 'store' | 'ready' | 'now'>> & { readonly verify?: typeof verifyByHeader };

async function openDoor({ verify = verifyByHeader, ...given }: Given = {}): Promise<Door> {
  const stored: Received[] = [];
  const seen: InboundRequest[] = [];
  const counted: string[] = [];
  const logged: Door['logged'] = [];
  const write = (fields: object, message: string) => void logged.push({ fields, message });
  const http = await startHttp({
    host: '127.0.0.1',
    port: 0,
    connections: new Map([
      [
        CHANNEL,
        {
          verify: (request) => {
            seen.push(request);
            return verify(request);
          },
        },
      ],
    ]),
    store: async (entries) => stored.push(...entries) && entries.length,
    ready: async () => ({ ok: true, reasons: [] }),
    metrics: {
      countWebhook: (channel, outcome) => void counted.push(`${channel} ${outcome}`),
      countDuplicates: (count) => void (count > 0 && counted.push(`${count} duplicates`)),
      expose: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'allot_up 1\n' }),
    },
    log: { debug: write, info: write, warn: write, error: write },
    now: () => NOW,
    console: null,
    ...given,
  });
  open.push(http);
  return { http, url: `http://127.0.0.1:${http.port}`, stored, seen, counted, logged };
}

const post = (
  url: string,
  headers: Record<string, string>,
  body: string | Uint8Array<ArrayBuffer> = '{}',
  path = 'orders',
) => fetch(`${url}/webhooks/${encodeURIComponent(CHANNEL)}/${path}`, { method: 'POST', headers, body });

/** Sends raw bytes and answers all that comes back until the other side closes. */
async function talk(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(text);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('utf8');
}

describe('POST /webhooks/CHANNEL/...', () => {
  it('stores the bytes as they came, whatever their content type, and then answers 200', async () => {
    const { url, stored, seen, counted } = await openDoor();
    const bytes = new Uint8Array([0, 255, 123, 10, 195]);
    const answers = [
      await post(url, GOOD, '{ "a":1 }'),
      await post(url, { ...GOOD, 'content-type': 'image/png' }, bytes, 'a/b?topic=x&y=%2F'),
      await post(url, { ...GOOD, 'content-type': 'application/x-www-form-urlencoded' }, 'a=1'),
      await post(url, { ...GOOD, 'content-type': 'nonsense' }, 'a=1'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await answers[0]?.text()).toBe('');
    expect(stored.map(({ rawBody }) => Buffer.from(rawBody).toString('latin1'))).toEqual([
      '{ "a":1 }',
      Buffer.from(bytes).toString('latin1'),
      'a=1',
      'a=1',
    ]);
    expect(seen.map(({ headers }) => headers['content-type'])).toEqual([
      'application/json',
      'image/png',
      'application/x-www-form-urlencoded',
      'nonsense',
    ]);
    expect(stored[0]).toMatchObject({ channelId: CHANNEL, key: 'e1', topic: 'orders', source: 'webhook' });
    expect(seen[1]).toMatchObject({ method: 'POST', path: '/webhooks/fake%3Aa/a/b?topic=x&y=%2F', now: NOW });
    expect(counted).toEqual(Array(4).fill('fake:a stored'));
  });

  it('takes a body in chunks, none at all, and a path without a tail', async () => {
    const { http, stored } = await openDoor();
    const head =
      'POST /webhooks/fake:a HTTP/1.1\r\nHost: x\r\nX-Signature: good\r\nX-Event: e\r\nConnection: close\r\n';
    expect(await talk(http.port, `${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 200/,
    );
    expect(await talk(http.port, `${head}\r\n`)).toMatch(/^HTTP\/1\.1 200/);
    expect(stored.map(({ rawBody }) => Buffer.from(rawBody).toString())).toEqual(['abcde', '']);
  });

  it('answers 401 to a forged one: counted, nothing stored, the reason logged once a minute', async () => {
    let now = NOW;
    const { url, stored, counted, logged } = await openDoor({ now: () => now });
    const answer = await post(url, { 'x-signature': 'bad' }, 'not even json');
    expect([answer.status, await answer.json()]).toEqual([401, { error: 'not accepted' }]);
    await post(url, {});
    await post(url, {});
    expect(stored).toEqual([]);
    expect(counted).toEqual(Array(3).fill('fake:a refused'));
    expect(logged.map(({ fields }) => fields)).toEqual([
      { channel: CHANNEL, reason: 'the signature does not fit', held: 0 },
    ]);
    now += 60_000;
    await post(url, {});
    expect(logged[1]?.fields).toMatchObject({ held: 2 });
  });

  it('joins a repeated header, so that a second signature cannot hide behind a good one', async () => {
    const { http, seen } = await openDoor();
    const twice = ['X-Signature', 'Authorization'].flatMap((name) => [`${name}: good`, `${name}: bad`]).join('\r\n');
    const answer = await talk(
      http.port,
      `POST /webhooks/fake:a/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${twice}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 401/);
    expect(seen[0]?.headers).toMatchObject({ 'x-signature': 'good, bad', authorization: 'good, bad' });
  });

  it('answers 404 for a channel that is not configured, under one label', async () => {
    const { url, seen, counted } = await openDoor();
    const answer = await fetch(`${url}/webhooks/fake%3Anobody/x`, { method: 'POST', headers: GOOD, body: '{}' });
    expect([answer.status, await answer.json()]).toEqual([404, { error: 'no such channel' }]);
    expect(seen).toEqual([]);
    expect(counted).toEqual(['unknown unknownChannel']);
  });

  it('gives the answer that the connector wants given, after storing', async () => {
    const response = { status: 202, body: '<ok/>', contentType: 'application/xml' };
    const { url, stored } = await openDoor({
      verify: async () => ({ ok: true, assurance: 'none', dedupeKey: 'challenge', topic: 'challenge', response }),
    });
    const answer = await post(url, {});
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      202,
      'application/xml',
      '<ok/>',
    ]);
    expect(stored).toHaveLength(1);
  });

  it('answers 2xx only after the store has, and gathers what comes meanwhile', async () => {
    const writes: { size: number; done: PromiseWithResolvers<void> }[] = [];
    const { url, seen } = await openDoor({
      store: async (entries) => {
        const done = Promise.withResolvers<void>();
        writes.push({ size: entries.length, done });
        await done.promise;
        return entries.length;
      },
    });
    let answered = 0;
    const answers = Array.from({ length: 10 }, async (_, index) => {
      const { status } = await post(url, { ...GOOD, 'x-event': `e${index}` });
      answered += 1;
      return status;
    });
    await expect.poll(() => seen.length).toBe(10);
    // A whole round trip later they have had every chance to be answered.
    await fetch(`${url}/healthz`);
    expect([writes.map(({ size }) => size), answered]).toEqual([[1, 1], 0]);
    writes[0]?.done.resolve();
    await expect.poll(() => writes.map(({ size }) => size)).toEqual([1, 1, 8]);
    await expect.poll(() => answered).toBe(1);
    writes[1]?.done.resolve();
    writes[2]?.done.resolve();
    expect(await Promise.all(answers)).toEqual(Array(10).fill(200));
  });

  it('answers 503 when it cannot be stored, so that the platform sends it again', async () => {
    let isDown = true;
    const { url, stored, counted, logged } = await openDoor({
      store: async (entries) => {
        if (isDown) throw new Error('disk full: jo@example.com');
        return stored.push(...entries);
      },
    });
    const answer = await post(url, GOOD);
    const body = await answer.text();
    expect([answer.status, body]).toEqual([503, '{"error":"not stored, send it again"}']);
    expect(logged[0]).toMatchObject({
      fields: { channel: CHANNEL },
      message: 'webhook not stored: the platform has to send it again',
    });
    isDown = false;
    expect((await post(url, GOOD)).status).toBe(200);
    expect(counted).toEqual(['fake:a unavailable', 'fake:a stored']);
  });

  it('answers 200 to a duplicate, and counts it', async () => {
    const { url, counted } = await openDoor({ store: async () => 0 });
    expect((await post(url, GOOD)).status).toBe(200);
    expect(counted).toEqual(['1 duplicates', 'fake:a stored']);
  });

  it('answers 503 when the check itself fails', async () => {
    const { url, stored } = await openDoor({ verify: () => Promise.reject(new Error('keys cannot be fetched')) });
    expect((await post(url, GOOD)).status).toBe(503);
    expect(stored).toEqual([]);
  });

  it('refuses more than 2 MiB, announced or in chunks, and takes exactly that', async () => {
    const { http, url, stored, seen, counted } = await openDoor();
    const limit = 2 * 1024 * 1024;
    expect((await post(url, GOOD, 'x'.repeat(limit))).status).toBe(200);
    const answer = await post(url, GOOD, 'x'.repeat(limit + 1));
    expect([answer.status, await answer.json()]).toEqual([413, { error: 'at most 2097152 bytes' }]);
    const chunk = `100000\r\n${'x'.repeat(1024 * 1024)}\r\n`;
    const head =
      'POST /webhooks/fake:a/x HTTP/1.1\r\nHost: x\r\nX-Signature: good\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(await talk(http.port, `${head}${chunk}${chunk}1\r\nx\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413/);
    expect([stored.length, seen.length]).toEqual([1, 1]);
    expect(counted).toEqual(['fake:a stored', 'fake:a tooLarge', 'fake:a tooLarge']);
  });

  it('cuts off who sends too slowly', async () => {
    const { http, stored } = await openDoor();
    const head = 'POST /webhooks/fake:a/x HTTP/1.1\r\nHost: x\r\nX-Signature: good\r\nContent-Length: 10\r\n\r\n';
    expect(await talk(http.port, `${head}abc`)).toMatch(/^HTTP\/1\.1 408/);
    expect(stored).toEqual([]);
  });

  it('makes names fit the inbox: one strange name must not fail a whole batch', async () => {
    const { url, stored } = await openDoor({
      verify: async ({ headers }) => ({
        ok: true,
        assurance: 'none',
        dedupeKey: JSON.parse(headers['x-event'] ?? '""') as string,
        topic: JSON.parse(headers['x-topic'] ?? '""') as string,
      }),
    });
    const names = ['plain key 1', 'nul \u0000', 'lone \ud800', 'é', 'x'.repeat(3_000), ''];
    for (const name of names)
      await post(url, { 'x-event': JSON.stringify(name).replaceAll('é', '\\u00e9'), 'x-topic': '"a\\u0000b"' });
    const keys = stored.map(({ key }) => key);
    expect(keys[0]).toBe('plain key 1');
    for (const key of keys.slice(1)) expect(key).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(new Set(keys).size).toBe(names.length);
    expect(stored[0]?.topic).toBe('a?b');
  });
});

describe('GET', () => {
  it('tells that the process is up, and the metrics', async () => {
    const { url } = await openDoor();
    const health = await fetch(`${url}/healthz`);
    expect([health.status, await health.json()]).toEqual([200, { status: 'up' }]);
    const metrics = await fetch(`${url}/metrics`);
    expect([metrics.headers.get('content-type'), await metrics.text()]).toEqual([
      'text/plain; version=0.0.4',
      'allot_up 1\n',
    ]);
  });

  it('tells why it is not ready', async () => {
    const { http, url } = await openDoor({ ready: async () => ({ ok: false, reasons: ['database: gone'] }) });
    const answer = await fetch(`${url}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([503, { ok: false, reasons: ['database: gone'] }]);
    http.drain();
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ ok: false, reasons: ['draining', 'database: gone'] });
  });

  it('is not ready when nobody answers, or the answer is an error', async () => {
    const silent = await openDoor({ ready: () => new Promise(() => undefined) });
    const answer = await fetch(`${silent.url}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([503, { ok: false, reasons: ['no answer within 2 s'] }]);
    const broken = await openDoor({ ready: () => Promise.reject(new Error('at /secret/path')) });
    const text = await (await fetch(`${broken.url}/readyz`)).text();
    expect(text).toBe('{"ok":false,"reasons":["readiness could not be told: see the log"]}');
  });

  it('answers JSON without a stack to everything else', async () => {
    const { http, url } = await openDoor();
    const answer = await fetch(`${url}/admin`);
    expect([answer.status, await answer.json()]).toEqual([404, { error: 'there is nothing here' }]);
    const bad = await fetch(`${url}/webhooks/%zz/x`, { method: 'POST' });
    expect([bad.status, await bad.json()]).toEqual([400, { error: 'not understood' }]);
    const garbage = await talk(http.port, 'NOT HTTP\r\n\r\n');
    expect(garbage).toMatch(/^HTTP\/1\.1 400/);
    expect(garbage).not.toMatch(/\bat .*\.[jt]s|node:/);
  });
});

describe('closing', () => {
  it('finishes what is open and takes no more', async () => {
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const { http, url, stored } = await openDoor({
      store: async (entries) => {
        reached.resolve();
        await gate.promise;
        return stored.push(...entries);
      },
    });
    const answer = post(url, GOOD);
    await reached.promise;
    let isClosed = false;
    const closed = http.close().then(() => {
      isClosed = true;
    });
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed');
    expect([isClosed, stored.length]).toEqual([false, 0]);
    gate.resolve();
    expect((await answer).status).toBe(200);
    // Not held up by the answered connection, which the client would keep: else the test's own limit ends it.
    await closed;
    expect(stored).toHaveLength(1);
    await http.close();
  });

  it('says who to look for when the port is taken', async () => {
    const { http } = await openDoor();
    const second = startHttp({
      host: '127.0.0.1',
      port: http.port,
      connections: new Map(),
      store: async () => 0,
      ready: async () => ({ ok: true, reasons: [] }),
      metrics: {
        countWebhook: () => undefined,
        countDuplicates: () => undefined,
        expose: () => Promise.reject(new Error('none')),
      },
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      now: () => NOW,
      console: null,
    });
    await expect(second).rejects.toThrow(
      `Cannot listen on 127.0.0.1 port ${http.port} (EADDRINUSE). Another process listens there: end it, or set PORT, or http.port in allot.yaml.`,
    );
  });
});
