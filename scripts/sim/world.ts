/**
 * The world of one day: platforms that sell, a warehouse that reports, faults that happen, and a judge who knows all of it at once.
 *
 * | figure             | what it counts, in base units                                                                     |
 * |--------------------|---------------------------------------------------------------------------------------------------|
 * | oversold           | of an order that a platform took, what its program could not be given at that moment               |
 * | oversoldAfterKnown | of these, what was sold out of a number that the connector knew to be wrong, and could have mended  |
 * | undersold          | refused by a platform whose listing is for sale, although its program could have been given them   |
 *
 * "Could be given" is what core's own books say, under the same policy without a buffer, told of everything at its moment.
 */
import type { CommandBody } from '#core/command.ts';
import type { OrderState } from '#core/order-state.ts';
import { Books } from './books.ts';
import { CHANNELS, channelOn, LOCATION, MINUTE_MS, NOTHING_KEPT, partsOf, policyWith, START } from './brand.ts';
import { Clock } from './clock.ts';
import { Platform } from './platform.ts';
import { type Arrival, END, type Fault, type News, type Traffic } from './traffic.ts';

/** What is played against the world. */
export type Player = {
  start(): void;
  /** A notice of an order, as it was then. */
  onOrder(channel: string, order: OrderState): void;
  /** A notice of a level. */
  onLevel(channel: string, sku: string, shown: number): void;
  /** The warehouse's word. */
  onStock(body: CommandBody, occurredAt: number): void;
  /** Why it could have known better than the number that was just oversold from; null when it could not. */
  blameFor(channel: string, sku: string): string | null;
  /** A person on the seller's side saw to it that nobody else writes a listing any more. */
  onMended(channel: string, sku: string): void;
};

export type Figures = {
  oversold: number;
  oversoldAfterKnown: number;
  /** Of the oversold: sold from a listing that nothing may be written to until a person says. */
  oversoldWhileStopped: number;
  /** Of the oversold: out of a number that somebody else wrote. */
  oversoldByEdit: number;
  /** Of the oversold: out of a number that a write of the connector's own, which showed late, had put back over sales. */
  oversoldByLateWrite: number;
  undersold: number;
  soldUnits: number;
};

/** From an alert that says so. */
const COUNTED_AFTER_MS = 20 * MINUTE_MS;
const SEEN_TO_AFTER_MS = 20 * MINUTE_MS;

export type Told = { readonly at: number; readonly says: string };

type Oversale = { readonly short: number; readonly said: string; readonly isTheirs: boolean; readonly putBack: number };

export class World {
  readonly clock = new Clock(START);
  readonly platforms: ReadonlyMap<string, Platform>;
  readonly truth = new Books(policyWith(NOTHING_KEPT));
  readonly traffic: Traffic;
  readonly figures: Figures = {
    oversold: 0,
    oversoldAfterKnown: 0,
    oversoldWhileStopped: 0,
    oversoldByEdit: 0,
    oversoldByLateWrite: 0,
    undersold: 0,
    soldUnits: 0,
  };
  readonly story: Told[] = [];
  /** Of the faults of wrong shelves, those that there were goods enough for. */
  readonly lowered: Fault[] = [];
  onFault: (fault: Fault) => void = () => undefined;

  constructor(traffic: Traffic) {
    this.traffic = traffic;
    const { seed, faults } = traffic;
    this.platforms = new Map(
      CHANNELS.map((one) => [one.id, new Platform(channelOn(one, seed), this.clock, seed, faults)]),
    );
  }

  platform(channel: string): Platform {
    const found = this.platforms.get(channel);
    if (found === undefined) throw new Error(`the simulator has no platform for ${channel}`);
    return found;
  }

  tell(says: string): void {
    this.story.push({ at: this.clock.now, says });
  }

