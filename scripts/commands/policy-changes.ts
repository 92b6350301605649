/**
 * `allot policy propose|approve|reject|preview|apply|rollback`: a policy comes into force after its preview was shown.
 *
 * Guarantees: nothing is applied that the file check, the items there are, or a missing approval refuse, and then the running policy
 * stays; what was previewed is what is applied, or a version that came between is told.
 */
import type { Command } from 'commander';
import { summaryOf } from '#core/policy-words.ts';
import type { Database } from '#db/client.ts';
import { type ApplyHow, applyConfiguration, type Configuration, readStored } from '#db/configuration.ts';
import { findChanges, isNothing } from '#db/configuration-changes.ts';
import { readPolicyAt } from '#db/policy-history.ts';
import { decideProposal, proposePolicy, readProposal, requireApproval } from '#db/policy-proposals.ts';
import { ConfigError } from '#workers/config-problems.ts';
import { findExcesses, findMisfits, sayOverPools, sayPlaces } from '#workers/policy-fit.ts';
import { type PolicyPreview, previewPolicy } from '#workers/policy-preview.ts';
import { finishReviews } from '#workers/policy-review.ts';
import { wholeFrom } from '../arguments.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural } from '../output.ts';
import {
  changesBetween,
  inForceSource,
  isNumber,
  type PolicySource,
  proposalSource,
  readPolicyFile,
  readPolicySource,
} from '../policy-sources.ts';
import { sayAboveOfChange, sayAboveWarnings, sayChanges, sayPreview } from '../policy-text.ts';
import type { Kit, Run } from '../session.ts';

async function refuseMisfits(run: Run, db: Database, { name, file, body }: PolicySource): Promise<void> {
  const now = run.io.now();
  if (file !== null) {
    const problems = [...sayOverPools(file, now), ...(await findMisfits(db, file, now))];
    if (problems.length > 0) throw new ConfigError(problems);
    return;
  }
  const problems = await findExcesses(db, body, now, null);
  if (problems.length === 0) return;
  throw new Failure(`${name} does not fit the items there are: ${problems.join('\n')}`, {
    mend: 'write it to a file (allot policy export VERSION, or --proposal ID), correct it there, and apply that',
    exitCode: EXIT.usage,
  });
}

/** A pool above what is free may be right, for goods on their way: a person must mean it. Answers whether to go on. */
async function confirmMeant(run: Run, seen: PolicyPreview, question: string, isAsked: boolean): Promise<boolean> {
  const above = sayAboveOfChange(seen.poolsAboveSupply);
  if (above === null) return !isAsked || run.confirm(`${question}?`);
  if (!run.isYes && run.io.ask === null) {
    throw new Failure(`${above.says}, and nobody can be asked whether that is meant`, {
      why: above.lines.map((line) => line.trim()).join('\n'),
      mend: 'lower them as told, or say that it is meant: the same command with --yes',
    });
  }
  return run.confirm(`${question}, although ${above.says}?`);
}

const configurationOf = (run: Run, { body, setup }: PolicySource, reason: string): Configuration => ({
  ...setup,
  policy: body,
  author: run.actor,
  reason,
});

/** Words, not blanks. */
function requireReason(reason: string | undefined, mend: string): string {
  const text = reason?.trim() ?? '';
  if (text !== '') return text;
  throw new Failure('no reason is given: the history could not answer why', { mend, exitCode: EXIT.usage });
}

async function propose(run: Run, named: string | undefined, options: { reason: string }): Promise<ExitCode> {
  const reason = requireReason(options.reason, 'allot policy propose FILE --reason TEXT');
  return run.withDatabase(async (db) => {
    const source = await readPolicySource(db, run, named);
    await refuseMisfits(run, db, source);
    const inForce = await inForceSource(db);
    const seen = await makePreview(run, db, source);
    const warnings = sayAboveWarnings(seen.poolsAboveSupply);
    if (warnings.length > 0) run.io.note(`${warnings.join('\n')}\n`);
    if (!(await confirmMeant(run, seen, `Propose ${source.name}`, false))) return EXIT.interrupted;
    const wanted = { ...source.setup, policy: source.body, source: source.name, reason, author: run.actor };
    const id = await proposePolicy(db, wanted);
    const changes = changesBetween(inForce, source);
    run.out.show(
      { schema: 'allot.policy.proposal/1', ok: true, id, changes, poolsAboveSupply: seen.poolsAboveSupply },
      () =>
        [
          `Proposal ${id} on ${inForce?.name ?? 'nothing'}: ${plural(changes.length, 'change')}.`,
          sayChanges(changes),
        ].join('\n'),
    );
    run.next(
      `next: allot policy preview --proposal ${id}; a second person: allot policy approve ${id}; then: allot policy apply ${id}`,
    );
    return EXIT.done;
  });
}

