-- Alerts that people work with: who has them, until when they are silent, what became of them and why they were closed.
alter table alert drop constraint alert_state_check;
alter table alert add constraint alert_state_check check (state in ('open', 'acknowledged', 'snoozed', 'proving', 'closed'));
alter table alert
  -- How much is at stake, in whatever the code counts; what it was when people were last told.
  add column size bigint not null default 1,
  add column told_size bigint not null default 1,
  add column told_severity text not null default 'info',
  -- allot mends it itself: nobody has to act while it does.
  add column mending boolean not null default false,
  -- The deadline is a real one (a promised shipment), not the catalogue's.
  add column is_promised boolean not null default false,
  add column snoozed_until timestamptz,
  add column state_at timestamptz not null default now(),
  add column state_by text not null default 'allot',
  add column reopened integer not null default 0,
  -- Open orders that it touches, measured when people are told.
  add column reach jsonb,
  add column reach_at timestamptz,
  -- What the newest sighting made of it; null when nothing that people should know.
  add column change text,
  -- The newest of its fingerprint: seen again soon after it was closed, the same row comes back.
  add column is_latest boolean not null default true;
update alert a set told_severity = a.severity,
  is_latest = not exists (select 1 from alert b where b.fingerprint = a.fingerprint and b.id > a.id);
update alert set proof = 'closed before proofs were asked for' where state = 'closed' and proof is null;
alter table alert add constraint alert_closed_by_proof check (state <> 'closed' or proof is not null);
drop index alert_open;
create unique index alert_latest on alert (fingerprint) where is_latest;
create index alert_open on alert (fingerprint) where state <> 'closed';
create index alert_closed on alert (closed_at) where state = 'closed';

-- What became of an alert, append-only.
create table alert_event (
  id bigint generated always as identity primary key,
  alert_id bigint not null references alert on delete cascade,
  kind text not null check (kind in
    ('raised', 'grew', 'reopened', 'acknowledged', 'snoozed', 'woke', 'taken', 'resolved', 'closed')),
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  detail text,
  -- Its messages were written, or nobody is to be told.
  is_routed boolean not null default false
);
create index alert_event_alert on alert_event (alert_id, id);
create index alert_event_unrouted on alert_event (id) where not is_routed;
-- What happened before there were messages is not news.
insert into alert_event (alert_id, kind, at, actor, detail, is_routed)
  select id, 'raised', first_seen_at, 'allot', null, true from alert;
insert into alert_event (alert_id, kind, at, actor, detail, is_routed)
  select id, 'closed', closed_at, 'allot', proof, true from alert where state = 'closed' and closed_at is not null;

-- The digest of one person and day: written once, whichever process is first.
create table digest (
  person text not null,
  day date not null,
  composed_at timestamptz not null default clock_timestamp(),
  primary key (person, day)
);

-- Messages on their way: one per event of an alert and destination; or one that stands for itself (a digest, a test).
create table notification (
  id bigint generated always as identity primary key,
  destination text not null,
  -- Messages of one key go out as one: the alerts of one code and channel.
  topic text not null,
  event_id bigint references alert_event on delete cascade,
  body jsonb,
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'dead')),
  attempts integer not null default 0,
  send_at timestamptz not null,
  last_error text,
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  check ((event_id is null) <> (body is null)),
  unique (event_id, destination)
);
create index notification_waiting on notification (destination, topic) where state = 'waiting';
create index notification_finished on notification (destination, finished_at) where state <> 'waiting';

-- When a periodic look was last taken, whichever process took it.
create table turn (
  name text primary key,
  taken_at timestamptz not null
);

-- Orders of a channel by the day they were placed on: how many were cancelled, were to be shipped by now, and were not in time.
create table order_day (
  channel_id text not null,
  day date not null,
  orders integer not null,
  cancelled integer not null,
  due integer not null,
  late integer not null,
  counted_at timestamptz not null,
  primary key (channel_id, day)
);
-- Block ranges: next to nothing to keep while orders come in, and they come in in order of time.
create index sales_order_placed on sales_order using brin (placed_at) with (autosummarize = on, pages_per_range = 32);

-- Orders that were seen with units still to ship after the moment they were promised for: once late, late for ever.
create table late_order (
  order_id text collate "C" primary key,
  channel_id text not null,
  placed_at timestamptz not null,
  due_at timestamptz not null,
  noted_at timestamptz not null
);
create index late_order_channel on late_order (channel_id, placed_at);
