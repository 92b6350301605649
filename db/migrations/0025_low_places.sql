-- What lifts a low pool of one place: units that come (null), a receipt there, or its rule alone.
alter table low_pool add column lifted_by text check (lifted_by in ('receipt', 'rule'));
