/** Cancelled and late orders of a channel against its limits, counted a few days at a look. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OrderState } from '#core/order-state.ts';
import { command, orderOf } from '#test/support/brand.ts';
import { DAY, HOUR, openWatchBench, order, receive, SETTINGS, type WatchBench } from '#test/support/watch-bench.ts';
import type { CheckSettings } from '#workers/alert-checks.ts';
import { ordersOf } from '#workers/alert-words.ts';
import { decidePending } from '#workers/allocate.ts';

let bench: WatchBench;
let store: WatchBench['store'];
let clock: WatchBench['clock'];
let seed: WatchBench['seed'];
let decide: WatchBench['decide'];
let look: WatchBench['look'];
let alerts: WatchBench['alerts'];
let titles: WatchBench['titles'];
beforeEach(async () => {
  bench = await openWatchBench();
  ({ store, clock, seed, decide, look, alerts, titles } = bench);
});
afterEach(() => bench.close());

describe('the rates of a channel', () => {
  /** `n` orders of one unit, placed so long ago. */
  async function place(
    n: number,
    from: number,
    over: (index: number) => Partial<OrderState>,
    ago = DAY,
  ): Promise<void> {
    for (let index = from; index < from + n; index += 1)
      await command(
        store.db,
        order(orderOf(String(index), { A: 1 }, { placedAt: clock.now - ago, ...over(index) })),
        clock.now,
      );
    await decidePending(store.db, { now: () => clock.now });
  }
  const cancelled = (is: boolean): Partial<OrderState> => ({
    lines: [
      {
        lineRef: 'line-A',
        listingRef: 'ref-A',
        skuHint: 'A',
        ordered: 1,
        cancelled: is ? 1 : 0,
        shipped: 0,
        returned: 0,
      },
    ],
  });
  /** A few days are counted at each look. */
  async function lookAtAll(over?: { readonly settings?: CheckSettings }): Promise<void> {
    for (let n = 0; n < 8; n += 1) await look(over);
  }

  it('warn near the limit, are critical above it, and close below', async () => {
    await seed();
    await decide(receive('A', 500));
    await place(98, 0, () => cancelled(false));
    await place(2, 98, () => cancelled(true));
    await lookAtAll();
    expect(await alerts({ code: 'cancel-rate' })).toMatchObject([
      {
        severity: 'warning',
        channel: 'fake:a',
        title: 'fake:a: 2 % of its orders were cancelled, close to its limit of 2.5 %',
        cause: '2 of 100 orders placed in the last 7 days were cancelled',
      },
    ]);
    await place(2, 100, () => cancelled(true));
    clock.now += HOUR;
    await lookAtAll();
    expect(await alerts({ code: 'cancel-rate' })).toMatchObject([
      { severity: 'critical', title: expect.stringContaining('3.92 % of its orders were cancelled, above its limit') },
    ]);
    await place(120, 200, () => cancelled(false));
    clock.now += HOUR;
    await lookAtAll();
    expect(await alerts({ code: 'cancel-rate' })).toEqual([]);
  });

  it('count as late what was to ship and was not, also after it left; the open ones are named with their pages', async () => {
    await seed();
    await decide(receive('A', 500));
    const dueAt = clock.now - 2 * HOUR;
    const ship = { obligations: [{ kind: 'ship' as const, dueAt }] };
    const shipped = { ...cancelled(false).lines?.[0], shipped: 1 } as OrderState['lines'][number];
    await place(57, 0, () => ({ ...ship, lines: [shipped] }));
    await place(3, 57, () => ship);
    await lookAtAll();
    const [alert] = await alerts({ code: 'late-shipment-rate' });
    expect(alert).toMatchObject({
      severity: 'critical',
      cause: '3 of 60 orders placed in the last 10 days were late',
      nextStep: 'ship #57 first: allot explain --order fake:a/57',
    });
    expect(ordersOf(alert?.touches ?? {})).toHaveLength(3);
    // They leave: late they stay.
    await place(3, 57, () => ({ ...ship, version: 2, lines: [shipped] }));
    clock.now += HOUR;
    await lookAtAll();
    expect(await alerts({ code: 'late-shipment-rate' })).toMatchObject([
      { severity: 'critical', touches: { bad: 3, of: 60, orders: [] } },
    ]);
  });

  it('leave out what the buyer cancelled, where the platform tells', async () => {
    await seed();
    await decide(receive('A', 500));
    await place(95, 0, () => cancelled(false));
    await place(5, 95, () => ({ ...cancelled(true), cancelledBy: 'buyer' }));
    await lookAtAll();
    expect(await alerts({ code: 'cancel-rate' })).toEqual([]);
    await place(3, 100, () => cancelled(true));
    clock.now += HOUR;
    await lookAtAll();
    expect(await alerts({ code: 'cancel-rate' })).toMatchObject([{ touches: { bad: 3, of: 103 } }]);
  });

  it('are of all orders placed in the window, and told of the window that is nearest to its limit', async () => {
    await seed();
    await decide(receive('A', 500));
    const ship = (dueAt: number) => ({ obligations: [{ kind: 'ship' as const, dueAt }] });
    await place(60, 0, () => ship(clock.now + DAY), 20 * DAY);
    await place(17, 100, () => ship(clock.now + DAY));
    await place(3, 200, () => ship(clock.now - 2 * HOUR));
    await lookAtAll();
    // 3 of 80 in 30 days are within 4 %, though all 3 that were to be shipped by now are late.
    expect(await alerts({ code: 'late-shipment-rate' })).toMatchObject([
      {
        severity: 'critical',
        cause: '3 of 20 orders placed in the last 10 days were late',
        touches: { bad: 3, of: 20, limit: '4 % over 10 days' },
      },
    ]);
  });

  it('are watched by the configuration where the platform says nothing', async () => {
    await seed();
    await decide(receive('A', 500));
    await command(
      store.db,
      order(orderOf('1', { A: 1 }, { ...cancelled(true), placedAt: clock.now - DAY }), 'fake:b'),
      clock.now,
    );
    await command(
      store.db,
      order(orderOf('2', { A: 1 }, { ...cancelled(true), placedAt: clock.now - DAY }), 'fake:b'),
      clock.now,
    );
    await decidePending(store.db, { now: () => clock.now });
    const rates = new Map([['fake:b', { cancelled: [{ percent: 10, days: 3 }] }]]);
    await lookAtAll({ settings: { ...SETTINGS, rates } });
    expect(await titles({ code: 'cancel-rate' })).toEqual([
      'fake:b: 100 % of its orders were cancelled, above its limit of 10 %',
    ]);
  });
});
