/**
 * Sends traces by OTLP over HTTP. The only importer of OpenTelemetry, whose own variables (OTEL_EXPORTER_OTLP_HEADERS and the like) the
 * library reads itself. Nothing is registered globally.
 *
 * Guarantees: spans wait in a bounded queue and are dropped beyond it; a collector that is away, or a link that cannot be read, is told
 * in the log now and then and stops nothing.
 */
import {
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, RandomIdGenerator, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Instant } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { batchesOfAttempt, eventsOfBatch } from '#db/trace-links.ts';
import type { Log } from './context.ts';
import { type DecidedBatch, type SpanId, spanIdOf, type Tracing } from './tracing.ts';

const WARN_EVERY_MS = 60_000;
const CLOSE_MS_MAX = 3_000;
const TEXT_MAX = 500;

type Words = Readonly<Record<string, string | number>>;

type Plan = {
  readonly name: string;
  readonly kind: SpanKind;
  readonly words: Words;
  /** Made of a key; random when absent. */
  readonly id?: SpanId;
  readonly links?: readonly Link[];
  readonly begunAt?: Instant;
};

const linkTo = (id: SpanId): Link => ({ context: { ...id, traceFlags: TraceFlags.SAMPLED } });

/** Ids that are asked for, for the one span that is begun next; else random ones. */
class KeyedIds extends RandomIdGenerator {
  next: SpanId | undefined;

  override generateTraceId = (): string => this.next?.traceId ?? this.#random.generateTraceId();
  override generateSpanId = (): string => this.next?.spanId ?? this.#random.generateSpanId();
  readonly #random = new RandomIdGenerator();
}

/** The exporter, its failures told: the SDK would keep them to itself. */
function telling(exporter: OTLPTraceExporter, log: Log): SpanExporter {
  let toldAt = Number.NEGATIVE_INFINITY;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.error !== undefined && performance.now() - toldAt > WARN_EVERY_MS) {
          toldAt = performance.now();
          log.warn(
            { err: result.error },
            'traces are lost: the collector of OTEL_EXPORTER_OTLP_ENDPOINT did not take them',
          );
        }
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush(),
  };
}

type Parts = { readonly endpoint: string; readonly instance: string; readonly db: Database; readonly log: Log };

/** Spans begun, ended and sent; knows nothing of what they are about. */
class Spans {
  readonly #ids = new KeyedIds();
  readonly #contexts = new AsyncLocalStorageContextManager();
  readonly #noting = new Set<Promise<void>>();
  readonly #provider: TracerProvider;
  readonly #log: Log;

  constructor({ endpoint, instance, log }: Parts) {
    const exporter = telling(new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }), log);
    this.#log = log;
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'allot', 'service.instance.id': instance }),
      idGenerator: this.#ids,
      spanProcessors: [new BatchSpanProcessor({ exporter })],
    });
  }

  begin({ name, kind, words, id, links = [], begunAt }: Plan, parent: Context = ROOT_CONTEXT): Span {
    this.#ids.next = id;
    try {
      const startTime = begunAt === undefined ? {} : { startTime: begunAt };
      const options = { kind, attributes: words, links: [...links], ...startTime };
      return this.#provider.getTracer('allot').startSpan(name, options, parent);
    } finally {
      this.#ids.next = undefined;
    }
  }

  /** A span of its own trace where its id is made of a key, else a part of the one around it. */
  async run<T>(plan: Plan, work: () => Promise<T>): Promise<T> {
    const parent = plan.id === undefined ? this.#contexts.active() : ROOT_CONTEXT;
    const span = this.begin(plan, parent);
    try {
      return await this.#contexts.with(trace.setSpan(parent, span), work);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: message.slice(0, TEXT_MAX) });
      throw error;
    } finally {
      span.end();
    }
  }

  /** A link to the span around this call, if there is one. */
  around(): Link[] {
    const outer = trace.getSpanContext(this.#contexts.active());
    return outer === undefined ? [] : [{ context: outer }];
  }

  /** For spans that need to read before they are written: nobody waits but `close`. */
  noteLater(note: () => Promise<void>): void {
    const done = note()
      .catch((error: unknown) => this.#log.debug({ err: error }, 'a trace was not written'))
      .finally(() => this.#noting.delete(done));
    this.#noting.add(done);
  }

  async close(): Promise<void> {
    await Promise.all(this.#noting);
    const silence = Promise.withResolvers<void>();
    const timer = setTimeout(silence.resolve, CLOSE_MS_MAX);
    const ended = this.#provider
      .shutdown()
      .catch((error: unknown) => this.#log.debug({ err: error }, 'traces were not all sent'));
    await Promise.race([ended, silence.promise]);
    clearTimeout(timer);
  }
}

async function noteBatch(spans: Spans, db: Database, batch: DecidedBatch, outer: readonly Link[]): Promise<void> {
  const events = await eventsOfBatch(db, batch.id);
  const decide: Plan = {
    name: 'decide allot.batch',
    kind: SpanKind.INTERNAL,
    words: { 'allot.batch': batch.id, 'allot.decided': batch.decided, 'allot.parked': batch.parked },
    links: [...events.map(({ channel, key }) => linkTo(spanIdOf('event', `${channel} ${key}`))), ...outer],
    id: spanIdOf('batch', String(batch.id)),
    begunAt: batch.begunAt,
  };
  const span = spans.begin(decide);
  const core: Plan = { name: 'allot.core.decide', kind: SpanKind.INTERNAL, words: {}, begunAt: batch.loadedAt };
  spans.begin(core, trace.setSpan(ROOT_CONTEXT, span)).end(batch.decidedAt);
  span.end(batch.endedAt);
}

export function openTracing(parts: Parts): Tracing {
  const { db } = parts;
  const spans = new Spans(parts);
  return {
    bell: (topic, key, work) => {
      const words = { 'messaging.destination.name': topic, ...(key === '' ? {} : { 'allot.channel': key }) };
      return spans.run({ name: `process allot.${topic}`, kind: SpanKind.CONSUMER, words }, work);
    },
    call: (channel, operation, work) =>
      spans.run({ name: `call ${operation}`, kind: SpanKind.CLIENT, words: { 'allot.channel': channel } }, work),
    attempt: async ({ id, channel, items }, work) => {
      const batches = await batchesOfAttempt(db, id).catch((): number[] => []);
      const links = [...batches.map((batch) => linkTo(spanIdOf('batch', String(batch)))), ...spans.around()];
      const words = { 'allot.attempt': id, 'allot.channel': channel, 'allot.items': items };
      const key = spanIdOf('attempt', String(id));
      return spans.run({ name: 'send allot.attempt', kind: SpanKind.CLIENT, words, links, id: key }, work);
    },
    event: (channel, key, { begunAt, endedAt }) => {
      const id = spanIdOf('event', `${channel} ${key}`);
      const words = { 'allot.channel': channel };
      spans.begin({ name: 'receive allot.event', kind: SpanKind.SERVER, words, id, begunAt }).end(endedAt);
    },
    batch: (batch) => {
      const outer = spans.around();
      spans.noteLater(() => noteBatch(spans, db, batch, outer));
    },
    close: () => spans.close(),
  };
}
