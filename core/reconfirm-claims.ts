/** Whose units a re-confirmation is about: the open lines of an item under their strategies; and what it refuses. See reconfirm.ts. */
import { type Books, type ItemBook, lineKey } from './books.ts';
import {
  RECONFIRM_ORDERS,
  type ReconfirmCommand,
  type ReconfirmSegment,
  STRATEGIES,
  type Strategy,
} from './command.ts';
import { completenessOf, isAllOrNothing } from './completeness.ts';
import { assert } from './errors.ts';
import { allocatedUnits, withComposition } from './kits.ts';
import type { Completeness, OrderLine, Sku } from './model.ts';
import { openUnits } from './order-lines.ts';
import { CommandRefused } from './refusal.ts';
import type { ShortLine } from './state.ts';
import { itemFor } from './stock.ts';

/** More open lines of one item than this are not confirmed in one batch. */
export const OPEN_LINES_MAX = 5000;

/** One open line under its strategy, before the run. */
export type Claim = {
  readonly key: string;
  readonly head: ShortLine;
  readonly strategy: Strategy;
  /** The segment that gave the strategy: `program dtc`; `others` where none did. */
  readonly segment: string;
  readonly valuePerUnit: number;
  /** What it is filled by; `split` takes what there is, of a kit in whole sets. */
  readonly rule: Completeness;
  /** Units of the item that one unit of the line takes: more than 1 where a set does. */
  readonly perSet: number;
  /** In units of the item. */
  readonly wanted: number;
  readonly before: number;
};

function refuse(cause: string, message: string, field: string, fix: string): never {
  throw new CommandRefused(cause, message, { field, fix });
}

