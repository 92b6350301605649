/** Applying a configuration: what is written, what is refused, which items are looked at again, and who has to wait for whom. */
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Rejected } from '#core/errors.ts';
import type { ChannelRule } from '#core/model.ts';
import {
  type AppliedConfiguration,
  applyConfiguration,
  type Configuration,
  getModes,
  setMode,
} from '#db/configuration.ts';
import { loadPolicy } from '#db/policy-current.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(() =>
  test.db.script(
    'truncate location, channel, policy, policy_current, item, listing, stock_balance, promise_balance, hold, outbox, audit cascade',
  ),
);

const rule = (channel: string, program: string, over: Partial<ChannelRule> = {}): ChannelRule => ({
  channel,
  program,
  sku: '*',
  sharePercent: 100,
  safetyStock: 0,
  buffer: 0,
  hideAtOrBelow: null,
  cap: null,
  ...over,
});

const BASE: Configuration = {
  locations: [
    { id: 'main', master: 'allot', sells: true },
    { id: 'east', master: '3pl', sells: true },
  ],
  channels: [
    { id: 'fake:a', connector: 'fake', program: 'dtc' },
    { id: 'fake:b', connector: 'fake', program: 'wholesale' },
  ],
  policy: {
    programs: [
      { id: 'dtc', priority: 2, drawOrder: 'ownThenShared', locations: ['main', 'east'] },
      { id: 'wholesale', priority: 1, drawOrder: 'ownThenShared', locations: ['main'] },
    ],
    pools: [{ program: 'wholesale', sku: 'A', units: 5, refill: 'never' }],
    channels: [rule('fake:a', 'dtc'), rule('fake:b', 'wholesale')],
    inFlightMs: 600_000,
  },
  author: 'anna',
  reason: 'test',
};

const withPolicy = (policy: Partial<Configuration['policy']>): Configuration => ({
  ...BASE,
  policy: { ...BASE.policy, ...policy },
});
const apply = (configuration: Configuration): Promise<AppliedConfiguration> =>
  applyConfiguration(test.db, configuration);

/** Items A, B and C; A and B are listed on fake:a, C on fake:b. None is due for review. */
async function seedItems(): Promise<void> {
  await test.db.rows(sql`insert into item (sku) values ('A'), ('B'), ('C')`);
  await test.db.rows(sql`
    insert into listing (channel_id, listing_ref, sku) values ('fake:a', 'a', 'A'), ('fake:a', 'b', 'B'), ('fake:b', 'c', 'C')`);
}

const dueItems = async (): Promise<string[]> =>
  (await test.db.rows<{ sku: string }>(sql`select sku from item where next_review_at <= now() order by sku`)).map(
    ({ sku }) => sku,
  );

const bells = () => test.db.rows<{ topic: string; key: string }>(sql`select topic, key from outbox order by id`);

const audits = () =>
  test.db.rows<{ actor: string; action: string; subject: string; detail: Record<string, unknown> }>(
    sql`select actor, action, subject, detail from audit order by id`,
  );

const locations = () => test.db.rows(sql`select id, master, sells from location order by id`);

