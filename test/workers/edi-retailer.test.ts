/** The workers with the EDI connector and its sandbox retailer, over a real mailbox: stock out by 846, orders in by 850, answers by 855. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { connector } from '#connectors/edi/index.ts';
import { loadPartner, type Partner } from '#connectors/edi/partner.ts';
import { startEdiSandbox } from '#connectors/edi/sandbox/start.ts';
import { createSandboxControl, type DocumentStats, type LogEntry } from '#connectors/sandbox/control.ts';
import { command } from '#test/support/brand.ts';
import { openPipeline, type PartnerOpener, type Pipeline } from '#test/support/pipeline.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { decidePending } from '#workers/allocate.ts';
import { exchangeDocuments } from '#workers/documents.ts';
import { pollChannel, takeInbox } from '#workers/intake.ts';
import { pushChannel } from '#workers/push.ts';

const EXAMPLES = join(import.meta.dirname, '..', '..', 'scripts', 'examples', 'edi');
const CHANNEL = 'edi:retailer';
const never = new AbortController().signal;

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

/** The dialect as the example has it, with the one place that the test brand has. */
function dialect(name: string): Partner {
  const partner = loadPartner(join(EXAMPLES, `${name}.yaml`));
  const shipTo = Object.fromEntries(Object.keys(partner.orders.shipTo).map((code) => [code, 'main']));
  return { ...partner, orders: { ...partner.orders, shipTo } };
}

const retailer =
  (partner: Partner): PartnerOpener =>
  async (skus) => {
    const mailbox = await mkdtemp(join(tmpdir(), 'allot-retailer-'));
    const sandbox = await startEdiSandbox({ partner, mailbox, lookMs: 20, resendMs: 100 });
    const control = createSandboxControl(sandbox.url);
    const seeded = await control.seed({ listings: skus.map((sku) => ({ sku, shown: 0 })) });
    return {
      connector,
      settings: { partner, mailbox, restSeconds: 0, everySeconds: 0 },
      secrets: {},
      control,
      seeded,
      async close() {
        await sandbox.close();
        await rm(mailbox, { recursive: true });
      },
    };
  };

async function open(partner: Partner): Promise<Pipeline> {
  const p = await openPipeline({ partners: { [CHANNEL]: retailer(partner) }, skus: ['A', 'B'] });
  pipeline = p;
  await command(p.store.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 20, disposition: 'sellable' });
  await command(p.store.db, { kind: 'receive', sku: 'B', location: 'main', quantity: 5, disposition: 'sellable' });
  return p;
}

/** One round of every worker; the clock follows the real one, since files have their times by it. */
async function work({ context, clock }: Pipeline): Promise<void> {
  clock.now = Math.max(clock.now + 1, Date.now());
  await pollChannel(context, CHANNEL, never);
  await takeInbox(context, never);
  await decidePending(context.db, { now: context.now });
  await exchangeDocuments(context, CHANNEL, never);
  await pushChannel(context, CHANNEL, never);
}

function workUntil<T>(p: Pipeline, what: string, look: () => Promise<T | null | false>): Promise<T> {
  return waitUntil(what, async () => {
    await work(p);
    return look();
  });
}

const levelsOf = async (p: Pipeline): Promise<string> =>
  (await p.control(CHANNEL).levels()).map(({ sku, shown }) => `${sku} ${shown}`).join(', ');

const answersOf = async (p: Pipeline): Promise<Extract<LogEntry, { kind: 'answer' }>[]> =>
  (await p.control(CHANNEL).log()).entries.filter((entry) => entry.kind === 'answer');

async function documentsOf(p: Pipeline): Promise<DocumentStats> {
  const { documents } = await p.control(CHANNEL).stats();
  if (documents === undefined) throw new Error('a retailer counts documents');
  return documents;
}

const isSettled = async ({ store }: Pipeline): Promise<boolean> => {
  const [row] = await store.db.rows<{ behind: number }>(sql`
    select count(*)::int as behind from target where is_behind`);
  return row?.behind === 0;
};

