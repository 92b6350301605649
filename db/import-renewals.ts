/**
 * Renewals of subscriptions from a file: each within the horizon becomes a hold for its program, until some time after its day; one of
 * a kit becomes holds of all its components, under one ref.
 *
 * Guarantees: a renewal is known by item, subscription and day, so that a second run is all Unchanged; all is decided by the core in
 * the one transaction of the import, the earliest renewals first; what cannot be held is skipped with the core's own reason, and left
 * nowhere: no command of it stays. Of a kit all is held or nothing; where its program puts no set together over places, at one place.
 * A renewal that the file does not name is left alone; quantity 0 lets its holds go.
 */
import { sql } from 'drizzle-orm';
import type { CommandBody } from '#core/command.ts';
import type { Completeness, Component, Hold, Instant, LocationId } from '#core/model.ts';
import { writeAudit } from './audit.ts';
import type { Queries } from './client.ts';
import { decideGroups, type Refusal } from './decide-groups.ts';
import { HOLD_COLUMNS } from './holds.ts';
import {
  type Change,
  changeOf,
  compare,
  type ImportOptions,
  type ImportReport,
  type Judged,
  judge,
  leaveAlone,
  makeReport,
  skip,
  splitRepeats,
} from './import-report.ts';
import { list } from './list.ts';
import { readComponents } from './reach.ts';
import { recordset } from './recordset.ts';

export type RenewalRow = {
  readonly line: number;
  readonly sku: string;
  /** Base units; 0: it will not come. */
  readonly quantity: number;
  readonly renewsAt: Instant;
  readonly subscription: string;
  readonly program: string;
};

const DAY_MS = 86_400_000;
const OWNER = 'subscriptions';
const SPANS = { horizonMs: 35 * DAY_MS, keepMs: 3 * DAY_MS };

type Window = { readonly now: Instant; readonly horizonMs: number; readonly keepMs: number };
type Drawer = {
  readonly id: string;
  readonly completeness: Completeness;
  /** Where it sells from, in order of preference. */
  readonly places: readonly LocationId[];
};
type Known = {
  readonly items: ReadonlySet<string>;
  /** What one set takes, by kit. */
  readonly kits: ReadonlyMap<string, readonly Component[]>;
  readonly programs: readonly Drawer[];
  /** By ref. */
  readonly holds: ReadonlyMap<string, readonly Hold[]>;
};
/** What a renewal has held of one item. */
type Part = { readonly sku: string; readonly perSet: number; readonly ref: string };

const iso = (at: Instant): string => new Date(at).toISOString();
const dayOf = (at: Instant): string => (at % DAY_MS === 0 ? iso(at).slice(0, 10) : iso(at));
const refOf = (row: RenewalRow): string => `renewal ${row.subscription} ${dayOf(row.renewsAt)}`;
/** Beside a hold of the same subscription and day for one of its components alone. */
const kitRefOf = (row: RenewalRow): string => `${refOf(row)} of ${row.sku}`;
const keyOf = (row: RenewalRow): string => `${row.sku} ${row.subscription} ${dayOf(row.renewsAt)}`;

function partsOf(row: RenewalRow, kits: Known['kits']): readonly Part[] {
  const components = kits.get(row.sku);
  if (components === undefined) return [{ sku: row.sku, perSet: 1, ref: refOf(row) }];
  return components.map(({ sku, quantity }) => ({ sku, perSet: quantity, ref: kitRefOf(row) }));
}

export async function importRenewals(
  tx: Queries,
  rows: readonly RenewalRow[],
  options: ImportOptions,
): Promise<ImportReport> {
  const { horizonMs, keepMs } = options.spans ?? SPANS;
  const window = { now: options.now, horizonMs, keepMs };
  const { first, repeats } = splitRepeats(rows, keyOf);
  const known = await readKnown(tx, first);
  const plans = first
    .toSorted((a, b) => a.renewsAt - b.renewsAt || a.line - b.line)
    .map((row) => ({ row, ...planRenewal(row, known, window) }));
  const groups = plans.flatMap(({ row, ways }) => (ways.length === 0 ? [] : [{ line: row.line, ways }]));
  const { commandIds, refused } = await decideGroups(tx, groups, options);
  const judged = plans.map(({ row, verdict }) => {
    const refusals = refused.get(row.line);
    return refusals === undefined ? verdict : refuse(row, refusals, known.kits.has(row.sku));
  });
  const report = makeReport([...judged, ...repeats], { commandIds });
  await writeAudit(tx, [
    { actor: options.actor, action: 'import renewals', subject: `${rows.length} rows`, detail: report.counts },
  ]);
  return report;
}

