/**
 * What the play does to the world, and what it keeps in mind of it: the state of a run, and commands as a warehouse sends them.
 */
import type { SandboxControl } from '#connectors/sandbox/control.ts';
import type { CommandBody } from '#core/command.ts';
import type { ChannelId } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { addCommands } from '#db/commands.ts';
import type { Buyers } from './buyers.ts';
import type { Pace } from './pace.ts';
import type { Restock } from './restock.ts';
import type { StreamEvent } from './stream.ts';
import type { StockMove } from './undersold.ts';

export type Amount = { orders: number; lines: number; units: number };

export type PlayOptions = {
  readonly db: Database;
  readonly controls: ReadonlyMap<string, SandboxControl>;
  readonly events: readonly StreamEvent[];
  readonly buyers: Buyers;
  readonly restock: Restock;
  readonly pace: Pace;
  readonly outstandingMax: number;
  /** Orders per second; null for the closed loop. */
  readonly ordersPerSecond: number | null;
  /** Called after the n-th order was offered (from 1): where faults strike. */
  readonly afterOrder: (n: number) => Promise<void>;
  readonly signal: AbortSignal;
};

export type Run = PlayOptions & {
  readonly offered: Map<ChannelId, Amount>;
  readonly moves: StockMove[];
  readonly adjustments: { wanted: number; done: number };
  /** Returned units by SKU that wait for the night's inspection. */
  readonly quarantine: Map<string, number>;
  readonly startedAt: number;
  /** Of each channel's log. */
  readonly answersReadTo: Map<ChannelId, number>;
  day: number;
  orders: number;
  returned: number;
};

export function controlOf(run: Run, channel: string): SandboxControl {
  const control = run.controls.get(channel);
  if (control === undefined) throw new Error(`there is no sandbox for ${channel}`);
  return control;
}

/** As a warehouse does. */
export const send = (run: Run, bodies: readonly CommandBody[], at: number): Promise<number[]> =>
  run.db.transaction((tx) =>
    addCommands(
      tx,
      bodies.map((body) => ({ body, actor: 'demo', occurredAt: at, channelId: null, inboxId: null })),
    ),
  );

/** Sends commands, and tells the oracle's diary of them. */
export async function command(run: Run, bodies: readonly (CommandBody & { readonly sku: string })[]): Promise<void> {
  if (bodies.length === 0) return;
  const at = Date.now();
  const ids = await send(run, bodies, at);
  run.moves.push(...bodies.map((body) => ({ at, body })));
  run.pace.watchCommands(ids, [...new Set(bodies.map(({ sku }) => sku))]);
}
