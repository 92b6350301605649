/**
 * The naive connector: every new number is written over whatever the platform shows, and that is all.
 *
 * It hears of orders and stock exactly as allot does (webhooks, polls, dedupe keys) and decides with the same books and policy. It tries
 * again when a write fails, with the newest number. It never reads, never compares, and knows nothing of sales in flight.
 */
import type { CommandBody } from '#core/command.ts';
import type { OrderState } from '#core/order-state.ts';
import { wireQuantity } from '#core/wire.ts';
import { Books } from './books.ts';
import { CHANNELS, familyOf, MINUTE_MS, policyWith } from './brand.ts';
import type { Player, World } from './world.ts';

const DECIDE_MS = 60;
const POLL_OVERLAP_MS = 2 * MINUTE_MS;
const RETRIES_MS = [2000, 10_000, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS];
const DOCUMENT_EVERY_MS = 15 * MINUTE_MS;

export class Naive implements Player {
  readonly #world: World;
  readonly #books: Books;
  readonly #received = new Set<string>();
  readonly #polledAt = new Map<string, number>();
  readonly #forDocuments = new Map<string, string>();
  #documents = 0;

  constructor(world: World, buffer: number) {
    this.#world = world;
    this.#books = new Books(policyWith({ kind: 'units', units: buffer }));
  }

  start(): void {
    const { clock } = this.#world;
    const every = (ms: number, work: () => void): void => {
      const again = (): void => {
        work();
        clock.after(ms, again);
      };
      clock.after(ms, again);
    };
    for (const { id, pollMs } of CHANNELS) every(pollMs, () => this.#poll(id));
    clock.after(MINUTE_MS, () => this.#sendDocuments());
    every(DOCUMENT_EVERY_MS, () => this.#sendDocuments());
  }

  #poll(channel: string): void {
    const platform = this.#world.platform(channel);
    if (platform.downUntil() !== null) return;
    const since = (this.#polledAt.get(channel) ?? 0) - POLL_OVERLAP_MS;
    this.#polledAt.set(channel, this.#world.clock.now);
    for (const ref of platform.changedSince(since)) this.onOrder(channel, platform.stateOf(ref));
  }

  onOrder(channel: string, order: OrderState): void {
    const key = `${channel} ${order.orderRef} ${order.version}`;
    if (this.#received.has(key)) return;
    this.#received.add(key);
    this.#decide(order.lines[0]?.listingRef ?? '', { kind: 'order-state', channel, order }, order.modifiedAt);
  }

  onStock(body: CommandBody, occurredAt: number): void {
    if ('sku' in body) this.#decide(body.sku, body, occurredAt);
  }

  onLevel(): void {
    // It does not look.
  }

  onMended(): void {
    // Nothing ever stopped it.
  }

  blameFor(): string | null {
    return null;
  }

  #decide(sku: string, body: CommandBody, occurredAt: number): void {
    const { clock } = this.#world;
    clock.after(DECIDE_MS, () => {
      const { targets } = this.#books.take(sku, [body], { now: clock.now, occurredAt });
      for (const { listing } of targets) {
        for (const moved of familyOf(sku)) {
          const channel = CHANNELS.find(({ id }) => this.#books.listing(id, moved).id === listing);
          if (channel?.kind === 'documents') this.#forDocuments.set(moved, channel.id);
          else if (channel !== undefined) this.#write(channel.id, moved, 0);
        }
      }
    });
  }

  #numberOf(channel: string, sku: string): number {
    const { target, seenSold, seenUntil } = this.#books.listing(channel, sku);
    if (target === null) return 0;
    return wireQuantity(this.#world.platform(channel).channel.protection.basis, { ...target, seenSold, seenUntil });
  }

  #write(channel: string, sku: string, tries: number): void {
    const soldBaseline = this.#books.listing(channel, sku).ownSold;
    const wire = { number: this.#numberOf(channel, sku), compareWith: null, soldBaseline };
    this.#world.platform(channel).write(
      sku,
      wire,
      () => undefined,
      (outcome) => {
        const wait = RETRIES_MS[tries];
        if (outcome === 'applied' || wait === undefined) return;
        this.#world.clock.after(wait, () => this.#write(channel, sku, tries + 1));
      },
    );
  }

  #sendDocuments(): void {
    for (const [sku, channel] of this.#forDocuments) {
      this.#documents += 1;
      const platform = this.#world.platform(channel);
      platform.sendDocument(sku, this.#numberOf(channel, sku), this.#documents);
    }
    this.#forDocuments.clear();
  }
}
