/**
 * Holds: units kept for a program until a moment, soft, always with an end.
 *
 * | a hold            | its units                                                                           |
 * | is placed         | are drawn as an order's would be: pool by draw order, place by preference           |
 * | is converted      | become allocations of the order that names it, the same units, in the same decision |
 * | is released, ends | go back to where they came from; if they were kept for orders to come (launch,      |
 * |                   | pre-sale, subscription), the waiting orders of its program are served first         |
 *
 * Guarantees: all of it or nothing, never more than its program can be promised (I5); what it drew of its own pool counts as drawn
 * until it ends; a hold that is known by its ref is changed, never made twice; every change is an entry of the promise ledger (I2).
 */
import type { Books, ItemBook } from './books.ts';
import type { Command, ExtendHoldCommand, HoldCommand, ReleaseHoldCommand } from './command.ts';
import { drawUnits, endHold, giveBack, type HoldWork, keepHold, unitsOf } from './hold-units.ts';
import { mergeAllocations } from './line-units.ts';
import type { Allocation, Hold, HoldId, Instant, Program, Sku } from './model.ts';
import { CommandRefused } from './refusal.ts';
import { checkQuantity, itemFor } from './stock.ts';

const DAY_MS = 86_400_000;
/** Longer is no hold but a pool: protect the units by policy. */
export const HOLD_DAYS_MAX = 400;
const TEXT_MAX = 200;
/** As the doctor looks for it (I10): commands are kept for ever, and hold nobody's address. */
const MAIL = /[\w.%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}/;

const iso = (at: Instant): string => new Date(at).toISOString();

/** What is wrong with an owner, a reason or a ref; null when nothing is. */
export function faultOfText(text: unknown): { readonly says: string; readonly fix: string } | null {
  if (typeof text !== 'string' || text.trim() === '') return { says: 'is empty', fix: 'say it in some words' };
  if (text.length > TEXT_MAX) return { says: `has ${text.length} signs`, fix: `give at most ${TEXT_MAX}` };
  if (MAIL.test(text)) return { says: 'holds an e-mail address', fix: 'name a team, a role or a number instead' };
  return null;
}

function checkText(field: 'owner' | 'reason' | 'ref', text: unknown): void {
  const fault = faultOfText(text);
  if (fault === null) return;
  throw new CommandRefused('hold-text', `${field} of the hold ${fault.says}`, { field, fix: fault.fix });
}

function checkEnd(expiresAt: Instant, command: Command): void {
  const refused = (cause: string, words: string, fix: string) =>
    new CommandRefused(cause, words, { field: 'expiresAt', fix });
  const latest = command.recordedAt + HOLD_DAYS_MAX * DAY_MS;
  if (!Number.isSafeInteger(expiresAt)) {
    throw refused('hold-without-end', `the hold has no end (${String(expiresAt)})`, 'give the moment at which it ends');
  }
  if (expiresAt <= command.recordedAt) {
    throw refused('hold-end-past', `the end ${iso(expiresAt)} has passed`, 'give a moment that is to come');
  }
  if (expiresAt > latest) {
    throw refused(
      'hold-end-too-far',
      `the end ${iso(expiresAt)} is more than ${HOLD_DAYS_MAX} days away`,
      `give one up to ${iso(latest)}, or protect the units with a pool of the policy`,
    );
  }
}

/** The program as it may draw for this hold: at the one place that is asked for, or at all of its own. */
function drawerOf(books: Books, body: Pick<HoldCommand, 'program' | 'location'>): Program {
  const program = books.programs.get(body.program);
  if (program === undefined) {
    throw new CommandRefused('unknown-program', `program ${body.program} is not in the policy`, {
      field: 'program',
      fix: `the known ones are ${[...books.programs.keys()].join(', ')}`,
    });
  }
  const { location } = body;
  if (location === null) return program;
  if (!books.masterOf.has(location)) {
    throw new CommandRefused('unknown-location', `location ${location} is not known`, {
      field: 'location',
      fix: `the known ones are ${[...books.masterOf.keys()].join(', ')}`,
    });
  }
  const sells = new Set(books.places.selling);
  if (!program.locations.includes(location) || !sells.has(location)) {
    throw new CommandRefused('place-not-used', `${program.id} does not sell from ${location}`, {
      field: 'location',
      fix: `its places are ${program.locations.filter((place) => sells.has(place)).join(', ') || 'none'}`,
    });
  }
  return { ...program, locations: [location] };
}

/** A kit has no units of its own. */
function checkGoods(item: ItemBook, sets: number): void {
  if (item.components === null) return;
  const parts = item.components.map(({ sku, quantity }) => (quantity === 1 ? sku : `${quantity} x ${sku}`));
  const places = item.components.map(({ sku, quantity }) => `allot hold place ${sku} ${sets * quantity}`);
  throw new CommandRefused('hold-of-kit', `${item.sku} is a kit of ${parts.join(', ')}, and holds are of goods`, {
    field: 'sku',
    fix: `hold what it is made of, each with the same options: ${places.join('; ')}. An order of the kit that names all these holds takes them`,
  });
}

