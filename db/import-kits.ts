/**
 * Kits and units of measure from the file of items: what a row says of them is judged before anything is written.
 *
 * Guarantees: a component is an item, a kit never holds itself at any depth, and has no goods of its own; whatever a row says of an
 * item's components or units is all of them. One import at a time changes compositions; the items that a change reaches are locked,
 * and every kit above is decided again.
 */
import { sql } from 'drizzle-orm';
import type { Component, Sku } from '#core/model.ts';
import { EACH } from '#core/units.ts';
import type { Queries } from './client.ts';
import { type Change, changeOf, type Judged, skip } from './import-report.ts';
import { list } from './list.ts';
import { recordset } from './recordset.ts';

/** `name` is a SKU, or a unit; `quantity` how many in one set, or base units in one. */
export type Pair = { readonly name: string; readonly quantity: number };

export type KitRow = {
  readonly line: number;
  readonly sku: Sku;
  /** Empty: a kit no more. Absent or null: as it is. */
  readonly components?: readonly Pair[] | null;
  readonly units?: readonly Pair[] | null;
};

type Graph = Map<Sku, readonly Pair[]>;

export type KnownKits = {
  readonly graph: Graph;
  readonly units: ReadonlyMap<Sku, readonly Pair[]>;
  readonly items: ReadonlySet<Sku>;
  /** Why these cannot be kits: goods or promises of their own, in words. */
  readonly goods: ReadonlyMap<Sku, string>;
};

const UNIT_NAME = /^[a-z][a-z0-9_-]{0,31}$/;

/** More of one component in one set than any shelf holds: a mistake of the file. */
const SET_MAX = 1_000_000;

const namesOf = (rows: readonly KitRow[]): Sku[] =>
  rows.flatMap(({ sku, components }) => (components ? [sku, ...components.map(({ name }) => name)] : []));

/** Keeps other imports from changing compositions, and answers the items that are to be locked for these rows. */
export async function claimKits(tx: Queries, rows: readonly KitRow[]): Promise<Sku[]> {
  const named = namesOf(rows);
  if (named.length === 0) return [];
  await tx.rows(sql`lock table item_component in share row exclusive mode`);
  const reached = await tx.rows<{ sku: Sku }>(sql`
    with kit as (select unnest(${list(named)}) as sku union select kit from kits_with(${list(named)}))
    select i.sku from item i where i.sku in (select sku from kit union select sku from kit_parts(array(select sku from kit)))`);
  return reached.map(({ sku }) => sku);
}

export async function readKnownKits(tx: Queries, rows: readonly KitRow[]): Promise<KnownKits> {
  const skus = list(rows.map(({ sku }) => sku));
  const named = namesOf(rows);
  const [parts, units, items, goods] = await Promise.all([
    tx.rows<Pair & { kit: Sku }>(
      sql`select kit, sku as name, quantity from item_component order by kit, sku collate "C"`,
    ),
    tx.rows<Pair & { sku: Sku }>(
      sql`select sku, unit as name, units as quantity from item_unit where sku = any(${skus}) order by sku, unit`,
    ),
    tx.rows<{ sku: Sku }>(sql`select sku from item where sku = any(${list(named)})`),
    tx.rows<{ sku: Sku; goods: string }>(sql`
      select sku, string_agg(what, ', ') as goods from (
        select sku, sum(quantity) || ' on hand' as what from stock_balance where quantity <> 0 group by sku
        union all select sku, sum(allocated) || ' allocated' from promise_balance where allocated <> 0 group by sku
        union all select sku, sum(quantity) || ' held' from hold where state = 'held' group by sku) g
      where sku = any(${list(named)}) group by sku`),
  ]);
  const pairs = ({ name, quantity }: Pair): Pair => ({ name, quantity });
  const grouped = <Row extends Pair>(all: readonly Row[], keyOf: (row: Row) => Sku) =>
    new Map([...Map.groupBy(all, keyOf)].map(([key, some]) => [key, some.map(pairs)] as const));
  return {
    graph: grouped(parts, (row) => row.kit),
    units: grouped(units, (row) => row.sku),
    items: new Set(items.map(({ sku }) => sku)),
    goods: new Map(goods.map((row) => [row.sku, row.goods])),
  };
}

export const sayPairs = (pairs: readonly Pair[]): string =>
  [...pairs]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, quantity }) => `${name}:${quantity}`)
    .join(';');

/** A row that says goods of a kit: `components` of one set. */
export function skipKit(line: number, key: string, sku: Sku, components: readonly Component[]): Judged {
  const parts = components.map((part) => `${part.quantity} ${part.sku}`).join(', ');
  return skip(line, key, `${sku} is a kit and has no stock of its own`, `import its components: one set is ${parts}`);
}

/** What a row changes of the components and units of its item. */
export function kitChanges(row: KitRow, known: KnownKits): Change[] {
  const before = (pairs: readonly Pair[] | undefined) => sayPairs(pairs ?? []) || null;
  const [components, units] = [before(known.graph.get(row.sku)), before(known.units.get(row.sku))];
  return [
    ...(row.components ? changeOf('components', components, sayPairs(row.components) || (components && 'none')) : []),
    ...(row.units ? changeOf('units', units, sayPairs(row.units) || (units && 'none')) : []),
  ];
}

/** The way from `from` down to `to`, both named; null where there is none. */
function pathTo(graph: Graph, from: Sku, to: Sku, seen = new Set<Sku>()): Sku[] | null {
  if (from === to) return [to];
  if (seen.has(from)) return null;
  seen.add(from);
  for (const { name } of graph.get(from) ?? []) {
    const rest = pathTo(graph, name, to, seen);
    if (rest !== null) return [from, ...rest];
  }
  return null;
}