  /** Plays the day to its end. */
  play(player: Player): void {
    for (const [channel, platform] of this.platforms) {
      platform.onLevel = (sku, shown) => player.onLevel(channel, sku, shown);
    }
    for (const news of this.traffic.stock) {
      this.clock.at(news.at, () => this.#report(player, news.body, news.delayMs));
    }
    player.start();
    for (const arrival of this.traffic.arrivals) this.clock.at(arrival.at, () => this.#arrive(player, arrival));
    for (const fault of this.traffic.faults) this.clock.at(fault.at, () => this.#happen(player, fault));
    this.clock.runTo(END);
  }

  #report(player: Player, body: CommandBody, delayMs: number): void {
    const { now } = this.clock;
    if (!('sku' in body)) throw new Error(`the warehouse says ${body.kind}, which names no item`);
    this.truth.take(body.sku, [body], { now });
    const quantity = 'quantity' in body ? body.quantity : '';
    this.tell(`warehouse: ${body.kind} ${body.sku} ${quantity}`);
    this.clock.after(delayMs, () => player.onStock(body, now));
  }

  #arrive(player: Player, arrival: Arrival): void {
    const { channel, sku, units, ref } = arrival;
    const platform = this.platform(channel);
    const could = this.truth.listing(channel, sku).target?.quantity ?? 0;
    const { state, isTheirs, putBack } = platform.shelf(sku);
    const said = `${channel} ${ref}: ${units} of ${sku}, ${platform.sellable(sku)} shown, ${could} could be sold`;
    if (!platform.sell(arrival)) {
      if (state === 'tracked' && could >= units) {
        this.figures.undersold += platform.baseUnits(sku, units);
        this.tell(`${said}: REFUSED without need`);
      }
      return;
    }
    this.figures.soldUnits += platform.baseUnits(sku, units);
    const order = platform.stateOf(ref);
    this.truth.take(sku, [{ kind: 'order-state', channel, order }], { now: this.clock.now });
    const short = this.truth.order(channel, ref)?.lines.reduce((sum, line) => sum + line.short, 0) ?? 0;
    if (short > 0) this.#oversell(player, arrival, { short, said, isTheirs, putBack });
    else this.tell(said);
    if (platform.channel.kind !== 'documents')
      for (const delay of arrival.news) this.clock.after(delay, () => player.onOrder(channel, order));
    if (arrival.cancelAt !== null) this.clock.at(arrival.cancelAt, () => this.#cancel(player, arrival));
    if (arrival.shipAt !== null) this.clock.at(arrival.shipAt, () => this.#ship(player, arrival));
  }

  #oversell(player: Player, { channel, sku }: Arrival, { short, said, isTheirs, putBack }: Oversale): void {
    this.figures.oversold += short;
    if (isTheirs) this.figures.oversoldByEdit += short;
    else if (putBack > 0) this.figures.oversoldByLateWrite += short;
    const blame = player.blameFor(channel, sku);
    if (blame === 'stopped') this.figures.oversoldWhileStopped += short;
    else if (blame !== null) this.figures.oversoldAfterKnown += short;
    this.tell(`${said}: OVERSOLD by ${short}${blame === null ? '' : `, ${blame}`}`);
  }

  #cancel(player: Player, arrival: Arrival): void {
    const { channel, ref, cancelNews } = arrival;
    this.platform(channel).cancel(ref);
    this.tell(`${channel} ${ref}: cancelled`);
    this.#spread(player, arrival, cancelNews);
  }

  #ship(player: Player, arrival: Arrival): void {
    const { channel, ref, shipNews } = arrival;
    // What was sold and is not there cannot leave.
    if (this.truth.order(channel, ref)?.lines.some(({ short }) => short > 0) !== false) return;
    this.platform(channel).ship(ref);
    this.tell(`${channel} ${ref}: shipped`);
    this.#spread(player, arrival, shipNews);
  }