const decideAs =
  (state: 'approved' | 'rejected') =>
  async (run: Run, id: number, options: { reason?: string }): Promise<ExitCode> =>
    run.withDatabase(async (db) => {
      const given = options.reason?.trim() ?? '';
      await decideProposal(db, { id, state, actor: run.actor, reason: given === '' ? null : given });
      run.out.show(
        { schema: 'allot.policy.verdict/1', ok: true, id, state, by: run.actor },
        () => `Proposal ${id} is ${state}.`,
      );
      if (state === 'approved') run.next(`next: allot policy apply ${id}`);
      return EXIT.done;
    });

async function makePreview(run: Run, db: Database, source: PolicySource): Promise<PolicyPreview> {
  let told = 0;
  const onProgress = (items: number): void => {
    if (items - told < PROGRESS_ITEMS) return;
    told = items;
    run.io.note(`${plural(items, 'item')} looked at\n`);
  };
  const wanted = configurationOf(run, source, 'preview');
  const place = source.file === null ? {} : { placeOf: sayPlaces(source.file) };
  const { now, signal } = run.io;
  return previewPolicy(db, await readStored(db), wanted, { now: now(), signal, onProgress, ...place });
}

const PROGRESS_ITEMS = 5000;

async function preview(run: Run, named: string | undefined, { proposal }: { proposal?: number }): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const source = proposal === undefined ? await readPolicySource(db, run, named) : await proposalSource(db, proposal);
    await refuseMisfits(run, db, source);
    const changes = changesBetween(await inForceSource(db), source);
    const seen = await makePreview(run, db, source);
    run.out.show({ schema: 'allot.policy.preview/1', source: source.name, changes, preview: seen }, () =>
      [sayChanges(changes), '', sayPreview(run.out, seen)].join('\n'),
    );
    return EXIT.done;
  });
}

type Wanted = { readonly source: PolicySource; readonly reason: string; readonly how: ApplyHow };

/** Shows, asks, applies, and with `wait` decides what it marked. */
async function putInForce(run: Run, db: Database, wanted: Wanted, wait: boolean): Promise<ExitCode> {
  const { source, reason } = wanted;
  const configuration = configurationOf(run, source, reason);
  const stored = await readStored(db);
  const moves = findChanges(stored, configuration);
  if (isNothing(moves)) return tellNothing(run, db, stored.policyVersion, wait);
  // Asked again under the lock; here, so that nobody reads a preview of what cannot be applied.
  const { proposal } = wanted.how;
  await db.transaction((tx) =>
    requireApproval(tx, stored, { ...configuration, ...(proposal === undefined ? {} : { proposal }) }),
  );
  await refuseMisfits(run, db, source);
  const changes = changesBetween(await inForceSource(db), source);
  const seen = await makePreview(run, db, source);
  // A person who is asked sees it also with --json: on standard error.
  if (!run.out.isJson || run.io.ask !== null) run.io.note(`${sayChanges(changes)}\n\n${sayPreview(run.out, seen)}\n`);
  const question = `Put ${source.name} in force, after version ${stored.policyVersion}`;
  if (!(await confirmMeant(run, seen, question, true))) return EXIT.interrupted;
  const applied = await applyConfiguration(db, configuration, { expects: stored.policyVersion, ...wanted.how });
  if (wait) await finish(run, db, applied.itemsToReview);
  run.out.show(
    { schema: 'allot.policy.applied/1', ok: true, ...applied, reason, isDecided: wait, changes, preview: seen },
    () =>
      `Policy version ${applied.policyVersion} is in force: ${summaryOf(changes)}. ${sayReviews(applied.itemsToReview, wait)}`,
  );
  const known = new Set(stored.channels.flatMap(({ id, configured }) => (configured ? [id] : [])));
  const added = moves.channels.flatMap(({ id }) => (known.has(id) ? [] : [id]));
  if (added.length > 0)
    run.next(`${added.join(', ')}: served from the next start of the daemon on, with the settings of its file`);
  run.next(
    `next: allot policy show ${applied.policyVersion}${stored.policyVersion === 0 ? '' : `; back: allot policy rollback ${stored.policyVersion} --reason TEXT`}`,
  );
  return EXIT.done;
}

const sayReviews = (items: number, wait: boolean): string => {
  if (items === 0) return 'No number moves.';
  if (wait) return `${plural(items, 'item')} decided anew.`;
  return `${plural(items, 'item')} will be decided anew by the daemon, those that fall first; --wait does it here.`;
};

