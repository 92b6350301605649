import { describe, expect, it } from 'vitest';
import type { DiscoveredListing, ListingKey } from '#connectors/connector.ts';
import { Rejected } from '#core/errors.ts';
import { type Bench, discover, openBench, patience } from './bench.ts';

async function openTwoPlaces(): Promise<Bench> {
  const bench = await openBench();
  await bench.control.seed({
    locations: [{ name: 'Leeds' }, { name: 'Genoa' }],
    listings: [
      { sku: 'A', shown: 5, title: 'Apron', barcode: '4006381333931' },
      { sku: 'B', shown: 3 },
      { sku: 'free', shown: 7, tracked: false },
    ],
  });
  return bench;
}

const at = (listings: readonly DiscoveredListing[], sku: string, place: number): DiscoveredListing => {
  const found = listings.filter((each) => each.sku === sku)[place];
  if (found === undefined) throw new Error(`no ${sku}`);
  return found;
};

describe('levels', () => {
  it('are found at every active location, with what the listing is', async () => {
    await using bench = await openTwoPlaces();
    const listings = await discover(bench);
    expect(listings.map(({ sku }) => sku)).toEqual(['A', 'B', 'free', 'A', 'B', 'free']);
    expect(at(listings, 'A', 0)).toMatchObject({
      listingRef: expect.stringMatching(/^gid:\/\/shopify\/ProductVariant\/\d+$/),
      data: { inventoryItemId: expect.stringMatching(/^gid:\/\/shopify\/InventoryItem\/\d+$/) },
      title: 'Apron',
      state: 'tracked',
      barcode: '4006381333931',
    });
    const [, genoa] = bench.sandbox.shop.shelf.locations;
    if (genoa !== undefined) genoa.isActive = false;
    expect(await discover(bench)).toHaveLength(3);
    expect((await bench.connection.discoverLocations(patience())).map(({ name, active }) => [name, active])).toEqual([
      ['Leeds', true],
      ['Genoa', false],
    ]);
  });

  it('that are not there, not counted, switched off or a bundle are never a zero', async () => {
    await using bench = await openTwoPlaces();
    const listings = await discover(bench);
    const { shelf } = bench.sandbox.shop;
    const off = shelf.levelOf(at(listings, 'B', 1).data.inventoryItemId ?? '', at(listings, 'B', 1).locationRef);
    if (off !== undefined) off.isActive = false;
    const gone: ListingKey = { ...at(listings, 'A', 0), locationRef: 'gid://shopify/Location/1' };
    const bundle: ListingKey = {
      ...at(listings, 'A', 1),
      data: { ...at(listings, 'A', 1).data, requiresComponents: 'true' },
    };
    const keys = [at(listings, 'A', 0), gone, at(listings, 'free', 0), at(listings, 'B', 1), bundle];
    const observed = await bench.connection.observe(keys, patience());
    expect(observed.map(({ state, sellable, shown }) => [state, sellable, shown])).toEqual([
      ['tracked', 5, 5],
      ['missing', 0, 0],
      ['untracked', 0, 7],
      ['notBuyable', 0, 0],
      ['untracked', 0, 0],
    ]);
    expect(observed.map(({ listingRef, locationRef }) => [listingRef, locationRef])).toEqual(
      keys.map(({ listingRef, locationRef }) => [listingRef, locationRef]),
    );
  });

  it('below zero show so, and sell nothing', async () => {
    await using bench = await openTwoPlaces();
    await bench.control.editLevels({ levels: [{ sku: 'A', shown: -2 }] });
    const [first] = await bench.connection.observe([at(await discover(bench), 'A', 0)], patience());
    expect(first).toMatchObject({ state: 'tracked', sellable: 0, shown: -2 });
  });

  it('are scanned page by page, location by location', async () => {
    await using bench = await openTwoPlaces();
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof bench.connection.scan>> = await bench.connection.scan(cursor, patience());
      seen.push(...page.observations.map(({ shown }) => String(shown)));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(seen).toEqual(['5', '3', '7', '0', '0', '0']);
  });

  it('of a key that no discovery made are refused by name', async () => {
    await using bench = await openTwoPlaces();
    const key = { listingRef: 'gid://shopify/ProductVariant/1', locationRef: 'gid://shopify/Location/1', data: {} };
    const refusal = await bench.connection.observe([key], patience()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Rejected);
    expect(refusal).toMatchObject({ field: 'data.inventoryItemId' });
  });
});
