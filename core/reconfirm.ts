/**
 * Re-confirmation: all open lines of an item are confirmed anew, by strategy, when more is promised than there is (damage found, a
 * count, late supply) or units are promised to the wrong ones. The strategies are those of SAP's backorder processing (aATP):
 *
 * | strategy, in turn | may gain | may lose                            | its word                                        |
 * | win               | yes      | no                                  | served fully; an exception where it cannot be   |
 * | gain              | yes      | no                                  | keeps at least what it has; else an exception   |
 * | improve           | yes      | to win, and to what gain must keep  | should keep what it has; no exception           |
 * | redistribute      | yes      | yes                                 | none                                            |
 * | fill              | no       | yes                                 | none: at most what it has                       |
 * | lose              | no       | all that it has                     | gives up everything                             |
 *
 * Turns: win fully; gain and then improve keep what they have; gain and then improve take more; redistribute takes; fill keeps.
 * Whoever's turn it is draws free units first, then takes from those whose turn is still to come, the last of them first. Inside a
 * strategy: program priority, then who came first, then id; or value at risk per unit (margin and chargeback), the greatest first;
 * or fair shares (`splitScarce`: tiers by priority, weighted by program, whole packs).
 *
 * Protection: free units are drawn by pools and draw order as ever, so other programs' protected units stay untouched. What one line
 * takes from another goes from hand to hand, never through the pools: of units that were drawn shared, or that its own program had
 * drawn. Units that a line drew from its program's own pool pass to another program only where the line's strategy is `lose`, which
 * somebody chose in so many words: then the protection is given up with them. (SAP too lets protection outrank all but lose.)
 *
 * Guarantees: never more than there is, at any place: a place that lacks units takes them from its lines, the last served first; what
 * it still lacks then is held, or has left beyond what was there. A line's units move only where that is needed. I4: what a line loses it is short of, and
 * waits for like any other; nothing is filled by itself within the run, so that a line that gave up has nothing after it. What was
 * answered to a partner stays answered: an acknowledgement is not taken back here.
 */
import {
  allocateUnits,
  type Books,
  freeOf,
  type ItemBook,
  lineKey,
  mergeAllocations,
  poolsFor,
  postPromise,
  takeUnits,
} from './books.ts';
import { type Command, RECONFIRM_ORDERS, type ReconfirmCommand, STRATEGIES, type Strategy } from './command.ts';
import { assert } from './errors.ts';
import type { Allocation, OrderLine } from './model.ts';
import { allocatedUnits, openUnits } from './orders.ts';
import { CommandRefused } from './refusal.ts';
import { splitScarce } from './scarcity.ts';
import type { PromiseEntry, ShortLine } from './state.ts';
import { itemFor } from './stock.ts';

/** More open lines of one item than this are not confirmed in one batch. */
export const OPEN_LINES_MAX = 5000;

/** What the turns of a strategy serve a line up to. */
type UpTo = 'wanted' | 'before';
const TURNS: readonly { readonly strategy: Strategy; readonly upTo: UpTo }[] = [
  { strategy: 'win', upTo: 'wanted' },
  { strategy: 'gain', upTo: 'before' },
  { strategy: 'improve', upTo: 'before' },
  { strategy: 'gain', upTo: 'wanted' },
  { strategy: 'improve', upTo: 'wanted' },
  { strategy: 'redistribute', upTo: 'wanted' },
  { strategy: 'fill', upTo: 'before' },
];

/** One open line under its strategy, before the run. */
export type Claim = {
  readonly key: string;
  readonly head: ShortLine;
  readonly strategy: Strategy;
  /** The segment that gave the strategy: `program dtc`; `others` where none did. */
  readonly segment: string;
  readonly valuePerUnit: number;
  readonly wanted: number;
  readonly before: number;
};

/** A claim on its way through the run. */
type Standing = Claim & {
  allocations: readonly Allocation[];
  /** Units that nobody whose turn comes later may take. */
  secured: number;
};

type Run = {
  readonly books: Books;
  readonly item: ItemBook;
  readonly command: Command;
  readonly body: ReconfirmCommand;
  /** First served first. */
  readonly standings: readonly Standing[];
};

const unitsOf = (standing: Standing): number => standing.allocations.reduce((sum, part) => sum + part.quantity, 0);
const ownerOf = ({ head }: Claim) => ({ orderId: head.id, lineRef: head.line.lineRef });

