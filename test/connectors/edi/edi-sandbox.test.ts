/** The sandbox retailer: what it orders, what it takes from us and what it refuses, and its faults on a seed. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkFile } from '#connectors/edi/x12/check.ts';
import type { DocumentStats } from '#connectors/sandbox/control.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { exampleDialect } from './examples.ts';
import { openRetailer, type Retailer } from './retailer.ts';

const store = exampleDialect('department-store');
const mall = exampleDialect('dropship-mall');

async function untilTaken({ clerk }: Retailer, count: number): Promise<void> {
  await waitUntil(`${count} orders are taken`, async () => {
    await clerk.takeAll();
    return clerk.orders.size >= count;
  });
}

const place = async ({ control }: Retailer, ...lines: { sku: string; quantity: number }[]): Promise<string> => {
  const { orderRef } = await control.placeOrder({ lines });
  if (orderRef === null) throw new Error('the retailer orders it');
  return orderRef;
};

async function put({ mailbox }: Retailer, name: string, text: string): Promise<void> {
  await writeFile(join(mailbox, 'outbound', '.unfinished'), text);
  await rename(join(mailbox, 'outbound', '.unfinished'), join(mailbox, 'outbound', name));
}

const wireOf = (retailer: Retailer, quantity: number, stamp: { sequence: number; at: number }) => {
  const { wire } = retailer.connection.prepare([retailer.item('A', quantity)], 'key', stamp);
  return JSON.parse(wire) as { name: string; text: string };
};

describe('a retailer that buys for its own shelves', () => {
  test('orders in cases where they come out even, is answered, and knows what it does not get', async () => {
    const retailer = await openRetailer(store, { A: 0, B: 0 });
    const { control, clerk } = retailer;
    const orderRef = await place(
      retailer,
      { sku: 'A', quantity: 24 },
      { sku: 'A', quantity: 7 },
      { sku: 'B', quantity: 5 },
    );
    await untilTaken(retailer, 1);
    const { order } = clerk.orders.get(orderRef) ?? {};
    expect(order?.lines).toMatchObject([
      { lineRef: '1', skuHint: 'A', ordered: 24, unit: 6 },
      { lineRef: '2', ordered: 7 },
      { lineRef: '3', skuHint: 'B', ordered: 5 },
    ]);
    expect(order).toMatchObject({ fillRule: 'backOrder', locationRef: 'dallas-dc' });
    await clerk.answer(orderRef, ({ lineRef, ordered }) =>
      lineRef === '1' ? { accepted: 13, backOrdered: 0 } : { accepted: ordered - 2, backOrdered: 1 },
    );
    const stats = await retailer.untilStats('997 and 855 are judged', ({ received }) => received === 2);
    expect(stats).toMatchObject({ accepted: 2, refused: 0, problems: [] });
    const { entries } = await control.log();
    expect(entries.at(-1)).toMatchObject({
      kind: 'answer',
      orderRef,
      lines: [
        { sku: 'A', accepted: 12, backOrdered: 0, refused: 12 },
        { sku: 'A', accepted: 5, backOrdered: 1, refused: 1 },
        { sku: 'B', accepted: 3, backOrdered: 1, refused: 1 },
      ],
    });
    await waitUntil('its 997 comes', async () => {
      await clerk.takeAll();
      return clerk.receipts.size === 1;
    });
    expect([...clerk.receipts.values()]).toEqual([{ receipt: 'PR 2', isAccepted: true, reason: '' }]);
    const shipped = await control.fulfilOrder(orderRef, { lines: [{ lineRef: '1', quantity: 12 }] });
    expect(shipped.lines.map((line) => [line.ordered, line.cancelled, line.shipped])).toEqual([
      [24, 12, 12],
      [7, 1, 0],
      [5, 1, 0],
    ]);
    await expect(control.fulfilOrder(orderRef, { lines: [{ lineRef: '1', quantity: 1 }] })).rejects.toThrow(
      /units left/,
    );
    await expect(control.cancelOrder(orderRef, { restock: true })).rejects.toThrow(/860/);
  });

  test('takes an 846 as the whole truth: what is not in it is 0; an older one changes nothing', async () => {
    const retailer = await openRetailer(store, { A: 3, B: 4 });
    const { clerk, connection } = retailer;
    const older = connection.prepare([retailer.item('B', 90)], 'older', clerk.stamp());
    expect(await clerk.push([retailer.item('A', 50)], 'newer')).toEqual([{ kind: 'sent', receipt: 'IB 2' }]);
    await retailer.untilStats('the newer is judged', ({ accepted }) => accepted === 1);
    expect([await retailer.levelOf('A'), await retailer.levelOf('B')]).toEqual([50, 0]);
    await connection.send(older, 1, AbortSignal.timeout(5000));
    expect(await retailer.untilStats('the older is judged', ({ older: count }) => count === 1)).toMatchObject({
      problems: [],
    });
    expect([await retailer.levelOf('A'), await retailer.levelOf('B')]).toEqual([50, 0]);
    await waitUntil('both are acknowledged', async () => {
      await clerk.takeAll();
      return clerk.receipts.size === 2;
    });
  });

  test('orders by the rule of each order', async () => {
    const retailer = await openRetailer(store, { A: 0 }, { fillRules: ['SC', ''] });
    const refs = [await place(retailer, { sku: 'A', quantity: 5 }), await place(retailer, { sku: 'A', quantity: 5 })];
    await untilTaken(retailer, 2);
    const rules = refs.map((ref) => retailer.clerk.orders.get(ref)?.order.fillRule);
    expect(rules).toEqual(['shipComplete', 'backOrder']);
  });
});

describe('a retailer that sells what it was told', () => {
  test('sells no more than the last 846 showed, and lowers its number itself', async () => {
    const retailer = await openRetailer(mall, { A: 0, B: 4 });
    const { control, clerk } = retailer;
    const refused = await control.placeOrder({ lines: [{ sku: 'A', quantity: 1 }] });
    expect(refused).toMatchObject({ orderRef: null, lines: [{ accepted: false, shown: 0 }] });
    expect(await clerk.push([retailer.item('A', 5)], 'numbers')).toEqual([{ kind: 'applied', shownAfter: null }]);
    await retailer.untilStats('the 846 is judged', ({ accepted }) => accepted === 1);
    expect([await retailer.levelOf('A'), await retailer.levelOf('B')]).toEqual([5, 4]);
    const placed = await control.placeOrder({
      lines: [
        { sku: 'A', quantity: 3 },
        { sku: 'A', quantity: 3 },
      ],
      customer: '17850',
    });
    expect(placed.lines.map(({ accepted }) => accepted)).toEqual([true, false]);
    expect(await retailer.levelOf('A')).toBe(2);
    await untilTaken(retailer, 1);
    expect(await retailer.filesIn('inbound')).toEqual([]);
  });
});

describe('what breaks a rule', () => {
  const AT = Date.UTC(2026, 1, 3, 10);
  test.each([
    ['a count', (text: string) => text.replace('SE*8*', 'SE*9*'), 'node-x12: '],
    ['a terminator', (text: string) => text.slice(0, -1), 'terminator'],
    ['a control number', (text: string) => text.replace(/IEA\*1\*\d+/, 'IEA*1*000000009'), 'node-x12: '],
    ['a quantity', (text: string) => text.replace('*33*8*', '*33*-8*'), 'QTY02 of A is -8'],
    ['a unit', (text: string) => text.replace('*8*EA', '*8*CA'), 'QTY says QTY 33 8 CA'],
    ['an item', (text: string) => text.replace('*IN*700001', '*IN*700009'), 'IN 700009, which is not listed'],
    ['a total', (text: string) => text.replace('CTT*1', 'CTT*2'), 'CTT says 2'],
    ['a party', (text: string) => text.replace('*ZZ*BRANDCO ', '*ZZ*BRANDGO '), 'sender and receiver are'],
    ['a version', (text: string) => text.replace('004010VICS', '004010'), 'GS07 and GS08'],
    ['a day', (text: string) => text.replace('*20260203*100000', '*20991231*100000'), 'lies in the future'],
  ])('is refused for %s', async (_, spoil, why) => {
    const retailer = await openRetailer(store, { A: 1 });
    const { name, text } = wireOf(retailer, 8, { sequence: 1, at: AT });
    expect(spoil(text)).not.toBe(text);
    await put(retailer, name, spoil(text));
    const stats = await retailer.untilStats('it is judged', ({ received }) => received === 1);
    expect(stats).toMatchObject({ accepted: 0, refused: 1, problems: [expect.stringContaining(why)] });
    expect(await retailer.levelOf('A')).toBe(1);
  });

  test('is refused for a time that does not rise, other content under a number, and told by a 997 with R', async () => {
    const retailer = await openRetailer(store, { A: 1 });
    const send = async (
      quantity: number,
      stamp: { sequence: number; at: number },
      count: number,
    ): Promise<DocumentStats> => {
      const { name, text } = wireOf(retailer, quantity, stamp);
      await put(retailer, `${count}-${name}`, text);
      return retailer.untilStats('it is judged', ({ received }) => received === count);
    };
    await send(5, { sequence: 5, at: AT }, 1);
    expect(await send(5, { sequence: 5, at: AT }, 2)).toMatchObject({ accepted: 1, repeated: 1, refused: 0 });
    expect(await send(6, { sequence: 5, at: AT }, 3)).toMatchObject({ refused: 1 });
    const stats = await send(7, { sequence: 6, at: AT }, 4);
    expect(stats.problems).toMatchObject([
      expect.stringContaining('ISA13 5 was there before, with another content'),
      expect.stringContaining('BIA time does not rise'),
    ]);
    expect(await retailer.levelOf('A')).toBe(5);
    await waitUntil('both 997s', async () => {
      await retailer.clerk.takeAll();
      return retailer.clerk.receipts.size === 2;
    });
    const { clerk } = retailer;
    expect([clerk.receipts.get('IB 5'), clerk.receipts.get('IB 6')]).toMatchObject([
      { isAccepted: true },
      { isAccepted: false, reason: 'AK5 R 5' },
    ]);
  });

  test.each([
    ['ACKs that add up to less', (text: string) => text.replace('ACK*IA*5', 'ACK*IA*4'), 'add up to 4, ordered are 5'],
    ['a line that is not echoed', (text: string) => text.replace('*PE*UP*', '*UP*'), 'is not echoed as it was ordered'],
    ['an order that was never placed', (text: string) => text.replace('BAK*00*AD*45', 'BAK*00*AD*46'), 'never ordered'],
    ['a word that the lines belie', (text: string) => text.replace('BAK*00*AD', 'BAK*00*AC'), 'BAK02 is AC'],
    [
      'a back order where none is agreed',
      (text: string) => text.replace('ACK*IA*5', 'ACK*IB*5').replace('*AD*', '*AC*'),
      'back orders',
    ],
  ])('is refused for %s', async (_, spoil, why) => {
    const retailer = await openRetailer({ ...store, orders: { ...store.orders, fillRule: 'cancelBalance' } }, { A: 1 });
    const orderRef = await place(retailer, { sku: 'A', quantity: 5 });
    await untilTaken(retailer, 1);
    const { stated } = retailer.clerk.orders.get(orderRef) ?? {};
    if (stated === undefined) throw new Error('the order was taken');
    const lines = [{ lineRef: '1', accepted: 5, backOrdered: 0 }];
    const draft = retailer.connection.documents?.answer(stated, { orderRef, ourRef: 'SO', answeredAt: AT, lines });
    const { name = '', text = '' } = draft?.write({ sequence: 9, at: AT }) ?? {};
    expect(spoil(text)).not.toBe(text);
    await put(retailer, name, spoil(text));
    const stats = await retailer.untilStats('997 and 855 are judged', ({ received }) => received === 2);
    expect(stats).toMatchObject({ accepted: 1, refused: 1, problems: [expect.stringContaining(why)] });
  });

  test('is refused for a 997 that rejects what was right, or names what was never sent', async () => {
    const retailer = await openRetailer(store, { A: 1 });
    await place(retailer, { sku: 'A', quantity: 5 });
    const [file = ''] = await retailer.filesIn('inbound');
    const rawBody = await readFile(join(retailer.mailbox, 'inbound', file));
    const parsed = retailer.connection.documents?.parse({ topic: 'x12', rawBody, receivedAt: AT });
    const text = parsed?.envelopes[0]?.replies[0]?.write({ sequence: 3, at: AT }).text ?? '';
    const rejects = text.replace('AK5*A', 'AK5*R*5').replace('AK9*A*1*1*1', 'AK9*R*1*1*0');
    const astray = text.replaceAll('000000003', '000000002').replace('*3*X', '*2*X').replace('GE*1*3', 'GE*1*2');
    await put(retailer, '997-1.edi', astray.replace('AK1*PO*1~', 'AK1*PO*7~'));
    await put(retailer, '997-2.edi', rejects);
    const stats = await retailer.untilStats('both are judged', ({ received }) => received === 2);
    expect(stats.problems.sort()).toEqual([
      expect.stringContaining('names group 7, which was never sent'),
      expect.stringContaining('the brand rejects what was right: group 1'),
    ]);
  });
});

describe('faults on a seed', () => {
  const play = async (faults: Record<string, number>, count = 6): Promise<Retailer> => {
    const retailer = await openRetailer(mall, { A: 1000 }, { resendMs: 30 });
    await retailer.control.setFaults({ seed: 7, ...faults });
    for (let n = 0; n < count; n += 1) await place(retailer, { sku: 'A', quantity: 1 });
    await untilTaken(retailer, count);
    await waitUntil('the post is out', async () => (await retailer.control.stats()).webhooksPending === 0);
    await retailer.clerk.takeAll();
    return retailer;
  };

  test('a second delivery is a repeat of file, envelope or order, and of no effect', async () => {
    const { clerk, control } = await play({ duplicateWebhook: 1 }, 12);
    expect([clerk.orders.size, clerk.refusals]).toEqual([12, []]);
    expect((await control.stats()).webhooksSent).toBe(24);
    expect(new Set(clerk.repeats.map((what) => what.split(' ')[0]))).toEqual(new Set(['file', 'order']));
  });

  test('a broken one is refused, answered by nobody, and the whole one taken', async () => {
    const { clerk, untilStats } = await play({ brokenInterchange: 1 });
    expect([clerk.orders.size, clerk.refusals.length]).toEqual([6, 6]);
    const stats = await untilStats('six 997s', ({ received }) => received === 6);
    expect(stats).toMatchObject({ accepted: 6, problems: [] });
  });

  test('a lost one is sent again when no 997 came', async () => {
    const { clerk, control } = await play({ dropWebhook: 1 });
    expect([clerk.orders.size, clerk.repeats]).toEqual([6, []]);
    expect(await control.stats()).toMatchObject({ webhooksDropped: 6, webhooksSent: 6 });
  });

  test('late and disordered ones come all the same', async () => {
    const { clerk } = await play({ delayWebhookMs: 40, reorderWebhook: 1 });
    expect([clerk.orders.size, clerk.refusals, clerk.repeats]).toEqual([6, [], []]);
  });

  test('a lost 997 leaves what was sent without a word, a late one comes', async () => {
    const retailer = await openRetailer(store, { A: 1 });
    await retailer.control.setFaults({ seed: 1, loseReceipt: 1 });
    await retailer.clerk.push([retailer.item('A', 5)], 'lost');
    await retailer.untilStats('it is judged', ({ accepted }) => accepted === 1);
    expect((await retailer.control.stats()).webhooksDropped).toBe(1);
    await retailer.control.setFaults({ seed: 1, lateReceiptMs: 50 });
    await retailer.clerk.push([retailer.item('A', 6)], 'late');
    await waitUntil('the late 997', async () => {
      await retailer.clerk.takeAll();
      return retailer.clerk.receipts.has('IB 2');
    });
    expect(retailer.clerk.receipts.has('IB 1')).toBe(false);
  });
});

test('what it writes has no fault by our own checker, in both dialects', async () => {
  for (const dialect of [store, mall]) {
    const retailer = await openRetailer(dialect, { A: 500, B: 500 });
    await place(retailer, { sku: 'A', quantity: 12 }, { sku: 'B', quantity: 3 });
    await untilTaken(retailer, 1);
    const [taken] = retailer.clerk.orders.values();
    expect(checkFile(new TextDecoder().decode(taken?.stated.rawBody)).isOk).toBe(true);
  }
});