export function checkReconfirm(books: Books, { segments, by, others }: ReconfirmCommand): void {
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

/** What a line, of the item or of a kit with it, holds of an item. */
export const unitsOf = (line: Pick<OrderLine, 'sku' | 'allocations'>, sku: Sku): number =>
  line.allocations.reduce((sum, part) => ((part.sku ?? line.sku) === sku ? sum + part.quantity : sum), 0);

/** Units of an item that one unit of a line takes. */
const perSetOf = ({ sku: own, components }: OrderLine, sku: Sku): number =>
  components === undefined ? Number(own === sku) : (components.find((part) => part.sku === sku)?.quantity ?? 0);

const ruleOf = (books: Books, { program, fillRule }: ShortLine): Completeness =>
  completenessOf(books.programs.get(program), fillRule);

function checkStrategy(strategy: Strategy | undefined, field: string): void {
  if (strategy === undefined || STRATEGIES.includes(strategy)) return;
  refuse('unknown-strategy', `no strategy is called ${strategy}`, field, `give one of ${STRATEGIES.join(', ')}`);
}

/** A line with what it is made of now. */
function asItStands(books: Books, head: ShortLine): ShortLine {
  const own = head.line.sku === null ? undefined : books.items.get(head.line.sku);
  const line = own === undefined ? head.line : withComposition(head.line, own);
  return line === head.line ? head : { ...head, line };
}

type OpenLines = {
  /** Those that have or want units of the item, by themselves or in sets. */
  readonly taking: readonly ShortLine[];
  /** Of the orders among them that want all or nothing, the other open lines. */
  readonly beside: readonly ShortLine[];
};

/** All lines that the run may change, as they stand at this moment of the batch. */
function openLinesOf(books: Books, item: ItemBook): OpenLines {
  if (item.components !== null) {
    const parts = item.components.map(({ sku }) => sku).join(', ');
    refuse('kit', `${item.sku} is a kit and has no stock of its own`, 'sku', `confirm what it is made of: ${parts}`);
  }
  const loaded = item.openLines;
  assert(loaded !== undefined, `the open lines of ${item.sku} were not loaded`);
  const lines = new Map(loaded.map((short) => [lineKey(short.id, short.line.lineRef), short]));
  for (const { lines: own, id, channel, program, placedAt, state } of books.orders.all()) {
    const told = state.fillRule === undefined ? {} : { fillRule: state.fillRule };
    for (const line of own) lines.set(lineKey(id, line.lineRef), { id, channel, program, placedAt, ...told, line });
  }
  for (const [key, { line }] of books.filled) {
    const head = lines.get(key);
    if (head !== undefined) lines.set(key, { ...head, line });
  }
  const open = [...lines.values()]
    .filter(({ line }) => line.sku !== null && allocatedUnits(line) + line.short > 0)
    .map((head) => asItStands(books, head));
  const taking = open.filter(({ line }) => perSetOf(line, item.sku) > 0);
  const whole = new Set(taking.filter((head) => isAllOrNothing(ruleOf(books, head))).map(({ id }) => id));
  const beside = open.filter(({ id, line }) => whole.has(id) && perSetOf(line, item.sku) === 0);
  if (Math.max(taking.length, beside.length) > OPEN_LINES_MAX) {
    refuse(
      'too-many-lines',
      `${item.sku} has more than ${OPEN_LINES_MAX} open lines`,
      'sku',
      'ship or cancel some of them first',
    );
  }
  return { taking, beside };
}

const NEAREST = ['order', 'channel', 'program'] as const;

type Segmented = Pick<ShortLine, 'id' | 'channel' | 'program'>;

/** Segments that a line is of: its order's, then its channel's, then its program's. */
function segmentsOf(segments: readonly ReconfirmSegment[], { id, channel, program }: Segmented): ReconfirmSegment[] {
  const names = { order: id, channel, program };
  return NEAREST.flatMap((match) => segments.filter((one) => one.match === match && one.id === names[match]));
}

/** What a run may do to a line, and the segment that says so (`order ID`, `channel ID`, `program ID`, `others`): the nearest that names a strategy. */
export function strategyFor(
  { segments, others }: Pick<ReconfirmCommand, 'segments' | 'others'>,
  line: Segmented,
): { readonly strategy: Strategy; readonly segment: string } {
  const chosen = segmentsOf(segments, line).find(({ strategy }) => strategy !== undefined);
  if (chosen?.strategy === undefined) return { strategy: others, segment: 'others' };
  return { strategy: chosen.strategy, segment: `${chosen.match} ${chosen.id}` };
}

function claimOf(books: Books, head: ShortLine, body: ReconfirmCommand): Claim {
  const { sku } = body;
  const priced = segmentsOf(body.segments, head).find(
    ({ margin, chargeback }) => margin !== undefined || chargeback !== undefined,
  );
  return {
    key: lineKey(head.id, head.line.lineRef),
    head,
    ...strategyFor(body, head),
    valuePerUnit: (priced?.margin ?? 0) + (priced?.chargeback ?? 0),
    rule: ruleOf(books, head),
    perSet: perSetOf(head.line, sku),
    wanted: openUnits(head.line) * perSetOf(head.line, sku),
    before: unitsOf(head.line, sku),
  };
}

const fits = (segment: ReconfirmSegment, { id, channel, program }: ShortLine): boolean =>
  segment.id === { order: id, channel, program }[segment.match];

/** The segments that no line is of. */
export const unmatchedIn = (claims: readonly Claim[], { segments }: ReconfirmCommand): readonly string[] =>
  segments
    .filter((segment) => !claims.some(({ head }) => fits(segment, head)))
    .map(({ match, id }) => `${match} ${id}`);

export type Claims = {
  /** First served first. */
  readonly claims: readonly Claim[];
  /** Lines that stand or fall with a claim: of other items, of an order that wants all or nothing. By order and line. */
  readonly beside: readonly ShortLine[];
};

/** The open lines under their strategies, and those that go with them. */
export function claimsOf(books: Books, body: ReconfirmCommand): Claims {
  const { taking, beside } = openLinesOf(books, itemFor(books, body.sku));
  const rank = ({ strategy, valuePerUnit, head }: Claim): readonly (number | string)[] => [
    STRATEGIES.indexOf(strategy),
    body.by === 'valueAtRisk' ? -valuePerUnit : 0,
    books.programs.get(head.program)?.priority ?? Number.MAX_SAFE_INTEGER,
    head.placedAt,
    head.id,
    head.line.lineRef,
  ];
  const keyOf = ({ id, line }: ShortLine): string => lineKey(id, line.lineRef);
  return {
    claims: taking
      .map((head) => claimOf(books, head, body))
      .map((claim) => ({ claim, rank: rank(claim) }))
      .sort((a, b) => {
        const at = a.rank.findIndex((value, index) => value !== b.rank[index]);
        return at < 0 || (a.rank[at] ?? 0) < (b.rank[at] ?? 0) ? -1 : 1;
      })
      .map(({ claim }) => claim),
    beside: beside.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
  };
}
