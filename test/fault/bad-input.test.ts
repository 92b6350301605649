/** Bad input over real HTTP: refused and not stored, or stored and parked with its reason; nothing else is held up by it. */
import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropParked } from '#db/parked.ts';
import type { DaemonProcess } from '#test/support/daemon.ts';
import { postWebhook, readWireOrder, type WireLine, wireOrder } from '#test/support/partner-webhook.ts';
import { openStage, type Stage } from '#test/support/stage.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const CHANNEL = 'fake:shop';

let stage: Stage;
let daemon: DaemonProcess;
let refOf: ReadonlyMap<string, string>;

beforeAll(async () => {
  stage = await openStage({
    database: 'given',
    skus: ['MUG', 'TEE', 'NEW'],
    opening: 100,
    partners: { [CHANNEL]: {} },
  });
  daemon = stage.start();
  await daemon.ready();
  await stage.furnish({ unmapped: ['NEW'] });
  refOf = new Map((await stage.control(CHANNEL).levels()).map(({ sku, listingRef }) => [sku, listingRef]));
});
afterAll(() => stage.close());

type Post = Omit<Parameters<typeof postWebhook>[0], 'url' | 'secret'>;
const post = (webhook: Post): Promise<number> =>
  postWebhook({ url: `${daemon.url}/webhooks/${CHANNEL}`, secret: stage.partner(CHANNEL).secret, ...webhook });

const lineOf = (sku: string, ordered: unknown, over: object = {}): WireLine => ({
  listing: refOf.get(sku) ?? sku,
  ordered,
  ...over,
});

type Figures = { readonly inbox: number; readonly commands: number; readonly orders: number };
async function readFigures(): Promise<Figures> {
  const [row] = await (await stage.db()).rows<Figures>(sql`
    select (select count(*)::int from inbox_key) as inbox, (select count(*)::int from command) as commands,
      (select count(*)::int from sales_order) as orders`);
  if (row === undefined) throw new Error('no figures');
  return row;
}

