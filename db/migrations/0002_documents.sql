-- Partners that exchange documents (EDI): answers to orders, documents of ours and what becomes of them, numbers that are never
-- given twice, and what was received before.

-- What we promised of a line when its order had to be answered (core/answers.ts); accepted is null until then.
alter table order_line
  add column accepted integer,
  add column back_ordered integer not null default 0,
  add column refused integer not null default 0 check (refused >= 0);
alter table order_line drop constraint order_line_check;
-- I4: no accepted unit vanishes.
alter table order_line add constraint order_line_check
  check (sku is null or ordered - greatest(cancelled, refused) - shipped <= allocated + short);

-- The version of the state that was answered last, and the one whose document is stored.
alter table sales_order
  add column answered_version bigint,
  add column answered_at timestamptz,
  add column answer_stored_version bigint not null default 0,
  -- Its answer could not be written: not before this moment.
  add column answer_retry_at timestamptz;
create index sales_order_unanswered on sales_order (channel_id) where answered_version > answer_stored_version;

-- One row per channel whose documents are numbered: taken in the transaction that stores the document's bytes.
create table document_counter (
  channel_id text primary key references channel,
  sequence bigint not null,
  -- The moment that the last document with numbers bears: the next one bears a later second.
  numbers_at timestamptz
);

-- Documents that we owe: acknowledgments and answers. Numbers go out by push attempts.
create table document (
  id bigint generated always as identity primary key,
  channel_id text not null references channel,
  kind text not null,
  -- What it is about: the envelope, or the order and its version. One document for each.
  subject text not null,
  inbox_id bigint,
  sequence bigint not null,
  name text not null,
  wire text not null,
  -- What the partner's receipt calls it; null: none is expected.
  receipt text,
  state text not null default 'pending' check (state in ('withheld', 'pending', 'sent', 'accepted', 'rejected')),
  reason text,
  created_at timestamptz not null default clock_timestamp(),
  sent_at timestamptz,
  receipt_at timestamptz,
  unique (channel_id, kind, subject),
  unique (channel_id, name)
);
create index document_pending on document (channel_id, id) where state = 'pending';
create index document_inbox on document (inbox_id);
create index document_unanswered on document (channel_id, sent_at) where state = 'sent' and receipt is not null;
create index document_receipt on document (channel_id, receipt) where receipt is not null;

-- Envelopes and orders that came by document, for ever: a number that came before is never taken twice with another content.
create table received_key (
  channel_id text not null,
  kind text not null check (kind in ('envelope', 'order')),
  key text not null,
  digest text not null,
  inbox_id bigint not null,
  primary key (channel_id, kind, key)
);

-- Numbers sent by document: the receipt that will prove them, and when they go out anew for want of one.
alter table push_attempt add column receipt text;
create index push_attempt_item_sent on push_attempt_item (attempt_id) where outcome = 'sent';
create unique index push_attempt_receipt on push_attempt (channel_id, receipt) where receipt is not null;
alter table listing_sync
  add column sent_version integer,
  add column sent_quantity integer,
  add column sent_baseline integer,
  add column resend_at timestamptz;
