/** What looks at platforms leave behind, for the bench of the console: drift, stopped listings, runs, and days of agreement. */
import type { Drift } from '#core/drift.ts';
import { dayOf } from '#core/gate.ts';
import type { Database } from '#db/client.ts';
import { keepDrift } from '#db/drift.ts';
import { keepAgreement } from '#db/gates.ts';
import { allListings } from '#db/push.ts';
import { beginRun, DIFFERENCES_MAX, endRun, noteRun } from '#db/reconcile-runs.ts';

const DAY_MS = 86_400_000;
const DRIFTING = 900;
const STOPPED = 300;
const FULL_RUNS = 150;
const LIGHT_RUNS = 1_500;
const DAYS = 60;

const war: Drift = {
  cause: 'secondWriter',
  direction: 'up',
  remedy: 'stop',
  stops: 'secondWriter',
  overwrite: { at: 0, ours: 5, theirs: 6, isSure: true },
  because: ['overwritten 3 times, last 6 over 5, 6 over 5, 6 over 5'],
};
const edit: Drift = {
  cause: 'manualEdit',
  direction: 'up',
  remedy: 'write',
  stops: null,
  overwrite: null,
  because: ['it shows 6, and 5 was left there'],
};

const driftOf = (n: number, at: number): Drift =>
  n < STOPPED ? { ...war, overwrite: { at: at - n * 1000, ours: 5, theirs: 6, isSure: true } } : edit;

async function fillRuns(db: Database, channelId: string, drifting: readonly number[], at: number): Promise<void> {
  const total = FULL_RUNS + LIGHT_RUNS;
  for (let n = 0; n < total; n += 1) {
    const isFull = n % Math.ceil(total / FULL_RUNS) === 0;
    const now = at - (total - n) * 30_000;
    const id = await beginRun(db, { channelId, mode: isFull ? 'full' : 'light', isDryRun: false, now });
    const found = isFull
      ? drifting.slice(0, DIFFERENCES_MAX).map((listingId) => ({
          listingId,
          cause: edit.cause,
          remedy: edit.remedy,
          because: edit.because,
          shows: 6,
          wants: 5,
        }))
      : [];
    const counts = {
      compared: isFull ? 100_000 : 100,
      differing: found.length,
      causes: { manualEdit: found.length },
      healed: 3,
    };
    await noteRun(db, id, { counts, found, now });
    await endRun(db, id, {
      counts,
      furthest: [],
      alerted: 1,
      openAfter: drifting.length,
      error: null,
      now: now + 20_000,
    });
  }
}

export async function fillLooks(db: Database, channels: readonly string[], max: number, at: number): Promise<void> {
  for (const channel of channels) {
    const listings = await allListings(db, channel, max);
    const drifting = listings
      .filter((_, n) => n % 100 === 1)
      .slice(0, DRIFTING)
      .map(({ listingId }) => listingId);
    const kept = drifting.map((listingId, n) => ({ listingId, drift: driftOf(n, at), shows: 6, wants: 5 }));
    await db.transaction((tx) => keepDrift(tx, kept, at));
    await fillRuns(db, channel, drifting, at);
    for (let day = 0; day < DAYS; day += 1)
      await keepAgreement(db, channel, {
        day: dayOf(at - day * DAY_MS),
        mode: day < 10 ? 'live' : 'shadow',
        compared: 100_000,
        agreed: 99_800 - day,
        moving: 20,
        units: 400,
        causes: { showsMore: 150, showsLess: 40, missing: 10 + day },
      });
  }
}
