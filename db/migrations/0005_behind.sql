-- PostgreSQL takes `version > acked_version` for true of a third of all rows, and reads whole tables to find a few hundred. Of a stored
-- answer it knows how rare it is; and a new version of a listing that is behind already changes nothing that an index holds.
alter table target add column is_behind boolean not null generated always as (version > acked_version) stored;
drop index target_behind;
create index target_behind on target (listing_id) where is_behind;

-- Each is written again and again: room for the next version in the same page.
alter table target set (fillfactor = 70);
alter table listing_sync set (fillfactor = 70);
