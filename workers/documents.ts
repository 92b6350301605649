/**
 * Documents: takes what waits in a partner's mailbox, writes the answers that are decided, and sends what we owe.
 *
 * mailbox -> inbox (key: its content) -> archived -> intake
 * answered orders -> the 855 over the stored document that stated the order -> document (numbered, stored) -> sent
 *                   one that cannot be written -> parked under its order, tried again by itself
 *
 * Guarantees: nothing leaves the mailbox before it is durably in the inbox (I7); a document that comes again is not taken again, but
 * what we answered it goes out again, byte for byte; nothing is sent unless the channel is live and allot is not read-only.
 */
import type { DocumentExchange, WaitingDocument } from '#connectors/connector.ts';
import { Defect, Rejected } from '#core/errors.ts';
import { PARKED_AGAIN_MS } from '#core/retry.ts';
import { cutSkuUnits, raiseAlert } from '#db/alerts.ts';
import type { Queries } from '#db/client.ts';
import {
  holdPendingDocuments,
  holdUnanswered,
  markAnswerStored,
  markDocumentsSent,
  type PendingDocument,
  readUnanswered,
  sendRepliesAgain,
  storeDrafts,
  type UnansweredOrder,
  unitsOfAnswer,
} from '#db/documents.ts';
import { insertInbox, readInput } from '#db/inbox.ts';
import { parkDocument } from '#db/parked.ts';
import { answerAlert, parkAnswer, unparkAnswer } from '#db/parked-answers.ts';
import type { OpenChannel, WorkerContext } from './context.ts';
import { storableKey, storableTopic } from './inbox-names.ts';
import { withChannel } from './with-channel.ts';

const ANSWERS_MAX = 50;
const SENT_AT_ONCE = 50;
const SKUS_TOLD_MAX = 20;
const RETRY_LEAST_MS = 60_000;

/** Stores what waits and takes it out of the mailbox; answers whether anything new came. */
export async function collectDocuments(
  context: WorkerContext,
  channelId: string,
  exchange: DocumentExchange,
  signal: AbortSignal,
): Promise<boolean> {
  let hasNew = false;
  for (let isComplete = false; !isComplete && !signal.aborted; ) {
    const page = await exchange.fetch(signal);
    const keys = new Map(page.documents.map((document) => [storableKey(document.dedupeKey), document]));
    const entries = [...keys].map(([key, { topic, rawBody }]) => ({
      channelId,
      key,
      topic: storableTopic(topic),
      source: 'file' as const,
      assurance: 'signed' as const,
      rawBody,
    }));
    const fresh = await insertInbox(context.db, entries, context.sealingKeys[0]);
    const again = [...keys.keys()].filter((key) => !fresh.has(key));
    if (again.length > 0) await context.db.transaction((tx) => sendRepliesAgain(tx, channelId, again));
    await archiveAll(exchange, page.documents, signal);
    hasNew ||= fresh.size > 0;
    isComplete = page.complete;
  }
  return hasNew;
}

async function archiveAll(
  exchange: DocumentExchange,
  documents: readonly WaitingDocument[],
  signal: AbortSignal,
): Promise<void> {
  for (const document of documents) await exchange.archive(document, signal);
}

/** Handler of the `documents` bell: writes what is owed, then sends what is stored. */
export async function exchangeDocuments(context: WorkerContext, channelId: string, signal: AbortSignal): Promise<void> {
  const channel = context.channels.get(channelId);
  const exchange = channel?.connection.documents;
  if (channel === undefined || exchange === undefined) return;
  await withChannel(context, channel, 'documents', async () => {
    await writeAnswers(context, channel, exchange, signal);
    if (!context.readOnly) await sendDocuments(context, channel, exchange, signal);
  });
}

async function writeAnswers(
  context: WorkerContext,
  channel: OpenChannel,
  exchange: DocumentExchange,
  signal: AbortSignal,
): Promise<void> {
  for (let found = ANSWERS_MAX; found === ANSWERS_MAX && !signal.aborted; ) {
    const orders = await readUnanswered(context.db, channel.id, context.now(), ANSWERS_MAX);
    found = orders.length;
    for (const order of orders) await writeAnswer(context, channel, exchange, order);
  }
}

