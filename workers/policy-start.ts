/**
 * The policy at a daemon's start: its file is applied, or the running policy stays and the daemon goes on under it and says so.
 *
 * | the running policy stays when                                                              | and a first start          |
 * | it asks for a second person's approval, and nobody approved what the file says             | has nobody to ask: applied |
 * | the file says what an older version said, and a person's command put the newer one in force | cannot be                  |
 * | a rule of the file matches nothing, or percents of an item come to more than 100           | is applied, with a warning |
 *
 * A pool whose time is over is a warning here, and refused where a person applies it: a file grows old, and no restart may fail by it.
 * The second row is why: after a rollback the file on the disk is still the old one, and the next restart must not undo a person's
 * decision in silence. A file that was edited since says something new, and is applied.
 */
import type { ChannelId, Instant } from '#core/model.ts';
import { closeAlert, raiseAlert } from '#db/alerts.ts';
import { writeAudit } from '#db/audit.ts';
import type { Database } from '#db/client.ts';
import { applyConfiguration, type Configuration, type PolicyBody, readStored } from '#db/configuration.ts';
import { findChanges, isNothing, setupOf, sortPolicy } from '#db/configuration-changes.ts';
import { findOlderSame, readPolicyInForce } from '#db/policy-history.ts';
import { POLICY_NOT_APPLIED, PolicyNotApproved } from '#db/policy-proposals.ts';
import type { ConfigFile } from './config-file.ts';
import type { Logger } from './logger.ts';
import { findMisfits, sayOverPools } from './policy-fit.ts';

export type PolicyAtStart = {
  readonly policyVersion: number;
  readonly policy: PolicyBody;
  /** Those that the daemon serves: of the file, without new ones while the file is not applied. */
  readonly channels: readonly ChannelId[];
};

type AtStart = { readonly log: Logger; readonly now: Instant };

type Kept = { readonly why: string; readonly fix: string };

export async function applyAtStart(
  db: Database,
  file: ConfigFile,
  wanted: Omit<Configuration, 'author' | 'reason'>,
  { log, now }: AtStart,
): Promise<PolicyAtStart> {
  const configuration = { ...wanted, author: 'configuration', reason: `start with ${file.name}` };
  for (const reason of sayOverPools(file, now)) log.warn({ file: file.name, reason }, 'a pool of the policy is over');
  const kept = (await findReasonToKeep(db, file, configuration, { log, now })) ?? (await tryToApply(db, configuration));
  const inForce = await readPolicyInForce(db);
  if (inForce === null) throw new Error('no policy is in force after a start');
  if (kept === null) {
    await closeAlert(db, POLICY_NOT_APPLIED, `policy version ${inForce.version} is what ${file.name} says`);
    return { policyVersion: inForce.version, policy: inForce.body, channels: wanted.channels.map(({ id }) => id) };
  }
  await tellKept(db, file, { ...kept, version: inForce.version }, log);
  const { channels } = await readStored(db);
  const served = channels.filter(({ configured }) => configured).map(({ id }) => id);
  return { policyVersion: inForce.version, policy: inForce.body, channels: served };
}

async function tryToApply(db: Database, configuration: Configuration): Promise<Kept | null> {
  try {
    await applyConfiguration(db, configuration, { origin: 'start' });
    return null;
  } catch (error) {
    if (!(error instanceof PolicyNotApproved)) throw error;
    return { why: error.message, fix: error.fix ?? '' };
  }
}

async function findReasonToKeep(
  db: Database,
  file: ConfigFile,
  next: Configuration,
  { log, now }: AtStart,
): Promise<Kept | null> {
  const sorted = { ...next, policy: sortPolicy(next.policy) };
  if (isNothing(findChanges(await readStored(db), sorted))) return null;
  const misfits = await findMisfits(db, file, now);
  const inForce = await readPolicyInForce(db);
  if (inForce === null) {
    for (const reason of misfits) log.warn({ file: file.name, reason }, 'a rule of the policy does not fit the items');
    return null;
  }
  const older =
    inForce.origin === 'start' ? null : await findOlderSame(db, { ...setupOf(next), policy: sorted.policy });
  if (older !== null) {
    return {
      why: `${file.name} says what policy version ${older} said, and since then ${inForce.author} put version ${inForce.version} in force (${inForce.reason})`,
      fix: `allot policy export writes the running one as a file; allot policy apply ${file.name} --reason TEXT brings the file back into force`,
    };
  }
  if (misfits.length === 0) return null;
  return {
    why: misfits.join('; '),
    fix: `correct ${file.name}, then start anew or run: allot policy apply ${file.name} --reason TEXT`,
  };
}

async function tellKept(
  db: Database,
  file: ConfigFile,
  kept: Kept & { readonly version: number },
  log: Logger,
): Promise<void> {
  const { why, fix, version } = kept;
  log.error(
    { file: file.name, policyVersion: version, reason: why, fix },
    `${file.name} is not applied: policy version ${version} stays in force`,
  );
  await db.transaction(async (tx) => {
    await writeAudit(tx, [
      {
        actor: 'configuration',
        action: 'keep policy',
        subject: `policy ${version}`,
        detail: { reason: why, file: file.name },
      },
    ]);
    await raiseAlert(tx, {
      fingerprint: POLICY_NOT_APPLIED,
      code: POLICY_NOT_APPLIED,
      severity: 'warning',
      title: `${file.name} is not applied: the daemon runs under policy version ${version}`,
      channelId: null,
      touches: { policyVersion: version },
      cause: why,
      nextStep: fix,
    });
  });
}
