/** What alerts touch in money: of the items' own values, of kits by their parts, currency by currency, exact, in every place that tells it. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAlert } from '#db/alert-list.ts';
import { cutSkuUnits, type NewAlert, raiseAlert, SKU_UNITS_MAX } from '#db/alerts.ts';
import { importItems } from '#db/import-items.ts';
import { readUnitValues } from '#db/unit-values.ts';
import { seedBrand } from '#test/support/brand.ts';
import { alert, type NotifyBench, openNotifyBench, route } from '#test/support/notify-bench.ts';
import { sayTouches, sayWorth } from '#workers/alert-words.ts';
import { composeDigest } from '#workers/digest.ts';

let bench: NotifyBench;
beforeEach(async () => {
  bench = await openNotifyBench();
  await seedBrand(bench.store.db, { skus: ['MUG', 'CUP', 'SET', 'BOX'] });
});
afterEach(() => bench.close());

const value = (sku: string, amount: string | null, currency: string | null = null) =>
  bench.store.db.rows(sql`update item set unit_value = ${amount}::numeric, currency = ${currency} where sku = ${sku}`);
const kit = (sku: string, ...components: { name: string; quantity: number }[]) =>
  bench.store.db.transaction((tx) =>
    importItems(tx, [{ line: 2, sku, title: null, lifecycle: null, identifiers: [], components }], {
      actor: 'test',
      now: bench.clock.now,
    }),
  );
const raise = (over: Partial<NewAlert>) => raiseAlert(bench.store.db, alert(over));
const touchesOf = async (id: number) => (await readAlert(bench.store.db, id))?.alert.touches;
const valuesOf = async (...skus: string[]) => Object.fromEntries(await readUnitValues(bench.store.db, skus));

describe('a unit', () => {
  it('of a kit is worth its own value, or the sum of its parts, a kit among them by its own', async () => {
    await kit('SET', { name: 'MUG', quantity: 2 }, { name: 'CUP', quantity: 1 });
    await kit('BOX', { name: 'SET', quantity: 3 });
    await value('MUG', '0.1', 'EUR');
    expect(await valuesOf('SET', 'BOX')).toEqual({});
    await value('CUP', '0.2', 'EUR');
    expect(await valuesOf('MUG', 'SET', 'BOX')).toEqual({
      MUG: [{ currency: 'EUR', amount: '0.10' }],
      SET: [{ currency: 'EUR', amount: '0.40' }],
      BOX: [{ currency: 'EUR', amount: '1.20' }],
    });
    await value('SET', '0.35', 'EUR');
    expect((await valuesOf('BOX')).BOX).toEqual([{ currency: 'EUR', amount: '1.05' }]);
    await value('SET', null);
    await value('CUP', '30', 'JPY');
    expect((await valuesOf('SET')).SET).toEqual([
      { currency: 'EUR', amount: '0.20' },
      { currency: 'JPY', amount: '30' },
    ]);
  });
});

describe('an alert', () => {
  it('tells what its units are worth by currency, and of how many it does not know', async () => {
    await value('MUG', '12.5', 'EUR');
    await value('CUP', '3.3333', 'USD');
    await raise({
      touches: { listings: 3, skus: ['MUG', 'CUP', 'SET'] },
      skuUnits: [
        { sku: 'MUG', units: 100 },
        { sku: 'CUP', units: 3 },
        { sku: 'SET', units: 4 },
      ],
    });
    const [id = 0] = await bench.ids();
    const touches = await touchesOf(id);
    expect(touches).toMatchObject({
      money: [
        { currency: 'EUR', amount: '1250' },
        { currency: 'USD', amount: '9.9999' },
      ],
      unitsCounted: 107,
      unitsWithoutValue: 4,
      unitsNotCounted: 0,
    });
    expect(sayTouches({ touches: touches ?? {}, reach: null })).toBe(
      'MUG, CUP, SET, 3 listings, worth 1,250.00 EUR and 9.9999 USD (for 4 of 107 units no value is known)',
    );
  });

  it('is reckoned when it is read: a value that comes later counts', async () => {
    await raise({ touches: { units: 3, skus: ['MUG'] }, skuUnits: [{ sku: 'MUG', units: 3 }] });
    const [id = 0] = await bench.ids();
    expect(sayWorth((await touchesOf(id)) ?? {})).toEqual(['for 3 of 3 units no value is known']);
    await value('MUG', '0.0001', 'EUR');
    await raise({ fingerprint: 'other', touches: { listings: 1 }, skuUnits: [{ sku: 'MUG', units: 20_000 }] });
    expect(sayWorth((await touchesOf((await bench.ids())[0] ?? 0)) ?? {})).toEqual(['worth 2.00 EUR (20,000 units)']);
    expect(sayWorth((await touchesOf(id)) ?? {})).toEqual(['worth 0.0003 EUR']);
  });

  it('that counts no unit says nothing of money', async () => {
    await raise({});
    const [id = 0] = await bench.ids();
    expect(await touchesOf(id)).toEqual({ listings: 2, skus: ['MUG', 'CUP'] });
  });

  it('of more items than are named says how many units it leaves out', async () => {
    const many = Array.from({ length: SKU_UNITS_MAX + 5 }, (_, index) => ({
      sku: index === 0 ? 'MUG' : `X${index}`,
      units: 2,
    }));
    const cut = cutSkuUnits(many, 2 * many.length);
    expect(cut).toHaveLength(SKU_UNITS_MAX + 1);
    expect(cut.at(-1)).toEqual({ sku: null, units: 10 });
    await value('MUG', '5', 'EUR');
    await raise({ touches: { units: 2 * many.length }, skuUnits: cut });
    const [id = 0] = await bench.ids();
    expect(sayWorth((await touchesOf(id)) ?? {})).toEqual([
      'worth 10.00 EUR (for 1,998 of 2,000 units no value is known; 10 further units not reckoned)',
    ]);
  });
});

describe('money is told', () => {
  const three = { touches: { units: 3, skus: ['MUG'] }, skuUnits: [{ sku: 'MUG', units: 3 }] };

  it('by every kind of message', async () => {
    await value('MUG', '400', 'EUR');
    await raise(three);
    expect(await bench.run(bench.alertingOf([route(['chat', 'mail', 'hook', 'pager'])]))).toBe(4);
    expect(JSON.stringify(bench.bodies('/services/T0/B0/hidden-key'))).toContain('MUG, 3 units, worth 1,200.00 EUR');
    expect(bench.smtp.mails[0]?.text ?? '').toContain('worth 1,200.00 EUR');
    const money = [{ currency: 'EUR', amount: '1200' }];
    expect(bench.bodies('/hook')[0]).toMatchObject({
      data: { alerts: [{ touches: { money, unitsWithoutValue: 0 } }] },
    });
    expect(bench.bodies('/enqueue')[0]).toMatchObject({
      payload: { custom_details: { alerts: [{ touches: { money } }] } },
    });
  });

  it('in the digest, where what costs most comes first within a severity', async () => {
    await value('MUG', '10', 'EUR');
    await value('CUP', '99', 'EUR');
    await raise({ fingerprint: 'none', title: 'of no value', touches: {}, skuUnits: [{ sku: 'SET', units: 900 }] });
    await raise({ fingerprint: 'small', title: 'small', deadline: 1, ...three });
    await raise({ fingerprint: 'large', title: 'large', touches: {}, skuUnits: [{ sku: 'CUP', units: 1 }] });
    await raise({ fingerprint: 'grave', title: 'grave', severity: 'critical' });
    const kim = { id: 'kim', timeZone: 'UTC', digestMinute: 0, to: ['mail'] };
    const body = await composeDigest(bench.store.db, kim, '2026-11-30', bench.clock.now);
    const act = body.sections.find(({ title }) => title === 'Must act')?.lines.map(({ text }) => text) ?? [];
    expect(act.map((text) => /\] ([^;]+);/.exec(text)?.[1])).toEqual(['grave', 'large', 'small', 'of no value']);
    expect(act[1]).toContain('worth 99.00 EUR');
  });
});
