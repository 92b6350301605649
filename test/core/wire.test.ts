import { describe, expect, it } from 'vitest';
import {
  expectedShown,
  isExpected,
  planPush,
  type SyncState,
  soldByRead,
  syncAfterUnknown,
  type WireTarget,
  wireQuantity,
} from '#core/wire.ts';
import { MINUTE_MS, NOW } from '../support/factory.ts';

const target = (over: Partial<WireTarget> = {}): WireTarget => ({
  quantity: 10,
  ownSold: 0,
  ownOpen: 0,
  inFlight: 0,
  seenSold: null,
  seenUntil: null,
  ...over,
});
const acked = (quantity: number, soldBaseline = 0): SyncState => ({
  ackedQuantity: quantity,
  ackedWire: quantity,
  soldBaseline,
});
const never: SyncState = { ackedQuantity: null, ackedWire: null, soldBaseline: null };
const compares = { basis: 'sellable', compares: true } as const;
const blind = { basis: 'sellable', compares: false } as const;
const lessOwnOpen = { basis: 'onHandLessOwnOpen', compares: false } as const;
const shows = (sellable: number, shown = sellable) => ({ read: { sellable, shown }, now: NOW });
const unread = { read: null, now: NOW };

describe('the wire number', () => {
  it('is the quantity, or adds the open orders that the platform takes off itself', () => {
    expect(wireQuantity('sellable', target({ ownOpen: 4 }))).toBe(10);
    expect(wireQuantity('onHandLessOwnOpen', target({ ownOpen: 4 }))).toBe(14);
  });
  it('tells sales by what a read is below the acknowledged number', () => {
    expect(expectedShown(target({ ownSold: 7 }), acked(10, 5))).toBe(8);
    expect(soldByRead(target({ ownSold: 7 }), acked(10, 5), { sellable: 6, shown: 6 })).toBe(9);
    expect(expectedShown(target(), never)).toBeNull();
    expect(soldByRead(target({ ownSold: 7 }), never, { sellable: 6, shown: 6 })).toBe(7);
  });
});

describe('a number that the platform told by itself', () => {
  it('is no news where the platform should show it: after our write, after its own sales, below zero too', () => {
    expect(isExpected('sellable', target(), acked(10), 10)).toBe(true);
    expect(isExpected('sellable', target({ ownSold: 7 }), acked(10, 5), 8)).toBe(true);
    expect(isExpected('sellable', target({ ownSold: 12 }), acked(10), -2)).toBe(true);
    expect(isExpected('onHandLessOwnOpen', target({ ownSold: 7, ownOpen: 4 }), acked(10), 10)).toBe(true);
  });
  it('is news where it is another, or where nothing was ever acknowledged', () => {
    expect(isExpected('sellable', target(), acked(10), 9)).toBe(false);
    expect(isExpected('sellable', target({ quantity: 0 }), never, 0)).toBe(false);
    expect(isExpected('onHandLessOwnOpen', target(), never, 10)).toBe(false);
  });
});

describe('planPush on a platform that compares', () => {
  it('looks first when nothing is known', () => {
    expect(planPush(target(), never, compares, unread).kind).toBe('read');
  });
  it('does not push back the decrement of the platform’s own order', () => {
    expect(planPush(target({ quantity: 8, ownSold: 2 }), acked(10), compares, unread)).toEqual({
      kind: 'acknowledged',
      wireQuantity: 8,
      soldBaseline: 2,
    });
  });
  it('compares with what must be shown, without a read, up and down', () => {
    expect(planPush(target({ quantity: 4 }), acked(10), compares, unread)).toMatchObject({
      kind: 'write',
      wireQuantity: 4,
      compareWith: 10,
    });
    expect(planPush(target({ quantity: 14, ownSold: 3 }), acked(10), compares, unread)).toMatchObject({
      kind: 'write',
      wireQuantity: 14,
      compareWith: 7,
      soldBaseline: 3,
    });
  });
  it('takes a lower number than it should show for unseen sales, and writes nothing', () => {
    expect(planPush(target(), acked(10), compares, shows(7))).toEqual({ kind: 'unexplained', seenSold: 3 });
  });
  it('goes on believing them while their time lasts, and heals them when it is over', () => {
    const seen = (quantity: number, inFlight: number, seenUntil: number) =>
      target({ quantity, inFlight, seenSold: 3, seenUntil });
    expect(planPush(seen(7, 3, NOW + MINUTE_MS), acked(10), compares, shows(7))).toMatchObject({
      kind: 'acknowledged',
      wireQuantity: 7,
      soldBaseline: 3,
    });
    const healing = { kind: 'write', wireQuantity: 10, compareWith: 7, soldBaseline: 0, forgetSeen: true };
    expect(planPush(seen(10, 0, NOW), acked(7, 3), compares, unread)).toEqual(healing);
    expect(planPush(seen(10, 0, NOW), acked(7, 3), compares, shows(7))).toEqual(healing);
  });
  it('does not heal away a sale that came after', () => {
    const expired = target({ seenSold: 3, seenUntil: NOW });
    expect(planPush(expired, acked(7, 3), compares, shows(6))).toEqual({ kind: 'unexplained', seenSold: 4 });
  });
  it('lowers what somebody raised by hand', () => {
    expect(planPush(target(), acked(10), compares, shows(25))).toMatchObject({
      kind: 'write',
      wireQuantity: 10,
      compareWith: 25,
    });
  });
  it('looks when the platform should show less than nothing', () => {
    expect(planPush(target({ quantity: 0, ownSold: 12 }), acked(10), compares, unread).kind).toBe('read');
  });
});

