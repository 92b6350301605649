/**
 * Published numbers, through the whole of `decide`: goods and orders in, numbers out. Each names where it was published; those of
 * supply by date, kits, scarcity and the cut stand beside their modules.
 */
import { describe, expect, it } from 'vitest';
import { DAY_MS } from '#core/atp.ts';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { ChannelRule } from '#core/model.ts';
import type { Facts, State } from '#core/state.ts';
import {
  channelRule,
  commands,
  expectDemand,
  expectSupply,
  item,
  listing,
  NOW,
  oneLineOrder,
  policy,
  pool,
  program,
  receive,
  stateOf,
} from '../support/factory.ts';
import { allocatedOf, take } from '../support/memory-store.ts';

const run = (state: State, ...bodies: readonly CommandBody[]): { readonly state: State; readonly facts: Facts } =>
  take(decide, state, { commands: commands(...bodies), now: NOW });

const shownOn = (state: State, channel = 'shop:main'): number | undefined =>
  state.items[0]?.listings.find((each) => each.channel === channel)?.target?.quantity;

const lineOf = (state: State, order: string) => state.orders.find(({ id }) => id === order)?.lines[0];
/** Allocated and short. */
const servedOf = (state: State, order: string): readonly [number, number] => {
  const line = lineOf(state, order);
  return line === undefined ? [0, 0] : [allocatedOf(line), line.short];
};

describe('the number of one channel', () => {
  const shown = (onHand: number, rule: Partial<ChannelRule>): number | undefined =>
    shownOn(
      run(
        stateOf({
          policy: policy({ channels: [channelRule('shop:main', 'dtc', rule)] }),
          items: [item('TEA', {}, { listings: [listing(1)] })],
        }),
        receive(onHand),
      ).state,
    );

  it('ShipWave: a buffer of 5, then a floor of 3 (shipwave.app/help/inventory-buffers-floors)', () => {
    expect(shown(20, { buffer: 5, hideAtOrBelow: 3 })).toBe(15);
    expect(shown(7, { buffer: 5, hideAtOrBelow: 3 })).toBe(0);
  });

  it('Sellercloud: percents round down, 50 % of 3 is 1 and 90 % of 1 is 0 (help.sellercloud.com, inventory percentage per channel)', () => {
    expect(shown(3, { sharePercent: 50 })).toBe(1);
    expect(shown(1, { sharePercent: 90 })).toBe(0);
  });

  it('Sellbrite: percents round down, 40 % of 2 is 0 (support.sellbrite.com 3367196)', () => {
    expect(shown(2, { sharePercent: 40 })).toBe(0);
  });

  it('HotWax: Online ATP is ATP less safety stock per store, threshold, orders in the queue and facilities left out', () => {
    const stores = ['s1', 's2', 's3', 's4'];
    const online = (onHand: Record<string, number>, rule: Partial<ChannelRule>, ...bodies: readonly CommandBody[]) =>
      shownOn(
        run(
          stateOf({
            policy: policy({
              programs: [program('dtc', { locations: stores })],
              channels: [channelRule('shop:main', 'dtc', rule)],
            }),
            locations: [...stores, 'outlet'].map((id) => ({ id, master: 'allot' as const, sells: true })),
            items: [item('TEA', onHand, { listings: [listing(1)] })],
          }),
          ...bodies,
          { kind: 'review', sku: 'TEA' },
        ).state,
      );
    const all = { s1: 25, s2: 25, s3: 25, s4: 25 };
    // 100 - 5 x 4 - 10 - 50: the fifty wait in the queue, or lie in a facility that is left out.
    const rule = { safetyStock: 5 * stores.length, buffer: 10 };
    expect(online(all, rule, oneLineOrder('1', { ordered: 50 }))).toBe(20);
    expect(online({ s1: 20, s2: 10, s3: 10, s4: 10, outlet: 50 }, rule)).toBe(20);
    // 100 - 2 x 4 - 5
    expect(online(all, { safetyStock: 2 * stores.length, buffer: 5 })).toBe(87);
  });

  it('Pipe17: on hand - committed + future - future committed - buffer (support.pipe17.com 5006270643483)', () => {
    const state = stateOf({
      policy: policy({
        programs: [program('dtc', { backorder: { supply: 'all' } })],
        channels: [channelRule('shop:main', 'dtc', { buffer: 5 })],
      }),
      items: [item('TEA', {}, { listings: [listing(1)] })],
    });
    const [future, futureCommitted] = [NOW + 10 * DAY_MS, NOW + 12 * DAY_MS];
    const told = [expectSupply('PO', 50, future), expectDemand('blanket', 20, futureCommitted)];
    expect(shownOn(run(state, receive(100), oneLineOrder('1', { ordered: 30 }), ...told).state)).toBe(95);
  });

  it('Warehance: a buffer per store, 50 less 5 is 45, and never below 0', () => {
    expect(shown(50, { buffer: 5 })).toBe(45);
    expect(shown(5, { buffer: 15 })).toBe(0);
  });
});

describe('the mission’s 2,600 of 3,000', () => {
  const empty = stateOf({ items: [item('TEA', {}, { listings: [listing(1)] })] });
  const returned: CommandBody = { kind: 'return', sku: 'TEA', location: 'main', quantity: 400 };
  const { state } = run(empty, receive(2600), returned);

  it('400 returns that nobody inspected are on hand and may not be promised', () => {
    const onHand = state.items[0]?.balances.map(({ disposition, quantity }) => [disposition, quantity]);
    expect(onHand).toEqual([
      ['sellable', 2600],
      ['quarantine', 400],
    ]);
    expect(shownOn(state)).toBe(2600);
  });

  it('an order for all 3,000 is served 2,600 and short 400, until the inspection lets them go', () => {
    const ordered = run(state, oneLineOrder('all', { ordered: 3000 })).state;
    expect(servedOf(ordered, 'shop:main/all')).toEqual([2600, 400]);
    const moved = { kind: 'inspect', sku: 'TEA', location: 'main', from: 'quarantine', to: 'sellable' } as const;
    const inspected = run(ordered, { ...moved, quantity: 250 }).state;
    expect(servedOf(inspected, 'shop:main/all')).toEqual([2850, 150]);
    expect(shownOn(inspected)).toBe(0);
  });
});

