/**
 * The one write path of the command line: commands are written, decided (here, or by a daemon that was faster), and told one by one.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { CommandBody } from '#core/command.ts';
import type { Database } from '#db/client.ts';
import { addCommands, type CommandOutcome, type NewCommand, outcomesOf } from '#db/commands.ts';
import { readPolicyVersion } from '#db/status.ts';
import { decidePending } from '#workers/allocate.ts';
import { EXIT, type ExitCode, Failure } from './io.ts';
import { plural } from './output.ts';
import type { Run } from './session.ts';

const WAIT_MAX_MS = 30_000;
const POLL_MS = 50;
const TOLD_MAX = 20;

export const commandBy = (run: Run, body: CommandBody, over: Partial<NewCommand> = {}): NewCommand => ({
  body,
  actor: run.actor,
  occurredAt: run.io.now(),
  channelId: null,
  inboxId: null,
  ...over,
});

/** Refuses before anything is written: without a policy nothing can be decided, and the command would lie there. */
export async function requirePolicy(db: Database): Promise<void> {
  if ((await readPolicyVersion(db)) !== null) return;
  throw new Failure('nothing can be decided yet: this database has no policy', {
    why: 'locations, programs, channels and policy come from the configuration file, when the daemon starts with it',
    mend: 'cp scripts/examples/allot.yaml allot.yaml, make it yours, and start the daemon once: npm start',
  });
}

export async function decideNow(run: Run, db: Database, commands: readonly NewCommand[]): Promise<CommandOutcome[]> {
  await requirePolicy(db);
  const ids = await db.transaction((tx) => addCommands(tx, commands));
  return decideAll(run, db, ids);
}

/** Decides and waits until each of these has its outcome; what is still pending after half a minute is answered so. */
export async function decideAll(run: Run, db: Database, ids: readonly number[]): Promise<CommandOutcome[]> {
  const deadline = run.io.now() + WAIT_MAX_MS;
  for (;;) {
    await decidePending(db, { now: run.io.now, signal: run.io.signal });
    const outcomes = await outcomesOf(db, ids);
    if (outcomes.every(({ state }) => state !== 'pending') || run.io.now() > deadline) return outcomes;
    await wait(POLL_MS, undefined, { signal: run.io.signal });
  }
}

export type Tally = {
  readonly applied: number;
  readonly unchanged: number;
  readonly parked: number;
  readonly pending: number;
};

export function tallyOf(outcomes: readonly CommandOutcome[]): Tally {
  const count = (state: string): number => outcomes.filter((outcome) => outcome.state === state).length;
  return {
    applied: count('applied'),
    unchanged: count('unchanged'),
    parked: count('parked'),
    pending: count('pending'),
  };
}

export const exitCodeOf = ({ parked, pending }: Tally): ExitCode => (parked + pending === 0 ? EXIT.done : EXIT.failed);

/** Given again it would count twice, since what is parked is tried again: many causes by themselves (db/parked-mended.ts), all by hand. */
function sayWaiting(parked: readonly CommandOutcome[]): string[] {
  const [first, ...others] = parked;
  if (first === undefined) return [];
  const id = others.length === 0 ? (first.parkedId ?? 'ID') : 'ID';
  const which = others.length === 0 ? 'it waits' : 'they wait';
  return [
    `${which}, nothing is lost: once mended, do not give the same again but allot parked retry ${id}; to forget: allot parked drop ${id} --reason TEXT`,
  ];
}

/** What could not be taken, with its reason and its mend; and what is not decided yet. */
export function sayTrouble(outcomes: readonly CommandOutcome[]): string[] {
  const parked = outcomes.filter((outcome) => outcome.state === 'parked');
  const { pending } = tallyOf(outcomes);
  return [
    ...parked
      .slice(0, TOLD_MAX)
      .map(({ id, reason, fix }) => `parked: ${reason ?? `command ${id}`}\n  mend: ${fix ?? 'allot parked list'}`),
    ...(parked.length > TOLD_MAX ? [`and ${parked.length - TOLD_MAX} more: allot parked list`] : []),
    ...sayWaiting(parked),
    ...(pending > 0
      ? [
          `${plural(pending, 'command')} not decided yet: a daemon holds ${pending === 1 ? 'it' : 'them'}, see allot status`,
        ]
      : []),
  ];
}
