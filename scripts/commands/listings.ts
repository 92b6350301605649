/** `allot listings list|map|unmap`: which item each listing stands for. */
import type { Command } from 'commander';
import {
  findListings,
  listListings,
  lockListings,
  type MappingChange,
  type StoredListing,
  writeMappings,
} from '#db/catalogue.ts';
import type { Database, Queries } from '#db/client.ts';
import { resumeListings } from '#db/drift.ts';
import { readSkuTable } from '#db/status.ts';
import { wholeFrom } from '../arguments.ts';
import { decideAll, exitCodeOf, requirePolicy, sayTrouble, tallyOf } from '../decide-now.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural } from '../output.ts';
import { requireChannel } from '../require-channel.ts';
import type { Kit, Run } from '../session.ts';

type ListOptions = {
  readonly unmapped?: boolean;
  readonly channel?: string;
  readonly limit: number;
  readonly after: number;
};

async function list(run: Run, options: ListOptions): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    if (options.channel !== undefined) await requireChannel(db, options.channel);
    const listings = await listListings(db, options);
    const last = listings.length < options.limit ? null : (listings.at(-1)?.id ?? null);
    const columns = [
      { title: 'ID', isNumber: true },
      ...['CHANNEL', 'REF', 'PLACE', 'SKU'].map((title) => ({ title })),
      { title: 'PACK', isNumber: true },
      { title: 'HINT' },
      { title: 'STATE' },
      { title: 'TITLE' },
    ];
    run.out.show({ schema: 'allot.listings/1', listings, next: last }, () =>
      listings.length === 0
        ? 'No listing matches.'
        : run.out.table(
            columns,
            listings.map((one) => [
              one.id,
              one.channel,
              one.listingRef,
              one.locationRef,
              one.sku,
              one.pack,
              one.skuHint,
              one.state,
              one.title,
            ]),
          ),
    );
    if (last !== null) run.next(`more: the same with --after ${last}`);
    if (listings.some(({ sku }) => sku === null)) run.next('next: allot listings map CHANNEL REF SKU');
    return EXIT.done;
  });
}

type Wanted = {
  readonly channel: string;
  readonly listingRef: string;
  readonly sku: string | null;
  readonly pack: number | null;
  readonly place: string | null;
};

async function planChanges(tx: Queries, wanted: Wanted): Promise<MappingChange[]> {
  const name = { channel: wanted.channel, listingRef: wanted.listingRef, locationRef: wanted.place };
  const found = await lockListings(tx, [name], wanted.sku === null ? [] : [wanted.sku]);
  return found.flatMap((listing) => {
    const pack = wanted.pack ?? listing.pack;
    return listing.sku === wanted.sku && listing.pack === pack
      ? []
      : [{ ...listing, from: listing.sku, sku: wanted.sku, pack }];
  });
}

async function requireListing(
  db: Database,
  wanted: Pick<Wanted, 'channel' | 'listingRef' | 'place'>,
): Promise<StoredListing[]> {
  await requireChannel(db, wanted.channel);
  const found = await findListings(db, [
    { channel: wanted.channel, listingRef: wanted.listingRef, locationRef: wanted.place },
  ]);
  if (found.length > 0) return found;
  throw new Failure(`${wanted.channel} has no listing ${wanted.listingRef}`, {
    why: 'listings come from discovery, when the daemon reconciles the channel, or from a file',
    mend: `allot listings list --channel ${wanted.channel}, or allot import listings FILE`,
  });
}

async function requireItem(db: Database, sku: string): Promise<void> {
  if ((await readSkuTable(db, { skus: [sku] })).length > 0) return;
  throw new Failure(`SKU ${sku} is not an item`, {
    why: 'SKUs are case-sensitive',
    mend: 'add it first: allot import items FILE',
  });
}

async function setMapping(run: Run, wanted: Wanted): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    await requirePolicy(db);
    await requireListing(db, wanted);
    if (wanted.sku !== null) await requireItem(db, wanted.sku);
    const by = { actor: run.actor, now: run.io.now() };
    const { changes, result } = await db.transaction(async (tx) => {
      const planned = await planChanges(tx, wanted);
      return { changes: planned, result: await writeMappings(tx, planned, by) };
    });
    const outcomes = await decideAll(run, db, result.commandIds);
    const exitCode = exitCodeOf(tallyOf(outcomes));
    run.out.show({ schema: 'allot.mapping/1', ok: exitCode === EXIT.done, changes, retried: result.retried }, () =>
      sayMapping(wanted, changes, result.retried),
    );
    for (const line of sayTrouble(outcomes)) run.io.note(`${line}\n`);
    if (wanted.sku === null && changes.length > 0)
      run.io.note('The platform goes on showing its last number: allot no longer tells it one.\n');
    if (wanted.sku !== null) run.next(`next: allot explain ${wanted.sku} --channel ${wanted.channel}`);
    return exitCode;
  });
}

