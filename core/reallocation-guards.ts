/**
 * The guards of a reallocation: what one person may move alone, what needs a second one, and what has to wait.
 *
 * | guard                    | default | beyond it                                            |
 * | units of one move        | 100     | a second person approves                             |
 * | percent of the pool, move | 20     | a second person approves                             |
 * | percent of the pool, day | 50      | a second person approves                             |
 * | between two moves        | 1 h     | the second waits, approved or not                    |
 * | days in force            | 30      | refused: a longer change belongs into the policy     |
 *
 * Guarantees: pure; each guard is told with its limit, the value and what to do. The percentages are of the donor's pool as it was
 * before the moves of the last 24 hours, rounded down, so that many small moves take no more than one.
 */
import type { Instant, Policy, ReallocationPolicy } from './model.ts';

export const DAY_MS = 86_400_000;

export type Guards = Required<ReallocationPolicy>;

export const GUARD_DEFAULTS: Guards = {
  approveAbove: 100,
  perMovePercent: 20,
  perDayPercent: 50,
  cooldownMs: 3_600_000,
  maxDays: 30,
  lowPoolPercent: 25,
};

export const guardsOf = (policy: Pick<Policy, 'reallocation'>): Guards => ({
  ...GUARD_DEFAULTS,
  ...policy.reallocation,
});

export type AskedMove = {
  readonly id: number;
  readonly sku: string;
  readonly from: string;
  readonly units: number;
  readonly until: Instant;
};

/** What is known of the donor when the move is asked for. */
export type DonorFigures = {
  /** Units of its pool now: the rule's and the moves' in force; of `shared`, those that nobody protects. */
  readonly units: number;
  /** Units that moves of the last 24 hours took from it and that are still away. */
  readonly movedToday: number;
  /** When the newest move from it came into force. */
  readonly lastMovedAt: Instant | null;
};

export type GuardedBy = {
  readonly guard: 'approveAbove' | 'perMovePercent' | 'perDayPercent' | 'cooldown' | 'maxDays' | 'until';
  /** Units, or an instant in ISO. */
  readonly limit: number | string;
  readonly value: number | string;
  readonly says: string;
  readonly fix: string;
};

export type Judgement = {
  /** Not at all, whoever approves. */
  readonly refused: readonly GuardedBy[];
  /** Not now: `until` is the moment from which it may be applied. */
  readonly waits: GuardedBy | null;
  /** Not without a second person. */
  readonly approval: readonly GuardedBy[];
};

const iso = (instant: Instant): string => new Date(instant).toISOString();

function judgeEnd({ until }: AskedMove, { maxDays }: Guards, now: Instant): GuardedBy[] {
  const latest = now + maxDays * DAY_MS;
  if (until <= now) {
    const fix = 'give a moment to come, with its zone, or a time from now such as 7d';
    return [{ guard: 'until', limit: iso(now), value: iso(until), says: `its end ${iso(until)} has passed`, fix }];
  }
  if (until <= latest) return [];
  const says = `its end ${iso(until)} is more than ${maxDays} days away`;
  const fix = `end it by ${iso(latest)}; what is to last longer belongs into the pools of the configuration file`;
  return [{ guard: 'maxDays', limit: iso(latest), value: iso(until), says, fix }];
}

function judgeSize({ id, from, units }: AskedMove, guards: Guards, donor: DonorFigures): GuardedBy[] {
  const base = donor.units + donor.movedToday;
  const perMove = Math.floor((base * guards.perMovePercent) / 100);
  const perDay = Math.floor((base * guards.perDayPercent) / 100);
  const today = donor.movedToday + units;
  const pool = from === 'shared' ? 'the shared pool' : `the pool of ${from}`;
  const orLess = (limit: number): string => {
    const second = id === 0 ? 'a second person approves it' : `a second person: allot reallocate approve ${id}`;
    return limit > 0 ? `move at most ${limit}, or let ${second}` : `let ${second}`;
  };
  const checks: (GuardedBy & { readonly limit: number; readonly value: number })[] = [
    {
      guard: 'approveAbove',
      limit: guards.approveAbove,
      value: units,
      says: `${units} units are above ${guards.approveAbove}, which one person may move alone`,
      fix: orLess(guards.approveAbove),
    },
    {
      guard: 'perMovePercent',
      limit: perMove,
      value: units,
      says: `${units} units are above ${guards.perMovePercent} % of ${pool} (${perMove} of ${base}) in one move`,
      fix: orLess(perMove),
    },
    {
      guard: 'perDayPercent',
      limit: perDay,
      value: today,
      says: `${today} units within 24 hours are above ${guards.perDayPercent} % of ${pool} (${perDay} of ${base})`,
      fix: orLess(perDay - donor.movedToday),
    },
  ];
  return checks.filter(({ value, limit }) => value > limit);
}

function judgeCooldown({ sku, from }: AskedMove, guards: Guards, donor: DonorFigures, now: Instant): GuardedBy | null {
  if (donor.lastMovedAt === null) return null;
  const restsUntil = donor.lastMovedAt + guards.cooldownMs;
  if (restsUntil <= now) return null;
  const says = `${from} gave units of ${sku} at ${iso(donor.lastMovedAt)}, and rests for ${guards.cooldownMs / 60_000} minutes`;
  return {
    guard: 'cooldown',
    limit: iso(restsUntil),
    value: iso(now),
    says,
    fix: `apply it from ${iso(restsUntil)} on`,
  };
}

/** What the guards say of a move at `now`. What cannot be done at all is for `decide` to say. */
export function judgeMove(asked: AskedMove, guards: Guards, donor: DonorFigures, now: Instant): Judgement {
  return {
    refused: judgeEnd(asked, guards, now),
    waits: judgeCooldown(asked, guards, donor, now),
    approval: judgeSize(asked, guards, donor),
  };
}
