/**
 * Books in memory: core's own `decide` on what a command touches, played back by `applyFacts`. What db/ does with tables.
 *
 * Guarantees: nothing here knows how a number is made; a command that the core parks is an error of the simulator.
 */
import { type Command, type CommandBody, orderIdOf } from '#core/command.ts';
import { decide as Decide } from '#core/decide.ts';
import type { Exposure } from '#core/latency-buffer.ts';
import type { Instant, OrderId, Policy, Sku } from '#core/model.ts';
import { applyFacts } from '#core/replay.ts';
import type { Facts, ItemState, ListingState, State, StoredOrder } from '#core/state.ts';
import { CHANNELS, familyOf, KIT, KIT_PARTS, LOCATION, listingIdOf, packOf, SKUS } from './brand.ts';

/** Movements that a count may have to be put in order with. */
const LEDGER_MS = 3_600_000;

function openListing(sku: Sku, channel: string): ListingState {
  const id = listingIdOf(channel, sku);
  const nothingSold = { ownSold: 0, ownOpen: 0, seenSold: null, seenUntil: null, target: null };
  return { id, channel, listingRef: sku, sku, pack: packOf(channel, sku), locations: [], ...nothingSold };
}

const openItem = (sku: Sku): ItemState => ({
  sku,
  ...(sku === KIT ? { components: KIT_PARTS } : {}),
  groups: [],
  minimum: null,
  safetyStock: null,
  balances: [],
  promises: [],
  holds: [],
  nextHoldEndsAt: null,
  drawn: [],
  moves: [],
  listings: CHANNELS.map(({ id }) => openListing(sku, id)),
  shorts: [],
  moreShorts: false,
  recentEntries: [],
  supply: [],
  demand: [],
  shortOf: [],
});

export class Books {
  readonly #head: Omit<State, 'items' | 'orders' | 'listingRefs'>;
  readonly #items = new Map<Sku, ItemState>();
  readonly #orders = new Map<OrderId, StoredOrder>();
  readonly #decide: typeof Decide;
  /** Commands that were decided. */
  taken = 0;

  constructor(policy: Policy, decide: typeof Decide = Decide) {
    this.#decide = decide;
    this.#head = {
      policy,
      locations: [{ id: LOCATION, master: 'allot', sells: true }],
      channels: CHANNELS.map(({ id, program }) => ({ id, program })),
    };
    for (const sku of SKUS) this.#items.set(sku, openItem(sku));
  }

  item(sku: Sku): ItemState {
    const found = this.#items.get(sku);
    if (found === undefined) throw new Error(`the simulator has no item ${sku}`);
    return found;
  }

  listing(channel: string, sku: Sku): ListingState {
    const found = this.item(sku).listings.find((one) => one.channel === channel);
    if (found === undefined) throw new Error(`${sku} has no listing on ${channel}`);
    return found;
  }

  order(channel: string, orderRef: string): StoredOrder | undefined {
    return this.#orders.get(orderIdOf(channel, orderRef));
  }

  /** Keeps what a listing's number is exposed to; the next decision counts with it. */
  expose(channel: string, sku: Sku, exposure: Exposure): void {
    const item = this.item(sku);
    const listings = item.listings.map((one) => (one.channel === channel ? { ...one, exposure } : one));
    this.#items.set(sku, { ...item, listings });
  }

  /** Decides commands of one item as one batch, with the items whose numbers it moves. */
  take(sku: Sku, bodies: readonly CommandBody[], at: { readonly now: Instant; readonly occurredAt?: Instant }): Facts {
    const items = familyOf(sku).map((one) => this.item(one));
    const refs = items.flatMap(({ listings }) =>
      listings.map(({ id, channel, listingRef }) => ({ channel, listingRef, listing: id })),
    );
    const named = bodies.flatMap((body) =>
      body.kind === 'order-state' ? [orderIdOf(body.channel, body.order.orderRef)] : [],
    );
    const ids = new Set([...named, ...items.flatMap(({ shorts }) => shorts.map(({ id }) => id))]);
    const orders = [...ids].flatMap((id) => this.#orders.get(id) ?? []);
    const state: State = { ...this.#head, listingRefs: refs, items, orders };
    const commands = bodies.map((body): Command => {
      this.taken += 1;
      return { id: this.taken, occurredAt: at.occurredAt ?? at.now, recordedAt: at.now, actor: 'sim', body };
    });
    const facts = this.#decide(state, commands, at.now);
    const parked = facts.outcomes.find(({ kind }) => kind === 'parked');
    if (parked?.kind === 'parked') throw new Error(`the core parked a command of ${sku}: ${parked.reason}`);
    const after = applyFacts(state, facts);
    for (const one of after.items) {
      const recentEntries = one.recentEntries.filter(({ occurredAt }) => occurredAt > at.now - LEDGER_MS);
      this.#items.set(one.sku, { ...one, recentEntries });
    }
    for (const order of after.orders) this.#orders.set(order.id, order);
    return facts;
  }
}
