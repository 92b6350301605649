/**
 * The retailer's verdict on each document of the brand's: by node-x12 in strict mode, and by the retailer's own rules.
 *
 * | document | rules beyond its envelope                                                                                      |
 * | all      | control numbers unique per kind; the same bytes again are a repeat, other bytes under one number are a flaw     |
 * | 997      | names a group that was sent, once, with its sets and their counts; never rejects what was right                |
 * | 855      | of an order that was placed, once; echoes every PO1 as it was; ACKs of a line add up to PO102; keeps the fill rule |
 * | 846      | BIA time rises with the control number; known items, once each; whole quantities from 0; CTT counts them        |
 *
 * An 846 that is older than the last is ignored, not refused: carriers deliver out of order.
 */
import { createHash } from 'node:crypto';
import { X12Parser } from 'node-x12';
import type { Partner } from '../partner.ts';
import { demand, Flaw, type Letter, type LetterGroup, type LetterSet, readLetter, type Words } from './letters.ts';
import type { Line, Order } from './order-book.ts';
import type { Listing } from './shelf.ts';

export type LineAnswer = {
  readonly line: Line;
  /** In single units. */
  readonly accepted: number;
  readonly backOrdered: number;
  readonly refused: number;
};

/** What a document comes to. `group` is null where it cannot be named, so that nothing can be acknowledged. */
export type Verdict =
  | { readonly kind: 'repeat' }
  | { readonly kind: 'refused'; readonly group: LetterGroup | null; readonly why: string }
  | { readonly kind: 'older'; readonly group: LetterGroup }
  | { readonly kind: 'levels'; readonly group: LetterGroup; readonly levels: ReadonlyMap<Listing, number> }
  | {
      readonly kind: 'answer';
      readonly group: LetterGroup;
      readonly order: Order;
      readonly lines: readonly LineAnswer[];
    }
  | { readonly kind: 'receipts'; readonly controls: readonly number[]; readonly refused: readonly string[] };

/** What was sent, by group: what a 997 may name. */
export type SentGroup = { readonly functionalId: string; readonly control: number; isAcknowledged: boolean };

export type Known = {
  readonly partner: Partner;
  readonly named: (qualifier: string, value: string) => readonly Listing[];
  readonly orders: ReadonlyMap<string, Order>;
  readonly sent: ReadonlyMap<number, SentGroup>;
  readonly now: () => number;
};

export type Judge = { readonly judge: (text: string) => Verdict };

const DAY_MS = 86_400_000;
const FUNCTIONAL_IDS: Readonly<Record<string, string>> = { '846': 'IB', '855': 'PR', '997': 'FA' };

const isWhole = (text: string | undefined): text is string => /^\d{1,15}$/.test(text ?? '');

function pairsOf(words: Words, from: number): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (let at = from; at + 1 < words.length; at += 2) pairs.set(words[at] ?? '', words[at + 1] ?? '');
  return pairs;
}

function readTime(date = '', time = ''): number {
  demand(/^\d{8}$/.test(date) && /^\d{4}(\d{2})?$/.test(time), `BIA04 and BIA05 are ${date} ${time}`);
  const parts = [date.slice(0, 4), date.slice(4, 6), date.slice(6)].join('-');
  const at = Date.parse(`${parts}T${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4) || '00'}Z`);
  demand(!Number.isNaN(at), `BIA04 and BIA05 are ${date} ${time}, which is no time`);
  return at;
}

function findListing(lin: Words, { partner, named }: Known): Listing {
  const pairs = pairsOf(lin, 2);
  const wanted = partner.inventory?.identify ?? [];
  const found = new Set<Listing>();
  for (const [qualifier, value] of pairs) {
    demand(wanted.includes(qualifier), `LIN ${lin[1]} names the item by ${qualifier}, which was not asked for`);
    const called = named(qualifier, value);
    demand(called.length > 0, `LIN ${lin[1]} names ${qualifier} ${value}, which is not listed`);
    for (const listing of called) found.add(listing);
  }
  const [listing] = found;
  demand(listing !== undefined && found.size === 1, `LIN ${lin[1]} names ${found.size} items`);
  return listing;
}

