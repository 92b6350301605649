/** What every worker is handed by the composition root (main.ts). No worker opens anything itself. */
import type { Capabilities, ChannelConnection } from '#connectors/connector.ts';
import type { ChannelId, Instant } from '#core/model.ts';
import type { Protection } from '#core/wire.ts';
import type { Database } from '#db/client.ts';
import type { SealingKey } from '#db/seal.ts';
import type { ChannelBreaker } from './breaker.ts';
import type { Bell } from './queues.ts';
import type { DecidedBatch, Tracing } from './tracing.ts';

export type OpenChannel = {
  readonly id: ChannelId;
  readonly capabilities: Capabilities;
  /** Every call through it passes the breaker. */
  readonly connection: ChannelConnection;
  readonly breaker: ChannelBreaker;
  /** Names what reads its input: version, settings, keys. */
  readonly reader: string;
};

export type Log = {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** Counters the workers raise; metrics.ts makes Prometheus series of them. */
export type Tally = {
  pushed(channel: ChannelId, outcome: string, items: number, durationMs: number): void;
  drifted(channel: ChannelId, cause: string, listings: number): void;
  decided(batch: DecidedBatch): void;
};

export type WorkerContext = {
  readonly db: Database;
  readonly channels: ReadonlyMap<ChannelId, OpenChannel>;
  readonly sealingKeys: readonly [SealingKey, ...SealingKey[]];
  /** Names this process on leases. */
  readonly owner: string;
  /** ALLOT_READ_ONLY: nothing is written to any platform, whatever the modes say. */
  readonly readOnly: boolean;
  readonly publicUrl: string | null;
  readonly now: () => Instant;
  /** From 0 to 1: what waits are drawn with. */
  readonly random: () => number;
  readonly log: Log;
  readonly tally: Tally;
  /** Absent: nothing is traced. */
  readonly tracing?: Tracing;
  /** Decides what is pending in this process, where it may, without waiting for our own bell; else wakes the relay. */
  readonly decideSoon: () => void;
  /** Rings from the outbox without waiting for the relay's next turn. */
  readonly wakeRelay: () => void;
  /** Rings once, after a while. Lost with the process: the sweep then finds the work. */
  readonly ringLater: (bell: Bell, delayMs: number) => void;
};

/** For looks at platforms: nothing is sealed, so a command line needs no keys. */
export type LookContext = Omit<WorkerContext, 'sealingKeys'>;

export const protectionOf = (channel: OpenChannel): Protection => ({
  basis: channel.capabilities.quantityBasis,
  compares: channel.capabilities.writeProtection.includes('compareAndSet'),
});
