/**
 * Takes what a document says: its envelopes and orders once, what it has us answer, what it says of documents of ours.
 *
 * | part                                   | becomes                                                           |
 * | an envelope or order that never came   | commands, replies, receipts                                       |
 * | the same again, in another document    | nothing new; what we replied goes out again                       |
 * | its number or reference, other content | refused: which of the two counts is a person's to say             |
 *
 * Guarantees: what is refused is parked with its reason and holds up nothing else; taken twice, a document changes nothing twice (I3).
 */
import type { DocumentRefusal, ParsedDocument } from '#connectors/connector.ts';
import { Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { OrderState } from '#core/order-state.ts';
import type { Queries } from '#db/client.ts';
import { addCommands } from '#db/commands.ts';
import { keepReceivedKeys, sendReplyAgain, storeDrafts } from '#db/documents.ts';
import { markTaken, type PendingInput } from '#db/inbox.ts';
import { type InboxRefusal, parkInbox } from '#db/parked.ts';
import type { WorkerContext } from './context.ts';
import { storableKey } from './inbox-names.ts';
import { orderCommands } from './order-commands.ts';
import { settleReceipts } from './receipts.ts';
import { isStorable, storableText } from './storable-input.ts';

const REFUSALS_TOLD_MAX = 5;

type DocumentInput = Pick<PendingInput, 'channelId' | 'inboxId' | 'receivedAt'> & {
  /** What reads its channel's documents. */
  readonly reader: string;
};

/** One parked row per document, whatever is refused of it: retried, the whole of it is read again, which changes nothing twice. */
function refusalOfParts(
  { inboxId, reader }: Pick<DocumentInput, 'inboxId' | 'reader'>,
  refusals: readonly DocumentRefusal[],
): InboxRefusal {
  const told = refusals.slice(0, REFUSALS_TOLD_MAX).map(({ what, reason }) => `${what}: ${reason}`);
  const more = refusals.length - told.length;
  return {
    inboxId,
    reader,
    code: 'document-refused',
    reason: storableText([...told, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')),
    field: null,
    fix: refusals[0]?.fix ?? 'ask the partner to send it again, corrected',
  };
}

/** In the transaction that takes the inbox entry. */
export async function keepDocument(
  context: Pick<WorkerContext, 'now' | 'log' | 'random'>,
  tx: Queries,
  input: DocumentInput,
  document: ParsedDocument,
): Promise<void> {
  const { channelId, inboxId, receivedAt } = input;
  const refusals: DocumentRefusal[] = [...document.refusals];
  const from = { channelId, inboxId };
  for (const { key, digest, orders, receipts, replies } of document.envelopes) {
    const before = (await keepReceivedKeys(tx, [{ kind: 'envelope', key, digest }], from)).get(key);
    if (before === 'repeated') for (const { subject } of replies) await sendReplyAgain(tx, channelId, subject);
    if (before === 'changed') {
      const fix = 'ask the partner to send it again under a number of its own';
      refusals.push({ what: `envelope ${key}`, reason: 'one with this number came before with another content', fix });
      continue;
    }
    const keyed = orders.map((one) => ({ ...one, key: storableKey(`${one.order.orderRef} ${one.order.version}`) }));
    const known = await keepReceivedKeys(
      tx,
      keyed.map((one) => ({ kind: 'order', key: one.key, digest: one.digest })),
      from,
    );
    const states: OrderState[] = [];
    for (const { order, key: orderKey } of keyed) {
      if (known.get(orderKey) === 'changed') refusals.push(refuseChanged(order));
      else if (isStorable(order)) states.push(order);
      else refusals.push(refuseUnstorableOrder(order));
    }
    await addCommands(tx, orderCommands(input, states));
    await settleReceipts(context, tx, { id: channelId }, receipts);
    refusals.push(...(await storeReplies(tx, replies, { channelId, inboxId, now: receivedAt }, key)));
  }
  if (refusals.length === 0) return markTaken(tx, [inboxId]);
  await parkInbox(tx, [refusalOfParts(input, refusals)]);
}

/** A reply that cannot be written parks its document: when another reader takes it again, it is written then. */
async function storeReplies(
  tx: Queries,
  replies: ParsedDocument['envelopes'][number]['replies'],
  origin: { readonly channelId: string; readonly inboxId: number; readonly now: Instant },
  envelope: string,
): Promise<DocumentRefusal[]> {
  try {
    await storeDrafts(tx, replies, origin);
    return [];
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    const fix = error.fix ?? 'mend what the reason says, then allot parked retry';
    return [{ what: `the reply to envelope ${envelope}`, reason: error.message, fix }];
  }
}

const refuseUnstorableOrder = ({ displayRef }: OrderState): DocumentRefusal => ({
  what: `order ${storableText(displayRef)}`,
  reason: 'it holds characters that cannot be stored',
  fix: 'ask the partner to send it again without control characters',
});

const refuseChanged = ({ displayRef }: OrderState): DocumentRefusal => ({
  what: `order ${displayRef}`,
  reason: 'it came before with another content, and an original is never replaced by another',
  fix: 'ask the partner which one counts; a change has to come as a change (860), or is entered by hand',
});
