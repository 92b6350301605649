-- A request to move protected units of an item from one pool to another for a time; db/reallocations.ts has its states.
create table reallocation (
  id bigint generated always as identity primary key,
  sku text collate "C" not null references item on update cascade,
  from_pool text not null,
  to_pool text not null check (to_pool <> from_pool),
  units integer not null check (units > 0),
  until timestamptz not null,
  reason text not null check (btrim(reason) <> ''),
  state text not null default 'proposed'
    check (state in ('proposed', 'approved', 'applied', 'returned', 'expired', 'rejected', 'withdrawn')),
  -- Who is harmed by it, as its proposer was shown (core/reallocation-preview.ts).
  preview jsonb not null,
  proposer text not null,
  proposed_at timestamptz not null,
  approver text check (approver <> proposer),
  approved_at timestamptz,
  applied_at timestamptz,
  applied_by text,
  closed_at timestamptz,
  closed_by text,
  close_reason text,
  -- Of the units: back in the pool they came from, and drawn meanwhile by whoever received them.
  returned integer not null default 0 check (returned >= 0),
  spent integer not null default 0 check (spent >= 0),
  -- The command of its end is written: so that it is written once.
  ending_at timestamptz,
  check ((state in ('applied', 'returned')) <= (applied_at is not null)),
  check (returned + spent in (0, units))
);
create index reallocation_in_force on reallocation (sku) where state = 'applied';
create index reallocation_end on reallocation (until) where state in ('proposed', 'approved', 'applied');
create index reallocation_donor on reallocation (sku, from_pool, applied_at) where applied_at is not null;

-- Pools below their threshold, as their item was last decided; the sweep tells them as alerts.
create table low_pool (
  sku text collate "C" not null,
  program text not null,
  units integer not null,
  remaining integer not null,
  missing integer not null,
  -- The moves that would mend it, the largest safe donor first.
  moves jsonb not null,
  since timestamptz not null default now(),
  primary key (sku, program)
);
create index alert_pool_low on alert (fingerprint) where code = 'pool-low' and state <> 'closed';

alter table promise_entry drop constraint promise_entry_kind_check;
alter table promise_entry add constraint promise_entry_kind_check
  check (kind in ('allocate', 'release', 'ship', 'refill', 'hold', 'unhold', 'reallocate'));
