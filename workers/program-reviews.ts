/**
 * Programs whose rules were to be looked at again by a day that has passed (`reviewBy`): one alert each, closed when the policy in
 * force has a later day. A day passes when it ends in UTC.
 */
import type { Instant } from '#core/model.ts';
import { type NewAlert, tellStanding } from '#db/alerts.ts';
import type { Database } from '#db/client.ts';
import { type ReviewedProgram, readOverdueReviews } from '#db/program-owners.ts';

const OPEN_MAX = 100;

const dayOf = (at: Instant): string => new Date(at).toISOString().slice(0, 'YYYY-MM-DD'.length);

export function reviewAlert({ program, owner, reviewBy }: ReviewedProgram): NewAlert {
  return {
    fingerprint: `program-review-due ${program}`,
    code: 'program-review-due',
    severity: 'warning',
    title: `${program}: its rules were to be looked at again by ${reviewBy}`,
    channelId: null,
    touches: { program, reviewBy, ...(owner === null ? {} : { owner }) },
    cause:
      owner === null
        ? 'the day has passed, and the policy names nobody who answers for this program'
        : `the day has passed; ${owner} answers for this program`,
    nextStep: `allot policy show; when the rules of ${program} are as they should be, write its next reviewBy in allot.yaml, then: allot policy apply allot.yaml --reason TEXT`,
    size: 1,
  };
}

export async function checkProgramReviews(db: Database, now: Instant): Promise<void> {
  const alerts = (await readOverdueReviews(db, dayOf(now))).map(reviewAlert);
  const proof = 'the policy in force was read: it has a later day for the program, or asks for no review of it';
  await db.transaction((tx) => tellStanding(tx, { codes: ['program-review-due'], alerts, openMax: OPEN_MAX, proof }));
}
