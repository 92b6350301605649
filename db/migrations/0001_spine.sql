-- The spine. What DESIGN section 2 says must be right from the first migration on: signed append-only ledgers, the count rule,
-- resource locks, next_review_at, the policy version on every decision, batches, inbox keys apart from sealed payloads, targets,
-- push attempts with lease and fence, alerts, audit. db/README.md tells every table's owner.

-- Who this database is: two brands may share one Redis, never each other's bells.
create table installation (
  only_row boolean primary key default true check (only_row),
  id uuid not null default gen_random_uuid()
);
insert into installation default values;

-- ---- catalogue ------------------------------------------------------------------------------------------------------------
create table location (
  id text primary key,
  master text not null check (master in ('allot', 'shopify', '3pl', 'erp')),
  sells boolean not null default true,
  created_at timestamptz not null default now()
);

create table item (
  sku text primary key check (sku <> ''),
  title text not null default '',
  lifecycle text not null default 'active' check (lifecycle in ('active', 'retired')),
  next_review_at timestamptz,
  created_at timestamptz not null default now()
);
create index item_review on item (next_review_at) where next_review_at is not null;

create table item_identifier (
  kind text not null,
  value text not null,
  sku text not null references item on update cascade on delete cascade,
  primary key (kind, value)
);

create table channel (
  id text primary key check (id ~ '^[a-z][a-z0-9-]*:[A-Za-z0-9_-]+$'),
  connector text not null,
  program text not null,
  mode text not null default 'shadow' check (mode in ('shadow', 'live', 'paused')),
  mode_changed_at timestamptz not null default now(),
  mode_changed_by text not null default 'configuration',
  configured boolean not null default true
);

-- sku null: seen on the platform, mapped to nothing yet.
create table listing (
  id bigint generated always as identity primary key,
  channel_id text not null references channel,
  listing_ref text not null,
  location_ref text not null default '',
  sku text references item on update cascade,
  pack integer not null default 1 check (pack > 0),
  locations text[] not null default '{}',
  sku_hint text,
  title text not null default '',
  data jsonb not null default '{}',
  platform_state text not null default 'tracked' check (platform_state in ('tracked', 'untracked', 'missing', 'notBuyable')),
  mapped_at timestamptz,
  created_at timestamptz not null default now(),
  unique (channel_id, listing_ref, location_ref)
);
create index listing_sku on listing (sku);
-- A platform may name a listing by another of its ids, which its connector keeps in `data` (db/push.ts, listingsByRef): found by index,
-- since a shop of 100,000 listings tells of each level that changes.
create index listing_data_values on listing using gin (jsonb_path_query_array(data, '$.*'));

-- ---- policy ---------------------------------------------------------------------------------------------------------------
create table policy (
  version integer primary key,
  body jsonb not null,
  author text not null,
  reason text not null,
  created_at timestamptz not null default now()
);
-- One row; read under a share lock by every decision, so that a new policy waits for running batches and they for it.
create table policy_current (
  only_row boolean primary key default true check (only_row),
  version integer not null references policy
);

-- ---- locks ----------------------------------------------------------------------------------------------------------------
-- Rows, not advisory keys: no collisions, no limit of the lock table. Taken in (kind, id) order. 1 order, 2 item; a listing is
-- guarded by its item.
create table resource (
  kind smallint not null,
  id text collate "C" not null,
  primary key (kind, id)
);

-- ---- inbox ----------------------------------------------------------------------------------------------------------------
-- The key outlives the payload: an event is known for ever, its content is purged.
create table inbox_key (
  inbox_id bigint generated always as identity primary key,
  channel_id text not null,
  key text not null,
  topic text not null,
  source text not null check (source in ('webhook', 'poll', 'file', 'operator')),
  -- Below signed, the content is not believed: it is a bell, and the truth is read.
  assurance text not null default 'signed' check (assurance in ('signed', 'sharedSecret', 'none')),
  received_at timestamptz not null default clock_timestamp(),
  state text not null default 'pending' check (state in ('pending', 'taken', 'parked', 'dropped')),
  -- Its platform did not answer: not before this moment.
  retry_at timestamptz,
  unique (channel_id, key)
);
create index inbox_pending on inbox_key (inbox_id) where state = 'pending';

create table inbox_raw (
  inbox_id bigint not null,
  received_on date not null default current_date,
  key_id text not null,
  sealed bytea not null,
  purge_on date not null,
  primary key (received_on, inbox_id)
) partition by range (received_on);
create table inbox_raw_default partition of inbox_raw default;

-- ---- commands and batches -------------------------------------------------------------------------------------------------
create table batch (
  id bigint generated always as identity primary key,
  -- Feeds read below the oldest running transaction: a sequence is not commit order.
  xid xid8 not null default pg_current_xact_id(),
  decided_at timestamptz not null,
  policy_version integer not null,
  core_version integer not null,
  command_ids bigint[] not null
);

