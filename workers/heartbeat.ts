/**
 * The dead man's heartbeat: a watcher elsewhere is told at intervals that all is well, so that silence is an alarm. Any service that
 * takes healthchecks.io's pings will do: POST to the URL when well, to URL/fail with the reasons when not.
 *
 * Well means: every role has a living process, the sweep advances, nothing waits longer than its bound, the database answers. A platform
 * that is down is an alert, not a reason: the daemon does its work.
 */
import type { Instant } from '#core/model.ts';
import { takeTurn } from '#db/turns.ts';
import { readVitals, type Vitals } from '#db/vitals.ts';
import { ROLES } from './config.ts';
import type { NotifyContext } from './notify.ts';
import { post } from './notify-http.ts';

const SWEEP_SILENT_MS = 120_000;
const WAIT_MAX_S = 300;

/** Webhooks may be left out on purpose; a process that had them an hour ago may not be gone. */
const isMissing = (role: string, { rolesAlive, rolesLately }: Vitals): boolean =>
  !rolesAlive.includes(role) && (role !== 'http' || rolesLately.includes(role));

export function findIllness(vitals: Vitals, now: Instant): string[] {
  const waits = [
    ['received events', vitals.inboxS],
    ['commands', vitals.commandsS],
    ['bells', vitals.bellsS],
  ] as const;
  return [
    ...ROLES.filter((role) => isMissing(role, vitals)).map((role) => `no living process has the role ${role}`),
    ...(vitals.sweptAt === null || now - vitals.sweptAt > SWEEP_SILENT_MS
      ? [
          `the sweep has not ended well ${vitals.sweptAt === null ? 'ever' : `since ${new Date(vitals.sweptAt).toISOString()}`}`,
        ]
      : []),
    ...waits
      .filter(([, seconds]) => seconds > WAIT_MAX_S)
      .map(([what, seconds]) => `the oldest of the ${what} waits for ${Math.round(seconds)} s`),
  ];
}

const failUrl = (url: string): string => {
  const target = new URL(url);
  target.pathname = `${target.pathname.replace(/\/+$/, '')}/fail`;
  return target.href;
};

export type Beat = 'well' | 'ill' | 'not due';

/** Tells the watcher when it is time; whoever is first does it for all. Throws when the watcher does not answer. */
export async function beatHeart(
  { db, now, log }: NotifyContext,
  { url, everyMs }: { readonly url: string; readonly everyMs: number },
  signal: AbortSignal,
): Promise<Beat> {
  let illness: string[];
  try {
    if (!(await takeTurn(db, 'heartbeat', now(), everyMs))) return 'not due';
    illness = findIllness(await readVitals(db), now());
  } catch (error) {
    illness = [`the database: ${error instanceof Error ? error.message : String(error)}`];
  }
  const isWell = illness.length === 0;
  if (!isWell) log.error({ reasons: illness.join('; ') }, 'the heartbeat tells that allot is not well');
  const call = { contentType: 'text/plain', signal, now };
  await post({ ...call, url: isWell ? url : failUrl(url), body: isWell ? 'allot is well' : illness.join('\n') });
  return isWell ? 'well' : 'ill';
}
