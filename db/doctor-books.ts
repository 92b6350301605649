/**
 * Doctor's questions about the books: I1, I2, I4, I5. Each is a query that answers one line of text per violation, and none where
 * all is well. Read-only, over all rows: run them in one snapshot.
 */
import { type SQL, sql } from 'drizzle-orm';

/** Per place and item: allocated and held may not exceed what is sellable there, or the shortage is on the books. */
const OVERBOOKED: SQL = sql`
  with place as (
    select sku, location, coalesce(allocated, 0) as allocated, coalesce(held, 0) as held, coalesce(sellable, 0) as sellable,
      coalesce(on_hand, 0) as on_hand
    from (select sku, location, sum(quantity) filter (where disposition = 'sellable') as sellable, sum(quantity) as on_hand
        from stock_balance group by sku, location) b
      full join (select sku, location, sum(allocated) as allocated, sum(held) as held from promise_balance group by sku, location) p
        using (sku, location))
  select format('%s at %s: %s allocated and %s held of %s sellable (%s on hand), and no open shortage says so',
    p.sku, p.location, p.allocated, p.held, p.sellable, p.on_hand) as example
  from place p left join location l on l.id = p.location
  where p.allocated + p.held > p.sellable and (coalesce(l.sells, true) or p.allocated + p.held > 0)
    and not exists (select 1 from shortage s where s.closed_at is null and s.sku = p.sku and s.location = p.location
      and s.quantity >= p.allocated + p.held - p.sellable)`;

const STOCK_BALANCE: SQL = sql`
  select format('%s at %s, %s: the balance says %s, its entries sum to %s', sku, location, disposition,
    coalesce(quantity, 0), coalesce(entries, 0)) as example
  from stock_balance b
    full join (select sku, location, disposition, sum(delta) as entries from stock_entry group by 1, 2, 3) e
      using (sku, location, disposition)
  where coalesce(quantity, 0) <> coalesce(entries, 0)`;

const PROMISE_BALANCE: SQL = sql`
  select format('%s at %s, %s (%s): the balance says %s allocated and %s held, its entries sum to %s and %s', sku, location, program, pool,
    coalesce(allocated, 0), coalesce(b.held, 0), coalesce(entries, 0), coalesce(e.held, 0)) as example
  from promise_balance b
    full join (select sku, location, program, pool, sum(delta) as entries, sum(held) as held from promise_entry group by 1, 2, 3, 4) e
      using (sku, location, program, pool)
  where coalesce(allocated, 0) <> coalesce(entries, 0) or coalesce(b.held, 0) <> coalesce(e.held, 0)`;

const HOLDS_AND_PROMISES: SQL = sql`
  select format('%s at %s, %s (%s): %s held, and its holds keep %s', sku, location, program, pool, coalesce(held, 0),
    coalesce(holds, 0)) as example
  from (select * from promise_balance where held <> 0) b
    full join (
      select h.sku, a.location, a.program, a.pool, sum(a.quantity) as holds
      from hold h cross join lateral jsonb_to_recordset(h.parts) as a(location text, program text, pool text, quantity int)
      where h.parts <> '[]' group by 1, 2, 3, 4) l using (sku, location, program, pool)
  where coalesce(held, 0) <> coalesce(holds, 0)
  union all
  select format('hold %s of %s by %s is %s and keeps %s units; its parts sum to %s, its entries to %s', h.id, h.sku, h.owner, h.state, h.units,
    p.parts, coalesce(e.held, 0))
  from hold h cross join lateral (
      select coalesce(sum(quantity), 0) as parts from jsonb_to_recordset(h.parts) as a(quantity int)) p
    left join (select hold_id, sum(held) as held from promise_entry where hold_id is not null group by 1) e on e.hold_id = h.id
  where h.units <> p.parts or h.units <> coalesce(e.held, 0)
  union all
  select format('entries of %s hold %s units under hold %s, which is not there', sku, sum(held), hold_id)
  from promise_entry e where hold_id is not null and not exists (select 1 from hold h where h.id = e.hold_id) group by sku, hold_id`;