function refuse(row: RenewalRow, [first, ...others]: readonly Refusal[], isKit: boolean): Judged {
  const { reason, fix } = first ?? { reason: 'it was refused', fix: 'import it again' };
  if (!isKit) return skip(row.line, keyOf(row), reason, fix);
  const where =
    others.length === 0
      ? ''
      : `; nor is all of a set to be had at another place: ${others.map((one) => one.reason).join('; ')}`;
  const mend = `see how many sets it may take: allot explain ${row.sku} --pools`;
  return skip(row.line, keyOf(row), `${row.quantity} of ${row.sku} cannot be held: ${reason}${where}`, mend);
}

async function readKnown(tx: Queries, rows: readonly RenewalRow[]): Promise<Known> {
  const skus = [...new Set(rows.map(({ sku }) => sku))];
  const items = await tx.rows<{ sku: string }>(sql`select sku from item where sku = any(${list(skus)})`);
  const kits = await readComponents(tx, skus);
  const programs = await tx.rows<Drawer>(sql`
    select r.id, coalesce(r.completeness, 'split') as completeness,
      array(select l.id from jsonb_array_elements_text(r.locations) with ordinality as o(id, n)
        join location l on l.id = o.id where l.sells order by o.n) as places
    from policy_current c join policy p on p.version = c.version,
      jsonb_to_recordset(p.body->'programs') as r(id text, completeness text, locations jsonb) order by r.id`);
  const asked = rows.flatMap((row) => partsOf(row, kits).map(({ sku, ref }) => ({ sku, ref })));
  // Those of a kit that are live under any item: it may have been made of others.
  const holds = await tx.rows<Hold>(sql`
    select ${HOLD_COLUMNS} from hold where (sku, ref) in (
      select sku, ref from ${recordset(asked, { sku: 'text', ref: 'text' }, 'r')})
    union select ${HOLD_COLUMNS} from hold where state = 'held' and ref = any(${list(rows.map(kitRefOf))})
    order by id`);
  return {
    items: new Set(items.map(({ sku }) => sku)),
    kits,
    programs,
    holds: Map.groupBy(holds, ({ ref }) => ref ?? ''),
  };
}

/** `ways`: the best first, none where there is nothing to do. */
type Plan = { readonly verdict: Judged; readonly ways: readonly (readonly CommandBody[])[] };

function planRenewal(row: RenewalRow, known: Known, window: Window): Plan {
  const key = keyOf(row);
  const only = (verdict: Judged): Plan => ({ verdict, ways: [] });
  if (!known.items.has(row.sku)) {
    const fix = 'SKUs are case-sensitive; add it first: allot import items FILE';
    return only(skip(row.line, key, `SKU ${row.sku} is not an item`, fix));
  }
  const program = known.programs.find(({ id }) => id === row.program);
  if (program === undefined) {
    const fix = `the known ones are ${known.programs.map(({ id }) => id).join(', ')}`;
    return only(skip(row.line, key, `program ${row.program} is not in the policy`, fix));
  }
  const endsAt = row.renewsAt + window.keepMs;
  const parts = partsOf(row, known.kits);
  const asked = { row, program, endsAt, parts, isKit: known.kits.has(row.sku) };
  const mine = parts.map(({ sku, ref }) => known.holds.get(ref)?.find((hold) => hold.sku === sku));
  const stale = (known.holds.get(kitRefOf(row)) ?? []).filter((hold) => !mine.includes(hold));
  if (mine.some((hold) => hold !== undefined) || stale.length > 0) return planKnown(asked, mine, stale);
  if (row.quantity === 0) return only(leaveAlone(row.line, key, 'nothing renews, and nothing is held for it'));
  if (endsAt <= window.now) return only(leaveAlone(row.line, key, 'its time to be held has passed'));
  if (row.renewsAt > window.now + window.horizonMs) {
    return only(leaveAlone(row.line, key, 'it renews after the horizon: import the file again when it comes near'));
  }
  return { verdict: { ...judge(row.line, key, 'create'), reason: saysOf(asked) }, ways: waysOf(asked, [], null) };
}

