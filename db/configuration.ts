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
import { writeAudit } from './audit.ts';
import type { Database, Queries } from './client.ts';
import {
  type ChannelRow,
  type Configuration,
  findChanges,
  isNothing,
  type LocationRow,
  type PolicyBody,
  type PolicyReach,
  reachOf,
  type StoredConfiguration,
  sortPolicy,
} from './configuration-changes.ts';
import { list } from './list.ts';

export type { Configuration, PolicyBody } from './configuration-changes.ts';
export { getModes, setMode } from './modes.ts';

export type AppliedConfiguration = {
  readonly policyVersion: number;
  readonly isChanged: boolean;
  /** Items marked for review. */
  readonly itemsToReview: number;
};

/** Throws Rejected when a location that holds stock would get another stock master. */
export async function applyConfiguration(db: Database, wanted: Configuration): Promise<AppliedConfiguration> {
  const next = { ...wanted, policy: sortPolicy(wanted.policy) };
  const before = await readStored(db);
  if (isNothing(findChanges(before, next)))
    return { policyVersion: before.policyVersion, isChanged: false, itemsToReview: 0 };
  return db.transaction(async (tx) => {
    // The table, not its row: share locks on the row are granted past a waiting exclusive one, so that a busy daemon would never
    // let it through. A table lock queues fairly, and readers without a lock are not held up.
    await tx.rows(sql`lock table policy_current in exclusive mode`);
    return applyLocked(tx, next);
  });
}

async function applyLocked(tx: Queries, next: Configuration): Promise<AppliedConfiguration> {
  const stored = await readStored(tx);
  const changes = findChanges(stored, next);
  if (isNothing(changes)) return { policyVersion: stored.policyVersion, isChanged: false, itemsToReview: 0 };
  await refuseNewMasters(tx, changes.newMasters);
  await writeLocations(tx, changes.locations);
  await writeChannels(tx, changes.channels, changes.channelsGone);
  const policyVersion = changes.isPolicyNew ? await writePolicy(tx, next, stored.policyVersion) : stored.policyVersion;
  const itemsToReview = await markForReview(tx, reachOf(stored, next));
  const detail = {
    reason: next.reason,
    locations: changes.locations.map(({ id }) => id),
    channels: changes.channels.map(({ id }) => id),
    channelsGone: changes.channelsGone,
    itemsToReview,
  };
  const subject = `policy ${policyVersion}`;
  await writeAudit(tx, [{ actor: next.author, action: 'apply configuration', subject, detail }]);
  return { policyVersion, isChanged: true, itemsToReview };
}

async function readStored(db: Queries): Promise<StoredConfiguration> {
  const [locations, channels, policies] = await Promise.all([
    db.rows<LocationRow>(sql`select id, master, sells from location order by id collate "C"`),
    db.rows<ChannelRow & { configured: boolean }>(
      sql`select id, connector, program, configured from channel order by id collate "C"`,
    ),
    db.rows<{ version: number; body: PolicyBody }>(sql`
      select p.version, p.body from policy_current c join policy p on p.version = c.version`),
  ]);
  return { locations, channels, policy: policies[0]?.body ?? null, policyVersion: policies[0]?.version ?? 0 };
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

async function writePolicy(tx: Queries, next: Configuration, before: number): Promise<number> {
  const [row] = await tx.rows<{ version: number }>(sql`
    insert into policy (version, body, author, reason)
    select greatest(${before}::int, coalesce(max(version), 0)) + 1, ${JSON.stringify(next.policy)}::jsonb, ${next.author}, ${next.reason}
    from policy returning version`);
  const version = row?.version ?? 0;
  await tx.rows(sql`
    insert into policy_current (version) values (${version}) on conflict (only_row) do update set version = excluded.version`);
  return version;
}

async function markForReview(tx: Queries, reach: PolicyReach): Promise<number> {
  if (!reach.isEverything && reach.skus.length === 0 && reach.channels.length === 0) return 0;
  const touched = reach.isEverything
    ? sql`true`
    : sql`(sku = any(${list(reach.skus)}) or sku in (select l.sku from listing l where l.channel_id = any(${list(reach.channels)})))`;
  return tx.execute(sql`
    update item set next_review_at = now() where (next_review_at is null or next_review_at > now()) and ${touched}`);
}