const ASKED = ['program', 'location', 'quantity', 'expiresAt', 'owner', 'reason'] as const;

const saysTheSame = (hold: Hold, body: HoldCommand): boolean =>
  hold.kind === body.holdKind && ASKED.every((field) => hold[field] === body[field]);

export function goneHold(hold: Hold, field: string, fix: string): CommandRefused {
  const state = hold.state === 'held' ? 'expired' : hold.state;
  const message = `hold ${hold.id} of ${hold.sku} by ${hold.owner} is ${state} already`;
  return new CommandRefused('hold-gone', message, { field, fix });
}

/** The hold as it is asked for; a known ref that says nothing new changes nothing. */
export function applyHold(books: Books, command: Command, body: HoldCommand): boolean {
  const item = itemFor(books, body.sku);
  checkQuantity(body.quantity, 'quantity', 1);
  checkGoods(item, body.quantity);
  checkText('owner', body.owner);
  checkText('reason', body.reason);
  if (body.ref !== null) checkText('ref', body.ref);
  const before = body.ref === null ? undefined : [...item.holds.values()].find(({ ref }) => ref === body.ref);
  if (before !== undefined && saysTheSame(before, body)) return false;
  if (before !== undefined && isOver(before, command)) {
    throw goneHold(before, 'ref', 'give the new hold another ref');
  }
  checkEnd(body.expiresAt, command);
  const program = drawerOf(books, body);
  const { holdKind: kind, sku, quantity, location, owner, reason, expiresAt, ref } = body;
  const work = { books, item, command };
  const id = before?.id ?? command.id;
  const asked = { id, sku, program: program.id, kind, owner, reason, ref, location, quantity, expiresAt };
  const stays = before === undefined ? [] : resettle(work, before, body);
  const used = before === undefined ? 0 : before.quantity - unitsOf(before);
  const had = unitsOf({ parts: stays });
  const units = quantity - used - had;
  const drawn = drawUnits(work, { hold: id, program, units, had: used + had, kept: stays });
  keepHold(work, { ...asked, parts: mergeAllocations([...stays, ...drawn]), state: 'held' });
  return true;
}

/** What a known hold keeps of its units under what is asked now: none where program or place are others. */
function resettle(work: HoldWork, before: Hold, body: HoldCommand): readonly Allocation[] {
  const has = unitsOf(before);
  const used = before.quantity - has;
  if (body.quantity <= used) {
    throw new CommandRefused('impossible-quantity', `${used} units of hold ${before.id} are in orders already`, {
      field: 'quantity',
      fix: `give more than ${used}, or let the rest go: allot hold release ${before.id}`,
    });
  }
  const isMoved = before.program !== body.program || before.location !== body.location;
  return giveBack(work, before, isMoved ? has : Math.max(0, has - (body.quantity - used)));
}

function holdFor(books: Books, body: { readonly sku: Sku; readonly hold: HoldId }): { item: ItemBook; hold: Hold } {
  const item = itemFor(books, body.sku);
  const hold = item.holds.get(body.hold);
  if (hold !== undefined) return { item, hold };
  throw new CommandRefused('unknown-hold', `${body.sku} has no hold ${body.hold}`, {
    field: 'hold',
    fix: `see those there are: allot hold list --sku ${body.sku}`,
  });
}

export function applyReleaseHold(books: Books, command: Command, body: ReleaseHoldCommand): boolean {
  const { item, hold } = holdFor(books, body);
  if (body.isDue) {
    if (hold.state !== 'held' || hold.expiresAt > command.occurredAt) return false;
    endHold({ books, item, command }, hold, 'expired');
    return true;
  }
  checkText('reason', body.reason);
  if (hold.state !== 'held') throw goneHold(hold, 'hold', 'nothing to do: its units are free or in an order');
  endHold({ books, item, command }, hold, 'released');
  return true;
}

/** Moves its end, later or earlier. */
export function applyExtendHold(books: Books, command: Command, body: ExtendHoldCommand): boolean {
  const { item, hold } = holdFor(books, body);
  if (isOver(hold, command)) throw goneHold(hold, 'hold', `hold the units anew: allot hold place ${hold.sku} N`);
  checkEnd(body.expiresAt, command);
  if (hold.expiresAt === body.expiresAt) return false;
  keepHold({ books, item, command }, { ...hold, expiresAt: body.expiresAt });
  return true;
}

/** Ended, or past its end and about to be swept: what was asked after its end comes too late, whoever is decided first. */
export const isOver = (hold: Hold, command: Command): boolean =>
  hold.state !== 'held' || hold.expiresAt <= command.recordedAt;
