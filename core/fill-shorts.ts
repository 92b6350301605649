/**
 * Gives free units to the lines that wait: whom an ended hold was kept for, program priority, who came first, id. Done after every command, not once a
 * batch, so that a later order of the same batch does not pass those who wait.
 *
 * The turn of those who want more than a part: a kit's line takes whole sets when it is its turn; a line that wants one place, and
 * an order that wants all or nothing, take all when it is their turn and all is there. Else they are passed over, nothing is kept
 * back for them, and whoever comes next may take it: they never block, and may wait long. Who must not wait gets a pool or a hold.
 */
import { type Books, type ItemBook, lineKey, orTakeBack } from './books.ts';
import type { Command } from './command.ts';
import { completenessOf, drawForLine, isAllOrNothing, placesOfLine } from './completeness.ts';
import { allocatedUnits, partsOf, promiseAt, sourcesOf, withComposition } from './kits.ts';
import { mergeAllocations, noteShort } from './line-units.ts';
import { livesOf } from './lots.ts';
import type { Allocation, Completeness, OrderId, Policy, Program, Sku } from './model.ts';
import { openUnits } from './order-lines.ts';
import { dropRow, withRow } from './rows.ts';
import type { ShortLine } from './state.ts';

const priorityOf = (policy: Policy, program: string): number =>
  policy.programs.find((p) => p.id === program)?.priority ?? Number.MAX_SAFE_INTEGER;

type Waiting = { readonly item: ItemBook; readonly short: ShortLine };

/** A waiting line with what it is filled by. */
type Claim = Waiting & { readonly program: Program; readonly rule: Completeness; readonly isPlain: boolean };

/** Lines that wait for one of these items: their own, and those of kits that it is part of. */
function waitingFor(books: Books, items: readonly ItemBook[]): Waiting[] {
  const waiting = items.flatMap((item) => [...item.shorts.values()].map((short) => ({ item, short })));
  if (books.kitsWith.size === 0) return waiting;
  const touched = new Set<Sku>(items.map((item) => item.sku));
  const kits = new Set(items.flatMap((item) => books.kitsWith.get(item.sku) ?? []));
  for (const item of kits) {
    if (touched.has(item.sku)) continue;
    for (const short of item.shorts.values()) {
      const line = withComposition(short.line, item);
      if (partsOf(line, item).some((part) => touched.has(part.sku))) waiting.push({ item, short });
    }
  }
  return waiting;
}

function claimOf(books: Books, { item, short }: Waiting): Claim[] {
  const program = books.programs.get(short.program);
  if (program === undefined) return [];
  const line = withComposition(short.line, item);
  const rule = completenessOf(program, short.fillRule);
  const isPlain = line.components === undefined && rule === 'split';
  return [{ item, short: line === short.line ? short : { ...short, line }, program, rule, isPlain }];
}

/** `first`: programs that a hold has just freed units for. */
function inTurn(policy: Policy, claims: readonly Claim[], first: ReadonlySet<string>): Claim[] {
  const rank = ({ short }: Claim): readonly (number | string)[] => [
    first.has(short.program) ? 0 : 1,
    priorityOf(policy, short.program),
    short.placedAt,
    short.id,
    short.line.lineRef,
  ];
  return claims.toSorted((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return (x[i] ?? 0) < (y[i] ?? 0) ? -1 : 1;
    return 0;
  });
}

/** Whether anything is left for lines that take what there is: asked once per item, program and supply set. */
function supplyLeft(books: Books): { readonly has: (claim: Claim) => boolean; readonly end: (claim: Claim) => void } {
  const known = new Map<string, boolean>();
  const placesOf = ({ item, program, short }: Claim) => placesOfLine(books, program, short.line, item);
  const keyOf = ({ item, program }: Claim, places: readonly string[]): string =>
    `${item.sku} ${program.id} ${places === program.locations ? '' : places.join(' ')}`;
  const has = (claim: Claim): boolean => {
    const places = placesOf(claim);
    const key = keyOf(claim, places);
    const isLeft = known.get(key) ?? promiseAt(books, claim.item, claim.program, places) > 0;
    known.set(key, isLeft);
    return isLeft;
  };
  return { has, end: (claim) => known.set(keyOf(claim, placesOf(claim)), false) };
}

function hasShorts(items: readonly ItemBook[]): boolean {
  for (const item of items) if (item.shorts.size > 0) return true;
  return false;
}