describe('planPush without write protection', () => {
  it('lowers at once', () => {
    expect(planPush(target({ quantity: 4 }), acked(10), blind, unread)).toMatchObject({
      kind: 'write',
      wireQuantity: 4,
      compareWith: null,
    });
  });
  it('raises only after a read', () => {
    expect(planPush(target({ quantity: 14 }), acked(10), blind, unread).kind).toBe('read');
    expect(planPush(target({ quantity: 14 }), acked(10), blind, shows(10))).toMatchObject({
      kind: 'write',
      wireQuantity: 14,
    });
    expect(planPush(target({ quantity: 14 }), acked(10), blind, shows(9))).toEqual({
      kind: 'unexplained',
      seenSold: 1,
    });
  });
});

describe('planPush on a platform that takes its own open orders off', () => {
  it('keeps the number when an order of its own becomes known', () => {
    expect(planPush(target({ quantity: 8, ownSold: 2, ownOpen: 2 }), acked(10), lessOwnOpen, unread)).toMatchObject({
      kind: 'acknowledged',
      wireQuantity: 10,
    });
  });
  it('lowers it when that order has shipped', () => {
    expect(planPush(target({ quantity: 8, ownSold: 2 }), acked(10), lessOwnOpen, unread)).toMatchObject({
      kind: 'write',
      wireQuantity: 8,
    });
  });
  it('heals a number changed by hand at the next read', () => {
    expect(planPush(target(), acked(10), lessOwnOpen, shows(3, 3))).toMatchObject({ kind: 'write', wireQuantity: 10 });
  });
  it('raises only after a read, and looks when nothing is known', () => {
    expect(planPush(target({ quantity: 12 }), acked(10), lessOwnOpen, unread).kind).toBe('read');
    expect(planPush(target(), never, lessOwnOpen, unread).kind).toBe('read');
  });
});

describe('a write without an answer', () => {
  const lowered = target({ quantity: 4 });
  it('did arrive when the read shows what it would have made', () => {
    const sync = syncAfterUnknown(lowered, acked(10), acked(4), { sellable: 4, shown: 4 });
    expect(planPush(lowered, sync, compares, shows(4)).kind).toBe('acknowledged');
    expect(planPush(lowered, acked(10), compares, shows(4)), 'without it: six sales that never were').toEqual({
      kind: 'unexplained',
      seenSold: 6,
    });
  });
  it('did not when the read shows the number before', () => {
    expect(syncAfterUnknown(lowered, acked(10), acked(4), { sellable: 10, shown: 10 })).toEqual(acked(10));
  });
  it('still sees a sale beside it, and of two stories that fit as well takes the one that shows less', () => {
    const sync = syncAfterUnknown(lowered, acked(10), acked(4), { sellable: 3, shown: 3 });
    expect(planPush(lowered, sync, compares, shows(3))).toEqual({ kind: 'unexplained', seenSold: 1 });
    expect(syncAfterUnknown(lowered, acked(10), acked(4), { sellable: 7, shown: 7 })).toEqual(acked(10));
  });
});