function sayMapping(wanted: Wanted, changes: readonly MappingChange[], retried: number): string {
  const what = `${wanted.channel} ${wanted.listingRef}`;
  if (changes.length === 0)
    return `Nothing to change: ${what} is ${wanted.sku === null ? 'mapped to nothing' : `mapped to ${wanted.sku}`} already.`;
  const says =
    wanted.sku === null
      ? `${what} is mapped to nothing now.`
      : `${what} is mapped to ${wanted.sku} now${changes[0]?.pack === 1 ? '' : `, in packs of ${changes[0]?.pack}`}.`;
  return retried === 0
    ? says
    : `${says} ${plural(retried, 'parked input')} that waited for a mapping ${retried === 1 ? 'is' : 'are'} retried.`;
}

async function resume(run: Run, channelId: string, listingRef: string): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    await requireListing(db, { channel: channelId, listingRef, place: null });
    const by = { actor: run.actor, now: run.io.now() };
    const resumed = await db.transaction((tx) => resumeListings(tx, { channelId, listingRef }, by));
    run.out.show({ schema: 'allot.resumed/1', ok: true, resumed }, () =>
      resumed.length === 0
        ? `Nothing to resume: ${channelId} ${listingRef} is not stopped.`
        : `${channelId} ${listingRef} is written to again; it was stopped (${resumed.map(({ stopped }) => stopped).join(', ')}).`,
    );
    run.next(`next: allot reconcile ${channelId} --dry-run`);
    return EXIT.done;
  });
}

export function addListingCommands(program: Command, kit: Kit): void {
  const group = program.command('listings').description('what channels sell, and the item each listing stands for');
  const listing = group
    .command('list')
    .description('listings, oldest first')
    .option('--unmapped', 'only those that stand for no item yet')
    .option('--channel <id>', 'only of this channel')
    .option('--limit <rows>', 'at most, up to 1000', wholeFrom(1), 100)
    .option('--after <id>', 'the next page: the last id of the page before', wholeFrom(0), 0)
    .action(kit.act(list));
  kit.examples(listing, ['allot listings list --unmapped', 'allot listings list --channel shopify:main --json']);
  const map = group
    .command('map')
    .description('say which item a listing stands for; orders that waited for it go on by themselves')
    .argument('<channel>')
    .argument('<ref>', "the listing's reference, as allot listings list shows it")
    .argument('<sku>')
    .option('--pack <units>', 'units of the item in one unit of the listing', wholeFrom(1))
    .option('--place <ref>', 'only at this location of the platform')
    .action(
      kit.act(
        async (
          run,
          ...[channel, listingRef, sku, { pack, place }]: [string, string, string, { pack?: number; place?: string }]
        ) => setMapping(run, { channel, listingRef, sku, pack: pack ?? null, place: place ?? null }),
      ),
    );
  kit.examples(map, [
    'allot listings map shopify:main 4512 MUG-RED',
    'allot listings map edi:target 0440012 MUG-RED --pack 6',
  ]);
  const unmap = group
    .command('unmap')
    .description('a listing stands for no item any more')
    .argument('<channel>')
    .argument('<ref>')
    .option('--place <ref>', 'only at this location of the platform')
    .action(
      kit.act(async (run, channel: string, listingRef: string, { place }: { place?: string }) =>
        setMapping(run, { channel, listingRef, sku: null, pack: null, place: place ?? null }),
      ),
    );
  kit.examples(unmap, ['allot listings unmap shopify:main 4512']);
  const again = group
    .command('resume')
    .description(
      'write to a listing again that was stopped: a second writer, a count that is due, a number you are asked about',
    )
    .argument('<channel>')
    .argument('<ref>')
    .action(kit.act(async (run, channel: string, listingRef: string) => resume(run, channel, listingRef)));
  kit.examples(again, ['allot listings resume shopify:main 4512']);
}
