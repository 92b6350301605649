/** Metrics as Prometheus reads them, over a real database. */
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '#db/client.ts';
import { COUNT_MAX, readGauges } from '#db/gauges.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { createMetrics, type MetricsSources } from '#workers/metrics.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
  await seedBacklog();
});
afterAll(() => test.drop());

async function seedBacklog(): Promise<void> {
  const { db } = test;
  await db.script(`
    insert into channel (id, connector, program, mode, configured) values
      ('fake:live', 'fake', 'dtc', 'live', true), ('fake:even', 'fake', 'dtc', 'live', true),
      ('fake:shadow', 'fake', 'dtc', 'shadow', true), ('fake:gone', 'fake', 'dtc', 'live', false);
    insert into item (sku) values ('A'), ('B');
    insert into listing (channel_id, listing_ref, sku) select c.id, i.sku, i.sku from channel c cross join item i;
    insert into target (listing_id, version, quantity, own_sold, own_open, in_flight, acked_version, batch_id, decided_at)
      select id, 2, 5, 0, 0, 0, case when channel_id = 'fake:even' then 2 else 1 end, 1, now() from listing;
    insert into command (kind, body, actor, occurred_at) select 'review', '{}', 'test', now() from generate_series(1, 3);
    insert into channel_latency (channel_id, since, samples, p50_ms, p95_ms, p99_ms, measured_at)
      values ('fake:live', 'sold', 240, 900, 4500, 38000, now());
    insert into notification (destination, topic, body, send_at) values ('ops', 'digest', '{}', now());
    insert into parked (source, source_id, code, reason, fix) values ('inbox', 1, 'c', 'r', 'f');
    insert into inbox_key (channel_id, key, topic, source, received_at)
      values ('fake:live', '1', 't', 'webhook', now() - interval '90 seconds'), ('fake:live', '2', 't', 'webhook', now());
    insert into channel_health (channel_id, reconciled_at) values ('fake:live', now() - interval '5 minutes'), ('fake:gone', now());
    insert into alert (fingerprint, code, severity, title, cause, next_step, state, proof) values
      ('1', 'drift', 'warning', 't', 'c', 'n', 'open', null), ('2', 'drift', 'warning', 't', 'c', 'n', 'acknowledged', null),
      ('3', 'drift', 'warning', 't', 'c', 'n', 'closed', 'read again');`);
}

type Depths = Awaited<ReturnType<MetricsSources['queues']['depths']>>;
const noJobs = { waiting: 0, active: 0, delayed: 0, failed: 0 };
const DEPTHS = { push: { ...noJobs, waiting: 4, active: 1 }, intake: noJobs } as unknown as Depths;

const metricsOf = (sources: Partial<MetricsSources> = {}) =>
  createMetrics({ db: test.db, queues: { depths: async () => DEPTHS }, ...sources });

