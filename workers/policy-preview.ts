/**
 * What a policy would change, before anybody applies it: the items it reaches are decided in memory, under the wanted policy, by the
 * same core that will decide them, and their numbers are compared with what each listing is to show now.
 *
 * Guarantees: writes nothing and takes no lock; bounded memory, a batch of items at a time, and never a part for the whole. Each
 * batch is read as it stands at its moment: while orders come in, the numbers are those of a minute, not of an instant.
 */
import { freeOf, openBooks, poolsFor } from '#core/books.ts';
import { decide } from '#core/decide.ts';
import type { ChannelId, Instant, Policy, ProgramId, Sku } from '#core/model.ts';
import { promisableTo } from '#core/pools.ts';
import type { State } from '#core/state.ts';
import type { Database } from '#db/client.ts';
import { type Configuration, findChanges, reachOf, type StoredConfiguration } from '#db/configuration-changes.ts';
import { readReached } from '#db/reviews.ts';
import { loadToPreview } from '#db/state.ts';
import { reviewsOf } from './policy-review.ts';

/** Quantities in listing units. `from` null: it has no number yet. */
export type ListingChange = {
  readonly sku: Sku;
  readonly listingRef: string;
  readonly from: number | null;
  readonly to: number;
};

export type ChannelPreview = {
  readonly channel: ChannelId;
  /** Of items that the change reaches. */
  readonly listings: number;
  readonly up: number;
  readonly down: number;
  /** Of those that go down. */
  readonly toZero: number;
  readonly unitsUp: number;
  readonly unitsDown: number;
  /** No longer in the policy: its listings keep the number they show, and are not served. */
  readonly isGone: boolean;
  readonly largest: readonly ListingChange[];
};

/** Base units over all items that the change reaches. */
export type ProgramPreview = {
  readonly program: ProgramId;
  /** What it could be promised. */
  readonly promiseBefore: number;
  readonly promiseAfter: number;
  /** Still protected for it. */
  readonly protectedBefore: number;
  readonly protectedAfter: number;
};

/** More is protected than is free: each pool is cut in proportion until goods come in. */
export type PoolsAboveSupply = {
  readonly sku: Sku;
  readonly free: number;
  readonly pools: readonly { readonly program: ProgramId; readonly units: number; readonly remaining: number }[];
};

export type PolicyPreview = {
  readonly baseVersion: number;
  readonly items: number;
  readonly channels: readonly ChannelPreview[];
  readonly programs: readonly ProgramPreview[];
  /** Units that order lines which wait would be given. */
  readonly unitsToWaiting: number;
  readonly poolsAboveSupply: { readonly items: number; readonly largest: readonly PoolsAboveSupply[] };
};

export type PreviewOptions = {
  readonly now: Instant;
  readonly signal?: AbortSignal;
  readonly onProgress?: (items: number) => void;
};

const BATCH_MAX = 500;
const LARGEST_MAX = 10;

type Tally = { -readonly [Key in keyof ChannelPreview]: ChannelPreview[Key] } & { largest: ListingChange[] };
type ProgramTally = { -readonly [Key in keyof ProgramPreview]: ProgramPreview[Key] };

type Totals = {
  items: number;
  readonly channels: Map<ChannelId, Tally>;
  readonly programs: Map<ProgramId, ProgramTally>;
  unitsToWaiting: number;
  above: { items: number; largest: PoolsAboveSupply[] };
};

export async function previewPolicy(
  db: Database,
  stored: StoredConfiguration,
  next: Configuration,
  { now, signal, onProgress }: PreviewOptions,
): Promise<PolicyPreview> {
  const { channelsGone } = findChanges(stored, next);
  const reach = reachOf(stored, next);
  const totals: Totals = {
    items: 0,
    channels: new Map(),
    programs: new Map(),
    unitsToWaiting: 0,
    above: { items: 0, largest: [] },
  };
  // One object for all batches: its rules are indexed once.
  const policy: Policy = { ...next.policy, version: stored.policyVersion + 1 };
  const policyBefore: Policy | null =
    stored.policy === null ? null : { ...stored.policy, version: stored.policyVersion };
  for (let after = ''; ; ) {
    signal?.throwIfAborted();
    const skus = await readReached(db, reach, { after, max: BATCH_MAX });
    const last = skus.at(-1);
    if (last === undefined) break;
    const wanted = underConfiguration(await loadToPreview(db, skus, policy), next);
    addNumbers(totals, wanted, { now, gone: channelsGone });
    addPools(totals, wanted, 'After', now);
    if (policyBefore !== null)
      addPools(totals, { ...wanted, locations: stored.locations, policy: policyBefore }, 'Before', now);
    totals.items += skus.length;
    onProgress?.(totals.items);
    after = last;
  }
  return {
    baseVersion: stored.policyVersion,
    items: totals.items,
    channels: [...totals.channels.values()].sort((a, b) => (a.channel < b.channel ? -1 : 1)),
    programs: [...totals.programs.values()].sort((a, b) => (a.program < b.program ? -1 : 1)),
    unitsToWaiting: totals.unitsToWaiting,
    poolsAboveSupply: totals.above,
  };
}

