-- A policy is a file that people agree on: what it was applied with, how it came into force, who asked for it and who agreed.

-- Locations and channels as they were applied with it; null before this migration.
alter table policy add column setup jsonb;
-- Who put it in force: a daemon that started with its file, a person's command, or a person who went back.
alter table policy add column origin text not null default 'start' check (origin in ('start', 'apply', 'rollback'));
alter table policy add column rolled_back_to integer references policy;

create table policy_proposal (
  id bigint generated always as identity primary key,
  -- The version in force when it was made; 0 before the first. It is applied to no other.
  base_version integer not null,
  body jsonb not null,
  setup jsonb not null,
  -- As its proposer named it: a file, or the version gone back to.
  source text not null,
  reason text not null check (reason <> ''),
  proposed_by text not null,
  proposed_at timestamptz not null default now(),
  state text not null default 'open' check (state in ('open', 'approved', 'rejected', 'applied')),
  decided_by text,
  decided_reason text,
  decided_at timestamptz,
  applied_version integer references policy,
  -- A second person, also where a program has forgotten to ask.
  check (state in ('open', 'rejected') or decided_by is distinct from proposed_by),
  check ((state = 'applied') = (applied_version is not null))
);

-- Whose turn it is among the items to review. 0: now. After a new policy: 1, nobody knows yet whether its numbers fall; 2, none of them
-- falls, so it waits until those that fall are decided.
alter table item add column review_turn smallint not null default 0 check (review_turn between 0 and 2);
drop index item_review;
create index item_review on item (review_turn, next_review_at) where next_review_at is not null;
