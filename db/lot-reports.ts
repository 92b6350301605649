/** Lots as people read them: where they lie, who has units of them, and who was shipped some (a recall). */
import { type SQL, sql } from 'drizzle-orm';
import type {
  ChannelId,
  Disposition,
  HoldId,
  Instant,
  LocationId,
  LotCode,
  OrderId,
  ProgramId,
  Sku,
  StockMaster,
} from '#core/model.ts';
import type { Queries } from './client.ts';

/** What there is of a lot at a place; lot null: of the item's units without one. */
export type LotRow = {
  readonly sku: Sku;
  readonly lot: LotCode | null;
  readonly receivedAt: Instant | null;
  /** Null: never, or not known. */
  readonly expiresAt: Instant | null;
  readonly location: LocationId;
  readonly disposition: Disposition;
  readonly onHand: number;
  readonly allocated: number;
  readonly held: number;
};

export type LotFilter = {
  readonly sku?: Sku;
  readonly lot?: LotCode;
  readonly location?: LocationId;
  /** Those that expire by this moment. */
  readonly expiresBy?: Instant;
};

/** Rows of which anything is there or promised, what expires first before the rest; units without a lot last. */
export const listLots = (db: Queries, { sku, lot, location, expiresBy }: LotFilter, max: number): Promise<LotRow[]> => {
  // In every part: of one item, all lots of the brand were read else.
  const of = (column: SQL): SQL => (sku === undefined ? sql`` : sql`and ${column} = ${sku}`);
  return db.rows<LotRow>(sql`
    with lots as (
        select b.sku, b.lot, l.received_at, l.expires_at, b.location, b.disposition, b.quantity, b.allocated, b.held
        from lot_balance b join lot l on l.sku = b.sku and l.code = b.lot
        where (b.quantity <> 0 or b.allocated <> 0 or b.held <> 0) ${of(sql`b.sku`)}),
      promised as (select sku, location, sum(allocated) as allocated, sum(held) as held from promise_balance
        where sku in (select sku from item where has_lots) ${of(sql`sku`)} group by 1, 2),
      rest as (
        select s.sku, null::text as lot, null::timestamptz as received_at, null::timestamptz as expires_at, s.location, s.disposition,
          s.quantity - coalesce(sum(l.quantity), 0) as quantity,
          case when s.disposition = 'sellable' then coalesce(p.allocated, 0) - coalesce(sum(l.allocated), 0) else 0 end as allocated,
          case when s.disposition = 'sellable' then coalesce(p.held, 0) - coalesce(sum(l.held), 0) else 0 end as held
        from stock_balance s join item i on i.sku = s.sku and i.has_lots
          left join lots l on l.sku = s.sku and l.location = s.location and l.disposition = s.disposition
          left join promised p on p.sku = s.sku and p.location = s.location
        where true ${of(sql`s.sku`)}
        group by s.sku, s.location, s.disposition, s.quantity, p.allocated, p.held)
    select sku, lot, received_at as "receivedAt", expires_at as "expiresAt", location, disposition, quantity::int as "onHand",
      allocated::int as allocated, held::int as held
    from (select * from lots union all select * from rest where quantity <> 0 or allocated <> 0 or held <> 0) r
    where (${lot ?? null}::text is null or lot = ${lot ?? null})
      and (${location ?? null}::text is null or location = ${location ?? null})
      and (${expiresBy ?? null}::float8 is null or expires_at <= to_timestamp(${expiresBy ?? null}::float8 / 1000.0))
    order by sku collate "C", expires_at nulls last, lot collate "C" nulls last, location, disposition limit ${max}`);
};

export type LotHead = {
  readonly sku: Sku;
  readonly lot: LotCode;
  readonly receivedAt: Instant;
  readonly expiresAt: Instant | null;
};

/** Lots of this code, of one item or of whichever has one. */
export const findLots = (db: Queries, lot: LotCode, sku?: Sku): Promise<LotHead[]> =>
  db.rows<LotHead>(sql`
    select sku, code as lot, received_at as "receivedAt", expires_at as "expiresAt" from lot
    where code = ${lot} and (${sku ?? null}::text is null or sku = ${sku ?? null}) order by sku collate "C"`);

/** An order line, or a hold, that has units of a lot. */
export type LotHolder = {
  readonly orderId: OrderId | null;
  readonly lineRef: string | null;
  readonly hold: HoldId | null;
  readonly channel: ChannelId | null;
  readonly program: ProgramId;
  readonly location: LocationId;
  readonly units: number;
};

type Of = { readonly sku: Sku; readonly lot: LotCode };

/** Who has units of it now: by the ledger, so that the components of kits are found too. */
export const readLotHolders = (db: Queries, { sku, lot }: Of): Promise<LotHolder[]> =>
  db.rows<LotHolder>(sql`
    select e.order_id as "orderId", e.line_ref as "lineRef", null::bigint as hold, o.channel_id as channel, e.program, e.location,
      sum(e.delta)::int as units
    from promise_entry e left join sales_order o on o.id = e.order_id
    where e.sku = ${sku} and e.lot = ${lot} and e.order_id is not null
    group by 1, 2, 4, 5, 6 having sum(e.delta) > 0
    union all
    select null, null, e.hold_id, null, e.program, e.location, sum(e.held)::int
    from promise_entry e where e.sku = ${sku} and e.lot = ${lot} and e.hold_id is not null
    group by 3, 5, 6 having sum(e.held) > 0
    order by 1, 2, 3, 6`);

/** Units of a lot that left with an order. */
export type LotShipment = {
  readonly orderId: OrderId;
  readonly channel: ChannelId | null;
  readonly displayRef: string | null;
  readonly location: LocationId;
  readonly units: number;
  readonly lastAt: Instant;
};

/** Which orders it left with: what was picked, whichever lot had been allocated. */
export const readLotShipments = (db: Queries, { sku, lot }: Of): Promise<LotShipment[]> =>
  db.rows<LotShipment>(sql`
    select c.order_id as "orderId", o.channel_id as channel, o.state->>'displayRef' as "displayRef", e.location,
      -sum(e.delta)::int as units, max(e.occurred_at) as "lastAt"
    from stock_entry e join command c on c.id = e.command_id left join sales_order o on o.id = c.order_id
    where e.sku = ${sku} and e.lot = ${lot} and e.kind = 'ship' and c.order_id is not null
    group by 1, 2, 3, 4 order by max(e.occurred_at), 1, 4`);

/** One movement of a lot, newest first. */
export type LotMovement = {
  readonly at: Instant;
  readonly kind: string;
  readonly location: LocationId;
  readonly disposition: Disposition;
  readonly delta: number;
  readonly actor: string;
  readonly orderId: OrderId | null;
};

export const readLotMovements = (db: Queries, { sku, lot }: Of, max: number): Promise<LotMovement[]> =>
  db.rows<LotMovement>(sql`
    select e.occurred_at as at, e.kind, e.location, e.disposition, e.delta, c.actor, c.order_id as "orderId"
    from stock_entry e join command c on c.id = e.command_id
    where e.sku = ${sku} and e.lot = ${lot} order by e.id desc limit ${max}`);

export const readMasters = async (db: Queries): Promise<ReadonlyMap<LocationId, StockMaster>> =>
  new Map(
    (await db.rows<{ id: LocationId; master: StockMaster }>(sql`select id, master from location`)).map(
      ({ id, master }) => [id, master],
    ),
  );

export const hasLots = async (db: Queries, sku: Sku): Promise<boolean> =>
  (await db.rows<{ has: boolean }>(sql`select has_lots as has from item where sku = ${sku}`))[0]?.has ?? false;
