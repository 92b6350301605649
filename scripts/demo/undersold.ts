/**
 * Phantom stock-outs: what the platforms refused although the oracle would have let them sell it at that very moment.
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

type Happening = { readonly at: Instant; readonly tell: (oracle: Oracle) => void };

export function findUndersold(
  brand: OracleBrand,
  events: readonly PlatformEvent[],
  moves: readonly StockMove[],
): Undersold {
  const lines: Undersold['lines'][number][] = [];
  const tellPlacement = (oracle: Oracle, channel: string, entry: Extract<LogEntry, { kind: 'placement' }>): void => {
    for (const { sku, quantity, accepted, shown } of entry.lines) {
      const could = accepted ? 0 : oracle.published(channel, sku);
      if (!accepted && could >= quantity) lines.push({ channel, sku, quantity, shown, could });
    }
    const accepted = entry.lines.filter((line) => line.accepted);
    if (entry.orderRef !== null) oracle.place(channel, entry.orderRef, accepted, entry.at);
  };
  const tell = (oracle: Oracle, { channel, entry }: PlatformEvent): void => {
    if (entry.kind === 'cancel') oracle.cancel(channel, entry.orderRef, entry.lines, entry.at);
    else if (entry.kind === 'ship') oracle.ship(channel, entry.orderRef, entry.lines, entry.at);
    else tellPlacement(oracle, channel, entry);
  };
  const happenings: Happening[] = [
    ...moves.map(({ at, body }) => ({ at, tell: (oracle: Oracle) => oracle.move(body, at) })),
    ...events.map((event) => ({ at: event.entry.at, tell: (oracle: Oracle) => tell(oracle, event) })),
  ];
  const oracle = openOracle(brand);
  for (const happening of happenings.sort((a, b) => a.at - b.at)) happening.tell(oracle);
  return { units: lines.reduce((sum, line) => sum + line.quantity, 0), lines };
}
