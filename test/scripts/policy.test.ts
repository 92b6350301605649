/** `allot policy` on a real database: who may change what, what is told before it is, and what the history answers after. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase } from '#test/support/database.ts';
import { openPolicyBench, type PolicyBench } from '#test/support/policy-bench.ts';

let bench: PolicyBench;
let store: PolicyBench['store'];
let folder: string;
let allot: PolicyBench['allot'];
let lee: PolicyBench['lee'];
let write: PolicyBench['write'];
let json: PolicyBench['json'];
let versionInForce: PolicyBench['versionInForce'];

beforeEach(async () => {
  bench = await openPolicyBench();
  ({ store, folder, allot, lee, write, json, versionInForce } = bench);
});
afterEach(() => bench.close());

const POOLS = `pools:
  - { program: wholesale, sku: MUG, units: 40 }
`;
const REQUIRED = 'approval: { policy: required }\n';

const targets = async () =>
  Object.fromEntries(
    (
      await store.db.rows<{ key: string; quantity: number }>(sql`
        select l.channel_id || ' ' || l.sku as key, t.quantity from target t join listing l on l.id = t.listing_id`)
    ).map(({ key, quantity }) => [key, quantity]),
  );
const audit = () =>
  store.db.rows<{ actor: string; action: string; subject: string; reason: string | null }>(
    sql`select actor, action, subject, detail->>'reason' as reason from audit where subject ~ '^(policy|proposal) ' order by id`,
  );

test('the first policy of a database needs no daemon', async () => {
  await using empty = await createTestDatabase();
  write({ more: REQUIRED });
  const said = await allot("policy apply --reason 'we begin'", { env: { DATABASE_URL: empty.url, USER: 'kim' } });
  expect(said).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('Policy version 1 is in force: new: location main'),
  });
  expect((await allot('policy show 1', { env: { DATABASE_URL: empty.url } })).out).toContain(
    'operator:kim apply configuration',
  );
});

describe('looking', () => {
  test('the schema is the document that editors read', async () => {
    const said = await allot('policy schema');
    expect(said.document()).toMatchObject({ $schema: expect.stringContaining('draft-07'), type: 'object' });
  });

  test('a difference is told rule by rule, of files and of versions', async () => {
    write({ pools: POOLS, a: '    buffer: 2\n' });
    const said = await allot('policy diff allot.yaml');
    expect(said).toMatchObject({ exitCode: 0 });
    expect(said.out).toBe(
      'From version 1 to allot.yaml: 2 changes.\n' +
        '+ new: pool of wholesale for MUG (protected units 40, refill never)\n' +
        '~ fake:a for every item: buffer from 0 units to 2 units\n',
    );
    await allot("policy apply --reason 'for the fair'");
    expect((await allot('policy diff 1')).out).toContain('From version 1 to version 2: 2 changes.');
    expect((await allot('policy diff 2 1')).out).toContain('- gone: pool of wholesale for MUG');
    expect(await json('policy diff allot.yaml')).toMatchObject({ from: 'version 2', to: 'allot.yaml', changes: [] });
    expect(await allot('policy diff 7')).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('no policy version 7'),
    });
    expect(await allot('policy diff none.yaml')).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('no file none.yaml'),
    });
  });

  test('a preview says what would change on which channel, and then exactly that comes', async () => {
    write({ pools: POOLS, a: '    items: { CUP: { cap: 0 }, POT: { share: 50 } }\n' });
    const { preview } = (await json('policy preview')) as { preview: Record<string, unknown> };
    expect(preview).toMatchObject({
      baseVersion: 1,
      items: 3,
      channels: [
        {
          channel: 'fake:a',
          listings: 3,
          up: 0,
          down: 3,
          toZero: 1,
          unitsDown: 190,
          largest: [
            { sku: 'CUP', from: 100, to: 0 },
            { sku: 'POT', from: 100, to: 50 },
            { sku: 'MUG', from: 100, to: 60 },
          ],
        },
        { channel: 'fake:b', listings: 3, up: 0, down: 0, largest: [] },
      ],
      programs: [
        { program: 'dtc', promiseBefore: 300, promiseAfter: 260, protectedBefore: 0, protectedAfter: 0 },
        { program: 'wholesale', promiseBefore: 300, promiseAfter: 300, protectedBefore: 0, protectedAfter: 40 },
      ],
      poolsAboveSupply: { items: 0 },
    });
    expect([await versionInForce(), (await targets())['fake:a MUG']]).toEqual([1, 100]);
    const said = await allot("policy apply --reason 'for the fair' --wait");
    expect(said.out).toContain('Policy version 2 is in force: new: pool of wholesale for MUG');
    expect(said.out).toContain('3 items decided anew.');
    expect(said.err).toContain('fake:a CUP (ref-CUP): 100 to 0');
    expect(await targets()).toEqual({
      'fake:a CUP': 0,
      'fake:a MUG': 60,
      'fake:a POT': 50,
      'fake:b CUP': 100,
      'fake:b MUG': 100,
      'fake:b POT': 100,
    });
    expect((await allot('policy preview')).out).toContain('No item is reached');
  });

  test('a channel that a policy no longer has is told', async () => {
    write();
    const text = `locations: [{ id: main, master: allot }]
programs: [{ id: dtc, priority: 2, locations: [main] }]
channels: [{ id: 'fake:a', program: dtc }]
`;
    writeFileSync(join(folder, 'small.yaml'), text);
    expect((await allot('policy preview small.yaml')).out).toContain(
      'fake:b is no longer served: its 3 listings keep the number',
    );
  });
});

describe('history', () => {
  test('answers who changed what and why, for any version, and goes back as a new one', async () => {
    write({ a: '    buffer: 2\n' });
    await allot("policy apply --reason 'slow orders'");
    write({ a: '    buffer: 2\n', pools: POOLS });
    await lee("policy apply --reason 'for the fair' --wait");
    const back = await allot("policy rollback 2 --reason 'the fair is over' --wait");
    expect(back.out).toContain('Policy version 4 is in force: gone: pool of wholesale for MUG');
    expect((await targets())['fake:a MUG']).toBe(98);
    const { versions } = await json('policy history');
    expect(versions).toMatchObject([
      { version: 4, author: 'operator:kim', reason: 'the fair is over', origin: 'rollback', rolledBackTo: 2 },
      { version: 3, author: 'operator:lee', reason: 'for the fair', changes: expect.stringContaining('new: pool') },
      { version: 2, author: 'operator:kim', reason: 'slow orders', changes: expect.stringContaining('buffer') },
      { version: 1 },
    ]);
    expect((await allot('policy history')).out).toMatch(/4 .*operator:kim, back to 2 .*the fair is over/);
    const shown = await allot('policy show 3');
    expect(shown.out).toContain('operator:lee apply configuration, policy 3: for the fair');
    expect(shown.out).toContain('units: 40');
    expect((await allot('policy diff 2 4')).out).toContain('Nothing changes.');
    expect((await allot("policy rollback 2 --reason 'again'")).out).toContain('Nothing to change: policy version 4');
  });

  test('an exported version is a file that says the same', async () => {
    write({ pools: POOLS, a: '    items: { CUP: { cap: 5, hideAtOrBelow: 1 } }\n', more: REQUIRED });
    await allot("policy apply --reason 'for the fair'");
    const { out } = await allot('policy export');
    expect(out).toMatch(/^# Policy version 2, .*operator:kim: for the fair\n/);
    writeFileSync(join(folder, 'exported.yaml'), out);
    expect(await json('policy diff exported.yaml')).toMatchObject({ changes: [] });
    expect((await allot("policy apply exported.yaml --reason 'the same'")).out).toContain('Nothing to change');
    writeFileSync(join(folder, 'first.yaml'), (await allot('policy export 1')).out);
    expect(await json('policy diff 1 first.yaml')).toMatchObject({ changes: [] });
  });
});

describe('a second person', () => {
  beforeEach(async () => {
    write({ more: REQUIRED });
    await allot("policy apply --reason 'two pairs of eyes'");
    write({ more: REQUIRED, pools: POOLS });
  });

  test('must approve: an unapproved file is refused with the commands, and the running policy stays', async () => {
    const refused = await allot("policy apply --reason 'for the fair'");
    expect(refused).toMatchObject({ exitCode: 1, out: '' });
    expect(refused.err).toContain("asks for a second person's approval of any change, and nobody approved this one");
    expect(refused.err).toContain('allot policy propose FILE --reason TEXT');
    expect(await versionInForce()).toBe(2);
    const proposed = await allot("policy propose --reason 'for the fair'");
    expect(proposed.out).toContain('Proposal 1 on version 2: 1 change.');
    const own = await allot('policy approve 1');
    expect(own).toMatchObject({ exitCode: 1, err: expect.stringContaining('nobody approves a proposal of their own') });
    expect((await allot("policy apply --reason 'for the fair'")).err).toContain(
      'proposal 1 waits for a second person: allot policy approve 1',
    );
    expect((await allot('policy apply 1')).exitCode).toBe(1);
    expect((await lee('policy approve 1')).exitCode).toBe(0);
    expect((await allot('policy preview --proposal 1')).out).toContain('new: pool of wholesale for MUG');
    expect((await allot('policy apply 1 --wait')).out).toContain('Policy version 3 is in force');
    expect((await targets())['fake:a MUG']).toBe(60);
    const { versions } = await json('policy history');
    expect(versions).toMatchObject([
      { version: 3, reason: 'for the fair', proposal: 1, proposedBy: 'operator:kim', approvedBy: 'operator:lee' },
      { version: 2 },
      { version: 1 },
    ]);
    expect((await audit()).slice(1)).toEqual([
      { actor: 'operator:kim', action: 'propose policy', subject: 'proposal 1', reason: 'for the fair' },
      { actor: 'operator:lee', action: 'approve policy', subject: 'proposal 1', reason: null },
      { actor: 'operator:kim', action: 'apply configuration', subject: 'policy 3', reason: 'for the fair' },
    ]);
    expect((await allot('policy apply 1')).out).toContain('Nothing to change: policy version 3 says so already');
    expect((await allot('policy proposals')).out).toContain('applied');
  });

  test('an approved file may be applied as the file, too; a rollback needs the second person as well', async () => {
    await allot("policy propose --reason 'for the fair'");
    await lee('policy approve 1');
    expect((await allot("policy apply --reason 'now'")).out).toContain('Policy version 3');
    const back = await allot("policy rollback 1 --reason 'alone'");
    expect(back).toMatchObject({ exitCode: 1, err: expect.stringContaining('nobody approved this one') });
    expect((await allot("policy propose 1 --reason 'one pair is enough'")).exitCode).toBe(0);
    await lee('policy approve 2');
    expect((await allot("policy rollback 1 --reason 'one pair is enough'")).out).toContain(
      'Policy version 4 is in force',
    );
    write({ pools: POOLS });
    expect((await allot("policy apply --reason 'alone again'")).out).toContain('Policy version 5');
  });

  test('a proposal made on a version that is no longer the newest is refused, and says what moved', async () => {
    await allot("policy propose --reason 'for the fair'");
    await lee('policy approve 1');
    write({ more: REQUIRED, a: '    buffer: 9\n' }, 'other.yaml');
    await lee("policy propose other.yaml --reason 'slow orders'");
    await allot('policy approve 2');
    expect((await lee('policy apply 2')).exitCode).toBe(0);
    const moved = await allot('policy apply 1');
    expect(moved).toMatchObject({ exitCode: 1 });
    expect(moved.err).toContain(
      'proposal 1 was made on policy version 2, and since then came version 3 by operator:lee (slow orders)',
    );
    expect(moved.err).toContain('allot policy diff 2 3');
    expect((await allot("policy apply --reason 'as a file'")).err).toContain('nobody approved this one');
    writeFileSync(join(folder, 'anew.yaml'), (await allot('policy export --proposal 1')).out);
    await allot("policy propose anew.yaml --reason 'for the fair, still'");
    await lee('policy approve 3');
    expect((await allot('policy apply 3')).out).toContain('Policy version 4');
  });

  test('a rejected proposal is over; a proposal that changes nothing is none', async () => {
    await allot("policy propose --reason 'for the fair'");
    expect((await lee("policy reject 1 --reason 'too much'")).out).toBe('Proposal 1 is rejected.\n');
    expect((await lee('policy approve 1')).err).toContain('proposal 1 is rejected already');
    expect((await allot('policy apply 1')).err).toContain('proposal 1 is rejected already');
    expect((await allot('policy approve 9')).err).toContain('there is no proposal 9');
    write({ more: REQUIRED });
    expect((await allot("policy propose --reason 'the same'")).err).toContain(
      'says what policy version 2 says already',
    );
  });

  test('the table itself refuses an approval by the proposer', async () => {
    await allot("policy propose --reason 'for the fair'");
    await expect(
      store.db.rows(sql`update policy_proposal set state = 'approved', decided_by = proposed_by where id = 1`),
    ).rejects.toThrow('check constraint');
  });
});
