-- A pool that is a part of the supply, or a limit, counts from the moment it was filled: one that never was begins with its item's next
-- decision, and not with all that was ever sold.
alter table pool_balance add column is_filled boolean not null default false;
update pool_balance b set is_filled = true
where exists (select 1 from promise_entry e where e.sku = b.sku and e.program = b.program and e.kind = 'refill');
