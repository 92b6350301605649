/** Words of the configuration file that several of its sections use. */
import { z } from 'zod';
import { parseDuration } from './durations.ts';

export const idOf = (what: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/)
    .describe(`the id of a ${what}: letters, digits, "-", "_" and ".", at most 63`);

export const duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined)
  .describe('a duration such as "500ms", "30s", "5m" or "2h", a week at most');