  /** An order is another than it was. */
  #spread(player: Player, { channel, sku, ref }: Arrival, news: News): void {
    const platform = this.platform(channel);
    const order = platform.stateOf(ref);
    this.truth.take(sku, [{ kind: 'order-state', channel, order }], { now: this.clock.now });
    if (platform.channel.kind === 'documents') return;
    for (const delay of news) this.clock.after(delay, () => player.onOrder(channel, order));
  }

  #happen(player: Player, fault: Fault): void {
    const { clock } = this;
    this.tell(`FAULT ${JSON.stringify(fault)}`);
    if (fault.kind === 'outage') return;
    const platform = this.platform(fault.channel);
    const shelf = platform.shelf(fault.sku);
    const shown = platform.sellable(fault.sku);
    switch (fault.kind) {
      case 'edit':
        platform.edit(fault.sku, shown + fault.by);
        break;
      case 'unit':
        platform.edit(fault.sku, shown * platform.baseUnits(fault.sku, 1));
        break;
      case 'lowered':
        this.#lower(player, fault);
        break;
      case 'writer':
        this.#overwrite(player, fault);
        break;
      case 'mapping':
        shelf.named = fault.named;
        platform.edit(fault.sku, shown + 2);
        clock.at(fault.until, () => Object.assign(shelf, { named: null }));
        break;
      case 'clock':
        shelf.clockAheadMs = fault.aheadMs;
        platform.edit(fault.sku, shown + 3);
        clock.at(fault.until, () => Object.assign(shelf, { clockAheadMs: 0 }));
        break;
      case 'lost':
        shelf.losesNext = true;
        break;
      case 'state':
        shelf.state = fault.state;
        clock.at(fault.until, () => Object.assign(shelf, { state: 'tracked', trackedSince: clock.now }));
        break;
      default:
        fault satisfies never;
    }
    this.onFault(fault);
  }

  /** A shelf with fewer units than the books say: people lower what they see on every platform; the item is counted later. */
  #lower(player: Player, fault: Extract<Fault, { kind: 'lowered' }>): void {
    const { sku, counted, countAt } = fault;
    const head = { kind: 'count', sku, location: LOCATION, disposition: 'sellable' } as const;
    const { balances, promises } = this.truth.item(sku);
    const allocated = promises.reduce((sum, row) => sum + row.allocated, 0);
    const onHand = balances.reduce((sum, row) => sum + row.quantity, 0);
    if (onHand - allocated <= counted * 3) {
      this.tell(`${sku} has too few units for a wrong shelf to be seen`);
      return;
    }
    this.truth.take(sku, [{ ...head, quantity: allocated + counted, asOf: this.clock.now }], { now: this.clock.now });
    for (const platform of this.platforms.values())
      if (platform.channel.kind !== 'documents') platform.edit(sku, Math.floor(counted / platform.baseUnits(sku, 1)));
    this.lowered.push(fault);
    this.clock.at(countAt, () => this.#countNow(player, sku));
  }

  /** Somebody is told that a count is due, and counts. */
  count(player: Player, sku: string): void {
    for (const part of partsOf(sku)) this.clock.after(COUNTED_AFTER_MS, () => this.#countNow(player, part.sku));
  }

  /** Somebody is told of a second writer, and sees to it; one that is at it is found when it ends. */
  seeTo(player: Player, channel: string, sku: string): void {
    this.clock.after(SEEN_TO_AFTER_MS, () => {
      const { now } = this.clock;
      const isAtIt = this.traffic.faults.some(
        (fault) =>
          fault.kind === 'writer' &&
          fault.channel === channel &&
          fault.sku === sku &&
          fault.at <= now &&
          now <= fault.until,
      );
      if (!isAtIt) player.onMended(channel, sku);
    });
  }

  #countNow(player: Player, sku: string): void {
    const quantity = this.truth.item(sku).balances.reduce((sum, row) => sum + row.quantity, 0);
    this.tell(`warehouse: counts ${quantity} of ${sku}`);
    const asOf = this.clock.now;
    const body = { kind: 'count', sku, location: LOCATION, disposition: 'sellable', quantity, asOf } as const;
    this.clock.after(5000, () => player.onStock(body, asOf));
  }

  #overwrite(player: Player, fault: Extract<Fault, { kind: 'writer' }>): void {
    const { clock } = this;
    const platform = this.platform(fault.channel);
    const again = (): void => {
      if (clock.now > fault.until) {
        player.onMended(fault.channel, fault.sku);
        return;
      }
      if (platform.downUntil() === null) platform.edit(fault.sku, fault.number);
      clock.after(fault.everyMs, again);
    };
    again();
  }
}
