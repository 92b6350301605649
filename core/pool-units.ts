/** How many units a pool's rule protects at a moment, and when time alone changes that. Pure. */
import type { Instant, Policy, PoolRule } from './model.ts';
import { cutInProportion, sumOf } from './proportion.ts';
import { poolBordersAfter, type RuledItem, type RuledPool } from './rules.ts';

/** Where a part of the rest is large enough to be any share: the cut is then an apportionment by parts. */
const apportion = (total: number, parts: readonly number[]): number[] =>
  cutInProportion(
    total,
    parts.map((part) => part * Math.max(1, total)),
  );

/** The percent of a protection that its release curve leaves standing at a moment. */
function standingPercent(rule: PoolRule, now: Instant): number {
  const points = rule.release ?? [];
  const next = points.findIndex(({ at }) => at > now);
  const after = next < 0 ? undefined : points[next];
  const before = points[next < 0 ? points.length - 1 : next - 1];
  if (before === undefined) return 100;
  if (after === undefined) return before.percent;
  return before.percent + ((after.percent - before.percent) * (now - before.at)) / (after.at - before.at);
}

/** Rounds up, so that a release never frees a unit before its time; floating dust is no unit. */
export const unitsStanding = (units: number, rule: PoolRule, now: Instant): number =>
  rule.release === undefined ? units : Math.max(0, Math.ceil((units * standingPercent(rule, now)) / 100 - 1e-9));

const clamp = (units: number, rule: PoolRule): number =>
  Math.min(rule.maximum ?? Number.MAX_SAFE_INTEGER, Math.max(rule.minimum ?? 0, units));

/** A number of units, whatever there is and whenever it is. */
export const isFixed = (rule: PoolRule): boolean =>
  rule.percent === undefined &&
  rule.parts === undefined &&
  rule.minimum === undefined &&
  rule.maximum === undefined &&
  rule.release === undefined;

export function areFixed(rules: readonly RuledPool[]): boolean {
  for (const { rule } of rules) if (!isFixed(rule)) return false;
  return true;
}

/** Units that each rule protects now, before anything is drawn of them. */
export function unitsOfRules(rules: readonly RuledPool[], supplies: readonly number[], now: Instant): number[] {
  const firm = rules.map(({ rule }, index) => {
    if (rule.percent !== undefined) return Math.floor(((supplies[index] ?? 0) * rule.percent) / 100);
    return rule.units ?? 0;
  });
  const parts = rules.map(({ rule }) => rule.parts ?? 0);
  const hasParts = parts.some((part) => part > 0);
  const firmTotal = sumOf(firm);
  return rules.map(({ rule }, index) => {
    // Pools that were filled at different moments are parts of different supplies.
    const rest = Math.max(0, (supplies[index] ?? 0) - firmTotal);
    const units = hasParts && rule.parts !== undefined ? (apportion(rest, parts)[index] ?? 0) : (firm[index] ?? 0);
    return unitsStanding(clamp(units, rule), rule, now);
  });
}

/** What of a pool's share (pools.ts) changes with time. */
type Protected = { readonly rule: PoolRule; readonly units: number };
type ProtectedItem = { readonly own: readonly Protected[]; readonly placed: readonly Protected[] };

/** A protected amount that falls by its curve is looked at again when a unit is due, but not more often than this. */
const RELEASE_STEP_MS = 10 * 60_000;

/** When time alone changes the pools of an item next: a rule begins or ends, or a release frees a unit. */
export function nextPoolChange(policy: Policy, item: RuledItem, pools: ProtectedItem, now: Instant): Instant | null {
  let first = Number.POSITIVE_INFINITY;
  for (const at of poolBordersAfter(policy, item, now)) first = Math.min(first, at);
  for (const share of pools.own) first = Math.min(first, nextRelease(share, now));
  for (const share of pools.placed) first = Math.min(first, nextRelease(share, now));
  return first === Number.POSITIVE_INFINITY ? null : first;
}

/** When the release of a rule frees another unit; infinity where it has none. */
function nextRelease({ rule, units }: Protected, now: Instant): number {
  const points = rule.release;
  if (points === undefined) return Number.POSITIVE_INFINITY;
  const next = points.findIndex(({ at }) => at > now);
  const [before, after] = [points[next - 1], points[next]];
  if (after === undefined) return Number.POSITIVE_INFINITY;
  const percentPerMs = before === undefined ? 0 : Math.abs(after.percent - before.percent) / (after.at - before.at);
  const whole = (units * 100) / Math.max(1e-9, standingPercent(rule, now));
  const unitsPerMs = (whole * percentPerMs) / 100;
  return unitsPerMs > 0 ? Math.min(after.at, now + Math.max(RELEASE_STEP_MS, Math.ceil(1 / unitsPerMs))) : after.at;
}
