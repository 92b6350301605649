/**
 * What is wrong with an X12 file, in X12's own codes: each fault names the segment, its position, the element, and says it in a sentence.
 *
 * | list  | where the code stands | about                                                 |
 * | TA105 | TA1                   | the interchange: 001 control numbers, 023 cut short ... |
 * | AK905 | 997                   | the group: 3 no GE, 4 control numbers, 5 count ...    |
 * | AK502 | 997                   | the set: 2 no SE, 3 control numbers, 4 count ...      |
 * | AK304 | 997                   | a segment: 1 unknown, 3 missing, 7 out of order ...   |
 * | AK403 | 997                   | an element: 1 missing, 5 too long, 8 no date ...      |
 */
export type CodeList = 'TA105' | 'AK905' | 'AK502' | 'AK304' | 'AK403';

export type X12Fault = {
  /** The segment's tag; null where it is about what stands between segments. */
  readonly segment: string | null;
  /** In the set ST is 1; of envelope segments, in the interchange ISA is 1. */
  readonly position: number | null;
  /** `PO103`; null where the whole segment is meant. */
  readonly element: string | null;
  readonly list: CodeList;
  /** As X12 has it: `8`, `021`. */
  readonly code: string;
  readonly message: string;
};

/** Faults that leave the set readable as it was meant: the receiver accepts it and says so (AK5 `E`). */
const TOLERABLE: ReadonlySet<string> = new Set(['AK304 1', 'AK304 2', 'AK304 6', 'AK403 3']);

export const isTolerable = ({ list, code }: X12Fault): boolean => TOLERABLE.has(`${list} ${code}`);

/** `PO1` and 3 is `PO103`. */
export const elementName = (tag: string, position: number): string => `${tag}${String(position).padStart(2, '0')}`;

/** Bad values go into messages and acknowledgements: never longer than AK404 may be. */
const SHOWN_MAX = 99;

export const showValue = (value: string): string =>
  JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX - 3)}...` : value);
