/**
 * `npm run bench -- console`: how long the server takes for each page of the console at 100,000 items on three channels, on an
 * embedded PostgreSQL of its own. Filling takes some minutes; each page is asked for so many rounds, after one to warm up.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify from 'fastify';
import { openDatabase } from '#db/client.ts';
import { startEmbedded } from '#db/embedded.ts';
import { migrate } from '#db/migrate.ts';
import { ensurePartitions } from '#db/partitions.ts';
import { analyse } from '#db/statistics.ts';
import { addConsole } from '#workers/console/console.ts';
import type { ConsoleParts } from '#workers/console/parts.ts';
import { AT_PLACES, fillBigBrand, HOT, IN_LOTS, ITEMS, skuOf } from './console-load.ts';

/** Milliseconds of the server for any page: the median counts, since the machine may have other work too. */
const WANTED_MS = 100;

const PAGES: readonly (readonly [name: string, path: string])[] = [
  ['overview', '/console'],
  ['channel', '/console/channel?id=fake%3Aweb'],
  ['channel, to leave', '/console/channel-leave?id=fake%3Amarket'],
  ['channel, to leave, far in', '/console/channel-leave?id=fake%3Amarket&after=ref-70001&place='],
  ['alerts', '/console/alerts'],
  ['SKUs, first page', '/console/skus'],
  ['SKUs, far in', `/console/skus?after=${skuOf(80_000)}`],
  ['SKUs, short', '/console/skus?show=short'],
  ['SKUs, drifting', '/console/skus?show=drifting'],
  ['SKUs, to be sent', '/console/skus?show=waiting'],
  ['SKU', `/console/sku?s=${skuOf(70_001)}`],
  ['SKU with 3,000 orders', `/console/sku?s=${HOT}`],
  ['SKU with 60 lots', `/console/sku?s=${IN_LOTS}`],
  ['SKU with pools of places', `/console/sku?s=${AT_PLACES}`],
  ['search, part of a SKU', '/console/search?q=sku-0700'],
  ['search, words', '/console/search?q=mug%20red'],
  ['search, a barcode', '/console/search?q=4000000070001'],
  ['search, nothing', '/console/search?q=nothing-of-that-name'],
  ['orders', '/console/orders'],
  ['orders of a channel', '/console/orders?channel=fake%3Aweb'],
  ['orders, far in', '/console/orders?before=fake%3Amarket%2F100'],
  ['order', '/console/order?id=fake%3Amarket%2F10000'],
  ['shortages', '/console/shortages'],
  ['reallocations', '/console/reallocations'],
  ['reconcile', '/console/reconcile'],
  ['reconcile, light scans too', '/console/reconcile?runs=all'],
  ['reconcile, of a channel, far in', '/console/reconcile?channel=fake%3Aweb&before=2000'],
  ['run of reconcile', '/console/reconcile-run?id=1'],
  ['stopped listings', '/console/stopped'],
  ['parked', '/console/parked'],
  ['parked, of a cause', '/console/parked?code=unmapped-listing&channel=fake%3Aweb'],
  ['parked, one', '/console/parked-one?id=1'],
  ['queues', '/console/queues'],
  ['documents', '/console/documents'],
  ['policy', '/console/policy'],
  ['policy version', '/console/policy-version?v=1'],
  ['trail', '/console/trail'],
];

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const partsOf = (db: ConsoleParts['db']): ConsoleParts => ({
  db,
  log: {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (fields) => say(JSON.stringify(fields)),
  },
  now: Date.now,
  channels: new Map(),
  decideSoon: () => undefined,
  wakeRelay: () => undefined,
  access: { loopbackRole: 'admin', proxy: null },
  csrfKey: randomBytes(32),
  isReadOnly: false,
  publicUrl: null,
  paceOf: () => ({ pollMs: 60_000, reconcileMs: 300_000 }),
});

type Row = {
  readonly page: string;
  readonly 'fastest ms': number;
  readonly 'median ms': number;
  readonly 'slowest ms': number;
  /** Of this process: what else goes by is the database's, and waiting. */
  readonly 'CPU ms': number;
  readonly kB: number;
};

async function measure(
  ask: (path: string) => Promise<{ statusCode: number; body: string }>,
  rounds: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [page, path] of PAGES) {
    const took: number[] = [];
    let bytes = 0;
    let before = process.cpuUsage();
    for (let round = 0; round <= rounds; round += 1) {
      if (round === 1) before = process.cpuUsage();
      const startedAt = performance.now();
      const { statusCode, body } = await ask(path);
      if (statusCode !== 200 && statusCode !== 303) throw new Error(`${path} answered ${statusCode}`);
      if (round > 0) took.push(performance.now() - startedAt);
      bytes = body.length;
    }
    const { user, system } = process.cpuUsage(before);
    took.sort((a, b) => a - b);
    const tenth = (ms: number | undefined): number => Math.round((ms ?? 0) * 10) / 10;
    rows.push({
      page,
      'fastest ms': tenth(took[0]),
      'median ms': tenth(took[Math.floor(took.length / 2)]),
      'slowest ms': tenth(took.at(-1)),
      'CPU ms': tenth((user + system) / 1000 / rounds),
      kB: Math.round(bytes / 1024),
    });
  }
  return rows;
}

export async function benchConsole({ rounds }: { readonly rounds: number }) {
  const home = await mkdtemp(join(tmpdir(), 'allot-bench-'));
  const server = await startEmbedded({ home, log: () => undefined });
  const db = openDatabase(server.url, { max: 8, applicationName: 'allot bench', statementTimeoutMs: 300_000 });
  const app = Fastify({ logger: false });
  try {
    await migrate(db, { log: () => undefined });
    await ensurePartitions(db, Date.now());
    await fillBigBrand(db, say);
    await analyse(db);
    await app.register((inner) => addConsole(inner, partsOf(db)), { prefix: '/console' });
    const ask = (url: string) => app.inject({ url, remoteAddress: '127.0.0.1', headers: { host: 'localhost' } });
    const table = await measure(ask, rounds);
    const slow = table.filter((row) => row['median ms'] > WANTED_MS).map(({ page }) => page);
    const verdict =
      slow.length === 0
        ? `every page within ${WANTED_MS} ms of server time (median) at ${ITEMS.toLocaleString('en-US')} items`
        : `above ${WANTED_MS} ms (median): ${slow.join(', ')}`;
    return { table, verdict, items: ITEMS, wantedMs: WANTED_MS, pages: table };
  } finally {
    await app.close();
    await db.close();
    await server.stop();
    await rm(home, { recursive: true, force: true });
  }
}
