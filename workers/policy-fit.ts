/**
 * What of a policy can only be judged with the items there are and the time it is: rules that match nothing, and percents that come
 * to more than 100 for an item through its groups.
 *
 * Guarantees: every mistake at its line and field where the policy comes from a file; bounded memory, whatever the number of items.
 */
import type { Instant, LocationId, Policy, PoolRule, Sku } from '#core/model.ts';
import { poolBordersAfter, type RuledPool, rulesOfSupply, scopeOf } from '#core/rules.ts';
import type { Database } from '#db/client.ts';
import type { PolicyBody } from '#db/configuration-changes.ts';
import { findUnmatchedNames, type RuledScope, readRuledScopes } from '#db/policy-checks.ts';
import type { ConfigFile } from './config-file.ts';
import { findOverPools, findUnmatchedRules, namedItems, suppliesAbove100 } from './config-policy-checks.ts';
import { sayPath, sayProblems } from './config-problems.ts';
import type { YamlPath } from './yaml-source.ts';

type Filed = Pick<ConfigFile, 'source' | 'policy'>;

/** Pools of the file whose time is over, one line each. */
export const sayOverPools = ({ source }: Filed, now: Instant): string[] =>
  sayProblems(source, findOverPools(source, now));

/** Rules of the file that no item fits, and percents that come to too much for one, one line each. */
export async function findMisfits(db: Database, file: Filed, now: Instant): Promise<string[]> {
  const missing = await findUnmatchedNames(db, namedItems(file.source));
  const unmatched = sayProblems(file.source, findUnmatchedRules(file.source, missing));
  return [...unmatched, ...(await findExcesses(db, file.policy, now, file))];
}

// ---- where a rule stands in its file -------------------------------------------------------------------------------------------

/** Of each rule of the file's policy: the field that says how much it protects. An EMSR-b entry is several rules. */
function pathsOfPools({ source, policy }: Filed): ReadonlyMap<PoolRule, YamlPath> {
  const entries = (source.data as { readonly pools?: readonly { readonly emsrb?: readonly unknown[] }[] }).pools ?? [];
  const paths = entries.flatMap(({ emsrb }, index): YamlPath[] =>
    emsrb === undefined ? [['pools', index]] : emsrb.map(() => ['pools', index, 'emsrb']),
  );
  return new Map(
    policy.pools.map((rule, index) => {
      const path = paths[index] ?? ['pools'];
      const field = (['units', 'percent', 'parts', 'minimum', 'maximum'] as const).find(
        (name) => rule[name] !== undefined,
      );
      return [rule, path.length === 2 && field !== undefined ? [...path, field] : path];
    }),
  );
}

/** `allot.yaml:9:38 pools[0].units`. */
export function sayPlaces(file: Filed): (rule: PoolRule) => string | undefined {
  const paths = pathsOfPools(file);
  return (rule) => {
    const path = paths.get(rule);
    if (path === undefined) return undefined;
    return `${file.source.placeOf(file.source.offsetOf(path, 'value'))} ${sayPath(path)}`;
  };
}

// ---- percents of one item ------------------------------------------------------------------------------------------------------

/** Rules in force for an item at one moment, whose percents come to more than 100. */
type Excess = {
  readonly sku: Sku;
  items: number;
  readonly at: Instant;
  /** Of what is there alone; undefined: of the item's supply. */
  readonly location: LocationId | undefined;
  readonly counted: readonly RuledPool[];
};

/** More than a person mends at once; the rest is told after these. */
const TOLD_MAX = 20;

const sumOf = (counted: readonly RuledPool[]): number =>
  counted.reduce((sum, { rule }) => sum + (rule.percent ?? 0), 0);

/** The file check has seen each item, group and the rest by itself; here is what they come to together, in items that are there. */
export async function findExcesses(
  db: Database,
  body: PolicyBody,
  now: Instant,
  file: Filed | null,
): Promise<string[]> {
  const policy = { ...body, version: 0 };
  const { pools } = body;
  const supplies = suppliesAbove100(pools);
  if (supplies.length === 0) return [];
  const named = {
    skus: pools.flatMap(({ sku }) => (sku === '*' ? [] : [sku])),
    groups: [...new Set(pools.flatMap(({ group }) => group ?? []))],
  };
  const found = new Map<string, Excess>();
  for await (const scopes of readRuledScopes(db, named))
    for (const scope of scopes)
      for (const { location } of supplies) addExcess(found, policy, { ...scope, location }, now);
  const order = file?.policy.pools ?? body.pools;
  const place = file === null ? () => undefined : sayPlaces(file);
  const lines = [...found.values()].map((excess) => sayExcess(excess, order, now, place));
  const left = lines.length - TOLD_MAX;
  return [...lines.slice(0, TOLD_MAX), ...(left > 0 ? ['More pools come to too much: mend these first.'] : [])];
}

function addExcess(
  found: Map<string, Excess>,
  policy: Policy,
  { sku, groups, items, location }: RuledScope & Pick<Excess, 'location'>,
  now: Instant,
): void {
  const item = { sku, groups };
  // The same rules at several moments are one mistake of these items.
  const told = new Set<string>();
  for (const at of [now, ...poolBordersAfter(policy, item, now)]) {
    const counted = rulesOfSupply(policy, item, at, location).filter(({ rule }) => rule.percent !== undefined);
    if (sumOf(counted) <= 100) continue;
    const key = counted.map(({ rule }) => policy.pools.indexOf(rule)).join(' ');
    if (told.has(key)) continue;
    told.add(key);
    const known = found.get(key);
    if (known !== undefined) known.items += items;
    else if (found.size <= TOLD_MAX) found.set(key, { sku, items, at, location, counted });
  }
}

function sayExcess(
  { sku, items, at, location, counted }: Excess,
  order: readonly PoolRule[],
  now: Instant,
  place: (rule: PoolRule) => string | undefined,
): string {
  const sorted = counted.toSorted((a, b) => order.indexOf(a.rule) - order.indexOf(b.rule));
  const sum = sumOf(counted);
  const last = sorted.at(-1)?.rule;
  const parts = sorted.map(({ program, rule }) => {
    const where = place(rule);
    return `${program} ${rule.percent} % for ${scopeOf(rule)}${where === undefined ? '' : ` at ${where}`}`;
  });
  const head =
    (last === undefined ? undefined : place(last)) ??
    `pool of ${last?.program ?? ''} for ${last === undefined ? '' : scopeOf(last)}, percent`;
  const supply = location === undefined ? 'its supply' : `what is at ${location}`;
  const from = at === now ? '' : ` from ${new Date(at).toISOString()} on`;
  const more = items === 1 ? '' : `, and of ${items - 1} more like it,`;
  const spare = 100 - (sum - (last?.percent ?? 0));
  const fix = spare > 0 ? `Write ${spare} or less here, lower another` : 'Lower the others';
  return `${head}: the pools of ${sku}${more} come to ${sum} % of ${supply}${from}: ${parts.join(', ')}. ${fix}, or give ${sku} pools of its own.`;
}