function refuse(cause: string, message: string, field: string, fix: string): never {
  throw new CommandRefused(cause, message, { field, fix });
}

function checkBody(books: Books, { segments, by, others }: ReconfirmCommand): void {
  if (!RECONFIRM_ORDERS.includes(by))
    refuse('unknown-order', `by is ${by}`, 'by', `give one of ${RECONFIRM_ORDERS.join(', ')}`);
  const known = { program: [...books.programs.keys()], channel: [...books.programOf.keys()] };
  const seen = new Set<string>();
  segments.forEach(({ match, id, strategy, margin = 0, chargeback = 0 }, index) => {
    const field = `segments[${index}]`;
    if (match !== 'order' && !known[match].includes(id))
      refuse(`unknown-${match}`, `no ${match} is called ${id}`, field, `give one of ${known[match].sort().join(', ')}`);
    if (seen.has(`${match} ${id}`))
      refuse('segment-twice', `${match} ${id} is given twice`, field, 'give each segment once');
    seen.add(`${match} ${id}`);
    if ([margin, chargeback].some((value) => !Number.isFinite(value) || value < 0))
      refuse(
        'impossible-value',
        `a unit of ${match} ${id} is worth ${margin} and ${chargeback}`,
        field,
        'give amounts from 0',
      );
    checkStrategy(strategy, `${field}.strategy`);
  });
  checkStrategy(others, 'others');
}

function checkStrategy(strategy: Strategy | undefined, field: string): void {
  if (strategy === undefined || STRATEGIES.includes(strategy)) return;
  refuse('unknown-strategy', `no strategy is called ${strategy}`, field, `give one of ${STRATEGIES.join(', ')}`);
}

/** All lines that have or want units of the item, as they stand at this moment of the batch. */
function openLinesOf(books: Books, item: ItemBook): ShortLine[] {
  const loaded = item.openLines;
  assert(loaded !== undefined, `the open lines of ${item.sku} were not loaded`);
  if (loaded.length > OPEN_LINES_MAX) {
    refuse(
      'too-many-lines',
      `${item.sku} has more than ${OPEN_LINES_MAX} open lines`,
      'sku',
      'ship or cancel some of them first',
    );
  }
  const lines = new Map(loaded.map((short) => [lineKey(short.id, short.line.lineRef), short]));
  for (const { lines: own, id, channel, program, placedAt } of books.orders.values()) {
    for (const line of own)
      if (line.sku === item.sku) lines.set(lineKey(id, line.lineRef), { id, channel, program, placedAt, line });
  }
  for (const [key, { line }] of books.filled) {
    const head = lines.get(key);
    if (head !== undefined && line.sku === item.sku) lines.set(key, { ...head, line });
  }
  return [...lines.values()].filter(({ line }) => allocatedUnits(line) + line.short > 0);
}

const NEAREST = ['order', 'channel', 'program'] as const;

function claimOf(head: ShortLine, { segments, others }: ReconfirmCommand): Claim {
  const names = { order: head.id, channel: head.channel, program: head.program };
  const fitting = NEAREST.flatMap((match) => segments.filter((one) => one.match === match && one.id === names[match]));
  const chosen = fitting.find(({ strategy }) => strategy !== undefined);
  const priced = fitting.find(({ margin, chargeback }) => margin !== undefined || chargeback !== undefined);
  return {
    key: lineKey(head.id, head.line.lineRef),
    head,
    strategy: chosen?.strategy ?? others,
    segment: chosen === undefined ? 'others' : `${chosen.match} ${chosen.id}`,
    valuePerUnit: (priced?.margin ?? 0) + (priced?.chargeback ?? 0),
    wanted: openUnits(head.line),
    before: allocatedUnits(head.line),
  };
}

/** The open lines under their strategies, first served first. */
export function claimsOf(books: Books, body: ReconfirmCommand): Claim[] {
  const item = itemFor(books, body.sku);
  const rank = ({ strategy, valuePerUnit, head }: Claim): readonly (number | string)[] => [
    STRATEGIES.indexOf(strategy),
    body.by === 'valueAtRisk' ? -valuePerUnit : 0,
    books.programs.get(head.program)?.priority ?? Number.MAX_SAFE_INTEGER,
    head.placedAt,
    head.id,
    head.line.lineRef,
  ];
  return openLinesOf(books, item)
    .map((head) => claimOf(head, body))
    .map((claim) => ({ claim, rank: rank(claim) }))
    .sort((a, b) => {
      const at = a.rank.findIndex((value, index) => value !== b.rank[index]);
      return at < 0 || (a.rank[at] ?? 0) < (b.rank[at] ?? 0) ? -1 : 1;
    })
    .map(({ claim }) => claim);
}

