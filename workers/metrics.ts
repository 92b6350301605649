/**
 * Metrics for Prometheus: prefix `allot_`, base units, labels with few values (never a SKU, an order or a listing).
 *
 * Guarantees: backlog numbers are read when somebody scrapes, at most once per FRESH_MS; what cannot be read is absent, never an old
 * number or 0, and is counted in allot_scrape_failures_total. Counters are of this process alone: Prometheus adds processes up.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ChannelId } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { COUNT_MAX, readGauges } from '#db/gauges.ts';
import type { ChannelLatency } from '#db/sales-measures.ts';
import type { Tally } from './context.ts';
import type { Queues } from './queues.ts';

export type WebhookOutcome = 'stored' | 'refused' | 'unknownChannel' | 'tooLarge' | 'unavailable';

export type Metrics = {
  countWebhook(channel: ChannelId, outcome: WebhookOutcome): void;
  /** Events that were in the inbox already. */
  countDuplicates(count: number): void;
  readonly tally: Tally;
  expose(): Promise<{ readonly contentType: string; readonly body: string }>;
};

export type MetricsSources = { readonly db: Database; readonly queues: Pick<Queues, 'depths'> };

/** Several scrapers, or an impatient one, must not become load. */
const FRESH_MS = 2_000;
const DECIDE_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const PUSH_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const OR_MORE = `${COUNT_MAX} means: or more.`;

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  // Event loop lag, memory, CPU, garbage collection, open handles.
  collectDefaultMetrics({ register: registry, prefix: 'allot_' });
  const webhooks = defineWebhooks(registry);
  const push = definePush(registry);
  const drift = defineDrift(registry);
  const decide = defineDecide(registry);
  const refresh = defineBacklog(registry, sources);
  return {
    countWebhook: (channel, outcome) => webhooks.received.inc({ channel, outcome }),
    countDuplicates: (count) => webhooks.duplicates.inc(count),
    tally: {
      pushed: (channel, outcome, items, durationMs) => {
        push.items.inc({ channel, outcome }, items);
        push.duration.observe({ channel, outcome }, durationMs / 1_000);
      },
      drifted: (channel, cause, listings) => drift.set({ channel, cause }, listings),
      decided: ({ decided, parked, begunAt, loadedAt, decidedAt, endedAt }) => {
        decide.commands.inc({ outcome: 'decided' }, decided);
        decide.commands.inc({ outcome: 'parked' }, parked);
        decide.duration.observe({ phase: 'load' }, (loadedAt - begunAt) / 1_000);
        decide.duration.observe({ phase: 'core' }, (decidedAt - loadedAt) / 1_000);
        decide.duration.observe({ phase: 'write' }, (endedAt - decidedAt) / 1_000);
      },
    },
    expose: async () => {
      await refresh();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

function defineWebhooks(registry: Registry) {
  const received = new Counter({
    name: 'allot_webhooks_total',
    help: 'Webhooks by what became of them.',
    labelNames: ['channel', 'outcome'],
    registers: [registry],
  });
  const duplicates = new Counter({
    name: 'allot_webhook_duplicates_total',
    help: 'Webhooks that were in the inbox already.',
    registers: [registry],
  });
  return { received, duplicates };
}

function definePush(registry: Registry) {
  const items = new Counter({
    name: 'allot_push_items_total',
    help: 'Pushed quantities by what the platform made of them.',
    labelNames: ['channel', 'outcome'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'allot_push_duration_seconds',
    help: 'From sending a push to its settled answer.',
    labelNames: ['channel', 'outcome'],
    buckets: PUSH_BUCKETS_S,
    registers: [registry],
  });
  return { items, duration };
}

function defineDecide(registry: Registry) {
  const commands = new Counter({
    name: 'allot_commands_total',
    help: 'Commands that left the waiting line, by what became of them.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'allot_batch_duration_seconds',
    help: 'Time of a batch by phase: locks and loading, the core alone, writing and commit.',
    labelNames: ['phase'],
    buckets: DECIDE_BUCKETS_S,
    registers: [registry],
  });
  return { commands, duration };
}

const defineDrift = (registry: Registry) =>
  new Gauge({
    name: 'allot_drift_listings',
    help: 'Listings that showed another number than they should, as the last reconcile found them.',
    labelNames: ['channel', 'cause'],
    registers: [registry],
  });

/** Gauges that are read from PostgreSQL and the queue; answers what refreshes them. */
function defineBacklog(registry: Registry, sources: MetricsSources): () => Promise<void> {
  const failures = new Counter({
    name: 'allot_scrape_failures_total',
    help: 'Times that a source of these numbers could not be read.',
    labelNames: ['source'],
    registers: [registry],
  });
  const readers = [
    { source: 'database', gauges: defineDatabaseGauges(registry, sources.db) },
    { source: 'queue', gauges: defineQueueGauges(registry, sources.queues) },
  ];
  const readAll = async () => {
    for (const { source, gauges } of readers) {
      try {
        await gauges.read();
      } catch {
        // Whoever scrapes sees the series gone and this one rise; the cause is in the log of the workers, which fail alike.
        failures.inc({ source });
        gauges.clear();
      }
    }
  };
  let running: Promise<void> | undefined;
  let readAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (running === undefined && performance.now() - readAtMs < FRESH_MS) return;
    running ??= readAll().finally(() => {
      running = undefined;
      readAtMs = performance.now();
    });
    await running;
  };
}

function defineDatabaseGauges(registry: Registry, db: Database) {
  const plain = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const inboxPending = plain('allot_inbox_pending', `Received events not looked at yet. ${OR_MORE}`);
  const inboxOldest = plain(
    'allot_inbox_oldest_seconds',
    'Age of the oldest event not looked at yet, 0 when there is none.',
  );
  const commandsPending = plain('allot_commands_pending', `Commands not decided yet. ${OR_MORE}`);
  const parkedOpen = plain('allot_parked_open', `Inputs that could not be taken and wait. ${OR_MORE}`);
  const parkedOldest = plain('allot_parked_oldest_seconds', 'Age of what was parked first, 0 when nothing is parked.');
  const breaker = new Gauge({
    name: 'allot_channel_breaker',
    help: 'Whether the platform of a channel is called: 0 closed (it is), 1 half open (one probe), 2 open (it is not).',
    labelNames: ['channel'],
    registers: [registry],
  });
  const behind = new Gauge({
    name: 'allot_targets_behind',
    help: `Listings of live channels whose newest target is not acknowledged. ${OR_MORE}`,
    labelNames: ['channel'],
    registers: [registry],
  });
  const latency = defineLatency(registry);
  const reconciled = new Gauge({
    name: 'allot_reconciled_age_seconds',
    help: 'Since the last whole reconcile of a channel; absent before the first.',
    labelNames: ['channel'],
    registers: [registry],
  });
  const alerts = new Gauge({
    name: 'allot_alerts_open',
    help: 'Alerts that no proof has closed.',
    labelNames: ['code', 'severity'],
    registers: [registry],
  });
  const messages = new Gauge({
    name: 'allot_notifications_waiting',
    help: `Messages about alerts that were not sent yet. ${OR_MORE}`,
    labelNames: ['destination'],
    registers: [registry],
  });
  const grouped = [behind, breaker, reconciled, alerts, messages];
  return {
    read: async () => {
      const read = await readGauges(db);
      latency.set(read.latency);
      inboxPending.set(read.inboxPending);
      inboxOldest.set(read.inboxOldestS);
      commandsPending.set(read.commandsPending);
      parkedOpen.set(read.parkedOpen);
      parkedOldest.set(read.parkedOldestS);
      for (const gauge of grouped) gauge.reset();
      for (const { channel, state } of read.breakers) breaker.set({ channel }, state);
      for (const { channel, count } of read.targetsBehind) behind.set({ channel }, count);
      for (const { channel, seconds } of read.reconciled) reconciled.set({ channel }, seconds);
      for (const { code, severity, count } of read.alertsOpen) alerts.set({ code, severity }, count);
      for (const { destination, count } of read.messagesWaiting) messages.set({ destination }, count);
    },
    clear: () => {
      latency.clear();
      for (const gauge of grouped) gauge.reset();
      // reset() would put these back to 0, which reads as "nothing waits".
      for (const gauge of [inboxPending, inboxOldest, commandsPending, parkedOpen, parkedOldest]) gauge.remove();
    },
  };
}

/** Quantiles that are reckoned by allot itself: over all processes, and over days. */
function defineLatency(registry: Registry) {
  const seconds = new Gauge({
    name: 'allot_sale_to_ack_seconds',
    help: 'From a sale elsewhere (sold: on its platform, recorded: in our tables) to the acknowledged number, last 7 days.',
    labelNames: ['channel', 'since', 'quantile'],
    registers: [registry],
  });
  const samples = new Gauge({
    name: 'allot_sale_to_ack_samples',
    help: 'Sales that allot_sale_to_ack_seconds is of.',
    labelNames: ['channel', 'since'],
    registers: [registry],
  });
  const clear = () => {
    seconds.reset();
    samples.reset();
  };
  return {
    set: (rows: readonly ChannelLatency[]) => {
      clear();
      for (const { channel, since, p50Ms, p95Ms, p99Ms, samples: count } of rows) {
        seconds.set({ channel, since, quantile: '0.5' }, p50Ms / 1_000);
        seconds.set({ channel, since, quantile: '0.95' }, p95Ms / 1_000);
        seconds.set({ channel, since, quantile: '0.99' }, p99Ms / 1_000);
        samples.set({ channel, since }, count);
      }
    },
    clear,
  };
}

function defineQueueGauges(registry: Registry, queues: Pick<Queues, 'depths'>) {
  const jobs = new Gauge({
    name: 'allot_queue_jobs',
    help: 'Bells in the queue.',
    labelNames: ['topic', 'state'],
    registers: [registry],
  });
  return {
    read: async () => {
      const depths = await queues.depths();
      jobs.reset();
      for (const [topic, depth] of Object.entries(depths)) {
        for (const state of ['waiting', 'active', 'delayed', 'failed'] as const)
          jobs.set({ topic, state }, depth[state]);
      }
    },
    clear: () => jobs.reset(),
  };
}