function readLevels({ body }: LetterSet, known: Known): ReadonlyMap<Listing, number> {
  const { inventory, orders } = known.partner;
  demand(inventory !== null, 'no 846 was agreed');
  const factor = orders.units[inventory.unit];
  const levels = new Map<Listing, number>();
  let current: Listing | null = null;
  for (const words of body) {
    if (words[0] === 'LIN') {
      demand(current === null || levels.has(current), 'a LIN has no QTY');
      current = findListing(words, known);
      demand(!levels.has(current), `item ${current.sku} is there twice`);
    }
    if (words[0] !== 'QTY') continue;
    demand(current !== null && !levels.has(current), 'a QTY belongs to no LIN, or is the second of one');
    demand(words[1] === inventory.quantityQualifier && words[3] === inventory.unit, `QTY says ${words.join(' ')}`);
    demand(isWhole(words[2]), `QTY02 of ${current.sku} is ${words[2]}: not a whole number from 0`);
    levels.set(current, Number(words[2]) * (factor === 'pack' ? current.pack : (factor ?? 1)));
  }
  const told = body.at(-1);
  demand(
    told?.[0] === 'CTT' && told[1] === String(levels.size),
    `CTT says ${told?.[1]}, there are ${levels.size} items`,
  );
  const references = body.filter(([tag, qualifier]) => tag === 'REF' && qualifier === inventory.vendorReference?.[0]);
  demand(
    inventory.vendorReference === undefined || references.length === 1,
    'the agreed REF of the heading is missing',
  );
  return levels;
}

const ACCEPTS = new Set(['IA', 'IC', 'IQ', 'AC', 'DR']);
const BACK_ORDERS = new Set(['IB', 'BP']);
const REFUSES = new Set(['ID', 'IR', 'R1', 'R2', 'R3']);

function readLine(line: Line, acks: readonly Words[]): LineAnswer {
  const [, lineRef, ordered, unit] = line.po1;
  const sum = { accepted: 0, backOrdered: 0, refused: 0 };
  for (const [, status = '', quantity, ackUnit] of acks) {
    demand(
      isWhole(quantity) && Number(quantity) > 0 && ackUnit === unit,
      `ACK of line ${lineRef}: ${quantity} ${ackUnit}`,
    );
    if (ACCEPTS.has(status)) sum.accepted += Number(quantity);
    else if (BACK_ORDERS.has(status)) sum.backOrdered += Number(quantity);
    else if (REFUSES.has(status)) sum.refused += Number(quantity);
    else demand(false, `ACK of line ${lineRef} has the status ${status}`);
  }
  const all = sum.accepted + sum.backOrdered + sum.refused;
  demand(all === Number(ordered), `the ACKs of line ${lineRef} add up to ${all}, ordered are ${ordered}`);
  const { factor } = line;
  return {
    line,
    accepted: sum.accepted * factor,
    backOrdered: sum.backOrdered * factor,
    refused: sum.refused * factor,
  };
}

/** What is missing may be back-ordered only where the order, or else the agreement, says so. */
function checkFillRule({ fillRule }: Order, lines: readonly LineAnswer[], { orders }: Partner): void {
  const agreed = { cancelBalance: 'N', backOrder: 'BK', shipComplete: 'SC' }[orders.fillRule];
  const rule = fillRule === '' || fillRule === 'P4' ? agreed : fillRule;
  const isBackOrdered = lines.some(({ backOrdered }) => backOrdered > 0);
  demand(!isBackOrdered || ['BK', 'Y'].includes(rule), `back orders, although the rule of the order is ${rule}`);
  const isAll = lines.every(({ refused }) => refused === 0);
  const isNothing = lines.every(({ accepted }) => accepted === 0);
  demand(
    rule !== 'SC' || isAll || isNothing,
    'a part is accepted of an order that is to be shipped complete or not at all',
  );
}

function readAnswer({ body }: LetterSet, { partner, orders }: Known): { order: Order; lines: readonly LineAnswer[] } {
  const [bak, ...rest] = body;
  demand(bak?.[0] === 'BAK' && bak[1] === '00', '855 does not begin with BAK*00');
  const order = orders.get(bak[3] ?? '');
  demand(order !== undefined, `BAK03 is ${bak[3]}, which was never ordered`);
  demand(!order.isAnswered, `order ${order.orderRef} is answered a second time`);
  const blocks: { po1: Words; acks: Words[] }[] = [];
  for (const words of rest) {
    if (words[0] === 'PO1') blocks.push({ po1: words, acks: [] });
    if (words[0] === 'ACK') {
      demand(blocks.length > 0, 'an ACK stands before every PO1');
      blocks.at(-1)?.acks.push(words);
    }
  }
  demand(
    blocks.length === order.lines.length,
    `${blocks.length} lines are answered, ${order.lines.length} were ordered`,
  );
  const lines = order.lines.map((line, index) => {
    const block = blocks[index];
    demand(block?.po1.join('\n') === line.po1.join('\n'), `line ${line.lineRef} is not echoed as it was ordered`);
    return readLine(line, block.acks);
  });
  const told = body.at(-1);
  demand(told?.[0] === 'CTT' && told[1] === String(lines.length), `CTT says ${told?.[1]} lines`);
  checkFillRule(order, lines, partner);
  const word = bak[2];
  const isAll = lines.every(({ line, accepted }) => accepted === line.ordered);
  const isNothing = lines.every(({ accepted, backOrdered }) => accepted + backOrdered === 0);
  const due = isNothing ? 'RD' : 'AC';
  demand(word === (isAll ? 'AD' : due), `BAK02 is ${word}, and the lines say otherwise`);
  return { order, lines };
}

