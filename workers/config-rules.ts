/**
 * From what the configuration file says to the rules of the policy: programs, pools, channel rules and routes.
 *
 * | a value of a channel's number comes from | before it                                                        |
 * | its entry for the item (or group)        | the program's entry for the item (or group)                      |
 * | that                                     | the channel's own value, then the program's, then the default    |
 * An item's rule is whole: what it does not name it takes from the channel and the program, never from a group.
 * What is not given is left out, so that one policy has one form.
 */
import type { ChannelRule, PoolRule, Program, ShowRule } from '#core/model.ts';
import { compileEmsrb } from '#core/protection.ts';
import { GUARD_DEFAULTS } from '#core/reallocation-guards.ts';
import type { PolicyBody } from '#db/configuration.ts';
import {
  type ChannelEntry,
  type ConfigBody,
  LATENCY_BUFFER,
  type PoolEntry,
  type ProgramEntry,
} from './config-schema.ts';
import { parseDays, parseDuration } from './durations.ts';
import { gateOf } from './gate-schema.ts';

type Values = NonNullable<ChannelEntry['below']>;
type RuleEntry = Values & { readonly below?: Values | undefined };

/** Keys whose value is not undefined. */
type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

const given = <T extends object>(entry: T): Given<T> =>
  Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)) as Given<T>;

export const policyOf = (body: ConfigBody, inFlightMs: number): PolicyBody => ({
  programs: body.programs.map(programOf),
  pools: body.pools.flatMap(poolsOf),
  channels: body.channels.flatMap((channel) =>
    rulesOf(
      channel,
      body.programs.find(({ id }) => id === channel.program),
    ),
  ),
  ...(body.routes.length === 0 ? {} : { routes: body.routes.map((route) => ({ ...given(route), ...named(route) })) }),
  inFlightMs,
  ...guardsIn(body.reallocation),
  ...gatesIn(body.channels),
  ...winnersIn(body.channels),
  ...lotsIn(body.lots),
});

function gatesIn(channels: readonly ChannelEntry[]): Pick<PolicyBody, 'gates'> {
  const gates = channels.flatMap(({ id, gate }) => (gate === undefined ? [] : [gateOf(id, gate)]));
  return gates.length === 0 ? {} : { gates };
}

/** Only channels where it is not always allot. */
function winnersIn(channels: ConfigBody['channels']): Pick<PolicyBody, 'drift'> {
  const rules = channels.flatMap(({ id: channel, drift: { up = 'allot', down = 'allot' } }) =>
    up === 'allot' && down === 'allot' ? [] : [{ channel, up, down }],
  );
  return rules.length === 0 ? {} : { drift: rules };
}

/** Nothing where the file says nothing: the core has defaults of its own. */
function guardsIn(section: ConfigBody['reallocation']): Pick<PolicyBody, 'reallocation'> {
  if (section === undefined) return {};
  const { cooldown, ...guards } = section;
  return { reallocation: { ...guards, cooldownMs: parseDuration(cooldown) ?? GUARD_DEFAULTS.cooldownMs } };
}

/** Nothing where the file says nothing. */
function lotsIn(section: ConfigBody['lots']): Pick<PolicyBody, 'lots'> {
  const days = section === undefined ? undefined : parseDays(section.expiringWithin);
  return days === undefined ? {} : { lots: { expiringWithinDays: days } };
}

const named = ({ id, program }: { readonly id: string; readonly program: string }) => ({ id, program });

/** What a program says for its channels' numbers: in their rules, not in the program. */
const SHOWN: ReadonlySet<string> = new Set([
  'share',
  'safetyStock',
  'buffer',
  'hideAtOrBelow',
  'cap',
  'below',
  'groups',
  'items',
]);

function programOf(entry: ProgramEntry): Program {
  const { minimumLife, ...rest } = entry;
  const own = Object.fromEntries(Object.entries(given(rest)).filter(([key]) => !SHOWN.has(key))) as Program;
  const days = minimumLife === undefined ? undefined : parseDays(minimumLife);
  return {
    ...own,
    ...(entry.pickTags === undefined ? {} : { pickTags: given(entry.pickTags) }),
    ...(days === undefined ? {} : { minimumLifeDays: days }),
  };
}

