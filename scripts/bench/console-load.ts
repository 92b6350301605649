/**
 * A brand of 100,000 items for the bench of the console, filled the way a brand is: imports, receipts, orders, decided by the core;
 * what platforms would have answered is written as their answers are.
 */

import { raiseAlerts } from '#db/alerts.ts';
import type { Database } from '#db/client.ts';
import { addCommands, type NewCommand } from '#db/commands.ts';
import { applyConfiguration } from '#db/configuration.ts';
import type { PolicyBody } from '#db/configuration-changes.ts';
import { importItems } from '#db/import-items.ts';
import { importListings } from '#db/import-listings.ts';
import { setMode } from '#db/modes.ts';
import { acknowledge, allListings, askForReads, saveObserved } from '#db/push.ts';
import { decidePending } from '#workers/allocate.ts';
import { fillLooks } from './console-load-looks.ts';

export const ITEMS = 100_000;
export const CHANNELS = ['fake:web', 'fake:market', 'fake:wholesale'] as const;
const ORDERS = 20_000;
const CHUNK = 5_000;
/** One item that everybody wants, so that its ledger is long. */
export const HOT = 'SKU-000042';
const HOT_ORDERS = 3_000;
/** Of every twentieth item some units come in lots; of this one they are many. */
export const IN_LOTS = 'SKU-000007';
const LOTS = 60;
/** Orders of listings that stand for nothing: each is parked. */
const UNMAPPED_ORDERS = 3_000;
/** Two places of the wholesale program's goods have pools of their own there. */
export const AT_PLACES = 'SKU-000107';

export const skuOf = (n: number): string => `SKU-${String(n).padStart(6, '0')}`;

const rule = (channel: string, program: string) => ({
  channel,
  program,
  sku: '*' as const,
  sharePercent: 100,
  safetyStock: 0,
  buffer: 1,
  hideAtOrBelow: null,
  cap: null,
});

const POLICY: PolicyBody = {
  programs: [
    { id: 'dtc', priority: 2, drawOrder: 'ownThenShared', locations: ['main'] },
    { id: 'wholesale', priority: 1, drawOrder: 'ownThenShared', locations: ['main', 'store'] },
  ],
  pools: [
    { program: 'wholesale', sku: '*', units: 5, refill: 'never', protects: 'core' },
    { program: 'wholesale', sku: AT_PLACES, location: 'main', units: 3, refill: 'never', protects: 'core' },
    { program: 'wholesale', sku: AT_PLACES, location: 'store', units: 2, refill: 'never', protects: 'core' },
  ],
  gates: [{ channel: 'fake:web', cleanDays: 7, agreement: 99, ramp: [5, 25, 100], stepDays: 2, fallBack: 90 }],
  channels: [rule('fake:market', 'dtc'), rule('fake:web', 'dtc'), rule('fake:wholesale', 'wholesale')],
  inFlightMs: 600_000,
};

const by = { actor: 'bench', now: 0 };

