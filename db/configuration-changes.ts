/**
 * What a wanted configuration changes in a stored one, and which items' numbers that may move. Pure.
 * Guarantees that the order of entries, and of keys in JSON, is no change; an order that means something (a program's locations) is.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ChannelId, LocationId, Policy, Sku, StockMaster } from '#core/model.ts';
import { guardsOf } from '#core/reallocation-guards.ts';

export type PolicyBody = Omit<Policy, 'version'>;

export type LocationRow = { readonly id: LocationId; readonly master: StockMaster; readonly sells: boolean };
export type ChannelRow = { readonly id: ChannelId; readonly connector: string; readonly program: string };

/** What a policy stands on, kept with each version. */
export type PolicySetup = { readonly locations: readonly LocationRow[]; readonly channels: readonly ChannelRow[] };

export type Configuration = PolicySetup & {
  readonly policy: PolicyBody;
  /** Who applies it, and why: kept with the policy version and in the audit trail. */
  readonly author: string;
  readonly reason: string;
};

/** What the database holds of it now. */
export type StoredConfiguration = {
  readonly locations: readonly LocationRow[];
  readonly channels: readonly (ChannelRow & { readonly configured: boolean })[];
  readonly policy: PolicyBody | null;
  /** 0 before the first. */
  readonly policyVersion: number;
  /** Null for a version from before it was kept. */
  readonly setup: PolicySetup | null;
};

export type ConfigurationChanges = {
  /** New ones, and those that differ. */
  readonly locations: readonly LocationRow[];
  readonly newMasters: readonly { readonly id: LocationId; readonly from: StockMaster; readonly to: StockMaster }[];
  readonly channels: readonly ChannelRow[];
  readonly channelsGone: readonly ChannelId[];
  /** What it says, or what it stands on. */
  readonly isPolicyNew: boolean;
};

/** Items to decide anew: all, or those named and those with a listing on one of the channels. */
export type PolicyReach = {
  readonly isEverything: boolean;
  readonly skus: readonly Sku[];
  readonly channels: readonly ChannelId[];
};

const byteOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const poolKey = ({ program, sku, group, activeFrom, activeUntil, location }: PolicyBody['pools'][number]) =>
  [program, sku, group, activeFrom, activeUntil, ...(location === undefined ? [] : [location])].join('\n');
const ruleKey = ({ channel, sku, group }: PolicyBody['channels'][number]) => [channel, sku, group].join('\n');

/** Entries in the order of their keys: one policy has one form. */
export function sortPolicy(policy: PolicyBody): PolicyBody {
  return {
    ...policy,
    programs: [...policy.programs].sort((a, b) => byteOrder(a.id, b.id)),
    pools: [...policy.pools].sort((a, b) => byteOrder(poolKey(a), poolKey(b))),
    channels: [...policy.channels].sort((a, b) => byteOrder(ruleKey(a), ruleKey(b))),
    ...(policy.gates === undefined ? {} : { gates: [...policy.gates].sort((a, b) => byteOrder(a.channel, b.channel)) }),
    ...(policy.drift === undefined ? {} : { drift: [...policy.drift].sort((a, b) => byteOrder(a.channel, b.channel)) }),
    ...(policy.routes === undefined ? {} : { routes: [...policy.routes].sort((a, b) => byteOrder(a.id, b.id)) }),
  };
}

/** In the order of ids, and only what is kept of them. */
export const setupOf = ({ locations, channels }: PolicySetup): PolicySetup => ({
  locations: locations.map(({ id, master, sells }) => ({ id, master, sells })).sort((a, b) => byteOrder(a.id, b.id)),
  channels: channels
    .map(({ id, connector, program }) => ({ id, connector, program }))
    .sort((a, b) => byteOrder(a.id, b.id)),
});

export function findChanges(stored: StoredConfiguration, next: Configuration): ConfigurationChanges {
  const locationOf = new Map(stored.locations.map((row) => [row.id, row]));
  const channelOf = new Map(stored.channels.map((row) => [row.id, row]));
  const wanted = new Set(next.channels.map(({ id }) => id));
  const locations = next.locations
    .map(({ id, master, sells }) => ({ id, master, sells }))
    .filter((row) => !isDeepStrictEqual(row, locationOf.get(row.id)));
  const channels = next.channels.map(({ id, connector, program }) => ({ id, connector, program }));
  return {
    locations,
    newMasters: locations.flatMap(({ id, master: to }) => {
      const from = locationOf.get(id)?.master;
      return from === undefined || from === to ? [] : [{ id, from, to }];
    }),
    channels: channels.filter((row) => !isDeepStrictEqual({ ...row, configured: true }, channelOf.get(row.id))),
    channelsGone: stored.channels.filter(({ id, configured }) => configured && !wanted.has(id)).map(({ id }) => id),
    isPolicyNew:
      !isDeepStrictEqual(stored.policy, next.policy) ||
      (stored.setup !== null && !isDeepStrictEqual(stored.setup, setupOf(next))),
  };
}

export const isNothing = (changes: ConfigurationChanges): boolean =>
  !changes.isPolicyNew && changes.locations.length + changes.channels.length + changes.channelsGone.length === 0;

/** Parts whose reach is known entry by entry, and those that move no number. */
const KNOWN_PARTS: readonly string[] = [
  'programs',
  'pools',
  'channels',
  'inFlightMs',
  'routes',
  'approval',
  'reallocation',
  'gates',
  'drift',
  'lots',
];

/** A part that came later reaches everything, until somebody says here what it reaches. */
function hasOtherChanges(before: PolicyBody, after: PolicyBody): boolean {
  const without = (policy: PolicyBody) =>
    Object.fromEntries(Object.entries(policy).filter(([part]) => !KNOWN_PARTS.includes(part)));
  return !isDeepStrictEqual(without(before), without(after));
}

/** Which numbers may move. Programs, places and pools for every item reach everything: they change what all others may draw. */
export function reachOf(stored: StoredConfiguration, next: Configuration): PolicyReach {
  const before = stored.policy;
  const after = next.policy;
  const pools = findDifferent(before?.pools ?? [], after.pools, poolKey);
  const rules = findDifferent(before?.channels ?? [], after.channels, ruleKey);
  const isEverything =
    before === null ||
    !isDeepStrictEqual(before.programs, after.programs) ||
    before.inFlightMs !== after.inFlightMs ||
    hasOtherChanges(before, after) ||
    guardsOf(before).lowPoolPercent !== guardsOf(after).lowPoolPercent ||
    pools.some(({ sku }) => sku === '*') ||
    findChanges(stored, next).locations.length > 0;
  return {
    isEverything,
    skus: [...new Set([...pools, ...rules].map(({ sku }) => sku).filter((sku) => sku !== '*'))],
    channels: [...new Set(rules.filter(({ sku }) => sku === '*').map(({ channel }) => channel))],
  };
}

/** Entries that were added, taken away or changed. */
function findDifferent<Entry>(
  before: readonly Entry[],
  after: readonly Entry[],
  keyOf: (entry: Entry) => string,
): Entry[] {
  const old = new Map(before.map((entry) => [keyOf(entry), entry]));
  const kept = new Set(after.map(keyOf));
  return [
    ...after.filter((entry) => !isDeepStrictEqual(entry, old.get(keyOf(entry)))),
    ...before.filter((entry) => !kept.has(keyOf(entry))),
  ];
}
