/**
 * allot in memory: intake, books, push and looks, driven by the production core.
 *
 * | from production                              | modelled here, after                                               |
 * |----------------------------------------------|--------------------------------------------------------------------|
 * | decide, applyFacts (books, targets)          | the inbox with its dedupe keys, polls, reviews (workers/intake.ts) |
 * | planPush, planBlind, readUnanswered          | what becomes of a plan, and of each outcome (push.ts, settle.ts)   |
 * | measureExposure, latencyFigures              | counts of sales and of times (measures.ts, db/sales-measures.ts)   |
 * | judgeDrift, isContested, provesHealed        | looks, drift rows, alerts, stops (compare.ts, contest.ts)          |
 *
 * One listing is pushed at a time where production sends batches; attempts have no lease, since no process dies here
 * (test/fault does that with the real one). Breaks of what allot promises are told to `violations` as they happen.
 */
import type { CommandBody } from '#core/command.ts';
import type { OrderState } from '#core/order-state.ts';
import type { Facts } from '#core/state.ts';
import { type WireTarget, wireQuantity } from '#core/wire.ts';
import { Books } from './books.ts';
import { CHANNELS, familyOf, type Keep, MINUTE_MS, partsOf, policyWith, SKUS } from './brand.ts';
import type { Core } from './core.ts';
import { type Line, openLine } from './line.ts';
import { Looks } from './looks.ts';
import { Measures } from './measures.ts';
import { Pusher } from './push.ts';
import { QUIET_FROM } from './traffic.ts';
import type { Player, World } from './world.ts';

/** From the event to the command: parse, store, lock. */
const DECIDE_MS = 60;
const POLL_OVERLAP_MS = 2 * MINUTE_MS;
/** What a lowering may take on a platform that answers: retries and waits for a write before it. */
const KNOWN_MS = 90_000;
const DOCUMENT_KNOWN_MS = 60 * MINUTE_MS;

export type Violation = { readonly at: number; readonly says: string };

export class Allot implements Player {
  readonly world: World;
  readonly core: Core;
  readonly books: Books;
  readonly lines = new Map<number, Line>();
  readonly violations: Violation[] = [];
  readonly pusher: Pusher;
  readonly looks: Looks;
  readonly inFlightMs: number;
  /** Orders and their versions that came: dedupe keys. */
  readonly #received = new Set<string>();
  /** Items with input that is received and not decided. */
  readonly #undecided = new Map<string, number>();
  /** Orders as they were received, whatever the books make of them; by listing. */
  readonly #heard = new Map<string, Map<string, { readonly version: number; readonly units: number }>>();
  /** Where a buffer is made of them. */
  readonly #measures: Measures | null;
  readonly #countedAt = new Map<string, number>();
  readonly #polledAt = new Map<string, number>();

  constructor(world: World, core: Core, keep: Keep) {
    this.world = world;
    this.core = core;
    const policy = policyWith(keep);
    this.inFlightMs = policy.inFlightMs;
    this.books = new Books(policy, core.decide);
    for (const platform of world.platforms.values())
      for (const sku of SKUS) {
        const line = openLine(platform, sku);
        this.lines.set(line.id, line);
      }
    this.pusher = new Pusher(this);
    this.looks = new Looks(this);
    this.#measures = keep.kind === 'target' ? new Measures(this, policy) : null;
  }

  get now(): number {
    return this.world.clock.now;
  }

  violate(says: string): void {
    this.violations.push({ at: this.now, says });
    this.world.tell(`VIOLATION ${says}`);
  }

  line(channel: string, sku: string): Line {
    const found = [...this.lines.values()].find((line) => line.channel === channel && line.sku === sku);
    if (found === undefined) throw new Error(`allot has no listing of ${sku} on ${channel}`);
    return found;
  }

  /** What the listing should show now, and its version. */
  target(line: Line): (WireTarget & { readonly version: number }) | null {
    const { target, seenSold, seenUntil } = this.books.listing(line.channel, line.sku);
    if (target === null) return null;
    const { version, quantity, ownSold, ownOpen, inFlight } = target;
    return { version, quantity, ownSold, ownOpen, inFlight, seenSold, seenUntil };
  }