describe('the mission’s story: 2,400 on hand, a PO of 1,800 and a flash sale of 900', () => {
  const brand = (pools: readonly number[]): State =>
    run(
      stateOf({
        policy: policy({
          programs: [program('dtc'), program('wholesale')],
          pools: pools.map((units) => pool('wholesale', units)),
          channels: [channelRule('shop:main', 'dtc'), channelRule('edi:retailer', 'wholesale')],
        }),
        items: [item('TEA', {}, { listings: [listing(1), listing(2, { channel: 'edi:retailer' })] })],
      }),
      receive(2400),
    ).state;

  const order = (ref: string, ordered: number, channel: string): CommandBody =>
    oneLineOrder(ref, { ordered, listingRef: channel === 'shop:main' ? 'ref-1' : 'ref-2' }, { channel });
  const purchaseOrder = order('PO', 1800, 'edi:retailer');

  /** Buyers come in hundreds and buy what the shop shows; the platform does not sell below 0. */
  function flashSale(start: State, buyers: number): { readonly state: State; readonly sold: number } {
    let [state, sold] = [start, 0];
    for (let buyer = 0; buyer < buyers && (shownOn(state) ?? 0) > 0; buyer += 100) {
      const units = Math.min(100, shownOn(state) ?? 0);
      state = run(state, order(`buyers-${state.orders.length}`, units, 'shop:main')).state;
      sold += units;
    }
    return { state, sold };
  }

  const shortOf = (state: State): number =>
    state.orders.flatMap(({ lines }) => lines).reduce((sum, line) => sum + line.short, 0);

  it('with a wholesale pool of 1,800 the sale gets what is left, the PO is whole, and nobody oversells', () => {
    const start = brand([1800]);
    expect([shownOn(start), shownOn(start, 'edi:retailer')]).toEqual([600, 2400]);
    const sale = flashSale(start, 900);
    expect(sale.sold).toBe(600);
    expect([shownOn(sale.state), shownOn(sale.state, 'edi:retailer')]).toEqual([0, 1800]);
    const { state } = run(sale.state, purchaseOrder);
    expect(servedOf(state, 'edi:retailer/PO')).toEqual([1800, 0]);
    expect(shortOf(state)).toBe(0);
  });

  it('the PO before the sale, or in the middle of it, changes nothing of that', () => {
    for (const before of [0, 300]) {
      const first = flashSale(brand([1800]), before);
      const placed = run(first.state, purchaseOrder).state;
      const { state, sold } = flashSale(placed, 900);
      expect([first.sold + sold, servedOf(state, 'edi:retailer/PO'), shortOf(state)]).toEqual([600, [1800, 0], 0]);
    }
  });

  it('without a pool the sale takes its 900 and the PO is short 300, told at once', () => {
    const start = brand([]);
    expect(shownOn(start)).toBe(2400);
    const sale = flashSale(start, 900);
    expect(sale.sold).toBe(900);
    const { state, facts } = run(sale.state, purchaseOrder);
    expect(servedOf(state, 'edi:retailer/PO')).toEqual([1500, 300]);
    expect(facts.orders.map(({ id, lines }) => [id, lines[0]?.short])).toEqual([['edi:retailer/PO', 300]]);
    // A shortage is no deficit: what is promised is there.
    expect(facts.deficits).toEqual([]);
    const filled = run(state, receive(300)).state;
    expect(servedOf(filled, 'edi:retailer/PO')).toEqual([1800, 0]);
  });
});

describe('Magento’s signed reservations (devdocs.magento.com, inventory/reservations)', () => {
  const sources = ['baltimore', 'austin', 'reno'];
  const stock = run(
    stateOf({
      policy: policy({ programs: [program('dtc', { locations: sources })] }),
      items: [item('TEA', {}, { listings: [listing(1)] })],
    }),
    ...[20, 25, 10].map((units, index) => receive(units, { location: sources[index] ?? '' })),
  ).state;

  it('sources of 20, 25 and 10 less reservations of 10 and 5 leave 40 that may be ordered', () => {
    expect(shownOn(stock)).toBe(55);
    const { state } = run(stock, oneLineOrder('A', { ordered: 10 }), oneLineOrder('B', { ordered: 5 }));
    expect(shownOn(state)).toBe(40);
  });

  it('-25 ordered, +5 cancelled and +20 shipped close to zero, written one after the other and never changed', () => {
    const steps = [
      { ordered: 25, cancelled: 0, shipped: 0 },
      { ordered: 25, cancelled: 5, shipped: 0 },
      { ordered: 25, cancelled: 5, shipped: 20 },
    ];
    let state = stock;
    const told = steps.map((totals, index) => {
      const step = run(state, oneLineOrder('25', totals, { version: index + 1 }));
      state = step.state;
      const reserved = step.facts.promises.reduce((sum, entry) => sum - entry.delta, 0);
      return { reserved, salable: shownOn(state) };
    });
    expect(told).toEqual([
      { reserved: -25, salable: 30 },
      { reserved: 5, salable: 35 },
      // Shipped: the units leave the sources and the promise alike, so that the number stays.
      { reserved: 20, salable: 35 },
    ]);
    expect(state.items[0]?.promises.reduce((sum, row) => sum + row.allocated, 0)).toBe(0);
  });
});
