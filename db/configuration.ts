/**
 * Configuration in the database: locations, channels, and the policy that decisions are made under.
 *
 * Guarantees: applying the same configuration again writes nothing; what changed is written in one small transaction that waits for
 * running decisions and that the next ones wait for; every item whose number may change is marked for review in it, so a crash
 * right after loses nothing. Decides nothing anew itself: the sweep does, in bounded batches.
 */
import { sql } from 'drizzle-orm';
import { Rejected } from '#core/errors.ts';
import type { ChannelId, LocationId, StockMaster } from '#core/model.ts';
import { closeAlert } from './alerts.ts';
import { writeAudit } from './audit.ts';
import type { Database, Queries } from './client.ts';
import {
  type ChannelRow,
  type Configuration,
  findChanges,
  isNothing,
  type LocationRow,
  type PolicyBody,
  type PolicySetup,
  reachOf,
  type StoredConfiguration,
  setupOf,
  sortPolicy,
} from './configuration-changes.ts';
import { list } from './list.ts';
import type { PolicyOrigin } from './policy-history.ts';
import { closeProposal, POLICY_NOT_APPLIED, requireApproval } from './policy-proposals.ts';
import { markForReview } from './reviews.ts';

export type { Configuration, PolicyBody } from './configuration-changes.ts';
export { getModes, setMode } from './modes.ts';

export type AppliedConfiguration = {
  readonly policyVersion: number;
  readonly isChanged: boolean;
  /** Items marked for review. */
  readonly itemsToReview: number;
};

export type ApplyHow = {
  /** Default: `apply`, a person's command. */
  readonly origin?: PolicyOrigin;
  readonly rolledBackTo?: number;
  /** The proposal that this configuration comes from. */
  readonly proposal?: number;
  /** The version that its author looked at; refused when another is in force by now. */
  readonly expects?: number;
};

/**
 * Throws Rejected when a location that holds stock would get another stock master or when the version moved, PolicyNotApproved when
 * the policy in force asks for an approval that there is not; then the running policy stays as it is.
 */
export async function applyConfiguration(
  db: Database,
  wanted: Configuration,
  how: ApplyHow = {},
): Promise<AppliedConfiguration> {
  const next = { ...wanted, policy: sortPolicy(wanted.policy) };
  const before = await readStored(db);
  if (isNothing(findChanges(before, next)))
    return { policyVersion: before.policyVersion, isChanged: false, itemsToReview: 0 };
  return db.transaction(async (tx) => {
    // The table, not its row: share locks on the row are granted past a waiting exclusive one, so that a busy daemon would never
    // let it through. A table lock queues fairly, and readers without a lock are not held up.
    await tx.rows(sql`lock table policy_current in exclusive mode`);
    return applyLocked(tx, next, how);
  });
}

async function applyLocked(tx: Queries, next: Configuration, how: ApplyHow): Promise<AppliedConfiguration> {
  const stored = await readStored(tx);
  const changes = findChanges(stored, next);
  if (isNothing(changes)) return { policyVersion: stored.policyVersion, isChanged: false, itemsToReview: 0 };
  refuseMovedVersion(stored.policyVersion, how.expects);
  const approval = await requireApproval(tx, stored, {
    ...next,
    ...(how.proposal === undefined ? {} : { proposal: how.proposal }),
  });
  await refuseNewMasters(tx, changes.newMasters);
  await writeLocations(tx, changes.locations);
  await writeChannels(tx, changes.channels, changes.channelsGone);
  // A start knows no reason of its own: the one that was given for the proposal counts.
  const reason = how.origin === 'start' && approval !== null ? approval.reason : next.reason;
  const policyVersion = await writePolicy(tx, { ...next, reason }, stored.policyVersion, how);
  if (approval !== null) await closeProposal(tx, approval.id, policyVersion);
  const itemsToReview = await markForReview(tx, reachOf(stored, next));
  const detail = {
    reason,
    locations: changes.locations.map(({ id }) => id),
    channels: changes.channels.map(({ id }) => id),
    channelsGone: changes.channelsGone,
    itemsToReview,
    ...(approval === null ? {} : { proposal: approval.id, approvedBy: approval.approvedBy }),
    ...(how.rolledBackTo === undefined ? {} : { rolledBackTo: how.rolledBackTo }),
  };
  await closeAlert(tx, POLICY_NOT_APPLIED, `policy version ${policyVersion} was put in force by ${next.author} since`);
  const action = how.rolledBackTo === undefined ? 'apply configuration' : 'roll policy back';
  await writeAudit(tx, [{ actor: next.author, action, subject: `policy ${policyVersion}`, detail }]);
  return { policyVersion, isChanged: true, itemsToReview };
}

