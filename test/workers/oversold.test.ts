/** What counts as oversold: units that are not there. Who waits although goods are there is told beside it; alone it is a warning. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReceiveCommand } from '#core/command.ts';
import type { PoolRule, Program } from '#core/model.ts';
import { readAlert } from '#db/alert-list.ts';
import { BRAND_POLICY, orderOf } from '#test/support/brand.ts';
import { DAY, openWatchBench, order, receive, type WatchBench } from '#test/support/watch-bench.ts';
import { ordersOf } from '#workers/alert-words.ts';

let bench: WatchBench;
beforeEach(async () => {
  bench = await openWatchBench();
});
afterEach(() => bench.close());

const programs = (over: Partial<Program>): Program[] =>
  BRAND_POLICY.programs.map((one) => (one.id === 'dtc' ? { ...one, ...over } : one));
const pool = (over: Partial<PoolRule>): PoolRule => ({ program: 'dtc', sku: 'A', refill: 'never', ...over });
const at = (location: string, quantity: number): ReceiveCommand => ({
  kind: 'receive',
  sku: 'A',
  location,
  quantity,
  disposition: 'sellable',
});
const place = (id: string) => bench.store.db.rows(sql`insert into location (id, master) values (${id}, 'allot')`);
const oversold = () => bench.alerts({ code: 'oversold' });
const MORE =
  "more wait though goods are there: completeness, a limit or others' protection; allot explain --order ID tells why";

describe('of an order that waits whole', () => {
  it('what it lacks alone is not there, in units, cause and money; covered, the alert closes', async () => {
    await bench.seed({ programs: programs({ completeness: 'shipComplete' }) });
    await bench.store.db.rows(sql`update item set unit_value = 2, currency = 'EUR' where sku = 'A'`);
    await bench.decide(receive('A', 400), order(orderOf('1', { A: 67 })), order(orderOf('2', { A: 500 })));
    await bench.look();
    const [alert, ...others] = await oversold();
    expect(others).toEqual([]);
    expect(alert).toMatchObject({
      title: 'A: 167 units promised to orders are not there',
      cause: `1 order waits for 167 units that nothing covers; 333 ${MORE}`,
      touches: {
        units: 167,
        waiting: 333,
        orderCount: 1,
        unitsCounted: 167,
        money: [{ currency: 'EUR', amount: '334' }],
      },
    });
    expect(ordersOf(alert?.touches ?? {})).toMatchObject([{ order: '#2', units: 500 }]);
    await bench.decide(receive('A', 100));
    await bench.look();
    expect(await oversold()).toMatchObject([{ id: alert?.id, title: 'A: 67 units promised to orders are not there' }]);
    await bench.decide(receive('A', 67));
    await bench.look();
    expect(await oversold()).toEqual([]);
  });

  it('and lacks another item alone, nothing is told of the item that lies there', async () => {
    await bench.seed({ programs: programs({ completeness: 'fillOrKill' }) });
    await bench.decide(receive('A', 10), order(orderOf('1', { A: 4, B: 3 })));
    await bench.look();
    expect((await oversold()).map(({ title }) => title)).toEqual(['B: 3 units promised to orders are not there']);
  });

  it('a line that wants one place lacks nothing where several have it together', async () => {
    await place('depot');
    await bench.seed({ programs: programs({ completeness: 'onePlace', locations: ['main', 'depot'] }) });
    await bench.decide(receive('A', 3), at('depot', 3), order(orderOf('1', { A: 5 })));
    await bench.look();
    expect(await oversold()).toMatchObject([
      { title: 'A: 1 order waits for 5 units though goods are there', severity: 'warning' },
    ]);
  });
});

describe('of a line that a rule holds back', () => {
  it.each([
    ['its limit', pool({ limit: 1 })],
    ['the protection of another program', pool({ program: 'wholesale', units: 9 })],
  ])(
    'by %s only that it waits is told while goods are there, and what is beyond them when they are gone',
    async (_by, rule) => {
      await bench.seed({ pools: [rule] });
      await bench.decide(
        receive('A', 10),
        order(orderOf('1', { A: 5 }, { obligations: [{ kind: 'ship', dueAt: DAY }] })),
      );
      await bench.look();
      expect(await oversold()).toMatchObject([
        {
          title: 'A: 1 order waits for 4 units though goods are there',
          severity: 'warning',
          cause: "completeness, a limit or others' protection; allot explain --order ID tells why",
          nextStep: 'allot explain --order "fake:a/1"',
          touches: { waiting: 4, orderCount: 1 },
        },
      ]);
      await bench.decide(order(orderOf('2', { A: 7 }), 'fake:b'));
      await bench.look();
      const [alert] = await oversold();
      expect(alert).toMatchObject({ severity: 'critical', touches: { orderCount: 1 } });
      expect(alert?.touches.units).toBe(2);
    },
  );

  it('a place that lacks promised units is told alone, and who waits is counted beside it', async () => {
    await bench.seed({ pools: [pool({ limit: 3 })], programs: programs({ locations: ['main', 'depot'] }) });
    await place('depot');
    await bench.decide(receive('A', 3), at('depot', 5));
    await bench.decide(order(orderOf('1', { A: 5 })));
    const lost = { kind: 'count', sku: 'A', location: 'main', quantity: 1, disposition: 'sellable' } as const;
    await bench.decide({ ...lost, asOf: bench.clock.now });
    await bench.look();
    const [alert] = await oversold();
    expect(alert).toMatchObject({
      title: 'A: 2 units promised to orders are not there',
      cause: `main has 2 fewer than are promised there; 2 ${MORE}`,
      isPromised: false,
      touches: { units: 2, waiting: 2, orderCount: 0, orders: [] },
    });
    expect((await readAlert(bench.store.db, alert?.id ?? 0))?.alert.touches.unitsCounted).toBe(2);
  });
});

describe('goods that a line cannot be given', () => {
  it('at places where its program does not draw are not there for it', async () => {
    await bench.seed({ programs: programs({ locations: ['depot'] }) });
    await place('depot');
    await bench.decide(receive('A', 10), order(orderOf('1', { A: 4 })));
    await bench.look();
    expect((await oversold()).map(({ title }) => title)).toEqual(['A: 4 units promised to orders are not there']);
  });

  it('at places that its listing does not sell from are not there for it', async () => {
    await bench.seed({ programs: programs({ locations: ['main', 'depot'] }) });
    await place('depot');
    await bench.store.db.rows(sql`update listing set locations = '{depot}' where sku = 'A' and channel_id = 'fake:a'`);
    await bench.decide(receive('A', 10), order(orderOf('1', { A: 4 })));
    await bench.look();
    expect((await oversold()).map(({ title }) => title)).toEqual(['A: 4 units promised to orders are not there']);
  });

  it('of several that draw elsewhere each lacks its own, whatever lies at the place of another', async () => {
    const everywhere = BRAND_POLICY.programs.map((one) => ({ ...one, locations: ['main', 'depot', 'kiosk'] }));
    const [first] = BRAND_POLICY.channels;
    const third = first === undefined ? [] : [{ ...first, channel: 'fake:c' }];
    await bench.seed({
      programs: everywhere,
      channels: [...BRAND_POLICY.channels, ...third],
      pools: [pool({ program: 'emergency', units: 10 })],
    });
    await place('depot');
    await place('kiosk');
    await bench.store.db.rows(sql`
      update listing set locations = case channel_id when 'fake:a' then '{depot}' when 'fake:b' then '{kiosk}' else '{main}' end::text[]`);
    await bench.decide(receive('A', 10));
    await bench.decide(order(orderOf('1', { A: 5 })), order(orderOf('2', { A: 4 }), 'fake:b'));
    await bench.decide(order(orderOf('3', { A: 3 }), 'fake:c'));
    await bench.look();
    expect(await oversold()).toMatchObject([{ touches: { units: 9, waiting: 3 } }]);
  });

  it('since they live too short for its program are not there for it', async () => {
    await bench.seed({ programs: programs({ minimumLifeDays: 30 }) });
    const expiresAt = bench.clock.now + 10 * DAY;
    await bench.decide({ ...at('main', 10), lot: 'L1', expiresAt }, order(orderOf('1', { A: 4 })));
    await bench.look();
    expect((await oversold()).map(({ title }) => title)).toEqual(['A: 4 units promised to orders are not there']);
  });

  it('since they are parts of a kit do not lower what its lines are told to lack', async () => {
    await bench.seed({ programs: programs({ completeness: 'shipComplete' }) });
    await bench.store.db.rows(sql`insert into item_component (kit, sku, quantity) values ('B', 'A', 1)`);
    await bench.decide(receive('A', 3), order(orderOf('1', { B: 4 })));
    await bench.look();
    expect((await oversold()).map(({ title }) => title)).toEqual(['B: 4 units promised to orders are not there']);
  });
});
