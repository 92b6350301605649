/** The alert's state machine, cell by cell, and what is written beside it: trail, audit, deadlines, reach. */
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listAlerts, readAlert } from '#db/alert-list.ts';
import {
  type AlertState,
  ackAlert,
  closeAlert,
  type NewAlert,
  raiseAlert,
  raiseAlerts,
  resolveAlert,
  snoozeAlert,
  takeAlert,
  wakeAlerts,
} from '#db/alerts.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.drop());
beforeEach(() => store.db.rows(sql`delete from alert`));

const HOUR = 3_600_000;
const by = 'operator:kim';

const drift = (over: Partial<NewAlert> = {}): NewAlert => ({
  fingerprint: 'drift shop:a',
  code: 'drift',
  severity: 'warning',
  title: 'shop:a: 3 listings show another number',
  channelId: 'shop:a',
  touches: { listings: 3 },
  cause: 'edited 3',
  nextStep: 'allot status',
  ...over,
});

const only = async () => {
  const rows = await listAlerts(store.db, { isAll: true }, 10);
  expect(rows).toHaveLength(1);
  return rows[0] ?? expect.fail('no alert');
};
const kinds = async (id: number) => (await readAlert(store.db, id))?.trail.map(({ kind }) => kind);

/** Brings a fresh alert into a state by what people and readings do. */
async function bring(state: AlertState): Promise<number> {
  await raiseAlert(store.db, drift());
  const { id } = await only();
  if (state === 'acknowledged') await ackAlert(store.db, { id, by });
  if (state === 'snoozed') await snoozeAlert(store.db, { id, by, until: Date.now() + HOUR });
  if (state === 'proving') await resolveAlert(store.db, { id, by });
  if (state === 'closed') await closeAlert(store.db, 'drift shop:a', 'a scan found all equal');
  expect((await only()).state).toBe(state);
  return id;
}

const EVENTS: Readonly<Record<string, (id: number) => Promise<unknown>>> = {
  'seen again': () => raiseAlert(store.db, drift()),
  'seen worse by size': () => raiseAlert(store.db, drift({ touches: { listings: 6 } })),
  'seen worse by severity': () => raiseAlert(store.db, drift({ severity: 'error' })),
  ack: (id) => ackAlert(store.db, { id, by }),
  take: (id) => takeAlert(store.db, { id, by, owner: 'kim' }),
  snooze: (id) => snoozeAlert(store.db, { id, by, until: Date.now() + 2 * HOUR }),
  resolve: (id) => resolveAlert(store.db, { id, by }),
  'its time comes': () => wakeAlerts(store.db, Date.now() + 3 * HOUR),
  proof: () => closeAlert(store.db, 'drift shop:a', 'a scan found all equal'),
};

/** From, event, to, and the kind of event that the trail gains (null: none). */
const TABLE: readonly (readonly [AlertState, string, AlertState, string | null])[] = [
  ['open', 'seen again', 'open', null],
  ['open', 'seen worse by size', 'open', 'grew'],
  ['open', 'seen worse by severity', 'open', 'grew'],
  ['open', 'ack', 'acknowledged', 'acknowledged'],
  ['open', 'take', 'acknowledged', 'taken'],
  ['open', 'snooze', 'snoozed', 'snoozed'],
  ['open', 'resolve', 'proving', 'resolved'],
  ['open', 'its time comes', 'open', null],
  ['open', 'proof', 'closed', 'closed'],
  ['acknowledged', 'seen again', 'acknowledged', null],
  ['acknowledged', 'seen worse by size', 'open', 'grew'],
  ['acknowledged', 'seen worse by severity', 'open', 'grew'],
  ['acknowledged', 'snooze', 'snoozed', 'snoozed'],
  ['acknowledged', 'resolve', 'proving', 'resolved'],
  ['acknowledged', 'its time comes', 'acknowledged', null],
  ['acknowledged', 'proof', 'closed', 'closed'],
  ['snoozed', 'seen again', 'snoozed', null],
  ['snoozed', 'seen worse by size', 'open', 'grew'],
  ['snoozed', 'seen worse by severity', 'open', 'grew'],
  ['snoozed', 'ack', 'acknowledged', 'acknowledged'],
  ['snoozed', 'take', 'acknowledged', 'taken'],
  ['snoozed', 'snooze', 'snoozed', 'snoozed'],
  ['snoozed', 'resolve', 'proving', 'resolved'],
  ['snoozed', 'its time comes', 'open', 'woke'],
  ['snoozed', 'proof', 'closed', 'closed'],
  ['proving', 'seen again', 'open', 'reopened'],
  ['proving', 'seen worse by size', 'open', 'reopened'],
  ['proving', 'ack', 'acknowledged', 'acknowledged'],
  ['proving', 'take', 'proving', 'taken'],
  ['proving', 'snooze', 'snoozed', 'snoozed'],
  ['proving', 'its time comes', 'proving', null],
  ['proving', 'proof', 'closed', 'closed'],
  ['closed', 'seen again', 'open', 'reopened'],
  ['closed', 'its time comes', 'closed', null],
  ['closed', 'proof', 'closed', null],
];

