/**
 * The `alerts` section of the configuration file: where messages go, which go where, whose digest comes when, what a channel allows.
 * Addresses that are secrets (webhook URLs, keys, the mail server) come from the environment: alert-settings.ts names them.
 */
import { z } from 'zod';
import { ALERT_CODES, SEVERITIES } from '#core/alert-catalogue.ts';
import { duration, idOf } from './config-words.ts';

export const DESTINATION_KINDS = ['slack', 'email', 'webhook', 'pagerduty'] as const;
export type DestinationKind = (typeof DESTINATION_KINDS)[number];

const address = z
  .string()
  .max(200)
  .regex(/^[^\s@<>,;"]+@[^\s@<>,;"]+$/)
  .describe('an e-mail address');

const destination = z
  .strictObject({
    id: idOf('destination'),
    kind: z.enum(DESTINATION_KINDS).describe(`what it is: one of ${DESTINATION_KINDS.join(', ')}`),
    from: address.optional(),
    to: z.array(address).min(1).max(50).optional().describe('a list of at least one e-mail address'),
    allowPlain: z
      .boolean()
      .optional()
      .describe('true where the mail server has no TLS and the way to it is private, else leave it out'),
    endpoint: z
      .string()
      .regex(/^https?:\/\/\S+$/)
      .optional()
      .describe('the URL that takes PagerDuty events, where it is not PagerDuty itself'),
  })
  .superRefine((entry, context) => {
    const refuse = (path: string, message: string, input: unknown) =>
      context.addIssue({ code: 'custom', path: [path], message, input });
    const isEmail = entry.kind === 'email';
    for (const name of ['from', 'to'] as const) {
      if (isEmail && entry[name] === undefined) refuse(name, 'is missing', undefined);
      if (!isEmail && entry[name] !== undefined) refuse(name, 'is for e-mail alone. Take it out', entry[name]);
    }
    if (!isEmail && entry.allowPlain !== undefined)
      refuse('allowPlain', 'is for e-mail alone. Take it out', entry.allowPlain);
    if (entry.kind !== 'pagerduty' && entry.endpoint !== undefined)
      refuse('endpoint', 'is for pagerduty alone: the URL of others is a secret. Take it out', entry.endpoint);
  });

const to = z.array(idOf('destination')).min(1).describe('a list of at least one id of a destination');

const route = z.strictObject({
  to,
  atLeast: z
    .enum(SEVERITIES)
    .default('warning')
    .describe(`the least severity that goes this way, one of ${SEVERITIES.join(', ')}; warning when missing`),
  codes: z
    .array(z.enum(ALERT_CODES as [string, ...string[]]))
    .min(1)
    .optional()
    .describe('a list of alert codes (allot alerts explain lists them); all when missing'),
  channels: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('a list of channel ids; when missing all, and what belongs to no channel'),
});

const isTimeZone = (text: string): boolean => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
};

const person = z.strictObject({
  id: idOf('person'),
  timeZone: z.string().refine(isTimeZone).describe('a time zone such as "Europe/Berlin" or "America/New_York"'),
  digestAt: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/)
    .default('07:00')
    .describe('when the digest of the day comes, in quotes, such as "07:30"'),
  to,
});

const limitOf = (days: number) =>
  z.strictObject({
    percent: z.number().gt(0).max(100).describe('a percent above 0, such as 2.5'),
    days: z.int().min(1).max(60).default(days).describe('over how many days: a whole number from 1 to 60'),
  });

const rateOf = (what: string, days: number) =>
  z
    .union([limitOf(days), z.array(limitOf(days))])
    .optional()
    .describe(`a block with percent and days, or a list of them ([] for none): what share of orders may be ${what}`);

const rates = z.strictObject({
  channel: z.string().min(1).describe('the id of a channel'),
  cancelled: rateOf('cancelled before shipment', 7),
  late: rateOf('shipped late', 30),
});

export const alertsSchema = z
  .strictObject({
    destinations: z.array(destination).default([]).describe('a list of destinations: where messages go'),
    routes: z.array(route).default([]).describe('a list of routes: which alerts go where'),
    people: z.array(person).default([]).describe('a list of people, each with a morning digest'),
    heartbeat: z
      .strictObject({ every: duration })
      .optional()
      .describe('a block with every: how often a watcher elsewhere is told that all is well'),
    rates: z
      .array(rates)
      .default([])
      .describe("a list of channels with their limits, where they differ from the platform's"),
  })
  .prefault({})
  .describe('a block with destinations, routes, people, heartbeat and rates');

export type AlertsBody = z.output<typeof alertsSchema>;
