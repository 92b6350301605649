/**
 * What the shop has: locations, variants with their inventory item, and the level of each item at each location.
 *
 * | what happens                | available | committed | on hand = available + committed |
 * | an order takes n            |    -n     |    +n     |   =                             |
 * | it is fulfilled             |           |    -n     |  -n                             |
 * | cancelled with restock      |    +n     |    -n     |   =                             |
 * | cancelled without           |           |    -n     |  -n                             |
 * | returned with restock       |    +n     |           |  +n                             |
 *
 * Guarantees: `onLevel` hears of every change of `available`, after it is done.
 */
import type { CatalogueAnswer, CatalogueRequest, SandboxLevel } from '../../sandbox/control.ts';
import { gid } from '../gid.ts';

export type Location = { readonly id: string; readonly name: string; isActive: boolean };

export type Variant = {
  readonly id: string;
  readonly itemId: string;
  readonly sku: string;
  title: string;
  barcode: string | null;
  isTracked: boolean;
  /** A bundle: its number comes from its components and cannot be set. */
  isBundle: boolean;
};

export type Level = {
  readonly id: string;
  readonly variant: Variant;
  readonly location: Location;
  isActive: boolean;
  available: number;
  committed: number;
  updatedAt: number;
};

/** Units taken from one level. */
export type Taken = { readonly level: Level; quantity: number };

export type Shelf = {
  readonly locations: readonly Location[];
  readonly levels: ReadonlyMap<string, Level>;
  variantOf(sku: string): Variant | undefined;
  variantOfItem(itemId: string): Variant | undefined;
  levelOf(itemId: string, locationId: string): Level | undefined;
  levelsOf(variant: Variant): readonly Level[];
  setAvailable(level: Level, quantity: number): void;
  move(level: Level, change: { readonly available?: number; readonly committed?: number }): void;
  seed(request: CatalogueRequest): CatalogueAnswer;
};

export type ShelfOptions = {
  readonly now: () => number;
  readonly nextId: () => string;
  readonly onLevel: (level: Level) => void;
};

const levelKey = (itemId: string, locationId: string): string => `${itemId} ${locationId}`;

const isOpen = (level: Level): boolean => level.isActive && level.location.isActive;

/** What a buyer may buy now. */
export const sellableOf = (shelf: Shelf, variant: Variant): number =>
  shelf.levelsOf(variant).reduce((sum, level) => sum + (isOpen(level) ? Math.max(0, level.available) : 0), 0);

/** Takes from the locations in their order; nothing from an item that is not counted. */
export function takeUnits(shelf: Shelf, variant: Variant, quantity: number): Taken[] {
  const taken: Taken[] = [];
  let left = variant.isTracked ? quantity : 0;
  for (const level of shelf.levelsOf(variant)) {
    const units = isOpen(level) ? Math.min(left, Math.max(0, level.available)) : 0;
    if (units === 0) continue;
    shelf.move(level, { available: -units, committed: units });
    taken.push({ level, quantity: units });
    left -= units;
  }
  return taken;
}

export const listLevels = (shelf: Shelf): readonly SandboxLevel[] =>
  [...shelf.levels.values()].map(({ variant, location, isActive, available }) => ({
    sku: variant.sku,
    listingRef: variant.id,
    locationRef: location.id,
    tracked: variant.isTracked,
    shown: available,
    reserved: 0,
    sellable: variant.isTracked && isActive ? Math.max(0, available) : 0,
  }));

export function openShelf({ now, nextId, onLevel }: ShelfOptions): Shelf {
  const locations: Location[] = [];
  const bySku = new Map<string, Variant>();
  const byItem = new Map<string, Variant>();
  const levels = new Map<string, Level>();

  const addLocation = (name: string): void => {
    if (!locations.some((each) => each.name === name)) {
      locations.push({ id: gid('Location', nextId()), name, isActive: true });
    }
  };

  const addVariant = (sku: string): Variant => {
    const [id, itemId] = [gid('ProductVariant', nextId()), gid('InventoryItem', nextId())];
    const variant = { id, itemId, sku, title: sku, barcode: null, isTracked: true, isBundle: false };
    bySku.set(sku, variant);
    byItem.set(itemId, variant);
    return variant;
  };

  const addLevel = (variant: Variant, location: Location): void => {
    const key = levelKey(variant.itemId, location.id);
    if (levels.has(key)) return;
    const id = `gid://shopify/InventoryLevel/${nextId()}?inventory_item_id=${variant.itemId.split('/').at(-1)}`;
    levels.set(key, { id, variant, location, isActive: true, available: 0, committed: 0, updatedAt: now() });
  };

  const shelf: Shelf = {
    locations,
    levels,
    variantOf: (sku) => bySku.get(sku),
    variantOfItem: (itemId) => byItem.get(itemId),
    levelOf: (itemId, locationId) => levels.get(levelKey(itemId, locationId)),
    levelsOf: ({ itemId }) => locations.flatMap(({ id }) => levels.get(levelKey(itemId, id)) ?? []),
    setAvailable(level, quantity) {
      if (level.available === quantity) return;
      level.available = quantity;
      level.updatedAt = now();
      onLevel(level);
    },
    move(level, { available = 0, committed = 0 }) {
      level.committed += committed;
      shelf.setAvailable(level, level.available + available);
    },
    seed(request) {
      for (const { name } of request.locations ?? []) addLocation(name);
      if (locations.length === 0) addLocation('Main');
      const listings = request.listings.map(({ sku, shown, title, tracked, barcode }) => {
        const variant = bySku.get(sku) ?? addVariant(sku);
        variant.title = title ?? variant.title;
        variant.isTracked = tracked ?? variant.isTracked;
        variant.barcode = barcode ?? variant.barcode;
        for (const location of locations) addLevel(variant, location);
        const [first] = shelf.levelsOf(variant);
        if (first !== undefined) shelf.setAvailable(first, shown);
        return { sku, listingRef: variant.id };
      });
      return { locations: locations.map(({ id, name }) => ({ locationRef: id, name })), listings };
    },
  };
  return shelf;
}