function refuseMovedVersion(version: number, expected: number | undefined): void {
  if (expected === undefined || expected === version) return;
  throw new Rejected(`policy version ${version} came into force while you looked at version ${expected}`, {
    field: 'version',
    value: version,
    fix: `allot policy diff ${expected} ${version} shows what moved; then look again and apply again`,
  });
}

/** What an applied configuration would be compared with. */
export async function readStored(db: Queries): Promise<StoredConfiguration> {
  const [locations, channels, policies] = await Promise.all([
    db.rows<LocationRow>(sql`select id, master, sells from location order by id collate "C"`),
    db.rows<ChannelRow & { configured: boolean }>(
      sql`select id, connector, program, configured from channel order by id collate "C"`,
    ),
    db.rows<{ version: number; body: PolicyBody; setup: PolicySetup | null }>(sql`
      select p.version, p.body, p.setup from policy_current c join policy p on p.version = c.version`),
  ]);
  const [policy] = policies;
  return {
    locations,
    channels,
    policy: policy?.body ?? null,
    policyVersion: policy?.version ?? 0,
    setup: policy?.setup ?? null,
  };
}

async function refuseNewMasters(
  tx: Queries,
  newMasters: readonly { readonly id: LocationId; readonly from: StockMaster; readonly to: StockMaster }[],
): Promise<void> {
  if (newMasters.length === 0) return;
  const rows = await tx.rows<{ location: string; items: number }>(sql`
    select location, count(distinct sku)::int as items from (
      select location, sku from stock_balance where quantity <> 0
      union all select location, sku from promise_balance where allocated <> 0 or held <> 0) s
    where location = any(${list(newMasters.map(({ id }) => id))}) group by location order by location collate "C"`);
  const refusals = rows.map(({ location, items }) => {
    const change = newMasters.find(({ id }) => id === location);
    return `location "${location}" holds ${items} ${items === 1 ? 'item' : 'items'} under the stock master ${change?.from}, so it cannot get ${change?.to}`;
  });
  if (refusals.length === 0) return;
  throw new Rejected(`${refusals.join('; ')}. Two masters would both count the same goods.`, {
    field: 'locations.master',
    value: rows.map(({ location }) => location).join(', '),
    fix: 'Give the goods a new location with the new master and transfer them there, or count them to 0 first (allot count SKU 0 --location ID); then apply again.',
  });
}

async function writeLocations(tx: Queries, locations: readonly LocationRow[]): Promise<void> {
  if (locations.length === 0) return;
  await tx.rows(sql`
    insert into location (id, master, sells)
    select id, master, sells from json_to_recordset(${JSON.stringify(locations)}::json) as r(id text, master text, sells boolean)
    on conflict (id) do update set master = excluded.master, sells = excluded.sells`);
}

/** A channel that is gone from the configuration keeps its orders, listings and mode: it may come back. */
async function writeChannels(tx: Queries, channels: readonly ChannelRow[], gone: readonly ChannelId[]): Promise<void> {
  await tx.rows(sql`
    insert into channel (id, connector, program)
    select id, connector, program from json_to_recordset(${JSON.stringify(channels)}::json) as r(id text, connector text, program text)
    on conflict (id) do update set connector = excluded.connector, program = excluded.program, configured = true`);
  await tx.rows(sql`update channel set configured = false where id = any(${list(gone)})`);
}

/** One that changes places or channels alone is a version too: each answers who and why. */
async function writePolicy(tx: Queries, next: Configuration, before: number, how: ApplyHow): Promise<number> {
  const [row] = await tx.rows<{ version: number }>(sql`
    insert into policy (version, body, setup, author, reason, origin, rolled_back_to)
    select greatest(${before}::int, coalesce(max(version), 0)) + 1, ${JSON.stringify(next.policy)}::jsonb,
      ${JSON.stringify(setupOf(next))}::jsonb, ${next.author}, ${next.reason}, ${how.origin ?? 'apply'}, ${how.rolledBackTo ?? null}::int
    from policy returning version`);
  const version = row?.version ?? 0;
  await tx.rows(sql`
    insert into policy_current (version) values (${version}) on conflict (only_row) do update set version = excluded.version`);
  return version;
}
