/**
 * Writer: sets as segments of elements in, the exact text of one interchange out.
 *
 * Guarantees: counts are right and control numbers stand at both ends; trailing empty elements are left out; ISA is 106 characters.
 * X12 has no escape: data that holds a separator or a control character is refused (Rejected, naming the element), never bent.
 */
import { assert, Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import { elementName } from './fault.ts';
import { isControlCharacter, type Separators } from './frame.ts';
import type { Party } from './read.ts';

/** Tag first: `['BEG', '00', 'SA', ...]`. */
export type SegmentText = readonly [string, ...string[]];
export type SetDraft = { readonly id: string; readonly control: string; readonly segments: readonly SegmentText[] };
export type GroupDraft = {
  readonly functionalId: string;
  readonly control: number;
  readonly sets: readonly SetDraft[];
};

export type Envelope = {
  readonly separators: Separators;
  readonly sender: Party;
  readonly receiver: Party;
  /** GS02 and GS03. */
  readonly applications: { readonly sender: string; readonly receiver: string };
  /** ISA12, `00401`. */
  readonly version: string;
  /** GS08, `004010`. */
  readonly groupVersion: string;
  readonly usage: 'P' | 'T';
};

export type InterchangeDraft = {
  readonly control: number;
  readonly at: Instant;
  readonly groups: readonly GroupDraft[];
};

export const CONTROL_MAX = 999_999_999;

/** CCYYMMDD and HHMMSS, UTC. */
export function dateAndTime(at: Instant): { readonly date: string; readonly time: string } {
  const iso = new Date(at).toISOString();
  return { date: iso.slice(0, 10).replaceAll('-', ''), time: iso.slice(11, 19).replaceAll(':', '') };
}

function checkData(value: string, name: string, separators: Separators): void {
  const taken = Object.values(separators).filter((one) => one !== null);
  const bad = Array.from(value).find((character) => taken.includes(character) || isControlCharacter(character));
  if (bad === undefined) return;
  throw new Rejected(`${name} holds ${JSON.stringify(bad)}, which X12 cannot carry here`, {
    field: name,
    value,
    fix: 'take it out of the data, or agree with the partner on other separators and set them in its dialect',
  });
}

/** Throws Rejected, naming the element, for data that cannot be written. */
export function writeSegment([tag, ...elements]: SegmentText, separators: Separators): string {
  elements.forEach((value, index) => {
    checkData(value, elementName(tag, index + 1), separators);
  });
  const used = elements.findLastIndex((value) => value !== '') + 1;
  return [tag, ...elements.slice(0, used)].join(separators.element) + separators.segment;
}

function writeIsa({ separators, sender, receiver, version, usage }: Envelope, control: number, at: Instant): string {
  const { date, time } = dateAndTime(at);
  const blank = ' '.repeat(10);
  const declared = separators.repetition ?? 'U';
  const number = String(control).padStart(9, '0');
  const parties = [sender.qualifier, sender.id.padEnd(15), receiver.qualifier, receiver.id.padEnd(15)];
  const dated = [date.slice(2), time.slice(0, 4), declared, version, number, '0', usage, separators.component];
  const fields = ['ISA', '00', blank, '00', blank, ...parties, ...dated];
  const text = fields.join(separators.element) + separators.segment;
  assert(text.length === 106, `ISA has ${text.length} characters: an id is longer than 15, or a separator than 1`);
  return text;
}

function writeSet({ id, control, segments }: SetDraft, separators: Separators): string {
  const all: SegmentText[] = [['ST', id, control], ...segments, ['SE', String(segments.length + 2), control]];
  return all.map((segment) => writeSegment(segment, separators)).join('');
}

function writeGroup(envelope: Envelope, { functionalId, control, sets }: GroupDraft, at: Instant): string {
  const { separators, applications, groupVersion } = envelope;
  const { date, time } = dateAndTime(at);
  const number = String(control);
  const [from, to] = [applications.sender, applications.receiver];
  const header: SegmentText = ['GS', functionalId, from, to, date, time.slice(0, 4), number, 'X', groupVersion];
  const trailer: SegmentText = ['GE', String(sets.length), number];
  const inner = sets.map((set) => writeSet(set, separators)).join('');
  return writeSegment(header, separators) + inner + writeSegment(trailer, separators);
}

/** Throws Rejected for data that the separators forbid, Defect for an envelope that no interchange can have. */
export function writeInterchange(envelope: Envelope, { control, at, groups }: InterchangeDraft): string {
  for (const number of [control, ...groups.map((group) => group.control)]) {
    assert(Number.isInteger(number) && number > 0 && number <= CONTROL_MAX, `${number} is no control number`);
  }
  const inner = groups.map((group) => writeGroup(envelope, group, at)).join('');
  const trailer: SegmentText = ['IEA', String(groups.length), String(control).padStart(9, '0')];
  return writeIsa(envelope, control, at) + inner + writeSegment(trailer, envelope.separators);
}
