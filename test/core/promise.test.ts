import { describe, expect, it } from 'vitest';
import { DAY_MS } from '#core/atp.ts';
import { promiseBy } from '#core/promise.ts';
import { demandRow, NOW, outlook, policy, pool, program, supplyRow } from '../support/factory.ts';

const inDays = (days: number): number => NOW + days * DAY_MS;
const wholesale = program('wholesale');
const rules = policy({ programs: [program('dtc'), wholesale], pools: [pool('wholesale', 400)] });

/** The mission's story: 2,400 on hand, a purchase order of 1,800, and a flash sale of 900 units before it comes. */
const story = outlook({
  policy: rules,
  free: new Map([['main', 2400]]),
  supply: [supplyRow('PO-1800', 1800, { dueAt: inDays(14) }), supplyRow('LATE', 500, { dueAt: inDays(-1) })],
  demand: [demandRow('flash sale', 900, { program: 'dtc', dueAt: inDays(3) })],
});
const ask = (asked: number, days: number, over = wholesale) =>
  promiseBy([{ outlook: story, each: 1 }], over, { asked, by: inDays(days) }, NOW);

describe('promise', () => {
  it('says yes from the own pool first, then from what all share', () => {
    const told = ask(1500, 7);
    expect(told).toMatchObject({ answer: 'yes', byDate: { quantity: 1500 }, whole: { at: NOW } });
    expect(told.byDate.from).toEqual([
      { sku: 'TEA', kind: 'own', quantity: 400 },
      { sku: 'TEA', kind: 'shared', quantity: 1100 },
    ]);
  });
  it('says partly, how many, and when the whole comes from what', () => {
    const told = ask(2000, 7);
    expect(told).toMatchObject({ answer: 'partly', byDate: { quantity: 1500 } });
    expect(told.whole).toEqual({
      at: inDays(14),
      from: [
        { sku: 'TEA', kind: 'own', quantity: 400 },
        { sku: 'TEA', kind: 'shared', quantity: 1100 },
        { sku: 'TEA', kind: 'purchaseOrder', quantity: 500, ref: 'PO-1800', location: 'main', dueAt: inDays(14) },
      ],
    });
  });
  it('says no end where none is in sight, counts on nothing that is late, and tells of it', () => {
    const told = ask(3301, 30);
    expect(told).toMatchObject({ answer: 'partly', byDate: { quantity: 3300 }, whole: null });
    expect(told.late.map((row) => row.ref)).toEqual(['LATE']);
  });
  it('says no where there is nothing for the program', () => {
    const none = outlook({ policy: rules });
    expect(promiseBy([{ outlook: none, each: 1 }], wholesale, { asked: 1, by: inDays(9) }, NOW)).toMatchObject({
      answer: 'no',
      byDate: { quantity: 0, from: [] },
      whole: null,
    });
  });
  it('keeps the lead time of the program, for stock and for supply', () => {
    const staged = program('wholesale', { leadTimeDays: 5 });
    expect(ask(10, 4, staged)).toMatchObject({ answer: 'no', whole: { at: inDays(5) } });
    expect(ask(10, 5, staged)).toMatchObject({ answer: 'yes' });
    expect(ask(2000, 14, staged)).toMatchObject({ answer: 'partly', whole: { at: inDays(19) } });
  });
  it('takes from what all share first where the draw order says so', () => {
    const kept = program('wholesale', { drawOrder: 'sharedThenOwn' });
    expect(ask(1500, 7, kept).byDate.from).toEqual([{ sku: 'TEA', kind: 'shared', quantity: 1500 }]);
  });
  describe('of a program with a backorder limit', () => {
    const presale = program('presale', { backorder: { supply: 900 } });
    const hood = (over: Parameters<typeof outlook>[0] = {}) =>
      outlook({
        policy: policy({ programs: [presale] }),
        free: new Map([['main', 80]]),
        supply: [supplyRow('PO-9', 1500, { dueAt: inDays(10) })],
        ...over,
      });
    const told = (asked: number, days: number, who = presale, seen = hood()) =>
      promiseBy([{ outlook: seen, each: 1 }], who, { asked, by: inDays(days) }, NOW);
    const short = [{ key: 'o-1 1', program: 'presale', quantity: 100 }];

    it('promises stock, and of what comes the limit; says that it caps', () => {
      expect(told(1500, 20)).toMatchObject({
        answer: 'partly',
        byDate: {
          quantity: 980,
          from: [
            { kind: 'shared', quantity: 80 },
            { kind: 'purchaseOrder', ref: 'PO-9', quantity: 900 },
          ],
        },
        whole: null,
        cappedBy: [{ sku: 'TEA', limit: 900, short: 0, left: 900 }],
        atp: [{ quantity: 80 }, { quantity: 1580 }],
      });
      expect(told(980, 20)).toMatchObject({ answer: 'yes', cappedBy: [] });
    });
    it('is capped before the goods come, too: the whole never comes', () => {
      expect(told(1500, 1)).toMatchObject({ byDate: { quantity: 80 }, whole: null, cappedBy: [{ limit: 900 }] });
      expect(told(981, 1)).toMatchObject({ byDate: { quantity: 80 }, whole: null, cappedBy: [{ limit: 900 }] });
      expect(told(980, 1)).toMatchObject({ byDate: { quantity: 80 }, whole: { at: inDays(10) }, cappedBy: [] });
    });
    it('counts what the program is short already, not what others are, nor what its kits want', () => {
      const none = new Map([['main', 0]]);
      expect(told(1500, 20, presale, hood({ free: none, waiting: short }))).toMatchObject({
        byDate: { quantity: 800 },
        cappedBy: [{ limit: 900, short: 100, left: 800 }],
      });
      const others = [
        { key: 'o-2 1', program: 'dtc', quantity: 100 },
        { key: 'SET presale', program: 'presale', quantity: 100, isOfKit: true as const },
      ];
      const both = policy({ programs: [presale, program('dtc')] });
      expect(told(1500, 20, presale, hood({ policy: both, free: none, waiting: others }))).toMatchObject({
        byDate: { quantity: 900 },
        cappedBy: [{ short: 0 }],
      });
    });
    it.each(['none', { units: 5 }, { supply: 'all' }, { supply: 1420 }] as const)('%j answers by ATP', (backorder) => {
      const who = program('presale', { backorder });
      expect(told(1500, 20, who)).toMatchObject({ answer: 'yes', byDate: { quantity: 1500 }, cappedBy: [] });
    });
    it('of a kit counts for each component, in whole sets', () => {
      const parts = [
        { outlook: hood(), each: 3 },
        { outlook: hood({ item: { sku: 'CUP', groups: [], drawn: [] }, free: new Map([['main', 5000]]) }), each: 1 },
      ];
      expect(promiseBy(parts, presale, { asked: 400, by: inDays(20) }, NOW)).toMatchObject({
        answer: 'partly',
        byDate: { quantity: 326 },
        cappedBy: [{ sku: 'TEA', limit: 900 }],
      });
    });
  });
  it('shows ATP by day where it changes', () => {
    expect(ask(1, 1).atp).toEqual([
      { fromAt: NOW, quantity: 1500 },
      { fromAt: inDays(14), quantity: 3300 },
    ]);
  });
});
