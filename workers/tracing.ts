/**
 * What is traced, and under which ids; how it is sent is tracing-otlp.ts, loaded only where OTEL_EXPORTER_OTLP_ENDPOINT is set.
 *
 * | span                  | kind     | from                                  | linked to                          |
 * | receive allot.event   | server   | a webhook came, until it was stored   |                                    |
 * | process allot.<topic> | consumer | a bell was taken from the queue       |                                    |
 * | decide allot.batch    | internal | a batch was claimed, until committed  | the events that its commands are of |
 * | allot.core.decide     | internal | inside it: the core alone             |                                    |
 * | send allot.attempt    | client   | an attempt is sent, until answered    | the batches that made its numbers  |
 * | call <operation>      | client   | one call of a connector               |                                    |
 *
 * Ids of events, batches and attempts are made of their keys in the database: no row carries a trace, no trace is lost with a process,
 * and `traceIdOf` tells anybody where to look. Links, not parents: one batch decides for many events (facts/ux.md section 5).
 * Guarantees: no SKU, order, person or payload in any attribute.
 */
import { createHash } from 'node:crypto';
import type { ChannelConnection } from '#connectors/connector.ts';
import type { ChannelId, Instant } from '#core/model.ts';

type Subject = 'event' | 'batch' | 'attempt';

export type SpanId = { readonly traceId: string; readonly spanId: string };

/** The span of an event (`channel key`), a batch or an attempt (its number). */
export function spanIdOf(subject: Subject, key: string): SpanId {
  const digest = createHash('sha256').update(`${subject} ${key}`).digest('hex');
  return { traceId: digest.slice(0, 32), spanId: digest.slice(32, 48) };
}

export type DecidedBatch = {
  readonly id: number;
  readonly decided: number;
  readonly parked: number;
  /** Claimed; given to the core; answered by it; committed. */
  readonly begunAt: Instant;
  readonly loadedAt: Instant;
  readonly decidedAt: Instant;
  readonly endedAt: Instant;
};

export type TracedAttempt = { readonly id: number; readonly channel: ChannelId; readonly items: number };

/** Each runs its work as it would run without; what it throws is noted and thrown on. */
export type Tracing = {
  bell<T>(topic: string, key: string, work: () => Promise<T>): Promise<T>;
  call<T>(channel: ChannelId, operation: string, work: () => Promise<T>): Promise<T>;
  attempt<T>(attempt: TracedAttempt, work: () => Promise<T>): Promise<T>;
  event(channel: ChannelId, key: string, at: { readonly begunAt: Instant; readonly endedAt: Instant }): void;
  batch(batch: DecidedBatch): void;
  /** Sends what is not sent yet, for a few seconds at most. */
  close(): Promise<void>;
};

/** What a connector asks of its platform. */
const OPERATIONS: ReadonlySet<string | symbol> = new Set<keyof ChannelConnection>([
  'hydrate',
  'fetchOrdersSince',
  'observe',
  'scan',
  'discoverListings',
  'discoverLocations',
  'send',
  'collect',
  'ensureSubscriptions',
  'removeSubscriptions',
]);

type Call = (...inputs: unknown[]) => Promise<unknown>;

/** The same connection, each call of its platform a span. */
export const traceConnection = (
  channel: ChannelId,
  connection: ChannelConnection,
  tracing: Tracing,
): ChannelConnection =>
  new Proxy(connection, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const call: Call = (...inputs) => Reflect.apply(member, target, inputs) as Promise<unknown>;
      if (!OPERATIONS.has(name)) return call;
      return (...inputs: unknown[]) => tracing.call(channel, String(name), () => call(...inputs));
    },
  });
