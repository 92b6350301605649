/**
 * Items as they stood at a moment, summed from the ledgers: what explanations of the past are made of, and those of pools at any time.
 *
 * Guarantees: nothing that was decided later counts, and the policy is the one that was in force. What has no history is as it is
 * today: groups, components of kits, a listing's own places, which places sell. Who waited is not among it.
 */
import { sql } from 'drizzle-orm';
import type { Drawn } from '#core/drawn.ts';
import type { Instant, LocationId, Move, Policy, ProgramId, Sku, StockMaster } from '#core/model.ts';
import type { ItemState, ListingState, State } from '#core/state.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { readLotsAt } from './lots.ts';
import { readComponents } from './reach.ts';

const upTo = (at: Instant) => sql`to_timestamp(${at} / 1000.0)`;

type Skus = readonly Sku[];

type PlaceUnits = { sku: Sku; location: LocationId; sellable: number; allocated: number; held: number };

const readPlaces = (db: Queries, skus: Skus, at: Instant): Promise<PlaceUnits[]> =>
  db.rows<PlaceUnits>(sql`
    select sku, location, sum(sellable)::int as sellable, sum(allocated)::int as allocated, sum(held)::int as held from (
      select e.sku, e.location, e.delta as sellable, 0 as allocated, 0 as held from stock_entry e join batch b on b.id = e.batch_id
      where e.sku = any(${list(skus)}) and e.disposition = 'sellable' and b.decided_at <= ${upTo(at)}
      union all
      select e.sku, e.location, 0, e.delta, e.held from promise_entry e join batch b on b.id = e.batch_id
      where e.sku = any(${list(skus)}) and b.decided_at <= ${upTo(at)}) as moved
    group by sku, location order by sku, location`);

type DrawnAt = Drawn & { readonly sku: Sku; readonly program: ProgramId; readonly location: LocationId | null };

/**
 * A refill keeps what was taken by then, of its program and of all: entries are numbered in the order of their item. A pool of one
 * place has a row of its own for what is drawn of it, and what anybody took there since it was filled.
 */
const readDrawn = (db: Queries, skus: Skus, at: Instant): Promise<DrawnAt[]> =>
  db.rows<DrawnAt>(sql`
    with entry as materialized (
        select e.id, e.sku, e.program, e.location, e.pool, case when e.pool = 'place' then '' else e.kind end as kind, e.kind = 'refill' as is_refill, e.consumed,
          e.held + case when e.kind in ('allocate', 'release') then e.delta else 0 end as taken
        from promise_entry e join batch b on b.id = e.batch_id where e.sku = any(${list(skus)}) and b.decided_at <= ${upTo(at)}),
      fill as (select sku, program, max(id) as id from entry where kind = 'refill' group by sku, program),
      filled_place as (select sku, program, location, max(id) as id from entry where pool = 'place' and is_refill group by sku, program, location)
    select e.sku, e.program, null as location, sum(case when e.pool = 'place' then 0 else e.consumed end)::int as consumed,
      sum(e.taken)::int as taken,
      coalesce(sum(e.taken) filter (where e.id < f.id), 0)::int as "takenAtFill",
      coalesce((select sum(a.taken) from entry a where a.sku = e.sku and a.id < f.id), 0)::int as "allTakenAtFill",
      f.id is not null as "isFilled"
    from entry e left join fill f on f.sku = e.sku and f.program = e.program group by e.sku, e.program, f.id
    union all
    select e.sku, e.program, e.location, sum(e.consumed)::int,
      coalesce((select sum(a.taken) from entry a where a.sku = e.sku and a.location = e.location and a.id > p.id), 0)::int, 0, 0, p.id is not null
    from entry e left join filled_place p on p.sku = e.sku and p.program = e.program and p.location = e.location
    where e.pool = 'place' group by e.sku, e.program, e.location, p.id
    order by sku, program, location nulls first`);

