/**
 * Which rule of the policy counts: for an item's pool, for a channel's number, and for the program of an order.
 *
 * | of several that fit   | wins                                                                                          |
 * | pools, channel rules  | the item's own (`sku`), then a group's, then `*`; an own rule counts whole, nothing is mixed in |
 * | of two groups' rules  | one with an end before one without, then the later start, then the group's name              |
 * | pools out of season   | do not fit: the next wider one counts                                                         |
 * | pools of one place    | stand beside the pool of the item: of the rules of one program and place one wins, as above     |
 * | routes                | most conditions; then customer, company, partner, tag, order type, channel; then the id        |
 *
 * Guarantees: exactly one wins, whatever the order of the file. Pure; a policy is indexed once.
 */
import type {
  ChannelId,
  ChannelRule,
  Instant,
  LocationId,
  Policy,
  PoolRule,
  Program,
  ProgramId,
  Route,
  Sku,
} from './model.ts';

type Scoped = { readonly sku: Sku | '*'; readonly group?: string; readonly location?: LocationId };

/** What rules look at of an item. */
export type RuledItem = { readonly sku: Sku; readonly groups: readonly string[] };

/** Rules of one owner (a program's pools, a channel's rules) by how near they are. */
type ByNearness<Rule> = { readonly sku: Map<Sku, Rule[]>; readonly group: Map<string, Rule[]>; readonly all: Rule[] };

/** The pool rules of a program: those of the item, or those of one place. */
type ProgramPools = {
  readonly program: ProgramId;
  readonly priority: number;
  readonly rules: ByNearness<PoolRule>;
};

export type RuleIndex = {
  readonly programs: ReadonlyMap<ProgramId, Program>;
  /** Programs that have a pool rule of the item at all, by id. */
  readonly pools: readonly ProgramPools[];
  /** The same of single places, by program and place. */
  readonly placePools: readonly (ProgramPools & { readonly location: LocationId })[];
  /** The pools of every item that no rule names, where each rule for all items is always in force; else null. */
  readonly plainPools: readonly RuledPool[] | null;
  readonly channels: ReadonlyMap<ChannelId, ByNearness<ChannelRule>>;
  /** The nearest first. */
  readonly routes: readonly Route[];
  /** Some channel asks for its fair part of the shared pool. */
  readonly hasFairShares: boolean;
};

const INDEXES = new WeakMap<Policy, RuleIndex>();

/** Asked for ten times an order line, with one policy: the last one is found without a search. */
let last: { readonly policy: Policy; readonly index: RuleIndex } | undefined;

export function rulesOf(policy: Policy): RuleIndex {
  if (last?.policy === policy) return last.index;
  const index = INDEXES.get(policy) ?? indexOf(policy);
  INDEXES.set(policy, index);
  last = { policy, index };
  return index;
}

/** A place that is named twice has its units once; checks refuse that now, what was stored before may have it. */
export const eachOnce = (places: readonly LocationId[]): readonly LocationId[] =>
  places.length < 2 ? places : [...new Set(places)];

function indexOf(policy: Policy): RuleIndex {
  const programs = new Map(
    policy.programs.map((program) => [program.id, { ...program, locations: eachOnce(program.locations) }]),
  );
  const poolsOf = (rules: readonly PoolRule[]): ProgramPools[] =>
    [...Map.groupBy(rules, (rule) => rule.program)]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([program, own]) => ({
        program,
        priority: programs.get(program)?.priority ?? Number.MAX_SAFE_INTEGER,
        rules: byNearness(own, comparePools),
      }));
  const [ofPlaces, ofItems] = [policy.pools.filter(isOfPlace), policy.pools.filter((rule) => !isOfPlace(rule))];
  const pools = poolsOf(ofItems);
  const placePools = [...Map.groupBy(ofPlaces, (rule) => rule.location)]
    .flatMap(([location, rules]) => poolsOf(rules).map((found) => ({ ...found, location })))
    .sort((a, b) => compareText(a.program, b.program) || compareText(a.location, b.location));
  const channels = [...Map.groupBy(policy.channels, (rule) => rule.channel)].map(
    ([channel, rules]) => [channel, byNearness(rules, compareGroups)] as const,
  );
  return {
    programs,
    pools,
    placePools,
    plainPools: plainPoolsOf(pools),
    channels: new Map(channels),
    routes: [...(policy.routes ?? [])].sort(compareRoutes),
    hasFairShares: policy.channels.some(({ fairShare, below }) => fairShare === true || below?.fairShare === true),
  };
}