async function samplesOf(metrics: ReturnType<typeof createMetrics>): Promise<Map<string, number>> {
  const { body } = await metrics.expose();
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

describe('createMetrics', () => {
  it('reads what waits from the database and the queue', async () => {
    const samples = await samplesOf(metricsOf());
    expect(samples.get('allot_inbox_pending')).toBe(2);
    expect(samples.get('allot_inbox_oldest_seconds')).toBeGreaterThanOrEqual(90);
    expect(samples.get('allot_inbox_oldest_seconds')).toBeLessThan(600);
    expect(samples.get('allot_commands_pending')).toBe(3);
    expect(samples.get('allot_parked_open')).toBe(1);
    expect(samples.get('allot_notifications_waiting{destination="ops"}')).toBe(1);
    const behind = [...samples].filter(([name]) => name.startsWith('allot_targets_behind'));
    expect(behind).toEqual([
      ['allot_targets_behind{channel="fake:even"}', 0],
      ['allot_targets_behind{channel="fake:live"}', 2],
    ]);
    expect(samples.get('allot_sale_to_ack_seconds{channel="fake:live",since="sold",quantile="0.99"}')).toBe(38);
    expect(samples.get('allot_sale_to_ack_seconds{channel="fake:live",since="sold",quantile="0.5"}')).toBe(0.9);
    expect(samples.get('allot_sale_to_ack_samples{channel="fake:live",since="sold"}')).toBe(240);
    expect(samples.get('allot_reconciled_age_seconds{channel="fake:live"}')).toBeGreaterThanOrEqual(300);
    expect(samples.has('allot_reconciled_age_seconds{channel="fake:gone"}')).toBe(false);
    expect(samples.get('allot_alerts_open{code="drift",severity="warning"}')).toBe(2);
    expect(samples.get('allot_queue_jobs{topic="push",state="waiting"}')).toBe(4);
    expect(samples.get('allot_queue_jobs{topic="intake",state="failed"}')).toBe(0);
    expect(samples.get('allot_process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
    expect(samples.has('allot_nodejs_eventloop_lag_seconds')).toBe(true);
  });

  it('counts what the workers tell', async () => {
    const metrics = metricsOf();
    metrics.countWebhook('fake:live', 'stored');
    metrics.countWebhook('fake:live', 'stored');
    metrics.countWebhook('unknown', 'unknownChannel');
    metrics.countDuplicates(3);
    metrics.tally.pushed('fake:live', 'applied', 20, 300);
    metrics.tally.drifted('fake:live', 'lostWrite', 2);
    metrics.tally.drifted('fake:live', 'lateOrder', 1);
    metrics.tally.drifted('fake:live', 'lostWrite', 0);
    metrics.tally.decided({ id: 1, decided: 30, parked: 2, begunAt: 0, loadedAt: 20, decidedAt: 24, endedAt: 94 });
    const samples = await samplesOf(metrics);
    expect(samples.get('allot_commands_total{outcome="decided"}')).toBe(30);
    expect(samples.get('allot_commands_total{outcome="parked"}')).toBe(2);
    const phases = ['load', 'core', 'write'].map((phase) =>
      samples.get(`allot_batch_duration_seconds_sum{phase="${phase}"}`),
    );
    expect(phases).toEqual([0.02, 0.004, 0.07]);
    expect(samples.get('allot_webhooks_total{channel="fake:live",outcome="stored"}')).toBe(2);
    expect(samples.get('allot_webhooks_total{channel="unknown",outcome="unknownChannel"}')).toBe(1);
    expect(samples.get('allot_webhook_duplicates_total')).toBe(3);
    expect(samples.get('allot_push_items_total{channel="fake:live",outcome="applied"}')).toBe(20);
    expect(samples.get('allot_push_duration_seconds_bucket{le="0.25",channel="fake:live",outcome="applied"}')).toBe(0);
    expect(samples.get('allot_push_duration_seconds_bucket{le="0.5",channel="fake:live",outcome="applied"}')).toBe(1);
    expect(samples.get('allot_drift_listings{channel="fake:live",cause="lostWrite"}')).toBe(0);
    expect(samples.get('allot_drift_listings{channel="fake:live",cause="lateOrder"}')).toBe(1);
  });

  it('leaves out what cannot be read, says so, and shows the rest', async () => {
    const gone = openDatabase('postgres://nobody:x@127.0.0.1:1/none');
    const samples = await samplesOf(metricsOf({ db: gone }));
    await gone.close();
    expect([...samples.keys()].filter((name) => /^allot_(inbox|commands|parked|targets)/.test(name))).toEqual([]);
    expect(samples.get('allot_scrape_failures_total{source="database"}')).toBe(1);
    expect(samples.get('allot_queue_jobs{topic="push",state="waiting"}')).toBe(4);
    const dumb = await samplesOf(metricsOf({ queues: { depths: () => Promise.reject(new Error('redis is gone')) } }));
    expect(dumb.get('allot_scrape_failures_total{source="queue"}')).toBe(1);
    expect([...dumb.keys()].filter((name) => name.startsWith('allot_queue_jobs'))).toEqual([]);
    expect(dumb.get('allot_inbox_pending')).toBe(2);
  });

  it('reads once for scrapers that come together', async () => {
    let reads = 0;
    const metrics = metricsOf({
      queues: {
        depths: async () => {
          reads += 1;
          return DEPTHS;
        },
      },
    });
    await Promise.all([metrics.expose(), metrics.expose(), metrics.expose()]);
    await metrics.expose();
    expect(reads).toBe(1);
  });

  it('names no SKU, order or listing in any label', async () => {
    const { body } = await metricsOf().expose();
    const labels = new Set([...body.matchAll(/(\w+)="/g)].map(([, label]) => label));
    expect([...labels].filter((label) => /sku|order|listing|item/i.test(label ?? ''))).toEqual([]);
    expect(body.match(/^# HELP (?!allot_)/m)).toBeNull();
  });
});

describe('readGauges', () => {
  it('stops counting at its limit', async () => {
    await test.db.rows(sql`
      insert into command (kind, body, actor, occurred_at)
      select 'review', '{}', 'test', now() from generate_series(1, ${COUNT_MAX + 50}::int)`);
    expect((await readGauges(test.db)).commandsPending).toBe(COUNT_MAX);
  });
});