async function readMetric(name: string): Promise<number> {
  const text = await (await fetch(`${daemon.url}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

type ParkedDocument = {
  readonly id: number;
  readonly code: string;
  readonly reason: string;
  readonly field: string;
  readonly fix: string;
};
async function listParked(): Promise<readonly ParkedDocument[]> {
  const { out } = await stage.allot(['parked', 'list', '--json']);
  return (JSON.parse(out) as { parked: ParkedDocument[] }).parked;
}

/** What this webhook was parked as; it is dropped again, so that the next test starts from nothing. */
async function postAndSeeParked(body: string, topic = 'orders/changed'): Promise<ParkedDocument> {
  expect(await post({ body, topic })).toBe(200);
  const row = await waitUntil('it is parked', async () => {
    const rows = await (await stage.db()).rows<ParkedDocument>(
      sql`select id, code, reason, field, fix from parked where state = 'parked' order by id desc limit 1`,
    );
    return rows[0];
  });
  const db = await stage.db();
  expect(await db.transaction((tx) => dropParked(tx, [row.id], 'test', 'seen'))).toBe(1);
  return row;
}

/** An order that comes now is decided: nothing stands in its way. */
async function expectOpenDoor(): Promise<void> {
  const { orderRef } = await stage.control(CHANNEL).placeOrder({ lines: [{ sku: 'TEE', quantity: 1 }] });
  await waitUntil(
    'a good order is decided',
    async () =>
      (await (await stage.db()).rows(sql`select 1 from sales_order where id = ${`${CHANNEL}/${orderRef}`}`)).length > 0,
    { limitMs: 10_000, tell: daemon.said },
  );
}

test('forged and truncated webhooks are answered 401, counted, and not stored', async () => {
  const body = wireOrder('forged', [lineOf('MUG', 1)]);
  const refused = `allot_webhooks_total{channel="${CHANNEL}",outcome="refused"}`;
  const [before, countedBefore] = [await readFigures(), await readMetric(refused)];
  const statuses = [
    await post({ body, signature: '0'.repeat(64) }),
    await post({ body, signature: 'not hex' }),
    await post({ body, sent: body.slice(0, -20) }),
    await post({ body, sent: '' }),
    await postWebhook({ url: `${daemon.url}/webhooks/${CHANNEL}`, secret: 'guessed', body }),
  ];
  expect(statuses).toEqual([401, 401, 401, 401, 401]);
  expect(await post({ body, topic: 'orders/changed', event: '' })).toBe(401);
  expect(await postWebhook({ url: `${daemon.url}/webhooks/fake:other`, secret: 'any', body })).toBe(404);
  expect(await readFigures()).toEqual(before);
  expect(await readMetric(refused)).toBe(countedBefore + 6);
});

test('what is signed and makes no sense is parked with the field that is wrong', { timeout: 60_000 }, async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"id": 1, "lines": [', 'body'],
    [wireOrder('negative', [lineOf('MUG', -1)]), 'lines.0.ordered'],
    [wireOrder('half', [lineOf('MUG', 1), lineOf('TEE', 1.5)]), 'lines.1.ordered'],
    [wireOrder('text', [lineOf('MUG', 'three')]), 'lines.0.ordered'],
    [wireOrder('huge', [lineOf('MUG', 4e12)]), 'lines[0].ordered'],
    [wireOrder('over', [lineOf('MUG', 1, { cancelled: 2 })]), 'lines.0.ordered'],
    [wireOrder('none', []), 'lines'],
  ];
  for (const [body, field] of cases) {
    const parked = await postAndSeeParked(body);
    expect({ body, field: parked.field }).toEqual({ body, field });
    expect(parked.reason).not.toBe('');
    expect(parked.fix).not.toBe('');
  }
  await expectOpenDoor();
});

test('text that the database cannot keep is parked too, and holds up nobody', { timeout: 60_000 }, async () => {
  const cases: readonly (readonly [string, string])[] = [
    [wireOrder('nul', [lineOf('MUG', 1, { sku: 'A\u0000B' })]), 'lines[0].skuHint'],
    [wireOrder('nul\u0000id', [lineOf('MUG', 1)]), 'orderRef'],
    [wireOrder('surrogate', [lineOf('MUG', 1)], { name: '\ud800' }), 'displayRef'],
    [wireOrder(randomBytes(6_000).toString('hex'), [lineOf('MUG', 1)]), 'orderRef'],
    [wireOrder('far', [lineOf('MUG', 1)], { placedAt: 9e15 }), 'placedAt'],
  ];
  for (const [body, field] of cases) {
    const parked = await postAndSeeParked(body);
    expect({ body: body.slice(0, 200), field: parked.field }).toEqual({ body: body.slice(0, 200), field });
    await expectOpenDoor();
  }
  const level = await postAndSeeParked(JSON.stringify({ listing: 'A\u0000', location: 'L1' }), 'levels/changed');
  expect(level.field).toBe('listingRef');
  await expectOpenDoor();
});

test('an order of an unmapped listing waits, and goes on by itself when the listing is mapped', {
  timeout: 60_000,
}, async () => {
  const ref = refOf.get('NEW') ?? '';
  expect(await post({ body: wireOrder('waits', [lineOf('NEW', 2)]) })).toBe(200);
  expect(await post({ body: wireOrder('waits', [lineOf('NEW', 3)], { version: 2 }) })).toBe(200);
  const parked = await waitUntil('both are parked', async () => {
    const rows = await listParked();
    return rows.length === 2 ? rows : null;
  });
  expect(parked).toMatchObject([
    { code: 'unmapped-listing', field: 'lines[0].listingRef', channel: CHANNEL },
    { code: 'behind-parked' },
  ]);
  expect(parked[0]?.fix).toContain(`allot listings map ${CHANNEL} ${ref} SKU`);
  const status = await stage.allot(['status', '--json']);
  expect(JSON.parse(status.out)).toMatchObject({
    parked: expect.arrayContaining([expect.objectContaining({ channel: CHANNEL, code: 'unmapped-listing', count: 1 })]),
  });
  const mapped = await stage.allot(['listings', 'map', CHANNEL, ref, 'NEW', '--json']);
  expect({ code: mapped.code, err: mapped.err }).toMatchObject({ code: 0 });
  await waitUntil('it is allocated', async () => {
    const [line] = await (await stage.db()).rows<{ allocated: number }>(
      sql`select allocated from order_line where order_id = ${`${CHANNEL}/waits`}`,
    );
    return line?.allocated === 3;
  });
  expect(await listParked()).toEqual([]);
});

test('double, late and reordered states of an order change nothing twice', { timeout: 60_000 }, async () => {
  const control = stage.control(CHANNEL);
  await waitUntil('the shop shows its mugs', async () =>
    (await control.levels()).some(({ sku, sellable }) => sku === 'MUG' && sellable >= 10),
  );
  await control.setFaults({ dropWebhook: 1 });
  const { orderRef } = await control.placeOrder({ lines: [{ sku: 'MUG', quantity: 5 }] });
  const states = [await readWireOrder(stage.partner(CHANNEL), orderRef ?? '')];
  await control.cancelOrder(orderRef ?? '', { restock: true, lines: [{ sku: 'MUG', quantity: 2 }] });
  states.push(await readWireOrder(stage.partner(CHANNEL), orderRef ?? ''));
  await control.fulfilOrder(orderRef ?? '', { lines: [{ sku: 'MUG', quantity: 1 }] });
  states.push(await readWireOrder(stage.partner(CHANNEL), orderRef ?? ''));
  await control.setFaults({});
  const [placed, cut, shipped] = states as [string, string, string];
  const late = [shipped, placed, cut, placed, shipped, cut, placed];
  for (const [n, body] of late.entries()) expect(await post({ body, event: `late-${n % 5}` })).toBe(200);
  await stage.expectRight();
  const [line] = await (await stage.db()).rows(sql`
    select ordered, cancelled, shipped, allocated, short from order_line where order_id = ${`${CHANNEL}/${orderRef}`}`);
  expect(line).toEqual({ ordered: 5, cancelled: 2, shipped: 1, allocated: 2, short: 0 });
});

// The last of the file: the partner keeps an order that allot does not hold.
test('an order that cannot be kept does not hold up the poll that finds it', { timeout: 60_000 }, async () => {
  const control = stage.control(CHANNEL);
  await control.setFaults({ dropWebhook: 1 });
  await control.placeOrder({ orderId: 'NUL \u0000', lines: [{ sku: 'TEE', quantity: 1 }] });
  await expectOpenDoor();
  const [parked] = await waitUntil('it is parked', async () => {
    const rows = await listParked();
    return rows.length > 0 ? rows : null;
  });
  expect(parked).toMatchObject({ code: 'unreadable-input', field: 'displayRef', channel: CHANNEL });
});