type PlaceRule = PoolRule & { readonly location: LocationId };

const isOfPlace = (rule: PoolRule): rule is PlaceRule => rule.location !== undefined;

function plainPoolsOf(pools: RuleIndex['pools']): readonly RuledPool[] | null {
  const isTimed = ({ activeFrom, activeUntil }: PoolRule): boolean =>
    activeFrom !== undefined || activeUntil !== undefined;
  if (pools.some(({ rules }) => rules.all.some(isTimed))) return null;
  return pools.flatMap(({ program, priority, rules: { all } }) =>
    all[0] === undefined ? [] : [{ program, priority, rule: all[0] }],
  );
}

function byNearness<Rule extends Scoped>(
  rules: readonly Rule[],
  compare: (a: Rule, b: Rule) => number,
): ByNearness<Rule> {
  const sorted = [...rules].sort(compare);
  const named = sorted.filter((rule) => rule.sku !== '*');
  const grouped = sorted.filter((rule) => rule.sku === '*' && rule.group !== undefined);
  return {
    sku: Map.groupBy(named, (rule) => rule.sku),
    group: Map.groupBy(grouped, (rule) => rule.group ?? ''),
    all: sorted.filter((rule) => rule.sku === '*' && rule.group === undefined),
  };
}

const compareText = (a: string, b: string): number => Number(a > b) - Number(a < b);
const compareGroups = (a: Scoped, b: Scoped): number => compareText(a.group ?? '', b.group ?? '');

function comparePools(a: PoolRule, b: PoolRule): number {
  const ends = Number(a.activeUntil === undefined) - Number(b.activeUntil === undefined);
  if (ends !== 0) return ends;
  const starts = (b.activeFrom ?? 0) - (a.activeFrom ?? 0);
  return starts === 0 ? compareGroups(a, b) : starts;
}

/** True where an item has no rules but those for all items. */
const isPlain = <Rule>(rules: ByNearness<Rule>, item: RuledItem): boolean =>
  (rules.sku.size === 0 || !rules.sku.has(item.sku)) &&
  (rules.group.size === 0 || !item.groups.some((group) => rules.group.has(group)));

function arePlain(pools: RuleIndex['pools'], item: RuledItem): boolean {
  for (const { rules } of pools) if (!isPlain(rules, item)) return false;
  return true;
}

/** Those that fit, from the nearest on. */
function nearestFirst<Rule extends Scoped>(
  rules: ByNearness<Rule>,
  item: RuledItem,
  compare: (a: Rule, b: Rule) => number,
): readonly Rule[] {
  if (isPlain(rules, item)) return rules.all;
  const grouped = item.groups.flatMap((group) => rules.group.get(group) ?? []).sort(compare);
  return [...(rules.sku.get(item.sku) ?? []), ...grouped, ...rules.all];
}

export const isActive = (rule: PoolRule, now: Instant): boolean =>
  (rule.activeFrom ?? now) <= now && now < (rule.activeUntil ?? Number.POSITIVE_INFINITY);

export type RuledPool = { readonly program: ProgramId; readonly priority: number; readonly rule: PoolRule };

/** The pool rules of an item that are in force, by program id: at most one of each program. */
export function poolRulesFor(policy: Policy, item: RuledItem, now: Instant): readonly RuledPool[] {
  const { pools, plainPools } = rulesOf(policy);
  if (plainPools !== null && arePlain(pools, item)) return plainPools;
  const found: RuledPool[] = [];
  for (const { program, priority, rules } of pools) {
    for (const rule of nearestFirst(rules, item, comparePools)) {
      if (!isActive(rule, now)) continue;
      found.push({ program, priority, rule });
      break;
    }
  }
  return found;
}

export type RuledPlacePool = RuledPool & { readonly location: LocationId };

const NO_PLACE_RULES: readonly RuledPlacePool[] = [];

/** The rules in force of pools of one place, by program id and place: at most one of each program and place. */
export function placeRulesFor(policy: Policy, item: RuledItem, now: Instant): readonly RuledPlacePool[] {
  const { placePools } = rulesOf(policy);
  if (placePools.length === 0) return NO_PLACE_RULES;
  const found: RuledPlacePool[] = [];
  for (const { program, location, priority, rules } of placePools) {
    const rule = nearestFirst(rules, item, comparePools).find((one) => isActive(one, now));
    if (rule !== undefined) found.push({ program, location, priority, rule });
  }
  return found;
}

