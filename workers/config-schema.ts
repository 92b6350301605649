/**
 * The shape of the configuration file. Strict: an unknown key is a mistake. The descriptions are what messages and editors show;
 * scripts/examples/allot.schema.json is made from them (`configJsonSchema`), and a test holds the two together.
 */
import { z } from 'zod';
import { GUARD_DEFAULTS } from '#core/reallocation-guards.ts';
import { parseDuration } from './durations.ts';

const UNITS_MAX = 1_000_000_000;

const id = (what: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/)
    .describe(`the id of a ${what}: letters, digits, "-", "_" and ".", at most 63`);

const units = z.int().min(0).max(UNITS_MAX).describe('a whole number of units, 0 or more');
const percent = z.int().min(0).max(100).describe('a whole percent from 0 to 100');
const duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined)
  .describe('a duration such as "500ms", "30s", "5m" or "2h", a week at most');
const sku = z.string().min(1).max(200).describe('the SKU of an item, in quotes where it is only digits');

const location = z.strictObject({
  id: id('location'),
  master: z
    .enum(['allot', 'shopify', '3pl', 'erp'])
    .describe('who says how much there is at this location: one of allot, shopify, 3pl, erp'),
  sells: z.boolean().default(true).describe('true when its stock may be sold, else false'),
});

const program = z.strictObject({
  id: id('program'),
  priority: z
    .int()
    .min(0)
    .max(1_000_000)
    .describe('a whole number, 0 or more; the lowest is served first from new supply'),
  drawOrder: z
    .enum(['ownOnly', 'ownThenShared', 'sharedThenOwn'])
    .default('ownThenShared')
    .describe('which units it takes first: one of ownOnly, ownThenShared, sharedThenOwn'),
  locations: z.array(id('location')).min(1).describe('a list of at least one location id, the preferred one first'),
});

const pool = z.strictObject({
  program: id('program'),
  sku: sku.default('*').describe('a SKU, or "*" for every item without a pool of its own'),
  units: units.describe('how many units only this program may take: a whole number, 0 or more'),
  refill: z
    .enum(['never', 'receipt'])
    .default('never')
    .describe('when the protection starts anew: one of never, receipt'),
});

/** What a channel says for all its items, and may say otherwise for one. */
const rule = {
  share: percent.describe('a whole percent from 0 to 100: how much of what it could be promised the channel shows'),
  safetyStock: units.describe('a whole number of units, 0 or more, that are never promised to this channel'),
  buffer: units.describe('a whole number of units, 0 or more, kept back for sales still on their way'),
  hideAtOrBelow: units
    .nullable()
    .describe('a whole number of units, 0 or more, at or below which the channel shows 0; null never hides'),
  cap: units
    .nullable()
    .describe('a whole number of units, 0 or more, that the channel shows at most; null for no limit'),
};

const channel = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z][a-z0-9-]*:[A-Za-z0-9_-]+$/)
    .max(100)
    .describe('the id of a channel: its connector, a colon and a name, such as "shopify:main"'),
  program: id('program'),
  share: rule.share.default(100),
  safetyStock: rule.safetyStock.default(0),
  buffer: rule.buffer.default(0),
  hideAtOrBelow: rule.hideAtOrBelow.default(null),
  cap: rule.cap.default(null),
  items: z
    .record(sku, z.strictObject(rule).partial())
    .default({})
    .describe('a block of SKUs, each with what differs for it (share, safetyStock, buffer, hideAtOrBelow, cap)'),
  intervals: z
    .strictObject({ poll: duration, reconcile: duration })
    .partial()
    .default({})
    .describe('a block with poll and reconcile, where this channel has others than all'),
  settings: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("a block of the connector's own settings (never secrets: they come from the environment)"),
});

/** What is left out is as core/reallocation-guards.ts has it. */
const reallocation = z.strictObject({
  approveAbove: units
    .default(GUARD_DEFAULTS.approveAbove)
    .describe('a whole number of units, 0 or more, that one person may move alone; above it a second one approves'),
  perMovePercent: percent
    .default(GUARD_DEFAULTS.perMovePercent)
    .describe("a whole percent from 0 to 100: how much of the donor's pool one move may take without approval"),
  perDayPercent: percent
    .default(GUARD_DEFAULTS.perDayPercent)
    .describe(
      "a whole percent from 0 to 100: how much of the donor's pool moves may take within 24 hours without approval",
    ),
  cooldown: duration
    .default('1h')
    .describe('a duration such as "30m" or "1h" between two moves of one donor and item, a week at most'),
  maxDays: z
    .int()
    .min(1)
    .max(365)
    .default(GUARD_DEFAULTS.maxDays)
    .describe('a whole number of days from 1 to 365 after which a move has ended'),
  lowPoolPercent: z
    .int()
    .min(0)
    .max(90)
    .default(GUARD_DEFAULTS.lowPoolPercent)
    .describe('a whole percent from 0 to 90 of its protection, below which a pool raises an alert; 0 for none'),
});

const http = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('the address to listen on, such as 127.0.0.1 or 0.0.0.0'),
  port: z.int().min(0).max(65_535).default(8790).describe('a port number from 0 to 65535; 0 takes a free one'),
});

const intervals = z.strictObject({
  poll: duration.default('1m'),
  reconcile: duration.default('5m'),
  sweep: duration.default('5s'),
  inFlight: duration.default('10m'),
});

export const configSchema = z
  .strictObject({
    locations: z.array(location).min(1).describe('a list of at least one location'),
    programs: z.array(program).min(1).describe('a list of at least one program'),
    pools: z.array(pool).default([]).describe('a list of pools'),
    channels: z.array(channel).describe('a list of channels ([] while there is none)'),
    reallocation: reallocation
      .optional()
      .describe('a block with approveAbove, perMovePercent, perDayPercent, cooldown, maxDays and lowPoolPercent'),
    http: http.prefault({}).describe('a block with host and port'),
    intervals: intervals.prefault({}).describe('a block with poll, reconcile, sweep and inFlight'),
  })
  .describe('a block with locations, programs and channels');

export type ConfigBody = z.output<typeof configSchema>;
export type ChannelEntry = ConfigBody['channels'][number];

/** For editors: JSON Schema draft 7, the newest that the YAML language server reads. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' });
}
