/**
 * Answers: what an order that has to be answered is promised, decided with the allocation that first meets it.
 *
 * | fill rule     | accepted                                          | back-ordered | refused  |
 * | cancelBalance | what is allocated, in whole units of the platform | 0            | the rest |
 * | backOrder     | the same                                          | the rest     | 0        |
 * | shipComplete  | all, where every line is allocated whole; else 0  | 0            | the rest |
 *
 * Guarantees: the three add up to what the line wants; no more is accepted than is allocated or has left; what has left is always
 * accepted; a line is answered once. Pure. What an answer refuses the line wants no more (`closedUnits`), so its units are free.
 */
import { allocatedUnits } from './kits.ts';
import type { LineAnswer, OrderLine } from './model.ts';
import type { FillRule, OrderState } from './order-state.ts';

/** Units that the line does not want any more: cancelled by its platform, or refused by our answer. */
export const closedUnits = (line: OrderLine): number => Math.max(line.cancelled, line.answer?.refused ?? 0);

const heldUnits = (line: OrderLine): number => line.shipped + allocatedUnits(line);

const wantedUnits = (line: OrderLine): number => Math.max(0, line.ordered - line.cancelled);

/** Lines that want something of ours and have not been told. */
const isOpen = (line: OrderLine): boolean => line.answer === null && line.sku !== null;

export const owesAnswer = (order: OrderState, lines: readonly OrderLine[]): boolean =>
  order.origin !== 'operator' &&
  order.fulfilledBy === 'seller' &&
  order.obligations.some(({ kind }) => kind === 'accept') &&
  lines.some(isOpen);

/** `step`: base units of one unit of the platform's. */
function answerOf(line: OrderLine, rule: FillRule, isWhole: boolean, step: number): LineAnswer {
  const wanted = wantedUnits(line);
  const held = Math.min(wanted, heldUnits(line));
  const promised = held === wanted ? held : Math.floor(held / step) * step;
  const isNothing = rule === 'shipComplete' && !isWhole;
  const accepted = Math.max(isNothing ? 0 : promised, Math.min(wanted, line.shipped));
  const rest = wanted - accepted;
  return { accepted, backOrdered: rule === 'backOrder' ? rest : 0, refused: rule === 'backOrder' ? 0 : rest };
}

/** The lines with their answers; those that have one keep it. `fallback`: the rule of an order that brings none. */
export function answerLines(
  order: OrderState,
  lines: readonly OrderLine[],
  fallback: FillRule = 'cancelBalance',
): OrderLine[] {
  const units = new Map(order.lines.map(({ lineRef, unit }) => [lineRef, unit ?? 1]));
  const rule = order.fillRule ?? fallback;
  const isWhole = lines.every((line) => heldUnits(line) >= wantedUnits(line));
  return lines.map((line) => {
    if (!isOpen(line)) return line;
    const step = (units.get(line.lineRef) ?? 1) * line.pack;
    return { ...line, answer: answerOf(line, rule, isWhole, step) };
  });
}