type Asked = {
  readonly row: RenewalRow;
  readonly program: Drawer;
  readonly endsAt: Instant;
  readonly parts: readonly Part[];
  readonly isKit: boolean;
};

/** Of a kit alone. */
function saysOf({ row, parts, isKit }: Asked): string | null {
  if (!isKit) return null;
  const made = parts.map(({ sku, perSet }) => `${perSet} ${sku}`).join(', ');
  return `held as what ${row.sku} is made of: ${made} each`;
}

/** `mine`: by part, what is held of it; `stale`: what the kit was made of before. */
function planKnown(asked: Asked, mine: readonly (Hold | undefined)[], stale: readonly Hold[]): Plan {
  const { row, endsAt, isKit, parts } = asked;
  const key = keyOf(row);
  const live = [...mine.filter((hold) => hold?.state === 'held'), ...stale].filter((hold) => hold !== undefined);
  const [any] = live;
  const gone = mine.find((hold) => hold !== undefined && hold.state !== 'held');
  const nameOf = (sku: string): string => (isKit ? `quantity of ${sku}` : 'quantity');
  if (any === undefined || (gone !== undefined && row.quantity > 0)) {
    const which = isKit ? `its hold of ${gone?.sku}` : 'its hold';
    return { verdict: leaveAlone(row.line, key, `${which} is ${gone?.state} already`), ways: [] };
  }
  const reason = `renewal of ${row.subscription} will not come`;
  if (row.quantity === 0) {
    const changes = live.flatMap(({ sku, quantity }) => changeOf(nameOf(sku), quantity, 0));
    return { verdict: compare(row.line, key, changes), ways: [live.map((hold) => releaseOf(hold, reason))] };
  }
  const changes: Change[] = [
    ...parts.flatMap(({ sku, perSet }, index) =>
      changeOf(nameOf(sku), mine[index]?.quantity ?? null, perSet * row.quantity),
    ),
    ...stale.flatMap(({ sku, quantity }) => changeOf(`quantity of ${sku}`, quantity, 0)),
    ...changeOf('program', any.program, row.program),
    ...changeOf('held_until', iso(any.expiresAt), iso(endsAt)),
  ];
  const ways = changes.length === 0 ? [] : waysOf(asked, stale, any.location);
  return { verdict: compare(row.line, key, changes), ways };
}

const releaseOf = ({ sku, id }: Hold, reason: string): CommandBody => ({
  kind: 'release-hold',
  sku,
  hold: id,
  reason,
  isDue: false,
});

/** Sets that come from one place are held at one: where they are held already, else the first that has all. */
function waysOf(asked: Asked, stale: readonly Hold[], at: LocationId | null): Plan['ways'] {
  const { row, program, parts, isKit } = asked;
  const isApart = isKit && program.completeness !== 'split' && program.places.length > 0;
  const first = at === null || !program.places.includes(at) ? [] : [at];
  const places = isApart ? [...new Set([...first, ...program.places])] : [null];
  const gone = stale.map((hold) => releaseOf(hold, `${row.sku} is not made of it any more`));
  return places.map((place) => [...gone, ...parts.map((part) => bodyOf(asked, part, place))]);
}

const bodyOf = (
  { row, endsAt, isKit }: Asked,
  { sku, perSet, ref }: Part,
  location: LocationId | null,
): CommandBody => ({
  kind: 'hold',
  holdKind: 'subscription',
  sku,
  program: row.program,
  quantity: perSet * row.quantity,
  location,
  owner: OWNER,
  reason: `renewal of ${row.subscription} on ${dayOf(row.renewsAt)}${isKit ? `: for ${row.quantity} ${row.sku}` : ''}`,
  expiresAt: endsAt,
  ref,
});
