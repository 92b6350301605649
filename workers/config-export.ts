/**
 * A stored policy as the file that says it: what `readConfigFile` reads back to the same policy, locations and channels.
 *
 * The rest of a configuration file (http, intervals of polling, the connectors' settings) is no part of a policy and is not in it.
 */
import { stringify } from 'yaml';
import type { ChannelRule, Policy } from '#core/model.ts';
import { durationWords } from '#core/policy-words.ts';
import type { PolicySetup } from '#db/configuration-changes.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Fields of the policy that the file calls otherwise. */
const FILE_NAMES: Readonly<Record<string, string>> = { sharePercent: 'share' };

/** Moments, which the file writes as text. */
const INSTANTS: readonly string[] = ['activeFrom', 'activeUntil', 'at'];

function toFile(value: unknown, field = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => toFile(one, field));
  if (typeof value === 'number' && INSTANTS.includes(field)) return new Date(value).toISOString();
  if (typeof value !== 'object' || value === null) return value;
  const given = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(given.map(([key, inner]) => [FILE_NAMES[key] ?? key, toFile(inner, key)]));
}

/** What a rule says beyond whom it is for. */
function saysOf({ channel: _channel, program: _program, sku: _sku, ...says }: ChannelRule): Fields {
  return toFile(says) as Fields;
}

function channelOf(id: string, program: string, rules: readonly ChannelRule[]): Fields {
  const base = rules.find(({ sku }) => sku === '*');
  const own = rules.filter(({ sku }) => sku !== '*');
  return {
    id,
    program,
    ...(base === undefined ? {} : saysOf(base)),
    ...(own.length === 0 ? {} : { items: Object.fromEntries(own.map((rule) => [rule.sku, saysOf(rule)])) }),
  };
}

/** `head` are lines of comment above it. */
export function policyAsYaml(
  { body, setup }: { readonly body: Omit<Policy, 'version'>; readonly setup: PolicySetup },
  head: readonly string[],
): string {
  const { programs, pools, channels, inFlightMs, ...rest } = body;
  const document = {
    locations: setup.locations,
    programs: toFile(programs),
    pools: toFile(pools),
    ...(toFile(rest) as Fields),
    channels: setup.channels.map(({ id, program }) =>
      channelOf(
        id,
        program,
        channels.filter(({ channel }) => channel === id),
      ),
    ),
    intervals: { inFlight: durationWords(inFlightMs) },
  };
  const comment = head.map((line) => `# ${line}\n`).join('');
  return `${comment}${stringify(document, { lineWidth: 0 })}`;
}