/** Lots: rows are sums of entries, and of what order lines and holds have of them; and an item with lots is known to have some. */
const LOT_BALANCE: SQL = sql`
  with goods as (select sku, lot, location, disposition, sum(delta) as quantity from stock_entry where lot is not null group by 1, 2, 3, 4),
    promised as (select sku, lot, location, 'sellable' as disposition, sum(delta) as allocated, sum(held) as held
      from promise_entry where lot is not null group by 1, 2, 3)
  select format('lot %s of %s at %s, %s: %s there, %s allocated, %s held by its row; %s, %s, %s by its entries', lot, sku, location, disposition,
    coalesce(b.quantity, 0), coalesce(b.allocated, 0), coalesce(b.held, 0), coalesce(g.quantity, 0), coalesce(p.allocated, 0), coalesce(p.held, 0)) as example
  from lot_balance b full join goods g using (sku, lot, location, disposition) full join promised p using (sku, lot, location, disposition)
  where (coalesce(b.quantity, 0), coalesce(b.allocated, 0), coalesce(b.held, 0))
    is distinct from (coalesce(g.quantity, 0), coalesce(p.allocated, 0), coalesce(p.held, 0))
  union all
  select format('%s has lots, and is not marked so: none of them is looked at', i.sku)
  from item i where not i.has_lots and exists (select 1 from lot l where l.sku = i.sku)`;

const LOTS_AND_PROMISES: SQL = sql`
  with lines as (
      select coalesce(a.sku, o.sku) as sku, a.lot, a.location, sum(a.quantity) as allocated
      from order_line o cross join lateral jsonb_to_recordset(o.allocations) as a(sku text, lot text, location text, quantity int)
      where o.allocations <> '[]' and a.lot is not null group by 1, 2, 3),
    holds as (
      select h.sku, a.lot, a.location, sum(a.quantity) as held
      from hold h cross join lateral jsonb_to_recordset(h.parts) as a(lot text, location text, quantity int)
      where h.parts <> '[]' and a.lot is not null group by 1, 2, 3),
    rows as (select sku, lot, location, allocated, held from lot_balance where allocated <> 0 or held <> 0)
  select format('lot %s of %s at %s: %s allocated and %s held; its order lines have %s, its holds %s', lot, sku, location,
    coalesce(r.allocated, 0), coalesce(r.held, 0), coalesce(l.allocated, 0), coalesce(h.held, 0)) as example
  from rows r full join lines l using (sku, lot, location) full join holds h using (sku, lot, location)
  where (coalesce(r.allocated, 0), coalesce(r.held, 0)) is distinct from (coalesce(l.allocated, 0), coalesce(h.held, 0))`;

/** A conversion allocates what it no longer holds, of the same place and pool, in the same command, and leaves what is drawn. */
const CONVERSIONS: SQL = sql`
  select format('command %s allocated %s of %s at %s from hold %s, which gave %s there', command_id, allocated, sku, location, hold_id, given) as example
  from (
    select command_id, hold_id, sku, location, program, pool,
      coalesce(sum(delta) filter (where kind = 'allocate'), 0) as allocated, -coalesce(sum(held) filter (where kind = 'unhold'), 0) as given
    from promise_entry where hold_id is not null group by 1, 2, 3, 4, 5, 6
    having count(*) filter (where kind = 'allocate') > 0) c
  where allocated > given`;

/**
 * A pool of one place counts what is drawn of it, and once it was filled what anybody took there since; what a program took is counted in
 * its row of the item, of whatever pool.
 */
const POOL_BALANCE: SQL = sql`
  select format('%s, program %s%s: %s units drawn from its own pool by the balance, %s by its entries; %s taken by the balance, %s by its entries',
    sku, program, case when location = '' then '' else ' at ' || location end, coalesce(b.consumed, 0), coalesce(e.consumed, 0),
    coalesce(b.taken, 0), coalesce(e.taken, 0)) as example
  from pool_balance b
    full join (
      select sku, program, '' as location, sum(case when pool = 'place' then 0 else consumed end) as consumed,
        sum(held) + coalesce(sum(delta) filter (where kind in ('allocate', 'release')), 0) as taken
      from promise_entry group by 1, 2
      union all
      select d.sku, d.program, d.location, d.consumed, coalesce((
          select sum(t.held) + coalesce(sum(t.delta) filter (where t.kind in ('allocate', 'release')), 0)
          from promise_entry t where t.sku = d.sku and t.location = d.location and t.id > d.filled), 0)
      from (select sku, program, location, sum(consumed) as consumed, max(id) filter (where kind = 'refill') as filled
        from promise_entry where pool = 'place' group by 1, 2, 3) d) e using (sku, program, location)
  where coalesce(b.consumed, 0) <> coalesce(e.consumed, 0) or coalesce(b.taken, 0) <> coalesce(e.taken, 0)`;

