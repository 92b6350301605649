/**
 * Items whose numbers are to be decided again, and whose turn it is.
 *
 * Guarantees: an item is marked in the transaction of what changed its number; what a new policy lowers is decided before what it
 * raises or leaves (`item.review_turn`), whoever decides, and however many do; two at once are harmless.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Instant, Sku } from '#core/model.ts';
import type { Database, Queries } from './client.ts';
import { addCommands } from './commands.ts';
import type { PolicyReach } from './configuration-changes.ts';
import { list } from './list.ts';

/** 0 is decided now; 1 may fall, nobody knows yet; 2 falls nowhere and waits for the first two. */
const TURN = { now: 0, unsorted: 1, rising: 2 } as const;

const isNoItem = (reach: PolicyReach): boolean =>
  !reach.isEverything && reach.skus.length === 0 && reach.channels.length === 0;

function reachedBy(reach: PolicyReach): SQL {
  if (reach.isEverything) return sql`true`;
  return sql`(sku = any(${list(reach.skus)}) or sku in (select l.sku from listing l where l.channel_id = any(${list(reach.channels)})))`;
}

/** Answers how many. An item that a policy before this one had sorted is sorted anew. */
export async function markForReview(tx: Queries, reach: PolicyReach): Promise<number> {
  if (isNoItem(reach)) return 0;
  return tx.execute(sql`
    update item set next_review_at = least(next_review_at, now()), review_turn = ${TURN.unsorted} where ${reachedBy(reach)}`);
}

/** Items that a change reaches, in byte order, from after one on; `among`: only of these. */
export async function readReached(
  db: Queries,
  reach: PolicyReach,
  page: { readonly after: Sku; readonly max: number; readonly among?: readonly Sku[] },
): Promise<Sku[]> {
  if (isNoItem(reach)) return [];
  const among = page.among === undefined ? sql`true` : sql`sku = any(${list(page.among)})`;
  const rows = await db.rows<{ sku: Sku }>(sql`
    select sku from item where sku collate "C" > ${page.after} and ${reachedBy(reach)} and ${among} order by sku collate "C" limit ${page.max}`);
  return rows.map(({ sku }) => sku);
}

const at = (now: Instant): SQL => sql`to_timestamp(${now} / 1000.0)`;

/** Due items of which nobody knows yet whether they fall, the longest due first. */
export async function readUnsorted(tx: Queries, now: Instant, max: number): Promise<Sku[]> {
  const rows = await tx.rows<{ sku: Sku }>(sql`
    select sku from item where review_turn = ${TURN.unsorted} and next_review_at <= ${at(now)} order by next_review_at, sku limit ${max}`);
  return rows.map(({ sku }) => sku);
}

/** Those that fall are decided next, the others after all that fall. An item that is being decided at this moment is left to that. */
export async function writeTurns(tx: Queries, falling: readonly Sku[], others: readonly Sku[]): Promise<void> {
  await tx.rows(sql`
    update item set review_turn = case when sku = any(${list(falling)}) then ${TURN.now}::smallint else ${TURN.rising}::smallint end
    where sku in (select sku from item where sku = any(${list([...falling, ...others])}) and review_turn = ${TURN.unsorted}
      order by sku collate "C" for update skip locked)`);
}

/**
 * Writes a Review command for each item whose moment and turn have come; bounded, the rest follows at the next call. Items that rise
 * are handed over when all that fall are, behind them. Answers how many.
 */
export async function reviewDue(db: Database, now: Instant, max: number): Promise<number> {
  return db.transaction(async (tx) => {
    const due = await tx.rows<{ sku: string }>(sql`
      with turn as (select case
          when exists (select from item where review_turn < ${TURN.rising} and next_review_at <= ${at(now)}) then ${TURN.now}::smallint
          else ${TURN.rising}::smallint end as turn)
      update item set next_review_at = null, review_turn = ${TURN.now} where sku in (
        select sku from item where review_turn = (select turn from turn) and next_review_at <= ${at(now)}
        order by next_review_at, sku limit ${max} for update skip locked)
      returning sku`);
    const commands = due.map(({ sku }) => ({
      body: { kind: 'review' as const, sku },
      actor: 'sweep',
      occurredAt: now,
      channelId: null,
      inboxId: null,
    }));
    await addCommands(tx, commands);
    return due.length;
  });
}

export type ReviewsLeft = {
  /** Not yet handed to a decision. */
  readonly items: number;
  /** Of those, the ones of which nobody knows yet whether they fall. */
  readonly unsorted: number;
  /** Handed over, and not decided. */
  readonly commands: number;
};

/** What is still to be decided again, by any of those who decide. */
export async function countReviewsLeft(db: Queries, now: Instant): Promise<ReviewsLeft> {
  const [row] = await db.rows<ReviewsLeft>(sql`
    select (select count(*)::int from item where next_review_at <= ${at(now)}) as items,
      (select count(*)::int from item where next_review_at <= ${at(now)} and review_turn = ${TURN.unsorted}) as unsorted,
      (select count(*)::int from command where state = 'pending' and kind = 'review') as commands`);
  return row ?? { items: 0, unsorted: 0, commands: 0 };
}