create table command (
  id bigint generated always as identity primary key,
  kind text not null,
  body jsonb not null,
  actor text not null,
  order_id text collate "C",
  sku text collate "C",
  channel_id text,
  -- Listings that an order names: which items it touches is known before it is decided.
  listing_refs text[] not null default '{}',
  inbox_id bigint,
  occurred_at timestamptz not null,
  recorded_at timestamptz not null default clock_timestamp(),
  state text not null default 'pending' check (state in ('pending', 'applied', 'unchanged', 'parked', 'dropped')),
  batch_id bigint
);
create index command_pending on command (id) where state = 'pending';
create index command_order on command (order_id, id) where state in ('pending', 'parked');
create index command_inbox on command (inbox_id);

-- ---- stock ledger ---------------------------------------------------------------------------------------------------------
create table stock_entry (
  id bigint generated always as identity,
  batch_id bigint not null,
  command_id bigint not null,
  sku text collate "C" not null,
  location text not null,
  disposition text not null,
  kind text not null,
  delta integer not null check (delta <> 0),
  occurred_at timestamptz not null,
  recorded_at timestamptz not null default now(),
  primary key (recorded_at, id)
) partition by range (recorded_at);
create table stock_entry_default partition of stock_entry default;
create index stock_entry_sku on stock_entry (sku, occurred_at);

create table stock_balance (
  sku text collate "C" not null,
  location text not null references location,
  disposition text not null check (disposition in ('sellable', 'quarantine', 'damaged', 'rework', 'scrap')),
  quantity integer not null,
  counted_as_of timestamptz,
  primary key (sku, location, disposition)
);

-- ---- promise ledger -------------------------------------------------------------------------------------------------------
create table promise_entry (
  id bigint generated always as identity,
  batch_id bigint not null,
  command_id bigint not null,
  sku text collate "C" not null,
  location text not null,
  program text not null,
  pool text not null check (pool in ('own', 'shared')),
  kind text not null check (kind in ('allocate', 'release', 'ship', 'refill')),
  delta integer not null,
  consumed integer not null,
  order_id text collate "C",
  line_ref text,
  occurred_at timestamptz not null,
  recorded_at timestamptz not null default now(),
  primary key (recorded_at, id)
) partition by range (recorded_at);
create table promise_entry_default partition of promise_entry default;
create index promise_entry_sku on promise_entry (sku, occurred_at);

create table promise_balance (
  sku text collate "C" not null,
  location text not null,
  program text not null,
  pool text not null,
  allocated integer not null check (allocated >= 0),
  primary key (sku, location, program, pool)
);

create table pool_balance (
  sku text collate "C" not null,
  program text not null,
  consumed integer not null,
  primary key (sku, program)
);

create table hold (
  id bigint generated always as identity primary key,
  sku text collate "C" not null references item,
  location text not null references location,
  quantity integer not null check (quantity > 0),
  owner text not null,
  reason text not null,
  expires_at timestamptz not null,
  state text not null default 'held' check (state in ('held', 'expired', 'released', 'converted')),
  created_at timestamptz not null default now()
);
create index hold_live on hold (sku) where state = 'held';

-- ---- orders ---------------------------------------------------------------------------------------------------------------
create table sales_order (
  id text collate "C" primary key,
  channel_id text not null,
  program text not null,
  placed_at timestamptz not null,
  -- The joined state as the platform tells it (core/order-state.ts), listing units.
  state jsonb not null,
  first_batch_id bigint not null,
  batch_id bigint not null,
  recorded_at timestamptz not null default now()
);

create table order_line (
  order_id text collate "C" not null references sales_order,
  line_ref text not null,
  listing_id bigint,
  sku text collate "C",
  pack integer not null,
  ordered integer not null,
  cancelled integer not null,
  returned integer not null,
  reported_shipped integer not null,
  shipped integer not null,
  allocated integer not null,
  short integer not null check (short >= 0),
  allocations jsonb not null,
  primary key (order_id, line_ref),
  -- I4: no accepted unit vanishes.
  check (sku is null or ordered - cancelled - shipped <= allocated + short)
);
create index order_line_short on order_line (sku) where short > 0;
create index order_line_sku on order_line (sku);

create table shortage (
  key text primary key,
  sku text not null,
  location text,
  order_id text,
  line_ref text,
  quantity integer not null check (quantity >= 0),
  opened_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  closed_at timestamptz
);
create index shortage_open on shortage (sku) where closed_at is null;

-- ---- targets --------------------------------------------------------------------------------------------------------------
create table target (
  listing_id bigint primary key references listing on delete cascade,
  version integer not null,
  quantity integer not null check (quantity >= 0),
  own_sold integer not null,
  own_open integer not null,
  in_flight integer not null,
  seen_sold integer,
  seen_until timestamptz,
  -- The newest version that the platform has acknowledged (or was read to show).
  acked_version integer not null default 0,
  -- Since when there has been a version that is not acknowledged.
  behind_since timestamptz not null default clock_timestamp(),
  batch_id bigint not null,
  decided_at timestamptz not null,
  inputs jsonb
);
create index target_behind on target (listing_id) where version > acked_version;

