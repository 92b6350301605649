import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterEach, describe, expect, test } from 'vitest';
import { command } from '#test/support/brand.ts';
import { openPipeline, type Pipeline } from '#test/support/pipeline.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { decidePending } from '#workers/allocate.ts';
import { pollChannel } from '#workers/intake.ts';
import { pushChannel } from '#workers/push.ts';
import { spanIdOf, type Tracing, traceConnection } from '#workers/tracing.ts';
import { openTracing } from '#workers/tracing-otlp.ts';

type Span = {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
};

const never = new AbortController().signal;
const SKU = 'TOP-SECRET-MUG';

/** A collector of traces that keeps what it is sent; `status` other than 200 refuses. */
async function startCollector(status = 200) {
  const bodies: string[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      bodies.push(body);
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  type Body = { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    spans: () =>
      bodies.flatMap((body) =>
        (JSON.parse(body) as Body).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
      ),
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const warnings: string[] = [];
const log = {
  debug: () => undefined,
  info: () => undefined,
  error: () => undefined,
  warn: (_: object, message: string) => void warnings.push(message),
};

async function stage(): Promise<{
  p: Pipeline;
  tracing: Tracing;
  collector: Awaited<ReturnType<typeof startCollector>>;
}> {
  const collector = await startCollector();
  const p = await openPipeline({ partners: { 'fake:a': {}, 'fake:b': {} }, skus: [SKU] });
  open.push(collector.close, () => p.close());
  return {
    p,
    collector,
    tracing: openTracing({ endpoint: collector.endpoint, instance: 'test', db: p.store.db, log }),
  };
}

describe('traces', () => {
  test('lead from an attempt to its batch, and from there to the event, by ids that are made of their keys', async () => {
    const { p, tracing, collector } = await stage();
    const { db } = p.store;
    await command(db, { kind: 'receive', sku: SKU, location: 'main', quantity: 10, disposition: 'sellable' });
    await p.quiet();
    await p.control('fake:b').placeOrder({ lines: [{ sku: SKU, quantity: 3 }] });
    const context = { ...p.context, tracing };
    await pollChannel(context, 'fake:b', never);
    await tracing.bell('allocate', '', () =>
      decidePending(db, { now: () => p.clock.now, onBatch: (batch) => tracing.batch(batch) }),
    );
    await tracing.bell('push', 'fake:a', () => pushChannel(context, 'fake:a', never));
    await tracing.close();

    const spans = collector.spans();
    const [event] = await db.rows<{ key: string }>(sql`select key from inbox_key where channel_id = 'fake:b'`);
    const [attempt] = await db.rows<{ id: number; batch: number }>(sql`
      select i.attempt_id as id, t.batch_id as batch from push_attempt_item i join target_entry t using (listing_id, version)
      join listing l on l.id = i.listing_id where l.channel_id = 'fake:a' order by i.attempt_id desc limit 1`);
    const sent = spans.find(({ name }) => name === 'send allot.attempt');
    expect(sent).toMatchObject(spanIdOf('attempt', String(attempt?.id)));
    const batchId = spanIdOf('batch', String(attempt?.batch));
    expect(sent?.links).toContainEqual(expect.objectContaining(batchId));
    const batch = spans.find(({ spanId }) => spanId === batchId.spanId);
    expect(batch?.name).toBe('decide allot.batch');
    expect(batch?.links).toContainEqual(expect.objectContaining(spanIdOf('event', `fake:b ${event?.key}`)));
    expect(spans.find(({ name }) => name === 'allot.core.decide')?.parentSpanId).toBe(batchId.spanId);
    expect(spans.map(({ name }) => name)).toContain('process allot.push');
    expect(collector.bodies.join(), 'an SKU in a trace').not.toContain(SKU);
  });

  test('a call of a platform that fails is a span with its error, inside the bell that made it', async () => {
    const { p, tracing, collector } = await stage();
    const channel = p.context.channels.get('fake:a');
    if (channel === undefined) throw new Error('no channel');
    const traced = traceConnection('fake:a', channel.connection, tracing);
    await tracing.bell('reconcile', 'fake:a', () => traced.scan(null, never));
    const failing = { ...channel.connection, scan: () => Promise.reject(new Error('the platform is away')) };
    await expect(traceConnection('fake:a', failing, tracing).scan(null, never)).rejects.toThrow('the platform is away');
    await tracing.close();

    const spans = collector.spans();
    const bell = spans.find(({ name }) => name === 'process allot.reconcile');
    const [good, bad] = spans.filter(({ name }) => name === 'call scan');
    expect(good).toMatchObject({ traceId: bell?.traceId, parentSpanId: bell?.spanId });
    expect(bad?.status).toEqual({ code: 2, message: 'the platform is away' });
  });

  test('a collector that refuses is told once, and nothing waits for it', async () => {
    const collector = await startCollector(400);
    const p = await openPipeline({ partners: { 'fake:a': {} }, skus: [SKU] });
    open.push(collector.close, () => p.close());
    const tracing = openTracing({ endpoint: collector.endpoint, instance: 'test', db: p.store.db, log });
    tracing.event('fake:a', 'key 1', { begunAt: 1_000, endedAt: 2_000 });
    await tracing.close();
    await waitUntil('the refusal is told', () => warnings.length > 0);
    expect(warnings).toEqual([expect.stringContaining('traces are lost')]);
  });
});
