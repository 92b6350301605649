-- Retries by class, the breaker of each channel, parked input with owner and age, and the gate from shadow to live.

-- Failures in a row count by class: an outage of the channel says nothing of the next refusal of one listing.
alter table listing_sync add column failure_class text;

-- Tries of one entry whose platform does not give its order.
alter table inbox_key add column tries integer not null default 0;

-- core/breaker.ts. No row: closed, and nothing counted.
create table channel_breaker (
  channel_id text primary key references channel,
  state text not null default 'closed' check (state in ('closed', 'open', 'halfOpen')),
  failures integer not null default 0,
  trips integer not null default 0,
  opened_at timestamptz,
  retry_at timestamptz,
  last_error text,
  changed_at timestamptz not null default clock_timestamp()
);

-- What cannot be sent is parked too: the number of a listing, and a document of ours.
alter table parked drop constraint parked_source_check;
alter table parked add constraint parked_source_check check (source in ('inbox', 'command', 'listing', 'document'));
alter table parked
  add column owner text,
  add column taken_at timestamptz,
  -- When this source was parked first: what is parked again is no younger for it.
  add column first_parked_at timestamptz not null default now(),
  -- When allot tries it again by itself; null: when its cause is gone, or a person says so.
  add column retry_at timestamptz,
  -- What read it in vain: another reader (an upgrade, another dialect or key) tries it once.
  add column reader text,
  -- The policy in force when it was refused: a newer one may know what it names.
  add column policy_version integer;
update parked set first_parked_at = parked_at;
create index parked_source on parked (source, source_id);
create index parked_cause on parked (code, channel_id, first_parked_at) where state = 'parked';
create index parked_retry on parked (retry_at) where state = 'parked' and retry_at is not null;

alter table document drop constraint document_state_check;
alter table document add constraint document_state_check
  check (state in ('withheld', 'pending', 'sent', 'accepted', 'rejected', 'parked', 'dropped'));

-- core/gate.ts. Hundredths of a percent of the items that are written to while the channel is live; the rest is as in shadow.
alter table channel
  add column live_share integer not null default 10000 check (live_share between 1 and 10000),
  add column share_changed_at timestamptz not null default now(),
  -- Why the gate took it back to shadow; null: it did not. A person who sets the mode clears it.
  add column fell_back text,
  add column diverging_scans integer not null default 0,
  -- A person said that allot leaves it: nothing is written any more.
  add column left_at timestamptz;

-- Where an item stands among 10,000: the same for ever, so that a share only grows, and all listings of an item go together.
create function ramp_place(sku text) returns integer immutable strict parallel safe language sql
  return (('x' || substr(md5(sku), 1, 7))::bit(28)::integer % 10000);
alter table listing add column ramp_place integer generated always as (ramp_place(sku)) stored;

-- What the scans of a day compared and found. In shadow every mapped listing; live, those that are written to.
create table agreement (
  channel_id text not null references channel,
  day date not null,
  mode text not null check (mode in ('shadow', 'live')),
  scans integer not null default 0,
  compared bigint not null default 0,
  agreed bigint not null default 0,
  -- Changed a moment ago: whoever writes there cannot have told it yet.
  moving bigint not null default 0,
  units bigint not null default 0,
  causes jsonb not null default '{}',
  -- The last scan of the day alone.
  last_compared integer not null default 0,
  last_agreed integer not null default 0,
  last_at timestamptz not null default clock_timestamp(),
  primary key (channel_id, day, mode)
);
