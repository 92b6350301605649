/**
 * Receipts: what partners say of the documents that we sent, and what is missing of it.
 *
 * | receipt  | numbers (a push attempt)                                    | documents (answers)           |
 * | accepted | acknowledged, unless a newer number is already              | accepted                      |
 * | rejected | as if never sent: put off, an alert, then sent anew         | rejected, an alert            |
 * | none     | sent anew after the partner's time (db/push.ts), an alert   | an alert                      |
 *
 * A receipt that names nothing of ours is told in the log, and changes nothing.
 *
 * Guarantees: one word counts once; a late receipt of an old number never undoes the newer one; an alert closes when what it is
 * about was accepted or sent anew and accepted.
 */
import type { Receipt } from '#connectors/connector.ts';
import { closeAlert, raiseAlert } from '#db/alerts.ts';
import { finishItems, type ReceiptedAttempt, supersedeSent, takeReceipted } from '#db/attempts.ts';
import type { Queries } from '#db/client.ts';
import { delayListings } from '#db/delays.ts';
import { countUnreceipted, keepReceipts } from '#db/documents.ts';
import { ringBells } from '#db/outbox.ts';
import { acknowledge, forgetSent, stillBehind } from '#db/push.ts';
import type { OpenChannel, WorkerContext } from './context.ts';
import { alertRejected } from './settle.ts';

/** Takes the receipts of one document, in the transaction that takes the document. */
export async function settleReceipts(
  context: Pick<WorkerContext, 'now' | 'log' | 'random'>,
  tx: Queries,
  channel: Pick<OpenChannel, 'id'>,
  receipts: readonly Receipt[],
): Promise<void> {
  if (receipts.length === 0) return;
  const ofDocuments = await keepReceipts(tx, channel.id, receipts);
  const attempts = await takeReceipted(tx, channel.id, receipts);
  for (const attempt of attempts) await settleAttempt(context, tx, channel, attempt);
  const ofNumbers = new Set(attempts.map(({ receipt }) => receipt));
  const refused = receipts.filter(({ isAccepted, receipt }) => !isAccepted && ofDocuments.includes(receipt));
  for (const { receipt, isAccepted } of receipts) {
    if (ofNumbers.has(receipt) || ofDocuments.includes(receipt)) continue;
    context.log.warn({ channel: channel.id, receipt, isAccepted }, 'a receipt names no document of ours');
  }
  await alertRefusedDocuments(tx, channel.id, refused);
  if (refused.length === 0 && receipts.some(({ isAccepted, receipt }) => isAccepted && ofDocuments.includes(receipt)))
    await closeAlert(tx, refusedAlert(channel.id), 'the partner has accepted a later document of ours');
  if (attempts.length > 0) await ringBells(tx, [{ topic: 'push', key: channel.id }]);
}

async function settleAttempt(
  context: Pick<WorkerContext, 'now' | 'random'>,
  tx: Queries,
  channel: Pick<OpenChannel, 'id'>,
  { id, isAccepted, reason, items }: ReceiptedAttempt,
): Promise<void> {
  if (items.length === 0) return;
  const outcome = isAccepted ? 'applied' : 'rejected';
  const detail = isAccepted ? null : reason.slice(0, 500);
  await finishItems(
    tx,
    id,
    items.map(({ position }) => ({ position, outcome, detail })),
  );
  const behind = await stillBehind(tx, items);
  if (isAccepted) {
    await acknowledge(
      tx,
      behind.map((item) => ({ ...item, readDueAt: null, writtenAt: null })),
    );
    await supersedeSent(tx, id, items);
    return;
  }
  const fix = 'mend what the partner names, at the listing or in the dialect; allot sends the number again by itself';
  await forgetSent(tx, items);
  await delayListings(
    tx,
    context.now(),
    behind.map(({ listingId }) => ({
      listingId,
      readDueAt: null,
      blockedUntil: null,
      reason,
      fix,
      backOff: { of: 'rejected' as const, random: context.random() },
    })),
  );
  await alertRejected(
    tx,
    channel,
    items,
    items.map(() => ({ kind: 'rejected', reason, fix })),
  );
}

const refusedAlert = (channelId: string): string => `document-rejected ${channelId}`;

/** A refused 997 or 855 is not sent again as it is: the partner could only refuse it again. */
async function alertRefusedDocuments(tx: Queries, channelId: string, refused: readonly Receipt[]): Promise<void> {
  if (refused.length === 0) return;
  await raiseAlert(tx, {
    fingerprint: refusedAlert(channelId),
    code: 'document-rejected',
    severity: 'error',
    title: `${channelId}: the partner refuses ${refused.length} document(s) of ours`,
    channelId,
    touches: { documents: refused.length, receipts: refused.map(({ receipt }) => receipt).slice(0, 20) },
    cause: refused
      .map(({ receipt, reason }) => `${receipt}: ${reason}`)
      .join('; ')
      .slice(0, 500),
    nextStep: 'mend the dialect of the partner as the reason says, and tell the partner which answers it misses',
  });
}

/** Raises, or closes, the alert about receipts that are overdue. */
export async function judgeReceipts(context: WorkerContext, channel: OpenChannel): Promise<void> {
  const terms = channel.capabilities.documents;
  if (terms === undefined) return;
  const fingerprint = `receipt-overdue ${channel.id}`;
  const late = await countUnreceipted(context.db, channel.id, context.now() - terms.receiptMs);
  const count = late.documents + late.attempts;
  if (count === 0) return closeAlert(context.db, fingerprint, 'no document waits longer than agreed for its receipt');
  await raiseAlert(context.db, {
    fingerprint,
    code: 'receipt-overdue',
    severity: 'warning',
    title: `${channel.id}: ${count} document(s) of ours have had no receipt for longer than agreed`,
    channelId: channel.id,
    touches: { answers: late.documents, quantities: late.attempts },
    cause: `the oldest was sent ${late.oldest === null ? 'long ago' : new Date(late.oldest).toISOString()}`,
    nextStep: 'ask the partner, and whoever carries the files, whether they arrive; quantities are sent anew by allot',
  });
}
