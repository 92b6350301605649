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

export const UNITS_MAX = 1_000_000_000;

export const units = z.int().min(0).max(UNITS_MAX).describe('a whole number of units, 0 or more');
export const percent = z.int().min(0).max(100).describe('a whole percent from 0 to 100');
export const sku = z.string().min(1).max(200).describe('the SKU of an item, in quotes where it is only digits');

/** What is wrong with a day of the right form, and the day to write; undefined of one that is there. */
function sayNoDay(text: string): string | undefined {
  const [year = 0, month = 0, day = 0] = text.slice(0, '2026-12-01'.length).split('-').map(Number);
  if (month < 1 || month > 12) return 'no day of the calendar, a year has the months 01 to 12. Write one of them';
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (day >= 1 && day <= last) return undefined;
  const nearest = `${text.slice(0, '2026-12-'.length)}${day < 1 ? '01' : last}`;
  return `no day of the calendar, that month has ${last} days. Write "${nearest}"`;
}

/** Of the right form and in the calendar: `Date.parse` would take February 31 for March 3. */
const refuseNoDay = (form: RegExp) => (text: string, context: z.RefinementCtx) => {
  const noDay = form.test(text) ? sayNoDay(text) : undefined;
  const isFit = form.test(text) && noDay === undefined && !Number.isNaN(Date.parse(text));
  // A message that begins so is told by the description of the field.
  if (!isFit) context.addIssue({ code: 'custom', message: noDay ?? 'Invalid moment', input: text });
};

const DAY = /^\d{4}-\d{2}-\d{2}$/;
export const day = z.string().regex(DAY, { abort: true }).superRefine(refuseNoDay(DAY));

/** `2026-12-01` is the day's beginning in UTC. */
const MOMENT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?$/;
export const moment = z
  .string()
  .superRefine(refuseNoDay(MOMENT))
  .describe('a day such as "2026-12-01", or a moment with its zone such as "2026-12-01T08:00:00+01:00"');

export const group = z.string().min(1).max(100).describe('a group of items, as `allot import items` names it');