describe('applyConfiguration', () => {
  it('writes locations, channels in shadow and policy version 1, with an audit row', async () => {
    expect(await apply(BASE)).toEqual({ policyVersion: 1, isChanged: true, itemsToReview: 0 });
    expect(await locations()).toEqual([...BASE.locations].reverse());
    expect(await getModes(test.db)).toMatchObject([
      { id: 'fake:a', connector: 'fake', program: 'dtc', mode: 'shadow', configured: true },
      { id: 'fake:b', connector: 'fake', program: 'wholesale', mode: 'shadow', configured: true },
    ]);
    expect(await test.db.transaction(loadPolicy)).toEqual({ ...BASE.policy, version: 1 });
    expect(await audits()).toEqual([
      {
        actor: 'anna',
        action: 'apply configuration',
        subject: 'policy 1',
        detail: {
          reason: 'test',
          locations: ['main', 'east'],
          channels: ['fake:a', 'fake:b'],
          channelsGone: [],
          itemsToReview: 0,
        },
      },
    ]);
  });

  it('writes nothing the second time, in whatever order the file now has its entries', async () => {
    await apply(BASE);
    const reversed = {
      ...BASE,
      author: 'ben',
      locations: [...BASE.locations].reverse(),
      channels: [...BASE.channels].reverse(),
      policy: {
        inFlightMs: BASE.policy.inFlightMs,
        channels: [...BASE.policy.channels].reverse(),
        pools: BASE.policy.pools.map(({ refill, units = 0, sku, program }) => ({ refill, units, sku, program })),
        programs: [...BASE.policy.programs].reverse(),
      },
    };
    await seedItems();
    expect(await apply(reversed)).toEqual({ policyVersion: 1, isChanged: false, itemsToReview: 0 });
    expect([await dueItems(), (await audits()).length]).toEqual([[], 1]);
  });

  it('tells another order of a program’s locations as a change', async () => {
    await apply(BASE);
    const programs = BASE.policy.programs.map((program) => ({
      ...program,
      locations: [...program.locations].reverse(),
    }));
    expect(await apply(withPolicy({ programs }))).toMatchObject({ policyVersion: 2, isChanged: true });
  });

  it.each<[string, Configuration, string[]]>([
    [
      'a program',
      withPolicy({ programs: BASE.policy.programs.map((p) => ({ ...p, drawOrder: 'ownOnly' })) }),
      ['A', 'B', 'C'],
    ],
    ['the time in flight', withPolicy({ inFlightMs: 1 }), ['A', 'B', 'C']],
    [
      'a location',
      { ...BASE, locations: BASE.locations.map((l) => ({ ...l, sells: l.id === 'main' })) },
      ['A', 'B', 'C'],
    ],
    [
      'a pool of all items',
      withPolicy({ pools: [{ program: 'dtc', sku: '*', units: 1, refill: 'never' }] }),
      ['A', 'B', 'C'],
    ],
    [
      'a pool of one item',
      withPolicy({ pools: [{ program: 'wholesale', sku: 'A', units: 6, refill: 'never' }] }),
      ['A'],
    ],
    ['a pool that is gone', withPolicy({ pools: [] }), ['A']],
    [
      'the rule of a channel',
      withPolicy({ channels: [rule('fake:a', 'dtc', { buffer: 1 }), rule('fake:b', 'wholesale')] }),
      ['A', 'B'],
    ],
    [
      'a rule of one item',
      withPolicy({ channels: [...BASE.policy.channels, rule('fake:a', 'dtc', { sku: 'B', cap: 3 })] }),
      ['B'],
    ],
  ])('marks what a change of %s reaches', async (_, configuration, reached) => {
    await apply(BASE);
    await seedItems();
    await test.db.rows(sql`update item set next_review_at = now() + interval '1 day' where sku = 'A'`);
    expect(await apply(configuration)).toMatchObject({ isChanged: true, itemsToReview: reached.length });
    expect(await dueItems()).toEqual(reached);
  });

  it('takes a channel out and back in without losing its mode', async () => {
    await apply(BASE);
    await setMode(test.db, ['fake:b'], 'live', 'anna');
    const without = { ...withPolicy({ channels: [rule('fake:a', 'dtc')] }), channels: BASE.channels.slice(0, 1) };
    await apply(without);
    expect((await getModes(test.db)).map(({ id, mode, configured }) => [id, mode, configured])).toEqual([
      ['fake:a', 'shadow', true],
      ['fake:b', 'live', false],
    ]);
    expect((await audits()).at(-1)?.detail).toMatchObject({ channelsGone: ['fake:b'] });
    await apply(BASE);
    expect((await getModes(test.db)).map(({ mode, configured }) => [mode, configured])).toEqual([
      ['shadow', true],
      ['live', true],
    ]);
  });

  it('refuses another stock master where goods lie, tells all such places, and changes nothing', async () => {
    await apply(BASE);
    await seedItems();
    await test.db.rows(sql`
      insert into stock_balance (sku, location, disposition, quantity)
      values ('A', 'main', 'sellable', 3), ('B', 'main', 'damaged', 1), ('C', 'east', 'sellable', 0)`);
    await test.db.rows(sql`
      insert into promise_balance (sku, location, program, pool, allocated) values ('C', 'east', 'dtc', 'shared', 2)`);
    const wanted: Configuration = {
      ...withPolicy({ inFlightMs: 1 }),
      locations: [
        { id: 'main', master: 'shopify', sells: true },
        { id: 'east', master: 'erp', sells: true },
      ],
    };
    const refusal = await apply(wanted).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Rejected);
    expect(refusal).toMatchObject({
      message:
        'location "east" holds 1 item under the stock master 3pl, so it cannot get erp; location "main" holds 2 items under the stock master allot, so it cannot get shopify. Two masters would both count the same goods.',
      field: 'locations.master',
      value: 'east, main',
      fix: 'Give the goods a new location with the new master and transfer them there, or count them to 0 first (allot count SKU 0 --location ID); then apply again.',
    });
    expect([(await locations()).length, (await test.db.transaction(loadPolicy)).version]).toEqual([2, 1]);
    expect(await dueItems()).toEqual([]);
    await test.db.rows(sql`update stock_balance set quantity = 0`);
    await test.db.rows(sql`update promise_balance set allocated = 0`);
    expect(await apply(wanted)).toMatchObject({ policyVersion: 2 });
    expect(await locations()).toMatchObject([{ master: 'erp' }, { master: 'shopify' }]);
  });

  it('gives one version when several processes start with one file at once', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => apply(BASE)));
    expect(all.map(({ policyVersion }) => policyVersion)).toEqual(Array(6).fill(1));
    expect(all.filter(({ isChanged }) => isChanged)).toHaveLength(1);
    expect(await audits()).toHaveLength(1);
  });

  it('waits for running decisions, gets its turn although new ones keep coming, and they see the new version', async () => {
    await apply(BASE);
    const isWaiting = (query: string) => async () =>
      (
        await test.db.rows(sql`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like ${query}`)
      ).length;
    const gate = Promise.withResolvers<void>();
    const reading = Promise.withResolvers<number>();
    const running = test.db.transaction(async (tx) => {
      reading.resolve((await loadPolicy(tx)).version);
      await gate.promise;
    });
    expect(await reading.promise).toBe(1);
    const applied = apply(withPolicy({ inFlightMs: 1 }));
    await expect.poll(isWaiting('lock table policy_current%')).toBe(1);
    const later = test.db.transaction(async (tx) => (await loadPolicy(tx)).version);
    await expect.poll(isWaiting('%for share of c%')).toBe(1);
    gate.resolve();
    await running;
    expect((await applied).policyVersion).toBe(2);
    expect(await later).toBe(2);
  });
});

