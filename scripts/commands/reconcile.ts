/** `allot reconcile [channel]`: looks at the platforms now, and tells what differs from what they should show, and why. */
import type { Command } from 'commander';
import { loadConnectors } from '#connectors/registry.ts';
import type { DriftRemedy } from '#core/drift.ts';
import type { Database } from '#db/client.ts';
import { listingsOfSku } from '#db/looks.ts';
import type { PushCandidate } from '#db/push.ts';
import { openSharedRates } from '#db/rates.ts';
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

async function reconcile(run: Run, only: string | undefined, { sku, dryRun = false }: Options): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const channels = await openLines(run, db, only);
    const context = contextOf(run, db, channels);
    const drift: Row[] = [];
    const unread: string[] = [];
    let looked = 0;
    try {
      for (const channel of channels.values()) {
        if (channel.capabilities.observable !== 'read') {
          unread.push(channel.id);
          continue;
        }
        const { signal } = run.io;
        const start = { channelId: channel.id, isDryRun: dryRun, actor: run.actor, signal };
        const mode = sku === undefined ? ({ mode: 'full' } as const) : ({ mode: 'item', sku } as const);
        await recordRun(context, { ...start, ...mode }, async (record) => {
          for await (const page of lookOver(context, channel, { sku, signal })) {
            const judged = await findDrift(context, channel, page);
            const healed = dryRun ? 0 : await keepLooked(context, channel, { looked: page, judged });
            await record.note({ looked: page, judged, healed });
            drift.push(...judged.map((one) => rowOf(channel.id, one)));
            looked += page.length;
            run.io.note(`${channel.id}: ${plural(looked, 'listing')} looked at, ${drift.length} drift\n`);
          }
        });
      }
    } finally {
      for (const { connection } of channels.values()) await connection.close();
    }
    const columns = ['CHANNEL', 'REF', 'SKU', 'CAUSE', 'SHOWS', 'SHOULD', 'NOW'].map((title) => ({ title }));
    run.out.show({ schema: 'allot.reconcile/1', dryRun, looked, unread, drift }, () =>
      drift.length === 0
        ? `${plural(looked, 'listing')} looked at: each shows what it should, or is being written.`
        : run.out.table(
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
          ),
    );
    if (unread.length > 0) run.io.note(`${unread.join(', ')}: cannot be read; its receipts tell what it took\n`);
    if (drift.length > 0 && dryRun)
      run.next('next: the same without --dry-run; the daemon then mends what is its to mend');
    return drift.length > 0 ? EXIT.found : EXIT.done;
  });
}

export function addReconcileCommand(program: Command, kit: Kit): void {
  const command = program
    .command('reconcile')
    .description('look at the platforms now: what shows another number than it should, and why')
    .argument('[channel]', 'only this one')
    .option('--sku <sku>', 'only the listings of this item')
    .option('--dry-run', 'tell, and change nothing; the run itself is kept, as every run: allot reconcile runs')
    .addHelpText('after', '\nExits 3 when something drifts. The daemon mends; a channel in shadow is never written to.')
    .action(kit.act(async (run, channel: string | undefined, options: Options) => reconcile(run, channel, options)));
  addReconcileRuns(command, kit);
  kit.examples(command, ['allot reconcile --dry-run', 'allot reconcile shopify:main --sku MUG-RED --json']);
}
