-- The inputs of a number stood twice, a kilobyte each, in every decision. The entry of its version keeps them; entries are kept as long
-- as their version is the newest of its listing.
alter table target drop column inputs;
