/**
 * Lots in commands on goods: the lot that goods come in with, and the lots that goods leave from; corrections of when a lot expires.
 *
 * Guarantees: a lot is made by a command that says when it expires, and by none else; two commands that say otherwise of one lot are
 * not both taken. Goods that leave without a word on their lot leave as lot-book.ts has it.
 */
import { type Books, type ItemBook, postMovement, touch } from './books.ts';
import type { Command, SetLotCommand } from './command.ts';
import { onHandOf, rowAt, stockKey } from './item-book.ts';
import { leavingParts, lotAt, noLots, type PlaceTotal } from './lot-book.ts';
import { byFefo, hasLife, type Life } from './lots.ts';
import type { Disposition, Instant, LocationId, Lot, LotCode } from './model.ts';
import { CommandRefused } from './refusal.ts';
import type { StockEntry } from './state.ts';

type Said = { readonly lot?: LotCode; readonly expiresAt?: Instant | null };

/** As part of an entry: absent where there is none. */
export const ofLot = (lot: LotCode | undefined): { readonly lot?: LotCode } => (lot === undefined ? {} : { lot });

const LOT_MAX = 100;
const EXPIRY_MAX = Date.UTC(3000, 0, 1);

export const sayExpiry = ({ expiresAt }: Pick<Lot, 'expiresAt'>): string =>
  expiresAt === null ? 'never' : new Date(expiresAt).toISOString().slice(0, 10);

/** What is wrong with the code of a lot; null when nothing is. */
export function faultOfLotCode(code: unknown): string | null {
  if (typeof code !== 'string' || code.trim() !== code || code === '')
    return 'is empty, or begins or ends with a space';
  return code.length > LOT_MAX ? `has ${code.length} signs, more than ${LOT_MAX}` : null;
}

function checkExpiry(expiresAt: Instant | null): void {
  if (expiresAt === null || (Number.isSafeInteger(expiresAt) && expiresAt > 0 && expiresAt < EXPIRY_MAX)) return;
  throw new CommandRefused('impossible-expiry', `the expiry ${String(expiresAt)} is no day before the year 3000`, {
    field: 'expiresAt',
    fix: 'give a day such as 2027-03-31, or never',
  });
}

/** The lot of goods that come; made where it is new. */
export function comingLot(item: ItemBook, { lot: code, expiresAt }: Said, at: Instant): { readonly lot?: LotCode } {
  if (code === undefined) {
    if (expiresAt === undefined) return {};
    throw new CommandRefused('expiry-without-lot', 'an expiry is given, and no lot that it is of', {
      field: 'lot',
      fix: 'name the lot: --lot CODE --expires DAY',
    });
  }
  const fault = faultOfLotCode(code);
  if (fault !== null) {
    throw new CommandRefused('lot-code', `the code of the lot ${fault}`, {
      field: 'lot',
      fix: 'give it as it is printed',
    });
  }
  if (expiresAt !== undefined) checkExpiry(expiresAt);
  const known = item.lots?.lots.get(code);
  if (known === undefined) {
    if (expiresAt === undefined) {
      throw new CommandRefused(
        'lot-without-expiry',
        `lot ${code} of ${item.sku} is new, and when it expires is not said`,
        {
          field: 'expiresAt',
          fix: `give its day: --lot ${code} --expires 2027-03-31; or --expires never`,
        },
      );
    }
    item.lots ??= noLots();
    item.lots.lots.set(code, { code, receivedAt: at, expiresAt });
    item.lots.changed.add(code);
  } else if (expiresAt !== undefined && expiresAt !== known.expiresAt) {
    throw new CommandRefused(
      'lot-expires-otherwise',
      `lot ${code} of ${item.sku} expires ${sayExpiry(known)}, not ${sayExpiry({ expiresAt })}`,
      {
        field: 'expiresAt',
        fix: `leave the expiry out; or correct it: allot lots set ${code} --sku ${item.sku} --expires DAY`,
      },
    );
  }
  return { lot: code };
}

