/** The files that `allot import` reads: their columns, and what a row of each becomes. */
import { DISPOSITIONS, SUPPLY_KINDS } from '#core/model.ts';
import type { ItemRow } from '#db/import-items.ts';
import type { ListingRow } from '#db/import-listings.ts';
import type { OrderRow } from '#db/import-orders.ts';
import type { RenewalRow } from '#db/import-renewals.ts';
import type { StockRow } from '#db/import-stock.ts';
import type { SupplyRow } from '#db/import-supply.ts';
import { type CsvRow, columnsOf, SEPARATORS } from './csv.ts';

/** Kinds of identifier, one column each. */
const IDENTIFIERS = ['barcode', 'gtin', 'asin', 'buyer_item'] as const;

const { values, pairs } = SEPARATORS;
const oneOf = (words: readonly string[]): string => `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
const ITEM = 'the item, to the letter';
const UNIT = 'what qty counts: each, or a unit of the item (case)';

export const ITEM_COLUMNS = columnsOf(
  { sku: ITEM },
  {
    title: 'what people call it',
    lifecycle: 'active or retired',
    groups: `names that rules may be given for: gifts${values}seasonal`,
    minimum: 'fewer free units than this: the second rule set counts',
    safety_stock: 'planned safety stock, in units',
    unit_value: 'what a unit is worth: 12.50; none takes it away',
    currency: 'of unit_value: EUR, USD, GBP',
    components: `what one set of a kit takes: CUP:2${pairs}LID:1; none: no kit`,
    units: `base units in units of measure: inner:6${pairs}case:12; none`,
    ...Object.fromEntries(IDENTIFIERS.map((kind) => [kind, `its ${kind}; several: ONE${values}OTHER`])),
  },
);
export const STOCK_COLUMNS = columnsOf(
  { sku: ITEM, location: 'where it was counted', qty: 'units, from 0' },
  {
    disposition: `${oneOf(DISPOSITIONS)}; else sellable`,
    as_of: 'when: 2026-11-23T08:30:00Z, with its zone; else now',
    unit: UNIT,
    lot: 'of this lot alone',
    expiry: 'of the lot: 2027-03-31, or never',
  },
);
export const SUPPLY_COLUMNS = columnsOf(
  {
    ref: 'its name: the number of the purchase order',
    sku: ITEM,
    location: 'where it comes to',
    qty: 'units, from 1',
    due: 'by when: 2026-12-01 (by its end in UTC), or a moment',
  },
  { kind: `${oneOf(SUPPLY_KINDS)}; else purchaseOrder`, state: 'open or cancelled; else open' },
);
export const LISTING_COLUMNS = columnsOf(
  { channel: 'shopify:main', listing_ref: 'as its platform names it' },
  {
    location_ref: 'of a platform that shows stock by place',
    sku: `${ITEM}; empty: not mapped`,
    pack: 'units of the item in one, else 1',
    locations: `where it is filled from, the first preferred: north${values}south`,
    title: 'what people call it',
  },
);
export const ORDER_COLUMNS = columnsOf(
  {
    channel: 'shopify:main',
    order_id: 'as its platform names it',
    sku: ITEM,
    qty: 'units ordered, from 0',
    placed_at: 'when: 2026-11-23T08:30:00Z, with its zone',
  },
  {
    line_id: 'of the line; else its sku',
    version: 'of the state, the highest counts; else 1',
    cancelled: 'units in all; else 0',
    shipped: 'units in all; else 0',
    returned: 'units in all; else 0',
    unit: UNIT,
  },
);

export const RENEWAL_COLUMNS = columnsOf({
  sku: `${ITEM}; a kit is held as its components`,
  quantity: 'units, or sets of a kit; 0: it will not come',
  date: 'when it renews: 2026-12-01 (its first moment in UTC)',
  subscription: 'its number; known by it, item and date',
  program: 'for whom it is held',
});

export const readItem = (row: CsvRow): ItemRow => ({
  line: row.line,
  sku: row.exact('sku'),
  title: row.text('title'),
  lifecycle: row.oneOf('lifecycle', ['active', 'retired']),
  groups: row.groups('groups'),
  minimum: row.whole('minimum', 0),
  safetyStock: row.whole('safety_stock', 0),
  unitValue: row.money('unit_value', 'currency'),
  components: row.pairs('components', 1),
  units: row.pairs('units', 2),
  identifiers: IDENTIFIERS.flatMap((kind) => {
    const all = row.values(kind);
    return all === null ? [] : [{ kind, values: [...new Set(all)] }];
  }),
});

export const readStock = (row: CsvRow): StockRow => ({
  line: row.line,
  sku: row.exact('sku'),
  location: row.need('location'),
  quantity: row.needWhole('qty', 0),
  disposition: row.oneOf('disposition', DISPOSITIONS) ?? 'sellable',
  asOf: row.instant('as_of'),
  unit: row.text('unit'),
  lot: row.text('lot') === null ? null : row.exact('lot'),
  expiry: row.text('expiry') === 'never' ? 'never' : row.day('expiry'),
});

export const readSupply = (row: CsvRow): SupplyRow => ({
  line: row.line,
  ref: row.exact('ref'),
  sku: row.exact('sku'),
  location: row.need('location'),
  quantity: row.needWhole('qty', 1),
  dueAt: row.needDue('due'),
  kind: row.oneOf('kind', SUPPLY_KINDS),
  state: row.oneOf('state', ['open', 'cancelled']) ?? 'open',
});

export const readListing = (row: CsvRow): ListingRow => ({
  line: row.line,
  channel: row.need('channel'),
  listingRef: row.need('listing_ref'),
  locationRef: row.text('location_ref') ?? '',
  sku: row.text('sku') === null ? null : row.exact('sku'),
  pack: row.whole('pack', 1),
  locations: row.values('locations'),
  title: row.text('title'),
});

/** A line without its own id is known by its SKU; an order without version is a first state. */
export const readOrder = (row: CsvRow): OrderRow => {
  const sku = row.exact('sku');
  row.need('placed_at');
  return {
    line: row.line,
    channel: row.need('channel'),
    orderRef: row.need('order_id'),
    lineRef: row.text('line_id') ?? sku,
    sku,
    ordered: row.needWhole('qty', 0),
    cancelled: row.whole('cancelled', 0) ?? 0,
    shipped: row.whole('shipped', 0) ?? 0,
    returned: row.whole('returned', 0) ?? 0,
    placedAt: row.instant('placed_at') ?? 0,
    version: row.whole('version', 0) ?? 1,
    unit: row.text('unit'),
  };
};

/** Quantity 0: this renewal will not come, and what is held for it is let go. */
export const readRenewal = (row: CsvRow): RenewalRow => {
  row.need('date');
  return {
    line: row.line,
    sku: row.exact('sku'),
    quantity: row.needWhole('quantity', 0),
    renewsAt: row.day('date') ?? 0,
    subscription: row.need('subscription'),
    program: row.need('program'),
  };
};
