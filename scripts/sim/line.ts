/** What allot keeps of a listing beside the books: what db/ has in listing_sync, push_attempt, drift and overwrite. */
import type { Drift, Overwrite, StopReason } from '#core/drift.ts';
import type { Instant } from '#core/model.ts';
import type { SyncState } from '#core/wire.ts';
import { listingIdOf, packOf } from './brand.ts';
import type { Platform } from './platform.ts';

export const NEVER_WRITTEN: SyncState = { ackedQuantity: null, ackedWire: null, soldBaseline: null };

export type Line = {
  readonly id: number;
  readonly channel: string;
  readonly sku: string;
  readonly pack: number;
  readonly platform: Platform;
  sync: SyncState;
  /** The last two, newest first. */
  written: readonly number[];
  unknown: SyncState | null;
  /** Since when looks leave in doubt what became of it. */
  doubtedAt: Instant | null;
  ackedVersion: number;
  ackedAt: Instant;
  writtenAt: Instant | null;
  /** A write or a look is under way. */
  isBusy: boolean;
  readDueAt: Instant | null;
  blockedUntil: Instant;
  failures: number;
  lookedAt: Instant;
  /** As it was last read. */
  shows: number;
  /** Of a number that went out by document: it has no receipt yet. */
  sent: { readonly version: number; readonly resendAt: Instant } | null;
  stopped: StopReason | null;
  stoppedAt: Instant;
  resumedAt: Instant | null;
  overwrites: readonly Overwrite[];
  drift: { readonly cause: Drift['cause']; readonly foundAt: Instant } | null;
  /** Since when a target is not acknowledged. */
  behindSince: Instant | null;
  /** The number that is out there went out although an order was known that it does not count. */
  isWrittenKnowing: boolean;
};

export const openLine = (platform: Platform, sku: string): Line => ({
  id: listingIdOf(platform.channel.id, sku),
  channel: platform.channel.id,
  sku,
  pack: packOf(platform.channel.id, sku),
  platform,
  sync: NEVER_WRITTEN,
  written: [],
  unknown: null,
  doubtedAt: null,
  ackedVersion: 0,
  ackedAt: 0,
  writtenAt: null,
  isBusy: false,
  readDueAt: null,
  blockedUntil: 0,
  failures: 0,
  lookedAt: 0,
  shows: 0,
  sent: null,
  stopped: null,
  stoppedAt: 0,
  resumedAt: null,
  overwrites: [],
  drift: null,
  behindSince: null,
  isWrittenKnowing: false,
});

/** Doubles from `first` with each failure, to a minute. */
export const backOff = (line: Line, firstMs: number): number =>
  Math.min(60_000, firstMs * 2 ** Math.min(10, line.failures));
