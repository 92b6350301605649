/**
 * Intake of one file: what its interchanges say to us, what we answer, and what a person has to look at.
 *
 * | what                                              | becomes                                                   |
 * | text outside interchanges, an envelope with faults | a refusal; no answer, since nobody knows what it answers   |
 * | another sender, receiver, or test for production   | a refusal; no answer: never guess whose it is              |
 * | a group with faults                                | its 997 rejects it whole, and a refusal says so            |
 * | a set with faults, or one that we do not take      | rejected in the 997, and a refusal                         |
 * | an 850                                             | an order; or accepted in the 997 and refused with its field |
 * | a 997                                              | what the partner says of ours; never answered              |
 *
 * Guarantees: pure: the same text and moment give the same orders and the same bytes, so that all of it may be done again after a
 * crash; every set of the file is an order, a word on ours, or a refusal. Duplicates are the caller's to know.
 */
import { Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { OrderState } from '#core/order-state.ts';
import { type Acknowledged, readAcknowledgment, writeAcknowledgment } from './documents/acknowledgment.ts';
import { readPurchaseOrder } from './documents/purchase-order.ts';
import { envelopeTo, type Partner } from './partner.ts';
import { type CheckedGroup, type CheckedInterchange, type CheckedSet, checkFile } from './x12/check.ts';
import type { X12Fault } from './x12/fault.ts';
import type { Interchange, Party } from './x12/read.ts';
import { CONTROL_MAX, type SetDraft, writeInterchange } from './x12/write.ts';

export type Refusal = {
  /** `interchange 000000101, set 850 0002`. */
  readonly what: string;
  readonly reason: string;
  readonly fix: string;
};

export type ReceivedInterchange = {
  /** Sender, receiver, number and usage: two with one key and different content are never both taken. */
  readonly key: string;
  readonly orders: readonly OrderState[];
  readonly acknowledged: readonly Acknowledged[];
  /** The 997 to send, whole; null where none is wanted or none is due. */
  readonly answer: { readonly control: number; readonly text: string } | null;
};

export type ReceivedFile = {
  readonly interchanges: readonly ReceivedInterchange[];
  readonly refusals: readonly Refusal[];
};

const ASK = 'ask the partner to send it again, corrected';

/**
 * Answers take their numbers from the upper half, by the number of what they answer: nothing has to be counted or stored for a
 * repeat to be byte-equal, and numbers that are counted, from 1 on, never meet them.
 */
const ANSWERS_FROM = 500_000_000;
const answerControl = (control: string): number => ANSWERS_FROM + (Number(control) % (CONTROL_MAX - ANSWERS_FROM));

const sayFaults = (faults: readonly X12Fault[]): string =>
  faults.map(({ message, list, code }) => `${message} [${list} ${code}]`).join('; ');

const sayParty = ({ qualifier, id }: Party): string => `${qualifier}/${id}`;
const isParty = (a: Party, b: Party): boolean => a.qualifier === b.qualifier && a.id === b.id;

/** Why an interchange is not taken at all; null when it is. */
function refuseInterchange(
  { interchange, faults }: CheckedInterchange,
  partner: Partner,
): Omit<Refusal, 'what'> | null {
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

type Taken = { orders: OrderState[]; acknowledged: Acknowledged[]; refusals: Refusal[] };
type Around = { readonly partner: Partner; readonly at: Instant; readonly what: string };

function takeSet({ set, isAccepted, faults }: CheckedSet, { partner, at, what }: Around, taken: Taken): void {
  const name = `${what}, set ${set.id} ${set.control}`;
  if (!isAccepted) {
    taken.refusals.push({ what: name, reason: sayFaults(faults), fix: ASK });
    return;
  }
  try {
    if (set.id === '997') taken.acknowledged.push(readAcknowledgment(set));
    else taken.orders.push(readPurchaseOrder(set, partner, at));
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

/** One 997 for each group that gets one, all in one interchange. */
function writeAnswer(groups: readonly CheckedGroup[], control: string, { partner, at }: Around) {
  const acknowledgments = groups.map(writeAcknowledgment).filter((segments) => segments !== null);
  if (!partner.answers.acknowledgment || acknowledgments.length === 0) return null;
  const number = answerControl(control);
  const sets = acknowledgments.map(
    (segments, index): SetDraft => ({ id: '997', control: String(index + 1).padStart(4, '0'), segments }),
  );
  const group = { functionalId: 'FA', control: number, sets };
  return { control: number, text: writeInterchange(envelopeTo(partner), { control: number, at, groups: [group] }) };
}

const keyOf = ({ sender, receiver, control, usage }: Interchange): string =>
  [sayParty(sender), sayParty(receiver), Number(control), usage].join(' ');

/** `at` is when the file came: answers are dated by it. */
export function readReceived(text: string, partner: Partner, at: Instant): ReceivedFile {
  const file = checkFile(text);
  const refusals: Refusal[] = file.faults.map(({ message }) => ({ what: 'the file', reason: message, fix: ASK }));
  const interchanges = file.interchanges.flatMap((checked): ReceivedInterchange[] => {
    const { interchange } = checked;
    const around: Around = { partner, at, what: `interchange ${interchange.control}` };
    const refusal = refuseInterchange(checked, partner);
    if (refusal !== null) {
      refusals.push({ what: around.what, ...refusal });
      return [];
    }
    const taken: Taken = { orders: [], acknowledged: [], refusals };
    const groups = checked.groups.map((group) => ({ ...group, sets: group.sets.map(refuseUntaken) }));
    for (const group of groups) takeGroup(group, around, taken);
    const { orders, acknowledged } = taken;
    return [
      { key: keyOf(interchange), orders, acknowledged, answer: writeAnswer(groups, interchange.control, around) },
    ];
  });
  return { interchanges, refusals };
}
