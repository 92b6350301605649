import { describe, expect, it } from 'vitest';
import {
  DOUBT_LOOK_MS,
  DOUBT_MS,
  expectedShown,
  isExpected,
  planPush,
  readUnanswered,
  type SyncState,
  soldByRead,
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
  const lowering = { sync: acked(10), sent: acked(4), doubtedAt: null };
  const read = (sellable: number, now = NOW, of = lowered) =>
    readUnanswered(of, { ...lowering, doubtedAt: now === NOW ? null : NOW }, compares, { ...shows(sellable), now });

  it('did arrive when reads go on showing what it would have made', () => {
    expect(read(4)).toEqual({ kind: 'doubt', since: NOW, until: NOW + DOUBT_LOOK_MS });
    expect(read(4, NOW + DOUBT_MS - 1)).toMatchObject({ kind: 'doubt', since: NOW });
    expect(read(4, NOW + DOUBT_MS)).toEqual({ kind: 'told', sync: acked(4) });
    expect(planPush(lowered, acked(4), compares, shows(4)).kind).toBe('acknowledged');
    expect(planPush(lowered, acked(10), compares, shows(4)), 'without it: six sales that never were').toEqual({
      kind: 'unexplained',
      seenSold: 6,
    });
  });
  it('did not when the read shows the number before', () => {
    expect(read(10)).toEqual({ kind: 'told', sync: acked(10) });
  });
  it('did not when orders come for what looked like it', () => {
    expect(read(4, NOW + 5000, target({ quantity: 4, ownSold: 1 }))).toEqual({ kind: 'told', sync: acked(10) });
  });
  it('still sees a sale beside it, and of two stories that fit as well takes the one that shows less', () => {
    expect(read(3, NOW + DOUBT_MS)).toEqual({ kind: 'told', sync: acked(4) });
    expect(planPush(lowered, acked(4), compares, shows(3))).toEqual({ kind: 'unexplained', seenSold: 1 });
    expect(read(7)).toEqual({ kind: 'told', sync: acked(10) });
  });
  it('is told at once where the platform does not compare', () => {
    expect(readUnanswered(lowered, lowering, blind, shows(4))).toEqual({ kind: 'told', sync: acked(4) });
    expect(readUnanswered(lowered, lowering, blind, shows(7))).toEqual({ kind: 'told', sync: acked(10) });
  });
});
