/** What each page shows, and what its forms do, from a real database. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readReallocation } from '#db/reallocations.ts';
import { command, holdOf, orderOf } from '#test/support/brand.ts';
import { type ConsoleStage, openConsole, raiseDrift, textOf } from '#test/support/console.ts';
import { decidePending } from '#workers/allocate.ts';

let stage: ConsoleStage;
beforeEach(async () => {
  stage = await openConsole();
});
afterEach(async () => {
  await stage.close();
  if (stage.faults.length > 0) throw new Error(`logged as an error: ${stage.faults.join()}`);
});

const show = async (path: string, cookie = ''): Promise<string> => textOf(await stage.page(`/console${path}`, cookie));
const decide = () => decidePending(stage.store.db, { now: () => stage.clock.now });
const order = (ref: string, units: Record<string, number>, channel = 'fake:a') =>
  command(stage.store.db, { kind: 'order-state', channel, order: orderOf(ref, units) }, stage.clock.now);

describe('the overview', () => {
  it('tells channels, what waits, drift and alerts; unknown is not well', async () => {
    const before = await show('');
    expect(before).toContain('fake:a dtc live ▲ no answer yet');
    expect(before).toContain('Drift ? nobody looked yet');
    expect(before).toContain('not looked at yet: fake:a, fake:b');
    await stage.store.db.rows(
      sql`insert into channel_health (channel_id, last_ok_at, reconciled_at) select id, now(), now() from channel`,
    );
    await stage.store.db.rows(
      sql`insert into channel_cursor (channel_id, feed, advanced_at) select id, 'orders', now() from channel`,
    );
    await raiseDrift(stage.store);
    await order('1002', { B: 50 });
    await decide();
    const after = await show('');
    expect(after).toContain('fake:a dtc live ● on time');
    expect(after).toContain('Drift 2 listings show another number');
    expect(after).toContain('Short 10 units in 1 shortages');
    expect(after).toContain('Drift by cause manual 2');
    expect(after).toContain('▲ warning fake:a: 2 listing(s) show another number than they should');
  });

  it('calls red only what a person must act on, with the reason', async () => {
    await stage.store.db.rows(sql`
      insert into channel_health (channel_id, last_ok_at, last_error, last_error_at)
      values ('fake:a', now() - interval '1 hour', 'the token is refused', now())`);
    const page = await show('');
    expect(page).toContain('■ last call failed the token is refused');
  });

  it('draws how long the other channels took after a sale, with the same figures in a table', async () => {
    await stage.store.db.rows(sql`
      insert into channel_latency (channel_id, since, samples, p50_ms, p95_ms, p99_ms, measured_at) values ('fake:b', 'sold', 7, 900, 2000, 3100, now())`);
    await stage.store.db.rows(sql`
      insert into latency_hour (channel_id, hour, since, bucket, count)
      select 'fake:b', date_trunc('hour', now()) - make_interval(hours => n), 'sold', 40 + n, 5 from generate_series(0, 3) n`);
    const page = await stage.page('/console');
    expect(textOf(page)).toContain('fake:b 7 0.9 s 2.0 s 3.1 s');
    expect(page).toContain('aria-details="latency-table"');
    const drawn = JSON.parse(/data-chart="([^"]+)"/.exec(page)?.[1]?.replaceAll('&quot;', '"') ?? '') as {
      times: number[];
      lines: { label: string; values: number[] }[];
    };
    expect(drawn.times).toHaveLength(4);
    expect(drawn.lines).toMatchObject([{ label: 'fake:b' }]);
  });

  it('pauses a channel and lets it go on, with who in the trail', async () => {
    expect((await stage.submit('/console/channel-mode', { channel: 'fake:a', mode: 'paused' })).statusCode).toBe(303);
    expect(await show('')).toContain('fake:a dtc paused ○ paused');
    expect((await stage.submit('/console/channel-mode', { channel: 'fake:a', mode: 'live' })).statusCode).toBe(303);
    expect((await stage.submit('/console/channel-mode', { channel: 'fake:z', mode: 'live' })).statusCode).toBe(409);
    expect((await stage.submit('/console/reconcile-now', { channel: 'fake:a' })).statusCode).toBe(303);
    expect((await stage.submit('/console/reconcile-now', { channel: 'fake:z' })).statusCode).toBe(409);
    const trail = await show('/trail');
    expect(trail).toContain('operator:local-console set mode fake:a {"to":"paused","from":"live"}');
    expect(trail).toContain('operator:local-console ask reconcile fake:a');
    const [bell] = await stage.store.db.rows(sql`select 1 from outbox where topic = 'reconcile' and key = 'fake:a'`);
    expect(bell).toBeDefined();
  });

  it('says what was done once, from a cookie', async () => {
    const response = await stage.submit('/console/channel-mode', { channel: 'fake:a', mode: 'paused' });
    const notice = response.cookies.find(({ name }) => name === 'allot_notice');
    const seen = await stage.ask({ url: '/console', headers: { cookie: `allot_notice=${notice?.value}` } });
    expect(textOf(seen.body)).toContain('fake:a is paused: nothing is sent any more');
    expect(seen.cookies.find(({ name }) => name === 'allot_notice')?.value).toBe('');
  });
});

describe('an item', () => {
  it('tells its figures, each channel, why, its pools, its history and what is held', async () => {
    await command(stage.store.db, holdOf({ expiresAt: stage.clock.now + 3_600_000, owner: 'ann' }), stage.clock.now);
    await decide();
    await stage.store.db.rows(sql`update item set title = 'Red mug', groups = '{mugs}' where sku = 'A'`);
    const page = await show('/sku?s=A');
    expect(page).toContain('Title Red mug');
    expect(page).toMatch(/On hand 40 .* Allocated 3 .* Held 2 .* Available to promise 35 /);
    expect(page).toContain('fake:a 35 35 ? ? ◐ to be sent ref-A why 35?');
    expect(page).toContain('So fake:a ref-A should show 35');
    expect(page).toContain('rules that changed nothing');
    expect(page).toContain('dtc 2 ownThenShared 0 0 0 35 no pool of its own');
    expect(page).toMatch(/allocate by order-state \+3 main dtc fake:a\/1001 test 40 3 1/);
    expect(page).toMatch(/receive \+40 main test 40 3 1/);
    expect(page).toContain('ann launch dtc 2 launch');
  });

  it('and its order tell by what strategy a re-confirmation moved units', async () => {
    const body = { kind: 'reconfirm', sku: 'A', by: 'priority', others: 'redistribute' } as const;
    const segments = [{ match: 'program', id: 'dtc', strategy: 'lose' }] as const;
    await command(stage.store.db, { ...body, segments }, stage.clock.now);
    await decide();
    expect(await show('/sku?s=A')).toContain('release by reconfirm as lose (program dtc) -3 main dtc fake:a/1001');
    expect(await show('/order?id=fake:a/1001')).toContain('reconfirm as lose (program dtc) test');
  });

  it('tells it at a past moment, as it was decided then', async () => {
    const before = new Date(stage.clock.now - 5_000).toISOString().slice(0, 19);
    await command(stage.store.db, {
      kind: 'receive',
      sku: 'A',
      location: 'main',
      quantity: 7,
      disposition: 'sellable',
    });
    stage.clock.now += 60_000;
    await decide();
    expect(await show('/sku?s=A')).toContain('should show 44');
    const past = await show(`/sku?s=A&at=${before}`);
    expect(past).toContain('As it was decided by');
    expect(past).toContain('should show 37');
  });

  it('that is not there is searched for', async () => {
    const response = await stage.ask({ url: '/console/sku?s=a' });
    expect(response.statusCode).toBe(404);
    expect(textOf(response.body)).toContain('No item is called a . SKUs are case-sensitive');
  });

  it('shows what was sent and what the platform shows, and calls a difference drift', async () => {
    await stage.store.db.rows(sql`update target set acked_version = version`);
    await stage.store.db.rows(sql`
      insert into listing_sync (listing_id, acked_quantity, acked_at, observed_sellable, shown, observed_state, observed_at)
      select l.id, t.quantity, now() - interval '2 min', t.quantity - case when l.channel_id = 'fake:b' then 2 else 0 end, t.quantity, 'tracked', now()
      from listing l join target t on t.listing_id = l.id where l.sku = 'A'`);
    const page = await show('/sku?s=A');
    expect(page).toContain('fake:a 37 37 37 37 ● shows it');
    expect(page).toContain('fake:b 37 37 37 35 ▲ drift');
    expect(await show('/skus')).toContain('37 / 37 / 35 ▲ differs');
  });
});

describe('the list of items', () => {
  it('goes page by page, and shows those that need a look', async () => {
    const many = Array.from({ length: 120 }, (_, n) => `Z${String(n).padStart(3, '0')}`);
    await stage.store.db.rows(
      sql`insert into item (sku) select value from json_array_elements_text(${JSON.stringify(many)}::json)`,
    );
    const first = await stage.page('/console/skus');
    expect(first).toContain('after=Z047');
    const last = await show('/skus?after=Z099');
    expect(last).toContain('Z119');
    expect(last).not.toContain('The next');
    await order('1003', { B: 41 });
    await decide();
    const short = await show('/skus?show=short');
    expect(short).toContain('B 40 40 0 0 ▲ 1');
    expect(short).not.toContain('Z000');
    expect(await show('/skus?show=waiting')).toMatch(/A 40 3 .* B 40 40/);
    expect(await show('/skus?show=drifting')).toContain('None.');
  });
});

describe('reallocations', () => {
  const ask = { sku: 'A', units: '30', from: 'shared', to: 'wholesale', days: '7', reason: 'the fair' };

  it('are asked for by one, approved by another, applied, and given back', async () => {
    await stage.addUser('kim', 'operator');
    await stage.addUser('lee', 'approver');
    await stage.addUser('max', 'approver');
    const [kim, lee] = [await stage.logIn('kim'), await stage.logIn('lee')];
    const asked = await stage.submit('/console/reallocation-propose', ask, kim);
    expect(asked.headers.location).toBe('/console/reallocation?id=1');
    const step = (name: string, cookie: string, reason = '') =>
      stage.submit('/console/reallocation-step', { id: '1', step: name, reason }, cookie);
    expect((await step('approve', kim)).statusCode).toBe(403);
    const early = await step('apply', lee);
    expect(early.statusCode).toBe(409);
    expect(await show('/reallocation?id=1', lee)).toContain('It needs a second person:');
    expect((await step('approve', lee)).statusCode).toBe(303);
    expect((await step('apply', lee)).statusCode).toBe(303);
    expect(await show('/reallocations', kim)).toContain('1 ● applied A 30 shared wholesale');
    expect(await show('/sku?s=A', kim)).toContain(
      'Reallocation 1 counts in it: the fair (operator:kim, approved by operator:lee',
    );
    expect((await step('return', lee, 'over')).statusCode).toBe(303);
    expect(await readReallocation(stage.store.db, 1)).toMatchObject({
      state: 'returned',
      closeReason: 'over',
      closedBy: 'operator:lee',
    });
  });

  it('warn of units that the receiver could not be promised', async () => {
    await stage.store.db.rows(sql`insert into location (id, master) values ('depot', 'allot')`);
    await stage.store.db.rows(sql`update policy set body = jsonb_set(body, '{programs,1,locations}', '["depot"]')`);
    await stage.submit('/console/reallocation-propose', ask);
    expect(await show('/reallocation?id=1')).toContain(
      'wholesale could be promised none of the 30 units of A: no unit it may have is free where it draws (depot).',
    );
  });

  it('are not approved by whoever asked, in whatever case the name is written', async () => {
    await stage.addUser('lee', 'approver');
    const lee = await stage.logIn('lee');
    await stage.submit('/console/reallocation-propose', ask, lee);
    const own = await stage.submit('/console/reallocation-step', { id: '1', step: 'approve' }, lee);
    expect([own.statusCode, textOf(own.body)]).toEqual([
      409,
      expect.stringContaining('nobody approves what they asked for'),
    ]);
    await stage.store.db.rows(sql`update reallocation set proposer = 'operator:Lee'`);
    expect((await stage.submit('/console/reallocation-step', { id: '1', step: 'approve' }, lee)).statusCode).toBe(409);
    expect((await stage.submit('/console/reallocation-step', { id: '1', step: 'reject' }, lee)).statusCode).toBe(409);
  });

  it('tell dated demand that would lack units, and what could be promised by date', async () => {
    const dueAt = stage.clock.now + 3 * 86_400_000;
    const demand = { kind: 'expect-demand', sku: 'A', ref: 'BL-1', program: 'dtc', quantity: 25, dueAt } as const;
    await command(stage.store.db, { ...demand, state: 'open' }, stage.clock.now);
    await decide();
    await stage.submit('/console/reallocation-propose', ask);
    const page = await show('/reallocation?id=1');
    expect(page).toContain('demand BL-1 of dtc, 25 due');
    expect(page).toContain('would lack 18 on that date because of the move');
    expect(page).toContain('Dated demand: what each would have by its date');
    expect(page).toMatch(/BL-1 dtc 25 25 → 7/);
    expect(page).toContain('What could be promised by date (ATP)');
  });

  it('that cannot be are refused in words, with what to do', async () => {
    const refused = await stage.submit('/console/reallocation-propose', { ...ask, from: 'dtc' });
    expect(refused.statusCode).toBe(409);
    expect(textOf(refused.body)).toContain('What to do:');
    expect((await stage.submit('/console/reallocation-propose', { ...ask, units: '1.5' })).statusCode).toBe(409);
    expect((await stage.ask({ url: '/console/reallocation?id=99' })).statusCode).toBe(409);
  });
});

describe('alerts', () => {
  it('are acknowledged, taken, silent for a while, and said to be mended; never closed by a person', async () => {
    await raiseDrift(stage.store);
    await stage.addUser('kim', 'operator');
    const kim = await stage.logIn('kim');
    const step = (name: string, more: Record<string, string> = {}) =>
      stage.submit('/console/alert-step', { id: '1', step: name, ...more }, kim);
    for (const name of ['ack', 'take', 'resolve']) expect((await step(name)).statusCode).toBe(303);
    expect((await step('snooze', { for: '4' })).statusCode).toBe(303);
    expect((await step('snooze', { for: '9999' })).statusCode).toBe(409);
    expect((await step('close')).statusCode).toBe(409);
    const page = await show('/alert?id=1', kim);
    for (const word of [
      'acknowledged operator:kim',
      'taken operator:kim',
      'resolved operator:kim',
      'snoozed operator:kim',
      'Owner kim',
    ])
      expect(page).toContain(word);
    expect(await show('/alerts?show=snoozed', kim)).toContain('fake:a: 2 listing(s)');
    expect(await show('/alerts?show=new', kim)).toContain('None.');
  });
});

describe('parked input', () => {
  const park = () =>
    stage.store.db.rows(sql`
      with c as (insert into command (kind, body, actor, channel_id, occurred_at, state)
        select 'review', '{"kind": "review", "sku": "A"}', 'test', 'fake:a', now(), 'parked' from generate_series(1, 3) returning id)
      insert into parked (source, source_id, channel_id, code, reason, fix) select 'command', id, 'fake:a', 'unknown-sku', 'no such item', 'allot import items FILE' from c`);

  it('stands by cause; a retry takes what was shown, a drop its reason, both with who', async () => {
    await park();
    expect(await show('/parked')).toContain('unknown-sku fake:a 3');
    const page = await stage.page('/console/parked?code=unknown-sku&channel=fake%3Aa');
    const ids = /name="ids" value="([^"]+)"/.exec(page)?.[1] ?? '';
    expect(ids).toBe('1 2 3');
    // What comes after the page was made is not meant.
    await park();
    expect((await stage.submit('/console/parked-drop', { ids: '1', reason: ' ' })).statusCode).toBe(409);
    expect((await stage.submit('/console/parked-drop', { ids: '1', reason: 'test order' })).statusCode).toBe(303);
    expect((await stage.submit('/console/parked-retry', { ids: '2 3' })).statusCode).toBe(303);
    const states = await stage.store.db.rows<{ id: number; state: string; by: string | null }>(
      sql`select id, state, closed_by as by from parked order by id`,
    );
    expect(states.map(({ state }) => state)).toEqual(['dropped', 'retried', 'retried', 'parked', 'parked', 'parked']);
    expect(states[0]?.by).toBe('operator:local-console');
    expect(await show('/trail')).toContain('drop parked 1 inputs {"ids":[1],"reason":"test order"}');
    expect(await show('/parked-one?id=1')).toContain('○ dropped');
    expect((await stage.submit('/console/parked-retry', { ids: '1 x' })).statusCode).toBe(409);
  });
});

describe('queues, documents, policy, people', () => {
  it('tell what waits and what is on its way, from the tables', async () => {
    await command(stage.store.db, { kind: 'review', sku: 'A' });
    await stage.store.db.rows(sql`
      with a as (insert into push_attempt (channel_id, lane, owner, lease_until, idempotency_key, wire, sent_at)
        values ('fake:a', 'normal', 'gone', now() - interval '1 min', 'k', '', now() - interval '2 min') returning id)
      insert into push_attempt_item (attempt_id, position, listing_id, version, quantity, wire_quantity, sold_baseline) select id, 0, 1, 1, 1, 1, 0 from a`);
    await stage.store.db.rows(
      sql`insert into listing_sync (listing_id, blocked_until, blocked_reason, blocked_fix) values (1, now() + interval '1 hour', 'too many digits', 'shorten it')`,
    );
    const page = await show('/queues');
    expect(page).toContain('commands 1');
    expect(page).toContain('fake:a normal ▲ its worker is gone: it will be read 1');
    expect(page).toContain('too many digits shorten it');
  });

  it('shows a document with its bytes, and sends it again', async () => {
    await stage.store.db.rows(sql`
      insert into document (channel_id, kind, subject, sequence, name, wire, state, sent_at) values ('fake:b', '855', 'PO 7', 1, 'a.edi', 'ISA*00~GS*PR~', 'sent', now())`);
    expect(await show('/documents')).toContain('1 fake:b 855 PO 7 ◐ sent');
    expect(await show('/document?id=1')).toContain('ISA*00~ GS*PR~');
    expect((await stage.submit('/console/document-resend', { id: '1' })).statusCode).toBe(303);
    expect((await stage.submit('/console/document-resend', { id: '1' })).statusCode).toBe(409);
    expect(await show('/trail')).toContain('resend document fake:b a.edi');
  });

  it('shows versions of the policy with what changed; a proposal is approved by another, and put in force', async () => {
    await stage.addUser('kim', 'approver');
    await stage.addUser('lee', 'admin');
    const [kim, lee] = [await stage.logIn('kim'), await stage.logIn('lee')];
    await stage.store.db.rows(sql`
      insert into policy_proposal (base_version, body, setup, source, reason, proposed_by)
      select 1, jsonb_set(body, '{channels,0,buffer}', '4'), jsonb_build_object('locations', '[{"id": "main", "master": "allot", "sells": true}]'::jsonb,
        'channels', (select jsonb_agg(jsonb_build_object('id', id, 'connector', connector, 'program', program) order by id) from channel)),
        'allot.yaml', 'a thicker buffer', 'operator:kim' from policy`);
    const page = await show('/policy-proposal?id=1', lee);
    expect(page).toContain('buffer');
    const step = (name: string, cookie: string) =>
      stage.submit('/console/policy-step', { id: '1', step: name }, cookie);
    expect((await step('approve', kim)).statusCode).toBe(409);
    expect((await step('approve', lee)).statusCode).toBe(303);
    expect((await step('apply', kim)).statusCode).toBe(403);
    expect((await step('apply', lee)).statusCode).toBe(303);
    const history = await show('/policy', kim);
    expect(history).toContain('2 ● in force');
    expect(await show('/policy-version?v=2', kim)).toMatch(/What changed since version 1 ~ changed: .*buffer/);
    expect(await show('/policy-version?v=2&from=1', kim)).toContain('Trail');
    expect((await stage.ask({ url: '/console/policy-version?v=77', headers: { cookie: kim } })).statusCode).toBe(409);
  });

  it('names users and roles, and changes a role', async () => {
    await stage.addUser('kim', 'admin');
    await stage.addUser('lee', 'viewer');
    const kim = await stage.logIn('kim');
    expect(await show('/users', kim)).toContain('lee viewer has one');
    expect((await stage.submit('/console/user-role', { name: 'lee', role: 'operator' }, kim)).statusCode).toBe(303);
    expect(await show('/users', kim)).toContain('lee operator has one');
    expect((await stage.submit('/console/user-role', { name: 'kim', role: 'viewer' }, kim)).statusCode).toBe(409);
  });
});

it('tells a database that does not answer as what it is', async () => {
  const lost = await openConsole();
  await lost.store.drop();
  const response = await lost.ask({ url: '/console' });
  expect(response.statusCode).toBeGreaterThanOrEqual(500);
  expect(textOf(response.body)).toContain('This page could not be made');
  expect(response.body).not.toContain('select');
  await lost.app.close();
});