describe('setMode', () => {
  beforeEach(() => apply(BASE));

  it('changes what is named, tells who did, and rings for those that go live', async () => {
    expect(await setMode(test.db, ['fake:a'], 'live', 'anna')).toEqual(['fake:a']);
    expect(await getModes(test.db)).toMatchObject([
      { mode: 'live', changedBy: 'anna' },
      { mode: 'shadow', changedBy: 'configuration' },
    ]);
    expect((await getModes(test.db))[0]?.changedAt).toBeGreaterThan(Date.parse('2020-01-01'));
    expect((await audits()).at(-1)).toEqual({
      actor: 'anna',
      action: 'set mode',
      subject: 'fake:a',
      detail: { from: 'shadow', to: 'live' },
    });
    expect((await bells()).filter(({ topic }) => topic === 'push')).toEqual([{ topic: 'push', key: 'fake:a' }]);
  });

  it('does nothing where nothing changes', async () => {
    await setMode(test.db, ['fake:a'], 'live', 'anna');
    expect(await setMode(test.db, ['fake:a'], 'live', 'ben')).toEqual([]);
    expect((await getModes(test.db))[0]?.changedBy).toBe('anna');
    expect((await audits()).filter(({ action }) => action === 'set mode')).toHaveLength(1);
  });

  it('pauses all, those too that are gone from the configuration, and takes live only what is configured', async () => {
    await setMode(test.db, 'all', 'live', 'anna');
    await apply({ ...withPolicy({ channels: [rule('fake:a', 'dtc')] }), channels: BASE.channels.slice(0, 1) });
    expect(await setMode(test.db, 'all', 'paused', 'anna')).toEqual(['fake:a', 'fake:b']);
    expect(await setMode(test.db, 'all', 'live', 'anna')).toEqual(['fake:a']);
    await expect(setMode(test.db, ['fake:b'], 'live', 'anna')).rejects.toMatchObject({
      message: 'fake:b cannot go live: it is no longer in the configuration',
      fix: 'put it back into allot.yaml and start the daemon with it',
    });
  });

  it('refuses a channel that there is not, and then changes none', async () => {
    await expect(setMode(test.db, ['fake:a', 'fake:c'], 'live', 'anna')).rejects.toMatchObject({
      message: 'no channel is called fake:c',
      value: 'fake:c',
      fix: 'there is: fake:a, fake:b',
    });
    expect((await getModes(test.db)).map(({ mode }) => mode)).toEqual(['shadow', 'shadow']);
  });
});