/**
 * `touched`: items that the command touched. What is given to a line only lowers what others can get, so one pass is enough; but for
 * lots: who takes young units from its own pool at its only place leaves the protections of others fewer that they can use, and what
 * these cannot use is free for those who were passed over.
 */
export function fillShorts(books: Books, touched: readonly ItemBook[], command: Command): void {
  if (books.kitsWith.size === 0 && !hasShorts(touched)) return;
  // What is given away is touched too, and not looked at again.
  const items = [...touched];
  const mayFree = livesOf(books.policy).length > 0 && items.some(({ lots }) => lots !== null);
  let isMore = true;
  while (isMore) isMore = fillOnce(books, items, command) && mayFree;
}

/** True when anything was given. */
function fillOnce(books: Books, items: readonly ItemBook[], command: Command): boolean {
  const cause = { ...command, occurredAt: books.now };
  const left = supplyLeft(books);
  const first = new Set(items.flatMap((item) => [...item.servedFirst]));
  const claims = waitingFor(books, items)
    .flatMap((waiting) => claimOf(books, waiting))
    .filter((claim) => !claim.isPlain || left.has(claim));
  const orders = ordersThatWait(books);
  const tried = new Set<OrderId>();
  let isGiven = false;
  for (const claim of inTurn(books.policy, claims, first)) {
    const { item, short, rule, isPlain } = claim;
    if (isAllOrNothing(rule)) {
      if (!tried.has(short.id)) isGiven = fillOrder(books, orders().get(short.id) ?? [], cause) || isGiven;
      tried.add(short.id);
      continue;
    }
    if (isPlain && !left.has(claim)) continue;
    const { line } = short;
    const wanted = openUnits(line) - allocatedUnits(line);
    const drawn = drawForLine(books, cause, { order: short, line, item, wanted, rule });
    if (drawn.length > 0) {
      keepFilled(books, item, short, drawn);
      isGiven = true;
    } else if (isPlain) left.end(claim);
  }
  return isGiven;
}

/** All waiting lines by order; read when the first order that wants all or nothing has its turn. */
function ordersThatWait(books: Books): () => ReadonlyMap<OrderId, readonly Waiting[]> {
  let found: ReadonlyMap<OrderId, readonly Waiting[]> | undefined;
  return () => {
    found ??= Map.groupBy(
      [...books.items.values()].flatMap((item) => [...item.shorts.values()].map((short) => ({ item, short }))),
      ({ short }) => short.id,
    );
    return found;
  };
}

/** All lines of an order that waits whole, or none: then false. */
function fillOrder(books: Books, waiting: readonly Waiting[], cause: Command): boolean {
  const claims = waiting.map(({ item, short }) => ({ item, short, line: withComposition(short.line, item) }));
  const sources = claims.flatMap(({ item, line }) => sourcesOf(books, line, item));
  const filled = orTakeBack(books, sources, () => {
    const drawn = claims.map(({ item, short, line }) => {
      const wanted = openUnits(line) - allocatedUnits(line);
      const allocations = drawForLine(books, cause, { order: short, line, item, wanted, rule: 'shipComplete' });
      const isAll = allocatedUnits({ ...line, allocations }) >= wanted;
      return { item, short: { ...short, line }, allocations, isAll };
    });
    return drawn.every((each) => each.isAll) ? drawn : null;
  });
  for (const { item, short, allocations } of filled ?? []) keepFilled(books, item, short, allocations);
  return filled !== null && filled.length > 0;
}

function keepFilled(books: Books, item: ItemBook, short: ShortLine, drawn: readonly Allocation[]): void {
  const { line } = short;
  const key = lineKey(short.id, line.lineRef);
  const allocations = mergeAllocations([...line.allocations, ...drawn]);
  const after = { ...line, allocations, short: openUnits(line) - allocatedUnits({ ...line, allocations }) };
  noteShort(item, short.program, after.short - line.short);
  if (after.short > 0) item.shorts = withRow(item.shorts, key, { ...short, line: after });
  else {
    dropRow(item.shorts, key);
    item.hasFilled = true;
  }
  const order = books.orders.get(short.id);
  if (order === undefined) {
    books.filled.set(key, { orderId: short.id, line: after });
    return;
  }
  books.orders.keep({ ...order, lines: order.lines.map((l) => (l.lineRef === line.lineRef ? after : l)) });
}
