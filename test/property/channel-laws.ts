/** Laws of a channel: when it is tried again, when its breaker lets a call through, when its gate turns. */
import * as fc from 'fast-check';
import { type Breaker, type BreakerEvent, CLOSED, OPENS_AT, PROBE_MS } from '#core/breaker.ts';
import { dayOf, type GateDay, type GateState, isClean } from '#core/gate.ts';
import type { GateRule } from '#core/model.ts';
import { boundMs, type RetryClass, SCHEDULES } from '#core/retry.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const NOW = Date.parse('2026-03-10T15:00:00Z');
const DAY_MS = 86_400_000;
const random = fc.double({ min: 0, max: 0.999_999, noNaN: true });

/** From 0 to the bound, and the whole of it; the bound doubles and never passes its cap. */
export const waitsKeepTheirBounds = (core: Core) =>
  fc.property(
    fc.constantFrom(...(Object.keys(SCHEDULES) as RetryClass[])),
    fc.nat(200),
    random,
    (of, failures, roll) => {
      const wait = core.backOffMs(of, failures, roll);
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual(SCHEDULES[of].capMs);
      expect(boundMs(of, failures + 1)).toBeGreaterThanOrEqual(boundMs(of, failures));
      expect(core.backOffMs(of, failures, 0)).toBe(0);
    },
  );

const steps = fc.array(fc.tuple(fc.constantFrom<BreakerEvent>('answered', 'failed', 'asked'), fc.nat(40_000)), {
  maxLength: 60,
});

/** Never more than one probe at a time, never shut for longer than a wait and a probe, and one answer ends it all. */
export const breakerHeals = (core: Core) =>
  fc.property(fc.constantFrom(0, OPENS_AT, OPENS_AT), steps, random, (failures, events, roll) => {
    let [breaker, now]: [Breaker, number] = [CLOSED, NOW];
    // Most runs begin where it has just opened: chance alone seldom comes there.
    for (let n = 0; n < failures; n += 1) breaker = core.nextBreaker(breaker, 'failed', { now, random: roll });
    let probeUntil = 0;
    for (const [event, ms] of events) {
      now += ms;
      const before = breaker;
      breaker = core.nextBreaker(before, event, { now, random: roll });
      const isGiven = event === 'asked' && breaker !== before;
      expect(isGiven && now < probeUntil, 'a second probe while the first is under way').toBe(false);
      if (isGiven) probeUntil = now + PROBE_MS;
      else if (event !== 'asked') probeUntil = 0;
      if (breaker.state !== 'closed') expect((breaker.retryAt ?? Number.NaN) - now).toBeLessThanOrEqual(PROBE_MS);
    }
    const asked = core.nextBreaker(breaker, 'asked', { now: now + PROBE_MS, random: roll });
    expect(asked.state === 'open').toBe(false);
    expect(core.nextBreaker(asked, 'answered', { now: now + PROBE_MS, random: roll }).state).toBe('closed');
  });

const ruleArb: fc.Arbitrary<GateRule> = fc.record({
  channel: fc.constant('fake:a'),
  cleanDays: fc.integer({ min: 1, max: 5 }),
  agreement: fc.integer({ min: 50, max: 100 }),
  ramp: fc
    .uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 4 })
    .map((some) => [...some.sort((a, b) => a - b), 100]),
  stepDays: fc.integer({ min: 1, max: 4 }),
  fallBack: fc.integer({ min: 0, max: 50 }),
});

const stateArb: fc.Arbitrary<GateState> = fc.record({
  mode: fc.constantFrom('shadow' as const, 'live' as const, 'paused' as const),
  share: fc.integer({ min: 1, max: 100 }),
  since: fc.nat(12).map((days) => NOW - days * DAY_MS),
  fellBack: fc.boolean(),
  divergingScans: fc.nat(3),
  silentSince: fc.option(fc.nat(3).map((hours) => NOW - hours * 3_600_000)),
});

/** Some days of the last two weeks, most of them good. */
const daysArb: fc.Arbitrary<GateDay[]> = fc
  .array(
    fc.record({
      isThere: fc.nat(5),
      scans: fc.nat(2),
      compared: fc.constantFrom(0, 100),
      agreed: fc.integer({ min: 90, max: 100 }),
    }),
    {
      minLength: 14,
      maxLength: 14,
    },
  )
  .map((days) =>
    days.flatMap(({ isThere, compared, agreed, scans }, n) =>
      isThere === 0
        ? []
        : [{ day: dayOf(NOW - n * DAY_MS), scans: scans + 1, compared, agreed: Math.min(compared, agreed) }],
    ),
  );

/** It opens and widens only after as many whole clean days in a row, counted here by themselves, and never by a step back. */
export const gateWaitsForCleanDays = (core: Core) =>
  fc.property(ruleArb, stateArb, daysArb, (rule, state, days) => {
    const turn = core.turnGate(rule, state, { days, now: NOW });
    if (turn.kind === 'stay') return;
    expect(state.mode === 'paused').toBe(false);
    if (turn.kind === 'fallBack') {
      expect(state.mode).toBe('live');
      return;
    }
    const wanted = turn.kind === 'open' ? rule.cleanDays : rule.stepDays;
    for (let n = 1; n <= wanted; n += 1) {
      const name = dayOf(NOW - n * DAY_MS);
      const day = days.find((one) => one.day === name);
      expect(day !== undefined && isClean(rule, day) && name > dayOf(state.since), `${turn.kind} without ${name}`).toBe(
        true,
      );
    }
    expect(rule.ramp.includes(turn.share)).toBe(true);
    if (turn.kind === 'widen') expect(turn.share > state.share).toBe(true);
    else expect(state.mode === 'shadow' && !state.fellBack && turn.share === rule.ramp[0]).toBe(true);
  });
