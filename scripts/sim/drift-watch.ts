/**
 * Follows every drift until it is healed, or alerted, or its time is over: by the fault that made it, which the world knows, and by the
 * cause that was told of it, which allot says. So neither a drift that is not seen nor one that is seen and left alone goes unnoticed.
 *
 * A drift has one light-scan period from the moment that it can be told from a sale: fewer units than there should be are believed to be
 * sold for as long as their orders may come (`inFlightMs`). While a platform does not answer nothing can be told at all.
 */
import { CAUSES, type DriftCause } from '#core/drift.ts';
import type { Allot } from './allot.ts';
import { LIGHT_SCAN_MS, MINUTE_MS } from './brand.ts';
import type { Line } from './line.ts';
import type { Fault, ListingFault } from './traffic.ts';
import type { World } from './world.ts';

export type DriftTally = { healed: number; alerted: number; open: number };
/** `told`: how often a listing was found to drift by it. One that is then told another way is counted again there, and ends there. */
export type CauseTally = DriftTally & { told: number };

const CHECK_MS = 5000;
/** A look, a write, its settling and the look after it. */
const MENDING_MS = MINUTE_MS;

type OnListing = Extract<Fault, ListingFault>;
type End = keyof DriftTally;

type Case = {
  readonly line: Line;
  readonly at: number;
  /** Nothing to be seen of it yet. */
  readonly isLatent: () => boolean;
  readonly what: () => string;
  readonly end: (as: End) => void;
};

const nothing = (): DriftTally => ({ healed: 0, alerted: 0, open: 0 });
export const noCauses = (): Record<DriftCause, CauseTally> =>
  Object.fromEntries(CAUSES.map((cause) => [cause, { told: 0, ...nothing() }])) as Record<DriftCause, CauseTally>;

export class DriftWatch {
  /** Of all faults. */
  readonly tally: DriftTally = nothing();
  readonly byFault = new Map<string, DriftTally>();
  readonly byCause = noCauses();
  /** Listings that drift, by the cause that was told last: until a read shows what it should. */
  readonly #told = new Map<Line, { cause: DriftCause; isFollowed: boolean }>();
  readonly #world: World;
  readonly #allot: Allot;

  constructor(world: World, allot: Allot) {
    this.#world = world;
    this.#allot = allot;
    world.onFault = (fault) => {
      if (fault.kind === 'outage' || (fault.kind === 'lowered' && !world.lowered.includes(fault))) return;
      const channels = fault.kind === 'lowered' ? ['shop:main', 'market:main'] : [fault.channel];
      for (const channel of channels) this.#followFault(fault, allot.line(channel, fault.sku));
    };
    allot.looks.onDrift = (line, cause) => this.#followCause(line, cause);
    allot.looks.onHealed = (line) => this.#told.delete(line);
  }

  #followFault(fault: OnListing, line: Line): void {
    const { kind } = fault;
    const tally = this.byFault.get(kind) ?? nothing();
    this.byFault.set(kind, tally);
    this.#follow({
      line,
      at: fault.at,
      isLatent: () => kind === 'lost' && line.platform.shelf(line.sku).losesNext,
      what: () => kind,
      end: (as) => {
        this.tally[as] += 1;
        tally[as] += 1;
      },
    });
  }

  #followCause(line: Line, cause: DriftCause): void {
    const before = this.#told.get(line);
    const drift = before ?? { cause, isFollowed: false };
    if (before?.cause !== cause) this.byCause[cause].told += 1;
    drift.cause = cause;
    this.#told.set(line, drift);
    // Told another way it has no more time; and one that was alerted stays so.
    if (drift.isFollowed || this.#allot.looks.isAlerted(line)) return;
    drift.isFollowed = true;
    this.#follow({
      line,
      at: this.#world.clock.now,
      isLatent: () => false,
      what: () => `drift by ${drift.cause}`,
      end: (as) => {
        this.byCause[drift.cause][as] += 1;
        drift.isFollowed = false;
        if (as === 'healed') this.#told.delete(line);
      },
    });
  }

  #follow({ line, at, isLatent, what, end }: Case): void {
    const { clock } = this.#world;
    const { platform } = line;
    let foundAt = clock.now;
    const check = (): void => {
      // What mended it was lost on the platform: a drift of its own, with its own time.
      foundAt = Math.max(foundAt, platform.shelf(line.sku).lostAt);
      const isUntellable = isLatent() || platform.downUntil() !== null || this.#isBelieved(line);
      if (isUntellable) foundAt = clock.now;
      const as = isUntellable ? null : this.#endOf(line, at, clock.now - foundAt);
      if (as === 'open')
        this.#allot.violate(`${line.channel} ${line.sku}: ${what()} was neither healed nor alerted in time`);
      if (as !== null) end(as);
      // A write that is never made is never lost.
      else if (!(isLatent() && clock.now > at + 20 * LIGHT_SCAN_MS)) clock.after(CHECK_MS, check);
    };
    clock.after(CHECK_MS, check);
  }

  /** Null while it has time. */
  #endOf(line: Line, at: number, ageMs: number): End | null {
    const { looks } = this.#allot;
    if (looks.isAlerted(line) || (looks.alertedAt.get(line.id) ?? 0) >= at) return 'alerted';
    if (this.#isHealed(line, at)) return 'healed';
    return ageMs > LIGHT_SCAN_MS + MENDING_MS ? 'open' : null;
  }

  /** Taken for sales whose orders are on the way. */
  #isBelieved(line: Line): boolean {
    const target = this.#allot.target(line);
    return target !== null && target.inFlight > 0;
  }

  /**
   * It shows what it should, or what our last write left less what was truly sold since. Sales that a write of ours since then went over,
   * because it showed late, are the next drift.
   */
  #isHealed(line: Line, at: number): boolean {
    const { sync, platform, sku } = line;
    const shelf = platform.shelf(sku);
    const target = this.#allot.target(line);
    const isAcked = target?.version === line.ackedVersion && shelf.pending === 0 && shelf.state === 'tracked';
    if (isAcked && platform.sellable(sku) === target.quantity) return true;
    if (sync.ackedQuantity === null || sync.soldBaseline === null || shelf.pending > 0) return false;
    const left =
      platform.channel.protection.basis === 'sellable'
        ? sync.ackedQuantity - (shelf.sold - sync.soldBaseline)
        : sync.ackedWire;
    if (left === null || shelf.state !== 'tracked') return false;
    const isWrittenSince = line.writtenAt !== null && line.writtenAt > at;
    return shelf.number === left || (isWrittenSince && shelf.number === left + shelf.putBack);
  }
}
