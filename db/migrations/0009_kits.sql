-- Kits (sets of other items, kits among them; without a cycle, which imports see to) and units of measure.
create table item_component (
  kit text not null references item on update cascade on delete cascade,
  sku text not null references item on update cascade,
  quantity integer not null check (quantity > 0),
  primary key (kit, sku),
  check (kit <> sku)
);
create index item_component_sku on item_component (sku);

-- Base units in one of it. `each` is 1 for every item, and is no row.
create table item_unit (
  sku text not null references item on update cascade on delete cascade,
  unit text not null check (unit ~ '^[a-z][a-z0-9_-]{0,31}$' and unit <> 'each'),
  units integer not null check (units > 1),
  primary key (sku, unit)
);

-- What one set of a kit is made of for this line; allocations then name the component that they are of.
alter table order_line add column components jsonb;
create index order_line_kit on order_line (sku) where components is not null;

-- Kits by what is stocked: kits of kits resolved. Byte order, as locks are taken.
create function kit_parts(kits text[]) returns table (kit text, sku text, quantity integer) language sql stable as $$
  with recursive part(kit, sku, quantity) as (
      select c.kit, c.sku, c.quantity::bigint from item_component c where c.kit = any(kits)
      union all
      select p.kit, c.sku, p.quantity * c.quantity from part p join item_component c on c.kit = p.sku)
    cycle kit, sku set is_cycle using path
  select p.kit, p.sku, sum(p.quantity)::integer from part p
  where not is_cycle and not exists (select 1 from item_component c where c.kit = p.sku)
  group by p.kit, p.sku order by p.kit collate "C", p.sku collate "C"
$$;

-- Kits that hold one of these, at any depth.
create function kits_with(parts text[]) returns table (kit text) language sql stable as $$
  with recursive up(kit) as (
    select c.kit from item_component c where c.sku = any(parts)
    union
    select c.kit from item_component c join up on c.sku = up.kit)
  select kit from up
$$;
