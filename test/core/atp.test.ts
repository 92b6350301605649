import { describe, expect, it } from 'vitest';
import { atpAt, atpByDay, DAY_MS, gainsBeyond, HORIZON_DAYS, type Outlook, project } from '#core/atp.ts';
import { NOTHING_DRAWN } from '#core/drawn.ts';
import type { PoolRule } from '#core/model.ts';
import { demandRow, NOW, outlook, policy, pool, program, supplyRow } from '../support/factory.ts';

const dtc = program('dtc');
const onDay = (day: number): number => NOW + (day - 1) * DAY_MS + DAY_MS / 2;

/** D365 Inventory Visibility, "available to promise" (facts/peers.md, section 3): day 1 is today. */
const D365: Partial<Outlook> = {
  free: new Map([['main', 20]]),
  supply: [
    supplyRow('ten', 10, { dueAt: onDay(3) }),
    supplyRow('one', 1, { dueAt: onDay(5) }),
    supplyRow('three', 3, { dueAt: onDay(6) }),
  ],
  demand: [demandRow('three', 3, { dueAt: onDay(1) }), demandRow('fifteen', 15, { dueAt: onDay(4) })],
};

describe('ATP by day', () => {
  it('is the table of D365', () => {
    expect(atpByDay(project(outlook(D365), dtc, NOW), 7)).toEqual([12, 12, 12, 12, 13, 16, 16]);
  });
  it('is the table of D365 seen on day 4, when the 10 never came: they are left out, and told', () => {
    const late = project(outlook(D365), dtc, NOW + 3 * DAY_MS);
    expect(atpByDay(late, 5)).toEqual([2, 3, 6, 6, 6]);
    expect(late.late.map((row) => row.ref)).toEqual(['ten']);
  });
  it('is the middle of Pipe17’s formula (golden.test.ts has the whole): on hand - committed + future - future committed - buffer', () => {
    const [onHand, committed, future, futureCommitted, buffer] = [100, 30, 50, 20, 5];
    const seen = outlook({
      free: new Map([['main', onHand - committed]]),
      supply: [supplyRow('PO', future, { dueAt: onDay(10) })],
      demand: [demandRow('blanket', futureCommitted, { dueAt: onDay(12) })],
    });
    const projection = project(seen, dtc, NOW);
    const [units = 0] = atpAt(projection, [onDay(12)]);
    expect(units - buffer).toBe(95);
  });
  it('looks no further than its horizon', () => {
    const due = (days: number) =>
      atpByDay(project(outlook({ supply: [supplyRow('PO', 5, { dueAt: NOW + days * DAY_MS })] }), dtc, NOW), 400);
    expect(due(HORIZON_DAYS).at(-1)).toBe(5);
    expect(due(HORIZON_DAYS + 1).at(-1)).toBe(0);
  });
});

describe('a pool that a receipt fills', () => {
  const drawn = [{ ...NOTHING_DRAWN, program: 'b2b', consumed: 100, taken: 100 }];
  const programs = [program('b2b', { priority: 1 }), dtc];
  const seen = (free: number, over: Partial<PoolRule> = { units: 100 }) =>
    outlook({
      policy: policy({ programs, pools: [{ program: 'b2b', sku: '*', refill: 'receipt', ...over }] }),
      item: { sku: 'TEA', groups: [], drawn },
      free: new Map([['main', free]]),
      supply: [supplyRow('PO', 100, { dueAt: onDay(3) })],
    });
  const atps = (of: Outlook, who = dtc) => atpByDay(project(of, who, NOW), 4);

  it('keeps what comes: nobody else may sell it before', () => {
    expect(atps(seen(0))).toEqual([0, 0, 0, 0]);
    expect(gainsBeyond(project(seen(0), dtc, NOW), 0)).toEqual([]);
    expect(atps(seen(0), program('b2b', { priority: 1 }))).toEqual([0, 0, 100, 100]);
  });

  it('takes nothing back that could be promised before', () => {
    expect(atps(seen(50))).toEqual([50, 50, 50, 50]);
    expect(atps(seen(0, { units: 30 }))).toEqual([0, 0, 70, 70]);
  });

  it('is a part of what is there then', () => {
    expect(atps(seen(0, { percent: 40 }))).toEqual([0, 0, 60, 60]);
  });
});

describe('a projection', () => {
  const at = (over: Partial<Outlook>, who = dtc, day = 9) => atpAt(project(outlook(over), who, NOW), [onDay(day)])[0];
  const due = onDay(5);

  it('fills who waits before it promises anew, and says who gets what from which supply', () => {
    const seen = outlook({
      supply: [supplyRow('A', 4, { dueAt: onDay(3) }), supplyRow('B', 4, { dueAt: due })],
      waiting: [{ key: 'line', program: 'dtc', quantity: 6 }],
    });
    const projection = project(seen, dtc, NOW);
    expect(projection.served.map(({ key, quantity, from }) => [key, quantity, from?.ref])).toEqual([
      ['line', 4, 'A'],
      ['line', 2, 'B'],
    ]);
    expect(atpAt(projection, [NOW, onDay(4), onDay(6)])).toEqual([-6, -2, 2]);
  });
  it('counts supply for a program only from its lead time on', () => {
    const staged = program('dtc', { leadTimeDays: 3 });
    const seen = { supply: [supplyRow('PO', 5, { dueAt: due })] };
    expect([at(seen, staged, 7), at(seen, staged, 8)]).toEqual([0, 5]);
  });
  it('counts supply only where the program may sell from, and none that is received or cancelled', () => {
    expect(at({ supply: [supplyRow('PO', 5, { dueAt: due, location: 'store' })] })).toBe(0);
    expect(at({ supply: [supplyRow('PO', 5, { dueAt: due, received: 3 })] })).toBe(2);
    expect(at({ supply: [supplyRow('PO', 5, { dueAt: due, state: 'cancelled' })] })).toBe(0);
  });
  it('lets the demand of another program draw its own pool first, and takes only the rest from what all share', () => {
    const rules = policy({ programs: [dtc, program('wholesale', { priority: 0 })], pools: [pool('wholesale', 6)] });
    const seen = { policy: rules, free: new Map([['main', 20]]) };
    expect(at(seen)).toBe(14);
    expect(at({ ...seen, demand: [demandRow('blanket', 6, { program: 'wholesale', dueAt: due })] })).toBe(14);
    expect(at({ ...seen, demand: [demandRow('blanket', 9, { program: 'wholesale', dueAt: due })] })).toBe(11);
  });
  it('counts overdue demand as wanted now, until it is met or cancelled', () => {
    const free = new Map([['main', 20]]);
    expect(at({ free, demand: [demandRow('old', 5, { dueAt: NOW - DAY_MS })] }, dtc, 1)).toBe(15);
    expect(at({ free, demand: [demandRow('old', 5, { dueAt: NOW - DAY_MS, state: 'cancelled' })] }, dtc, 1)).toBe(20);
  });
});
