-- Rate limits, per channel and operation and per account; and when a listing's number was last written.

-- From when a platform takes an operation of a channel again: one operation's refusal says nothing of the others.
create table channel_throttle (
  channel_id text not null references channel,
  operation text not null,
  until timestamptz not null,
  primary key (channel_id, operation)
);
insert into channel_throttle (channel_id, operation, until)
  select channel_id, throttled_operation, throttled_until from channel_health
  where throttled_operation is not null and throttled_until > now();
alter table channel_health drop column throttled_until, drop column throttled_operation;

-- What is left of the buckets that platforms count by account, as connectors note it; replaced by whoever saw the newest version.
-- Not logged: a bucket lost in a crash costs a refusal, a commit that waits for the disk costs every call.
create unlogged table rate_bucket (
  key text primary key,
  version bigint not null,
  note text not null,
  changed_at timestamptz not null default clock_timestamp()
);

-- When the platform last accepted a write of ours: for a while after it, a read may still show the number before.
alter table listing_sync add column written_at timestamptz;