/** An answer that cannot be written is parked alone: the others of the partner go on. */
async function writeAnswer(
  context: WorkerContext,
  channel: OpenChannel,
  exchange: DocumentExchange,
  order: UnansweredOrder,
): Promise<void> {
  try {
    const draft = await draftOf(context, exchange, order);
    await context.db.transaction(async (tx) => {
      if (!(await holdUnanswered(tx, order.id, order.version))) return;
      const origin = { channelId: channel.id, inboxId: order.inboxId, now: context.now() };
      // A later version of the order that asks for more is answered by a document of its own.
      const subjectOf = (subject: string) => `${subject} ${order.version}`;
      if (draft !== null) await storeDrafts(tx, [{ ...draft, subject: subjectOf(draft.subject) }], origin);
      await markAnswerStored(tx, order.id, order.version);
      await unparkAnswer(tx, channel.id, order.id);
    });
  } catch (error) {
    if (!(error instanceof Rejected || error instanceof Defect)) throw error;
    await context.db.transaction((tx) => keepUnwritten(context, tx, { channel, order, error }));
  }
}

type Unwritten = {
  readonly channel: OpenChannel;
  readonly order: UnansweredOrder;
  readonly error: Rejected | Defect;
};

async function keepUnwritten(context: WorkerContext, tx: Queries, { channel, order, error }: Unwritten): Promise<void> {
  // Another worker may have written it meanwhile.
  if (!(await holdUnanswered(tx, order.id, order.version))) return;
  const told: Partial<Rejected> = error instanceof Rejected ? error : {};
  const reason = error.message.slice(0, 500);
  const fix = told.fix ?? 'mend what the reason says; or answer it by hand at the partner, and drop it with the reason';
  const id = await parkAnswer(tx, {
    channel: channel.id,
    orderId: order.id,
    reason,
    field: told.field ?? null,
    fix,
    reader: channel.reader,
    retryAt: context.now() + Math.max(RETRY_LEAST_MS, Math.floor(context.random() * PARKED_AGAIN_MS)),
  });
  const skuUnits = await unitsOfAnswer(tx, order.id);
  const units = skuUnits.reduce((sum, one) => sum + one.units, 0);
  await raiseAlert(tx, {
    fingerprint: answerAlert(channel.id, order.id),
    code: 'answer-unwritten',
    severity: 'error',
    title: `${channel.id}: the answer to order ${order.orderRef} cannot be written`,
    channelId: channel.id,
    touches: { order: order.id, units, skus: skuUnits.map(({ sku }) => sku).slice(0, SKUS_TOLD_MAX) },
    cause: `${reason}; what mends it: ${fix}`.slice(0, 1000),
    nextStep: `allot parked show ${id}`,
    size: 1,
    skuUnits: cutSkuUnits(skuUnits, units),
  });
}

async function draftOf(context: WorkerContext, exchange: DocumentExchange, order: UnansweredOrder) {
  const input = order.inboxId === null ? undefined : await readInput(context.db, order.inboxId, context.sealingKeys);
  if (input?.rawBody === undefined || input.rawBody === null)
    throw new Rejected(`the document that stated order ${order.orderRef} is gone`, {
      field: 'order',
      value: order.orderRef,
      fix: 'answer it by hand at the partner: raw documents are kept two weeks',
    });
  const { orderRef, answeredAt, lines } = order;
  const stated = { topic: input.topic, rawBody: input.rawBody, receivedAt: input.receivedAt };
  return exchange.answer(stated, { orderRef, ourRef: order.id, answeredAt, lines });
}

/** One that its connector refuses to put out is parked alone: the others of the partner go on. */
async function sendOrPark(
  tx: Queries,
  exchange: DocumentExchange,
  document: PendingDocument,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await exchange.send(document, signal);
    return true;
  } catch (error) {
    if (!(error instanceof Rejected || error instanceof Defect)) throw error;
    const told: Partial<Rejected> = error instanceof Rejected ? error : {};
    const fix = told.fix ?? 'mend what the reason says; then allot parked retry, or drop it with the reason';
    await parkDocument(tx, document.id, { reason: error.message.slice(0, 500), field: told.field ?? null, fix });
    return false;
  }
}

async function sendDocuments(
  context: WorkerContext,
  channel: OpenChannel,
  exchange: DocumentExchange,
  signal: AbortSignal,
): Promise<void> {
  for (let sent = SENT_AT_ONCE; sent === SENT_AT_ONCE && !signal.aborted; ) {
    sent = await context.db.transaction(async (tx) => {
      const pending = await holdPendingDocuments(tx, channel.id, SENT_AT_ONCE);
      const sentIds: number[] = [];
      for (const document of pending) if (await sendOrPark(tx, exchange, document, signal)) sentIds.push(document.id);
      await markDocumentsSent(tx, sentIds);
      return pending.length;
    });
  }
}
