/** Two whole daemons on one database: each message, digest and beat leaves once. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { closeAlert, raiseAlert } from '#db/alerts.ts';
import { findFreePort } from '#test/support/free-port.ts';
import { type HttpSink, openHttpSink } from '#test/support/message-sinks.ts';
import { openStage, type Stage } from '#test/support/stage.ts';
import { waitUntil } from '#test/support/wait-until.ts';

let stage: Stage;
let sink: HttpSink;
afterEach(async () => {
  await stage.close();
  await sink.close();
});

const SECTION = `alerts:
  destinations: [{ id: ops, kind: slack }, { id: hook, kind: webhook }]
  routes: [{ to: [ops, hook] }]
  people: [{ id: kim, timeZone: UTC, digestAt: "00:00", to: [ops] }]
  heartbeat: { every: 5s }
`;

test('an alert, its end and the digest are told once; the watcher hears that all is well', {
  timeout: 240_000,
}, async () => {
  sink = await openHttpSink();
  stage = await openStage({ database: 'given', skus: ['MUG'], opening: 10, partners: { 'fake:shop': {} } });
  appendFileSync(join(stage.home, 'allot.yaml'), SECTION);
  const secrets = {
    ALERTS_OPS_URL: `${sink.url}/ops`,
    ALERTS_HOOK_URL: `${sink.url}/hook`,
    ALERTS_HOOK_SECRET: Buffer.alloc(32, 5).toString('base64'),
    ALERTS_HEARTBEAT_URL: `${sink.url}/alive`,
  };
  const daemons = [stage.start({ ...secrets }), stage.start({ ...secrets, PORT: String(await findFreePort()) })];
  const tell = () => daemons.map((daemon) => daemon.said()).join('\n');
  await Promise.all(daemons.map((daemon) => daemon.ready()));
  await stage.furnish();
  const db = await stage.db();
  const told = (path: string, what: string) =>
    sink.arrivals.filter((one) => one.path === path && one.body.includes(what)).length;

  await raiseAlert(db, {
    fingerprint: 'planted',
    code: 'policy-not-applied',
    severity: 'error',
    title: 'planted trouble',
    channelId: null,
    touches: {},
    cause: 'a test',
    nextStep: 'allot status',
  });
  await waitUntil(
    'both hear of it',
    () => told('/ops', 'ERROR: planted trouble') > 0 && told('/hook', 'alert.trigger') > 0,
    {
      limitMs: 40_000,
      tell,
    },
  );
  await waitUntil('kim has the digest', () => told('/ops', 'Watched and silent') > 0, { limitMs: 40_000, tell });
  await waitUntil('the watcher hears twice', () => told('/alive', 'allot is well') > 1, { limitMs: 40_000, tell });
  await closeAlert(db, 'planted', 'it was read again');
  // Not before a minute has passed since the last of its kind: the test moves the moment of that.
  await db.rows(sql`update notification set finished_at = finished_at - interval '1 minute' where state = 'sent'`);
  await waitUntil(
    'both hear of its end',
    () => told('/ops', 'it was read again') > 0 && told('/hook', 'alert.resolve') > 0,
    {
      limitMs: 40_000,
      tell,
    },
  );
  for (const daemon of daemons) daemon.send('SIGTERM');
  expect(await Promise.all(daemons.map((daemon) => daemon.ended))).toEqual(
    daemons.map(() => ({ code: 0, signal: null })),
  );
  expect(told('/ops', 'ERROR: planted trouble')).toBe(1);
  expect(told('/hook', 'alert.trigger')).toBe(1);
  expect(told('/ops', 'Watched and silent')).toBe(1);
  expect(told('/hook', 'alert.resolve')).toBe(1);
  expect(await db.rows(sql`select state, count(*)::int as count from notification group by state`)).toEqual([
    { state: 'sent', count: 5 },
  ]);
});
