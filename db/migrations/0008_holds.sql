-- Holds are decided by the core: drawn as orders are, entered in the promise ledger, converted and ended by command.

-- Signed like `delta`; a conversion is an `unhold` and an `allocate` of one command, both with the hold's id.
alter table promise_entry
  add column held integer not null default 0,
  add column hold_id bigint;
alter table promise_entry drop constraint promise_entry_kind_check;
alter table promise_entry add constraint promise_entry_kind_check
  check (kind in ('allocate', 'release', 'ship', 'refill', 'hold', 'unhold'));
create index promise_entry_hold on promise_entry (hold_id) where hold_id is not null;

alter table promise_balance add column held integer not null default 0 check (held >= 0);

-- An id is that of the command which placed the hold. Nothing made holds until now: rows put in by hand are in no ledger, so they
-- end here, under ids that no command has, and their items are decided again.
update item set next_review_at = now() where sku in (select sku from hold where state = 'held');
alter table hold alter column id drop identity;
update hold set id = -id, state = case state when 'held' then 'released' else state end;
drop index hold_live;
alter table hold alter column location drop not null;
alter table hold
  add column program text not null default '',
  add column kind text not null default 'cart' check (kind in ('cart', 'draft', 'launch', 'presale', 'subscription', 'forecast')),
  add column ref text,
  -- What it still keeps, and of which places and pools; `quantity` is what was asked for.
  add column units integer not null default 0 check (units >= 0),
  add column parts jsonb not null default '[]',
  add column ended_at timestamptz,
  -- Its time has come, and the command that ends it is written.
  add column is_ending boolean not null default false,
  add constraint hold_ended check ((state = 'held') = (units > 0) and (ended_at is null or state <> 'held'));
alter table hold alter column program drop default, alter column kind drop default;
create unique index hold_ref on hold (sku, ref) where ref is not null;
create index hold_live on hold (sku, expires_at) where state = 'held';
create index hold_due on hold (expires_at) where state = 'held' and not is_ending;