const LINES_AND_PROMISES: SQL = sql`
  select format('%s at %s, %s (%s): %s allocated, and its order lines hold %s', sku, location, program, pool,
    coalesce(allocated, 0), coalesce(lines, 0)) as example
  from promise_balance b
    full join (
      select coalesce(a.sku, o.sku) as sku, a.location, a.program, a.pool, sum(a.quantity) as lines
      from order_line o
        cross join lateral jsonb_to_recordset(o.allocations) as a(sku text, location text, program text, pool text, quantity int)
      where o.allocations <> '[]' group by 1, 2, 3, 4) l using (sku, location, program, pool)
  where coalesce(allocated, 0) <> coalesce(lines, 0)
  union all
  select format('order %s line %s: %s allocated, and its parts sum to %s', order_id, line_ref, allocated, parts)
  from order_line cross join lateral (
    select coalesce(sum(quantity), 0) as parts from jsonb_to_recordset(allocations) as a(quantity int)) p
  where components is null and allocated <> parts
  union all
  select format('order %s line %s: %s sets allocated, %s of %s in each, and its parts hold %s', order_id, line_ref, allocated,
    c.quantity, c.sku, coalesce(parts, 0))
  from order_line cross join lateral jsonb_to_recordset(components) as c(sku text, quantity int) left join lateral (
    select sum(a.quantity) as parts from jsonb_to_recordset(allocations) as a(sku text, quantity int) where a.sku = c.sku) p on true
  where components is not null and allocated * c.quantity <> coalesce(parts, 0)`;

/** The newest applied word on an item's ref, in the order in which batches decided them, is what its row says. */
const SAID = (kind: 'expect-supply' | 'expect-demand'): SQL => sql`
  select distinct on (sku, body->>'ref') sku, body->>'ref' as ref, (body->>'quantity')::int as quantity, body->>'state' as state,
    coalesce(body->>'location', body->>'program') as whose, (body->>'dueAt')::int8 as due
  from command where kind = ${kind} and state in ('applied', 'unchanged') order by sku, body->>'ref', batch_id desc, id desc`;

const DATED_ROWS: SQL = sql`
  with said as (select 'supply' as what, s.* from (${SAID('expect-supply')}) s union all select 'demand', d.* from (${SAID('expect-demand')}) d),
    stands as (
      select 'supply' as what, sku, ref, quantity, state, location as whose, due_at from dated_supply
      union all select 'demand', sku, ref, quantity, state, program, due_at from dated_demand)
  select format('%s %s of %s: %s units for %s (%s) by its row, which is not what was last said: %s for %s (%s)', what, ref, sku,
    coalesce(s.quantity, 0), s.whose, s.state, coalesce(d.quantity, 0), d.whose, d.state) as example
  from stands s full join said d using (what, sku, ref)
  where (s.quantity, s.state, s.whose, s.due_at) is distinct from (d.quantity, d.state, d.whose, to_timestamp(d.due / 1000.0))`;

const DATED_RECEIPTS: SQL = sql`
  with receipts as (
    select sku, body->>'supply' as ref, sum((body->>'quantity')::int) as units from command
    where kind = 'receive' and body ? 'supply' and state = 'applied' group by 1, 2)
  select format('supply %s of %s: %s received by its row, %s by its receipts', ref, sku, coalesce(received, 0), coalesce(units, 0)) as example
  from dated_supply full join receipts using (sku, ref) where coalesce(received, 0) <> coalesce(units, 0)`;

