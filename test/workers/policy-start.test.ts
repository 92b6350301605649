/** A daemon's start: its file is applied, or the running policy stays, is told, and is what the daemon serves by. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyConfiguration, type Configuration } from '#db/configuration.ts';
import { readPolicyAt, readPolicyInForce } from '#db/policy-history.ts';
import { decideProposal, proposePolicy } from '#db/policy-proposals.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { readConfigFile } from '#workers/config-file.ts';
import { applyAtStart } from '#workers/policy-start.ts';

let store: TestDatabase;
const NOW = Date.UTC(2026, 10, 30);

let said: { level: string; message: string; fields: Record<string, unknown> }[] = [];

beforeEach(async () => {
  store = await createTestDatabase();
  said = [];
});
afterEach(() => store.drop());

const note = (level: string) => (fields: object, message: string) =>
  void said.push({ level, message, fields: { ...fields } });
const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };

type Written = {
  readonly buffer?: number;
  readonly item?: string;
  readonly channels?: string;
  readonly approval?: boolean;
  readonly pools?: string;
};

function fileOf({ buffer = 0, item, channels = '', approval = false, pools = '' }: Written) {
  const { file, problems } = readConfigFile(
    `locations: [{ id: main, master: allot }]
programs: [{ id: dtc, priority: 2, locations: [main] }, { id: b2b, priority: 1, locations: [main] }]
${pools}channels:
  - id: fake:a
    program: dtc
    buffer: ${buffer}
${item === undefined ? '' : `    items: { ${item}: { cap: 1 } }\n`}${channels}${approval ? 'approval: { policy: required }\n' : ''}`,
    'allot.yaml',
  );
  if (file === null) throw new Error(problems.join('\n'));
  return file;
}

const configurationOf = (written: Written, reason = 'test'): Configuration => {
  const { locations, channels, policy } = fileOf(written);
  return { locations, channels, policy, author: 'kim', reason };
};

const start = (written: Written) => {
  const file = fileOf(written);
  const { locations, channels, policy } = file;
  return applyAtStart(store.db, file, { locations, channels, policy }, { log, now: NOW });
};
const alerts = () =>
  store.db.rows<{ state: string; title: string; next_step: string }>(
    sql`select state, title, next_step from alert order by id`,
  );
const kept = () => store.db.rows(sql`select 1 from audit where action = 'keep policy'`);

test('a first start has nobody to ask; the same file again is nothing; an edited one is applied', async () => {
  expect(await start({ approval: true })).toMatchObject({ policyVersion: 1, channels: ['fake:a'] });
  expect(await start({ approval: true })).toMatchObject({ policyVersion: 1 });
  expect((await readPolicyAt(store.db, 1)).origin).toBe('start');
  await applyConfiguration(store.db, configurationOf({ approval: true }));
  expect(said).toEqual([]);
});

describe('where a second person must approve', () => {
  beforeEach(() => start({ approval: true }));

  test('an edited file is not applied: the daemon goes on under the running policy and says so, until it is approved', async () => {
    const edited: Written = { buffer: 3, approval: true, channels: '  - { id: "fake:new", program: dtc }\n' };
    expect(await start(edited)).toMatchObject({ policyVersion: 1, channels: ['fake:a'] });
    expect((await readPolicyInForce(store.db))?.version).toBe(1);
    expect(said).toMatchObject([
      {
        level: 'error',
        message: 'allot.yaml is not applied: policy version 1 stays in force',
        fields: { fix: expect.stringContaining('allot policy propose FILE --reason TEXT') },
      },
    ]);
    expect(await alerts()).toMatchObject([
      { state: 'open', title: expect.stringContaining('runs under policy version 1') },
    ]);
    expect(await kept()).toHaveLength(1);

    const { locations, channels, policy } = fileOf(edited);
    const id = await proposePolicy(store.db, {
      locations,
      channels,
      policy,
      source: 'allot.yaml',
      reason: 'slow orders',
      author: 'kim',
    });
    await start(edited);
    expect(said.at(-1)?.fields.fix).toContain(`allot policy approve ${id}`);
    await decideProposal(store.db, { id, state: 'approved', actor: 'lee', reason: null });
    expect(await start(edited)).toMatchObject({ policyVersion: 2, channels: ['fake:a', 'fake:new'] });
    expect(await readPolicyAt(store.db, 2)).toMatchObject({
      author: 'configuration',
      reason: 'slow orders',
      proposal: id,
      proposedBy: 'kim',
      approvedBy: 'lee',
    });
    expect(await alerts()).toMatchObject([{ state: 'closed' }]);
  });
});

describe('after a person went back', () => {
  beforeEach(async () => {
    await start({ buffer: 1 });
    await start({ buffer: 2 });
    const { body, setup } = await readPolicyAt(store.db, 1);
    const how = { origin: 'rollback' as const, rolledBackTo: 1 };
    await applyConfiguration(store.db, { ...setup, policy: body, author: 'kim', reason: 'too high' }, how);
  });

  test('the file that was there before does not undo it at the next start', async () => {
    expect(await start({ buffer: 2 })).toMatchObject({ policyVersion: 3, policy: { channels: [{ buffer: 1 }] } });
    expect(said.at(-1)?.fields.reason).toBe(
      'allot.yaml says what policy version 2 said, and since then kim put version 3 in force (too high)',
    );
    expect(await alerts()).toMatchObject([
      { next_step: expect.stringContaining('allot policy apply allot.yaml --reason TEXT') },
    ]);
    await applyConfiguration(store.db, configurationOf({ buffer: 2 }, 'after all'));
    expect(await alerts()).toMatchObject([{ state: 'closed' }]);
  });

  test('a file that was edited since is applied, and one that says the same is no trouble', async () => {
    expect(await start({ buffer: 1 })).toMatchObject({ policyVersion: 3 });
    expect(await start({ buffer: 5 })).toMatchObject({ policyVersion: 4 });
    expect(await start({ buffer: 2 })).toMatchObject({ policyVersion: 5 });
    expect(await kept()).toEqual([]);
  });
});

test('a rule that matches nothing keeps the running policy; at a first start it is a warning', async () => {
  await store.db.rows(sql`insert into item (sku) values ('MUG')`);
  expect(await start({ item: 'MUGG' })).toMatchObject({ policyVersion: 1 });
  expect(said).toMatchObject([
    {
      level: 'warn',
      fields: { reason: expect.stringMatching(/allot\.yaml:7:14 .*no item has the SKU "MUGG"\. Did you mean "MUG"\?/) },
    },
  ]);
  expect(await start({ item: 'MUGG', buffer: 4 })).toMatchObject({
    policyVersion: 1,
    policy: { channels: [{ buffer: 0 }, {}] },
  });
  expect(said.at(-1)).toMatchObject({
    level: 'error',
    message: expect.stringContaining('policy version 1 stays in force'),
  });
  expect(await start({ item: 'MUG', buffer: 4 })).toMatchObject({ policyVersion: 2 });
});

test('percents that an item comes to through its groups keep the running policy', async () => {
  await store.db.rows(sql`insert into item (sku, groups) values ('CUP', '{seasonal,other}')`);
  await start({});
  const pools = `pools:
  - { program: dtc, group: seasonal, percent: 60 }
  - { program: b2b, group: other, percent: 60, from: "2027-01-01" }
  - { program: b2b, group: other, percent: 70, until: "2026-11-30" }
`;
  expect(await start({ pools })).toMatchObject({ policyVersion: 1, policy: { pools: [] } });
  expect(said.at(-1)).toMatchObject({
    level: 'error',
    fields: {
      reason: expect.stringMatching(
        /pools\[1\]\.percent: the pools of CUP come to 120 % of its supply from 2027-01-01T00:00:00\.000Z on: .* Write 40 or less here/,
      ),
    },
  });
});

test('so do those of one place', async () => {
  await store.db.rows(sql`insert into item (sku, groups) values ('CUP', '{seasonal,other}')`);
  await start({});
  const pools = `pools:
  - { program: dtc, location: main, group: seasonal, percent: 60 }
  - { program: b2b, location: main, group: other, percent: 60 }
`;
  expect(await start({ pools })).toMatchObject({ policyVersion: 1, policy: { pools: [] } });
  expect(said.at(-1)).toMatchObject({
    level: 'error',
    fields: { reason: expect.stringMatching(/the pools of CUP come to 120 % of what is at main: .* Write 40 or less/) },
  });
});

test('a pool whose time is over is a warning, in a new file and in one that grew old', async () => {
  const pools = 'pools: [{ program: dtc, units: 5, until: "2026-11-29" }]\n';
  expect(await start({ pools })).toMatchObject({ policyVersion: 1 });
  expect(await start({ pools })).toMatchObject({ policyVersion: 1 });
  expect(await start({ pools, buffer: 2 })).toMatchObject({ policyVersion: 2, policy: { pools: [{ units: 5 }] } });
  const warning = {
    level: 'warn',
    message: 'a pool of the policy is over',
    fields: {
      reason: expect.stringMatching(/^allot\.yaml:3:42 pools\[0\]\.until: matches nothing: .* ended at 2026-11-29/),
    },
  };
  expect(said).toMatchObject([warning, warning, warning]);
  expect(await kept()).toEqual([]);
});

test('what else is refused still ends the start', async () => {
  await start({});
  await store.db.rows(sql`insert into item (sku) values ('MUG')`);
  await store.db.rows(
    sql`insert into stock_balance (sku, location, disposition, quantity) values ('MUG', 'main', 'sellable', 3)`,
  );
  const file = fileOf({});
  const wanted = {
    channels: file.channels,
    policy: file.policy,
    locations: [{ id: 'main', master: 'erp' as const, sells: true }],
  };
  await expect(applyAtStart(store.db, file, wanted, { log, now: NOW })).rejects.toThrow(
    'holds 1 item under the stock master allot',
  );
});
