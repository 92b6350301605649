/** `allot reconcile runs [id]`: the looks at platforms that were made, by whom, and what each found. */
import type { Command } from 'commander';
import { listRuns, type ReconcileRun, type RunDifference, readDifferences, readRun } from '#db/reconcile-runs.ts';
import { REMEDY_SAYS } from '#workers/compare.ts';
import { sayCauses } from '#workers/gate-words.ts';
import { wholeFrom } from '../arguments.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural, sayDuration, sayPairs } from '../output.ts';
import { requireChannel } from '../require-channel.ts';
import type { Kit, Run } from '../session.ts';

const LIMIT_DEFAULT = 20;

type Options = { readonly channel?: string; readonly light?: boolean; readonly limit: number };

const modeOf = ({ mode, sku, isDryRun }: ReconcileRun): string =>
  `${mode === 'item' ? `item ${sku ?? '-'}` : mode}${isDryRun ? ', dry run' : ''}`;

const tookOf = ({ startedAt, finishedAt }: ReconcileRun): string | null =>
  startedAt === null || finishedAt === null ? null : sayDuration(finishedAt - startedAt);

async function list(run: Run, { channel, light = false, limit }: Options): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    if (channel !== undefined) await requireChannel(db, channel);
    const runs = await listRuns(db, { ...(channel === undefined ? {} : { channel }), withLight: light, limit });
    run.out.show({ schema: 'allot.reconcile.runs/1', runs }, () =>
      runs.length === 0
        ? 'No run is kept: the daemon looks by its intervals, and allot reconcile looks now.'
        : run.out.table(
            [
              { title: 'RUN', isNumber: true },
              { title: 'CHANNEL' },
              { title: 'MODE' },
              { title: 'STATE' },
              { title: 'ASKED' },
              { title: 'TOOK' },
              { title: 'COMPARED', isNumber: true },
              { title: 'DIFFERING', isNumber: true },
              { title: 'HEALED', isNumber: true },
              { title: 'BY CAUSE' },
              { title: 'BY' },
            ],
            runs.map((one) => [
              one.id,
              one.channel,
              modeOf(one),
              one.state,
              run.out.age(one.askedAt),
              tookOf(one),
              one.compared,
              one.differing,
              one.healed,
              sayCauses(one.causes),
              one.actor,
            ]),
          ),
    );
    return EXIT.done;
  });
}

const sayRun = (run: Run, one: ReconcileRun): string =>
  sayPairs([
    ['run', one.id],
    ['channel', one.channel],
    ['mode', modeOf(one)],
    ['state', one.error === null ? one.state : `${one.state}: ${one.error}`],
    ['by', one.actor],
    ['asked', run.out.age(one.askedAt)],
    ['took', tookOf(one)],
    ['compared', one.compared],
    ['differing', one.differing],
    ['healed', one.healed],
    ['alerted', one.alerted],
    ['open after', one.openAfter],
  ]);

function sayDifferences(run: Run, { differing }: ReconcileRun, found: readonly RunDifference[]): string {
  if (differing === 0) return '';
  if (found.length === 0) return 'What differed is kept for seven days.';
  const columns = ['REF', 'SKU', 'CAUSE', 'SHOWS', 'SHOULD', 'THEN', 'BECAUSE'].map((title) => ({ title }));
  const rows = found.map((one) => [
    one.listingRef,
    one.sku,
    one.cause,
    one.shows,
    one.wants,
    REMEDY_SAYS[one.remedy],
    one.because.join('; '),
  ]);
  const rest = differing > found.length ? `${plural(found.length, 'listing')} of ${differing}.` : '';
  return `${run.out.table(columns, rows)}${rest}`;
}

async function show(run: Run, id: number): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const found = await readRun(db, id);
    if (found === undefined)
      throw new Failure(`there is no run ${id}`, {
        why: 'light scans are kept for two days, others for thirty',
        mend: 'see which there are: allot reconcile runs',
      });
    const differences = await readDifferences(db, id);
    run.out.show({ schema: 'allot.reconcile.run/1', run: found, differences }, () =>
      [sayRun(run, found), sayDifferences(run, found, differences)].join('\n\n').trimEnd(),
    );
    return EXIT.done;
  });
}

export function addReconcileRuns(reconcile: Command, kit: Kit): void {
  const command = reconcile
    .command('runs')
    .description('the runs that were, the newest first; of one, what it found')
    .argument('[id]', 'one run', wholeFrom(1))
    .option('--channel <channel>', 'of this one alone')
    .option('--light', 'light scans too')
    .option('--limit <runs>', 'the newest so many', wholeFrom(1), LIMIT_DEFAULT)
    .action(
      kit.act(async (run, id: number | undefined, options: Options) =>
        id === undefined ? list(run, options) : show(run, id),
      ),
    );
  kit.examples(command, ['allot reconcile runs --channel shopify:main', 'allot reconcile runs 42 --json']);
}
