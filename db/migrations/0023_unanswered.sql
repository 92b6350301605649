-- Since when looks leave in doubt what became of a write without an answer: sales look the same until their orders come (core/wire.ts DOUBT_MS).
alter table listing_sync add column doubted_at timestamptz;