const VANISHED_UNITS: SQL = sql`
  select format('order %s line %s: %s ordered, %s cancelled or refused, %s shipped leave %s open, and %s are allocated, %s short', order_id, line_ref,
    ordered, greatest(cancelled, refused), shipped, greatest(0, ordered - greatest(cancelled, refused) - shipped), allocated, short) as example
  from order_line where sku is not null and greatest(0, ordered - greatest(cancelled, refused) - shipped) <> allocated + short`;

const OVERPROMISED: SQL = sql`
  select format('order %s line %s: answered %s accepted, %s back-ordered, %s refused, and only %s were ordered', order_id, line_ref,
    accepted, back_ordered, refused, ordered) as example
  from order_line where accepted is not null and accepted + back_ordered + refused > ordered
  union all
  select format('order %s line %s: %s accepted by our answer, and only %s are allocated or shipped', order_id, line_ref, accepted, allocated + shipped)
  from order_line where accepted > allocated + shipped + cancelled + short`;

const VANISHED_LINES: SQL = sql`
  select format('order %s: its line %s is in no book', o.id, s."lineRef") as example
  from sales_order o cross join lateral jsonb_to_recordset(o.state->'lines') as s("lineRef" text, ordered int)
    left join order_line l on l.order_id = o.id and l.line_ref = s."lineRef"
  where l.order_id is null
  union all
  select format('order %s line %s: the platform says %s ordered, the books %s', o.id, l.line_ref, s.ordered * l.pack, l.ordered)
  from sales_order o cross join lateral jsonb_to_recordset(o.state->'lines') as s("lineRef" text, ordered int)
    join order_line l on l.order_id = o.id and l.line_ref = s."lineRef"
  where o.state->>'fulfilledBy' = 'seller' and l.sku is not null and s.ordered * l.pack <> l.ordered`;

const UNTOLD_SHORTAGES: SQL = sql`
  select format('order %s line %s is %s short, and no open shortage of that size says so', order_id, line_ref, short) as example
  from order_line l where short > 0 and sku is not null and not exists (
    select 1 from shortage s where s.key = 'line ' || l.order_id || ' ' || l.line_ref and s.closed_at is null and s.quantity = l.short)`;

const FOREIGN_DRAWS: SQL = sql`
  select format('order %s of program %s drew %s of %s from the own pool of %s', e.order_id, o.program, e.delta, e.sku, e.program) as example
  from promise_entry e join sales_order o on o.id = e.order_id
  where e.pool <> 'shared' and e.kind = 'allocate' and e.program <> o.program
  union all
  select format('hold %s of program %s drew %s of %s from the own pool of %s', h.id, h.program, e.held, e.sku, e.program)
  from promise_entry e join hold h on h.id = e.hold_id
  where e.kind = 'hold' and h.state = 'held' and e.id = (
    select max(id) from promise_entry l where l.hold_id = h.id and l.kind = 'hold') and e.program <> h.program
  union all
  select format('entry %s of %s counts %s units as drawn from the own pool of %s, and %s were', e.id, e.sku, e.consumed, e.program,
    case when e.pool = 'shared' then 0 else e.delta + e.held end)
  from promise_entry e where (e.kind = 'hold' or (e.kind = 'allocate' and e.hold_id is null))
    and e.consumed <> case when e.pool = 'shared' then 0 else e.delta + e.held end
  union all
  select format('command %s moved %s units of %s from hold %s to an order, and counts %s as drawn by that', command_id, sum(delta), sku, hold_id, sum(consumed))
  from promise_entry e where hold_id is not null and exists (
    select 1 from promise_entry a where a.command_id = e.command_id and a.hold_id = e.hold_id and a.kind = 'allocate')
  group by command_id, sku, hold_id, batch_id having sum(consumed) > 0`;

const NEGATIVE_POOLS: SQL = sql`
  select format('%s, program %s%s: %s units drawn from its own pool, which is less than none', sku, program,
    case when location = '' then '' else ' at ' || location end, consumed) as example
  from pool_balance where consumed < 0`;

/**
 * A shared draw leaves all protected units free. Judged where the item's last batch drew shared units and nothing took stock away or
 * filled a pool since, under the policy that still stands: only then is the present free stock what that draw left.
 */
