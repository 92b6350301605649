-- Pools of one place: what is drawn of them is counted by program and place; '' is the program's pool of the whole item.
alter table promise_entry drop constraint promise_entry_pool_check;
alter table promise_entry add constraint promise_entry_pool_check check (pool in ('own', 'place', 'shared'));

alter table pool_balance add column location text not null default '';
alter table pool_balance drop constraint pool_balance_pkey;
alter table pool_balance add primary key (sku, program, location);

alter table low_pool add column location text not null default '';
alter table low_pool drop constraint low_pool_pkey;
alter table low_pool add primary key (sku, program, location);
