/**
 * A stored policy as the file that says it: what `readConfigFile` reads back to the same policy, locations and channels.
 *
 * The rest of a configuration file (http, intervals of polling, the connectors' settings) is no part of a policy and is not in it.
 */
import { stringify } from 'yaml';
import type { ChannelRule, GateRule, LatencyBuffer, Policy, PoolRule } from '#core/model.ts';
import { durationWords } from '#core/policy-words.ts';
import type { PolicySetup } from '#db/configuration-changes.ts';
import { gateToFile } from './gate-schema.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Fields of the policy that the file calls otherwise. */
const FILE_NAMES: Readonly<Record<string, string>> = {
  sharePercent: 'share',
  activeFrom: 'from',
  activeUntil: 'until',
  cooldownMs: 'cooldown',
  minimumLifeDays: 'minimumLife',
  expiringWithinDays: 'expiringWithin',
};

/** Moments, which the file writes as text. */
const INSTANTS: readonly string[] = ['activeFrom', 'activeUntil', 'at'];

/** Spans of time, which the file writes as text too. */
const DURATIONS: readonly string[] = ['cooldownMs'];

/** Spans in whole days. */
const DAYS: readonly string[] = ['minimumLifeDays', 'expiringWithinDays'];

/** The file counts in whole seconds at the finest. */
const instantText = (at: number): string => new Date(at).toISOString().replace('.000Z', 'Z');

const latencyToFile = ({ oversellPercent, atLeast, atMost }: LatencyBuffer): Fields => ({
  oversellChance: `${oversellPercent}%`,
  minimum: atLeast,
  maximum: atMost,
});

/** A block of numbers: a percent, or what planning or measuring says, stands where the units would. */
function withoutParts({
  safetyStockPercent,
  isSafetyStockPlanned,
  bufferPercent,
  latencyBuffer,
  fairShare,
  ...fields
}: Fields): Fields {
  return {
    ...fields,
    ...(fairShare === true ? { sharePercent: 'fair' } : {}),
    ...(typeof safetyStockPercent === 'number' ? { safetyStock: `${safetyStockPercent}%` } : {}),
    ...(isSafetyStockPlanned === true ? { safetyStock: 'planned' } : {}),
    ...(typeof bufferPercent === 'number' ? { buffer: `${bufferPercent}%` } : {}),
    ...(latencyBuffer === undefined ? {} : { buffer: latencyToFile(latencyBuffer as LatencyBuffer) }),
  };
}

function toFile(value: unknown, field = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => toFile(one, field));
  if (typeof value === 'number' && INSTANTS.includes(field)) return instantText(value);
  if (typeof value === 'number' && DAYS.includes(field)) return `${value}d`;
  if (typeof value === 'number' && DURATIONS.includes(field)) return durationWords(value);
  if (typeof value !== 'object' || value === null) return value;
  const given = Object.entries(withoutParts(value as Fields)).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(given.map(([key, inner]) => [FILE_NAMES[key] ?? key, toFile(inner, key)]));
}

/** A pool of every item, or of a group, names no SKU. */
const poolToFile = ({ program, sku, ...pool }: PoolRule): Fields =>
  toFile({ program, ...(sku === '*' ? {} : { sku }), ...pool }) as Fields;

/** What a rule says beyond whom it is for. */
const saysOf = ({ channel: _channel, program: _program, sku: _sku, group: _group, ...says }: ChannelRule): Fields =>
  toFile(says) as Fields;

const blockOf = (name: string, rules: readonly (readonly [string, ChannelRule])[]): Fields =>
  rules.length === 0 ? {} : { [name]: Object.fromEntries(rules.map(([key, rule]) => [key, saysOf(rule)])) };

/** Each rule whole, at its channel: what a program said for it is in there. */
function channelOf(
  { id, program }: { readonly id: string; readonly program: string },
  rules: readonly ChannelRule[],
  gate: GateRule | undefined,
): Fields {
  const base = rules.find(({ sku, group }) => sku === '*' && group === undefined);
  return {
    id,
    program,
    ...(base === undefined ? {} : saysOf(base)),
    ...blockOf(
      'groups',
      rules.flatMap((rule) => (rule.group === undefined ? [] : [[rule.group, rule] as const])),
    ),
    ...blockOf(
      'items',
      rules.flatMap((rule) => (rule.sku === '*' ? [] : [[rule.sku, rule] as const])),
    ),
    ...(gate === undefined ? {} : { gate: gateToFile(gate) }),
  };
}

/** `head` are lines of comment above it. */
export function policyAsYaml(
  { body, setup }: { readonly body: Omit<Policy, 'version'>; readonly setup: PolicySetup },
  head: readonly string[],
): string {
  const { programs, pools, channels, inFlightMs, gates = [], drift = [], ...rest } = body;
  const document = {
    locations: setup.locations,
    programs: toFile(programs),
    pools: pools.map(poolToFile),
    ...(toFile(rest) as Fields),
    channels: setup.channels.map(({ id, program }) => {
      const rules = channels.filter(({ channel }) => channel === id);
      const gate = gates.find(({ channel }) => channel === id);
      const wins = drift.find(({ channel }) => channel === id);
      return {
        ...channelOf({ id, program }, rules, gate),
        ...(wins === undefined ? {} : { drift: { up: wins.up, down: wins.down } }),
      };
    }),
    intervals: { inFlight: durationWords(inFlightMs) },
  };
  const comment = head.map((line) => `# ${line}\n`).join('');
  return `${comment}${stringify(document, { lineWidth: 0 })}`;
}
