/**
 * The retailer's EDI desk: numbers and sends what the retailer says, and does what each document of the brand's comes to.
 *
 * Guarantees: control numbers rise and are never given twice; a document is acknowledged once, where the dialect acknowledges, and a
 * 997 never; nothing of a refused document has an effect, and every refusal is told in `stats.problems`.
 */
import type { DocumentStats } from '../../sandbox/control.ts';
import type { SandboxLog } from '../../sandbox/log.ts';
import type { Partner } from '../partner.ts';
import { createJudge, type LineAnswer, type SentGroup, type Verdict } from './judge.ts';
import { type LetterGroup, type Words, writeLetter } from './letters.ts';
import { type Order, type OrderBook, stateOrder } from './order-book.ts';
import type { Parcel, Post } from './post.ts';
import type { Listing, Shelf } from './shelf.ts';

export type Desk = {
  send(order: Order): void;
  /** A document of the brand's, as it came. */
  readonly take: (text: string, name: string) => void;
  readonly stats: DocumentStats;
};

export type DeskOptions = {
  readonly partner: Partner;
  readonly shelf: Shelf;
  readonly book: OrderBook;
  readonly post: Post;
  readonly log: SandboxLog;
  readonly now: () => number;
  readonly firstControl: number;
};

/** Of any run that is still worth reading; more are counted alone. */
const PROBLEMS_MAX = 100;

const receiptFor = ({ functionalId, control, sets }: LetterGroup, isGood: boolean): readonly Words[] => [
  ['AK1', functionalId, String(control)],
  ...sets.flatMap(({ id, control: number }): Words[] => [
    ['AK2', id, number],
    isGood ? ['AK5', 'A'] : ['AK5', 'R', '5'],
  ]),
  ['AK9', isGood ? 'A' : 'R', String(sets.length), String(sets.length), String(isGood ? sets.length : 0)],
];

/** Everything that is sent has its number from here. */
function openOutgoing(partner: Partner, firstControl: number, now: () => number) {
  const sent = new Map<number, SentGroup>();
  let control = firstControl - 1;
  const write = (functionalId: string, id: string, body: readonly Words[]): { control: number; text: string } => {
    control += 1;
    sent.set(control, { functionalId, control, isAcknowledged: false });
    return { control, text: writeLetter(partner, { functionalId, id, control, at: now(), body }) };
  };
  const parcelOf = (order: Order): Parcel => {
    const { control: number, text } = write('PO', '850', stateOrder(order, partner));
    return {
      name: `850-${order.orderRef}-${number}`,
      text,
      isTaken: () => sent.get(number)?.isAcknowledged === true,
      restate: () => parcelOf(order),
    };
  };
  return { sent, write, parcelOf };
}

function applyAnswer(order: Order, lines: readonly LineAnswer[], log: SandboxLog): void {
  order.isAnswered = true;
  for (const { line, refused } of lines) line.cancelled += refused;
  log.append({
    kind: 'answer',
    orderRef: order.orderRef,
    lines: lines.map(({ line, accepted, backOrdered, refused }) => ({
      sku: line.listing.sku,
      accepted,
      backOrdered,
      refused,
    })),
  });
}

function applyLevels(levels: ReadonlyMap<Listing, number>, shelf: Shelf, partner: Partner): void {
  const isFull = partner.inventory?.scope === 'full';
  for (const listing of shelf.listings.values()) {
    const told = levels.get(listing) ?? (isFull ? 0 : null);
    if (told !== null) shelf.set(listing, told, 'push');
  }
}

export function openDesk({ partner, shelf, book, post, log, now, firstControl }: DeskOptions): Desk {
  const { sent, write, parcelOf } = openOutgoing(partner, firstControl, now);
  const { judge } = createJudge({ partner, named: shelf.named, orders: book.orders, sent, now });
  const stats = { received: 0, accepted: 0, refused: 0, older: 0, repeated: 0, problems: [] as string[] };

  const blame = (name: string, why: string): void => {
    stats.refused += 1;
    if (stats.problems.length < PROBLEMS_MAX) stats.problems.push(`${name}: ${why}`);
  };

  const acknowledge = (group: LetterGroup | null, isGood: boolean): void => {
    if (!partner.acknowledges || group === null || group.functionalId === 'FA') return;
    const { control, text } = write('FA', '997', receiptFor(group, isGood));
    post.sendReceipt(`997-${control}`, text);
  };

  const takeReceipts = (name: string, controls: readonly number[], refused: readonly string[]): void => {
    for (const control of controls) {
      const group = sent.get(control);
      if (group !== undefined) group.isAcknowledged = true;
    }
    // What was sent was right: a brand that rejects it has lost an order.
    for (const why of refused) blame(name, `the brand rejects what was right: ${why}`);
  };

  const carryOut = (verdict: Verdict, name: string): void => {
    switch (verdict.kind) {
      case 'repeat':
        stats.repeated += 1;
        return;
      case 'refused':
        blame(name, verdict.why);
        acknowledge(verdict.group, false);
        return;
      case 'receipts':
        stats.accepted += 1;
        takeReceipts(name, verdict.controls, verdict.refused);
        return;
      case 'older':
        stats.older += 1;
        break;
      case 'levels':
        stats.accepted += 1;
        applyLevels(verdict.levels, shelf, partner);
        break;
      case 'answer':
        stats.accepted += 1;
        applyAnswer(verdict.order, verdict.lines, log);
    }
    acknowledge(verdict.group, true);
  };

  return {
    send: (order) => post.sendOrder(parcelOf(order)),
    take(text, name) {
      stats.received += 1;
      carryOut(judge(text), name);
    },
    stats,
  };
}
