/**
 * Reader: a frame's segments as interchange > group > set, with what does not fit in kept apart.
 *
 * Guarantees: every segment of the frame is in the result exactly once; nothing is corrected, nothing judged (envelope.ts does);
 * elements are the raw text between separators, so control numbers keep their zeros and ISA fields their padding.
 */
import type { Frame, RawSegment, Separators } from './frame.ts';
import { isPrescribedLength } from './frame.ts';

export type Segment = {
  readonly tag: string;
  /** `elements[0]` is the first: BEG01. */
  readonly elements: readonly string[];
  /** In its set, ST is 1; outside sets in the interchange, ISA is 1. */
  readonly position: number;
};

/** ST to SE. Without SE it was cut, or another envelope segment came first. */
export type TransactionSet = {
  readonly id: string;
  readonly control: string;
  readonly segments: readonly Segment[];
  readonly trailer: Segment | null;
};

export type Group = {
  readonly header: Segment;
  readonly functionalId: string;
  readonly control: string;
  readonly version: string;
  readonly sets: readonly TransactionSet[];
  readonly trailer: Segment | null;
};

export type Party = { readonly qualifier: string; readonly id: string };

export type Interchange = {
  readonly header: Segment;
  /** As they stand in the file, ISA first. */
  readonly raw: readonly RawSegment[];
  readonly separators: Separators;
  readonly sender: Party;
  readonly receiver: Party;
  /** ISA13 as it stands there. */
  readonly control: string;
  readonly version: string;
  /** ISA15: P production, T test. */
  readonly usage: string;
  readonly groups: readonly Group[];
  /** TA1, ISB and the like, and whatever stands where only those may. */
  readonly others: readonly Segment[];
  readonly trailer: Segment | null;
  /** Its IEA is there, with terminator. */
  readonly isWhole: boolean;
  readonly isPadded: boolean;
};

/** Element `n` as X12 counts them, from 1; empty where the segment is shorter. */
export const elementOf = (segment: Segment | null | undefined, n: number): string => segment?.elements[n - 1] ?? '';

type OpenSet = { id: string; control: string; segments: Segment[]; trailer: Segment | null };
type OpenGroup = { header: Segment; sets: OpenSet[]; trailer: Segment | null };
type Builder = {
  groups: OpenGroup[];
  group: OpenGroup | null;
  set: OpenSet | null;
  others: Segment[];
  trailer: Segment | null;
};

function openSet(builder: Builder, segment: Segment): void {
  const set = { id: elementOf(segment, 1), control: elementOf(segment, 2), segments: [segment], trailer: null };
  // A set without a group: its group is made up around it, and has neither GS nor GE to be right by.
  builder.group ??= openGroup(builder, { tag: '', elements: [], position: segment.position });
  builder.group.sets.push(set);
  builder.set = set;
}

function openGroup(builder: Builder, header: Segment): OpenGroup {
  const group: OpenGroup = { header, sets: [], trailer: null };
  builder.groups.push(group);
  builder.group = group;
  builder.set = null;
  return group;
}

/** What each envelope segment does; false where it has no place here. */
const ENVELOPE: Readonly<Record<string, (builder: Builder, segment: Segment) => boolean>> = {
  GS: (builder, segment) => openGroup(builder, segment) !== null,
  GE: (builder, segment) => {
    if (builder.group === null) return false;
    builder.group.trailer = segment;
    builder.group = null;
    builder.set = null;
    return true;
  },
  ST: (builder, segment) => {
    openSet(builder, { ...segment, position: 1 });
    return true;
  },
  SE: (builder, segment) => {
    const { set } = builder;
    if (set === null) return false;
    const trailer = { ...segment, position: set.segments.length + 1 };
    set.segments.push(trailer);
    set.trailer = trailer;
    builder.set = null;
    return true;
  },
  IEA: (builder, segment) => {
    builder.trailer = segment;
    builder.group = null;
    builder.set = null;
    return true;
  },
};

function take(builder: Builder, segment: Segment): void {
  const handle = Object.hasOwn(ENVELOPE, segment.tag) ? ENVELOPE[segment.tag] : undefined;
  if (handle?.(builder, segment) === true) return;
  const { set } = builder;
  if (set === null) builder.others.push(segment);
  else set.segments.push({ ...segment, position: set.segments.length + 1 });
}

const splitSegment = (raw: RawSegment, separators: Separators, position: number): Segment => {
  const [tag = '', ...elements] = raw.text.split(separators.element);
  return { tag, elements, position };
};

const groupOf = ({ header, sets, trailer }: OpenGroup): Group => ({
  header,
  sets,
  trailer,
  functionalId: elementOf(header, 1),
  control: elementOf(header, 6),
  version: elementOf(header, 8),
});

export function readInterchange(frame: Frame): Interchange {
  const builder: Builder = { groups: [], group: null, set: null, others: [], trailer: null };
  const segments = frame.segments.map((raw, index) => splitSegment(raw, frame.separators, index + 1));
  const [header = { tag: 'ISA', elements: [], position: 1 }, ...rest] = segments;
  for (const segment of rest) take(builder, segment);
  const [first] = frame.segments;
  const partyOf = (at: number): Party => ({
    qualifier: elementOf(header, at).trim(),
    id: elementOf(header, at + 1).trim(),
  });
  return {
    header,
    raw: frame.segments,
    separators: frame.separators,
    sender: partyOf(5),
    receiver: partyOf(7),
    control: elementOf(header, 13),
    version: elementOf(header, 12),
    usage: elementOf(header, 15),
    groups: builder.groups.map(groupOf),
    others: builder.others,
    trailer: builder.trailer,
    isWhole: frame.isWhole,
    isPadded: first !== undefined && isPrescribedLength(first),
  };
}
