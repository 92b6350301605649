/**
 * Holds: units kept for a program until a moment, soft, always with an end.
 *
 * | a hold            | its units                                                                              |
 * | is placed         | are drawn as an order's would be: pool by draw order, place by preference              |
 * | is converted      | become allocations of the order that names it, the same units, in the same decision    |
 * | is released, ends | go back to where they came from; of a launch or pre-sale, to its program's orders first |
 *
 * Guarantees: all of it or nothing, never more than its program can be promised (I5); what it drew of its own pool counts as drawn
 * until it ends; a hold that is known by its ref is changed, never made twice; every change is an entry of the promise ledger (I2).
 */
import {
  type Books,
  freeOf,
  type ItemBook,
  mergeAllocations,
  poolsFor,
  postPromise,
  stockKey,
  touch,
} from './books.ts';
import type { Command, ExtendHoldCommand, HoldCommand, HoldUse, ReleaseHoldCommand } from './command.ts';
import type { Allocation, Hold, HoldId, HoldState, Instant, Order, OrderLine, Program, Sku } from './model.ts';
import { draw, promisableTo, protectedFrom } from './pools.ts';
import { CommandRefused } from './refusal.ts';
import { checkQuantity, itemFor } from './stock.ts';

const DAY_MS = 86_400_000;
/** Longer is no hold but a pool: protect the units by policy. */
export const HOLD_DAYS_MAX = 400;
const TEXT_MAX = 200;
/** As the doctor looks for it (I10): commands are kept for ever, and hold nobody's address. */
const MAIL = /[\w.%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}/;

const iso = (at: Instant): string => new Date(at).toISOString();

export const unitsOf = (hold: Pick<Hold, 'parts'>): number => hold.parts.reduce((sum, part) => sum + part.quantity, 0);

function checkTexts(body: HoldCommand): void {
  for (const field of ['owner', 'reason', 'ref'] as const) {
    const text = body[field];
    if (text === null && field === 'ref') continue;
    const fault = (words: string, fix: string) =>
      new CommandRefused('hold-text', `${field} of the hold ${words}`, { field, fix });
    if (typeof text !== 'string' || text.trim() === '') throw fault('is empty', `say the ${field}`);
    if (text.length > TEXT_MAX) throw fault(`has ${text.length} signs`, `give at most ${TEXT_MAX}`);
    if (MAIL.test(text)) throw fault('holds an e-mail address', 'name a team, a role or a number instead');
  }
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
  if (!program.locations.includes(location) || !books.sellsAt.has(location)) {
    throw new CommandRefused('place-not-used', `${program.id} does not sell from ${location}`, {
      field: 'location',
      fix: `its places are ${program.locations.filter((place) => books.sellsAt.has(place)).join(', ') || 'none'}`,
    });
  }
  return { ...program, locations: [location] };
}

/** How many can be held, and what is in the way of more. */
function tooMany(books: Books, item: ItemBook, program: Program, at: { asked: number; had: number }): CommandRefused {
  const free = freeOf(books, item);
  const pools = poolsFor(books, item, free);
  const may = promisableTo(program, pools, free);
  const can = at.had + may.own + may.shared;
  const sum = (at: ReadonlyMap<string, number>): number =>
    program.locations.reduce((total, place) => total + (at.get(place) ?? 0), 0);
  const sellable = program.locations.reduce(
    (total, place) => total + (item.onHand.get(stockKey(place, 'sellable'))?.quantity ?? 0),
    0,
  );
  const others = protectedFrom(program, pools).reduce((total, one) => total + one.remaining, 0);
  const limitLeft = pools.own.find((one) => one.program === program.id)?.limitLeft ?? null;
  const inTheWay = [
    `${sellable} sellable at ${program.locations.join(', ') || 'no place'}`,
    `${sum(item.allocatedAt)} allocated`,
    `${sum(item.heldAt)} held`,
    `${others} of ${pools.free} free protected for other programs`,
    ...(limitLeft === null ? [] : [`${limitLeft} left of its limit`]),
    ...(program.drawOrder === 'ownOnly' ? [`${program.id} draws from its own pool alone`] : []),
  ];
  return new CommandRefused(
    'hold-too-many',
    `${program.id} can be promised ${can} of ${item.sku} now, not ${at.asked}: ${inTheWay.join(', ')}`,
    { field: 'quantity', fix: `hold at most ${can}, or see who has the rest: allot hold list --sku ${item.sku}` },
  );
}

const entryOf = (command: Command, hold: HoldId, part: Allocation) => ({
  commandId: command.id,
  location: part.location,
  program: part.program,
  pool: part.pool,
  delta: 0,
  hold,
  orderId: null,
  lineRef: null,
  occurredAt: command.occurredAt,
});

