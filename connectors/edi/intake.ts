/**
 * Intake of one file: what its interchanges say to us, what we owe in answer, and what a person has to look at.
 *
 * | what                                               | becomes                                                   |
 * | text outside interchanges, an envelope with faults | a refusal; no answer, since nobody knows what it answers  |
 * | another sender, receiver, or test for production   | a refusal; no answer: never guess whose it is             |
 * | a group with faults                                | its 997 rejects it whole, and a refusal says so           |
 * | a set with faults, or one that we do not take      | rejected in the 997, and a refusal                        |
 * | an 850                                             | an order; or accepted in the 997 and refused with its field |
 * | a 997                                              | receipts for ours; never answered                         |
 * | a TA1                                              | a refusal where it says no to an interchange of ours; never answered |
 *
 * Guarantees: pure: the same text and moment give the same, so that all of it may be done again after a crash; every set of the file is
 * an order, a receipt, or a refusal. What was taken before is the caller's to know, by keys and digests: these are of content, so that
 * a repeat is one also where it came under another file name, in another line length, or, for an order, in another interchange.
 */
import { createHash } from 'node:crypto';
import { Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { DocumentDraft, DocumentRefusal, Envelope, ParsedDocument, Receipt } from '../connector.ts';
import { readAcknowledgment, writeAcknowledgment } from './documents/acknowledgment.ts';
import { receiptOf, writeDocument } from './documents/outbound.ts';
import { readPurchaseOrder } from './documents/purchase-order.ts';
import type { Partner } from './partner.ts';
import { type CheckedGroup, type CheckedInterchange, type CheckedSet, checkFile } from './x12/check.ts';
import type { X12Fault } from './x12/fault.ts';
import { elementOf, type Interchange, type Party, type TransactionSet } from './x12/read.ts';

const ASK = 'ask the partner to send it again, corrected';

const sayFaults = (faults: readonly X12Fault[]): string =>
  faults.map(({ message, list, code }) => `${message} [${list} ${code}]`).join('; ');

const sayParty = ({ qualifier, id }: Party): string => `${qualifier}/${id}`;
const isParty = (a: Party, b: Party): boolean => a.qualifier === b.qualifier && a.id === b.id;

/** Why an interchange is not taken at all; null when it is. */
function refuseInterchange(
  { interchange, faults }: CheckedInterchange,
  partner: Partner,
): Omit<DocumentRefusal, 'what'> | null {
  if (faults.length > 0) return { reason: sayFaults(faults), fix: ASK };
  const { sender, receiver, usage } = interchange;
  const fix = 'if it is meant for us, correct the dialect; else tell the partner';
  if (!isParty(sender, partner.partner))
    return { reason: `its sender is ${sayParty(sender)}, expected ${sayParty(partner.partner)}`, fix };
  if (!isParty(receiver, partner.us))
    return { reason: `its receiver is ${sayParty(receiver)}, expected ${sayParty(partner.us)}`, fix };
  if (usage !== partner.usage) return { reason: `its usage ISA15 is ${usage}, expected ${partner.usage}`, fix };
  return null;
}

const TAKEN: ReadonlySet<string> = new Set(['850', '997']);

/** A set that we do not take is a fault of the set, in the 997 as in the refusal. */
function refuseUntaken(checked: CheckedSet): CheckedSet {
  const { set, faults } = checked;
  if (TAKEN.has(set.id)) return checked;
  const message = `the set ${set.id} is not taken here, only ${[...TAKEN].join(' and ')}`;
  const fault: X12Fault = { segment: 'ST', position: 1, element: 'ST01', list: 'AK502', code: '1', message };
  return { ...checked, isAccepted: false, faults: [...faults, fault] };
}

const digestOf = (parts: readonly string[]): string => {
  const hash = createHash('sha256');
  // No part has a line end in it, so that other parts never give the same text.
  for (const part of parts) hash.update(part).update('\n');
  return hash.digest('hex');
};

/** What the partner says, without the numbers of its envelope and without its separators. */
function orderDigest({ segments }: TransactionSet): string {
  return digestOf(
    segments.slice(1, -1).map(({ tag, elements }) => {
      const used = elements.findLastIndex((value) => value !== '') + 1;
      return JSON.stringify([tag, ...elements.slice(0, used)]);
    }),
  );
}

/** Of an answer to ours: by the group, and by each set of it, since ours have one set. */
function readReceipt(set: TransactionSet): Receipt {
  const { functionalId, groupControl, isAccepted, sets, reason } = readAcknowledgment(set);
  const isWhole = isAccepted && ![...sets.values()].includes(false);
  const why = isWhole || reason !== '' ? reason : 'the partner gives no reason';
  return { receipt: receiptOf(functionalId, Number(groupControl)), isAccepted: isWhole, reason: why };
}

type Taken = { orders: Envelope['orders'][number][]; receipts: Receipt[]; refusals: DocumentRefusal[] };
type Around = { readonly partner: Partner; readonly at: Instant; readonly what: string };

function takeSet({ set, isAccepted, faults }: CheckedSet, { partner, at, what }: Around, taken: Taken): void {
  const name = `${what}, set ${set.id} ${set.control}`;
  if (!isAccepted) {
    taken.refusals.push({ what: name, reason: sayFaults(faults), fix: ASK });
    return;
  }
  try {
    if (set.id === '997') taken.receipts.push(readReceipt(set));
    else taken.orders.push({ order: readPurchaseOrder(set, partner, at), digest: orderDigest(set) });
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    taken.refusals.push({ what: name, reason: error.message, fix: error.fix ?? ASK });
  }
}

function takeGroup(group: CheckedGroup, around: Around, taken: Taken): void {
  if (group.faults.length === 0) {
    for (const set of group.sets) takeSet(set, around, taken);
    return;
  }
  const what = `${around.what}, group ${group.group.functionalId} ${group.group.control}`;
  taken.refusals.push({ what, reason: sayFaults(group.faults), fix: ASK });
}

/** TA1 A says no more than that the envelope arrived: only the 997 says that the content was taken. */
function takeInterchangeAnswers({ others }: Interchange, what: string, taken: Taken): void {
  for (const answer of others.filter(({ tag }) => tag === 'TA1')) {
    const [control, verdict, code] = [elementOf(answer, 1), elementOf(answer, 4), elementOf(answer, 5)];
    if (verdict === 'A') continue;
    const word = verdict === 'E' ? 'took with errors' : 'threw away';
    taken.refusals.push({
      what: `${what}, TA1`,
      reason: `the partner ${word} our interchange ${control}, for TA105 ${code}`,
      fix: 'compare the envelope in the dialect with what the partner asks for; what was in it goes out again when its receipt is overdue',
    });
  }
}

/** One 997 for each group that gets one, all in one interchange. */
function draftAnswer(groups: readonly CheckedGroup[], key: string, partner: Partner): readonly DocumentDraft[] {
  const sets = groups.map(writeAcknowledgment).filter((segments) => segments !== null);
  if (!partner.answers.acknowledgment || sets.length === 0) return [];
  const write: DocumentDraft['write'] = (stamp) =>
    writeDocument({ kind: '997', functionalId: 'FA', sets }, partner, stamp);
  return [{ kind: '997', subject: key, write }];
}

const keyOf = ({ sender, receiver, control, usage }: Interchange): string =>
  [sayParty(sender), sayParty(receiver), Number(control), usage].join(' ');

/** `at` is when the file came: the time to answer an order begins then. */
export function readReceived(text: string, partner: Partner, at: Instant): ParsedDocument {
  const file = checkFile(text);
  const refusals: DocumentRefusal[] = file.faults.map(({ message }) => ({
    what: 'the file',
    reason: message,
    fix: ASK,
  }));
  const envelopes = file.interchanges.flatMap((checked): Envelope[] => {
    const { interchange } = checked;
    const what = `interchange ${interchange.control}`;
    const refusal = refuseInterchange(checked, partner);
    if (refusal !== null) {
      refusals.push({ what, ...refusal });
      return [];
    }
    const taken: Taken = { orders: [], receipts: [], refusals };
    const groups = checked.groups.map((group) => ({ ...group, sets: group.sets.map(refuseUntaken) }));
    for (const group of groups) takeGroup(group, { partner, at, what }, taken);
    takeInterchangeAnswers(interchange, what, taken);
    const { orders, receipts } = taken;
    const key = keyOf(interchange);
    const digest = digestOf(interchange.raw.map((segment) => JSON.stringify(segment.text)));
    return [{ key, digest, orders, receipts, replies: draftAnswer(groups, key, partner) }];
  });
  return { envelopes, refusals };
}

function isOrder({ set, isAccepted }: CheckedSet, orderRef: string, partner: Partner): boolean {
  const begin = set.segments.find(({ tag }) => tag === 'BEG');
  if (set.id !== '850' || !isAccepted || elementOf(begin, 3) !== orderRef) return false;
  try {
    return readPurchaseOrder(set, partner, 0).orderRef === orderRef;
  } catch (error) {
    if (error instanceof Rejected) return false;
    throw error;
  }
}

/** The 850 that stated an order, in a file that was taken; the first, since a later one with other content was refused. */
export function findStated(text: string, partner: Partner, orderRef: string): TransactionSet {
  const groups = checkFile(text)
    .interchanges.filter((checked) => refuseInterchange(checked, partner) === null)
    .flatMap((checked) => checked.groups.filter(({ faults }) => faults.length === 0));
  const found = groups.flatMap(({ sets }) => sets).find((checked) => isOrder(checked, orderRef, partner));
  if (found !== undefined) return found.set;
  throw new Rejected(`the document does not state purchase order ${orderRef}`, {
    field: 'BEG03',
    value: orderRef,
    fix: 'answer the order by hand, in the partner portal; its document is not the one that it came with',
  });
}
