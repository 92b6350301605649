/**
 * A selling platform: shows numbers, sells by itself, is read and written to by calls that take time and fail.
 *
 * It lowers its own number when it sells, whatever anybody has heard of it (quantity basis `sellable`); or it subtracts its own open
 * orders from a number that only writes change (`onHandLessOwnOpen`), so that what was shipped is on sale again until it is told. A write may be applied and
 * its answer lost, answered and never shown, refused for the moment, or refused for a stale compare; one that shows late overwrites
 * what was sold meanwhile. It sells nothing of a listing that it does not count. Models per call what a connector and its platform do per batch.
 */
import type { OrderState } from '#core/order-state.ts';
import { HOUR_MS, MINUTE_MS, packOf, type SimChannel, SKUS } from './brand.ts';
import type { Clock } from './clock.ts';
import { type Random, randomOf } from './random.ts';
import { type Arrival, type Fault, QUIET_FROM } from './traffic.ts';

export type ShelfState = 'tracked' | 'untracked' | 'missing' | 'notBuyable';

export type Seen = {
  readonly sellable: number;
  readonly shown: number;
  readonly state: ShelfState;
  readonly asOf: number;
  readonly named: string | null;
};

/** `soldBaseline`: sales that the number knows of. */
export type Wire = { readonly number: number; readonly compareWith: number | null; readonly soldBaseline: number };

export type WriteOutcome = 'applied' | 'stale' | 'rejected' | 'unknown' | 'notSent';

export type Shelf = {
  number: number;
  state: ShelfState;
  trackedSince: number;
  named: string | null;
  clockAheadMs: number;
  /** Units sold and not cancelled, over all time. */
  sold: number;
  /** Of these, not shipped. */
  open: number;
  /** The next accepted write is answered, and never shown. */
  losesNext: boolean;
  /** Accepted and not shown yet. */
  pending: number;
  /** The newest document that was taken. */
  sequence: number;
  /** When somebody else last changed it, or it last counted nothing. */
  editedAt: number;
  /** When a write of ours was last answered and never shown. */
  lostAt: number;
  /** The number was somebody else's before it was sold from. */
  isTheirs: boolean;
  /** Units whose sale the last write went over: it did not know of them, and put them back on sale. */
  putBack: number;
};

type PlatformOrder = {
  readonly arrival: Arrival;
  readonly placedAt: number;
  cancelled: boolean;
  shipped: boolean;
  modifiedAt: number;
  version: number;
  /** When its list of orders tells of the newest change. */
  listedAt: number;
};

const SHOWS_AFTER_MS = 12_000;
/** Of writes on a good day. */
const LOST_ANSWER = 0.01;
const NOT_TAKEN = 0.01;

export class Platform {
  readonly channel: SimChannel;
  readonly shelves: ReadonlyMap<string, Shelf>;
  readonly orders = new Map<string, PlatformOrder>();
  onLevel: (sku: string, shown: number) => void = () => undefined;
  onChange: (sku: string) => void = () => undefined;
  readonly #clock: Clock;
  readonly #calls: Random;
  readonly #outages: readonly Extract<Fault, { kind: 'outage' }>[];

  constructor(channel: SimChannel, clock: Clock, seed: number, faults: readonly Fault[]) {
    this.channel = channel;
    this.#clock = clock;
    this.#calls = randomOf(seed, `calls ${channel.id}`);
    this.#outages = faults.flatMap((fault) => (fault.kind === 'outage' && fault.channel === channel.id ? [fault] : []));
    const fresh = (): Shelf => ({
      number: 0,
      state: 'tracked',
      trackedSince: 0,
      named: null,
      clockAheadMs: 0,
      sold: 0,
      open: 0,
      losesNext: false,
      pending: 0,
      sequence: 0,
      editedAt: 0,
      lostAt: 0,
      isTheirs: false,
      putBack: 0,
    });
    this.shelves = new Map(SKUS.map((sku) => [sku, fresh()]));
  }