/** Units of each stocked item in one set, kits of kits resolved; the graph has no cycle. */
function largestPart(graph: Graph, kit: Sku): number {
  const totals = new Map<Sku, number>();
  const add = (sku: Sku, sets: number): void => {
    const parts = graph.get(sku);
    if (parts === undefined) totals.set(sku, (totals.get(sku) ?? 0) + sets);
    else for (const { name, quantity } of parts) add(name, sets * quantity);
  };
  add(kit, 1);
  return Math.max(0, ...totals.values());
}

/** Rows whose components cannot be, by line. Earlier rows of the file count as written, the later do not. */
export function judgeKits(rows: readonly KitRow[], known: KnownKits): Map<number, Judged> {
  const refused = new Map<number, Judged>();
  const graph: Graph = new Map(known.graph);
  const inFile = new Set(rows.map(({ sku }) => sku));
  for (const row of rows) {
    const { components, units } = row;
    const refuse = (reason: string, fix: string) => refused.set(row.line, skip(row.line, row.sku, reason, fix));
    const misnamed = units?.find(({ name }) => name === EACH || !UNIT_NAME.test(name));
    if (misnamed !== undefined) {
      const why = misnamed.name === EACH ? 'is 1 for every item' : 'is no name of a unit';
      refuse(`unit ${misnamed.name} ${why}`, 'write small letters, digits, "-" and "_": case:12;inner:6');
      continue;
    }
    if (!components) continue;
    const unknown = components.find(({ name }) => !known.items.has(name) && !inFile.has(name));
    if (unknown !== undefined) {
      refuse(
        `component ${unknown.name} is not an item`,
        'SKUs are case-sensitive; add it as a row of its own, then again',
      );
      continue;
    }
    const path = components.flatMap(({ name }) => pathTo(graph, name, row.sku) ?? []);
    if (path.length > 0) {
      const way = [row.sku, ...path.slice(0, path.indexOf(row.sku) + 1)].join(' -> ');
      refuse(`a kit cannot hold itself: ${way}`, 'take one of these out of the components of the one before it');
      continue;
    }
    const goods = components.length === 0 ? undefined : known.goods.get(row.sku);
    if (goods !== undefined) {
      refuse(
        `it has goods of its own (${goods}), and a kit has none`,
        'count it to 0 and let its orders leave first, or sell the kit under a SKU of its own',
      );
      continue;
    }
    const before = graph.get(row.sku);
    if (components.length === 0) graph.delete(row.sku);
    else graph.set(row.sku, components);
    const tooLarge = [...graph.keys()].find((kit) => largestPart(graph, kit) > SET_MAX);
    if (tooLarge === undefined) continue;
    if (before === undefined) graph.delete(row.sku);
    else graph.set(row.sku, before);
    refuse(`one set of ${tooLarge} would take more than ${SET_MAX} of one item`, 'correct the quantities');
  }
  return refused;
}

/** Rows whose component was to be a row of the file that is refused itself: they fall with it, and so on. */
export function judgeOrphans(rows: readonly KitRow[], judged: readonly Judged[], known: KnownKits): Judged[] {
  const verdicts = new Map(judged.map((one) => [one.line, one]));
  for (let isStable = false; !isStable; ) {
    isStable = true;
    const gone = new Set([...verdicts.values()].flatMap((one) => (one.verdict === 'skipped' ? [one.key] : [])));
    for (const { line, sku, components } of rows) {
      const lost = components?.find(({ name }) => gone.has(name) && !known.items.has(name));
      if (lost === undefined || verdicts.get(line)?.verdict === 'skipped') continue;
      verdicts.set(line, skip(line, sku, `component ${lost.name} is refused in this file`, 'mend its row first'));
      isStable = false;
    }
  }
  return judged.map((one) => verdicts.get(one.line) ?? one);
}

/** Writes what the rows say; kits that changed, and all above them, are decided again. */
export async function writeKits(tx: Queries, rows: readonly KitRow[], known: KnownKits): Promise<void> {
  const recomposed = rows.filter((row) => kitChanges(row, known).some(({ field }) => field === 'components'));
  if (recomposed.length > 0) {
    const kits = recomposed.map(({ sku }) => sku);
    const parts = recomposed.flatMap(({ sku: kit, components }) =>
      (components ?? []).map(({ name, quantity }) => ({ kit, name, quantity })),
    );
    await tx.rows(sql`delete from item_component where kit = any(${list(kits)})`);
    await tx.rows(sql`
      insert into item_component (kit, sku, quantity)
      select kit, name, quantity from ${recordset(parts, { kit: 'text', name: 'text', quantity: 'int4' }, 'r')}`);
    await tx.rows(sql`
      update item set next_review_at = now()
      where sku = any(${list(kits)}) or sku in (select kit from kits_with(${list(kits)}))`);
  }
  const sized = rows.filter((row) => kitChanges(row, known).some(({ field }) => field === 'units'));
  if (sized.length === 0) return;
  const units = sized.flatMap(({ sku, units: all }) =>
    (all ?? []).map(({ name, quantity }) => ({ sku, name, quantity })),
  );
  await tx.rows(sql`delete from item_unit where sku = any(${list(sized.map(({ sku }) => sku))})`);
  await tx.rows(sql`
    insert into item_unit (sku, unit, units)
    select sku, name, quantity from ${recordset(units, { sku: 'text', name: 'text', quantity: 'int4' }, 'r')}`);
}