const readMoves = (db: Queries, skus: Skus, at: Instant): Promise<(Move & { readonly sku: Sku })[]> =>
  db.rows<Move & { readonly sku: Sku }>(sql`
    select sku, id, from_pool as "from", to_pool as "to", units, until from reallocation
    where sku = any(${list(skus)}) and applied_at <= ${upTo(at)} and (closed_at is null or closed_at > ${upTo(at)}) order by sku, id`);

const readPolicyAt = async (db: Queries, at: Instant): Promise<Policy | null> => {
  const [row] = await db.rows<{ version: number; body: Omit<Policy, 'version'> }>(sql`
    select version, body from policy where created_at <= ${upTo(at)} order by version desc limit 1`);
  return row === undefined ? null : { ...row.body, version: row.version };
};

type OwnPlaces = Pick<ListingState, 'id' | 'sku' | 'channel' | 'listingRef' | 'pack' | 'locations'>;

const readListings = (db: Queries, skus: Skus): Promise<OwnPlaces[]> =>
  db.rows<OwnPlaces>(sql`
    select id, sku, channel_id as channel, listing_ref as "listingRef", pack, locations from listing
    where sku = any(${list(skus)}) order by id`);

type Known = Pick<ItemState, 'sku' | 'groups' | 'minimum' | 'safetyStock'> & { readonly hasLots: boolean };

const NONE = {
  holds: [],
  nextHoldEndsAt: null,
  shorts: [],
  moreShorts: false,
  recentEntries: [],
  supply: [],
  demand: [],
  shortOf: [],
};
const UNSOLD = { ownSold: 0, ownOpen: 0, seenSold: null, seenUntil: null, target: null };

/** Items that are known, and what kits among them take, in byte order of SKU; null where no policy was in force yet. */
export async function readStateAt(db: Queries, asked: Skus, at: Instant): Promise<State | null> {
  const [policy, components] = await Promise.all([readPolicyAt(db, at), readComponents(db, asked)]);
  if (policy === null) return null;
  const parts = [...components.values()].flat().map(({ sku }) => sku);
  const skus = [...new Set([...asked, ...parts])];
  const [locations, known, places, drawn, moves, listings] = await Promise.all([
    db.rows<{ id: string; master: StockMaster; sells: boolean }>(
      sql`select id, master, sells from location order by id collate "C"`,
    ),
    db.rows<Known>(sql`
      select sku, groups, minimum, safety_stock as "safetyStock", has_lots as "hasLots" from item
      where sku = any(${list(skus)}) order by sku collate "C"`),
    readPlaces(db, skus, at),
    readDrawn(db, skus, at),
    readMoves(db, skus, at),
    readListings(db, skus),
  ]);
  const items = await Promise.all(
    known.map(async ({ hasLots, ...item }): Promise<ItemState> => {
      const { sku } = item;
      const lots = hasLots ? await readLotsAt(db, sku, at) : undefined;
      const taken = components.get(sku);
      const there = places.filter((row) => row.sku === sku);
      return {
        ...NONE,
        ...item,
        ...(taken === undefined ? {} : { components: taken }),
        ...(lots === undefined ? {} : { lots }),
        balances: there.map(({ location, sellable: quantity }) => ({
          location,
          disposition: 'sellable',
          quantity,
          countedAsOf: null,
        })),
        // By place alone: nothing here asks whose they are, but `drawn`.
        promises: there.map(({ location, allocated, held }) => ({
          location,
          program: '',
          pool: 'shared',
          allocated,
          held,
        })),
        drawn: drawn
          .filter((row) => row.sku === sku)
          .map(({ sku: _of, location, ...row }) => (location === null ? row : { ...row, location })),
        moves: moves.filter((move) => move.sku === sku).map(({ sku: _of, ...move }) => move),
        listings: listings.filter((listing) => listing.sku === sku).map((listing) => ({ ...listing, ...UNSOLD })),
      };
    }),
  );
  return { policy, locations, channels: [], items, orders: [], listingRefs: [] };
}
