-- A platform may name a listing by another of its ids, which its connector keeps in `data` (db/push.ts, listingsByRef): found by index,
-- since a shop of 100,000 listings tells of each level that changes.
create index listing_data_values on listing using gin (jsonb_path_query_array(data, '$.*'));
