-- An answer to an order that cannot be written is parked too. Its source is its order: answers have no number before they are stored.
alter table parked drop constraint parked_source_check;
alter table parked add constraint parked_source_check check (source in ('inbox', 'command', 'listing', 'document', 'answer'));
create sequence parked_answer;
create unique index parked_answer_open on parked (order_id) where state = 'parked' and source = 'answer';
create index parked_answer_order on parked (order_id, id) where source = 'answer';
