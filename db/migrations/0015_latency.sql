-- What is measured of sales: how long until a channel acknowledges them (core/sales-measures.ts has the buckets), how many there are an
-- hour, and per listing what both come to. A sweep keeps it (workers/measure-sales.ts); no decision writes any of it.

-- Where measuring stands; locked while one process does it. `measured_at` is the clock of the workers.
create table sales_measure (
  name text primary key check (name in ('latency', 'rates', 'exposure')),
  measured_at timestamptz not null,
  -- Of `rates` the last batch, of `exposure` the last listing that was read.
  position bigint not null default 0,
  -- Of `latency`: the newest acknowledgement that was read.
  acked_at timestamptz
);
insert into sales_measure (name, measured_at, position, acked_at) values
  ('latency', to_timestamp(0), 0, now()),
  ('rates', to_timestamp(0), (select coalesce(max(id), 0) from batch where decided_at < now() - interval '14 days'), null),
  ('exposure', to_timestamp(0), 0, null);

-- Orders from before allot knew a channel come all at once, and say nothing of how long one takes.
alter table channel add column known_since timestamptz not null default now();

create table latency_hour (
  channel_id text not null references channel,
  hour timestamptz not null,
  -- From the sale on its platform, or from its command in our tables.
  since text not null check (since in ('sold', 'recorded')),
  bucket smallint not null,
  count integer not null check (count > 0),
  primary key (channel_id, hour, since, bucket)
);
create index latency_hour_age on latency_hour (hour);

-- The figures of the hours that still count.
create table channel_latency (
  channel_id text not null references channel,
  since text not null check (since in ('sold', 'recorded')),
  samples integer not null,
  p50_ms bigint not null,
  p95_ms bigint not null,
  p99_ms bigint not null,
  measured_at timestamptz not null,
  primary key (channel_id, since)
);

-- Units of an item (of kits: of their components) that a listing sold, and squares of the units of each order line, faded with age as
-- of `at`.
create table sales_rate (
  sku text collate "C" not null,
  listing_id bigint not null,
  at timestamptz not null,
  fast_units float8 not null,
  fast_squares float8 not null,
  slow_units float8 not null,
  slow_squares float8 not null,
  primary key (sku, listing_id)
) with (fillfactor = 70);

-- What a buffer from measured latency is reckoned from (core/latency-buffer.ts); of the item that the listing is mapped to.
alter table listing add column exposure jsonb;
