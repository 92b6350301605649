/**
 * Commands on dated rows: what is expected to come (`expect-supply`) and to be wanted (`expect-demand`).
 *
 * Guarantees: the newest word on an item's ref stands; what was received of a supply stays received, whatever is said of it later;
 * saying the same again changes nothing.
 */
import { type Books, touch } from './books.ts';
import type { Command, ExpectDemandCommand, ExpectSupplyCommand } from './command.ts';
import type { DatedDemand, DatedSupply } from './model.ts';
import { CommandRefused } from './refusal.ts';
import { withRow } from './rows.ts';
import { checkQuantity, goodsFor, masterAt } from './stock.ts';

const REF_MAX = 200;
const YEARS_MAX = 10;
const YEAR_MS = 365 * 86_400_000;

type Expected = ExpectSupplyCommand | ExpectDemandCommand;

/** A date far ahead, or before this century, is a slip of the pen that would hold up promises for ever. */
function checkExpected(command: Command, body: Expected, isKnown: boolean): void {
  if (body.ref.trim() === '' || body.ref.length > REF_MAX) {
    throw new CommandRefused('impossible-ref', `ref is "${body.ref.slice(0, REF_MAX)}"`, {
      field: 'ref',
      fix: `give the number of the document, at most ${REF_MAX} characters`,
    });
  }
  checkQuantity(body.quantity, 'quantity', 1);
  const isDate = Number.isSafeInteger(body.dueAt) && body.dueAt >= Date.UTC(2000, 0);
  if (!isDate || body.dueAt > command.recordedAt + YEARS_MAX * YEAR_MS) {
    const told = isDate ? new Date(body.dueAt).toISOString() : String(body.dueAt);
    throw new CommandRefused('impossible-date', `dueAt is ${told}`, {
      field: 'dueAt',
      fix: `give a date of this century, at most ${YEARS_MAX} years ahead`,
    });
  }
  if (isKnown || body.state === 'open') return;
  const what = body.kind === 'expect-supply' ? 'supply' : 'demand';
  throw new CommandRefused(`unknown-${what}`, `${what} ${body.ref} of ${body.sku} is not expected`, {
    field: 'ref',
    fix: `nothing to cancel; allot ${what} list shows what is expected`,
  });
}

/** By what a row says; what a loader adds to it does not count. */
const isSame = <Row extends object>(after: Row, before: Row): boolean =>
  Object.entries(after).every(([key, value]) => before[key as keyof Row] === value);

export function applyExpectSupply(books: Books, command: Command, body: ExpectSupplyCommand): boolean {
  const item = goodsFor(books, body.sku);
  masterAt(books, body.location, 'location');
  const before = item.supply.get(body.ref);
  checkExpected(command, body, before !== undefined);
  const { ref, location, supplyKind: kind, quantity, dueAt, state } = body;
  const [received, isLate] = [before?.received ?? 0, before?.isLate ?? false];
  const after: DatedSupply = { ref, location, kind, quantity, received, dueAt, state, isLate };
  if (before !== undefined && isSame(after, before)) return false;
  item.supply = withRow(item.supply, ref, after);
  touch(books, item, command.id);
  return true;
}

export function applyExpectDemand(books: Books, command: Command, body: ExpectDemandCommand): boolean {
  const item = goodsFor(books, body.sku);
  const before = item.demand.get(body.ref);
  checkExpected(command, body, before !== undefined);
  const { ref, program, quantity, dueAt, state } = body;
  if (state === 'open' && !books.programs.has(program)) {
    throw new CommandRefused('unknown-program', `program ${program} is not in the policy`, {
      field: 'program',
      fix: `the known ones are ${[...books.programs.keys()].join(', ')}`,
    });
  }
  const after: DatedDemand = { ref, program, quantity, dueAt, state };
  if (before !== undefined && isSame(after, before)) return false;
  item.demand = withRow(item.demand, ref, after);
  touch(books, item, command.id);
  return true;
}
