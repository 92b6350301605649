import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  cleanDaysUpTo,
  compareShown,
  type GateDay,
  type GateState,
  isDiverging,
  nextShare,
  turnGate,
} from '#core/gate.ts';
import type { GateRule } from '#core/model.ts';

const DAY_MS = 86_400_000;
const NOW = Date.parse('2026-03-10T15:00:00Z');
const RULE: GateRule = {
  channel: 'fake:a',
  cleanDays: 3,
  agreement: 99,
  ramp: [5, 25, 100],
  stepDays: 1,
  fallBack: 95,
};
const STATE: GateState = {
  mode: 'shadow',
  share: 100,
  since: NOW - 30 * DAY_MS,
  fellBack: false,
  divergingScans: 0,
  silentSince: null,
};
/** Days before today, newest first. */
const daysOf = (...agreed: (number | null)[]): GateDay[] =>
  agreed.flatMap((one, n) =>
    one === null
      ? []
      : [{ day: new Date(NOW - (n + 1) * DAY_MS).toISOString().slice(0, 10), scans: 5, compared: 1000, agreed: one }],
  );
const turn = (state: Partial<GateState>, days: readonly GateDay[], rule = RULE) =>
  turnGate(rule, { ...STATE, ...state }, { days, now: NOW });

test('it opens at its first share after so many whole clean days in a row that end with yesterday', () => {
  expect(turn({}, daysOf(990, 995, 1000))).toMatchObject({ kind: 'open', share: 5 });
  expect(turn({}, daysOf(990, 989, 1000))).toMatchObject({ kind: 'stay', says: '1 of 3 clean days in a row' });
  expect(turn({}, daysOf(null, 1000, 1000, 1000))).toMatchObject({ kind: 'stay' });
  // The day it came into shadow does not count, nor any before it.
  expect(turn({ since: NOW - 3 * DAY_MS }, daysOf(1000, 1000, 1000))).toMatchObject({ kind: 'stay' });
});

test('a day on which nothing was compared is not clean', () => {
  const empty = daysOf(0, 0, 0).map((day) => ({ ...day, compared: 0 }));
  expect(cleanDaysUpTo(RULE, empty, { since: STATE.since, now: NOW })).toBe(0);
  expect(isDiverging(RULE, { compared: 0, agreed: 0 })).toBe(false);
});

test('live, it widens step by step, and falls back by itself', () => {
  const since = NOW - 2 * DAY_MS;
  expect(turn({ mode: 'live', share: 5, since }, daysOf(1000))).toMatchObject({ kind: 'widen', share: 25 });
  expect(turn({ mode: 'live', share: 25, since }, daysOf(1000))).toMatchObject({ kind: 'widen', share: 100 });
  expect(turn({ mode: 'live', share: 100, since }, daysOf(1000))).toMatchObject({ kind: 'stay' });
  expect(turn({ mode: 'live', share: 5, since }, daysOf(980))).toMatchObject({ kind: 'stay' });
  expect(turn({ mode: 'live', share: 100, since, divergingScans: 1 }, [])).toMatchObject({ kind: 'stay' });
  expect(turn({ mode: 'live', share: 100, since, divergingScans: 2 }, [])).toMatchObject({ kind: 'fallBack' });
});

test('an outage takes a channel back on its ramp alone: at its last share nobody else writes', () => {
  const silentSince = NOW - 2 * 3_600_000;
  expect(turn({ mode: 'live', share: 25, silentSince }, [])).toMatchObject({ kind: 'fallBack' });
  expect(turn({ mode: 'live', share: 100, silentSince }, [])).toMatchObject({ kind: 'stay' });
});

test('what fell back, and what is paused, a person alone moves', () => {
  const clean = daysOf(1000, 1000, 1000, 1000);
  expect(turn({ fellBack: true }, clean)).toMatchObject({ kind: 'stay' });
  expect(turn({ mode: 'paused', divergingScans: 9 }, clean)).toMatchObject({ kind: 'stay' });
});

test('a share only grows, and ends at all of it', () => {
  const ramps = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 8 });
  fc.assert(
    fc.property(ramps, (steps) => {
      const ramp = [...steps.sort((a, b) => a - b), 100];
      const walked: number[] = [];
      for (let share = 0; share < 100; walked.push(share)) share = nextShare({ ramp }, share);
      expect(walked).toEqual(ramp);
    }),
  );
});

test.each([
  [5, { sellable: 5, state: 'tracked' }, { cause: null, units: 0 }],
  [5, { sellable: 9, state: 'tracked' }, { cause: 'showsMore', units: 4 }],
  [5, { sellable: 2, state: 'tracked' }, { cause: 'showsLess', units: 3 }],
  [5, { sellable: -2, state: 'tracked' }, { cause: 'soldOutThere', units: 5 }],
  [0, { sellable: 3, state: 'tracked' }, { cause: 'soldOutHere', units: 3 }],
  [0, { sellable: -1, state: 'tracked' }, { cause: null, units: 0 }],
  [7, { sellable: 7, state: 'missing' }, { cause: 'missing', units: 7 }],
] as const)('should show %i, shows %o', (should, shows, expected) => {
  expect(compareShown(should, shows)).toEqual(expected);
});
