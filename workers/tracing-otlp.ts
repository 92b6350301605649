/**
 * Sends traces by OTLP over HTTP. The only importer of OpenTelemetry, whose own variables (OTEL_EXPORTER_OTLP_HEADERS and the like) the
 * library reads itself. Nothing is registered globally.
 *
 * Guarantees: spans wait in a bounded queue and are dropped beyond it; a collector that is away, or a link that cannot be read, is told
 * in the log now and then and stops nothing.
 */
import { type Context, type Link, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, RandomIdGenerator, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Instant } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { batchesOfAttempt, eventsOfBatch } from '#db/trace-links.ts';
import type { Log } from './context.ts';
import { type SpanId, spanIdOf, type Tracing } from './tracing.ts';

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
        if (result.code !== 0 && performance.now() - toldAt > WARN_EVERY_MS) {
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

export function openTracing({ endpoint, instance, db, log }: Parts): Tracing {
  const ids = new KeyedIds();
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'allot',
      'service.instance.id': instance,
    }),
    idGenerator: ids,
    spanProcessors: [
      new BatchSpanProcessor({ exporter: telling(new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }), log) }),
    ],
  });
  const tracer = provider.getTracer('allot');
  const contexts = new AsyncLocalStorageContextManager();
  const noting = new Set<Promise<void>>();

  const begin = ({ name, kind, words, id, links = [], begunAt }: Plan, parent: Context) => {
    ids.next = id;
    try {
      const startTime = begunAt === undefined ? {} : { startTime: begunAt };
      return tracer.startSpan(name, { kind, attributes: words, links: [...links], ...startTime }, parent);
    } finally {
      ids.next = undefined;
    }
  };

  /** A span of its own trace where its id is made of a key, else a part of the one around it. */
  const run = async <T>(plan: Plan, work: () => Promise<T>): Promise<T> => {
    const parent = plan.id === undefined ? contexts.active() : ROOT_CONTEXT;
    const span = begin(plan, parent);
    try {
      return await contexts.with(trace.setSpan(parent, span), work);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: message.slice(0, TEXT_MAX) });
      throw error;
    } finally {
      span.end();
    }
  };

  const around = (): Link[] => {
    const outer = trace.getSpanContext(contexts.active());
    return outer === undefined ? [] : [{ context: outer }];
  };

  const noteLater = (note: () => Promise<void>): void => {
    const done = note()
      .catch((error: unknown) => log.debug({ err: error }, 'a trace was not written'))
      .finally(() => noting.delete(done));
    noting.add(done);
  };

  return {
    bell: (topic, key, work) =>
      run(
        {
          name: `process allot.${topic}`,
          kind: SpanKind.CONSUMER,
          words: { 'messaging.destination.name': topic, ...(key === '' ? {} : { 'allot.channel': key }) },
        },
        work,
      ),
    call: (channel, operation, work) =>
      run({ name: `call ${operation}`, kind: SpanKind.CLIENT, words: { 'allot.channel': channel } }, work),
    attempt: async ({ id, channel, items }, work) => {
      const batches = await batchesOfAttempt(db, id).catch((): number[] => []);
      const links = [...batches.map((batch) => linkTo(spanIdOf('batch', String(batch)))), ...around()];
      const words = { 'allot.attempt': id, 'allot.channel': channel, 'allot.items': items };
      const plan = {
        name: 'send allot.attempt',
        kind: SpanKind.CLIENT,
        words,
        links,
        id: spanIdOf('attempt', String(id)),
      };
      return run(plan, work);
    },
    event: (channel, key, { begunAt, endedAt }) => {
      const id = spanIdOf('event', `${channel} ${key}`);
      const words = { 'allot.channel': channel };
      begin({ name: 'receive allot.event', kind: SpanKind.SERVER, words, id, begunAt }, ROOT_CONTEXT).end(endedAt);
    },
    batch: ({ id, decided, parked, begunAt, loadedAt, decidedAt, endedAt }) => {
      const outer = around();
      noteLater(async () => {
        const events = await eventsOfBatch(db, id);
        const links = [...events.map(({ channel, key }) => linkTo(spanIdOf('event', `${channel} ${key}`))), ...outer];
        const words = { 'allot.batch': id, 'allot.decided': decided, 'allot.parked': parked };
        const name = 'decide allot.batch';
        const span = begin(
          { name, kind: SpanKind.INTERNAL, words, links, id: spanIdOf('batch', String(id)), begunAt },
          ROOT_CONTEXT,
        );
        const core = { name: 'allot.core.decide', kind: SpanKind.INTERNAL, words: {}, begunAt: loadedAt };
        begin(core, trace.setSpan(ROOT_CONTEXT, span)).end(decidedAt);
        span.end(endedAt);
      });
    },
    close: async () => {
      await Promise.all(noting);
      const silence = Promise.withResolvers<void>();
      const timer = setTimeout(silence.resolve, CLOSE_MS_MAX);
      const ended = provider
        .shutdown()
        .catch((error: unknown) => log.debug({ err: error }, 'traces were not all sent'));
      await Promise.race([ended, silence.promise]);
      clearTimeout(timer);
    },
  };
}
