/** Runs of reconcile, stopped listings, lots, pools of places and owners of parked input, as the console shows and changes them. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { beginRun, endRun, noteRun } from '#db/reconcile-runs.ts';
import { BRAND_POLICY, command } from '#test/support/brand.ts';
import { type ConsoleStage, openConsole, textOf } from '#test/support/console.ts';
import { decidePending } from '#workers/allocate.ts';

const DAY_MS = 86_400_000;

let stage: ConsoleStage;
beforeEach(async () => {
  stage = await openConsole();
});
afterEach(async () => {
  await stage.close();
  if (stage.faults.length > 0) throw new Error(`logged as an error: ${stage.faults.join()}`);
});

const show = async (path: string, cookie = ''): Promise<string> => textOf(await stage.page(`/console${path}`, cookie));

describe('runs of reconcile', () => {
  async function run(mode: 'full' | 'light', because: string, error: string | null = null): Promise<number> {
    const { db } = stage.store;
    const now = stage.clock.now - 60_000;
    const id = await beginRun(db, { channelId: 'fake:a', mode, isDryRun: false, actor: 'operator:kim', now });
    const [listing] = await db.rows<{ id: number }>(
      sql`select id from listing where channel_id = 'fake:a' and sku = 'A'`,
    );
    const counts = { compared: 2, differing: 1, causes: { manualEdit: 1 }, healed: 3 };
    const found = [
      { listingId: listing?.id ?? 0, cause: 'manualEdit', remedy: 'write', shows: 4, wants: 37, because: [because] },
    ] as const;
    await noteRun(db, id, { counts, found, now });
    await endRun(db, id, { counts, furthest: [], alerted: 1, openAfter: 5, error, now: now + 4_000 });
    return id;
  }

  it('are listed with mode, length, what they found and healed and who started them; light ones when asked for', async () => {
    expect(await show('/reconcile')).toContain('No run yet: the daemon looks at each channel by its interval');
    const id = await run('full', 'it shows 4');
    await run('light', 'it shows 4');
    expect(await show('/reconcile')).toMatch(
      /1 fake:a full ▲ done, some differ .* 4 s 2 1 manualEdit 1 3 1 5 operator:kim/,
    );
    expect(await show('/reconcile')).not.toContain('2 fake:a light');
    expect(await show('/reconcile?runs=all')).toContain('2 fake:a light');
    expect(await show('/reconcile?runs=all&channel=fake%3Ab')).toContain('No run yet');
    expect(await show(`/reconcile?runs=all&before=2`)).not.toContain('2 fake:a light');
    expect(await show(`/reconcile-run?id=${id}`)).toMatch(/ref-A A manualEdit 4 37 it shows 4 our number is written/);
  });

  it('tell why they failed and what follows, and nothing that was found is taken for markup', async () => {
    const id = await run('full', '<img src=x onerror=alert(1)>', 'the shop is closed');
    const body = await stage.page(`/console/reconcile-run?id=${id}`);
    expect(body).not.toContain('<img src=x');
    expect(textOf(body)).toContain('It did not come to its end: the shop is closed. allot looks again by itself.');
    for (const unknown of ['99', 'x', ''])
      expect((await stage.ask({ url: `/console/reconcile-run?id=${unknown}` })).statusCode).toBe(404);
  });

  it('are asked for by operators, whole or dry, once each until they begin', async () => {
    await stage.addUser('kim', 'operator');
    await stage.addUser('vic', 'viewer');
    const [kim, vic] = [await stage.logIn('kim'), await stage.logIn('vic')];
    const ask = (more: Record<string, string>, cookie: string) =>
      stage.submit('/console/reconcile-now', { channel: 'fake:a', ...more }, cookie);
    expect((await ask({ dry: 'yes' }, vic)).statusCode).toBe(403);
    const asked = await ask({ dry: 'yes' }, kim);
    expect(asked.headers.location).toBe('/console/reconcile-run?id=1');
    expect((await ask({ dry: 'yes' }, kim)).headers.location).toBe('/console/reconcile-run?id=1');
    expect((await ask({}, kim)).headers.location).toMatch(/^\/console\/reconcile-run\?id=([2-9])$/);
    expect(await show('/reconcile-run?id=1', kim)).toMatch(
      /State ◐ asked for Mode full, dry run Started by operator:kim .*It waits for its turn/,
    );
    expect(await show('/reconcile-run?id=1', vic)).not.toContain('Dry run of');
    const bells = await stage.store.db.rows<{ topic: string }>(
      sql`select topic, key from outbox where topic in ('dryrun', 'reconcile') order by id`,
    );
    expect(bells.map(({ topic }) => topic)).toEqual(['dryrun', 'dryrun', 'reconcile']);
    expect(await show('/trail', kim)).toContain('operator:kim ask dry run fake:a {"run":1}');
  });
});

describe('stopped listings', () => {
  async function stop(because: string): Promise<void> {
    await stage.store.db.rows(sql`
      insert into listing_sync (listing_id, stopped_because, stopped_at, observed_sellable, shown, observed_state, observed_at)
      select id, ${because}, now() - interval '90 minutes', 12, 12, 'tracked', now() from listing where channel_id = 'fake:a' and sku = 'A'`);
    await stage.store.db.rows(sql`
      insert into overwrite (listing_id, at, ours, theirs, is_sure)
      select id, now() - make_interval(hours => n), 37, 12 + n, true from listing, generate_series(1, 5) n where channel_id = 'fake:a' and sku = 'A'`);
  }
  const resume = (cookie = '', more: Record<string, string> = {}) =>
    stage.submit('/console/listing-resume', { channel: 'fake:a', ref: 'ref-A', ...more }, cookie);

  it('stand in a list and on their item with why, what was found, and what to do first', async () => {
    expect(await show('/stopped')).toContain('None is stopped: every listing is written to as its channel says.');
    expect(await show('/reconcile')).toContain('No listing is stopped.');
    await stop('secondWriter');
    expect(await show('/stopped')).toMatch(
      /A ref-A fake:a ■ secondWriter Resume .*1 h .*ago 37 12 13 over 37 .* Switch the other program off, then resume\./,
    );
    expect(await show('/reconcile')).toContain('■ 1 stopped');
    const item = await show('/sku?s=A');
    expect(item).toContain('fake:a ref-A is stopped since');
    expect(item).toContain('a war with a second writer');
    expect(item).toContain('fake:a 37 37 ? 12 ■ stopped');
    expect(await show('/sku?s=B')).not.toContain('stopped');
  });

  it.each([
    ['ownStock', 'Count the item: allot count A QUANTITY --location PLACE --as-of now'],
    ['ask', 'Resume to write the number of allot'],
  ])('because of %s say what ends it', async (because, says) => {
    await stop(because);
    expect(await show('/stopped')).toContain(says);
  });

  it('are resumed by an operator, as allot listings resume does, and once', async () => {
    await stop('secondWriter');
    await stage.addUser('kim', 'operator');
    await stage.addUser('vic', 'viewer');
    const [kim, vic] = [await stage.logIn('kim'), await stage.logIn('vic')];
    expect((await resume(vic)).statusCode).toBe(403);
    expect(await show('/stopped', vic)).toContain('needs the role operator');
    expect(
      (
        await stage.ask({
          method: 'POST',
          url: '/console/listing-resume',
          headers: { cookie: kim },
          payload: 'channel=fake:a&ref=ref-A',
        })
      ).statusCode,
    ).toBe(403);
    expect((await resume(kim, { sku: 'A' })).headers.location).toBe('/console/sku?s=A');
    expect(await show('/stopped', kim)).toContain('None is stopped');
    expect(await stage.store.db.rows(sql`select 1 from overwrite`)).toEqual([]);
    const again = await resume(kim);
    expect(Buffer.from(again.cookies[0]?.value ?? '', 'base64url').toString('utf8')).toContain('Nothing to resume');
    expect((await resume(kim, { ref: '' })).statusCode).toBe(409);
    expect(await show('/trail', kim)).toContain('operator:kim resume listing');
    expect(await stage.store.db.rows(sql`select 1 from outbox where topic = 'push' and key = 'fake:a'`)).not.toEqual(
      [],
    );
  });
});

describe('an item with lots', () => {
  it('shows each lot with its end, its place, what is promised of it, and who may still have it', async () => {
    const programs = BRAND_POLICY.programs.map((each) =>
      each.id === 'wholesale' ? { ...each, minimumLifeDays: 60 } : each,
    );
    await stage.store.db.rows(sql`update policy set body = body || ${JSON.stringify({ programs })}::jsonb`);
    const receive = (lot: string, days: number) =>
      command(
        stage.store.db,
        {
          kind: 'receive',
          sku: 'A',
          location: 'main',
          quantity: 5,
          disposition: 'sellable',
          lot,
          expiresAt: stage.clock.now + days * DAY_MS,
        },
        stage.clock.now,
      );
    expect(await show('/sku?s=A')).not.toContain('Lots');
    await receive('L<20', 20);
    await receive('L90', 90);
    await receive('L0', -1);
    await decidePending(stage.store.db, { now: () => stage.clock.now });
    const body = await stage.page('/console/sku?s=A');
    expect(body).not.toContain('L<20');
    const text = textOf(body);
    expect(text).toMatch(/Lots .*L0 ■ \d{4}-\d\d-\d\d, expired main sellable 5 0 0 none/);
    expect(text).toMatch(/L&lt;20 ▲ \d{4}-\d\d-\d\d, 20 d main sellable 5 0 0 dtc /);
    expect(text).toMatch(/L90 \d{4}-\d\d-\d\d, 90 d main sellable 5 0 0 all /);
    expect(text).toMatch(/of no lot not known main sellable 40 3 0 dtc /);
  });
});

describe('an item with pools of one place', () => {
  it('shows them beside the pool of the item', async () => {
    const programs = BRAND_POLICY.programs.map((each) => ({ ...each, locations: ['main', 'store'] }));
    const pools = [
      { program: 'wholesale', sku: '*', units: 3, refill: 'never' },
      { program: 'wholesale', sku: '*', location: 'store', units: 4, refill: 'receipt' },
    ];
    await stage.store.db.rows(sql`update policy set body = body || ${JSON.stringify({ programs, pools })}::jsonb`);
    await stage.store.db.rows(sql`insert into location (id, master) values ('store', 'allot')`);
    await command(
      stage.store.db,
      { kind: 'receive', sku: 'A', location: 'store', quantity: 9, disposition: 'sellable' },
      stage.clock.now,
    );
    await decidePending(stage.store.db, { now: () => stage.clock.now });
    const text = await show('/sku?s=A');
    expect(text).toMatch(/wholesale at store at store alone 4 0 4 in the row above /);
    expect(text).toContain('store 9 sellable, 0 allocated, 0 held');
  });
});

describe('a kit', () => {
  it('shows the sets that each program could be promised, and what limits them, in place of pools', async () => {
    await stage.store.db.rows(sql`insert into item (sku) values ('SET')`);
    await stage.store.db.rows(
      sql`insert into item_component (kit, sku, quantity) values ('SET', 'A', 2), ('SET', 'B', 3)`,
    );
    await stage.store.db.rows(sql`update policy set body = body || '{"pools": []}'`);
    const text = await show('/sku?s=SET');
    expect(text).toContain('A kit has no pools of its own: its sets are drawn from those of 2 × A 3 × B');
    // 37 of A and 40 of B are free.
    expect(text).toMatch(/wholesale 1 13 B A 37, B 40 dtc 2 13 B A 37, B 40 /);
  });
});

describe('parked input', () => {
  const park = (code = 'unknown-sku', source = 'command') =>
    stage.store.db.rows(sql`
      with c as (insert into command (kind, body, actor, channel_id, occurred_at, state)
        select 'review', '{"kind": "review", "sku": "A"}', 'test', 'fake:a', now(), 'parked' from generate_series(1, 2) returning id)
      insert into parked (source, source_id, channel_id, code, reason, fix, first_parked_at)
      select ${source}, id, 'fake:a', ${code}, 'no such item', 'allot import items FILE', now() - interval '3 days 90 minutes' from c`);
  const take = (fields: Record<string, string>, cookie = '') => stage.submit('/console/parked-take', fields, cookie);
  const group = (cookie = '') => show('/parked?code=unknown-sku&channel=fake%3Aa', cookie);

  it('has an age that a try in vain does not make younger, and an owner: whoever takes it, a team, or nobody again', async () => {
    await park();
    await stage.addUser('kim', 'operator');
    const kim = await stage.logIn('kim');
    expect(await show('/parked', kim)).toContain('unknown-sku fake:a 2 3 d 1 h ago nobody');
    const back = '/console/parked?code=unknown-sku&channel=fake%3Aa';
    expect((await take({ ids: '1', back }, kim)).headers.location).toBe(back);
    expect(await group(kim)).toMatch(/1 3 d 1 h ago operator:kim no such item/);
    expect(await show('/parked', kim)).toContain('operator:kim (1 nobody)');
    // What came after the page was made is not taken.
    await park();
    await take({ ids: '1 2', owner: 'warehouse' }, kim);
    expect(await group(kim)).toMatch(/2 3 d 1 h ago warehouse .* 3 3 d 1 h ago nobody/);
    expect(await show('/parked-one?id=1', kim)).toMatch(/Owner warehouse since /);
    await take({ ids: '1 2', step: 'give-back' }, kim);
    expect(await show('/parked', kim)).toContain('fake:a 4 3 d 1 h ago nobody');
    expect(await show('/trail', kim)).toContain('operator:kim take parked 2 inputs {"ids":[1,2],"owner":"warehouse"}');
  });

  it('is not taken by a viewer, nor for an address, and a form leads back to the console alone', async () => {
    await park();
    await stage.addUser('vic', 'viewer');
    const vic = await stage.logIn('vic');
    expect((await take({ ids: '1' }, vic)).statusCode).toBe(403);
    expect(await group(vic)).not.toContain('Take these');
    await stage.addUser('kim', 'operator');
    const kim = await stage.logIn('kim');
    expect((await take({ ids: '1', owner: 'kim@example.com' }, kim)).statusCode).toBe(409);
    for (const back of [
      '//evil.example',
      'https://evil.example',
      '/console/parked?x=//evil.example\\',
      '/console/logout',
    ])
      expect((await take({ ids: '1', back }, kim)).headers.location).toBe('/console/parked');
  });

  it('that is a number of a listing cannot be forgotten', async () => {
    await park('refused', 'listing');
    await park();
    expect(await show('/parked?code=refused&channel=fake%3Aa')).not.toContain('Forget');
    expect(await group()).toContain('Forget');
  });
});
