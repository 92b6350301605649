/** What push and looks are given of the allot that they are parts of (allot.ts). */
import type { Drift } from '#core/drift.ts';
import type { WireTarget } from '#core/wire.ts';
import type { Books } from './books.ts';
import type { Core } from './core.ts';
import type { Line } from './line.ts';
import type { Seen } from './platform.ts';
import type { Player, World } from './world.ts';

export type Target = WireTarget & { readonly version: number };

export type House = Player & {
  readonly world: World;
  readonly core: Core;
  readonly books: Books;
  readonly lines: ReadonlyMap<number, Line>;
  readonly now: number;
  readonly pusher: { ring(line: Line, afterMs?: number): void };
  readonly looks: {
    compare(line: Line, seen: Seen): void;
    judge(line: Line, target: WireTarget, seen: Seen): Drift | null;
    note(line: Line, drift: Drift): void;
  };
  target(line: Line): Target | null;
  isUndecided(sku: string): boolean;
  isReceivedUncounted(sku: string): boolean;
  poll(channel: string): void;
  review(sku: string): void;
  /** The platform has the newest number, or will by itself. */
  acknowledged(line: Line): void;
  keepSeen(line: Line, seenSold: number | null, forMs?: number): void;
  violate(says: string): void;
};
