/**
 * Policies that fit the schema and still cannot hold, found from the file alone, each told at its line.
 *
 * Whether pools are above the supply is not among them: that is known only with the database, and true for an hour. A pool for goods
 * that come in tomorrow is right today, so it is a warning of the preview (policy-preview.ts), and the core cuts in proportion.
 */
import type { Sku } from '#core/model.ts';
import type { ConfigBody } from './config-schema.ts';
import { findNearest } from './did-you-mean.ts';
import type { YamlPath, YamlProblem, YamlSource } from './yaml-source.ts';

type PoolEntry = ConfigBody['pools'][number];

/** Fields that a pool may have; a file of an older allot has fewer. */
type PoolNumbers = {
  readonly percent?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly activeFrom?: number;
  readonly activeUntil?: number;
  readonly group?: string;
};

type Pool = Pick<PoolEntry, 'program' | 'sku'> & PoolNumbers & { readonly index: number };

export function findImpossiblePolicy(source: YamlSource, body: ConfigBody): YamlProblem[] {
  const pools = body.pools.map((pool, index): Pool => ({ ...pool, index }));
  const problem = (path: YamlPath, says: string): YamlProblem => ({
    offset: source.offsetOf(path, 'value'),
    path,
    says,
  });
  const borders = pools.flatMap(({ index, minimum, maximum }) =>
    minimum !== undefined && maximum !== undefined && minimum > maximum
      ? [
          problem(
            ['pools', index, 'minimum'],
            `is ${minimum}, above the maximum of ${maximum}. Write one of ${maximum} or less.`,
          ),
        ]
      : [],
  );
  return [...borders, ...findPercentsAbove100(pools, problem)];
}

const scopeOf = ({ sku, group }: Pool): string => (group === undefined ? sku : `group ${group}`);
const scopeWords = (scope: string): string => (scope === '*' ? 'every item' : scope);

const isActive = ({ activeFrom, activeUntil }: Pool, at: number): boolean =>
  (activeFrom ?? Number.NEGATIVE_INFINITY) <= at && at < (activeUntil ?? Number.POSITIVE_INFINITY);

/** Of each program, the pool that counts for a scope at a moment: its own before the one of every item. */
function poolsAt(pools: readonly Pool[], scope: string, at: number): Pool[] {
  const active = pools.filter((pool) => isActive(pool, at));
  return [...Map.groupBy(active, ({ program }) => program).values()].flatMap((own) => {
    const nearest = own.find((pool) => scopeOf(pool) === scope) ?? own.find((pool) => scopeOf(pool) === '*');
    return nearest === undefined ? [] : [nearest];
  });
}

/** At each moment when a pool begins, and before all, the percents of all programs for one item are 100 at most. */
function findPercentsAbove100(
  pools: readonly Pool[],
  problem: (path: YamlPath, says: string) => YamlProblem,
): YamlProblem[] {
  const scopes = [...new Set(pools.map(scopeOf))];
  const moments = [...new Set([Number.NEGATIVE_INFINITY, ...pools.flatMap(({ activeFrom }) => activeFrom ?? [])])];
  const told = new Set<number>();
  return scopes.flatMap((scope) =>
    moments.flatMap((at) => {
      const counted = poolsAt(pools, scope, at).filter(({ percent }) => percent !== undefined);
      const sum = counted.reduce((total, { percent }) => total + (percent ?? 0), 0);
      const last = counted.reduce<Pool | undefined>(
        (found, pool) => (found === undefined || pool.index > found.index ? pool : found),
        undefined,
      );
      if (sum <= 100 || last === undefined || told.has(last.index)) return [];
      told.add(last.index);
      const parts = counted.map(({ program, percent }) => `${program} ${percent} %`).join(', ');
      const most = Math.max(0, 100 - (sum - (last.percent ?? 0)));
      return [
        problem(
          ['pools', last.index, 'percent'],
          `the pools of ${scopeWords(scope)} come to ${sum} % of it (${parts}). Write ${most} or less here, or take from another.`,
        ),
      ];
    }),
  );
}

// ---- what a file names, to be looked for in the database ---------------------------------------------------------------------

export type NamedItems = { readonly skus: readonly Sku[]; readonly groups: readonly string[] };

type Named = {
  readonly kind: 'sku' | 'group';
  readonly name: string;
  readonly path: YamlPath;
  readonly at: 'key' | 'value';
};

/** Wherever a rule may stand; a channel's settings are its connector's own. */
function findNames(value: unknown, path: YamlPath): Named[] {
  if (Array.isArray(value)) return value.flatMap((one, index) => findNames(one, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): Named[] => {
    const here = [...path, key];
    if (path.length === 2 && path[0] === 'channels' && key === 'settings') return [];
    if ((key === 'sku' || key === 'group') && typeof inner === 'string') {
      return inner === '*' ? [] : [{ kind: key, name: inner, path: here, at: 'value' }];
    }
    const isNamedBlock =
      (key === 'items' || key === 'groups') && typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    if (!isNamedBlock) return findNames(inner, here);
    const kind = key === 'items' ? 'sku' : 'group';
    return Object.keys(inner).map((name) => ({ kind, name, path: [...here, name], at: 'key' }));
  });
}

export function namedItems(source: YamlSource): NamedItems {
  const names = findNames(source.data, []);
  const of = (kind: Named['kind']) => [...new Set(names.filter((one) => one.kind === kind).map(({ name }) => name))];
  return { skus: of('sku'), groups: of('group') };
}

/** Rules that match nothing, at their lines. `known` are names near the missing ones. */
export function findUnmatchedRules(
  source: YamlSource,
  missing: NamedItems & { readonly known: readonly string[] },
): YamlProblem[] {
  return findNames(source.data, []).flatMap(({ kind, name, path, at }): YamlProblem[] => {
    if (!(kind === 'sku' ? missing.skus : missing.groups).includes(name)) return [];
    const nearest = findNearest(name, missing.known);
    const what = kind === 'sku' ? `no item has the SKU "${name}"` : `no item is in the group "${name}"`;
    const fix =
      nearest === undefined
        ? 'Import its items first (allot import items FILE), or take the rule out.'
        : `Did you mean "${nearest}"?`;
    return [{ offset: source.offsetOf(path, at), path, says: `matches nothing: ${what}. ${fix}` }];
  });
}
