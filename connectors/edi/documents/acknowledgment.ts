/**
 * Functional acknowledgment, both ways: the 997 that answers a group we received, and what a 997 we received says of ours.
 *
 * Writing is a pure function of the checked group, so that a repeat after a crash says the same. Syntax alone: what the business
 * refuses goes into an 855. Nobody acknowledges a 997.
 */
import { Rejected } from '#core/errors.ts';
import type { CheckedGroup, CheckedSet } from '../x12/check.ts';
import { segmentSpec } from '../x12/dictionary.ts';
import type { X12Fault } from '../x12/fault.ts';
import { elementOf, type Segment, type TransactionSet } from '../x12/read.ts';
import type { SegmentText } from '../x12/write.ts';

/** AK5 and AK9 hold so many codes. */
const CODES_MAX = 5;
/** Where the group cannot be named at all, there is nothing to answer. */
const NAMED_GROUP = /^[A-Z]{2}$/;

const codesOf = (faults: readonly X12Fault[], list: X12Fault['list']): string[] =>
  [...new Set(faults.filter((fault) => fault.list === list).map(({ code }) => code))].slice(0, CODES_MAX);

function writeElement({ segment, element, code }: X12Fault): SegmentText {
  const n = Number(element?.slice(-2) ?? 0);
  const number = segmentSpec(segment ?? '')?.elements[n - 1]?.spec?.number;
  return ['AK4', String(n), number === undefined ? '' : String(number), code];
}

/** AK301 is a segment id: what stood there may be empty, or hold separators that we write with. */
const tellTag = (tag: string): string => (/^[A-Z0-9]{2,3}$/.test(tag) ? tag : 'ZZZ');

/** One AK3 per code of a segment, which has room for one; its elements' faults follow the last one (8) as AK4. */
function writeSegments(faults: readonly X12Fault[]): SegmentText[] {
  const inSet = faults.filter(({ list }) => list === 'AK304' || list === 'AK403');
  const bySegment = Map.groupBy(inSet, ({ segment, position }) => `${position ?? 1} ${segment ?? ''}`);
  return [...bySegment.values()].flatMap((group): SegmentText[] => {
    const [first] = group;
    const elements = group.filter(({ list }) => list === 'AK403');
    const codes = [...codesOf(group, 'AK304'), ...(elements.length > 0 ? ['8'] : [])];
    const tag = tellTag(first?.segment ?? '');
    const notes = codes.map((code): SegmentText => ['AK3', tag, String(first?.position ?? 1), '', code]);
    return [...notes, ...elements.map(writeElement)];
  });
}

function writeSet({ set, isAccepted, faults }: CheckedSet): SegmentText[] {
  const segments = writeSegments(faults);
  const codes = codesOf(faults, 'AK502');
  const all = segments.length > 0 ? [...new Set(['5', ...codes])].slice(0, CODES_MAX) : codes;
  const word = isAccepted ? 'E' : 'R';
  return [['AK2', set.id, set.control], ...segments, ['AK5', faults.length === 0 ? 'A' : word, ...all]];
}

function judge({ faults, sets }: CheckedGroup, accepted: number): string {
  if (accepted === 0 && sets.length > 0) return 'R';
  if (accepted < sets.length) return 'P';
  return faults.length > 0 || sets.some((set) => set.faults.length > 0) ? 'E' : 'A';
}

/** The segments between ST and SE; null for a group that gets no answer. A group whose own envelope is wrong is rejected whole. */
export function writeAcknowledgment(checked: CheckedGroup): readonly SegmentText[] | null {
  const { group, faults } = checked;
  if (group.functionalId === 'FA' || !NAMED_GROUP.test(group.functionalId) || !/^\d{1,9}$/.test(group.control))
    return null;
  const isRefused = faults.length > 0;
  const sets = checked.sets.filter(({ set }) => /^\d{3}$/.test(set.id) && /^[\w-]{4,9}$/.test(set.control));
  const accepted = isRefused ? 0 : sets.filter(({ isAccepted }) => isAccepted).length;
  const told = elementOf(group.trailer, 1);
  const included = /^\d{1,6}$/.test(told) ? told : String(checked.sets.length);
  const word = isRefused ? 'R' : judge({ ...checked, sets }, accepted);
  const counts = [included, String(checked.sets.length), String(accepted)];
  return [
    ['AK1', group.functionalId, group.control],
    ...(isRefused ? [] : sets.flatMap(writeSet)),
    ['AK9', word, ...counts, ...codesOf(faults, 'AK905')],
  ];
}

export type Acknowledged = {
  /** GS01 and GS06 of what we sent. */
  readonly functionalId: string;
  readonly groupControl: string;
  /** Accepted also where only with errors noted. */
  readonly isAccepted: boolean;
  /** By ST02; a set that is not named goes by the group. */
  readonly sets: ReadonlyMap<string, boolean>;
  /** What was found wrong, in the partner's words and X12's codes; empty when nothing. */
  readonly reason: string;
};

const ACCEPTED: ReadonlySet<string> = new Set(['A', 'E']);

const sayError = (segment: Segment): string =>
  `${segment.tag} ${segment.elements.filter((one) => one !== '').join(' ')}`;

/** What a 997 says of one group of ours. Throws Rejected for one that says nothing of any group. */
export function readAcknowledgment(set: TransactionSet): Acknowledged {
  const find = (tag: string): Segment | undefined => set.segments.find((segment) => segment.tag === tag);
  const [about, verdict] = [find('AK1'), find('AK9')];
  if (about === undefined || verdict === undefined)
    throw new Rejected(`the 997 ${set.control} names no group, or gives no verdict`, {
      field: about === undefined ? 'AK1' : 'AK9',
      value: '',
      fix: 'ask the partner to send it again',
    });
  const sets = new Map<string, boolean>();
  let control = '';
  for (const segment of set.segments) {
    if (segment.tag === 'AK2') control = elementOf(segment, 2);
    if (segment.tag === 'AK5') sets.set(control, ACCEPTED.has(elementOf(segment, 1)));
  }
  const errors = set.segments.filter(
    ({ tag, elements }) => tag === 'AK3' || tag === 'AK4' || (tag === 'AK5' && !ACCEPTED.has(elements[0] ?? '')),
  );
  return {
    functionalId: elementOf(about, 1),
    groupControl: elementOf(about, 2),
    // P: some sets were taken, some not; each set's own word counts then, and the whole is not accepted.
    isAccepted: ACCEPTED.has(elementOf(verdict, 1)),
    sets,
    reason: errors.map(sayError).join('; '),
  };
}
