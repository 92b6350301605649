/**
 * Allocate: decides pending commands in micro-batches, one transaction each.
 *
 * claim -> lock orders, then items -> load -> core.decide -> write facts and bells -> commit
 *
 * Guarantees: safe with any number of allocate workers and command lines at once; a batch whose write fails is halved until the
 * command that breaks it stands alone and is parked, so that one poison command never stops the rest.
 */
import { type Command, orderOf } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import { Fault } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { Outcome } from '#core/state.ts';
import type { Database, Queries } from '#db/client.ts';
import { claimCommands, isTemporary, settleOutcomes, splitBlocked } from '#db/commands.ts';
import { writeFacts } from '#db/facts.ts';
import { lockAndLoad } from '#db/state.ts';
import type { DecidedBatch } from './tracing.ts';

export type DecideOptions = {
  readonly now: () => Instant;
  readonly batchMax?: number;
  readonly signal?: AbortSignal;
  /** Told of each batch after its commit. */
  readonly onBatch?: (batch: DecidedBatch) => void;
};

/** What one transaction may claim, and the first it did claim: told outside, where a failed write is judged. */
type Claim = { readonly max: number; firstId: number | undefined };

type BatchResult = {
  readonly claimed: number;
  readonly decided: number;
  readonly parked: number;
  readonly batch?: Omit<DecidedBatch, 'endedAt' | 'decided' | 'parked'>;
};

const BATCH_MAX = 500;
const NOTHING: BatchResult = { claimed: 0, decided: 0, parked: 0 };

const behindParked = (command: Command): Extract<Outcome, { kind: 'parked' }> => ({
  commandId: command.id,
  kind: 'parked',
  code: 'behind-parked',
  reason: `an earlier command of order ${orderOf(command.body)} is parked`,
  field: null,
  fix: 'it follows by itself when the earlier one is retried: allot parked list',
});

async function decideClaimed(tx: Queries, claim: Claim, clock: () => Instant): Promise<BatchResult> {
  const begunAt = clock();
  const claimed = await claimCommands(tx, claim.max);
  claim.firstId = claimed[0]?.id;
  if (claimed.length === 0) return NOTHING;
  const state = await lockAndLoad(tx, claimed);
  const { free, behind } = await splitBlocked(tx, claimed);
  await settleOutcomes(tx, behind.map(behindParked));
  if (free.length === 0) return { claimed: claimed.length, decided: 0, parked: behind.length };
  const now = clock();
  const facts = decide(state, free, now);
  const decidedAt = clock();
  const id = await writeFacts(
    tx,
    { decidedAt: now, policyVersion: state.policy.version, commandIds: free.map((c) => c.id) },
    facts,
  );
  const parked = facts.outcomes.filter((outcome) => outcome.kind === 'parked').length + behind.length;
  return { claimed: claimed.length, decided: free.length, parked, batch: { id, begunAt, loadedAt: now, decidedAt } };
}

/** Parks the one command whose facts the database refuses. */
async function parkOne(db: Database, commandId: number, error: unknown): Promise<BatchResult> {
  return db.transaction(async (tx) => {
    const reason = error instanceof Error ? error.message : String(error);
    const fix =
      'a defect of allot: report it with the output of allot parked show, then allot parked retry after an upgrade';
    await settleOutcomes(tx, [{ commandId, kind: 'parked', code: 'defect', reason, field: null, fix }]);
    return { claimed: 1, decided: 0, parked: 1 };
  });
}

/** The database went away or asks for patience: nothing is wrong with the commands. */
const isPassing = (error: unknown): boolean =>
  (error instanceof Fault && error.code !== 'defect') || isTemporary(error);

async function decideBatch(db: Database, max: number, clock: () => Instant): Promise<BatchResult> {
  for (let size = max; ; size = Math.floor(size / 2)) {
    const claim: Claim = { max: size, firstId: undefined };
    try {
      return await db.transaction((tx) => decideClaimed(tx, claim, clock));
    } catch (error) {
      if (isPassing(error) || claim.firstId === undefined) throw error;
      if (size <= 1) return parkOne(db, claim.firstId, error);
    }
  }
}

/** Decides until nothing is pending that this worker may take. */
export async function decidePending(
  db: Database,
  options: DecideOptions,
): Promise<{ decided: number; parked: number }> {
  let decided = 0;
  let parked = 0;
  while (options.signal?.aborted !== true) {
    const batch = await decideBatch(db, options.batchMax ?? BATCH_MAX, options.now);
    decided += batch.decided;
    parked += batch.parked;
    if (batch.batch !== undefined)
      options.onBatch?.({ ...batch.batch, decided: batch.decided, parked: batch.parked, endedAt: options.now() });
    if (batch.claimed === 0 || batch.decided + batch.parked === 0) break;
  }
  return { decided, parked };
}