/** One pool, or one for each class of an EMSR-b protection: computed here, once for each reading of the file. */
export function poolsOf({ emsrb, program, ...entry }: PoolEntry): PoolRule[] {
  if (emsrb === undefined) return [poolOf(entry, program ?? '')];
  return compileEmsrb(emsrb).map(({ program: name, units, chanceBeyond }) => {
    const { margin = 0, mean = 0, deviation = 0 } = emsrb.find((each) => each.program === name) ?? {};
    const percent = Math.round(chanceBeyond * 100);
    const because = `EMSR-b: margin ${margin}, demand ${mean} ± ${deviation}; ${percent} % chance that this and better classes want more`;
    return { ...poolOf(entry, name), units, because };
  });
}

function poolOf(
  { sku, from, until, release, protects, ...entry }: Omit<PoolEntry, 'emsrb' | 'program'>,
  program: string,
): PoolRule {
  return {
    ...given(entry),
    program,
    refill: entry.refill,
    sku: sku ?? '*',
    ...(protects === 'core' ? {} : { protects }),
    ...(from === undefined ? {} : { activeFrom: Date.parse(from) }),
    ...(until === undefined ? {} : { activeUntil: Date.parse(until) }),
    ...(release === undefined ? {} : { release: release.map(({ at, percent }) => ({ at: Date.parse(at), percent })) }),
  };
}

const DEFAULTS = { share: 100, safetyStock: 0, buffer: 0, hideAtOrBelow: null, cap: null } as const;

const percentOf = (text: string): number => Number(text.slice(0, -1));

function bufferOf(said: NonNullable<Values['buffer']>): Pick<ShowRule, 'buffer' | 'bufferPercent' | 'latencyBuffer'> {
  if (typeof said === 'number') return { buffer: said };
  if (typeof said === 'string' && said !== 'latency') return { buffer: 0, bufferPercent: percentOf(said) };
  const { oversellChance, minimum, maximum } = said === 'latency' ? LATENCY_BUFFER : said;
  return {
    buffer: 0,
    latencyBuffer: { oversellPercent: percentOf(oversellChance), atLeast: minimum, atMost: maximum },
  };
}

function showRuleOf(entry: Values): ShowRule {
  const { share, safetyStock, buffer, hideAtOrBelow, cap } = { ...DEFAULTS, ...given(entry) };
  const safetyPercent =
    typeof safetyStock === 'string' && safetyStock !== 'planned' ? percentOf(safetyStock) : undefined;
  return {
    sharePercent: share === 'fair' ? 100 : share,
    ...(share === 'fair' ? { fairShare: true } : {}),
    safetyStock: typeof safetyStock === 'number' ? safetyStock : 0,
    ...(safetyPercent === undefined ? {} : { safetyStockPercent: safetyPercent }),
    ...(safetyStock === 'planned' ? { isSafetyStockPlanned: true } : {}),
    ...bufferOf(buffer),
    hideAtOrBelow,
    cap,
  };
}

const valuesOf = ({ share, safetyStock, buffer, hideAtOrBelow, cap, below }: RuleEntry): RuleEntry =>
  given({ share, safetyStock, buffer, hideAtOrBelow, cap, below }) as RuleEntry;

/** Later layers go before earlier ones, value by value; null is a value ("no limit"). */
function merge(layers: readonly (RuleEntry | undefined)[]): RuleEntry {
  const all = layers.map((layer) => (layer === undefined ? {} : valuesOf(layer)));
  const merged = Object.assign({}, ...all) as RuleEntry;
  const blocks = all.flatMap(({ below }) => below ?? []);
  return blocks.length === 0 ? merged : { ...merged, below: Object.assign({}, ...blocks) as Values };
}

/** One rule for all items, then one per group and one per item that differ. */
function rulesOf(channel: ChannelEntry, program: ProgramEntry | undefined): ChannelRule[] {
  const layers = [program, channel];
  const made = (scope: Pick<ChannelRule, 'sku' | 'group'>, entry: RuleEntry): ChannelRule => ({
    channel: channel.id,
    program: channel.program,
    ...scope,
    ...showRuleOf(entry),
    ...(entry.below === undefined ? {} : { below: showRuleOf({ ...entry, ...entry.below }) }),
  });
  const keysOf = (scope: 'groups' | 'items'): string[] => [
    ...new Set(layers.flatMap((layer) => Object.keys(layer?.[scope] ?? {}))),
  ];
  return [
    made({ sku: '*' }, merge(layers)),
    ...keysOf('groups').map((group) =>
      made({ sku: '*', group }, merge([...layers, program?.groups[group], channel.groups[group]])),
    ),
    ...keysOf('items').map((sku) => made({ sku }, merge([...layers, program?.items[sku], channel.items[sku]]))),
  ];
}