/** A lot that goods are said to leave from, or to be of. */
export function knownLot(item: ItemBook, code: LotCode): Lot {
  const known = item.lots?.lots.get(code);
  if (known !== undefined) return known;
  const others = [...(item.lots?.lots.values() ?? [])].sort(byFefo).map((lot) => lot.code);
  throw new CommandRefused('unknown-lot', `${item.sku} has no lot ${code}`, {
    field: 'lot',
    fix: others.length === 0 ? `it has none: allot lots ${item.sku}` : `its lots are ${others.slice(0, 20).join(', ')}`,
  });
}

/** Whether a program may be promised units of a lot (or of none) now. */
export function mayUse(item: ItemBook, { minimumLifeDays = 0 }: Life, lot: LotCode | undefined, now: Instant): boolean {
  if (item.lots === null) return true;
  const known = lot === undefined ? undefined : item.lots.lots.get(lot);
  return known === undefined ? minimumLifeDays === 0 : hasLife(known, minimumLifeDays, now);
}

type Where = { readonly location: LocationId; readonly disposition: Disposition };

export function totalAt(books: Books, item: ItemBook, { location, disposition }: Where): PlaceTotal {
  const onHand = onHandOf(item).get(stockKey(location, disposition))?.quantity ?? 0;
  if (disposition !== 'sellable') return { onHand, promised: 0 };
  const { allocated, held } = rowAt(books.places, item.places, location);
  return { onHand, promised: allocated + held };
}

/** What there is of a lot. */
export const onHandOfLot = (item: ItemBook, where: Where, lot: LotCode): number =>
  item.lots === null ? 0 : lotAt(item.lots, { ...where, lot }).quantity;

/** What of a lot may be sold at a place and is promised to nobody. */
export function freeOfLot(item: ItemBook, location: LocationId, code: LotCode): number {
  const { code: lot } = knownLot(item, code);
  if (item.lots === null) return 0;
  const { quantity, allocated, held } = lotAt(item.lots, { location, disposition: 'sellable', lot });
  return quantity - allocated - held;
}

/** So many units; of a lot where somebody said which. */
type Leaves = { readonly units: number; readonly lot?: LotCode | undefined };

/** The parts, by lot, of goods that leave; `lot` where somebody said which. */
export function leavingLots(
  books: Books,
  item: ItemBook,
  where: Where,
  { units, lot }: Leaves,
): readonly { readonly lot: LotCode | undefined; readonly units: number }[] {
  if (lot !== undefined) return [{ lot, units }];
  if (item.lots === null) return [{ lot: undefined, units }];
  return leavingParts(item.lots, where, totalAt(books, item, where), units);
}

type Leaving = Omit<StockEntry, 'sku' | 'delta' | 'lot'>;

/** Books goods that leave, by lot. */
export function postLeaving(item: ItemBook, books: Books, entry: Leaving, leaves: Leaves): void {
  for (const part of leavingLots(books, item, entry, leaves)) {
    postMovement(item, books, { ...entry, delta: -part.units, ...ofLot(part.lot) });
  }
}

/** Books goods that go from one place or disposition to another, lot by lot. */
export function postMoved(
  item: ItemBook,
  books: Books,
  entry: Omit<Leaving, 'location' | 'disposition'>,
  moved: Leaves & { readonly from: Where; readonly to: Where },
): void {
  for (const part of leavingLots(books, item, moved.from, moved)) {
    postMovement(item, books, { ...entry, ...moved.from, delta: -part.units, ...ofLot(part.lot) });
    postMovement(item, books, { ...entry, ...moved.to, delta: part.units, ...ofLot(part.lot) });
  }
}

/** Nothing of it moves; who may be promised it changes. */
export function applySetLot(books: Books, item: ItemBook, command: Command, body: SetLotCommand): boolean {
  const before = knownLot(item, body.lot);
  checkExpiry(body.expiresAt);
  if (before.expiresAt === body.expiresAt || item.lots === null) return false;
  item.lots.lots.set(body.lot, { ...before, expiresAt: body.expiresAt });
  item.lots.changed.add(body.lot);
  touch(books, item, command.id);
  return true;
}
