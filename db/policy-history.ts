/**
 * Every version of the policy: who put it in force, why, when, who asked for it and who agreed, and what it changed.
 *
 * Guarantees: versions are never changed; for any of them the trail answers who and why.
 */
import { isDeepStrictEqual } from 'node:util';
import { type SQL, sql } from 'drizzle-orm';
import { Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import type { PolicyBody, PolicySetup } from './configuration-changes.ts';

/** `start`: a daemon that started with its file; `apply`: a person's command; `rollback`: a person went back. */
export type PolicyOrigin = 'start' | 'apply' | 'rollback';

export type PolicyVersion = {
  readonly version: number;
  readonly author: string;
  readonly reason: string;
  readonly createdAt: Instant;
  readonly origin: PolicyOrigin;
  readonly rolledBackTo: number | null;
  readonly proposal: number | null;
  readonly proposedBy: string | null;
  readonly approvedBy: string | null;
};

export type StoredPolicy = PolicyVersion & { readonly body: PolicyBody; readonly setup: PolicySetup };

/** A version from before its setup was kept: places as they are now, channels as its rules name them. */
const SETUP = sql`coalesce(p.setup, json_build_object(
  'locations', (select coalesce(json_agg(json_build_object('id', id, 'master', master, 'sells', sells) order by id collate "C"), '[]') from location),
  'channels', (select coalesce(json_agg(json_build_object('id', r->>'channel', 'connector', split_part(r->>'channel', ':', 1),
      'program', r->>'program') order by (r->>'channel') collate "C"), '[]')
    from jsonb_array_elements(p.body->'channels') r where r->>'sku' = '*' and r->>'group' is null))::jsonb)`;

const read = <Row extends object>(db: Queries, more: SQL, rest: SQL): Promise<Row[]> =>
  db.rows<Row>(sql`
    select p.version, p.author, p.reason, p.created_at as "createdAt", p.origin, p.rolled_back_to as "rolledBackTo",
      q.id as proposal, q.proposed_by as "proposedBy", q.decided_by as "approvedBy"${more}
    from policy p left join lateral (
      select id, proposed_by, decided_by from policy_proposal where applied_version = p.version order by id limit 1) q on true ${rest}`);

const WHOLE = sql`, p.body, ${SETUP} as setup`;

/** Null before the first. */
export async function readPolicyInForce(db: Queries): Promise<StoredPolicy | null> {
  const [row] = await read<StoredPolicy>(db, WHOLE, sql`where p.version = (select version from policy_current)`);
  return row ?? null;
}

export async function readPolicyAt(db: Queries, version: number): Promise<StoredPolicy> {
  const [row] = await read<StoredPolicy>(db, WHOLE, sql`where p.version = ${version}`);
  if (row !== undefined) return row;
  throw new Rejected(`there is no policy version ${version}`, {
    field: 'version',
    value: version,
    fix: 'allot policy history shows those that there are',
  });
}

/** How long a read that no order explains lowers what is shown, by the policy in force. */
export async function readInFlightMs(db: Queries): Promise<number> {
  const [row] = await db.rows<{ ms: number }>(sql`
    select (p.body->>'inFlightMs')::bigint as ms from policy_current c join policy p on p.version = c.version`);
  return row?.ms ?? 0;
}

/** Who wins drift where, by the policy in force. */
export async function readDriftRules(db: Queries): Promise<PolicyBody['drift']> {
  const [row] = await db.rows<{ drift: PolicyBody['drift'] | null }>(sql`
    select p.body->'drift' as drift from policy_current c join policy p on p.version = c.version`);
  return row?.drift ?? undefined;
}

/** The newest first, each with what it says, so that what one changed is told against the next. */
export const readPolicyHistory = (db: Queries, max: number): Promise<StoredPolicy[]> =>
  read<StoredPolicy>(db, WHOLE, sql`order by p.version desc limit ${max}`);

export const readVersionsAfter = (db: Queries, version: number): Promise<PolicyVersion[]> =>
  read<PolicyVersion>(db, sql``, sql`where p.version > ${version} order by p.version`);

/** The version that said exactly this before the one in force, or null. */
export async function findOlderSame(
  db: Queries,
  wanted: PolicySetup & { readonly policy: PolicyBody },
): Promise<number | null> {
  const rows = await db.rows<{ version: number; setup: PolicySetup }>(sql`
    select p.version, ${SETUP} as setup from policy p
    where p.body = ${JSON.stringify(wanted.policy)}::jsonb and p.version < (select version from policy_current) order by p.version desc`);
  const { locations, channels } = wanted;
  return rows.find(({ setup }) => isDeepStrictEqual(setup, { locations, channels }))?.version ?? null;
}

export type TrailStep = {
  readonly at: Instant;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly reason: string | null;
};

/** The audit trail of one version, and of the proposal it came from. */
export const readPolicyTrail = (db: Queries, { version, proposal }: PolicyVersion): Promise<TrailStep[]> =>
  db.rows<TrailStep>(sql`
    select at, actor, action, subject, detail->>'reason' as reason from audit
    where subject = ${`policy ${version}`} or subject = ${`proposal ${proposal ?? 0}`} order by id`);
