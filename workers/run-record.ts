/** Keeps a run of reconcile while it goes: begun, counted page by page, ended or failed, so that people see what it did. */
import { Throttled } from '#core/errors.ts';
import {
  beginRun,
  type Difference,
  endRun,
  furthestApart,
  noteRun,
  type RunCounts,
  type RunStart,
} from '#db/reconcile-runs.ts';
import type { LookContext } from './context.ts';
import type { Judged, Looked } from './judge-drift.ts';

export type RunRecord = {
  /** A page was compared. */
  note(page: { looked: readonly Looked[]; judged: readonly Judged[]; healed: number }): Promise<void>;
  /** What was told of the channel's open drift after it. */
  tell(told: Told): void;
};

/** Alerts that were raised, and listings that drift still. */
export type Told = { readonly alerted: number; readonly open: number };

const ERROR_MAX = 500;

function sayError(error: unknown): string {
  const says = (error instanceof Error ? error.message : String(error)).slice(0, ERROR_MAX);
  return error instanceof Throttled
    ? `${says}; it may be asked again at ${new Date(error.retryAt).toISOString()}`
    : says;
}

/** Whatever `work` throws is kept with the run, and thrown on. */
export async function recordRun(
  context: Pick<LookContext, 'db' | 'now' | 'log'>,
  { signal, ...start }: Omit<RunStart, 'now'> & { readonly signal: AbortSignal },
  work: (run: RunRecord) => Promise<void>,
): Promise<void> {
  const id = await beginRun(context.db, { ...start, now: context.now() });
  let counts: RunCounts = { compared: null, differing: 0, causes: {}, healed: 0 };
  let furthest: readonly Difference[] = [];
  let told: Told | null = null;
  const end = (error: string | null): Promise<void> =>
    endRun(context.db, id, {
      counts,
      furthest,
      alerted: told?.alerted ?? 0,
      openAfter: told?.open ?? null,
      error,
      now: context.now(),
    });
  try {
    await work({
      async note({ looked, judged, healed }) {
        counts = addPage(counts, looked.length, judged, healed);
        const found = judged.map(({ candidate, seen, drift: { cause, remedy, because } }) => ({
          listingId: candidate.listingId,
          cause,
          remedy,
          because,
          shows: seen.sellable,
          wants: candidate.target.quantity,
        }));
        furthest = furthestApart([...furthest, ...found]);
        await noteRun(context.db, id, { counts, found, now: context.now() });
      },
      tell(now) {
        told = now;
      },
    });
  } catch (error) {
    await end(sayError(error)).catch((fault: unknown) =>
      context.log.warn({ err: fault, run: id }, 'the end of a run of reconcile could not be kept'),
    );
    throw error;
  }
  await end(signal.aborted ? 'it was broken off: the process is ending' : null);
}

function addPage(before: RunCounts, looked: number, judged: readonly Judged[], healed: number): RunCounts {
  const causes = { ...before.causes };
  for (const { drift } of judged) causes[drift.cause] = (causes[drift.cause] ?? 0) + 1;
  return {
    compared: (before.compared ?? 0) + looked,
    differing: before.differing + judged.length,
    causes,
    healed: before.healed + healed,
  };
}
