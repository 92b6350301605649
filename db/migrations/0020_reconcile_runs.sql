-- Runs of reconcile: what each looked at, found, mended and told, and who started it. One that is asked for is a row before it is a bell.
create table reconcile_run (
  id bigint generated always as identity primary key,
  channel_id text not null references channel,
  -- full: all that the platform shows; light: some listings of it; item: those of one item.
  mode text not null check (mode in ('full', 'light', 'item')),
  sku text,
  is_dry_run boolean not null default false,
  state text not null check (state in ('asked', 'running', 'done', 'failed')),
  actor text not null,
  asked_at timestamptz not null,
  started_at timestamptz,
  -- Its last sign of life: a page was compared.
  moved_at timestamptz,
  finished_at timestamptz,
  -- Null: the platform cannot be read.
  compared integer,
  differing integer not null default 0,
  causes jsonb not null default '{}',
  healed integer not null default 0,
  alerted integer not null default 0,
  -- Drift of the channel that was open after it; null: it did not look.
  open_after integer,
  error text
);
-- One of a kind waits per channel: who asks again joins it.
create unique index reconcile_run_asked on reconcile_run (channel_id, is_dry_run) where state = 'asked';
create index reconcile_run_open on reconcile_run (channel_id, moved_at) where state in ('asked', 'running');
create index reconcile_run_channel on reconcile_run (channel_id, id);
-- The last whole look at a channel, among all its light scans.
create index reconcile_run_last on reconcile_run (channel_id, id) where mode = 'full' and state = 'done' and not is_dry_run;
-- Light scans are many: the list of the others goes by this.
create index reconcile_run_whole on reconcile_run (id) where mode <> 'light';

-- What a run found to differ, as it was then; of very many those furthest apart.
create table reconcile_difference (
  run_id bigint not null references reconcile_run on delete cascade,
  listing_id bigint not null references listing on delete cascade,
  cause text not null,
  remedy text not null,
  shows integer not null,
  wants integer not null,
  because jsonb not null,
  primary key (run_id, listing_id)
);
create index reconcile_difference_listing on reconcile_difference (listing_id);
