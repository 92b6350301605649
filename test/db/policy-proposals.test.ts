/** Approval and versions in the database itself: whoever calls, and however many at once. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { applyConfiguration, type Configuration } from '#db/configuration.ts';
import { readPolicyAt, readPolicyInForce, readPolicyTrail } from '#db/policy-history.ts';
import { decideProposal, PolicyNotApproved, proposePolicy, readProposals } from '#db/policy-proposals.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

let store: TestDatabase;

const configurationOf = (inFlightMs: number, isRequired = true): Configuration => ({
  locations: [{ id: 'main', master: 'allot', sells: true }],
  channels: [],
  policy: {
    programs: [{ id: 'dtc', priority: 1, drawOrder: 'ownThenShared', locations: ['main'] }],
    pools: [],
    channels: [],
    inFlightMs,
    ...(isRequired ? { approval: { policy: 'required' as const } } : {}),
  },
  author: 'kim',
  reason: 'because',
});

async function approved(inFlightMs: number): Promise<number> {
  const { locations, channels, policy } = configurationOf(inFlightMs);
  const id = await proposePolicy(store.db, { locations, channels, policy, source: 'f', reason: 'r', author: 'kim' });
  await decideProposal(store.db, { id, state: 'approved', actor: 'lee', reason: 'looks right' });
  return id;
}

beforeEach(async () => {
  store = await createTestDatabase();
  await applyConfiguration(store.db, configurationOf(1));
});
afterEach(() => store.drop());

test('nobody changes the policy alone, not even to say that nobody need ask', async () => {
  await expect(applyConfiguration(store.db, configurationOf(2))).rejects.toThrow(PolicyNotApproved);
  await expect(applyConfiguration(store.db, configurationOf(1, false))).rejects.toThrow(PolicyNotApproved);
  const sold = { ...configurationOf(1), locations: [{ id: 'main', master: 'allot' as const, sells: false }] };
  await expect(applyConfiguration(store.db, sold)).rejects.toThrow(PolicyNotApproved);
  expect((await readPolicyInForce(store.db))?.version).toBe(1);
});

test('an approval is for exactly what was proposed', async () => {
  await approved(2);
  await expect(applyConfiguration(store.db, configurationOf(3))).rejects.toThrow(PolicyNotApproved);
  expect(await applyConfiguration(store.db, configurationOf(2))).toMatchObject({ policyVersion: 2 });
});

test('one proposal applied by several at once gives one version', async () => {
  const proposal = await approved(2);
  const all = await Promise.all(
    Array.from({ length: 5 }, () => applyConfiguration(store.db, configurationOf(2), { proposal })),
  );
  expect(all.map(({ policyVersion }) => policyVersion)).toEqual([2, 2, 2, 2, 2]);
  expect(all.filter(({ isChanged }) => isChanged)).toHaveLength(1);
  expect(await readProposals(store.db, 5)).toMatchObject([{ state: 'applied', appliedVersion: 2 }]);
});

test('of two approved on one version the first comes into force, the second is told what moved', async () => {
  const [one, two] = [await approved(2), await approved(3)];
  const both = await Promise.allSettled([
    applyConfiguration(store.db, configurationOf(2), { proposal: one }),
    applyConfiguration(store.db, configurationOf(3), { proposal: two }),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const refused = both.find((result) => result.status === 'rejected');
  expect(String(refused?.reason)).toMatch(
    /was made on policy version 1, and since then came version 2 by kim \(because\)/,
  );
  expect((await readPolicyInForce(store.db))?.version).toBe(2);
});

test('whoever looked at an older version is told, and nothing is applied', async () => {
  await approved(2);
  await applyConfiguration(store.db, configurationOf(2));
  await approved(3);
  await expect(applyConfiguration(store.db, configurationOf(3), { expects: 1 })).rejects.toMatchObject({
    message: 'policy version 2 came into force while you looked at version 1',
    fix: 'allot policy diff 1 2 shows what moved; then look again and apply again',
  });
  expect(await applyConfiguration(store.db, configurationOf(3), { expects: 2 })).toMatchObject({ policyVersion: 3 });
});

test('the trail of a version answers who asked, who agreed, who applied, and why', async () => {
  const proposal = await approved(2);
  await applyConfiguration(store.db, { ...configurationOf(2), author: 'mo', reason: 'the fair begins' }, { proposal });
  const version = await readPolicyAt(store.db, 2);
  expect(version).toMatchObject({
    author: 'mo',
    reason: 'the fair begins',
    proposedBy: 'kim',
    approvedBy: 'lee',
    origin: 'apply',
  });
  expect((await readPolicyTrail(store.db, version)).map(({ at: _at, ...step }) => step)).toEqual([
    { actor: 'kim', action: 'propose policy', subject: `proposal ${proposal}`, reason: 'r' },
    { actor: 'lee', action: 'approve policy', subject: `proposal ${proposal}`, reason: 'looks right' },
    { actor: 'mo', action: 'apply configuration', subject: 'policy 2', reason: 'the fair begins' },
  ]);
});

test('a part of the policy that nobody knows here reaches every item', async () => {
  await store.db.rows(sql`insert into item (sku) values ('A'), ('B')`);
  await store.db.rows(sql`update policy set body = body - 'approval'`);
  const more = { ...configurationOf(1, false).policy, tides: [{ id: 't1' }] };
  expect(await applyConfiguration(store.db, { ...configurationOf(1, false), policy: more })).toMatchObject({
    itemsToReview: 2,
  });
});
