/**
 * The shape of the configuration file. Strict: an unknown key is a mistake. The descriptions are what messages and editors show;
 * scripts/examples/allot.schema.json is made from them (`configJsonSchema`), and a test holds the two together.
 */
import { z } from 'zod';
import { EXPIRING_WITHIN_DAYS } from '#core/lots.ts';
import { COMPLETENESS, WINNERS } from '#core/model.ts';
import { GUARD_DEFAULTS } from '#core/reallocation-guards.ts';
import { alertsSchema } from './alert-schema.ts';
import { consoleSchema } from './config-console.ts';
import { pool } from './config-pool-schema.ts';
import { day, days, duration, group, idOf, percent, sku, units } from './config-words.ts';
import { parseDuration } from './durations.ts';
import { gateSchema } from './gate-schema.ts';

const location = z.strictObject({
  id: idOf('location'),
  master: z
    .enum(['allot', 'shopify', '3pl', 'erp'])
    .describe('who says how much there is at this location: one of allot, shopify, 3pl, erp'),
  sells: z.boolean().default(true).describe('true when its stock may be sold, else false'),
});

const percentText = z
  .string()
  .regex(/^(100|[1-9]?\d)%$/)
  .describe('a percent such as "10%"');
const chanceText = z
  .string()
  .refine((text) => {
    const percents = /^(\d+(?:\.\d{1,3})?)%$/.exec(text)?.[1];
    return percents !== undefined && Number(percents) >= 0.01 && Number(percents) <= 50;
  })
  .describe('a chance in percent from "0.01%" to "50%", such as "0.5%"');

/** What `buffer: latency` stands for. */
export const LATENCY_BUFFER = { oversellChance: '0.5%', minimum: 0, maximum: 100 } as const;
const BUFFER_MAX = 10_000;
const bufferBound = z.int().min(0).max(BUFFER_MAX).describe(`a whole number of units from 0 to ${BUFFER_MAX}`);
const latencyBuffer = z
  .strictObject({
    oversellChance: chanceText.default(LATENCY_BUFFER.oversellChance),
    minimum: bufferBound.default(LATENCY_BUFFER.minimum),
    maximum: bufferBound.default(LATENCY_BUFFER.maximum),
  })
  .superRefine(({ minimum, maximum }, context) => {
    if (minimum <= maximum) return;
    const message = `is above the maximum of ${maximum}. Write at most ${maximum}`;
    context.addIssue({ code: 'custom', path: ['minimum'], message, input: minimum });
  });

/** From a promise to a number: what a program says for its channels, a channel for its items, and either for some of them. */
const values = {
  share: z
    .union([percent, z.literal('fair')])
    .describe(
      'how much of what it could be promised the channel shows: a whole percent from 0 to 100; or fair: its part of the shared pool',
    ),
  safetyStock: z
    .union([units, percentText, z.literal('planned')])
    .describe('what is never promised to this channel: a whole number of units, a percent such as "10%", or planned'),
  buffer: z
    .union([units, percentText, z.literal('latency'), latencyBuffer])
    .describe(
      'what is kept back for sales still on their way: a whole number of units, a percent such as "10%", ' +
        'latency, or { oversellChance: 0.5%, minimum: 1, maximum: 20 }: from what other listings sell until this channel knows',
    ),
  hideAtOrBelow: units
    .nullable()
    .describe('a whole number of units, 0 or more, at or below which the channel shows 0; null never hides'),
  cap: units
    .nullable()
    .describe('a whole number of units, 0 or more, that the channel shows at most; null for no limit'),
};
const rule = {
  ...values,
  below: z
    .strictObject(values)
    .partial()
    .describe('a block with what differs while an item has fewer free units than its own minimum'),
};
const scopes = {
  groups: z
    .record(group, z.strictObject(rule).partial())
    .default({})
    .describe('a block of item groups, each with what differs for it'),
  items: z
    .record(sku, z.strictObject(rule).partial())
    .default({})
    .describe('a block of SKUs, each with what differs for it (share, safetyStock, buffer, hideAtOrBelow, cap, below)'),
};

