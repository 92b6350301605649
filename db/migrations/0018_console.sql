-- People who use the console, their sessions, and what its pages are read by.

create table console_user (
  name text collate "C" primary key check (name ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
  role text not null check (role in ('viewer', 'operator', 'approver', 'admin')),
  -- Argon2id in PHC form; null: known by a reverse proxy alone, and cannot log in here.
  password text,
  created_at timestamptz not null default now(),
  created_by text not null,
  password_changed_at timestamptz
);

-- The token itself is with its browser alone.
create table console_session (
  token_hash bytea primary key,
  user_name text collate "C" not null references console_user on delete cascade,
  created_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index console_session_user on console_session (user_name);
create index console_session_end on console_session (expires_at);

-- Failed logins by whom and from where: a guesser waits longer each time. Kept a day.
create table login_failure (
  key text primary key,
  failures integer not null,
  last_at timestamptz not null,
  blocked_until timestamptz not null
);
create index login_failure_age on login_failure (last_at);

-- Pages are read in the order of their key, a search by the beginning of a SKU, by words of a title, by an order's number.
create index item_by_sku on item (sku collate "C");
create index item_sku_lower on item (lower(sku) collate "C");
create index item_title_words on item using gin (to_tsvector('simple', title));
-- As a column, so that a new state of an order whose number stays touches no index.
alter table sales_order add column display_ref text generated always as (state->>'displayRef') stored;
create index sales_order_display on sales_order (display_ref);
create index sales_order_newest on sales_order (placed_at, id);
create index listing_by_ref on listing (listing_ref);
create index listing_unmapped on listing (channel_id, id) where sku is null;
create index listing_sync_blocked on listing_sync (blocked_until) where blocked_until is not null;
create index shortage_opened on shortage (opened_at, key) where closed_at is null;
create index audit_subject on audit (subject, id);
-- An import of 100,000 items looks for the identifiers of each, and so does an item's page: by the whole table until now.
create index item_identifier_sku on item_identifier (sku);
