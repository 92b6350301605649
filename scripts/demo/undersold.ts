/**
 * Phantom stock-outs: what the platforms refused, or allot in its answer to an order, although the oracle would have let it be sold at
 * the very moment that the buyer asked for it.
 */
import type { LogEntry } from '#connectors/sandbox/control.ts';
import type { CommandBody } from '#core/command.ts';
import type { Instant } from '#core/model.ts';
import { type Oracle, type OracleBrand, openOracle } from './oracle.ts';
import type { PlatformEvent } from './platform-log.ts';

/** Stock that the demo itself moved, with the moment it did. */
export type StockMove = { readonly at: Instant; readonly body: CommandBody };

export type Undersold = {
  readonly units: number;
  readonly lines: readonly {
    readonly channel: string;
    readonly sku: string;
    readonly quantity: number;
    readonly shown: number;
    readonly could: number;
  }[];
};

type Happening = { readonly at: Instant; readonly tell: () => void };

type Placement = Extract<LogEntry, { kind: 'placement' }>;
type Answer = Extract<LogEntry, { kind: 'answer' }>;

/** Follows what the platforms say, and notes what they refused below the oracle's number. */
function openJudge(oracle: Oracle) {
  const lines: Undersold['lines'][number][] = [];
  /** What could be sold of each line at its placing, by order and SKU: an answer is judged by that. */
  const couldAt = new Map<string, { readonly shown: number; readonly could: number }>();
  const keyOf = (channel: string, orderRef: string, sku: string): string => `${channel} ${orderRef} ${sku}`;
  return {
    lines,
    place(channel: string, { orderRef, lines: offered, at }: Placement) {
      for (const { sku, quantity, accepted, shown } of offered) {
        const could = oracle.published(channel, sku);
        if (orderRef !== null && accepted) couldAt.set(keyOf(channel, orderRef, sku), { shown, could });
        if (!accepted && could >= quantity) lines.push({ channel, sku, quantity, shown, could });
      }
      const accepted = offered.filter((line) => line.accepted);
      if (orderRef !== null) oracle.place(channel, orderRef, accepted, at);
    },
    answer(channel: string, { orderRef, lines: answered, at }: Answer) {
      const refused = answered.filter((line) => line.refused > 0);
      for (const { sku, accepted, backOrdered, refused: units } of refused) {
        const { shown = 0, could = 0 } = couldAt.get(keyOf(channel, orderRef, sku)) ?? {};
        const quantity = Math.min(units, could - accepted - backOrdered);
        if (quantity > 0) lines.push({ channel, sku, quantity, shown, could });
      }
      if (refused.length === 0) return;
      const closed = refused.map(({ sku, refused: quantity }) => ({ sku, quantity }));
      oracle.cancel(channel, orderRef, closed, at);
    },
  };
}

export function findUndersold(
  brand: OracleBrand,
  events: readonly PlatformEvent[],
  moves: readonly StockMove[],
): Undersold {
  const oracle = openOracle(brand);
  const judge = openJudge(oracle);
  const tell = ({ channel, entry }: PlatformEvent): void => {
    if (entry.kind === 'cancel') oracle.cancel(channel, entry.orderRef, entry.lines, entry.at);
    else if (entry.kind === 'ship') oracle.ship(channel, entry.orderRef, entry.lines, entry.at);
    else if (entry.kind === 'answer') judge.answer(channel, entry);
    else judge.place(channel, entry);
  };
  const happenings: Happening[] = [
    ...moves.map(({ at, body }) => ({ at, tell: () => oracle.move(body, at) })),
    ...events.map((event) => ({ at: event.entry.at, tell: () => tell(event) })),
  ];
  for (const happening of happenings.sort((a, b) => a.at - b.at)) happening.tell();
  const { lines } = judge;
  return { units: lines.reduce((sum, line) => sum + line.quantity, 0), lines };
}
