-- What a unit of an item is worth, and so what an alert touches in money: exact, in the item's own currency, never converted.
alter table item
  add column unit_value numeric(19, 4) check (unit_value >= 0),
  -- ISO 4217.
  add column currency text check (currency ~ '^[A-Z]{3}$'),
  add constraint item_unit_value check ((unit_value is null) = (currency is null));

-- Units of items that an alert counts: [{"sku": "A", "units": 3}, ...]; of a sku that is null: further units, of items that are not named.
alter table alert add column sku_units jsonb;

-- What one unit of each is worth, by currency: its own value; of a kit without one, the sum of its parts (a kit among them by its own
-- value, where it has one). No row where it, or a part of it, has no value.
create function unit_worth(skus text[]) returns table (sku text, currency text, amount numeric) language sql stable as $$
  with recursive part(root, sku, quantity) as (
      select s.sku collate "C", s.sku collate "C", 1::bigint from unnest(skus) as s(sku)
      union all
      select p.root, c.sku collate "C", p.quantity * c.quantity from part p
        join item i on i.sku = p.sku and i.unit_value is null join item_component c on c.kit = p.sku)
    cycle root, sku set is_cycle using path,
    valued as materialized (
      select p.root, p.quantity * i.unit_value as amount, i.currency from part p left join item i on i.sku = p.sku
      where not p.is_cycle and (i.unit_value is not null or not exists (select 1 from item_component c where c.kit = p.sku)))
  select v.root, v.currency, sum(v.amount) from valued v
  where not exists (select 1 from valued w where w.root = v.root and w.amount is null)
  group by v.root, v.currency
$$;

-- The money of counted units by currency, how many were counted, how many of them have no value, and how many are not named.
create function worth_of(counted jsonb) returns jsonb language sql stable as $$
  with unit as materialized (
      select x->>'sku' as sku, sum((x->>'units')::bigint)::bigint as units from jsonb_array_elements(counted) x group by 1),
    value as materialized (select * from unit_worth(array(select sku from unit where sku is not null))),
    total as (select v.currency, sum(u.units * v.amount) as amount from unit u join value v on v.sku = u.sku group by v.currency)
  select case when counted is not null then jsonb_build_object(
    'money', (select coalesce(jsonb_agg(jsonb_build_object('currency', currency, 'amount', trim_scale(amount)::text) order by currency), '[]') from total),
    'unitsCounted', (select coalesce(sum(units), 0)::bigint from unit where sku is not null),
    'unitsWithoutValue', (select coalesce(sum(units), 0)::bigint from unit u
      where sku is not null and not exists (select 1 from value v where v.sku = u.sku)),
    'unitsNotCounted', (select coalesce(sum(units), 0)::bigint from unit where sku is null)) end
$$;

-- For an order by money: of each alert that is not closed the greatest amount in one currency. Not converted: no rate is known.
create function open_alert_worth() returns table (alert_id bigint, amount numeric) language sql stable as $$
  with unit as materialized (
      select a.id, x->>'sku' as sku, (x->>'units')::bigint as units from alert a, jsonb_array_elements(a.sku_units) x
      where a.state <> 'closed' and x->>'sku' is not null),
    value as materialized (select * from unit_worth(array(select distinct sku from unit)))
  select t.id, max(t.amount) from (
    select u.id, v.currency, sum(u.units * v.amount) as amount from unit u join value v on v.sku = u.sku group by u.id, v.currency) t
  group by t.id
$$;
