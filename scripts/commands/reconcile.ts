/** `allot reconcile [channel]`: looks at the platforms now, and tells what differs from what they should show, and why. */
import type { Command } from 'commander';
import { loadConnectors } from '#connectors/registry.ts';
import type { DriftRemedy } from '#core/drift.ts';
import { Fault } from '#core/errors.ts';
import type { Database } from '#db/client.ts';
import { listingsOfSku } from '#db/looks.ts';
import type { PushCandidate } from '#db/push.ts';
import { openSharedRates } from '#db/rates.ts';
import { readSkuTable } from '#db/status.ts';
import { openChannels } from '#workers/channels.ts';
import { findDrift, keepLooked, REMEDY_SAYS } from '#workers/compare.ts';
import { nothingConfigured } from '#workers/config.ts';
import { validateChannels } from '#workers/config-channels.ts';
import type { LookContext, OpenChannel } from '#workers/context.ts';
import type { Judged, Looked } from '#workers/judge-drift.ts';
import { observeNow } from '#workers/look.ts';
import { matchListings } from '#workers/reconcile.ts';
import { recordRun } from '#workers/run-record.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural } from '../output.ts';
import type { Kit, Run } from '../session.ts';
import { addReconcileRuns } from './reconcile-runs.ts';

type Options = { readonly sku?: string; readonly dryRun?: boolean };

const ignore = (): void => undefined;
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** A line to each configured channel, or to the one that is named. */
async function openLines(run: Run, db: Database, only: string | undefined): Promise<Map<string, OpenChannel>> {
  const config = run.config();
  if (config.file === null) throw new Failure('nothing is configured', { mend: nothingConfigured });
  const valid = validateChannels(config, await loadConnectors({ extraPaths: config.connectorPaths }));
  const meant = valid.filter(({ id }) => only === undefined || id === only);
  if (meant.length === 0)
    throw new Failure(`there is no channel ${only ?? ''}`.trim(), {
      why: `the configuration has ${valid.map(({ id }) => id).join(', ') || 'none'}`,
      mend: 'allot channels list',
    });
  return openChannels(meant, {
    db,
    rates: openSharedRates(db),
    now: run.io.now,
    random: Math.random,
    log: silent,
    keyIds: config.sealKeys.map(({ id }) => id),
  });
}

/** The daemon rings from the outbox; here nothing waits for it. */
const contextOf = (run: Run, db: Database, channels: ReadonlyMap<string, OpenChannel>): LookContext => ({
  db,
  channels,
  owner: run.actor,
  readOnly: run.environment().isReadOnly,
  publicUrl: null,
  now: run.io.now,
  random: Math.random,
  log: silent,
  tally: { pushed: ignore, drifted: ignore, decided: ignore },
  wakeRelay: ignore,
  decideSoon: ignore,
  ringLater: ignore,
});

/** All levels of the channel page by page; of one item, its listings alone. */
async function* lookOver(
  context: LookContext,
  channel: OpenChannel,
  { sku, signal }: { readonly sku: string | undefined; readonly signal: AbortSignal },
): AsyncGenerator<readonly Looked[]> {
  if (sku !== undefined) {
    const candidates: readonly PushCandidate[] = await listingsOfSku(context.db, channel.id, sku);
    yield (await observeNow(context, channel, candidates, signal)).pairs;
    return;
  }
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof channel.connection.scan>> = await channel.connection.scan(cursor, signal);
    yield (await matchListings(context, channel, page.observations)).looked;
    cursor = page.cursor;
  } while (cursor !== null);
}

type Row = {
  readonly channel: string;
  readonly listingRef: string;
  readonly sku: string;
  readonly cause: string;
  readonly shows: number;
  readonly wants: number;
  readonly remedy: DriftRemedy;
  readonly because: readonly string[];
};

const rowOf = (channel: string, { candidate, seen, drift }: Judged): Row => ({
  channel,
  listingRef: candidate.key.listingRef,
  sku: candidate.sku,
  cause: drift.cause,
  shows: seen.sellable,
  wants: candidate.target.quantity,
  remedy: drift.remedy,
  because: drift.because,
});

type Found = { looked: number; readonly drift: Row[] };
type Unreached = { readonly channel: string; readonly says: string };