/** One group's acknowledgment: its number, and why it was rejected. */
function readReceipt({ body }: LetterSet, { sent }: Known): { control: number; refused: string | null } {
  const [ak1, ...rest] = body;
  demand(ak1?.[0] === 'AK1' && isWhole(ak1[2]), '997 does not begin with AK1');
  const control = Number(ak1[2]);
  const group = sent.get(control);
  demand(group !== undefined, `AK1 names group ${control}, which was never sent`);
  demand(group.functionalId === ak1[1] && ak1[1] !== 'FA', `AK1 names group ${control} as ${ak1[1]}`);
  demand(!group.isAcknowledged, `group ${control} is acknowledged a second time`);
  const words = rest.filter(([tag]) => tag === 'AK5').map(([, word = '']) => word);
  const ak9 = rest.at(-1);
  demand(ak9?.[0] === 'AK9', '997 does not end in AK9');
  const accepted = words.filter((word) => word === 'A' || word === 'E').length;
  const counts = ak9.slice(2, 5).join(' ');
  demand(counts === `1 1 ${ak9[1] === 'R' ? 0 : accepted}`, `AK9 counts ${counts} sets of group ${control}`);
  return {
    control,
    refused: ak9[1] === 'A' ? null : `group ${control}: ${rest.map((one) => one.join(' ')).join('; ')}`,
  };
}

/** The second opinion: reads the envelope its own way. A new parser each time, since an old one keeps what it read. */
function askNodeX12(text: string): void {
  try {
    new X12Parser(true).parse(text);
  } catch (error) {
    throw new Flaw(`node-x12: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

type Numbered = { readonly control: number; readonly at: number };

export function createJudge(known: Known): Judge {
  const digests = new Map<string, string>();
  const advices: Numbered[] = [];

  const isRepeat = (letter: Letter, text: string): boolean => {
    const digest = createHash('sha256').update(text).digest('hex');
    const before = digests.get(String(letter.control));
    digests.set(String(letter.control), before ?? digest);
    demand(before === undefined || before === digest, `ISA13 ${letter.control} was there before, with another content`);
    return before !== undefined;
  };

  /** False: an older one than the last. */
  const isNewest = (control: number, { body }: LetterSet): boolean => {
    const [bia] = body;
    demand(bia?.[0] === 'BIA' && bia[1] === '00', '846 does not begin with BIA*00');
    demand(bia[2] === known.partner.inventory?.reportType, `BIA02 is ${bia[2]}`);
    const at = readTime(bia[4], bia[5]);
    demand(at <= known.now() + DAY_MS, 'BIA04 lies in the future');
    const wrong = advices.find((one) => one.control < control !== one.at < at);
    demand(wrong === undefined, `BIA time does not rise with the control number: ${control} beside ${wrong?.control}`);
    advices.push({ control, at });
    return advices.every((one) => one.control <= control);
  };

  const judgeGroup = (letter: Letter, group: LetterGroup): Verdict => {
    const [set] = group.sets;
    demand(
      set !== undefined && FUNCTIONAL_IDS[set.id] === group.functionalId,
      `a set ${set?.id} in a group ${group.functionalId}`,
    );
    demand(
      group.sets.every(({ id }) => id === set.id),
      'sets of several kinds in one group',
    );
    demand(letter.control === group.control, 'the brand numbers groups as their interchange');
    if (set.id === '997') {
      const receipts = group.sets.map((one) => readReceipt(one, known));
      return {
        kind: 'receipts',
        controls: receipts.map(({ control }) => control),
        refused: receipts.flatMap(({ refused }) => refused ?? []),
      };
    }
    demand(group.sets.length === 1, 'the brand sends one document a group');
    if (set.id === '855') return { kind: 'answer', group, ...readAnswer(set, known) };
    const levels = readLevels(set, known);
    return isNewest(letter.control, set) ? { kind: 'levels', group, levels } : { kind: 'older', group };
  };

  const refuse = (error: unknown, group: LetterGroup | null): Verdict => {
    if (!(error instanceof Flaw)) throw error;
    return { kind: 'refused', group, why: error.message };
  };

  return {
    judge(text) {
      let group: LetterGroup | null = null;
      try {
        askNodeX12(text);
        const letter = readLetter(text, known.partner);
        if (isRepeat(letter, text)) return { kind: 'repeat' };
        const [only] = letter.groups;
        demand(only !== undefined && letter.groups.length === 1, 'the brand sends one group an interchange');
        group = only;
        return judgeGroup(letter, only);
      } catch (error) {
        return refuse(error, group);
      }
    },
  };
}