const EATEN_PROTECTION: SQL = sql`
  with policy_now as (select p.version, p.body from policy_current c join policy p on p.version = c.version),
    program as (select p.id from policy_now, jsonb_to_recordset(body->'programs') as p(id text)),
    any_rule as (select r->>'program' as program, r->>'sku' as sku, (r->>'units')::int as units,
        r - 'program' - 'sku' - 'units' - 'refill' = '{}' as is_plain
      from policy_now, jsonb_array_elements(body->'pools') as r where not r ? 'location'),
    -- Programs with a pool that moves with supply or time are left to the properties: here every figure is one of the tables'.
    rule as (select * from any_rule r where not exists (select 1 from any_rule o where o.program = r.program and not o.is_plain)),
    last_batch as (
      select sku, max(batch_id) as batch_id
      from (select sku, batch_id from promise_entry union all select sku, batch_id from stock_entry) e
      -- What a protection cannot use of lots is shared: left to the properties too.
      where exists (select 1 from rule) and not exists (select 1 from item i where i.sku = e.sku and i.has_lots) group by sku),
    drawn as (
      select l.sku from last_batch l join batch b on b.id = l.batch_id join policy_now p on p.version = b.policy_version
      where exists (select 1 from promise_entry e where e.sku = l.sku and e.batch_id = l.batch_id and e.pool = 'shared'
          and (e.kind = 'hold' or (e.kind = 'allocate' and e.hold_id is null)))
        and not exists (select 1 from promise_entry e where e.sku = l.sku and e.batch_id = l.batch_id and e.kind = 'refill')
        and not exists (select 1 from stock_entry e where e.sku = l.sku and e.batch_id = l.batch_id and e.kind not in ('receive', 'return'))),
    figures as (
      select d.sku,
        coalesce((select sum(s.quantity) from stock_balance s join location l on l.id = s.location
          where s.sku = d.sku and s.disposition = 'sellable' and l.sells), 0)
        - coalesce((select sum(s.allocated + s.held) from promise_balance s join location l on l.id = s.location
          where s.sku = d.sku and l.sells), 0) as free,
        (select coalesce(sum(greatest(0, coalesce(
            (select units from rule r where r.program = p.id and r.sku = d.sku limit 1),
            (select units from rule r where r.program = p.id and r.sku = '*' limit 1), 0)
          + coalesce((select sum(case when m.to_pool = p.id then m.units else -m.units end) from reallocation m
            where m.state = 'applied' and m.sku = d.sku and p.id in (m.from_pool, m.to_pool)), 0)
          - coalesce((select consumed from pool_balance b where b.sku = d.sku and b.program = p.id and b.location = ''), 0))), 0) from program p) as protected
      from drawn d)
  select format('%s: a shared draw left %s free units, and %s are protected', sku, free, protected) as example
  from figures where free < protected`;

/**
 * The same at one place: whoever draws there, but for the pool's own program from this pool, leaves what it protects. Judged of core
 * pools without a time, of items without lots, of places where goods cover what is promised.
 */