  shelf(sku: string): Shelf {
    const found = this.shelves.get(sku);
    if (found === undefined) throw new Error(`${this.channel.id} has no shelf for ${sku}`);
    return found;
  }

  /** The end of an outage that lasts now; null when there is none. Its storefront sells on. */
  downUntil(at: number = this.#clock.now): number | null {
    return this.#outages.find((one) => one.at <= at && at < one.until)?.until ?? null;
  }

  wasUpSince(since: number): boolean {
    return !this.#outages.some((one) => one.at <= this.#clock.now && one.until > since);
  }

  sell(arrival: Arrival): boolean {
    const shelf = this.shelf(arrival.sku);
    if (shelf.state !== 'tracked' || this.sellable(arrival.sku) < arrival.units) return false;
    if (!this.#subtracts) shelf.number -= arrival.units;
    shelf.sold += arrival.units;
    shelf.open += arrival.units;
    const { now } = this.#clock;
    const order = { arrival, placedAt: now, cancelled: false, shipped: false, modifiedAt: now, version: 1 };
    this.orders.set(arrival.ref, { ...order, listedAt: now + this.#calls.about(4000) });
    this.#told(arrival.sku);
    return true;
  }

  /** Puts the units back on sale by itself. */
  cancel(ref: string): void {
    const order = this.orders.get(ref);
    if (order === undefined) return;
    const { sku, units } = order.arrival;
    const shelf = this.shelf(sku);
    Object.assign(order, { cancelled: true, ...this.#changed() });
    if (!this.#subtracts) shelf.number += units;
    shelf.sold -= units;
    shelf.open -= units;
    this.#told(sku);
  }

  /** Its number stays as it is. */
  ship(ref: string): void {
    const order = this.orders.get(ref);
    if (order === undefined) return;
    Object.assign(order, { shipped: true, ...this.#changed() });
    this.shelf(order.arrival.sku).open -= order.arrival.units;
  }

  #changed(): Pick<PlatformOrder, 'modifiedAt' | 'version' | 'listedAt'> {
    const { now } = this.#clock;
    return { modifiedAt: now, version: 2, listedAt: now + this.#calls.about(4000) };
  }

  /** What a buyer could buy. */
  sellable(sku: string): number {
    const { number, open } = this.shelf(sku);
    return this.#subtracts ? Math.max(0, number - open) : number;
  }

  get #subtracts(): boolean {
    return this.channel.protection.basis === 'onHandLessOwnOpen';
  }

  /** Somebody sets what can be bought: a person, or another program. */
  edit(sku: string, number: number): void {
    this.shelf(sku).editedAt = this.#clock.now;
    this.#set(sku, Math.max(0, number) + (this.#subtracts ? this.shelf(sku).open : 0), true);
  }

  #set(sku: string, number: number, isTheirs = false): void {
    Object.assign(this.shelf(sku), { number, isTheirs, putBack: 0 });
    this.#told(sku);
  }

  stateOf(ref: string): OrderState {
    const order = this.orders.get(ref);
    if (order === undefined) throw new Error(`${this.channel.id} has no order ${ref}`);
    const { arrival, placedAt, cancelled, shipped, modifiedAt, version } = order;
    const { units } = arrival;
    const totals = { ordered: units, cancelled: cancelled ? units : 0, shipped: shipped ? units : 0, returned: 0 };
    return {
      orderRef: ref,
      displayRef: ref,
      version,
      placedAt,
      modifiedAt,
      fulfilledBy: 'seller',
      locationRef: null,
      obligations: [],
      lines: [{ lineRef: '1', listingRef: arrival.sku, skuHint: arrival.sku, ...totals }],
    };
  }

  /** Orders that its list shows as changed since. */
  changedSince(since: number): readonly string[] {
    const { now } = this.#clock;
    return [...this.orders.values()]
      .filter(({ modifiedAt, listedAt }) => modifiedAt >= since && listedAt <= now)
      .map(({ arrival }) => arrival.ref);
  }

  /** Null when the platform does not answer. */
  read(sku: string, take: (seen: Seen | null) => void): void {
    const takes = this.#calls.about(250);
    const calledAt = this.#clock.now;
    this.#clock.after(takes / 2, () => {
      const { number, state, named, clockAheadMs } = this.shelf(sku);
      const isDown = this.downUntil() !== null;
      const seen = { sellable: this.sellable(sku), shown: number, state, named, asOf: calledAt + clockAheadMs };
      this.#clock.after(takes / 2, () => take(isDown ? null : seen));
    });
  }

  /** `now` is when it reached the platform; `onApplied` sees the shelf before the number is on it. */
  write(
    sku: string,
    wire: Wire,
    onApplied: (shelf: Readonly<Shelf>) => void,
    take: (outcome: WriteOutcome) => void,
  ): void {
    const takes = this.#calls.about(600);
    const isQuiet = this.#clock.now >= QUIET_FROM;
    const isNotTaken = !isQuiet && this.#calls.chance(NOT_TAKEN);
    const isAnswerLost = !isQuiet && this.#calls.chance(LOST_ANSWER);
    this.#clock.after(takes / 2, () => {
      const outcome = this.#receive(sku, wire, isNotTaken, onApplied);
      this.#clock.after(takes / 2, () => take(isAnswerLost && outcome !== 'notSent' ? 'unknown' : outcome));
    });
  }

  #receive(sku: string, wire: Wire, isNotTaken: boolean, onApplied: (shelf: Readonly<Shelf>) => void): WriteOutcome {
    const shelf = this.shelf(sku);
    if (this.downUntil() !== null || isNotTaken) return 'notSent';
    if (shelf.state !== 'tracked') return 'rejected';
    if (wire.compareWith !== null && wire.compareWith !== shelf.number) return 'stale';
    onApplied(shelf);
    if (shelf.losesNext) {
      shelf.losesNext = false;
      [shelf.editedAt, shelf.lostAt] = [this.#clock.now, this.#clock.now];
      return 'applied';
    }
    if (this.channel.kind === 'compares') {
      this.#set(sku, wire.number);
      return 'applied';
    }
    shelf.pending += 1;
    this.#clock.after(Math.min(SHOWS_AFTER_MS, this.#calls.about(5000)), () => {
      shelf.pending -= 1;
      this.#set(sku, wire.number);
      if (!this.#subtracts) shelf.putBack = Math.max(0, shelf.sold - wire.soldBaseline);
    });
    return 'applied';
  }

  /** A document with one number: taken in sequence some minutes later, and acknowledged some minutes after that. */
  sendDocument(sku: string, number: number, sequence: number, take: () => void = () => undefined): void {
    this.#clock.after(this.#calls.about(2 * MINUTE_MS), () => {
      const shelf = this.shelf(sku);
      if (sequence > shelf.sequence) {
        shelf.sequence = sequence;
        this.#set(sku, number);
      }
      const isReceiptLost = this.#clock.now < QUIET_FROM && this.#calls.chance(NOT_TAKEN);
      if (!isReceiptLost) this.#clock.after(this.#calls.about(3 * MINUTE_MS), take);
    });
  }

  /** Where it has such webhooks: a few are lost. */
  #told(sku: string): void {
    this.onChange(sku);
    if (this.channel.kind !== 'compares' || this.#calls.chance(0.05)) return;
    const { number } = this.shelf(sku);
    this.#clock.after(this.#calls.about(1500), () => this.onLevel(sku, number));
  }

  /** In base units. */
  baseUnits(sku: string, units: number): number {
    return units * packOf(this.channel.id, sku);
  }
}

export const RECEIPT_WAIT_MS = HOUR_MS;
