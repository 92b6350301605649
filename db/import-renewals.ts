/**
 * Renewals of subscriptions from a file: each within the horizon becomes a hold for its program, until some time after its day.
 *
 * Guarantees: a renewal is known by item, subscription and day, so that a second run is all Unchanged; all is decided by the core in
 * the one transaction of the import, the earliest renewals first; what cannot be held is skipped with the core's own reason, and left
 * nowhere: no command of it stays. A renewal that the file does not name is left alone; quantity 0 lets its hold go.
 */
import { sql } from 'drizzle-orm';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { Hold, Instant } from '#core/model.ts';
import { writeAudit } from './audit.ts';
import type { Queries } from './client.ts';
import { addCommands, readCommands } from './commands.ts';
import { writeFacts } from './facts.ts';
import { HOLD_COLUMNS } from './holds.ts';
import {
  changeOf,
  compare,
  type ImportOptions,
  type ImportReport,
  type Judged,
  judge,
  leaveAlone,
  makeReport,
  skip,
  splitRepeats,
} from './import-report.ts';
import { list } from './list.ts';
import { recordset } from './recordset.ts';
import { lockAndLoad, lockResources, RESOURCE } from './state.ts';

export type RenewalRow = {
  readonly line: number;
  readonly sku: string;
  /** Base units; 0: it will not come. */
  readonly quantity: number;
  readonly renewsAt: Instant;
  readonly subscription: string;
  readonly program: string;
};

const DAY_MS = 86_400_000;
const OWNER = 'subscriptions';
const SPANS = { horizonMs: 35 * DAY_MS, keepMs: 3 * DAY_MS };

type Window = { readonly now: Instant; readonly horizonMs: number; readonly keepMs: number };
type Known = {
  readonly items: ReadonlySet<string>;
  readonly programs: readonly string[];
  readonly holds: ReadonlyMap<string, Hold>;
};

const iso = (at: Instant): string => new Date(at).toISOString();
const dayOf = (at: Instant): string => (at % DAY_MS === 0 ? iso(at).slice(0, 10) : iso(at));
const refOf = (row: RenewalRow): string => `renewal ${row.subscription} ${dayOf(row.renewsAt)}`;
const keyOf = (row: RenewalRow): string => `${row.sku} ${row.subscription} ${dayOf(row.renewsAt)}`;
const holdKey = (sku: string, ref: string | null): string => `${sku} ${ref}`;

export async function importRenewals(
  tx: Queries,
  rows: readonly RenewalRow[],
  options: ImportOptions,
): Promise<ImportReport> {
  const { horizonMs, keepMs } = options.spans ?? SPANS;
  const window = { now: options.now, horizonMs, keepMs };
  const { first, repeats } = splitRepeats(rows, keyOf);
  const known = await readKnown(tx, first);
  const plans = first
    .toSorted((a, b) => a.renewsAt - b.renewsAt || a.line - b.line)
    .map((row) => ({ row, ...planRenewal(row, known, window) }));
  const asked = plans.flatMap(({ row, body }) => (body === null ? [] : [{ row, body }]));
  const { commandIds, refused } = await decideHere(tx, asked, options);
  const judged = plans.map(({ row, verdict }) => refused.get(row.line) ?? verdict);
  const report = makeReport([...judged, ...repeats], { commandIds });
  await writeAudit(tx, [
    { actor: options.actor, action: 'import renewals', subject: `${rows.length} rows`, detail: report.counts },
  ]);
  return report;
}

async function readKnown(tx: Queries, rows: readonly RenewalRow[]): Promise<Known> {
  const asked = rows.map((row) => ({ sku: row.sku, ref: refOf(row) }));
  const items = await tx.rows<{ sku: string }>(
    sql`select sku from item where sku = any(${list([...new Set(rows.map(({ sku }) => sku))])})`,
  );
  const holds = await tx.rows<Hold>(sql`
    select ${HOLD_COLUMNS} from hold where (sku, ref) in (
      select sku, ref from ${recordset(asked, { sku: 'text', ref: 'text' }, 'r')})`);
  const programs = await tx.rows<{ id: string }>(sql`
    select r.id from policy_current c join policy p on p.version = c.version,
      jsonb_to_recordset(p.body->'programs') as r(id text) order by r.id`);
  return {
    items: new Set(items.map(({ sku }) => sku)),
    programs: programs.map(({ id }) => id),
    holds: new Map(holds.map((hold) => [holdKey(hold.sku, hold.ref), hold])),
  };
}

type Plan = { readonly verdict: Judged; readonly body: CommandBody | null };