/** The loaded state as the database would hold it once this is applied. */
function underConfiguration(state: State, { locations, channels }: Configuration): State {
  const wantedPlaces = new Map(locations.map((location) => [location.id, location]));
  const wantedChannels = new Map(channels.map(({ id, program }) => [id, { id, program }]));
  return {
    ...state,
    locations: [...state.locations.filter(({ id }) => !wantedPlaces.has(id)), ...wantedPlaces.values()],
    channels: [...state.channels.filter(({ id }) => !wantedChannels.has(id)), ...wantedChannels.values()],
  };
}

function tallyOf({ channels }: Totals, channel: ChannelId, isGone: boolean): Tally {
  const known = channels.get(channel);
  if (known !== undefined) return known;
  const none = { listings: 0, up: 0, down: 0, toZero: 0, unitsUp: 0, unitsDown: 0 };
  const made: Tally = { channel, ...none, isGone, largest: [] };
  channels.set(channel, made);
  return made;
}

function addNumbers(
  totals: Totals,
  state: State,
  at: { readonly now: Instant; readonly gone: readonly ChannelId[] },
): void {
  const facts = decide(
    state,
    reviewsOf(
      state.items.map(({ sku }) => sku),
      at.now,
    ),
    at.now,
  );
  const wanted = new Map(facts.targets.map(({ listing, quantity }) => [listing, quantity]));
  for (const promise of facts.promises) if (promise.kind === 'allocate') totals.unitsToWaiting += promise.delta;
  for (const { id, sku, channel, listingRef, target } of state.items.flatMap(({ listings }) => listings)) {
    const isGone = at.gone.includes(channel);
    const tally = tallyOf(totals, channel, isGone);
    tally.listings += 1;
    const from = target?.quantity ?? null;
    const to = isGone ? from : (wanted.get(id) ?? from);
    if (to === null || to === from) continue;
    const change = to - (from ?? 0);
    if (change > 0) tally.up += 1;
    if (change < 0) tally.down += 1;
    if (change < 0 && to === 0) tally.toZero += 1;
    tally.unitsUp += Math.max(0, change);
    tally.unitsDown += Math.max(0, -change);
    if (change !== 0) tally.largest = keepLargest([...tally.largest, { sku, listingRef, from, to }], sizeOf);
  }
}

const sizeOf = ({ from, to }: ListingChange): number => Math.abs(to - (from ?? 0));

const keepLargest = <Kept extends { readonly sku: Sku }>(all: Kept[], size: (one: Kept) => number): Kept[] =>
  all.sort((a, b) => size(b) - size(a) || (a.sku < b.sku ? -1 : 1)).slice(0, LARGEST_MAX);

function addPools(totals: Totals, state: State, when: 'Before' | 'After', now: Instant): void {
  const books = openBooks(state, now);
  for (const item of books.items.values()) {
    const free = freeOf(books, item);
    const pools = poolsFor(books, item, free);
    for (const program of state.policy.programs) {
      const may = promisableTo(program, pools, free);
      programTally(totals, program.id)[`promise${when}`] += may.own + may.shared;
    }
    // The pool of `emergency` has no program that could be promised of it.
    for (const { program, remaining } of pools.own) programTally(totals, program)[`protected${when}`] += remaining;
    if (when === 'Before') continue;
    const wants = pools.own.map(({ program, units, consumed, remaining }) => ({
      program,
      units: Math.max(0, units - Math.max(0, consumed)),
      remaining,
    }));
    const isCut = wants.some(({ units, remaining }) => remaining < units);
    if (!isCut) continue;
    totals.above.items += 1;
    const cut = { sku: item.sku, free: pools.free, pools: wants.filter(({ units }) => units > 0) };
    totals.above.largest = keepLargest([...totals.above.largest, cut], missingOf);
  }
}

const missingOf = ({ pools }: PoolsAboveSupply): number =>
  pools.reduce((sum, { units, remaining }) => sum + units - remaining, 0);

function programTally({ programs }: Totals, program: ProgramId): ProgramTally {
  const known = programs.get(program);
  if (known !== undefined) return known;
  const made = { program, promiseBefore: 0, promiseAfter: 0, protectedBefore: 0, protectedAfter: 0 };
  programs.set(program, made);
  return made;
}