/** Takes units of one part off a line, back to where they came from. */
function release(run: Run, from: Standing, part: Allocation, units: number): void {
  takeUnits(run.item, run.books, run.command, { ...ownerOf(from), kind: 'release', units, allocations: [part] });
  keepLess(from, part, units);
}

function keepLess(from: Standing, part: Allocation, units: number): void {
  from.allocations = from.allocations
    .map((one) => (one === part ? { ...part, quantity: part.quantity - units } : one))
    .filter(({ quantity }) => quantity > 0);
}

/** A place that has less than it promised takes the rest from its lines, the last served first. */
function clearDeficits(run: Run): void {
  for (const [location, free] of freeOf(run.books, run.item)) {
    let missing = -free;
    for (const standing of run.standings.toReversed()) {
      for (const part of standing.allocations.filter((one) => one.location === location).toReversed()) {
        if (missing <= 0) break;
        const units = Math.min(missing, part.quantity);
        release(run, standing, part, units);
        missing -= units;
      }
    }
  }
}

function drawFree(run: Run, to: Standing, wanted: number): void {
  const ask = { ...ownerOf(to), program: to.head.program, wanted };
  to.allocations = mergeAllocations([...to.allocations, ...allocateUnits(run.item, run.books, run.command, ask)]);
}

/** Hands units of one line to another: never through the pools, where they would protect somebody else first. */
function handOver(run: Run, from: Standing, to: Standing, part: Allocation, units: number): void {
  const isSame = part.program === to.head.program;
  const isGivenUp = part.pool === 'own' && !isSame;
  const taken: Allocation = {
    ...part,
    program: to.head.program,
    pool: isGivenUp ? 'shared' : part.pool,
    quantity: units,
  };
  const entry = { commandId: run.command.id, location: part.location, occurredAt: run.command.occurredAt };
  const { program, pool } = part;
  postPromise(run.item, run.books, {
    ...entry,
    ...ownerOf(from),
    program,
    pool,
    kind: 'release',
    delta: -units,
    consumed: 0,
  });
  postPromise(run.item, run.books, {
    ...entry,
    ...ownerOf(to),
    program: taken.program,
    pool: taken.pool,
    kind: 'allocate',
    delta: units,
    consumed: 0,
  });
  keepLess(from, part, units);
  to.allocations = mergeAllocations([...to.allocations, taken]);
}

/** Takes from those whose turn is still to come, the last of them first. */
function takeFromOthers(run: Run, to: Standing, wanted: number): void {
  const program = run.books.programs.get(to.head.program);
  if (program === undefined) return;
  const limitLeft = poolsFor(run.books, run.item).own.find((share) => share.program === program.id)?.limitLeft ?? null;
  let open = wanted;
  for (const from of run.standings.toReversed()) {
    if (open <= 0) return;
    let spare = from === to ? 0 : unitsOf(from) - from.secured;
    for (const part of from.allocations.toReversed()) {
      if (spare <= 0 || open <= 0) break;
      const isSame = part.program === program.id;
      const isOpen = isSame ? program.drawOrder !== 'ownOnly' || part.pool === 'own' : program.drawOrder !== 'ownOnly';
      const isFree = isSame || part.pool === 'shared' || from.strategy === 'lose';
      if (!isOpen || !isFree || !program.locations.includes(part.location)) continue;
      // What changes hands inside a program is within its limit already.
      const units = Math.min(open, spare, part.quantity, isSame ? open : Math.min(open, limitLeft ?? open));
      if (units <= 0) continue;
      handOver(run, from, to, part, units);
      spare -= units;
      open -= units;
    }
  }
}

function serve(run: Run, standing: Standing, upTo: number): void {
  const lacks = () => upTo - unitsOf(standing);
  if (lacks() > 0) drawFree(run, standing, lacks());
  if (lacks() > 0) takeFromOthers(run, standing, lacks());
  standing.secured = Math.max(standing.secured, Math.min(upTo, unitsOf(standing)));
}