function planRenewal(row: RenewalRow, known: Known, window: Window): Plan {
  const key = keyOf(row);
  const only = (verdict: Judged): Plan => ({ verdict, body: null });
  if (!known.items.has(row.sku)) {
    const fix = 'SKUs are case-sensitive; add it first: allot import items FILE';
    return only(skip(row.line, key, `SKU ${row.sku} is not an item`, fix));
  }
  if (!known.programs.includes(row.program)) {
    const fix = `the known ones are ${known.programs.join(', ')}`;
    return only(skip(row.line, key, `program ${row.program} is not in the policy`, fix));
  }
  const endsAt = row.renewsAt + window.keepMs;
  const hold = known.holds.get(holdKey(row.sku, refOf(row)));
  if (hold !== undefined) return planKnown(row, hold, endsAt);
  if (row.quantity === 0) return only(leaveAlone(row.line, key, 'nothing renews, and nothing is held for it'));
  if (endsAt <= window.now) return only(leaveAlone(row.line, key, 'its time to be held has passed'));
  if (row.renewsAt > window.now + window.horizonMs) {
    return only(leaveAlone(row.line, key, 'it renews after the horizon: import the file again when it comes near'));
  }
  return { verdict: judge(row.line, key, 'create'), body: bodyOf(row, endsAt) };
}

function planKnown(row: RenewalRow, hold: Hold, endsAt: Instant): Plan {
  const key = keyOf(row);
  if (hold.state !== 'held')
    return { verdict: leaveAlone(row.line, key, `its hold is ${hold.state} already`), body: null };
  if (row.quantity === 0) {
    const reason = `renewal of ${row.subscription} will not come`;
    const body = { kind: 'release-hold' as const, sku: row.sku, hold: hold.id, reason, isDue: false };
    return { verdict: compare(row.line, key, changeOf('quantity', hold.quantity, 0)), body };
  }
  const changes = [
    ...changeOf('quantity', hold.quantity, row.quantity),
    ...changeOf('program', hold.program, row.program),
    ...changeOf('held_until', iso(hold.expiresAt), iso(endsAt)),
  ];
  return { verdict: compare(row.line, key, changes), body: changes.length === 0 ? null : bodyOf(row, endsAt) };
}

const bodyOf = (row: RenewalRow, expiresAt: Instant): CommandBody => ({
  kind: 'hold',
  holdKind: 'subscription',
  sku: row.sku,
  program: row.program,
  quantity: row.quantity,
  location: null,
  owner: OWNER,
  reason: `renewal of ${row.subscription} on ${dayOf(row.renewsAt)}`,
  expiresAt,
  ref: refOf(row),
});

type Asked = { readonly row: RenewalRow; readonly body: CommandBody };
type Decided = { readonly commandIds: readonly number[]; readonly refused: ReadonlyMap<number, Judged> };

/** A refused command has the others of its batch decided again: small batches, where a file may be refused for the most part. */
const BATCH_MAX = 100;

/** Decides the commands in this transaction, all their items locked at first, as one batch after another would lock them in a ring. */
async function decideHere(tx: Queries, asked: readonly Asked[], options: ImportOptions): Promise<Decided> {
  await lockResources(
    tx,
    RESOURCE.item,
    asked.map(({ row }) => row.sku),
  );
  const commandIds: number[] = [];
  const refused = new Map<number, Judged>();
  for (let from = 0; from < asked.length; from += BATCH_MAX) {
    const batch = await decideBatch(tx, asked.slice(from, from + BATCH_MAX), options);
    commandIds.push(...batch.commandIds);
    for (const [line, judged] of batch.refused) refused.set(line, judged);
  }
  return { commandIds, refused };
}

/**
 * Takes back what the core refuses: what remains is decided as if that had not been there (core/decide.ts), so that its facts stand.
 */
async function decideBatch(tx: Queries, asked: readonly Asked[], { actor, now }: ImportOptions): Promise<Decided> {
  const news = asked.map(({ body }) => ({ body, actor, occurredAt: now, channelId: null, inboxId: null }));
  const ids = await addCommands(tx, news);
  const commands = await readCommands(tx, ids);
  const state = await lockAndLoad(tx, commands);
  const facts = decide(state, commands, now);
  const rowOf = new Map(ids.map((id, index) => [id, asked[index]?.row]));
  const refused = new Map<number, Judged>();
  const backIds: number[] = [];
  for (const outcome of facts.outcomes) {
    const row = rowOf.get(outcome.commandId);
    if (outcome.kind !== 'parked' || row === undefined) continue;
    refused.set(row.line, skip(row.line, keyOf(row), outcome.reason, outcome.fix));
    backIds.push(outcome.commandId);
  }
  await tx.rows(sql`delete from command where id = any(${list(backIds)}::bigint[])`);
  const outcomes = facts.outcomes.filter(({ kind }) => kind !== 'parked');
  const commandIds = outcomes.map(({ commandId }) => commandId);
  if (commandIds.length > 0) {
    await writeFacts(tx, { decidedAt: now, policyVersion: state.policy.version, commandIds }, { ...facts, outcomes });
  }
  return { commandIds, refused };
}
