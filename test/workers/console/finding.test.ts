/** Finding things in the console: the search box, orders and shortages page by page. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { command, orderOf } from '#test/support/brand.ts';
import { type ConsoleStage, openConsole, textOf } from '#test/support/console.ts';
import { decidePending } from '#workers/allocate.ts';

let stage: ConsoleStage;
beforeEach(async () => {
  stage = await openConsole();
});
afterEach(async () => {
  await stage.close();
  if (stage.faults.length > 0) throw new Error(`logged as an error: ${stage.faults.join()}`);
});

const show = async (path: string): Promise<string> => textOf(await stage.page(`/console${path}`));
const decide = () => decidePending(stage.store.db, { now: () => stage.clock.now });
const order = (ref: string, units: Record<string, number>) =>
  command(stage.store.db, { kind: 'order-state', channel: 'fake:a', order: orderOf(ref, units) }, stage.clock.now);

describe('the search', () => {
  it.each([
    ['A', '/console/sku?s=A'],
    ['4001', '/console/sku?s=B'],
    ['ref-B', '/console/sku?s=B'],
    ['1001', '/console/order?id=fake%3Aa%2F1001'],
    ['#1001', '/console/order?id=fake%3Aa%2F1001'],
    ['fake:a/1001', '/console/order?id=fake%3Aa%2F1001'],
    ['red mug', '/console/sku?s=A'],
  ])('%s leads to %s', async (typed, to) => {
    await stage.store.db.rows(sql`update item set title = 'A red one: mug' where sku = 'A'`);
    await stage.store.db.rows(sql`insert into item_identifier (kind, value, sku) values ('barcode', '4001', 'B')`);
    const response = await stage.ask({ url: `/console/search?q=${encodeURIComponent(typed)}` });
    expect([response.statusCode, response.headers.location]).toEqual([303, to]);
  });

  it('lists several, takes % and _ for themselves, and says how to look where there is none', async () => {
    await stage.store.db.rows(sql`insert into item (sku) values ('MUG-1'), ('MUG-2'), ('50%'), ('50_x')`);
    expect(await show('/search?q=mug-')).toMatch(/MUG-1 SKU MUG-2 SKU/);
    expect((await stage.ask({ url: `/console/search?q=${encodeURIComponent('50%')}` })).headers.location).toBe(
      '/console/sku?s=50%25',
    );
    expect(await show(`/search?q=${encodeURIComponent('5_')}`)).toContain('No item is called so');
  });
});

describe('orders and shortages', () => {
  it('lists orders newest first, and one with its lines and history', async () => {
    await order('1002', { A: 2, B: 50 });
    await decide();
    const list = await show('/orders');
    expect(list.indexOf('#1002')).toBeGreaterThan(0);
    expect(list).toMatch(/#1002 fake:a dtc .* ▲ short 2 52 0 0 42 10/);
    expect(await show('/orders?channel=fake%3Ab')).toContain('No order yet');
    const one = await show('/order?id=fake%3Aa%2F1002');
    expect(one).toMatch(/B 50 0 0 40 ▲ 10 40 at main \(shared\)/);
    expect(one).toContain('allocate +40 B main dtc shared order-state test 1');
    const short = await show('/shortages');
    expect(short).toMatch(/B 10 order #1002 dtc/);
    expect(one).toMatch(/Why no more .* short: dtc may give it no more now: .* sellable at its places/);
    expect((await stage.ask({ url: '/console/order?id=fake%3Aa%2Fnone' })).statusCode).toBe(404);
  });

  it('goes on where a page ended', async () => {
    for (let n = 0; n < 60; n += 1) await order(String(2000 + n), { B: 1 });
    await decide();
    const first = await stage.page('/console/orders');
    const before = /before=([^"]+)"/.exec(first)?.[1] ?? '';
    const second = await show(`/orders?channel=&before=${before}`);
    const shown = [...textOf(first).matchAll(/#(\d{4})/g), ...second.matchAll(/#(\d{4})/g)].map(([, ref]) => ref);
    expect(new Set(shown).size).toBe(61);
  });
});
