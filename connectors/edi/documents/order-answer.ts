/**
 * Order answer: the 855 for an order whose answer is decided and stored, written over the 850 that it answers.
 *
 * Guarantees: every line of the order is echoed as it came (number, price, ids), and the quantities of its ACKs add up to what was
 * ordered; never more is promised than was decided: what does not fill a whole unit of the partner's is not promised. Pure.
 */
import { Rejected } from '#core/errors.ts';
import type { OrderAnswer } from '../../connector.ts';
import type { Partner } from '../partner.ts';
import { elementOf, type Segment, type TransactionSet } from '../x12/read.ts';
import { dateAndTime, type SegmentText } from '../x12/write.ts';
import { type Line, lineRefOf, readFactor, splitLines } from './purchase-order.ts';

type AnswerLine = Pick<OrderAnswer['lines'][number], 'accepted' | 'backOrdered'>;

/** In the partner's units. */
type Split = { readonly ordered: number; readonly accepted: number; readonly backOrdered: number };

const NOTHING: AnswerLine = { accepted: 0, backOrdered: 0 };

function splitLine(line: Line, answer: AnswerLine, partner: Partner, order: string): Split {
  const ordered = Number(elementOf(line.head, 2));
  const factor = readFactor(line, partner, order);
  const accepted = Math.min(ordered, Math.floor(answer.accepted / factor));
  return { ordered, accepted, backOrdered: Math.min(ordered - accepted, Math.floor(answer.backOrdered / factor)) };
}

/** IA accepted, IQ fewer, IB back-ordered, ID deleted, IR nothing of it. */
function writeLine({ head }: Line, split: Split): SegmentText[] {
  const { ordered, accepted, backOrdered } = split;
  const unit = elementOf(head, 3);
  const rest = ordered - accepted - backOrdered;
  const parts: readonly (readonly [string, number])[] = [
    [accepted === ordered ? 'IA' : 'IQ', accepted],
    ['IB', backOrdered],
    [rest === ordered ? 'IR' : 'ID', rest],
  ];
  const acks = parts.flatMap(([status, quantity]): SegmentText[] =>
    quantity === 0 ? [] : [['ACK', status, String(quantity), unit]],
  );
  return [['PO1', ...head.elements], ...acks];
}

/** BAK02: AD all as ordered, RD nothing at all, AC with changes. */
function statusOf(splits: readonly Split[]): string {
  if (splits.every(({ ordered, accepted }) => ordered === accepted)) return 'AD';
  return splits.every(({ accepted, backOrdered }) => accepted + backOrdered === 0) ? 'RD' : 'AC';
}

function checkLines(lines: readonly Line[], answer: OrderAnswer, order: string): void {
  const known = new Set(lines.map(lineRefOf));
  const stray = answer.lines.find(({ lineRef }) => !known.has(lineRef))?.lineRef;
  if (stray !== undefined)
    throw new Rejected(`the answer to purchase order ${order} names line ${stray}, which the order does not have`, {
      field: 'lines',
      value: stray,
      fix: 'answer the order that the partner sent; lines added by hand have no place in an 855',
    });
}

const OUR_NUMBER_MAX = 30;

/** BAK08. Letters, digits and spaces are no separator in any dialect: what we call an order must not stop its answer. */
function ourNumber(ourRef: string): string {
  const words = ourRef.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  while (words.length > 1 && words.join(' ').length > OUR_NUMBER_MAX) words.shift();
  return words.join(' ').slice(-OUR_NUMBER_MAX);
}

/** The segments between ST and SE. Throws Rejected where answer and order do not belong together. */
export function writeOrderAnswer(original: TransactionSet, answer: OrderAnswer, partner: Partner): SegmentText[] {
  const { heading, lines } = splitLines(original.segments);
  const begin: Segment | undefined = heading.find(({ tag }) => tag === 'BEG');
  const [order, orderedOn] = [elementOf(begin, 3), elementOf(begin, 5)];
  checkLines(lines, answer, order);
  const answered = new Map(answer.lines.map((line) => [line.lineRef, line]));
  const splits = lines.map((line, index) =>
    splitLine(line, answered.get(lineRefOf(line, index)) ?? NOTHING, partner, order),
  );
  const answeredOn = dateAndTime(answer.answeredAt).date;
  const body = lines.flatMap((line, index) => {
    const split = splits[index];
    return split === undefined ? [] : writeLine(line, split);
  });
  return [
    ['BAK', '00', statusOf(splits), order, orderedOn, '', '', '', ourNumber(answer.ourRef), answeredOn],
    ...body,
    ['CTT', String(lines.length)],
  ];
}
