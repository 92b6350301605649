-- When the answer to a write failed to come: for how long sales may be taken for it (core/wire.ts DOUBT_MS) counts from here.
alter table listing_sync add column unknown_at timestamptz;