test('a retailer for its own shelves: a full 846, cases, and an 855 that back-orders what is not there', async () => {
  const p = await open(dialect('department-store'));
  await workUntil(p, 'the retailer was told', async () => (await levelsOf(p)) === 'A 20, B 5');
  const { orderRef } = await p.control(CHANNEL).placeOrder({
    lines: [
      { sku: 'A', quantity: 24 },
      { sku: 'B', quantity: 5 },
    ],
  });
  const [answer] = await workUntil(p, 'the order is answered', async () => {
    const answers = await answersOf(p);
    return answers.length > 0 && answers;
  });
  // Cases of six: of twenty there are three whole ones, and the fourth waits.
  expect(answer).toMatchObject({
    orderRef,
    lines: [
      { sku: 'A', accepted: 18, backOrdered: 6, refused: 0 },
      { sku: 'B', accepted: 5, backOrdered: 0, refused: 0 },
    ],
  });
  await workUntil(
    p,
    'the retailer was told again',
    async () => (await levelsOf(p)) === 'A 0, B 0' || (await levelsOf(p)) === 'A 2, B 0',
  );
  await workUntil(p, 'everything is acknowledged', () => isSettled(p));
  expect(await documentsOf(p)).toMatchObject({ refused: 0, problems: [] });
});

test('a dropship partner, with repeats, losses and broken files: every order once, and no rule broken', async () => {
  const p = await open(dialect('dropship-mall'));
  await workUntil(p, 'the retailer was told', async () => (await levelsOf(p)) === 'A 20, B 5');
  const chance = 0.5;
  await p.control(CHANNEL).setFaults({
    seed: 4,
    duplicateWebhook: chance,
    dropWebhook: chance,
    reorderWebhook: chance,
    brokenInterchange: chance,
  });
  for (let n = 0; n < 8; n += 1) await p.control(CHANNEL).placeOrder({ lines: [{ sku: 'A', quantity: 2 }] });
  await workUntil(p, 'every order is answered', async () => (await answersOf(p)).length === 8);
  await workUntil(p, 'the post is out', async () => (await p.control(CHANNEL).stats()).webhooksPending === 0);
  await workUntil(p, 'the retailer shows what is left', async () => (await levelsOf(p)) === 'A 4, B 5');
  const answers = await answersOf(p);
  expect(answers.flatMap(({ lines }) => lines.map(({ accepted, refused }) => [accepted, refused]))).toEqual(
    Array.from({ length: 8 }, () => [2, 0]),
  );
  const [row] = await p.store.db.rows<{ orders: number }>(sql`select count(*)::int as orders from sales_order`);
  expect(row).toEqual({ orders: 8 });
  expect(await documentsOf(p)).toMatchObject({ refused: 0, problems: [] });
});

test('a number that relies on goods to come carries their date, and goes out anew when the date moves', async () => {
  const partner = dialect('dropship-mall');
  const p = await open({ ...partner, inventory: partner.inventory && { ...partner.inventory, restockDate: '018' } });
  const { db } = p.store;
  await db.rows(sql`
    update policy set body = jsonb_set(body, '{programs}', (
      select jsonb_agg(program || '{"backorder": {"supply": "all"}}') from jsonb_array_elements(body->'programs') as t(program)))`);
  const [first, moved] = [Date.now() + 30 * 86_400_000, Date.now() + 35 * 86_400_000];
  const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10).replaceAll('-', '');
  const expected = (dueAt: number) => {
    const row = { sku: 'A', ref: 'PO-1', location: 'main', supplyKind: 'purchaseOrder', quantity: 7, dueAt } as const;
    return command(db, { kind: 'expect-supply', ...row, state: 'open' });
  };
  const dates = async () => {
    const rows = await db.rows<{ wire: string }>(sql`select wire from push_attempt where state = 'done' order by id`);
    return rows.flatMap(({ wire }) => [...wire.matchAll(/DTM.018.(\d{8})/g)].map((found) => found[1]));
  };
  await expected(first);
  await workUntil(p, 'stock and supply are shown', async () => (await levelsOf(p)) === 'A 27, B 5' && isSettled(p));
  expect(await dates()).toEqual([dayOf(first)]);
  await expected(moved);
  await workUntil(p, 'the new date is told', async () => (await dates()).length > 1 && isSettled(p));
  expect(await dates()).toEqual([dayOf(first), dayOf(moved)]);
  expect(await levelsOf(p)).toBe('A 27, B 5');
});
