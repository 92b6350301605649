/** What a re-confirmation does, line by line and segment by segment: read from the facts, written or not (simulation). Pure. */
import { openBooks } from './books.ts';
import type { ReconfirmCommand, Strategy } from './command.ts';
import { allocatedUnits } from './kits.ts';
import type { ChannelId, Instant, OrderId, ProgramId, Sku } from './model.ts';
import { type Claim, claimsOf, type LeftOut, unmatchedIn } from './reconfirm-claims.ts';
import type { Facts, State } from './state.ts';

export type ReconfirmedLine = {
  readonly orderId: OrderId;
  readonly lineRef: string;
  readonly channel: ChannelId;
  readonly program: ProgramId;
  readonly placedAt: Instant;
  readonly segment: string;
  readonly strategy: Strategy;
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

export type LeftOutLine = Pick<ReconfirmedLine, 'orderId' | 'lineRef' | 'channel' | 'program'> & {
  /** Of the line: the item, or the kit. */
  readonly sku: Sku | null;
  /** Units of the item that it keeps. */
  readonly units: number;
  readonly why: LeftOut['why'];
};

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
  /** Units of lines that are not in the run. */
  readonly apart: number;
  /** These lines, by order: of kits, and of orders that want one place, or all or nothing. */
  readonly leftOut: readonly LeftOutLine[];
  /** Segments that were given and that no line of the run is of: `program dtc`. */
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
    wanted,
    before,
    after,
    change: after - before,
    valueAtRisk: (wanted - after) * valuePerUnit,
    exception: exceptionOf(claim, after),
  };
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
  const units = new Map<string, number>();
  const keep = (orderId: string, line: Parameters<typeof allocatedUnits>[0] & { readonly lineRef: string }) =>
    units.set(JSON.stringify([orderId, line.lineRef]), allocatedUnits(line));
  for (const { id, lines } of facts.orders) for (const line of lines) keep(id, line);
  for (const { orderId, line } of facts.filledLines) keep(orderId, line);
  const { claims, leftOut } = claimsOf(openBooks(state, now), body);
  const lines = claims.map((claim) =>
    lineOf(claim, units.get(JSON.stringify([claim.head.id, claim.head.line.lineRef])) ?? claim.before),
  );
  const places = placesOf(state, body.sku);
  const deficitBefore = sumOf(places.map(({ there, promised }) => Math.max(0, promised - there)));
  const deficits = facts.deficits.filter(({ sku }) => sku === body.sku);
  const promisedBefore = sumOf(places.map(({ promised }) => promised));
  const moved = facts.promises.filter(
    ({ sku, location }) => sku === body.sku && state.locations.some(({ id, sells }) => sells && id === location),
  );
  const changes = lines.map(({ change }) => change);
  const promises = state.items.find(({ sku }) => sku === body.sku)?.promises ?? [];
  const promisedAnywhere = sumOf(promises.map(({ allocated }) => allocated));
  return {
    sku: body.sku,
    by: body.by,
    there: sumOf(places.map(({ there }) => there)),
    promisedBefore,
    promisedAfter: promisedBefore + sumOf(moved.map(({ delta }) => delta)),
    deficitBefore,
    deficitAfter: deficits.length === 0 ? deficitBefore : sumOf(deficits.map(({ quantity }) => quantity)),
    apart: promisedAnywhere - sumOf(lines.map(({ before }) => before)),
    leftOut: leftOut.map(({ head: { id, channel, program, line }, units: kept, why }) => ({
      orderId: id,
      lineRef: line.lineRef,
      channel,
      program,
      sku: line.sku,
      units: kept,
      why,
    })),
    unmatched: unmatchedIn(claims, body),
    gained: sumOf(changes.map((change) => Math.max(0, change))),
    lost: sumOf(changes.map((change) => Math.max(0, -change))),
    lines,
    segments: segmentsOf(lines),
  };
}
