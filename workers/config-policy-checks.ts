/**
 * Policies that fit the schema and still cannot hold, found from the file alone, each told at its line.
 *
 * Whether pools are above the supply is not among them: that is known only with the database, and true for an hour. A pool for goods
 * that come in tomorrow is right today, so it is a warning of the preview (policy-above.ts) that a person must mean, and the core cuts
 * in proportion. What groups of items come to together is looked for where the items are known (policy-fit.ts).
 */
import type { Instant, LocationId, Policy, PoolRule, Sku } from '#core/model.ts';
import { type RuledItem, rulesOfSupply } from '#core/rules.ts';
import { policyOf, poolsOf } from './config-rules.ts';
import { CONDITIONS, type ConfigBody } from './config-schema.ts';
import { findNearest } from './did-you-mean.ts';
import type { YamlPath, YamlProblem, YamlSource } from './yaml-source.ts';

/** Before any season. */
const ALWAYS = Number.MIN_SAFE_INTEGER;

/** An item that nothing but its own rule, its group's or the rule of every item fits. */
type Scope = RuledItem & { readonly says: string };

const scopeOf = ({ sku, group }: PoolRule): Scope => {
  if (sku !== '*') return { sku, groups: [], says: sku };
  return group === undefined
    ? { sku: '', groups: [], says: 'every item' }
    : { sku: '', groups: [group], says: `group ${group}` };
};

/** Supplies (a place's, or undefined: the item's) whose percents may come to more than 100, whichever rule of a program counts. */
export function suppliesAbove100(
  pools: readonly PoolRule[],
): { location: LocationId | undefined; pools: PoolRule[] }[] {
  return [...Map.groupBy(pools, ({ location }) => location)].flatMap(([location, there]) => {
    const most = [...Map.groupBy(there, ({ program }) => program).values()].map((own) =>
      own.reduce((highest, { percent = 0 }) => Math.max(highest, percent), 0),
    );
    return most.reduce((sum, percent) => sum + percent, 0) > 100 ? [{ location, pools: there }] : [];
  });
}

/** The percents of all programs for one item, and at one place, are 100 at most, at any moment, by the same rules as the core finds them. */
export function findImpossiblePolicy(source: YamlSource, body: ConfigBody): YamlProblem[] {
  const policy: Policy = { ...policyOf(body, 0), version: 0 };
  // At the end of one rule a wider one counts again.
  const borders = policy.pools.flatMap(({ activeFrom, activeUntil }) => [activeFrom ?? [], activeUntil ?? []].flat());
  const moments = [...new Set([ALWAYS, ...borders])];
  // One entry of the file may be several pools.
  const entryOf = body.pools.flatMap((entry, index) => poolsOf(entry).map(() => index));
  const told = new Set<number>();
  const asked = suppliesAbove100(policy.pools).flatMap(({ location, pools }) => {
    const scopes = new Map(pools.map((rule) => [scopeOf(rule).says, scopeOf(rule)]));
    return [...scopes.values()].map((scope) => ({ scope, location }));
  });
  return asked.flatMap(({ scope, location }) =>
    moments.flatMap((at): YamlProblem[] => {
      const counted = rulesOfSupply(policy, scope, at, location).filter(({ rule }) => rule.percent !== undefined);
      const sum = counted.reduce((total, { rule }) => total + (rule.percent ?? 0), 0);
      const last = Math.max(...counted.map(({ rule }) => policy.pools.indexOf(rule)));
      if (sum <= 100 || told.has(last)) return [];
      told.add(last);
      const parts = counted.map(({ program, rule }) => `${program} ${rule.percent} %`).join(', ');
      const most = Math.max(0, 100 - (sum - (policy.pools[last]?.percent ?? 0)));
      const path = ['pools', entryOf[last] ?? last, 'percent'];
      const supply = location === undefined ? 'its supply' : `what is at ${location}`;
      const says = `the pools of ${scope.says} come to ${sum} % of ${supply} (${parts}). Write ${most} or less here, or take from another.`;
      return [{ offset: source.offsetOf(path, 'value'), path, says }];
    }),
  );
}

// ---- rules that nothing can meet ------------------------------------------------------------------------------------------------

/** Programs that can be promised nothing, and routes that lose to another of the same conditions: whatever the database has. */
export function findDeadRules(source: YamlSource, body: ConfigBody): YamlProblem[] {
  return [...findUnsoldPrograms(source, body), ...findBeatenRoutes(source, body)];
}

function findUnsoldPrograms(source: YamlSource, { locations, programs }: ConfigBody): YamlProblem[] {
  const [unsold, sold] = [false, true].map((sells) =>
    locations.filter((location) => location.sells === sells).map(({ id }) => id),
  ) as [string[], string[]];
  return programs.flatMap(({ id, locations: places }, index): YamlProblem[] => {
    if (!places.every((place) => unsold.includes(place))) return [];
    const path = ['programs', index, 'locations'];
    const fix =
      sold.length === 0
        ? `Take "sells: false" from one of them.`
        : `Add a place that is sold from (${sold.join(', ')}), or take "sells: false" from one of these.`;
    const says = `"${id}" can be promised nothing: none of its places is sold from (${places.join(', ')}). ${fix}`;
    return [{ offset: source.offsetOf(path, 'value'), path, says }];
  });
}