async function lookAt(
  run: Run,
  context: LookContext,
  channel: OpenChannel,
  { sku, dryRun = false, found }: Options & { readonly found: Found },
): Promise<void> {
  const { signal } = run.io;
  const start = { channelId: channel.id, isDryRun: dryRun, actor: run.actor, signal };
  const mode = sku === undefined ? ({ mode: 'full' } as const) : ({ mode: 'item', sku } as const);
  await recordRun(context, { ...start, ...mode }, async (record) => {
    for await (const page of lookOver(context, channel, { sku, signal })) {
      const judged = await findDrift(context, channel, page);
      const healed = dryRun ? 0 : await keepLooked(context, channel, { looked: page, judged });
      await record.note({ looked: page, judged, healed });
      found.drift.push(...judged.map((one) => rowOf(channel.id, one)));
      found.looked += page.length;
      run.io.note(`${channel.id}: ${plural(found.looked, 'listing')} looked at, ${found.drift.length} drift\n`);
    }
  });
}

/** One platform that does not answer hides no other's drift; a defect, or Ctrl-C, ends it all. */
async function unlessUnreached(channel: string, signal: AbortSignal, work: () => Promise<void>): Promise<Unreached[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (signal.aborted || !(error instanceof Fault) || error.code === 'defect') throw error;
    return [{ channel, says: error.message }];
  }
}

function sayDrift(run: Run, { looked, drift }: Found): string {
  if (drift.length === 0)
    return `${plural(looked, 'listing')} looked at: each shows what it should, or is being written.`;
  const columns = ['CHANNEL', 'REF', 'SKU', 'CAUSE', 'SHOWS', 'SHOULD', 'NOW'].map((title) => ({ title }));
  return run.out.table(
    columns,
    drift.map((row) => [
      row.channel,
      row.listingRef,
      row.sku,
      row.cause,
      row.shows,
      row.wants,
      REMEDY_SAYS[row.remedy],
    ]),
  );
}

async function reconcile(run: Run, only: string | undefined, options: Options): Promise<ExitCode> {
  const { sku, dryRun = false } = options;
  return run.withDatabase(async (db) => {
    if (sku !== undefined && (await readSkuTable(db, { skus: [sku] })).length === 0)
      throw new Failure(`SKU ${sku} is not an item`, {
        why: 'SKUs are case-sensitive',
        mend: 'allot status --skus shows those there are',
      });
    const channels = await openLines(run, db, only);
    const context = contextOf(run, db, channels);
    const found: Found = { looked: 0, drift: [] };
    const unread: string[] = [];
    const unreached: Unreached[] = [];
    try {
      for (const channel of channels.values()) {
        if (channel.capabilities.observable !== 'read') unread.push(channel.id);
        else
          unreached.push(
            ...(await unlessUnreached(channel.id, run.io.signal, () =>
              lookAt(run, context, channel, { ...options, found }),
            )),
          );
      }
    } finally {
      for (const { connection } of channels.values()) await connection.close();
    }
    run.out.show(
      { schema: 'allot.reconcile/1', dryRun, looked: found.looked, unread, unreached, drift: found.drift },
      () => sayDrift(run, found),
    );
    if (unread.length > 0) run.io.note(`${unread.join(', ')}: cannot be read; its receipts tell what it took\n`);
    for (const { channel, says } of unreached)
      run.io.note(
        `allot: ${channel} was not looked at whole: ${says}\n  mend: allot channels show ${channel}; then allot reconcile ${channel}\n`,
      );
    if (found.drift.length > 0 && dryRun)
      run.next('next: the same without --dry-run; the daemon then mends what is its to mend');
    if (unreached.length > 0) return EXIT.unreachable;
    return found.drift.length > 0 ? EXIT.found : EXIT.done;
  });
}

export function addReconcileCommand(program: Command, kit: Kit): void {
  const command = program
    .command('reconcile')
    .description('look at the platforms now: what shows another number than it should, and why')
    .argument('[channel]', 'only this one')
    .option('--sku <sku>', 'only the listings of this item')
    .option('--dry-run', 'tell, and change nothing; the run itself is kept, as every run: allot reconcile runs')
    .addHelpText(
      'after',
      '\nExits 3 when something drifts, 4 when a platform did not answer: the others are looked at all the same. The daemon mends; a channel in shadow is never written to.',
    )
    .action(kit.act(async (run, channel: string | undefined, options: Options) => reconcile(run, channel, options)));
  addReconcileRuns(command, kit);
  kit.examples(command, ['allot reconcile --dry-run', 'allot reconcile shopify:main --sku MUG-RED --json']);
}
