/**
 * The exchange of documents with one partner, over its mailbox: what waits, what it says, what we answer, and how that goes out.
 *
 * Guarantees: a file is offered only whole and at rest, and stays where it is until it is archived; one that is too large to be read is
 * offered as that, so that a person hears of it, and archiving puts it to the rejects; one that cannot be read holds up no other.
 */
import { z } from 'zod';
import { Transient, Uncertain } from '#core/errors.ts';
import type {
  ConnectorContext,
  DocumentDraft,
  DocumentExchange,
  Inbound,
  ParsedDocument,
  WaitingDocument,
} from '../connector.ts';
import { inTime } from './deadline.ts';
import { writeOrderAnswer } from './documents/order-answer.ts';
import { writeDocument } from './documents/outbound.ts';
import { findStated, readReceived } from './intake.ts';
import {
  archiveInbound,
  FILE_BYTES_MAX,
  type InboundFile,
  listInbound,
  type Mailbox,
  putOutbound,
  readInbound,
  rejectInbound,
} from './mailbox.ts';
import type { Partner } from './partner.ts';
import { decodeX12 } from './x12/frame.ts';

const FILES_MAX = 50;
/** Read at once, unless one file alone is more. */
const BYTES_MAX = 8 * 1024 * 1024;
const TOPIC = 'x12';
/** In place of a file that is too large, what is known of it. */
const TOO_LARGE = 'x12-too-large';

const fileSchema = z.strictObject({ name: z.string(), bytes: z.number(), modifiedAt: z.number() });

const sayTooLarge = ({ name, bytes }: InboundFile): string =>
  `the inbound file ${name} has ${bytes} bytes, at most ${FILE_BYTES_MAX} are read`;
const FIX_TOO_LARGE = 'split it between interchanges (after an IEA) and put the parts into the inbound directory';

const SHA256 = 'sha256:';

async function readWaiting(box: Mailbox, file: InboundFile): Promise<WaitingDocument | null> {
  const ref = file.name;
  if (file.bytes > FILE_BYTES_MAX) {
    const { bytes, modifiedAt } = file;
    const rawBody = new TextEncoder().encode(JSON.stringify(file));
    return { ref, dedupeKey: `${TOO_LARGE}:${ref}:${bytes}:${modifiedAt}`, topic: TOO_LARGE, rawBody };
  }
  const read = await readInbound(box, file);
  return read === null ? null : { ref, dedupeKey: SHA256 + read.sha256, topic: TOPIC, rawBody: read.content };
}

export type Exchange = {
  readonly partner: Partner;
  readonly box: Mailbox;
  readonly restMs: number;
  readonly context: Pick<ConnectorContext, 'now' | 'log'>;
};

async function fetchWaiting({ box, restMs, context }: Exchange, signal: AbortSignal) {
  const files = await listInbound(box, context.now() - restMs);
  const documents: WaitingDocument[] = [];
  let unread: Transient | null = null;
  let bytes = 0;
  let looked = 0;
  for (const file of files) {
    // What is too large is not read, and takes no room.
    const size = file.bytes > FILE_BYTES_MAX ? 0 : file.bytes;
    const isFull = documents.length >= FILES_MAX || (documents.length > 0 && bytes + size > BYTES_MAX);
    if (isFull || signal.aborted) break;
    looked += 1;
    try {
      const document = await readWaiting(box, file);
      if (document === null) continue;
      documents.push(document);
      bytes += document.rawBody.byteLength;
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      unread = error;
      context.log.warn({ file: file.name, reason: error.message }, 'an inbound file cannot be read; the others go on');
    }
  }
  // Told as a fault only when nothing else is left to do, or it would hold up what can be read.
  if (documents.length === 0 && unread !== null) throw unread;
  return { documents, complete: looked === files.length };
}

function readTooLarge(rawBody: Uint8Array): InboundFile | null {
  try {
    return fileSchema.parse(JSON.parse(new TextDecoder().decode(rawBody)));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null;
    throw error;
  }
}

async function archive({ box, context }: Exchange, document: WaitingDocument): Promise<void> {
  const { ref, dedupeKey, topic, rawBody } = document;
  if (topic === TOPIC) return archiveInbound(box, ref, dedupeKey.slice(SHA256.length), context.now());
  const file = readTooLarge(rawBody);
  if (file !== null) await rejectInbound(box, file, `${sayTooLarge(file)}; ${FIX_TOO_LARGE}`);
}

function parse({ topic, rawBody, receivedAt }: Inbound, partner: Partner): ParsedDocument {
  if (topic === TOPIC) return readReceived(decodeX12(rawBody), partner, receivedAt);
  const file = topic === TOO_LARGE ? readTooLarge(rawBody) : null;
  const refusal =
    file === null
      ? { what: 'the file', reason: `the topic ${topic} is not one of this channel`, fix: 'take it out of the inbox' }
      : { what: file.name, reason: sayTooLarge(file), fix: FIX_TOO_LARGE };
  return { envelopes: [], refusals: [refusal] };
}

function draftOrderAnswer(
  partner: Partner,
  stated: Inbound,
  answer: Parameters<DocumentExchange['answer']>[1],
): DocumentDraft | null {
  if (partner.answers.orderAnswerHours === null) return null;
  const { orderRef, answeredAt } = answer;
  const set = findStated(decodeX12(stated.rawBody), partner, orderRef);
  const sets = [writeOrderAnswer(set, answer, partner)];
  const write: DocumentDraft['write'] = (stamp) =>
    writeDocument({ kind: '855', functionalId: 'PR', sets }, partner, stamp);
  // Once for nothing: what cannot be written is refused here, and not in the transaction that numbers it.
  write({ sequence: 1, at: answeredAt });
  return { kind: '855', subject: orderRef, write };
}

const mayBeOut = (message: string): Uncertain => new Uncertain(message);

/** A document of ours to the outbound directory. */
export function putOut(
  { box }: Pick<Exchange, 'box'>,
  name: string,
  text: string,
  signal: AbortSignal,
): Promise<boolean> {
  return inTime(signal, `putting ${name} out`, () => putOutbound(box, name, text), mayBeOut);
}

export function openExchange(exchange: Exchange): DocumentExchange {
  const { partner } = exchange;
  return {
    fetch: (signal) => inTime(signal, 'looking into the mailbox', () => fetchWaiting(exchange, signal)),
    archive: (document, signal) => inTime(signal, `archiving ${document.ref}`, () => archive(exchange, document)),
    parse: (inbound) => parse(inbound, partner),
    answer: (stated, answer) => draftOrderAnswer(partner, stated, answer),
    async send({ name, text }, signal) {
      await putOut(exchange, name, text, signal);
    },
  };
}
