/**
 * Policies that somebody proposes, and what became of them: open, approved by a second person, rejected, applied.
 *
 * Guarantees: nobody approves what they proposed (the table refuses it too); a proposal is applied to the version it was made on or not
 * at all; where the policy in force asks for approval, none takes its place without one, whoever applies it; each step is in the
 * audit trail.
 */
import { isDeepStrictEqual } from 'node:util';
import { sql } from 'drizzle-orm';
import { Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import { changesOfPolicy, summaryOf } from '#core/policy-words.ts';
import { requireSecondPerson } from '#core/second-person.ts';
import { writeAudit } from './audit.ts';
import type { Database, Queries } from './client.ts';
import {
  type PolicyBody,
  type PolicySetup,
  type StoredConfiguration,
  setupOf,
  sortPolicy,
} from './configuration-changes.ts';
import { readPolicyInForce, readVersionsAfter } from './policy-history.ts';

export type ProposalState = 'open' | 'approved' | 'rejected' | 'applied';

export type PolicyProposal = {
  readonly id: number;
  /** The version in force when it was made; 0 before the first. */
  readonly baseVersion: number;
  readonly body: PolicyBody;
  readonly setup: PolicySetup;
  readonly source: string;
  readonly reason: string;
  readonly proposedBy: string;
  readonly proposedAt: Instant;
  readonly state: ProposalState;
  readonly decidedBy: string | null;
  readonly decidedReason: string | null;
  readonly decidedAt: Instant | null;
  readonly appliedVersion: number | null;
};

/** The fingerprint of the alert that a daemon raises when it does not apply its file. */
export const POLICY_NOT_APPLIED = 'policy-not-applied';

/** The policy in force wants a second person's approval, and there is none. The running policy stays. */
export class PolicyNotApproved extends Rejected {}

export type NewProposal = PolicySetup & {
  readonly policy: PolicyBody;
  /** As its proposer named it. */
  readonly source: string;
  readonly reason: string;
  readonly author: string;
};

const COLUMNS = sql`id, base_version as "baseVersion", body, setup, source, reason, proposed_by as "proposedBy",
  proposed_at as "proposedAt", state, decided_by as "decidedBy", decided_reason as "decidedReason", decided_at as "decidedAt",
  applied_version as "appliedVersion"`;

/** Answers its id. Refuses what changes nothing. */
export async function proposePolicy(db: Database, wanted: NewProposal): Promise<number> {
  const body = sortPolicy(wanted.policy);
  const setup = setupOf(wanted);
  return db.transaction(async (tx) => {
    const inForce = await readPolicyInForce(tx);
    if (inForce !== null && isDeepStrictEqual(inForce.body, body) && isDeepStrictEqual(inForce.setup, setup)) {
      throw new Rejected(`${wanted.source} says what policy version ${inForce.version} says already`, {
        field: 'policy',
        fix: 'change it first; allot policy diff FILE shows what it changes',
      });
    }
    const [row] = await tx.rows<{ id: number }>(sql`
      insert into policy_proposal (base_version, body, setup, source, reason, proposed_by)
      values (${inForce?.version ?? 0}, ${JSON.stringify(body)}::jsonb, ${JSON.stringify(setup)}::jsonb, ${wanted.source},
        ${wanted.reason}, ${wanted.author}) returning id`);
    const id = row?.id ?? 0;
    const detail = {
      reason: wanted.reason,
      source: wanted.source,
      baseVersion: inForce?.version ?? 0,
      changes: summaryOf(changesOfPolicy(inForce?.body ?? null, body)),
    };
    await writeAudit(tx, [{ actor: wanted.author, action: 'propose policy', subject: `proposal ${id}`, detail }]);
    return id;
  });
}

export type Verdict = {
  readonly id: number;
  readonly state: 'approved' | 'rejected';
  readonly actor: string;
  readonly reason: string | null;
};

/** Approves or rejects one that is open; an approved one may be rejected still. The proposer may take it back, never approve it. */
export async function decideProposal(db: Database, verdict: Verdict): Promise<void> {
  const { id, state, actor, reason } = verdict;
  await db.transaction(async (tx) => {
    const proposal = await lockProposal(tx, id);
    const mayStill = proposal.state === 'open' || (proposal.state === 'approved' && state === 'rejected');
    if (!mayStill) {
      throw new Rejected(`proposal ${id} is ${proposal.state} already`, {
        field: 'proposal',
        value: id,
        fix: 'allot policy proposals shows those that wait',
      });
    }
    if (state === 'approved') {
      requireSecondPerson({
        actor,
        proposer: proposal.proposedBy,
        what: `proposal ${id}`,
        command: `allot policy approve ${id}`,
      });
      refuseMoved(proposal, await readPolicyInForce(tx), await readVersionsAfter(tx, proposal.baseVersion));
    }
    await tx.rows(sql`
      update policy_proposal set state = ${state}, decided_by = ${actor}, decided_reason = ${reason}, decided_at = now() where id = ${id}`);
    const action = state === 'approved' ? 'approve policy' : 'reject policy';
    await writeAudit(tx, [{ actor, action, subject: `proposal ${id}`, detail: { reason } }]);
  });
}

async function lockProposal(tx: Queries, id: number): Promise<PolicyProposal> {
  const [row] = await tx.rows<PolicyProposal>(sql`select ${COLUMNS} from policy_proposal where id = ${id} for update`);
  return row ?? refuseUnknown(id);
}

function refuseUnknown(id: number): never {
  throw new Rejected(`there is no proposal ${id}`, {
    field: 'proposal',
    value: id,
    fix: 'allot policy proposals shows those that there are',
  });
}

export async function readProposal(db: Queries, id: number): Promise<PolicyProposal> {
  const [row] = await db.rows<PolicyProposal>(sql`select ${COLUMNS} from policy_proposal where id = ${id}`);
  return row ?? refuseUnknown(id);
}

/** The newest first. */
export const readProposals = (db: Queries, max: number): Promise<PolicyProposal[]> =>
  db.rows<PolicyProposal>(sql`select ${COLUMNS} from policy_proposal order by id desc limit ${max}`);

type Moved = { readonly version: number; readonly author: string; readonly reason: string };

function refuseMoved(
  proposal: PolicyProposal,
  inForce: { readonly version: number } | null,
  since: readonly Moved[],
): void {
  if ((inForce?.version ?? 0) === proposal.baseVersion) return;
  const moves = since.map(({ version, author, reason }) => `version ${version} by ${author} (${reason})`).join(', ');
  throw new Rejected(
    `proposal ${proposal.id} was made on policy version ${proposal.baseVersion}, and since then came ${moves}: what it changes now, nobody has looked at`,
    {
      field: 'proposal',
      value: proposal.id,
      fix: `allot policy diff ${proposal.baseVersion} ${inForce?.version ?? 0} shows what moved; then propose it anew: allot policy propose FILE --reason TEXT (allot policy export --proposal ${proposal.id} writes its file)`,
    },
  );
}

export type Approval = { readonly id: number; readonly approvedBy: string | null; readonly reason: string };

/**
 * The proposal that lets this configuration take the place of the stored one, or null where none is asked for. Call it in the
 * transaction that applies, under the lock of the policy. Throws PolicyNotApproved.
 */
export async function requireApproval(
  tx: Queries,
  stored: StoredConfiguration,
  wanted: PolicySetup & { readonly policy: PolicyBody; readonly proposal?: number },
): Promise<Approval | null> {
  const isRequired = stored.policy?.approval?.policy === 'required';
  if (wanted.proposal !== undefined) {
    const proposal = await lockProposal(tx, wanted.proposal);
    if (proposal.state === 'rejected' || proposal.state === 'applied') {
      throw new Rejected(`proposal ${proposal.id} is ${proposal.state} already`, {
        field: 'proposal',
        value: proposal.id,
        fix: 'propose it anew: allot policy propose FILE --reason TEXT',
      });
    }
    refuseMoved(proposal, { version: stored.policyVersion }, await readVersionsAfter(tx, proposal.baseVersion));
    if (isRequired && proposal.state !== 'approved') refuseUnapproved(stored.policyVersion, proposal.id);
    return { id: proposal.id, approvedBy: proposal.decidedBy, reason: proposal.reason };
  }
  if (!isRequired) return null;
  const same = await tx.rows<{ id: number; approvedBy: string | null; state: ProposalState; reason: string }>(sql`
    select id, decided_by as "approvedBy", state, reason from policy_proposal
    where state in ('open', 'approved') and base_version = ${stored.policyVersion}
      and body = ${JSON.stringify(wanted.policy)}::jsonb and setup = ${JSON.stringify(setupOf(wanted))}::jsonb
    order by state = 'approved' desc, id desc limit 1 for update`);
  const [found] = same;
  return found?.state === 'approved' ? found : refuseUnapproved(stored.policyVersion, found?.id);
}

function refuseUnapproved(version: number, open: number | undefined): never {
  const how =
    open === undefined
      ? 'allot policy propose FILE --reason TEXT (or the number of an older version); then a second person: allot policy approve ID; then: allot policy apply ID'
      : `proposal ${open} waits for a second person: allot policy approve ${open}; then: allot policy apply ${open}`;
  throw new PolicyNotApproved(
    `policy version ${version} asks for a second person's approval of any change, and nobody approved this one`,
    { field: 'approval.policy', value: 'required', fix: how },
  );
}

export async function closeProposal(tx: Queries, id: number, appliedVersion: number): Promise<void> {
  await tx.rows(
    sql`update policy_proposal set state = 'applied', applied_version = ${appliedVersion} where id = ${id}`,
  );
}
