/** Durations as people write them: a whole number and its unit, `500ms`, `30s`, `5m`, `2h`, `1d`. */
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Whole days, `60d`; undefined when it is something else. */
export function parseDays(text: string): number | undefined {
  const [, digits] = /^(\d{1,5})d$/.exec(text.trim()) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** A week: Node turns a timer beyond 24.8 days into one that fires at once. */
const DURATION_MAX_MS = 7 * 86_400_000;

/** Milliseconds; undefined when it is not a duration between 1 ms and a week. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const durationMs = Number(digits) * (UNIT_MS[unit] ?? 0);
  return durationMs > 0 && durationMs <= DURATION_MAX_MS ? durationMs : undefined;
}