  isUndecided(sku: string): boolean {
    return familyOf(sku).some((one) => (this.#undecided.get(one) ?? 0) > 0);
  }

  /** Whether orders were received that the books of the item do not count. */
  isReceivedUncounted(sku: string): boolean {
    const listings = familyOf(sku).flatMap((one) => this.books.item(one).listings);
    return listings.some(({ channel, listingRef, ownSold }) => {
      const heard = [...(this.#heard.get(`${channel} ${listingRef}`)?.values() ?? [])];
      return heard.reduce((sum, { units }) => sum + units, 0) > ownSold;
    });
  }

  start(): void {
    for (const { id, pollMs } of CHANNELS) {
      const again = (): void => {
        this.poll(id);
        this.world.clock.after(pollMs, again);
      };
      this.world.clock.after(pollMs, again);
    }
    this.looks.start();
    this.#measures?.start();
    this.pusher.start();
  }

  /** Fetches what changed since the last time, and a little before: a list of orders tells of the newest late. */
  poll(channel: string): void {
    const platform = this.world.platform(channel);
    if (platform.downUntil() !== null) return;
    const since = (this.#polledAt.get(channel) ?? 0) - POLL_OVERLAP_MS;
    this.#polledAt.set(channel, this.now);
    for (const ref of platform.changedSince(since)) this.onOrder(channel, platform.stateOf(ref));
  }

  onOrder(channel: string, order: OrderState): void {
    const key = `${channel} ${order.orderRef} ${order.version}`;
    if (this.#received.has(key)) return;
    this.#received.add(key);
    const [line] = order.lines;
    const sku = line?.listingRef ?? '';
    const heard = this.#heard.get(`${channel} ${sku}`) ?? new Map<string, { version: number; units: number }>();
    if ((heard.get(order.orderRef)?.version ?? 0) < order.version)
      heard.set(order.orderRef, { version: order.version, units: (line?.ordered ?? 0) - (line?.cancelled ?? 0) });
    this.#heard.set(`${channel} ${sku}`, heard);
    this.decideSoon(sku, { kind: 'order-state', channel, order }, order.modifiedAt);
  }

  onStock(body: CommandBody, occurredAt: number): void {
    if (!('sku' in body)) return;
    this.decideSoon(body.sku, body, occurredAt);
    if (body.kind !== 'count') return;
    this.#countedAt.set(body.sku, this.now);
    // Of a kit each component.
    const isCounted = ({ sku, stopped, stoppedAt }: Line): boolean =>
      stopped === 'ownStock' && partsOf(sku).every((part) => (this.#countedAt.get(part.sku) ?? 0) > stoppedAt);
    this.looks.resume(isCounted);
  }

  onLevel(channel: string, sku: string, shown: number): void {
    this.looks.onLevel(this.line(channel, sku), shown);
  }

  onMended(channel: string, sku: string): void {
    this.looks.resume((line) => line.channel === channel && line.sku === sku);
  }

  decideSoon(sku: string, body: CommandBody, occurredAt: number = this.now): void {
    this.#undecided.set(sku, (this.#undecided.get(sku) ?? 0) + 1);
    this.world.clock.after(DECIDE_MS, () => {
      this.#undecided.set(sku, (this.#undecided.get(sku) ?? 1) - 1);
      const isFirstMet =
        body.kind === 'order-state' && this.books.order(body.channel, body.order.orderRef) === undefined;
      const facts = this.books.take(sku, [body], { now: this.now, occurredAt });
      this.#measures?.onDecided(body, facts, isFirstMet);
      this.#keep(sku, facts);
    });
  }

  #keep(sku: string, facts: Facts): void {
    for (const { listing } of facts.targets) {
      const line = this.lines.get(listing);
      if (line === undefined) continue;
      line.behindSince ??= this.now;
      this.pusher.ring(line);
    }
    for (const { nextReviewAt } of facts.reviews) {
      if (nextReviewAt !== null && nextReviewAt < QUIET_FROM * 2)
        this.world.clock.at(nextReviewAt + 1, () => this.review(sku));
    }
  }

  review(sku: string): void {
    this.decideSoon(sku, { kind: 'review', sku });
  }

  acknowledged(line: Line): void {
    this.#measures?.onAcknowledged(line);
  }

  /** Keeps what a look made of sales that no order explains; null takes it back. */
  keepSeen(line: Line, seenSold: number | null, forMs: number = this.inFlightMs): void {
    const until = seenSold === null ? null : this.now + forMs;
    this.decideSoon(line.sku, { kind: 'observed', listing: line.id, seenSold, until });
  }

  blameFor(channel: string, sku: string): string | null {
    const line = this.line(channel, sku);
    if (line.stopped === 'ask') return 'stopped';
    if (line.isWrittenKnowing) return 'out of a number that was sent although an order was known';
    const since = line.behindSince;
    if (since === null) return null;
    const { kind, settleMs, protection } = line.platform.channel;
    const bound = kind === 'documents' ? DOCUMENT_KNOWN_MS : KNOWN_MS + settleMs;
    const { state, trackedSince } = line.platform.shelf(sku);
    const isWritable = line.platform.wasUpSince(since) && state === 'tracked' && trackedSince <= since;
    const target = this.target(line);
    const isLowering = target !== null && wireQuantity(protection.basis, target) < (line.sync.ackedWire ?? 0);
    return isWritable && isLowering && this.now - since > bound
      ? 'out of a number that was known to be too high'
      : null;
  }
}
