/**
 * Answers to orders that cannot be written: parked under their order, one row while it lasts, tried again now and then
 * (`sales_order.answer_retry_at`), and at once when a person says so or another reader, or policy, may write it (parked-mended.ts).
 */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant, OrderId } from '#core/model.ts';
import { closeAlerts } from './alerts.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';

export type UnwrittenAnswer = {
  readonly channel: ChannelId;
  readonly orderId: OrderId;
  readonly reason: string;
  readonly field: string | null;
  readonly fix: string;
  /** What failed to write it (its dialect, settings and keys): another one tries it at once. */
  readonly reader: string;
  readonly retryAt: Instant;
};

export const answerAlert = (channel: ChannelId, orderId: OrderId): string => `answer-unwritten ${channel} ${orderId}`;

/** Answers its number. Age and owner of one that was retried in vain stay. */
export async function parkAnswer(tx: Queries, answer: UnwrittenAnswer): Promise<number> {
  const { channel, orderId, reason, field, fix, reader, retryAt } = answer;
  const at = sql`to_timestamp(${retryAt} / 1000.0)`;
  await tx.rows(sql`update sales_order set answer_retry_at = ${at} where id = ${orderId}`);
  const [row] = await tx.rows<{ id: number }>(sql`
    insert into parked as p (source, source_id, channel_id, order_id, code, reason, field, fix, reader, policy_version, retry_at,
      attempts, first_parked_at, owner, taken_at)
    select 'answer', nextval('parked_answer'), ${channel}, ${orderId}, 'answer-unwritten', ${reason}, ${field}, ${fix}, ${reader},
      (select version from policy_current), ${at}, 1 + coalesce(b.attempts, 0), coalesce(b.first_parked_at, now()), b.owner, b.taken_at
    from (select 1) one left join lateral (
      select * from (select * from parked where source = 'answer' and order_id = ${orderId} order by id desc limit 1) l
      where l.state = 'retried' and not l.closed_by = 'allot') b on true
    on conflict (order_id) where state = 'parked' and source = 'answer' do update set reason = excluded.reason, field = excluded.field,
      fix = excluded.fix, reader = excluded.reader, policy_version = excluded.policy_version, retry_at = excluded.retry_at,
      attempts = p.attempts + 1
    returning p.id`);
  if (row === undefined) throw new Error(`the answer to ${orderId} could not be parked`);
  return row.id;
}

/** It was written after all. */
export async function unparkAnswer(tx: Queries, channel: ChannelId, orderId: OrderId): Promise<void> {
  await tx.rows(sql`
    update parked set state = 'retried', closed_at = now(), closed_by = 'allot'
    where source = 'answer' and order_id = ${orderId} and state = 'parked'`);
  await closeAlerts(tx, sql`a.fingerprint = ${answerAlert(channel, orderId)}`, 'the answer was written');
}

export const writeAnswersAgain = (tx: Queries, orders: readonly OrderId[]): Promise<number> =>
  tx.execute(sql`update sales_order set answer_retry_at = null where id = any(${list(orders)})`);

/** Somebody answers these by hand, or nobody does: allot owes them no more. */
export async function dropAnswers(
  tx: Queries,
  answers: readonly { readonly channel_id: ChannelId | null; readonly order_id: OrderId | null }[],
  reason: string,
): Promise<void> {
  const orders = answers.flatMap(({ order_id }) => order_id ?? []);
  if (orders.length === 0) return;
  await tx.rows(sql`
    update sales_order set answer_stored_version = answered_version, answer_retry_at = null where id = any(${list(orders)})`);
  const told = answers.map(({ channel_id, order_id }) => answerAlert(channel_id ?? '', order_id ?? ''));
  await closeAlerts(tx, sql`a.fingerprint = any(${list(told)})`, `its answer is owed no more: ${reason}`);
}