const EATEN_AT_PLACES: SQL = sql`
  with policy_now as (select p.version, p.body from policy_current c join policy p on p.version = c.version),
    any_rule as (select r->>'program' as program, r->>'location' as location, r->>'sku' as sku, (r->>'units')::int as units,
        r - 'program' - 'location' - 'sku' - 'units' - 'refill' - 'because' = '{}' as is_plain
      from policy_now, jsonb_array_elements(body->'pools') as r where r ? 'location'),
    rule as (select * from any_rule r where not exists (
      select 1 from any_rule o where (o.program, o.location) = (r.program, r.location) and not o.is_plain)),
    last_batch as (
      select sku, max(batch_id) as batch_id
      from (select sku, batch_id from promise_entry union all select sku, batch_id from stock_entry) e
      where exists (select 1 from rule) and not exists (select 1 from item i where i.sku = e.sku and i.has_lots) group by sku),
    drawn as (
      select distinct l.sku, e.location from last_batch l join batch b on b.id = l.batch_id join policy_now p on p.version = b.policy_version
        join promise_entry e on e.sku = l.sku and e.batch_id = l.batch_id and e.pool <> 'place'
          and (e.kind = 'hold' or (e.kind = 'allocate' and e.hold_id is null))
      where not exists (select 1 from promise_entry e where e.sku = l.sku and e.batch_id = l.batch_id and e.kind = 'refill')
        and not exists (select 1 from stock_entry e where e.sku = l.sku and e.batch_id = l.batch_id and e.kind not in ('receive', 'return'))),
    figures as (
      select d.sku, d.location,
        coalesce((select sum(s.quantity) from stock_balance s where (s.sku, s.location) = (d.sku, d.location) and s.disposition = 'sellable'), 0)
        - coalesce((select sum(s.allocated + s.held) from promise_balance s where (s.sku, s.location) = (d.sku, d.location)), 0) as free,
        (select coalesce(sum(greatest(0, coalesce(
            (select units from rule r where (r.program, r.location, r.sku) = (p.program, d.location, d.sku) limit 1),
            (select units from rule r where (r.program, r.location, r.sku) = (p.program, d.location, '*') limit 1), 0)
          - coalesce((select consumed from pool_balance b where (b.sku, b.program, b.location) = (d.sku, p.program, d.location)), 0))), 0)
          from (select distinct program from rule where location = d.location) p) as protected
      from drawn d)
  select format('%s at %s: a draw left %s free units there, and %s are protected', sku, location, free, protected) as example
  from figures f where free < protected
    -- Where another place lacks what it promised, this one stands in for it.
    and not exists (select 1 from shortage s where s.closed_at is null and s.sku = f.sku and s.location is not null)`;

/** Units are moved exactly by the commands that were decided: each request in force has its own, and each command a request. */
const MOVES: SQL = sql`
  with moved as (select (body->>'id')::bigint as id, sku, body->>'from' as from_pool, body->>'to' as to_pool, (body->>'units')::int as units
      from command where kind = 'reallocate' and state = 'applied'),
    ended as (select (body->>'id')::bigint as id from command where kind = 'end-reallocation' and state = 'applied')
  select format('reallocation %s of %s is in force, and no decided command moved %s units from %s to %s', r.id, r.sku, r.units, r.from_pool, r.to_pool) as example
  from reallocation r where r.state = 'applied' and (r.id in (select id from ended) or not exists (select 1 from moved m
    where m.id = r.id and (m.sku, m.from_pool, m.to_pool, m.units) = (r.sku, r.from_pool, r.to_pool, r.units)))
  union all
  select format('a decided command moved %s units of %s by reallocation %s, which is not in force', m.units, m.sku, m.id)
  from moved m where m.id not in (select id from ended) and not exists (select 1 from reallocation r where r.id = m.id and r.state = 'applied')
  union all
  select format('reallocation %s of %s gives back %s and counts %s as drawn, of %s units', r.id, r.sku, r.returned, r.spent, r.units)
  from reallocation r where r.applied_at is not null and r.state <> 'applied' and r.returned + r.spent <> r.units`;

/** A kit has no goods; a cycle could not be resolved. */
const KITS_WITH_GOODS: SQL = sql`
  select format('%s is a kit, and has %s units on hand at %s', b.sku, b.quantity, b.location) as example
  from stock_balance b where b.quantity <> 0 and exists (select 1 from item_component c where c.kit = b.sku)
  union all
  select format('%s is a kit that holds itself', kit)
  from (select distinct kit from item_component) k where kit in (select kit from kits_with(array[k.kit]))`;

export const BOOKS = {
  overbooked: [OVERBOOKED],
  balances: [
    STOCK_BALANCE,
    PROMISE_BALANCE,
    POOL_BALANCE,
    LINES_AND_PROMISES,
    HOLDS_AND_PROMISES,
    LOT_BALANCE,
    LOTS_AND_PROMISES,
    CONVERSIONS,
    KITS_WITH_GOODS,
    DATED_ROWS,
    DATED_RECEIPTS,
  ],
  lines: [VANISHED_UNITS, VANISHED_LINES, OVERPROMISED, UNTOLD_SHORTAGES],
  pools: [FOREIGN_DRAWS, NEGATIVE_POOLS, EATEN_PROTECTION, EATEN_AT_PLACES, MOVES],
} as const;
