/** What the platform shows, as it is: by key, page by page, and by what an order does to it. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { DiscoveredListing, Observation } from '../../connector.ts';
import { type ConformanceCase, needsListings, needsLocations, needsReads } from '../case.ts';
import { discoverAll, type Stage } from '../stage.ts';

const readListings = (stage: Stage, skus: readonly string[]): Promise<DiscoveredListing[]> =>
  Promise.all(skus.map((sku) => stage.listing(sku)));

async function scanAll(stage: Stage): Promise<Observation[]> {
  const found: Observation[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Stage['connection']['scan']>> = await stage.connection.scan(cursor, stage.signal);
    found.push(...page.observations);
    cursor = page.cursor;
  } while (cursor !== null);
  return found;
}

const refOf = ({ listingRef, locationRef }: { readonly listingRef: string; readonly locationRef: string }): string =>
  `${listingRef} at ${locationRef}`;

export const LEVEL_CASES: readonly ConformanceCase[] = [
  {
    id: 'observe-in-order',
    proves: 'One observation per key, in the order asked, with the number that the platform itself has.',
    skipWhen: needsReads,
    async play(stage) {
      const skus = stage.shuffle(stage.skus);
      const keys = await readListings(stage, skus);
      const observations = await stage.connection.observe(keys, stage.signal);
      deepEqual(observations.map(refOf), keys.map(refOf));
      for (const [index, sku] of skus.entries()) {
        const { sellable, shown, state } = observations[index] ?? {};
        const level = await stage.level(sku);
        deepEqual(
          [sellable, shown, state],
          [level.sellable, level.shown, 'tracked'],
          `${sku} as [sellable, shown, state]`,
        );
      }
      deepEqual(await stage.connection.observe([], stage.signal), [], 'nothing asked, nothing answered');
    },
  },
  {
    id: 'observe-missing-is-not-zero',
    proves: 'A listing that the platform does not have comes back as missing, in its place.',
    skipWhen: needsReads,
    async play(stage) {
      const keys = await readListings(stage, stage.skus);
      const at = stage.int(0, keys.length - 1);
      const [key] = keys;
      ok(key !== undefined, 'the catalogue has listings');
      const asked = keys.with(at, { ...key, ...stage.subject.missingKey(key) });
      const observations = await stage.connection.observe(asked, stage.signal);
      deepEqual(observations.map(refOf), asked.map(refOf));
      deepEqual(
        observations.map(({ state }) => state),
        asked.map((_, index) => (index === at ? 'missing' : 'tracked')),
      );
    },
  },
  {
    id: 'observe-untracked-is-not-zero',
    proves:
      'A listing that the platform sells without counting comes back as untracked, by key, by scan and by discovery.',
    skipWhen: needsReads,
    async play(stage) {
      await stage.control.seed({ listings: [{ sku: 'UNTRACKED', shown: 0, tracked: false }] });
      const listing = await stage.listing('UNTRACKED');
      equal(listing.state, 'untracked', 'by discovery');
      equal((await stage.observe('UNTRACKED')).state, 'untracked', 'by key');
      equal((await scanAll(stage)).find((one) => refOf(one) === refOf(listing))?.state, 'untracked', 'by scan');
    },
  },
  {
    id: 'observe-many-pages',
    proves:
      'More listings than one page or one read holds: scan and discovery name each once, observe answers for all in order.',
    skipWhen: needsReads,
    once: true,
    async play(stage) {
      const count = stage.subject.pageSizes.listings;
      const skus = Array.from({ length: count }, (_, index) => `MANY-${index + 1}`);
      await stage.control.seed({ listings: skus.map((sku, index) => ({ sku, shown: index })) });
      const expected = (await stage.control.levels()).map(({ sku }) => sku).sort();
      const listings = await discoverAll(stage.connection, stage.signal);
      deepEqual(listings.map(({ sku }) => sku ?? '').sort(), expected, 'discoverListings');
      deepEqual((await scanAll(stage)).map(refOf).sort(), listings.map(refOf).sort(), 'scan');
      const asked = stage.shuffle(listings);
      const observations = await stage.connection.observe(asked, stage.signal);
      deepEqual(observations.map(refOf), asked.map(refOf), 'observe');
      const numbers = new Map((await stage.control.levels()).map(({ sku, shown }) => [sku, shown]));
      deepEqual(
        observations.map(({ shown }) => shown),
        asked.map(({ sku }) => numbers.get(sku ?? '')),
      );
    },
  },
  {
    id: 'discover-listings',
    proves: 'Discovery names what a person maps by: SKU, title and barcode, and a key that observe understands.',
    skipWhen: needsListings,
    async play(stage) {
      const shown = stage.int(1, 40);
      await stage.control.seed({
        listings: [{ sku: 'Found-1', title: 'A found thing', barcode: '4006381333931', shown }],
      });
      const { title, barcode, state } = await stage.listing('Found-1');
      ok(title.includes('A found thing'), `the title is ${title}`);
      deepEqual([barcode, state], ['4006381333931', 'tracked'], '[barcode, state]');
      equal((await stage.observe('Found-1')).shown, shown);
    },
  },
  {
    id: 'discover-locations',
    proves: 'Every location of the platform is named, with the reference that listings carry.',
    skipWhen: needsLocations,
    async play(stage) {
      const { locations } = await stage.control.seed({ locations: [{ name: 'Second' }], listings: [] });
      const found = await stage.connection.discoverLocations(stage.signal);
      deepEqual(
        found.map(({ locationRef }) => locationRef).sort(),
        locations.map(({ locationRef }) => locationRef).sort(),
      );
      ok(
        found.some(({ name }) => name === 'Second'),
        'the second location has its name',
      );
      const { locationRef } = await stage.listing('SKU-1');
      ok(
        found.some((location) => location.locationRef === locationRef),
        'a listing lies at a location that is named',
      );
    },
  },
  {
    id: 'basis-at-a-sale',
    proves: 'A sale lowers what is sellable by itself; on onHandLessOwnOpen the number stays and the sale is reserved.',
    skipWhen: needsReads,
    async play(stage) {
      const before = await stage.observe('SKU-3');
      const quantity = stage.int(1, 9);
      await stage.placeOrder([{ sku: 'SKU-3', quantity }]);
      const after = await stage.observe('SKU-3');
      equal(after.sellable, before.sellable - quantity, 'sellable');
      if (stage.capabilities.quantityBasis === 'sellable') {
        equal(after.shown, before.shown - quantity, 'shown');
      } else {
        deepEqual([after.shown, after.reserved], [before.shown, quantity], '[shown, reserved]');
      }
    },
  },
  {
    id: 'basis-at-a-shipment',
    proves:
      'A shipment changes nothing on basis sellable; on onHandLessOwnOpen it ends the reservation and leaves the number.',
    skipWhen: needsReads,
    async play(stage) {
      const orderRef = await stage.placeOrder([{ sku: 'SKU-4', quantity: 4 }]);
      const before = await stage.observe('SKU-4');
      await stage.control.fulfilOrder(orderRef);
      const after = await stage.observe('SKU-4');
      equal(after.shown, before.shown, 'shown');
      const freed = stage.capabilities.quantityBasis === 'sellable' ? 0 : 4;
      equal(after.sellable, before.sellable + freed, 'sellable');
    },
  },
  {
    id: 'observe-oversold',
    proves: 'A number below zero on the platform is shown as it is and never sellable.',
    skipWhen: needsReads,
    async play(stage) {
      await stage.control.editLevels({ levels: [{ sku: 'SKU-5', shown: -3 }] });
      const { sellable, shown } = await stage.observe('SKU-5');
      deepEqual([sellable, shown], [0, -3], '[sellable, shown]');
    },
  },
];
