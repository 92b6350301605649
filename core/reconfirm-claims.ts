/** Whose units a re-confirmation is about: the open lines of an item under their strategies; and what it refuses. See reconfirm.ts. */
import { type Books, type ItemBook, lineKey } from './books.ts';
import {
  RECONFIRM_ORDERS,
  type ReconfirmCommand,
  type ReconfirmSegment,
  STRATEGIES,
  type Strategy,
} from './command.ts';
import { completenessOf } from './completeness.ts';
import { assert } from './errors.ts';
import { allocatedUnits } from './kits.ts';
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

/** An open line that a run does not touch: of a kit, or of an order that wants one place or all, parts are no use. */
export type LeftOut = {
  readonly head: ShortLine;
  /** Units of the item that it keeps. */
  readonly units: number;
  readonly why: 'kit' | Exclude<Completeness, 'split'>;
};

function whyLeftOut(books: Books, { program, fillRule, line }: ShortLine): LeftOut['why'] | null {
  if (line.components !== undefined) return 'kit';
  const rule = completenessOf(books.programs.get(program), fillRule);
  return rule === 'split' ? null : rule;
}

/** What a line, of the item or of a kit with it, holds of an item. */
const unitsOf = (line: OrderLine, sku: Sku): number =>
  line.allocations.reduce((sum, part) => ((part.sku ?? line.sku) === sku ? sum + part.quantity : sum), 0);

const takesItem = (line: OrderLine, sku: Sku): boolean =>
  line.components === undefined ? line.sku === sku : line.components.some((part) => part.sku === sku);

function checkStrategy(strategy: Strategy | undefined, field: string): void {
  if (strategy === undefined || STRATEGIES.includes(strategy)) return;
  refuse('unknown-strategy', `no strategy is called ${strategy}`, field, `give one of ${STRATEGIES.join(', ')}`);
}

/** All lines that have or want units of the item, in the run or not, as they stand at this moment of the batch. */
function openLinesOf(books: Books, item: ItemBook): ShortLine[] {
  if (item.components !== null) {
    const parts = item.components.map(({ sku }) => sku).join(', ');
    refuse('kit', `${item.sku} is a kit and has no stock of its own`, 'sku', `confirm what it is made of: ${parts}`);
  }
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
  for (const { lines: own, id, channel, program, placedAt, state } of books.orders.all()) {
    const told = state.fillRule === undefined ? {} : { fillRule: state.fillRule };
    for (const line of own)
      if (takesItem(line, item.sku))
        lines.set(lineKey(id, line.lineRef), { id, channel, program, placedAt, ...told, line });
  }
  for (const [key, { line }] of books.filled) {
    const head = lines.get(key);
    if (head !== undefined) lines.set(key, { ...head, line });
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

const fits = (segment: ReconfirmSegment, { id, channel, program }: ShortLine): boolean =>
  segment.id === { order: id, channel, program }[segment.match];

/** A segment whose lines are all left out would do nothing, and look as if it had. */
function checkReach(
  heads: readonly ShortLine[],
  leftOut: readonly LeftOut[],
  { sku, segments }: ReconfirmCommand,
): void {
  segments.forEach((segment, index) => {
    const apart = leftOut.filter(({ head }) => fits(segment, head));
    if (apart.length === 0 || heads.some((head) => fits(segment, head))) return;
    const units = apart.reduce((sum, one) => sum + one.units, 0);
    refuse(
      'segment-left-out',
      `${segment.match} ${segment.id} has only lines of ${sku} that a run leaves out (${[...new Set(apart.map(({ why }) => why))].join(', ')}): ${apart.length}, with ${units} units`,
      `segments[${index}]`,
      'leave it out of the run; to free what such an order holds cancel it, or change its order lines, in its own system',
    );
  });
}

/** The segments that no line of the run is of. */
export const unmatchedIn = (claims: readonly Claim[], { segments }: ReconfirmCommand): readonly string[] =>
  segments
    .filter((segment) => !claims.some(({ head }) => fits(segment, head)))
    .map(({ match, id }) => `${match} ${id}`);

export type Claims = {
  /** First served first. */
  readonly claims: readonly Claim[];
  /** By order and line. */
  readonly leftOut: readonly LeftOut[];
};

/** The open lines under their strategies, and those that the run leaves out. */
export function claimsOf(books: Books, body: ReconfirmCommand): Claims {
  const item = itemFor(books, body.sku);
  const rank = ({ strategy, valuePerUnit, head }: Claim): readonly (number | string)[] => [
    STRATEGIES.indexOf(strategy),
    body.by === 'valueAtRisk' ? -valuePerUnit : 0,
    books.programs.get(head.program)?.priority ?? Number.MAX_SAFE_INTEGER,
    head.placedAt,
    head.id,
    head.line.lineRef,
  ];
  const open = openLinesOf(books, item);
  const leftOut = open
    .flatMap((head): LeftOut[] => {
      const why = whyLeftOut(books, head);
      return why === null ? [] : [{ head, units: unitsOf(head.line, item.sku), why }];
    })
    .sort((a, b) => (lineKey(a.head.id, a.head.line.lineRef) < lineKey(b.head.id, b.head.line.lineRef) ? -1 : 1));
  const heads = open.filter((head) => whyLeftOut(books, head) === null);
  checkReach(heads, leftOut, body);
  const claims = heads
    .map((head) => claimOf(head, body))
    .map((claim) => ({ claim, rank: rank(claim) }))
    .sort((a, b) => {
      const at = a.rank.findIndex((value, index) => value !== b.rank[index]);
      return at < 0 || (a.rank[at] ?? 0) < (b.rank[at] ?? 0) ? -1 : 1;
    })
    .map(({ claim }) => claim);
  return { claims, leftOut };
}
