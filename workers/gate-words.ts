/** The gate of a channel in words: what it does next, and how the numbers of allot and of the platform differ. */
import { cleanDaysUpTo, turnGate } from '#core/gate.ts';
import type { ChannelMode, GateRule, Instant } from '#core/model.ts';
import type { AgreementDay, StoredGate } from '#db/gates.ts';
import { WHOLE_SHARE } from './go-live.ts';

/** Days that a gate may look back on. */
export const GATE_DAYS_READ = 200;

export const sayPercent = (value: number | null): string =>
  value === null ? '-' : `${Math.floor(value * 100) / 100} %`;

/** `live 25 %`, `shadow (fell back)`, `paused (left)`. */
export function sayMode(channel: {
  readonly mode: ChannelMode;
  readonly share: number;
  readonly fellBack: string | null;
  readonly leftAt: Instant | null;
}): string {
  const { mode, share, fellBack, leftAt } = channel;
  if (leftAt !== null) return `${mode} (left)`;
  if (fellBack !== null) return `${mode} (fell back)`;
  return mode === 'live' && share < WHOLE_SHARE ? `live ${share} %` : mode;
}

/** `showsMore 3, missing 1`, the most first. */
export const sayCauses = (causes: Readonly<Record<string, number>>): string =>
  Object.entries(causes)
    .sort(([, a], [, b]) => b - a)
    .map(([cause, count]) => `${cause} ${count}`)
    .join(', ');

const ofMode = (gate: StoredGate, days: readonly AgreementDay[]): AgreementDay[] =>
  days.filter(({ mode }) => mode === gate.mode);

/** What the gate does next; null where there is none. */
export function sayGate(gate: StoredGate, days: readonly AgreementDay[], now: Instant): string | null {
  if (gate.rule === null) return null;
  if (gate.leftAt !== null) return 'it was left';
  const turn = turnGate(gate.rule, gate, { days: ofMode(gate, days), now });
  return turn.kind === 'stay' ? turn.says : `${turn.kind} after the next scan: ${turn.says}`;
}

/** Clean days in a row up to yesterday, in the mode and share that it has; null without a gate. */
export const cleanDaysNow = (gate: StoredGate, days: readonly AgreementDay[], now: Instant): number | null =>
  gate.rule === null ? null : cleanDaysUpTo(gate.rule, ofMode(gate, days), { since: gate.since, now });

export const sayGateRule = ({ cleanDays, agreement, ramp, stepDays, fallBack }: GateRule): string =>
  `live after ${cleanDays} clean days in a row (${agreement} % or more agree), for ${ramp.join(' %, ')} % of its items, a step after ${stepDays} clean days; back to shadow below ${fallBack} %`;

export const WHY_DIFFERS: Readonly<Record<string, string>> = {
  missing: 'not on the platform',
  untracked: 'the platform does not count it',
  notBuyable: 'nobody can buy it there',
  showsMore: 'shows more than allot would',
  showsLess: 'shows less than allot would',
  soldOutHere: 'allot would show 0',
  soldOutThere: 'shows 0',
};
