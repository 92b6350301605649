/** Words of the configuration file that several of its sections use. */
import { z } from 'zod';
import { MINIMUM_LIFE_DAYS_MAX } from '#core/lots.ts';
import { parseDays, parseDuration } from './durations.ts';

export const idOf = (what: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/)
    .describe(`the id of a ${what}: letters, digits, "-", "_" and ".", at most 63`);

export const duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined)
  .describe('a duration such as "500ms", "30s", "5m" or "2h", a week at most');

/** At least `least` days; `what` begins the description. */
export const days = (least: number, what: string) =>
  z
    .string()
    .refine((text) => (parseDays(text) ?? -1) >= least && (parseDays(text) ?? 0) <= MINIMUM_LIFE_DAYS_MAX)
    .describe(`${what}: whole days such as "60d", at most ${MINIMUM_LIFE_DAYS_MAX}d`);
