-- Lots refine what is on hand: by place and disposition a lot has its own balance, and what the lots of a place leave of its balance has
-- no lot. An item that never had one is marked so, and pays nothing.
alter table item add column has_lots boolean not null default false;

create table lot (
  sku text collate "C" not null references item on update cascade,
  code text collate "C" not null check (btrim(code) <> ''),
  -- When the first of it came in.
  received_at timestamptz not null,
  -- From this moment on nobody is promised any of it; null: it never expires.
  expires_at timestamptz,
  primary key (sku, code)
);
create index lot_code on lot (code);
create index lot_expiry on lot (expires_at) where expires_at is not null;

create table lot_balance (
  sku text collate "C" not null,
  lot text collate "C" not null,
  location text not null references location,
  disposition text not null check (disposition in ('sellable', 'quarantine', 'damaged', 'rework', 'scrap')),
  -- Below 0 where more left than was known to be there.
  quantity integer not null default 0,
  allocated integer not null default 0 check (allocated >= 0),
  held integer not null default 0 check (held >= 0),
  -- Moment of the last count of this lot alone.
  counted_as_of timestamptz,
  primary key (sku, lot, location, disposition),
  foreign key (sku, lot) references lot on update cascade,
  check (disposition = 'sellable' or (allocated = 0 and held = 0))
);
create index lot_balance_standing on lot_balance (sku) where quantity <> 0 or allocated <> 0 or held <> 0;

alter table stock_entry add column lot text collate "C";
alter table promise_entry add column lot text collate "C";
-- A recall asks by lot; entries without one are in neither index.
create index stock_entry_lot on stock_entry (sku, lot) where lot is not null;
create index promise_entry_lot on promise_entry (sku, lot) where lot is not null;

create index alert_lot on alert (fingerprint) where code in ('lot-aged', 'lot-expiring', 'lot-lacking') and state <> 'closed';