/** Draws exactly `units`, or refuses. */
function drawUnits(
  books: Books,
  item: ItemBook,
  command: Command,
  ask: { readonly hold: HoldId; readonly program: Program; readonly units: number; readonly had: number },
): Allocation[] {
  const free = freeOf(books, item);
  const drawn = draw(ask.program, ask.units, poolsFor(books, item, free), free);
  if (unitsOf({ parts: drawn }) < ask.units) {
    throw tooMany(books, item, ask.program, { asked: ask.had + ask.units, had: ask.had });
  }
  for (const part of drawn) {
    const consumed = part.pool === 'own' ? part.quantity : 0;
    postPromise(item, books, { ...entryOf(command, ask.hold, part), kind: 'hold', held: part.quantity, consumed });
  }
  return drawn;
}

/** Never more than is drawn: units drawn before the pool was filled anew are not protected twice. */
const drawnOf = (item: ItemBook, part: Allocation): number =>
  part.pool === 'own' ? Math.min(part.quantity, Math.max(0, item.drawn.get(part.program)?.consumed ?? 0)) : 0;

/** Splits off up to `units`: of the first drawn, or of the last. */
function split(parts: readonly Allocation[], units: number, from: 'first' | 'last') {
  const taken: Allocation[] = [];
  const left: Allocation[] = [];
  let open = units;
  for (const part of from === 'first' ? parts : parts.toReversed()) {
    const quantity = Math.min(open, part.quantity);
    open -= quantity;
    if (quantity > 0) taken.push({ ...part, quantity });
    if (quantity < part.quantity) left.push({ ...part, quantity: part.quantity - quantity });
  }
  return { taken, left: from === 'first' ? left : left.reverse() };
}

/** Gives the last drawn units back to where they came from; answers what is left. */
function giveBack(books: Books, item: ItemBook, command: Command, hold: Hold, units: number): Allocation[] {
  const { taken, left } = split(hold.parts, units, 'last');
  for (const part of taken) {
    const consumed = -drawnOf(item, part);
    postPromise(item, books, { ...entryOf(command, hold.id, part), kind: 'unhold', held: -part.quantity, consumed });
  }
  return left;
}

function keep(books: Books, item: ItemBook, command: Command, hold: Hold): void {
  item.holds.set(hold.id, hold);
  books.changedHolds.set(hold.id, hold);
  touch(books, item, command.id);
}

function end(books: Books, item: ItemBook, command: Command, hold: Hold, state: HoldState): void {
  keep(books, item, command, { ...hold, parts: giveBack(books, item, command, hold, unitsOf(hold)), state });
  if (hold.kind === 'launch' || hold.kind === 'presale') item.servedFirst.add(hold.program);
}

const ASKED = ['program', 'location', 'quantity', 'expiresAt', 'owner', 'reason'] as const;

const saysTheSame = (hold: Hold, body: HoldCommand): boolean =>
  hold.kind === body.holdKind && ASKED.every((field) => hold[field] === body[field]);

const gone = (hold: Hold, field: string, fix: string): CommandRefused =>
  new CommandRefused('hold-gone', `hold ${hold.id} of ${hold.sku} by ${hold.owner} is ${hold.state} already`, {
    field,
    fix,
  });

/** The hold as it is asked for; a known ref that says nothing new changes nothing. */
export function applyHold(books: Books, command: Command, body: HoldCommand): boolean {
  const item = itemFor(books, body.sku);
  checkTexts(body);
  checkQuantity(body.quantity, 'quantity', 1);
  const before = body.ref === null ? undefined : [...item.holds.values()].find(({ ref }) => ref === body.ref);
  if (before !== undefined && saysTheSame(before, body)) return false;
  if (before !== undefined && before.state !== 'held') throw gone(before, 'ref', 'give the new hold another ref');
  checkEnd(body.expiresAt, command);
  const program = drawerOf(books, body);
  const { holdKind: kind, sku, quantity, location, owner, reason, expiresAt, ref } = body;
  const id = before?.id ?? command.id;
  const asked = { id, sku, program: program.id, kind, owner, reason, ref, location, quantity, expiresAt };
  const stays = before === undefined ? [] : resettle(books, item, command, { before, body });
  const used = before === undefined ? 0 : before.quantity - unitsOf(before);
  const had = unitsOf({ parts: stays });
  const drawn = drawUnits(books, item, command, { hold: id, program, units: quantity - used - had, had: used + had });
  keep(books, item, command, { ...asked, parts: mergeAllocations([...stays, ...drawn]), state: 'held' });
  return true;
}

/** What a known hold keeps of its units under what is asked now: none where program or place are others. */
function resettle(
  books: Books,
  item: ItemBook,
  command: Command,
  { before, body }: { before: Hold; body: HoldCommand },
): readonly Allocation[] {
  const has = unitsOf(before);
  const used = before.quantity - has;
  if (body.quantity <= used) {
    throw new CommandRefused('impossible-quantity', `${used} units of hold ${before.id} are in orders already`, {
      field: 'quantity',
      fix: `give more than ${used}, or let the rest go: allot hold release ${before.id}`,
    });
  }
  const isMoved = before.program !== body.program || before.location !== body.location;
  return giveBack(books, item, command, before, isMoved ? has : Math.max(0, has - (body.quantity - used)));
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
    end(books, item, command, hold, 'expired');
    return true;
  }
  if (hold.state !== 'held') throw gone(hold, 'hold', 'nothing to do: its units are free or in an order');
  end(books, item, command, hold, 'released');
  return true;
}

