/**
 * Framer: cuts a file into interchanges, each with the separators that its own ISA declares, and into raw segments.
 *
 * Guarantees: every character of the file lies in a frame, in a stray, or is blank (byte order mark, white space, NUL, Ctrl-Z), so
 * nothing is lost unseen; an interchange is whole only with its IEA; the next ISA ends the one before, also with other separators,
 * also in the middle of a segment. One pass, whatever the input; never throws. Says nothing of what the segments mean.
 */

export type Separators = {
  readonly element: string;
  readonly component: string;
  readonly segment: string;
  /** From version 00402 on, ISA11; before that it is a standards identifier, always `U`. */
  readonly repetition: string | null;
};

export type RawSegment = { readonly text: string; readonly offset: number };

export type Frame = {
  /** Where its ISA stands in the file, in characters. */
  readonly offset: number;
  /** Just behind its last character. */
  readonly end: number;
  readonly separators: Separators;
  readonly segments: readonly RawSegment[];
  /** Its IEA is there, with terminator. False: the last segment may be half of one. */
  readonly isWhole: boolean;
};

/** Text that belongs to no interchange; `text` is its beginning. */
export type Stray = { readonly offset: number; readonly length: number; readonly text: string };

export type Framed = { readonly frames: readonly Frame[]; readonly strays: readonly Stray[] };

const ISA_LENGTH = 106;
/** Some senders do not pad ISA, or pad too far. Read all the same; envelope.ts says so. */
const ISA_LENGTH_MAX = 140;
const SEPARATORS_IN_ISA = 16;
const STRAY_TEXT_MAX = 80;

/** DOS ends files with Ctrl-Z, mainframes pad them with NUL. */
const isBlank = (character: string): boolean => character.trim() === '' || '\0\u001a\ufeff'.includes(character);

export const isControlCharacter = (character: string): boolean => character < ' ' || character === '\u007f';

/** By code and not by character: asked of every element of every file. */
export function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

const WORD = /[\p{L}\p{N} ]/u;

type Header = { readonly separators: Separators; readonly length: number };

function readRepetition(version: string | undefined, declared: string | undefined): string | null {
  if (version === undefined || declared?.length !== 1 || WORD.test(declared)) return null;
  return /^\d{5}$/.test(version) && version >= '00402' ? declared : null;
}

/** The ISA at `at`, by its sixteen separators; null where none can be read. */
function readHeader(text: string, at: number): Header | null {
  const head = text.slice(at, at + ISA_LENGTH_MAX);
  const element = head[3];
  if (!head.startsWith('ISA') || element === undefined || WORD.test(element) || /\s/.test(element)) return null;
  let last = 3;
  for (let found = 1; found < SEPARATORS_IN_ISA; found += 1) {
    last = head.indexOf(element, last + 1);
    if (last < 0) return null;
  }
  const [component, segment] = [head[last + 1], head[last + 2]];
  if (component === undefined || segment === undefined || WORD.test(segment)) return null;
  const isFirst = head.indexOf(segment) === last + 2;
  if (!isFirst || component === element || WORD.test(component)) return null;
  const fields = head.slice(0, last).split(element);
  const repetition = readRepetition(fields[12], fields[11]);
  return { separators: { element, component, segment, repetition }, length: last + 3 };
}

type Found = { readonly at: number; readonly header: Header };

/** The first ISA from `from` on, before `to`. Inside other text only one of the prescribed length counts. */
function findIsa(text: string, from: number, to: number): Found | null {
  for (let at = text.indexOf('ISA', from); at >= 0 && at < to; at = text.indexOf('ISA', at + 3)) {
    const header = readHeader(text, at);
    const isLoose = at > from && WORD.test(text[at - 1] ?? '');
    if (header !== null && (!isLoose || header.length === ISA_LENGTH)) return { at, header };
  }
  return null;
}

/** The first character from `from` on, before `to`, that is not blank; `to` where all are. */
function skipBlank(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && isBlank(text[at] ?? '')) at += 1;
  return at;
}

/** Where another interchange begins inside the segment from `from` to `to`; -1 where none does. */
function findNext(text: string, from: number, to: number): number {
  const found = findIsa(text, from, to);
  return found !== null && (found.at === from || found.header.length === ISA_LENGTH) ? found.at : -1;
}

function readFrame(text: string, { at, header }: Found): Frame {
  const { separators } = header;
  const segments: RawSegment[] = [];
  const frame = (end: number, isWhole: boolean): Frame => ({ offset: at, end, separators, segments, isWhole });
  // Kept along the way: searched anew for each segment, it would read the rest of the file each time.
  let isaAt = text.indexOf('ISA', at + 3);
  for (let from = at; from < text.length; ) {
    const found = text.indexOf(separators.segment, from);
    const to = found < 0 ? text.length : found;
    const offset = skipBlank(text, from, to);
    if (isaAt >= 0 && isaAt < offset) isaAt = text.indexOf('ISA', offset);
    const next = from > at && isaAt >= offset && isaAt < to ? findNext(text, offset, to) : -1;
    const segment = text.slice(offset, next < 0 ? to : next);
    if (segment !== '') segments.push({ text: segment, offset });
    if (next >= 0) return frame(next, false);
    const isIea = segment.startsWith(`IEA${separators.element}`);
    // The last line of a file often lacks its line end: with line ends as terminators that is no damage.
    const isEnded = found >= 0 || /[\r\n]/.test(separators.segment);
    if (isIea && isEnded) return frame(Math.min(to + 1, text.length), true);
    from = to + 1;
  }
  return frame(text.length, false);
}

function strayOf(text: string, from: number, to: number): Stray[] {
  const start = skipBlank(text, from, to);
  let end = to;
  while (end > start && isBlank(text[end - 1] ?? '')) end -= 1;
  if (start === end) return [];
  return [{ offset: start, length: end - start, text: text.slice(start, Math.min(end, start + STRAY_TEXT_MAX)) }];
}

export function frameInterchanges(text: string): Framed {
  const frames: Frame[] = [];
  const strays: Stray[] = [];
  let from = 0;
  for (let found = findIsa(text, 0, text.length); found !== null; found = findIsa(text, from, text.length)) {
    strays.push(...strayOf(text, from, found.at));
    const frame = readFrame(text, found);
    frames.push(frame);
    from = frame.end;
  }
  strays.push(...strayOf(text, from, text.length));
  return { frames, strays };
}

/** X12 says nothing of encodings: UTF-8 where the bytes are, else one byte one character, so that nothing is lost. */
export function decodeX12(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return new TextDecoder('latin1').decode(bytes);
    throw error;
  }
}

/** What an ISA of the prescribed length has; others are read, and told. */
export const isPrescribedLength = (isa: RawSegment): boolean => isa.text.length === ISA_LENGTH - 1;
