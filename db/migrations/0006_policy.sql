-- Pools by percent and limit, rules for groups, routes. `taken` is allocated less released over all time; the two marks are what it was,
-- for the program and for all, when the pool was last filled: what a percent is one of is what was free then.
alter table pool_balance
  add column taken integer not null default 0,
  add column taken_at_fill integer not null default 0,
  add column all_taken_at_fill integer not null default 0;

update pool_balance b set taken = e.taken from (
  select sku, program, sum(delta) as taken from promise_entry where kind in ('allocate', 'release') group by 1, 2) e
where e.sku = b.sku and e.program = b.program;
insert into pool_balance (sku, program, consumed, taken)
select sku, program, 0, sum(delta) from promise_entry e where kind in ('allocate', 'release')
  and not exists (select from pool_balance b where b.sku = e.sku and b.program = e.program)
group by 1, 2 having sum(delta) <> 0;

alter table item
  add column groups text[] not null default '{}',
  add column minimum integer check (minimum >= 0),
  add column safety_stock integer check (safety_stock >= 0);

alter table sales_order add column route text;
