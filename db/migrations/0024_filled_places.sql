-- A pool of one place may be a part of what is there: once filled it counts what anybody takes at its place (core/drawn.ts).
update pool_balance b set is_filled = true, taken = coalesce((
  select sum(t.held) + coalesce(sum(t.delta) filter (where t.kind in ('allocate', 'release')), 0)
  from promise_entry t where t.sku = f.sku and t.location = f.location and t.id > f.id), 0)
from (select sku, program, location, max(id) as id from promise_entry where pool = 'place' and kind = 'refill' group by 1, 2, 3) f
where (b.sku, b.program, b.location) = (f.sku, f.program, f.location);
