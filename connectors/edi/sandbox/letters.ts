/**
 * X12 as the retailer's own software reads and writes it. Written without a look at connectors/edi/x12, so that the two find each
 * other's mistakes, and stricter: what a real retailer would let pass is a flaw here.
 */
import type { Partner } from '../partner.ts';

/** What is wrong with a document of the brand's, in words. */
export class Flaw extends Error {}

export function demand(isRight: boolean, says: string): asserts isRight {
  if (!isRight) throw new Flaw(says);
}

/** Tag first. */
export type Words = readonly string[];
export type LetterSet = { readonly id: string; readonly control: string; readonly body: readonly Words[] };
export type LetterGroup = {
  readonly functionalId: string;
  readonly control: number;
  readonly sets: readonly LetterSet[];
};
export type Letter = { readonly control: number; readonly groups: readonly LetterGroup[] };

function cutIntoWords(text: string, { separators }: Partner): Words[] {
  demand(text.startsWith('ISA'), 'the file does not begin with ISA');
  demand(text[3] === separators.element, `the element separator is ${text[3]}, agreed is ${separators.element}`);
  demand(text[104] === separators.component, `the component separator is ${text[104]}, not as agreed`);
  demand(text[105] === separators.segment, 'ISA is not 106 characters, or its terminator is not the one agreed');
  const pieces = text.split(separators.segment);
  demand((pieces.pop() ?? '').trim() === '', 'there is text behind the last terminator');
  return pieces.map((piece, index) => {
    const words = piece.trimStart().split(separators.element);
    demand(/^[A-Z][A-Z0-9]{1,2}$/.test(words[0] ?? ''), `segment ${index + 1} has the tag ${JSON.stringify(words[0])}`);
    demand(words[0] === 'ISA' || words.at(-1) !== '', `segment ${index + 1} (${words[0]}) ends in an empty element`);
    return words;
  });
}

type Cursor = { next(tag: string): Words; peek(): string };

function cursorOver(segments: readonly Words[]): Cursor {
  let at = 0;
  return {
    peek: () => segments[at]?.[0] ?? '',
    next(tag) {
      const found = segments[at];
      demand(found?.[0] === tag, `segment ${at + 1} is ${found?.[0] ?? 'not there'}, and should be ${tag}`);
      at += 1;
      return found;
    },
  };
}

/** Everything up to SE, whatever it is. */
function readSet(cursor: Cursor): LetterSet {
  const [, id = '', control = ''] = cursor.next('ST');
  const body: Words[] = [];
  while (!['SE', 'ST', 'GE', 'IEA', ''].includes(cursor.peek())) body.push(cursor.next(cursor.peek()));
  const [, count, again] = cursor.next('SE');
  demand(
    count === String(body.length + 2),
    `SE01 of set ${control} is ${count}, there are ${body.length + 2} segments`,
  );
  demand(again === control && /^\d{4,9}$/.test(control), `ST02 is ${control}, SE02 is ${again}`);
  return { id, control, body };
}

function readGroup(cursor: Cursor, { us, partner, versions }: Partner): LetterGroup {
  const [, functionalId = '', from, to, date = '', time = '', control = '', agency, version] = cursor.next('GS');
  demand(from === (us.application ?? us.id), `GS02 is ${from}`);
  demand(to === (partner.application ?? partner.id), `GS03 is ${to}`);
  demand(/^\d{8}$/.test(date) && /^\d{4,8}$/.test(time), `GS04 and GS05 are ${date} ${time}`);
  demand(agency === 'X' && version === versions.group, `GS07 and GS08 are ${agency} ${version}`);
  const sets: LetterSet[] = [];
  while (cursor.peek() === 'ST') sets.push(readSet(cursor));
  const [, count, again] = cursor.next('GE');
  demand(sets.length > 0 && count === String(sets.length), `GE01 is ${count}, there are ${sets.length} sets`);
  demand(again === control && /^[1-9]\d{0,8}$/.test(control), `GS06 is ${control}, GE02 is ${again}`);
  demand(new Set(sets.map((set) => set.control)).size === sets.length, 'two sets of one group have one number');
  return { functionalId, control: Number(control), sets };
}

/** One interchange, as the brand sends them. Throws Flaw. */
export function readLetter(text: string, partner: Partner): Letter {
  const cursor = cursorOver(cutIntoWords(text, partner));
  const isa = cursor.next('ISA');
  const { us, partner: them, usage, versions, separators } = partner;
  demand(isa.length === 17, `ISA has ${isa.length - 1} elements`);
  const parties = [isa[5], isa[6]?.trimEnd(), isa[7], isa[8]?.trimEnd()].join(' ');
  const agreed = [us.qualifier, us.id, them.qualifier, them.id].join(' ');
  demand(parties === agreed, `sender and receiver are ${parties}, agreed are ${agreed}`);
  demand(isa[11] === (separators.repetition ?? 'U'), `ISA11 is ${isa[11]}`);
  demand(isa[12] === versions.interchange && isa[15] === usage, `ISA12 and ISA15 are ${isa[12]} ${isa[15]}`);
  const control = isa[13] ?? '';
  demand(/^\d{9}$/.test(control) && Number(control) > 0, `ISA13 is ${control}`);
  const groups: LetterGroup[] = [];
  while (cursor.peek() === 'GS') groups.push(readGroup(cursor, partner));
  const iea = cursor.next('IEA');
  demand(cursor.peek() === '', `there is a segment ${cursor.peek()} behind IEA`);
  demand(
    groups.length > 0 && iea[1] === String(groups.length),
    `IEA01 is ${iea[1]}, there are ${groups.length} groups`,
  );
  demand(iea[2] === control, `IEA02 is ${iea[2]}, ISA13 is ${control}`);
  return { control: Number(control), groups };
}

/** From the retailer to the brand: one interchange, one group, one set. */
export function writeLetter(
  partner: Partner,
  about: { functionalId: string; id: string; control: number; at: number; body: readonly Words[] },
): string {
  const { us, partner: them, separators, versions, usage } = partner;
  const { functionalId, id, control, at, body } = about;
  const [day = '', clock = ''] = new Date(at).toISOString().replaceAll(/[-:]/g, '').split('T');
  const [date, time] = [day, clock.slice(0, 4)];
  const padded = String(control).padStart(9, '0');
  const set: Words[] = [['ST', id, '0001'], ...body, ['SE', String(body.length + 2), '0001']];
  const names = [them.application ?? them.id, us.application ?? us.id];
  const from = [them.qualifier, them.id.padEnd(15), us.qualifier, us.id.padEnd(15)];
  const version = [separators.repetition ?? 'U', versions.interchange, padded, '0', usage, separators.component];
  const all: Words[] = [
    ['ISA', '00', ' '.repeat(10), '00', ' '.repeat(10), ...from, date.slice(2), time, ...version],
    ['GS', functionalId, ...names, date, time, String(control), 'X', versions.group],
    ...set,
    ['GE', '1', String(control)],
    ['IEA', '1', padded],
  ];
  return all.map((words) => `${words.join(separators.element)}${separators.segment}\n`).join('');
}