async function inChunks(count: number, work: (from: number, to: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += CHUNK) await work(from, Math.min(count, from + CHUNK));
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

async function decide(
  db: Database,
  commands: readonly Pick<NewCommand, 'body' | 'channelId'>[],
  at: number,
): Promise<void> {
  await db.transaction((tx) =>
    addCommands(
      tx,
      commands.map((one) => ({ ...one, actor: 'bench', occurredAt: at, inboxId: null })),
    ),
  );
  await decidePending(db, { now: () => at });
}

const fillCatalogue = (db: Database): Promise<void> =>
  inChunks(ITEMS, async (from, to) => {
    const items = range(from, to).map((n) => ({
      line: n + 2,
      sku: skuOf(n),
      title: `Mug ${['red', 'blue', 'green', 'white'][n % 4]} no ${n}`,
      lifecycle: null,
      identifiers: [{ kind: 'barcode', values: [String(4_000_000_000_000 + n)] }],
    }));
    await db.transaction((tx) => importItems(tx, items, by));
    for (const channel of CHANNELS) {
      const rows = range(from, to).map((n) => ({
        line: n + 2,
        channel,
        listingRef: `ref-${n}`,
        locationRef: '',
        sku: skuOf(n),
        pack: 1,
        locations: null,
        title: null,
      }));
      await db.transaction((tx) => importListings(tx, rows, by));
    }
  });

const fillShelves = (db: Database, at: number): Promise<void> =>
  inChunks(ITEMS, (from, to) =>
    decide(
      db,
      range(from, to)
        // Every fiftieth has nothing: whoever orders it is short.
        .filter((n) => n % 50 !== 0)
        .map((n) => ({
          body: { kind: 'receive', sku: skuOf(n), location: 'main', quantity: 20 + (n % 200), disposition: 'sellable' },
          channelId: null,
        })),
      at,
    ),
  );

/** Lots of every twentieth item, and of one very many. */
async function fillLots(db: Database, at: number): Promise<void> {
  const day = 86_400_000;
  const receive = (sku: string, n: number): Pick<NewCommand, 'body' | 'channelId'> => ({
    body: {
      kind: 'receive',
      sku,
      location: n % 3 === 0 ? 'store' : 'main',
      quantity: 5,
      disposition: 'sellable',
      lot: `L${n}`,
      expiresAt: at + (n + 1) * 10 * day,
    },
    channelId: null,
  });
  const some = range(0, ITEMS / 20).map((n) => skuOf(n * 20 + 7));
  await decide(
    db,
    [
      ...some.flatMap((sku) => [receive(sku, 1), receive(sku, 2)]),
      ...range(3, LOTS).map((n) => receive(IN_LOTS, n)),
      receive(AT_PLACES, 3),
    ],
    at,
  );
}

const orderOf = (n: number, at: number, listings: readonly number[]): Pick<NewCommand, 'body' | 'channelId'> => {
  const channel = CHANNELS[n % CHANNELS.length] ?? CHANNELS[0];
  return {
    channelId: channel,
    body: {
      kind: 'order-state',
      channel,
      order: {
        orderRef: String(n),
        displayRef: `#${n}`,
        version: 1,
        placedAt: at + n,
        modifiedAt: at + n,
        fulfilledBy: 'seller',
        locationRef: null,
        obligations: [],
        lines: listings.map((item, line) => ({
          lineRef: `l${line}`,
          listingRef: `ref-${item}`,
          skuHint: skuOf(item),
          ordered: 1 + (n % 3),
          cancelled: 0,
          shipped: 0,
          returned: 0,
        })),
      },
    },
  };
};

async function fillOrders(db: Database, at: number): Promise<void> {
  const step = 7_919;
  await inChunks(ORDERS, (from, to) =>
    decide(
      db,
      range(from, to).map((n) => orderOf(n, at, [(n * step) % ITEMS, (n * step * 3 + 1) % ITEMS])),
      at,
    ),
  );
  await decide(
    db,
    range(ORDERS, ORDERS + HOT_ORDERS).map((n) => orderOf(n, at, [42])),
    at,
  );
  const first = ORDERS + HOT_ORDERS;
  await decide(
    db,
    range(first, first + UNMAPPED_ORDERS).map((n) => orderOf(n, at, [ITEMS + n])),
    at,
  );
}

/** Nine in ten listings are acknowledged and read; one in a hundred of these shows another number. */
async function answerAsPlatforms(db: Database, at: number): Promise<void> {
  for (const channel of CHANNELS) {
    const listings = await allListings(db, channel, ITEMS);
    const taken = listings.filter((_, n) => n % 10 !== 0);
    await inChunks(taken.length, async (from, to) => {
      const some = taken.slice(from, to);
      const rows = some.map(({ listingId, version, target }) => ({
        listingId,
        version,
        quantity: target.quantity,
        wireQuantity: target.quantity,
        soldBaseline: 0,
        readDueAt: null,
        writtenAt: at,
      }));
      const off = (n: number): number => (n % 100 === 0 ? 1 : 0);
      const seen = some.map(({ listingId, target }, n) => ({
        listingId,
        sellable: target.quantity + off(n),
        shown: target.quantity + off(n),
        state: 'tracked',
        asOf: at,
      }));
      await db.transaction(async (tx) => {
        await acknowledge(tx, rows);
        await saveObserved(tx, seen);
        await askForReads(
          tx,
          some.flatMap(({ listingId }, n) => (off(n) === 1 ? [listingId] : [])),
          at,
        );
      });
    });
  }
}

export async function fillBigBrand(db: Database, say: (line: string) => void): Promise<void> {
  const at = Date.now();
  await applyConfiguration(db, {
    locations: [
      { id: 'main', master: 'allot', sells: true },
      { id: 'store', master: 'allot', sells: true },
    ],
    channels: CHANNELS.map((id) => ({ id, connector: 'fake', program: id === 'fake:wholesale' ? 'wholesale' : 'dtc' })),
    policy: POLICY,
    author: 'bench',
    reason: 'the bench begins',
  });
  say(`importing ${ITEMS} items with ${CHANNELS.length} listings each`);
  await fillCatalogue(db);
  await setMode(db, 'all', 'live', 'bench');
  say('receiving');
  await fillShelves(db, at);
  await fillLots(db, at);
  say(`${ORDERS + HOT_ORDERS} orders`);
  await fillOrders(db, at);
  say('answers of the platforms');
  await answerAsPlatforms(db, at);
  say('looks at the platforms');
  await fillLooks(db, CHANNELS, ITEMS, at);
  await raiseAlerts(
    db,
    range(0, 300).map((n) => ({
      fingerprint: `pool-low ${skuOf(n)} wholesale`,
      code: 'pool-low',
      severity: 'warning',
      title: `${skuOf(n)}: the pool of wholesale is low`,
      channelId: null,
      touches: { sku: skuOf(n), remaining: 1 },
      cause: '4 more units lift it to its threshold',
      nextStep: `allot explain ${skuOf(n)}`,
    })),
  );
}