/** Moves its end, later or earlier. */
export function applyExtendHold(books: Books, command: Command, body: ExtendHoldCommand): boolean {
  const { item, hold } = holdFor(books, body);
  if (isOver(hold, command)) throw gone(hold, 'hold', `hold the units anew: allot hold place ${hold.sku} N`);
  checkEnd(body.expiresAt, command);
  if (hold.expiresAt === body.expiresAt) return false;
  keep(books, item, command, { ...hold, expiresAt: body.expiresAt });
  return true;
}

/** Ended, or past its end and about to be swept: what was asked after its end comes too late, whoever is decided first. */
const isOver = (hold: Hold, command: Command): boolean => hold.state !== 'held' || hold.expiresAt <= command.recordedAt;

/** An order's command at work, as core/orders.ts has it. */
type Turn = { readonly books: Books; readonly command: Command; readonly order: Order };

function itemOfHold(books: Books, hold: HoldId): ItemBook | undefined {
  for (const item of books.items.values()) if (item.holds.has(hold)) return item;
  return undefined;
}

/** Every hold that an order names is there, of one of its items, and of its program. */
export function checkHoldUses({ books, command, order }: Turn, uses: readonly HoldUse[], skus: readonly Sku[]): void {
  uses.forEach((use, index) => {
    const field = `holds[${index}].hold`;
    const hold = itemOfHold(books, use.hold)?.holds.get(use.hold);
    if (hold === undefined || !skus.includes(hold.sku)) {
      throw new CommandRefused('unknown-hold', `hold ${use.hold} is of no item that order ${order.id} names`, {
        field,
        fix: 'see those there are: allot hold list',
      });
    }
    if (uses.findIndex(({ hold: id }) => id === use.hold) < index) {
      throw new CommandRefused('hold-twice', `hold ${use.hold} is named twice`, { field, fix: 'name it once' });
    }
    if (isOver(hold, command)) {
      const state = hold.state === 'held' ? 'expired' : hold.state;
      throw gone({ ...hold, state }, field, 'place the order without it: it then draws what is free');
    }
    if (hold.program !== order.program) {
      throw new CommandRefused(
        'hold-of-another-program',
        `hold ${hold.id} is of program ${hold.program}, and order ${order.id} of ${order.program}`,
        { field, fix: `place the order on a channel of ${hold.program}` },
      );
    }
  });
}

/** The line with up to `wanted` units of the named holds among its allocations: the same units, never free in between. */
export function convertHolds(
  { books, command, order }: Turn,
  uses: readonly HoldUse[],
  { line, wanted }: { readonly line: OrderLine; readonly wanted: number },
): OrderLine {
  const item = line.sku === null ? undefined : books.items.get(line.sku);
  if (item === undefined || wanted <= 0) return line;
  let open = wanted;
  const gained: Allocation[] = [];
  for (const use of uses) {
    const hold = item.holds.get(use.hold);
    if (hold === undefined || open === 0) continue;
    const { taken, left } = split(hold.parts, open, 'first');
    for (const part of taken) {
      const entry = entryOf(command, hold.id, part);
      const consumed = drawnOf(item, part);
      postPromise(item, books, { ...entry, kind: 'unhold', held: -part.quantity, consumed: -consumed });
      const owner = { orderId: order.id, lineRef: line.lineRef };
      postPromise(item, books, { ...entry, ...owner, kind: 'allocate', delta: part.quantity, consumed });
      gained.push(part);
      open -= part.quantity;
    }
    keep(books, item, command, { ...hold, parts: left, state: left.length === 0 ? 'converted' : 'held' });
  }
  return gained.length === 0 ? line : { ...line, allocations: mergeAllocations([...line.allocations, ...gained]) };
}

/** Lets the rest of the named holds go, where that was asked; a hold that the order has no use for is refused. */
export function endHoldUses({ books, command, order }: Turn, uses: readonly HoldUse[]): void {
  uses.forEach((use, index) => {
    const item = itemOfHold(books, use.hold);
    const hold = item?.holds.get(use.hold);
    if (item === undefined || hold === undefined) return;
    if (!books.promises.some((entry) => entry.commandId === command.id && entry.hold === hold.id)) {
      throw new CommandRefused(
        'hold-not-wanted',
        `order ${order.id} wants none of the ${unitsOf(hold)} ${hold.sku} of hold ${hold.id}`,
        { field: `holds[${index}].hold`, fix: 'order units of that item, or leave the hold out' },
      );
    }
    if (use.rest === 'release' && hold.state === 'held') end(books, item, command, hold, 'converted');
  });
}