const program = z.strictObject({
  id: idOf('program'),
  priority: z
    .int()
    .min(0)
    .max(1_000_000)
    .describe('a whole number, 0 or more; the lowest is served first from new supply'),
  drawOrder: z
    .enum(['ownOnly', 'ownThenShared', 'sharedThenOwn'])
    .default('ownThenShared')
    .describe('which units it takes first: one of ownOnly, ownThenShared, sharedThenOwn'),
  locations: z.array(idOf('location')).min(1).describe('a list of at least one location id, the preferred one first'),
  completeness: z
    .enum(COMPLETENESS)
    .optional()
    .describe(`how whole its orders are filled, split when missing: one of ${COMPLETENESS.join(', ')}`),
  leadTimeDays: z
    .int()
    .min(0)
    .max(365)
    .optional()
    .describe('a whole number of days, 0 to 365, that goods must be there before the date they are wanted (staging)'),
  minimumLife: days(1, 'how long a lot must live on to be promised to this program').optional(),
  backorder: z
    .union([
      z.literal('none'),
      z.strictObject({ units }),
      z.strictObject({ supply: z.union([z.literal('all'), units]).describe('all, or a whole number of units') }),
    ])
    .optional()
    .describe(
      'what may be sold beyond stock: none, { units: 20 }, { supply: all } against dated supply, or { supply: 900 } to that limit',
    ),
  owner: z.string().min(1).max(200).optional().describe('who answers for the rules of this program'),
  reviewBy: day.optional().describe('a day such as "2027-01-31", by which its rules are to be looked at again'),
  weight: z
    .number()
    .min(0.000_001)
    .max(1_000_000)
    .optional()
    .describe('its weight where units are shared fairly: a number above 0; 1 when missing'),
  pickTags: z
    .strictObject({ zone: z.string(), stagingArea: z.string(), colour: z.string(), label: z.string() })
    .partial()
    .optional()
    .describe(
      'a block with zone, stagingArea, colour and label: how the warehouse marks what it picks for this program',
    ),
  ...z.object(rule).partial().shape,
  ...scopes,
});

const winner = z
  .enum(WINNERS)
  .describe('whose number counts where nothing explains another one, allot when missing: one of allot, platform, ask');

const channel = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z][a-z0-9-]*:[A-Za-z0-9_-]+$/)
    .max(100)
    .describe('the id of a channel: its connector, a colon and a name, such as "shopify:main"'),
  program: idOf('program'),
  ...z.object(rule).partial().shape,
  ...scopes,
  intervals: z
    .strictObject({ poll: duration, reconcile: duration })
    .partial()
    .default({})
    .describe('a block with poll and reconcile, where this channel has others than all'),
  gate: gateSchema.optional(),
  drift: z
    .strictObject({ up: winner, down: winner })
    .partial()
    .default({})
    .describe('a block with up and down: who wins where this channel shows more, or less, than it should'),
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
const lots = z.strictObject({
  expiringWithin: days(0, 'how long before it expires a lot raises an alert; "0d" for none').default(
    `${EXPIRING_WITHIN_DAYS}d`,
  ),
});
const word = z.string().min(1).max(200);
export const CONDITIONS = ['channel', 'tag', 'partner', 'customer', 'company', 'orderType'] as const;
const route = z
  .strictObject({
    id: idOf('route'),
    program: idOf('program'),
    channel: word.optional().describe('the id of a channel'),
    tag: word
      .optional()
      .describe('a tag of the order on its platform (Shopify; who a customer is there is told by tags)'),
    partner: word.optional().describe('a partner, as its connector names it (EDI: its interchange id)'),
    customer: word.optional().describe("a customer, by the platform's own id (EDI: the ship-to code, N1*ST)"),
    company: word.optional().describe("a company that buys, by the platform's own id (EDI: the buyer code, N1*BY)"),
    orderType: word.optional().describe('a type of order, as its platform names it'),
  })
  .refine((entry) => CONDITIONS.some((name) => entry[name] !== undefined), {
    error: `asks for nothing, so every order would take it. Write one of ${CONDITIONS.join(', ')}`,
  });

const http = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('the address to listen on, such as 127.0.0.1 or 0.0.0.0'),
  port: z.int().min(0).max(65_535).default(8790).describe('a port number from 0 to 65535; 0 takes a free one'),
});

const intervals = z
  .strictObject({
    poll: duration.default('1m'),
    reconcile: duration.default('5m'),
    lightScan: duration.default('30s'),
    lightScanPeriod: duration.default('15m'),
    sweep: duration.default('5s'),
    inFlight: duration.default('10m'),
  })
  .refine(
    ({ lightScan, lightScanPeriod }) => (parseDuration(lightScanPeriod) ?? 0) >= (parseDuration(lightScan) ?? 0),
    {
      path: ['lightScanPeriod'],
      error: 'is shorter than lightScan, the time between two scans. Each listing is looked at once in it: write 15m',
    },
  );

const approval = z.strictObject({
  policy: z
    .enum(['none', 'required'])
    .default('none')
    .describe('whether a second person must approve a change of the policy: one of none, required'),
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
    lots: lots.optional().describe('a block with expiringWithin: when lots that are about to expire are told'),
    routes: z
      .array(route)
      .default([])
      .describe("a list of routes: which orders belong to another program than their channel's"),
    approval: approval.prefault({}).describe('a block with policy: who must agree to a change of this file'),
    alerts: alertsSchema,
    http: http.prefault({}).describe('a block with host and port'),
    console: consoleSchema,
    intervals: intervals
      .prefault({})
      .describe('a block with poll, reconcile, lightScan, lightScanPeriod, sweep and inFlight'),
  })
  .describe('a block with locations, programs and channels');

export type ConfigBody = z.output<typeof configSchema>;
export type ChannelEntry = ConfigBody['channels'][number];
export type ProgramEntry = ConfigBody['programs'][number];
export type PoolEntry = ConfigBody['pools'][number];

/** For editors: JSON Schema draft 7, the newest that the YAML language server reads. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7', reused: 'ref' });
}
