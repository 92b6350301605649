/**
 * A whole file checked: every interchange, group and set with its faults, and what belongs to none.
 *
 * Guarantees: never throws, whatever the bytes; nothing in the file is left out of the verdict (frame.ts, read.ts).
 */
import { checkGroup, checkInterchange, checkSetEnvelope } from './envelope.ts';
import { isTolerable, showValue, type X12Fault } from './fault.ts';
import { frameInterchanges, type Stray } from './frame.ts';
import { type Group, type Interchange, readInterchange, type TransactionSet } from './read.ts';
import { checkSyntax } from './syntax.ts';

export type CheckedSet = {
  readonly set: TransactionSet;
  /** A receiver takes it: without faults, or with none but those that leave it readable (AK5 A or E). */
  readonly isAccepted: boolean;
  /** False: only its envelope was looked at. */
  readonly isJudged: boolean;
  readonly faults: readonly X12Fault[];
};

export type CheckedGroup = {
  readonly group: Group;
  readonly faults: readonly X12Fault[];
  readonly sets: readonly CheckedSet[];
};

export type CheckedInterchange = {
  readonly interchange: Interchange;
  readonly faults: readonly X12Fault[];
  readonly groups: readonly CheckedGroup[];
};

export type CheckedFile = {
  readonly interchanges: readonly CheckedInterchange[];
  /** About what stands outside every interchange. */
  readonly faults: readonly X12Fault[];
  readonly isOk: boolean;
};

function checkSet(set: TransactionSet, version: string, isRepeated: boolean): CheckedSet {
  const syntax = checkSyntax(set, version);
  const faults = [...checkSetEnvelope(set, isRepeated), ...syntax.faults];
  return { set, isAccepted: faults.every(isTolerable), isJudged: syntax.isJudged, faults };
}

function checkGroupWhole(group: Group, isRepeated: boolean): CheckedGroup {
  const seen = new Set<string>();
  const sets = group.sets.map((set) => {
    const checked = checkSet(set, group.version, seen.has(set.control));
    seen.add(set.control);
    return checked;
  });
  return { group, faults: checkGroup(group, isRepeated), sets };
}

function checkOne(interchange: Interchange): CheckedInterchange {
  const seen = new Set<string>();
  const groups = interchange.groups.map((group) => {
    const key = `${group.functionalId} ${group.control.replace(/^0+/, '')}`;
    const checked = checkGroupWhole(group, seen.has(key));
    seen.add(key);
    return checked;
  });
  return { interchange, faults: checkInterchange(interchange), groups };
}

const isClean = ({ faults, groups }: CheckedInterchange): boolean =>
  faults.length === 0 &&
  groups.every((group) => group.faults.length === 0 && group.sets.every((set) => set.faults.length === 0));

const strayFault = ({ offset, length, text }: Stray): X12Fault => ({
  segment: null,
  position: null,
  element: null,
  list: 'TA105',
  code: '022',
  message: `${length} characters from character ${offset} on belong to no interchange: ${showValue(text)}`,
});

const emptyFault: X12Fault = {
  segment: 'ISA',
  position: null,
  element: null,
  list: 'TA105',
  code: '022',
  message: 'there is no interchange: no ISA with its separators was found',
};

export function checkFile(text: string): CheckedFile {
  const { frames, strays } = frameInterchanges(text);
  const interchanges = frames.map((frame) => checkOne(readInterchange(frame)));
  const faults = [...(frames.length === 0 ? [emptyFault] : []), ...strays.map(strayFault)];
  return { interchanges, faults, isOk: faults.length === 0 && interchanges.every(isClean) };
}