create table target_entry (
  listing_id bigint not null,
  version integer not null,
  quantity integer not null,
  own_sold integer not null,
  own_open integer not null,
  in_flight integer not null,
  batch_id bigint not null,
  decided_at timestamptz not null,
  inputs jsonb not null,
  recorded_at timestamptz not null default now(),
  primary key (recorded_at, listing_id, version)
) partition by range (recorded_at);
create table target_entry_default partition of target_entry default;
create index target_entry_listing on target_entry (listing_id, version);

-- ---- push -----------------------------------------------------------------------------------------------------------------
-- What the platform was last told and last showed (core/wire.ts gives the columns their meaning).
create table listing_sync (
  listing_id bigint primary key references listing on delete cascade,
  acked_quantity integer,
  acked_wire integer,
  acked_at timestamptz,
  sold_baseline integer,
  -- The write whose answer never came: what the three above would be, had it applied. Cleared by the next read.
  unknown_quantity integer,
  unknown_wire integer,
  unknown_baseline integer,
  shown integer,
  observed_sellable integer,
  observed_state text,
  observed_at timestamptz,
  -- When the platform is to be looked at again before (or, without write protection, after) a write.
  read_due_at timestamptz,
  blocked_until timestamptz,
  blocked_reason text,
  blocked_fix text,
  failures integer not null default 0
);
create index listing_sync_read_due on listing_sync (read_due_at) where read_due_at is not null;

create table push_attempt (
  id bigint generated always as identity primary key,
  channel_id text not null,
  lane text not null,
  owner text not null,
  fence integer not null default 1,
  lease_until timestamptz not null,
  state text not null default 'open' check (state in ('open', 'ticket', 'done')),
  idempotency_key text not null,
  wire text not null,
  ticket text,
  collect_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  sent_at timestamptz,
  finished_at timestamptz
);
create index push_attempt_finished on push_attempt (finished_at) where state = 'done';
create index push_attempt_unfinished on push_attempt (channel_id, lease_until) where state <> 'done';

create table push_attempt_item (
  attempt_id bigint not null references push_attempt,
  position integer not null,
  listing_id bigint not null,
  version integer not null,
  quantity integer not null,
  wire_quantity integer not null,
  compare_with integer,
  sold_baseline integer not null,
  outcome text,
  detail text,
  finished_at timestamptz,
  primary key (attempt_id, position)
);
-- At most one unfinished write per listing.
create unique index push_attempt_item_unfinished on push_attempt_item (listing_id) where outcome is null;
create index push_attempt_item_listing on push_attempt_item (listing_id, version);

-- Each acknowledgement, also those without a write: what propagation is measured by. Kept some days.
create table push_ack (
  listing_id bigint not null,
  version integer not null,
  acked_at timestamptz not null default clock_timestamp()
);
create index push_ack_listing on push_ack (listing_id, version);
create index push_ack_age on push_ack (acked_at);

-- ---- work that is not done ------------------------------------------------------------------------------------------------
create table outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  key text not null default '',
  recorded_at timestamptz not null default clock_timestamp()
);

create table parked (
  id bigint generated always as identity primary key,
  source text not null check (source in ('inbox', 'command')),
  source_id bigint not null,
  channel_id text,
  order_id text,
  code text not null,
  reason text not null,
  field text,
  fix text not null,
  -- What it waits for, in words that a later event can name: `listing shopify:main gid://...`, `item SKU`.
  waits_for text,
  parked_at timestamptz not null default now(),
  attempts integer not null default 1,
  state text not null default 'parked' check (state in ('parked', 'retried', 'dropped')),
  closed_at timestamptz,
  closed_by text,
  drop_reason text
);
create unique index parked_open on parked (source, source_id) where state = 'parked';
create index parked_waits on parked (waits_for) where state = 'parked';

create table alert (
  id bigint generated always as identity primary key,
  fingerprint text not null,
  code text not null,
  severity text not null check (severity in ('critical', 'error', 'warning', 'info')),
  title text not null,
  channel_id text,
  touches jsonb not null default '{}',
  cause text not null,
  next_step text not null,
  first_seen_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  count integer not null default 1,
  owner text,
  deadline timestamptz,
  state text not null default 'open' check (state in ('open', 'acknowledged', 'snoozed', 'closed')),
  closed_at timestamptz,
  proof text
);
create unique index alert_open on alert (fingerprint) where state <> 'closed';

create table channel_cursor (
  channel_id text not null references channel,
  feed text not null,
  cursor text,
  complete boolean not null default false,
  advanced_at timestamptz not null default now(),
  primary key (channel_id, feed)
);

-- Rate limits and refusals of a whole channel live here, never in process memory.
create table channel_health (
  channel_id text primary key references channel,
  throttled_until timestamptz,
  throttled_operation text,
  last_error text,
  last_error_at timestamptz,
  last_ok_at timestamptz,
  reconciled_at timestamptz
);

create table worker (
  id text primary key,
  roles text[] not null,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now()
);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  subject text not null,
  detail jsonb not null default '{}'
);