/** Of routes with the same conditions the one whose id comes first wins, each time (core/rules.ts). */
function findBeatenRoutes(source: YamlSource, { routes }: ConfigBody): YamlProblem[] {
  const entries = routes.map((route, index) => ({ route, index, asks: sayConditions(route) }));
  return [...Map.groupBy(entries, ({ asks }) => asks)].flatMap(([asks, same]): YamlProblem[] => {
    const [winner, ...beaten] = same.sort((a, b) => (a.route.id < b.route.id ? -1 : 1));
    return beaten.flatMap(({ route, index }): YamlProblem[] => {
      if (winner === undefined || route.id === winner.route.id) return [];
      const path = ['routes', index];
      const unasked = CONDITIONS.filter((name) => route[name] === undefined);
      const fix = unasked.length === 0 ? '' : `, or let it ask for more: ${unasked.join(', ')}`;
      const says = `can never win: the route "${winner.route.id}" (routes[${winner.index}]) asks for the same (${asks}), and of two alike the first by id is taken. Take "${route.id}" out${fix}.`;
      return [{ offset: source.offsetOf([...path, 'id'], 'value'), path, says }];
    });
  });
}

const sayConditions = (route: ConfigBody['routes'][number]): string =>
  CONDITIONS.flatMap((name) => (route[name] === undefined ? [] : [`${name} ${JSON.stringify(route[name])}`])).join(
    ', ',
  );

/** Pools whose time is over at `now`: said to a person who applies them. A file that grew old is no reason to stop a daemon. */
export function findOverPools(source: YamlSource, now: Instant): YamlProblem[] {
  const entries = isBlock(source.data) && Array.isArray(source.data.pools) ? source.data.pools : [];
  return entries.flatMap((entry: unknown, index): YamlProblem[] => {
    const until = isBlock(entry) && typeof entry.until === 'string' ? entry.until : undefined;
    if (until === undefined || Date.parse(until) > now) return [];
    const path = ['pools', index, 'until'];
    const says = `matches nothing: the pool ended at ${until}, and it is ${sayMoment(now)}. Write a later moment, or take the pool out.`;
    return [{ offset: source.offsetOf(path, 'value'), path, says }];
  });
}

const sayMoment = (at: Instant): string => new Date(at).toISOString().slice(0, 'YYYY-MM-DDTHH:MM'.length).concat('Z');

// ---- what a file names, to be looked for in the database ---------------------------------------------------------------------

export type NamedItems = { readonly skus: readonly Sku[]; readonly groups: readonly string[] };

/** What is known of the names that no rule can match; `pooledKits`: the items that each kit with a pool is made of. */
type Unmatched = NamedItems & { readonly near: NamedItems; readonly pooledKits: ReadonlyMap<Sku, readonly Sku[]> };

type Named = {
  readonly kind: 'sku' | 'group';
  readonly name: string;
  readonly path: YamlPath;
  readonly at: 'key' | 'value';
};

const isBlock = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Wherever a rule may stand; a channel's settings are its connector's own. */
function findNames(value: unknown, path: YamlPath): Named[] {
  if (Array.isArray(value)) return value.flatMap((one, index) => findNames(one, [...path, index]));
  if (!isBlock(value)) return [];
  return Object.entries(value).flatMap(([key, inner]): Named[] => {
    const here = [...path, key];
    if (path.length === 2 && path[0] === 'channels' && key === 'settings') return [];
    if ((key === 'sku' || key === 'group') && typeof inner === 'string') {
      return inner === '*' ? [] : [{ kind: key, name: inner, path: here, at: 'value' }];
    }
    if ((key !== 'items' && key !== 'groups') || !isBlock(inner)) return findNames(inner, here);
    const kind = key === 'items' ? 'sku' : 'group';
    return Object.keys(inner).map((name) => ({ kind, name, path: [...here, name], at: 'key' }));
  });
}

const isOfPool = ({ path }: Named): boolean => path[0] === 'pools';

/** `pooledSkus`: those of them that a pool is for. */
export function namedItems(source: YamlSource): NamedItems & { readonly pooledSkus: readonly Sku[] } {
  const names = findNames(source.data, []);
  const of = (kind: Named['kind'], among = names) => [
    ...new Set(among.filter((one) => one.kind === kind).map(({ name }) => name)),
  ];
  return { skus: of('sku'), groups: of('group'), pooledSkus: of('sku', names.filter(isOfPool)) };
}

const PARTS_MAX = 5;

function sayPooledKit(kit: Sku, parts: readonly Sku[]): string {
  const more = parts.length > PARTS_MAX ? ` and ${parts.length - PARTS_MAX} more` : '';
  const named = `${parts.slice(0, PARTS_MAX).join(', ')}${more}`;
  return `matches nothing: "${kit}" is a kit and has no pool of its own. Write pools for what it is made of (${named}), or take the rule out.`;
}

/** Rules that match nothing, at their lines; `near` are names that the missing ones may have been meant to be. */
export function findUnmatchedRules(source: YamlSource, missing: Unmatched): YamlProblem[] {
  return findNames(source.data, []).flatMap((named): YamlProblem[] => {
    const { kind, name, path, at } = named;
    const parts = kind === 'sku' && isOfPool(named) ? missing.pooledKits.get(name) : undefined;
    if (parts !== undefined) return [{ offset: source.offsetOf(path, at), path, says: sayPooledKit(name, parts) }];
    if (!(kind === 'sku' ? missing.skus : missing.groups).includes(name)) return [];
    const nearest = findNearest(name, kind === 'sku' ? missing.near.skus : missing.near.groups);
    const what = kind === 'sku' ? `no item has the SKU "${name}"` : `no item is in the group "${name}"`;
    const fix =
      nearest === undefined
        ? 'Import its items first (allot import items FILE), or take the rule out.'
        : `Did you mean "${nearest}"?`;
    return [{ offset: source.offsetOf(path, at), path, says: `matches nothing: ${what}. ${fix}` }];
  });
}
