/** The files that `allot import` reads: their columns, and what a row of each becomes. */
import { DISPOSITIONS, SUPPLY_KINDS } from '#core/model.ts';
import type { ItemRow } from '#db/import-items.ts';
import type { ListingRow } from '#db/import-listings.ts';
import type { OrderRow } from '#db/import-orders.ts';
import type { RenewalRow } from '#db/import-renewals.ts';
import type { StockRow } from '#db/import-stock.ts';
import type { SupplyRow } from '#db/import-supply.ts';
import type { CsvColumns, CsvRow } from './csv.ts';

/** Kinds of identifier, one column each; several values of a cell are parted by `|`. */
const IDENTIFIERS = ['barcode', 'gtin', 'asin', 'buyer_item'] as const;

export const ITEM_COLUMNS: CsvColumns = {
  required: ['sku'],
  optional: [
    'title',
    'lifecycle',
    'groups',
    'minimum',
    'safety_stock',
    'unit_value',
    'currency',
    'components',
    'units',
    ...IDENTIFIERS,
  ],
};
export const STOCK_COLUMNS: CsvColumns = {
  required: ['sku', 'location', 'qty'],
  optional: ['disposition', 'as_of', 'unit', 'lot', 'expiry'],
};
export const SUPPLY_COLUMNS: CsvColumns = {
  required: ['ref', 'sku', 'location', 'qty', 'due'],
  optional: ['kind', 'state'],
};
export const LISTING_COLUMNS: CsvColumns = {
  required: ['channel', 'listing_ref'],
  optional: ['location_ref', 'sku', 'pack', 'locations', 'title'],
};
export const ORDER_COLUMNS: CsvColumns = {
  required: ['channel', 'order_id', 'sku', 'qty', 'placed_at'],
  optional: ['line_id', 'version', 'cancelled', 'shipped', 'returned', 'unit'],
};

export const RENEWAL_COLUMNS: CsvColumns = {
  required: ['sku', 'quantity', 'date', 'subscription', 'program'],
  optional: [],
};

const partsOf = (text: string): string[] =>
  text
    .split('|')
    .map((part) => part.trim())
    .filter((part) => part !== '');

const groupsOf = (text: string | null): string[] | null => (text === null ? null : [...new Set(partsOf(text))].sort());

export const readItem = (row: CsvRow): ItemRow => ({
  line: row.line,
  sku: row.exact('sku'),
  title: row.text('title'),
  lifecycle: row.oneOf('lifecycle', ['active', 'retired']),
  groups: groupsOf(row.text('groups')),
  minimum: row.whole('minimum', 0),
  safetyStock: row.whole('safety_stock', 0),
  unitValue: row.money('unit_value', 'currency'),
  components: row.pairs('components', 1),
  units: row.pairs('units', 2),
  identifiers: IDENTIFIERS.flatMap((kind) => {
    const text = row.text(kind);
    return text === null ? [] : [{ kind, values: [...new Set(partsOf(text))] }];
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

export const readListing = (row: CsvRow): ListingRow => {
  const locations = row.text('locations');
  return {
    line: row.line,
    channel: row.need('channel'),
    listingRef: row.need('listing_ref'),
    locationRef: row.text('location_ref') ?? '',
    sku: row.text('sku') === null ? null : row.exact('sku'),
    pack: row.whole('pack', 1),
    locations: locations === null ? null : partsOf(locations),
    title: row.text('title'),
  };
};

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
