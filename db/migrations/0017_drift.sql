-- Drift with its cause: one open row per listing, ended by a read that shows what it should (core/drift.ts).
create table drift (
  id bigint generated always as identity primary key,
  listing_id bigint not null references listing on delete cascade,
  cause text not null,
  direction text,
  because jsonb not null,
  shows integer not null,
  wants integer not null,
  found_at timestamptz not null,
  seen_at timestamptz not null,
  ended_at timestamptz,
  proof text
);
create unique index drift_open on drift (listing_id) where ended_at is null;
create index drift_ended on drift (ended_at) where ended_at is not null;

-- Numbers that were found where ours had been: a war with a second writer is known by them.
create table overwrite (
  listing_id bigint not null references listing on delete cascade,
  at timestamptz not null,
  ours integer not null,
  theirs integer not null,
  is_sure boolean not null
);
create index overwrite_listing on overwrite (listing_id, at);

-- A stopped listing is never raised (where a person is asked: not written at all) until a person or a count says so.
alter table listing_sync add column stopped_because text check (stopped_because in ('secondWriter', 'ownStock', 'ask')),
  add column stopped_at timestamptz, add column resumed_at timestamptz;
create index listing_sync_stopped on listing_sync (stopped_because) where stopped_because is not null;
