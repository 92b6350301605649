-- What is expected to come and to be wanted, by date. One row per item and ref: a purchase order of many items has as many rows, each
-- guarded by its item. `received` counts up with the receipts that name the ref; the rest is still expected.
create table dated_supply (
  sku text collate "C" not null references item on update cascade,
  ref text collate "C" not null check (ref <> ''),
  location text not null references location,
  kind text not null check (kind in ('purchaseOrder', 'transfer', 'production')),
  quantity integer not null check (quantity > 0),
  received integer not null default 0 check (received >= 0),
  due_at timestamptz not null,
  state text not null check (state in ('open', 'cancelled')),
  -- Its moment passed, not all has come, and that was told.
  is_late boolean not null default false,
  batch_id bigint not null,
  changed_at timestamptz not null default now(),
  primary key (sku, ref)
);
create index dated_supply_open on dated_supply (sku) where state = 'open' and received < quantity;
create index dated_supply_ref on dated_supply (ref);

create table dated_demand (
  sku text collate "C" not null references item on update cascade,
  ref text collate "C" not null check (ref <> ''),
  program text not null,
  quantity integer not null check (quantity > 0),
  due_at timestamptz not null,
  state text not null check (state in ('open', 'cancelled')),
  batch_id bigint not null,
  changed_at timestamptz not null default now(),
  primary key (sku, ref)
);
create index dated_demand_open on dated_demand (sku) where state = 'open';

-- By when the goods are there that a number relies on beyond stock; and the version with which that changed last: a partner that is
-- told dates is told again, also where its number stays.
alter table target add column restock_at timestamptz, add column dated_version integer not null default 0;
