/**
 * Follows each fault that makes a listing show a wrong number until that is healed, or alerted, or its time is over.
 *
 * A drift has one light-scan period from the moment that it can be told from a sale: fewer units than there should be are believed to be
 * sold for as long as their orders may come (`inFlightMs`). While a platform does not answer nothing can be told at all.
 */
import type { Allot } from './allot.ts';
import { LIGHT_SCAN_MS, MINUTE_MS } from './brand.ts';
import type { Line } from './line.ts';
import type { Fault, ListingFault } from './traffic.ts';
import type { World } from './world.ts';

export type DriftTally = { healed: number; alerted: number; open: number };

const CHECK_MS = 5000;
/** A look, a write, its settling and the look after it. */
const MENDING_MS = MINUTE_MS;

type OnListing = Extract<Fault, ListingFault>;

export class DriftWatch {
  readonly tally: DriftTally = { healed: 0, alerted: 0, open: 0 };
  /** By kind of fault. */
  readonly byKind = new Map<string, DriftTally>();
  readonly #world: World;
  readonly #allot: Allot;

  constructor(world: World, allot: Allot) {
    this.#world = world;
    this.#allot = allot;
    world.onFault = (fault) => {
      if (fault.kind === 'outage' || (fault.kind === 'lowered' && !world.lowered.includes(fault))) return;
      const channels = fault.kind === 'lowered' ? ['shop:main', 'market:main'] : [fault.channel];
      for (const channel of channels) this.#follow(fault, allot.line(channel, fault.sku));
    };
  }

  #follow(fault: OnListing, line: Line): void {
    const { clock } = this.#world;
    const { platform } = line;
    let foundAt = clock.now;
    const check = (): void => {
      const isLatent = fault.kind === 'lost' && platform.shelf(line.sku).losesNext;
      if (isLatent || platform.downUntil() !== null || this.#isBelieved(line)) foundAt = clock.now;
      else if ((this.#allot.looks.alertedAt.get(line.id) ?? 0) >= fault.at) {
        this.#end(fault, 'alerted');
        return;
      } else if (this.#isHealed(line)) {
        this.#end(fault, 'healed');
        return;
      } else if (clock.now - foundAt > LIGHT_SCAN_MS + MENDING_MS) {
        this.#allot.violate(`${line.channel} ${line.sku}: ${fault.kind} was neither healed nor alerted in time`);
        this.#end(fault, 'open');
        return;
      }
      // A write that is never made is never lost.
      if (!(isLatent && clock.now > fault.at + 20 * LIGHT_SCAN_MS)) clock.after(CHECK_MS, check);
    };
    clock.after(CHECK_MS, check);
  }

  /** Taken for sales whose orders are on the way. */
  #isBelieved(line: Line): boolean {
    const target = this.#allot.target(line);
    return target !== null && target.inFlight > 0;
  }

  /** It shows what it should, or what our last write left less what was truly sold since. */
  #isHealed(line: Line): boolean {
    const { sync, platform, sku } = line;
    const shelf = platform.shelf(sku);
    const target = this.#allot.target(line);
    const isAcked = target?.version === line.ackedVersion && shelf.pending === 0 && shelf.state === 'tracked';
    if (isAcked && shelf.number === target.quantity) return true;
    if (sync.ackedQuantity === null || sync.soldBaseline === null || shelf.pending > 0) return false;
    return shelf.state === 'tracked' && shelf.number === sync.ackedQuantity - (shelf.sold - sync.soldBaseline);
  }

  #end(fault: OnListing, as: keyof DriftTally): void {
    this.tally[as] += 1;
    const kind = this.byKind.get(fault.kind) ?? { healed: 0, alerted: 0, open: 0 };
    kind[as] += 1;
    this.byKind.set(fault.kind, kind);
  }
}
