/** What a re-confirmation does, line by line and segment by segment: read from the facts, written or not (simulation). Pure. */
import { lineKey, openBooks } from './books.ts';
import type { ReconfirmCommand, Strategy } from './command.ts';
import { allocatedUnits } from './kits.ts';
import type { ChannelId, Completeness, Instant, OrderId, OrderLine, ProgramId, Sku } from './model.ts';
import { type Claim, claimsOf, unitsOf, unmatchedIn } from './reconfirm-claims.ts';
import type { Facts, ShortLine, State } from './state.ts';

export type ReconfirmedLine = {
  readonly orderId: OrderId;
  readonly lineRef: string;
  readonly channel: ChannelId;
  readonly program: ProgramId;
  readonly placedAt: Instant;
  readonly segment: string;
  readonly strategy: Strategy;
  /** The kit whose sets it takes; null for a line of the item itself. Its units are those of the item in them. */
  readonly kit: Sku | null;
  /** Whether it takes parts (`split`; of a kit in whole sets), or all or nothing. */
  readonly completeness: Completeness;
  readonly wanted: number;
  readonly before: number;
  readonly after: number;
  /** Units gained; below 0: lost. */
  readonly change: number;
  /** What its missing units cost after the run, by margin and chargeback. */
  readonly valueAtRisk: number;
  /** The word of its strategy could not be kept: there is not enough. Null where it was. */
  readonly exception: string | null;
};

export type ReconfirmedSegment = Pick<ReconfirmedLine, 'segment' | 'strategy'> & {
  readonly lines: number;
  readonly wanted: number;
  readonly before: number;
  readonly after: number;
  readonly gained: number;
  readonly lost: number;
};

export type BesideLine = Pick<
  ReconfirmedLine,
  'orderId' | 'lineRef' | 'channel' | 'program' | 'before' | 'after' | 'change'
> & { readonly sku: Sku };

export type ReconfirmReport = {
  readonly sku: Sku;
  readonly by: ReconfirmCommand['by'];
  /** Units where we sell from, less held. */
  readonly there: number;
  readonly promisedBefore: number;
  readonly promisedAfter: number;
  /** More promised than there is, over all places. */
  readonly deficitBefore: number;
  readonly deficitAfter: number;
  /** Lines of other items that change with an order that holds all or nothing; what kits release of other items goes with their sets. */
  readonly beside: readonly BesideLine[];
  /** Segments that were given and that no line is of: `program dtc`. */
  readonly unmatched: readonly string[];
  readonly gained: number;
  readonly lost: number;
  /** First served first. */
  readonly lines: readonly ReconfirmedLine[];
  readonly segments: readonly ReconfirmedSegment[];
};

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function exceptionOf({ strategy, wanted, before }: Claim, after: number): string | null {
  if (strategy === 'win' && after < wanted) return `must be served fully and lacks ${wanted - after}`;
  if (strategy === 'gain' && after < before) return `must keep ${before} and has ${after}`;
  return null;
}

function lineOf(claim: Claim, after: number): ReconfirmedLine {
  const { head, segment, strategy, wanted, before, valuePerUnit } = claim;
  return {
    orderId: head.id,
    lineRef: head.line.lineRef,
    channel: head.channel,
    program: head.program,
    placedAt: head.placedAt,
    segment,
    strategy,
    kit: head.line.components === undefined ? null : head.line.sku,
    completeness: claim.rule,
    wanted,
    before,
    after,
    change: after - before,
    valueAtRisk: (wanted - after) * valuePerUnit,
    exception: exceptionOf(claim, after),
  };
}

function besideOf({ id, channel, program, line }: ShortLine, now: OrderLine): BesideLine[] {
  const [before, after] = [allocatedUnits(line), allocatedUnits(now)];
  if (line.sku === null || before === after) return [];
  const { lineRef, sku } = line;
  return [{ orderId: id, lineRef, channel, program, sku, before, after, change: after - before }];
}

function segmentsOf(lines: readonly ReconfirmedLine[]): ReconfirmedSegment[] {
  const groups = Map.groupBy(lines, ({ segment, strategy }) => JSON.stringify([segment, strategy]));
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    const changes = members.map(({ change }) => change);
    return [
      {
        segment: first.segment,
        strategy: first.strategy,
        lines: members.length,
        wanted: sumOf(members.map(({ wanted }) => wanted)),
        before: sumOf(members.map(({ before }) => before)),
        after: sumOf(members.map(({ after }) => after)),
        gained: sumOf(changes.map((change) => Math.max(0, change))),
        lost: sumOf(changes.map((change) => Math.max(0, -change))),
      },
    ];
  });
}

/** Sellable less held per place that sells, and what is promised from it. */
function placesOf(state: State, sku: Sku): { there: number; promised: number }[] {
  const item = state.items.find((one) => one.sku === sku);
  if (item === undefined) return [];
  const at = <Row extends { readonly location: string }>(rows: readonly Row[], id: string) =>
    rows.filter(({ location }) => location === id);
  return state.locations
    .filter(({ sells }) => sells)
    .map(({ id }) => ({
      there:
        sumOf(at(item.balances, id).map(({ disposition, quantity }) => (disposition === 'sellable' ? quantity : 0))) -
        sumOf(at(item.promises, id).map(({ held }) => held)),
      promised: sumOf(at(item.promises, id).map(({ allocated }) => allocated)),
    }));
}

/** `facts` were decided from `state` by this command alone. */
export function reconfirmReport(state: State, body: ReconfirmCommand, facts: Facts, now: Instant): ReconfirmReport {
  const changed = new Map<string, OrderLine>();
  for (const { id, lines } of facts.orders) for (const line of lines) changed.set(lineKey(id, line.lineRef), line);
  for (const { orderId, line } of facts.filledLines) changed.set(lineKey(orderId, line.lineRef), line);
  const afterOf = ({ id, line }: ShortLine): OrderLine => changed.get(lineKey(id, line.lineRef)) ?? line;
  const { claims, beside } = claimsOf(openBooks(state, now), body);
  const lines = claims.map((claim) => lineOf(claim, unitsOf(afterOf(claim.head), body.sku)));
  const places = placesOf(state, body.sku);
  const deficitBefore = sumOf(places.map(({ there, promised }) => Math.max(0, promised - there)));
  const deficits = facts.deficits.filter(({ sku }) => sku === body.sku);
  const promisedBefore = sumOf(places.map(({ promised }) => promised));
  const moved = facts.promises.filter(
    ({ sku, location }) => sku === body.sku && state.locations.some(({ id, sells }) => sells && id === location),
  );
  const changes = lines.map(({ change }) => change);
  return {
    sku: body.sku,
    by: body.by,
    there: sumOf(places.map(({ there }) => there)),
    promisedBefore,
    promisedAfter: promisedBefore + sumOf(moved.map(({ delta }) => delta)),
    deficitBefore,
    deficitAfter: deficits.length === 0 ? deficitBefore : sumOf(deficits.map(({ quantity }) => quantity)),
    beside: beside.flatMap((head) => besideOf(head, afterOf(head))),
    unmatched: unmatchedIn(claims, body),
    gained: sumOf(changes.map((change) => Math.max(0, change))),
    lost: sumOf(changes.map((change) => Math.max(0, -change))),
    lines,
    segments: segmentsOf(lines),
  };
}