describe('an alert', () => {
  it.each(TABLE)('%s, %s: %s (%s)', async (from, event, to, kind) => {
    const id = await bring(from);
    const before = (await kinds(id)) ?? [];
    await EVENTS[event]?.(id);
    const after = await only();
    expect(after.state).toBe(to);
    expect(after.id).toBe(id);
    expect(await kinds(id)).toEqual(kind === null ? before : [...before, kind]);
  });

  it.each(['ack', 'take', 'snooze', 'resolve'])('closed, %s: refused, with its proof', async (event) => {
    const id = await bring('closed');
    await expect(EVENTS[event]?.(id)).rejects.toThrow(/is closed: a scan found all equal/);
    expect((await only()).state).toBe('closed');
  });

  it('that is not there says how to find others', async () => {
    await expect(ackAlert(store.db, { id: 4711, by })).rejects.toMatchObject({ fix: 'allot alerts lists them' });
  });

  it('is one row however often it is seen, counted', async () => {
    await raiseAlert(store.db, drift());
    await Promise.all([1, 2, 3, 4].map(() => raiseAlert(store.db, drift())));
    expect(await only()).toMatchObject({ count: 5, reopened: 0 });
  });

  it('comes back as the same row within a day, and as a new one later', async () => {
    const id = await bring('closed');
    await raiseAlert(store.db, drift());
    expect(await only()).toMatchObject({ id, reopened: 1, count: 2, closedAt: null, proof: null });
    await closeAlert(store.db, 'drift shop:a', 'again equal');
    await store.db.rows(sql`update alert set closed_at = now() - interval '25 hours'`);
    await raiseAlert(store.db, drift());
    const rows = await listAlerts(store.db, { isAll: true }, 10);
    expect(rows.map(({ state, count }) => [state, count])).toEqual([
      ['open', 1],
      ['closed', 2],
    ]);
  });

  it('grows by steps: people hear of each doubling, not of each unit', async () => {
    await raiseAlert(store.db, drift());
    for (const listings of [4, 5, 6, 7, 11, 12]) await raiseAlert(store.db, drift({ touches: { listings } }));
    const { id } = await only();
    expect(await kinds(id)).toEqual(['raised', 'grew', 'grew']);
  });

  it('is told anew when allot no longer mends it itself', async () => {
    await raiseAlert(store.db, drift({ mending: true }));
    await raiseAlert(store.db, drift({ mending: true }));
    await raiseAlert(store.db, drift({ mending: false }));
    const { id, mending } = await only();
    expect(mending).toBe(false);
    expect(await kinds(id)).toEqual(['raised', 'grew']);
  });

  it('has the deadline of its promise, or hours by its code that stay while it lasts', async () => {
    const due = Date.parse('2031-01-02T10:00:00Z');
    await raiseAlert(store.db, drift());
    const first = await only();
    expect((first.deadline ?? 0) - first.firstSeenAt).toBe(4 * HOUR);
    await raiseAlert(store.db, drift());
    expect((await only()).deadline).toBe(first.deadline);
    await raiseAlert(store.db, drift({ deadline: due }));
    expect(await only()).toMatchObject({ deadline: due, isPromised: true });
  });

  it('leaves a trace of people in trail and audit', async () => {
    const id = await bring('open');
    await takeAlert(store.db, { id, by, owner: 'lee' });
    const whole = await readAlert(store.db, id);
    expect(whole?.alert).toMatchObject({ owner: 'lee', stateBy: by });
    expect(whole?.trail.at(-1)).toMatchObject({ kind: 'taken', actor: by, detail: 'lee' });
    expect(await store.db.rows(sql`select actor, action, subject from audit where subject = ${`alert ${id}`}`)).toEqual(
      [{ actor: by, action: 'take alert', subject: `alert ${id}` }],
    );
  });

  it('raised in bulk is left alone while nothing changed, unless it was said to be mended', async () => {
    await raiseAlerts(store.db, [drift(), drift({ fingerprint: 'drift shop:b', channelId: 'shop:b' })]);
    await raiseAlerts(store.db, [drift()]);
    const counts = async () => (await listAlerts(store.db, { channel: 'shop:a' }, 10)).map(({ count }) => count);
    expect(await counts()).toEqual([1]);
    const [row] = await listAlerts(store.db, { channel: 'shop:a' }, 10);
    await resolveAlert(store.db, { id: row?.id ?? 0, by });
    await raiseAlerts(store.db, [drift()]);
    expect(await listAlerts(store.db, { channel: 'shop:a' }, 10)).toMatchObject([{ count: 2, state: 'open' }]);
  });
});