/** Pools that are parts of one supply: those of the item, or with `location` those of that place. */
export const rulesOfSupply = (
  policy: Policy,
  item: RuledItem,
  now: Instant,
  location: LocationId | undefined,
): readonly RuledPool[] =>
  location === undefined
    ? poolRulesFor(policy, item, now)
    : placeRulesFor(policy, item, now).filter((rule) => rule.location === location);

const NO_MOMENTS: readonly Instant[] = [];

/** Moments after `now` at which another rule of the item's pools may come into force. */
export function poolBordersAfter(policy: Policy, item: RuledItem, now: Instant): readonly Instant[] {
  const { pools, placePools, plainPools } = rulesOf(policy);
  if (placePools.length === 0 && plainPools !== null && arePlain(pools, item)) return NO_MOMENTS;
  return [...pools, ...placePools].flatMap(({ rules }) =>
    nearestFirst(rules, item, comparePools)
      .flatMap((rule) => [rule.activeFrom, rule.activeUntil])
      .filter((at) => at !== undefined && at > now),
  ) as Instant[];
}

export function channelRuleFor(policy: Policy, channel: ChannelId, item: RuledItem): ChannelRule | undefined {
  const rules = rulesOf(policy).channels.get(channel);
  return rules === undefined ? undefined : nearestFirst(rules, item, compareGroups)[0];
}

/** How a rule is called where people read of it: by what it applies to. */
export function scopeOf(rule: Scoped): string {
  const where = rule.location === undefined ? '' : ` at ${rule.location}`;
  if (rule.sku !== '*') return `item ${rule.sku}${where}`;
  return `${rule.group === undefined ? 'all items' : `group ${rule.group}`}${where}`;
}

/** What an order says of itself that a route may ask for; opaque words of its platform, no names of people. */
export type OrderAttributes = {
  readonly tags?: readonly string[];
  readonly partner?: string;
  readonly customer?: string;
  readonly company?: string;
  readonly orderType?: string;
};

/** In the order of their weight where two routes have the same number of conditions. */
const CONDITIONS = ['customer', 'company', 'partner', 'tag', 'orderType', 'channel'] as const;

function compareRoutes(a: Route, b: Route): number {
  const has = (route: Route) => CONDITIONS.map((name) => Number(route[name] !== undefined));
  const [x, y] = [has(a), has(b)];
  const count = (flags: readonly number[]) => flags.reduce((sum, flag) => sum + flag, 0);
  if (count(x) !== count(y)) return count(y) - count(x);
  const first = x.findIndex((flag, index) => flag !== y[index]);
  if (first >= 0) return (y[first] ?? 0) - (x[first] ?? 0);
  return compareText(a.id, b.id);
}

/** The route that an order takes; undefined: it belongs to its channel's program. */
export function routeFor(policy: Policy, channel: ChannelId, order: OrderAttributes): Route | undefined {
  const { routes } = rulesOf(policy);
  if (routes.length === 0) return undefined;
  return routes.find(
    (route) =>
      (route.channel ?? channel) === channel &&
      (route.tag === undefined || (order.tags ?? []).includes(route.tag)) &&
      (route.partner ?? order.partner) === order.partner &&
      (route.customer ?? order.customer) === order.customer &&
      (route.company ?? order.company) === order.company &&
      (route.orderType ?? order.orderType) === order.orderType,
  );
}

/**
 * What is kept of an order's attributes: only values that some route names. So no customer's id is stored that no rule asks for.
 * Undefined where nothing is left.
 */
export function namedAttributes(routes: readonly Route[], order: OrderAttributes): OrderAttributes | undefined {
  const isNamed = (name: 'partner' | 'customer' | 'company' | 'orderType'): boolean =>
    order[name] !== undefined && routes.some((route) => route[name] === order[name]);
  const tags = (order.tags ?? []).filter((tag) => routes.some((route) => route.tag === tag)).sort();
  const kept: OrderAttributes = {
    ...(tags.length > 0 ? { tags } : {}),
    ...(isNamed('company') ? { company: order.company as string } : {}),
    ...(isNamed('partner') ? { partner: order.partner as string } : {}),
    ...(isNamed('customer') ? { customer: order.customer as string } : {}),
    ...(isNamed('orderType') ? { orderType: order.orderType as string } : {}),
  };
  return Object.keys(kept).length === 0 ? undefined : kept;
}