async function tellNothing(run: Run, db: Database, version: number, wait: boolean): Promise<ExitCode> {
  if (wait) await finish(run, db, 0);
  run.out.show(
    { schema: 'allot.policy.applied/1', ok: true, policyVersion: version, isChanged: false, itemsToReview: 0 },
    () => `Nothing to change: policy version ${version} says so already.`,
  );
  return EXIT.done;
}

async function finish(run: Run, db: Database, items: number): Promise<void> {
  let told = '';
  await finishReviews(db, {
    now: run.io.now,
    signal: run.io.signal,
    onProgress: ({ items: waiting, unsorted, commands }) => {
      const of = items === 0 ? '' : ` of ${items}`;
      const looking = unsorted === 0 ? 'those that fall first' : `${unsorted} not looked at yet`;
      const says = `${plural(waiting + commands, 'item')} left${of}, ${looking}\n`;
      if (waiting + commands === 0 || says === told) return;
      told = says;
      run.io.note(says);
    },
  });
}

type ApplyOptions = { readonly reason?: string; readonly wait?: boolean };

async function apply(run: Run, named: string | undefined, { reason, wait = false }: ApplyOptions): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    if (isNumber(named)) {
      const proposal = await readProposal(db, Number(named));
      const source = await proposalSource(db, proposal.id);
      const how = { proposal: proposal.id };
      return putInForce(run, db, { source, reason: reason?.trim() || proposal.reason, how }, wait);
    }
    const given = requireReason(reason, `allot policy apply ${named ?? 'FILE'} --reason TEXT`);
    return putInForce(run, db, { source: readPolicyFile(run, named), reason: given, how: {} }, wait);
  });
}

async function rollback(run: Run, version: number, options: { reason: string; wait?: boolean }): Promise<ExitCode> {
  const reason = requireReason(options.reason, `allot policy rollback ${version} --reason TEXT`);
  return run.withDatabase(async (db) => {
    const stored = await readPolicyAt(db, version);
    const source = await readPolicySource(db, run, String(stored.version));
    const how = { origin: 'rollback' as const, rolledBackTo: stored.version };
    return putInForce(run, db, { source, reason, how }, options.wait ?? false);
  });
}

function addProposing(group: Command, kit: Kit): void {
  const proposing = group
    .command('propose')
    .description('lay a changed policy before a second person')
    .argument('[source]', 'file, or an older version; by default the file that a daemon would start with')
    .requiredOption('--reason <text>', 'why')
    .action(kit.act(propose));
  kit.examples(proposing, [
    'allot policy propose allot.yaml --reason "wholesale keeps 40 for the fair"',
    'allot policy propose 3 --reason "back to before the sale"',
  ]);
  const approving = group
    .command('approve')
    .description('agree to a proposal of somebody else; who is who says the system user, not the variable USER')
    .argument('<id>', 'of the proposal', wholeFrom(1))
    .option('--reason <text>', 'why')
    .action(kit.act(decideAs('approved')));
  kit.examples(approving, ['allot policy approve 2']);
  const rejecting = group
    .command('reject')
    .description('refuse a proposal, or take your own back')
    .argument('<id>', 'of the proposal', wholeFrom(1))
    .option('--reason <text>', 'why')
    .action(kit.act(decideAs('rejected')));
  kit.examples(rejecting, ['allot policy reject 2 --reason "too much for the web shop"']);
}

export function addPolicyChangeCommands(group: Command, kit: Kit): void {
  addProposing(group, kit);
  const previewing = group
    .command('preview')
    .description('what a policy would change on which channel, decided in memory; nothing is written')
    .argument('[source]', 'file or version; by default the file that a daemon would start with')
    .option('--proposal <id>', 'a proposal instead', wholeFrom(1))
    .action(kit.act(preview));
  kit.examples(previewing, ['allot policy preview allot.yaml', 'allot policy preview --proposal 2 --json']);
  const applying = group
    .command('apply')
    .description('put a file or a proposal in force: shows what changes on which channel, asks, then decides anew')
    .argument('[source]', 'file, or the id of a proposal; by default the file that a daemon would start with')
    .option('--reason <text>', 'why; a proposal has its own')
    .option('--wait', 'decide the items here, those that fall first, and tell how far it is')
    .action(kit.act(apply));
  kit.examples(applying, [
    'allot policy apply allot.yaml --reason "more for the fair"',
    'allot policy apply 2 --yes --wait',
  ]);
  const going = group
    .command('rollback')
    .description('put an older version in force again, as a new version')
    .argument('<version>', 'its number', wholeFrom(1))
    .requiredOption('--reason <text>', 'why')
    .option('--wait', 'decide the items here, those that fall first, and tell how far it is')
    .action(kit.act(rollback));
  kit.examples(going, ['allot policy rollback 3 --reason "the sale is over" --wait']);
}
