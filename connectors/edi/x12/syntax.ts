/**
 * Syntax of one set, by the dictionary: segments missing, unknown, repeated or out of order; elements missing, too short or long, no
 * number, no date. Precise enough for the AK3 and AK4 of the 997 that answers it.
 *
 * Sets that the dictionary does not have, and versions before 004, are not judged: then `isJudged` is false and nothing is said.
 */
import {
  type ElementSpec,
  KNOWN_SEGMENTS,
  type SegmentSpec,
  type SetSpec,
  segmentSpec,
  setSpecOf,
} from './dictionary.ts';
import { elementName, showValue, type X12Fault } from './fault.ts';
import { hasControlCharacter } from './frame.ts';
import { elementOf, type Segment, type TransactionSet } from './read.ts';

/** A broken file can have a fault in every element; nobody reads more of them, and a 997 must end. */
const FAULTS_MAX = 100;

export type SyntaxVerdict = { readonly isJudged: boolean; readonly faults: readonly X12Fault[] };

const segmentFault = (segment: Segment | null, at: { tag: string; code: string }, message: string): X12Fault => ({
  segment: at.tag,
  position: segment?.position ?? null,
  element: null,
  list: 'AK304',
  code: at.code,
  message,
});

const elementFault = (segment: Segment, at: { n: number; code: string }, message: string): X12Fault => ({
  segment: segment.tag,
  position: segment.position,
  element: elementName(segment.tag, at.n),
  list: 'AK403',
  code: at.code,
  message: `${elementName(segment.tag, at.n)} ${message}`,
});

function isDate(text: string): boolean {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}

/** HHMM, HHMMSS, or with tenths and hundredths. */
const isTime = (text: string): boolean => /^([01]\d|2[0-3])[0-5]\d([0-5]\d\d{0,2})?$/.test(text);

/** What counts for the length: a number's sign and point do not. */
const countOf = (spec: ElementSpec, value: string): number =>
  spec.type === 'N0' || spec.type === 'R' ? value.replace(/[-.]/g, '').length : value.length;

/** Code and what is said of a value that its type forbids; null for all others, which are nearly all. */
function judgeContent(type: ElementSpec['type'], value: string): readonly [code: string, says: string] | null {
  if (type === 'DT' && !isDate(value)) return ['8', 'is no date, expected CCYYMMDD'];
  if (type === 'TM' && !isTime(value)) return ['9', 'is no time, expected HHMM'];
  if (type === 'N0' && !/^-?\d+$/.test(value)) return ['6', 'is no whole number'];
  if (type === 'R' && !/^-?(\d+\.?\d*|\.\d+)$/.test(value)) return ['6', 'is no number'];
  return hasControlCharacter(value) ? ['6', 'has a control character'] : null;
}

function checkElement(segment: Segment, n: number, spec: ElementSpec): X12Fault | null {
  const value = elementOf(segment, n);
  const { name, type, min, max } = spec;
  const length = countOf(spec, value);
  if (length > max && type !== 'DT')
    return elementFault(segment, { n, code: '5' }, `(${name}) has ${length} characters, at most ${max}`);
  const content = judgeContent(type, value);
  if (content !== null) {
    const [code, says] = content;
    return elementFault(segment, { n, code }, `(${name}): ${showValue(value)} ${says}`);
  }
  if (length < min)
    return elementFault(segment, { n, code: '4' }, `(${name}) is ${showValue(value)}, at least ${min} characters`);
  return null;
}

function checkNotes(segment: Segment, { paired, anyOf, needs }: SegmentSpec): X12Fault[] {
  const has = (n: number): boolean => elementOf(segment, n) !== '';
  const missing = (n: number, why: string): X12Fault => elementFault(segment, { n, code: '2' }, `is missing: ${why}`);
  const nameOf = (n: number): string => elementName(segment.tag, n);
  const faults: X12Fault[] = [];
  for (const [a, b] of paired)
    if (has(a) !== has(b)) faults.push(missing(has(a) ? b : a, `${nameOf(a)} and ${nameOf(b)} come together`));
  for (const [a, b] of needs) if (has(a) && !has(b)) faults.push(missing(b, `${nameOf(a)} wants it`));
  for (const group of anyOf)
    if (!group.some(has)) faults.push(missing(group[0] ?? 1, `one of ${group.map(nameOf).join(', ')} must be there`));
  return faults;
}

/** Elements of one segment, by the dictionary; no faults where it does not have the segment. */
export function checkElements(segment: Segment): X12Fault[] {
  const spec = segmentSpec(segment.tag);
  if (spec === null) return [];
  const faults: X12Fault[] = [];
  for (const [index, { isMandatory, spec: element }] of spec.elements.entries()) {
    const n = index + 1;
    if (elementOf(segment, n) !== '') {
      const fault = element === null ? null : checkElement(segment, n, element);
      if (fault !== null) faults.push(fault);
    } else if (isMandatory) {
      faults.push(elementFault(segment, { n, code: '1' }, `(${element?.name ?? 'position'}) is mandatory and missing`));
    }
  }
  return [...faults, ...checkNotes(segment, spec)];
}

function checkPlace(segment: Segment, spec: SetSpec): X12Fault[] {
  const { tag } = segment;
  if (spec.segments.has(tag)) return [];
  if (KNOWN_SEGMENTS.has(tag))
    return [segmentFault(segment, { tag, code: '6' }, `segment ${tag} has no place in this set`)];
  const shown = showValue(tag);
  return [segmentFault(segment, { tag: tag.slice(0, 3), code: '1' }, `segment ${shown} is not known in this set`)];
}

/** Segments that must be there, only once, first or last. */
function checkOrder(segments: readonly Segment[], id: string, spec: SetSpec): X12Fault[] {
  const faults: X12Fault[] = [];
  const places = Map.groupBy(segments, ({ tag }) => tag);
  for (const tag of [spec.first, ...spec.mandatory]) {
    if (places.has(tag)) continue;
    faults.push(
      segmentFault(segments[1] ?? null, { tag, code: '3' }, `segment ${tag} is mandatory in ${id} and missing`),
    );
  }
  for (const tag of spec.once) {
    const second = places.get(tag)?.[1];
    if (second !== undefined)
      faults.push(segmentFault(second, { tag, code: '5' }, `segment ${tag} may come only once`));
  }
  const first = places.get(spec.first)?.[0];
  if (first !== undefined && first.position !== 2)
    faults.push(segmentFault(first, { tag: first.tag, code: '7' }, `segment ${first.tag} must follow ST`));
  const lines = spec.mandatory.find((tag) => !spec.last.includes(tag));
  for (const tag of spec.last) {
    const [last] = places.get(tag) ?? [];
    const after = segments.findLast((segment) => segment.tag === lines);
    if (last !== undefined && after !== undefined && after.position > last.position)
      faults.push(segmentFault(last, { tag, code: '7' }, `segment ${tag} must stand after every ${after.tag}`));
  }
  return faults;
}

/** Without its envelope, which envelope.ts checks. `version` is GS08. */
export function checkSyntax(set: TransactionSet, version: string): SyntaxVerdict {
  const spec = setSpecOf(set.id);
  if (spec === null || version < '004') return { isJudged: false, faults: [] };
  const inner = set.segments.filter((segment) => segment !== set.trailer && segment.position > 1);
  const faults = checkOrder(set.segments, set.id, spec);
  for (const segment of inner) {
    if (faults.length >= FAULTS_MAX) break;
    faults.push(...checkPlace(segment, spec), ...checkElements(segment));
  }
  const ordered = faults.sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
  return { isJudged: true, faults: ordered.slice(0, FAULTS_MAX) };
}