/** What each of them may have where all share what is in reach: their own units, those of later turns, and free ones. */
function fairTargets(run: Run, members: readonly Standing[], upTo: (standing: Standing) => number): number[] {
  const mine = new Set(members);
  const free = poolsFor(run.books, run.item).free;
  const stock = run.standings.reduce(
    (sum, one) => sum + (mine.has(one) ? unitsOf(one) : unitsOf(one) - one.secured),
    free,
  );
  return splitScarce(
    stock,
    members.map((one) => {
      const program = run.books.programs.get(one.head.program);
      return {
        id: one.key,
        priority: program?.priority ?? Number.MAX_SAFE_INTEGER,
        quantity: upTo(one),
        minimum: one.secured,
        weight: program?.weight ?? 1,
        pack: one.head.line.pack,
      };
    }),
  );
}

function runTurns(run: Run): void {
  for (const turn of TURNS) {
    const members = run.standings.filter(({ strategy }) => strategy === turn.strategy);
    const upTo = (standing: Standing): number => Math.min(standing.wanted, standing[turn.upTo]);
    if (run.body.by === 'fairShare') {
      const targets = fairTargets(run, members, upTo);
      members.forEach((standing, index) => {
        serve(run, standing, targets[index] ?? 0);
      });
    }
    // What places and pools kept from one is there for the next.
    for (const standing of members) serve(run, standing, upTo(standing));
  }
  for (const standing of run.standings) {
    if (standing.strategy === 'lose')
      for (const part of standing.allocations) release(run, standing, part, part.quantity);
  }
}

/** What the run comes to, entry by entry: releases first, so that nothing is promised twice on the way. */
function netEntries(entries: readonly PromiseEntry[]): PromiseEntry[] {
  const sums = new Map<string, PromiseEntry>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.orderId, entry.lineRef, entry.location, entry.program, entry.pool]);
    const before = sums.get(key);
    const delta = (before?.delta ?? 0) + entry.delta;
    const consumed = (before?.consumed ?? 0) + entry.consumed;
    sums.set(key, { ...entry, kind: delta < 0 ? 'release' : 'allocate', delta, consumed });
  }
  const net = [...sums.values()].filter(({ delta, consumed }) => delta !== 0 || consumed !== 0);
  return [...net.filter(({ kind }) => kind === 'release'), ...net.filter(({ kind }) => kind !== 'release')];
}

function keepLine(books: Books, item: ItemBook, { head, key }: Standing, allocations: readonly Allocation[]): void {
  const settled = { ...head.line, allocations };
  const line: OrderLine = { ...settled, short: openUnits(settled) - allocatedUnits(settled) };
  if (line.short > 0) item.shorts.set(key, { ...head, line });
  else {
    if (item.shorts.delete(key)) item.hasFilled = true;
  }
  const order = books.orders.get(head.id);
  if (order === undefined) books.filled.set(key, { orderId: head.id, line });
  else {
    books.orders.set(order.id, {
      ...order,
      lines: order.lines.map((one) => (one.lineRef === line.lineRef ? line : one)),
    });
    books.changedOrders.add(order.id);
  }
}

/** A copy of an item to plan on: its promises and draws move, the goods do not. */
const copyOf = (item: ItemBook): ItemBook => ({
  ...item,
  allocatedAt: new Map(item.allocatedAt),
  drawn: new Map(item.drawn),
  drawnBy: new Set(),
});

export function applyReconfirm(books: Books, command: Command, body: ReconfirmCommand): boolean {
  const item = itemFor(books, body.sku);
  checkBody(books, body);
  const standings = claimsOf(books, body).map((claim) => ({
    ...claim,
    allocations: claim.head.line.allocations,
    secured: 0,
  }));
  const planned: Books = { ...books, promises: [], touched: new Set() };
  const run: Run = { books: planned, item: copyOf(item), command, body, standings };
  clearDeficits(run);
  runTurns(run);
  const entries = netEntries(planned.promises);
  for (const { sku, ...entry } of entries) postPromise(item, books, entry);
  const changed = new Set(entries.map(({ orderId, lineRef }) => lineKey(orderId ?? '', lineRef ?? '')));
  for (const standing of standings)
    if (changed.has(standing.key)) keepLine(books, item, standing, standing.allocations);
  // Who waits is not filled by this command: the run has said who gets what.
  books.touched.delete(item);
  return entries.length > 0;
}
