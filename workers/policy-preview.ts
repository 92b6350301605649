/**
 * What a policy would change, before anybody applies it: the items it reaches are decided in memory, under the wanted policy, by the
 * same core that will decide them, and their numbers are compared with what each listing is to show now.
 *
 * Guarantees: writes nothing and takes no lock; bounded memory, a batch of items at a time, and never a part for the whole. Each
 * batch is read as it stands at its moment: while orders come in, the numbers are those of a minute, not of an instant.
 */
import { freeOf, openBooks, poolsFor } from '#core/books.ts';
import { decide } from '#core/decide.ts';
import { promisableTo } from '#core/draw.ts';
import type { ChannelId, Instant, ListingId, Policy, PoolRule, ProgramId, Sku } from '#core/model.ts';
import type { State } from '#core/state.ts';
import type { Database } from '#db/client.ts';
import { type Configuration, findChanges, reachOf, type StoredConfiguration } from '#db/configuration-changes.ts';
import { readReached } from '#db/reviews.ts';
import { loadToPreview } from '#db/state.ts';
import { type Above, addAbove, openAbove, type RulesSeen, rulesSeen } from './policy-above.ts';
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

export type PolicyPreview = {
  readonly baseVersion: number;
  readonly items: number;
  readonly channels: readonly ChannelPreview[];
  readonly programs: readonly ProgramPreview[];
  /** Units that order lines which wait would be given. */
  readonly unitsToWaiting: number;
  readonly poolsAboveSupply: Above;
};

export type PreviewOptions = {
  readonly now: Instant;
  readonly signal?: AbortSignal;
  readonly onProgress?: (items: number) => void;
  /** Line and field of a rule of the wanted policy, where it comes from a file. */
  readonly placeOf?: (rule: PoolRule) => string | undefined;
};

const BATCH_MAX = 500;
const LARGEST_MAX = 10;

type Tally = { -readonly [Key in keyof ChannelPreview]: ChannelPreview[Key] } & { largest: ListingChange[] };
type ProgramTally = { -readonly [Key in keyof ProgramPreview]: ProgramPreview[Key] };

type ListingTurn = ListingChange & { readonly channel: ChannelId };

type Totals = {
  items: number;
  readonly channels: Map<ChannelId, Tally>;
  readonly programs: Map<ProgramId, ProgramTally>;
  /** Units that a line would be given, by line: one that takes from several items is met with each of them. */
  readonly waiting: Map<string, number>;
  /** By listing: what changes with an item that is looked at (a kit with its component), and may be looked at itself later. */
  readonly beside: Map<ListingId, ListingTurn>;
  readonly above: Above;
};

const openTotals = (): Totals => ({
  items: 0,
  channels: new Map(),
  programs: new Map(),
  waiting: new Map(),
  beside: new Map(),
  above: openAbove(),
});

export async function previewPolicy(
  db: Database,
  stored: StoredConfiguration,
  next: Configuration,
  { now, signal, onProgress, placeOf }: PreviewOptions,
): Promise<PolicyPreview> {
  const { channelsGone: gone } = findChanges(stored, next);
  const reach = reachOf(stored, next);
  const totals = openTotals();
  // One object for all batches: its rules are indexed once.
  const policy: Policy = { ...next.policy, version: stored.policyVersion + 1 };
  const policyBefore: Policy | null =
    stored.policy === null ? null : { ...stored.policy, version: stored.policyVersion };
  const rules = rulesSeen(stored.policy?.pools ?? [], placeOf);
  for (let after = ''; ; ) {
    signal?.throwIfAborted();
    const skus = await readReached(db, reach, { after, max: BATCH_MAX });
    const last = skus.at(-1);
    if (last === undefined) break;
    const state = underConfiguration(await loadToPreview(db, skus, policy), next);
    const page = { skus: new Set(skus), now };
    addNumbers(totals, state, { ...page, gone });
    addPools(totals, state, page, { when: 'After', rules });
    if (policyBefore !== null)
      addPools(totals, { ...state, locations: stored.locations, policy: policyBefore }, page, { when: 'Before' });
    totals.items += skus.length;
    onProgress?.(totals.items);
    after = last;
  }
  const beside = [...totals.beside.values()];
  const among = [...new Set(beside.map(({ sku }) => sku))];
  const counted = new Set(await readReached(db, reach, { after: '', max: among.length, among }));
  for (const turn of beside) if (!counted.has(turn.sku)) addListing(totals, turn, gone);
  return previewOf(totals, stored.policyVersion);
}

const previewOf = ({ items, channels, programs, waiting, above }: Totals, baseVersion: number): PolicyPreview => ({
  baseVersion,
  items,
  channels: [...channels.values()].sort((a, b) => (a.channel < b.channel ? -1 : 1)),
  programs: [...programs.values()].sort((a, b) => (a.program < b.program ? -1 : 1)),
  unitsToWaiting: [...waiting.values()].reduce((sum, units) => sum + units, 0),
  poolsAboveSupply: above,
});

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

type Page = { readonly skus: ReadonlySet<Sku>; readonly now: Instant };

function addNumbers(totals: Totals, state: State, page: Page & { readonly gone: readonly ChannelId[] }): void {
  const facts = decide(state, reviewsOf([...page.skus], page.now), page.now);
  const wanted = new Map(facts.targets.map(({ listing, quantity }) => [listing, quantity]));
  const filled = facts.promises.filter(({ kind }) => kind === 'allocate');
  for (const [line, entries] of Map.groupBy(filled, ({ orderId, lineRef }) => `${orderId} ${lineRef}`)) {
    const units = entries.reduce((sum, { delta }) => sum + delta, 0);
    totals.waiting.set(line, Math.max(units, totals.waiting.get(line) ?? 0));
  }
  for (const { id, sku, channel, listingRef, target } of state.items.flatMap(({ listings }) => listings)) {
    const from = target?.quantity ?? null;
    const to = wanted.get(id) ?? from;
    const turn = { sku, channel, listingRef, from, to: to ?? 0 };
    if (page.skus.has(sku)) addListing(totals, turn, page.gone);
    else if (wanted.has(id)) totals.beside.set(id, turn);
  }
}

function addListing(totals: Totals, turn: ListingTurn, gone: readonly ChannelId[]): void {
  const { sku, channel, listingRef, from, to } = turn;
  const tally = tallyOf(totals, channel, gone.includes(channel));
  tally.listings += 1;
  const change = tally.isGone ? 0 : to - (from ?? 0);
  if (change === 0) return;
  if (change > 0) tally.up += 1;
  if (change < 0) tally.down += 1;
  if (change < 0 && to === 0) tally.toZero += 1;
  tally.unitsUp += Math.max(0, change);
  tally.unitsDown += Math.max(0, -change);
  tally.largest = keepLargest([...tally.largest, { sku, listingRef, from, to }], sizeOf);
}

const sizeOf = ({ from, to }: ListingChange): number => Math.abs(to - (from ?? 0));

const keepLargest = <Kept extends { readonly sku: Sku }>(all: Kept[], size: (one: Kept) => number): Kept[] =>
  all.sort((a, b) => size(b) - size(a) || (a.sku < b.sku ? -1 : 1)).slice(0, LARGEST_MAX);

type PoolsOf = { readonly when: 'Before' } | { readonly when: 'After'; readonly rules: RulesSeen };

function addPools(totals: Totals, state: State, page: Page, of: PoolsOf): void {
  const { when } = of;
  const books = openBooks(state, page.now);
  for (const item of books.items.values()) {
    // A kit has no stock, and so no pool, of its own.
    if (!page.skus.has(item.sku) || item.components !== null) continue;
    const free = freeOf(books, item);
    const pools = poolsFor(books, item, free);
    for (const program of state.policy.programs) {
      const may = promisableTo(program, pools, free);
      programTally(totals, program.id)[`promise${when}`] += may.own + may.shared;
    }
    // The pool of `emergency` has no program that could be promised of it.
    for (const { program, remaining } of [...pools.own, ...pools.placed]) {
      programTally(totals, program)[`protected${when}`] += remaining;
    }
    if (of.when === 'After') addAbove(totals.above, item.sku, pools, of.rules);
  }
}

function programTally({ programs }: Totals, program: ProgramId): ProgramTally {
  const known = programs.get(program);
  if (known !== undefined) return known;
  const made = { program, promiseBefore: 0, promiseAfter: 0, protectedBefore: 0, protectedAfter: 0 };
  programs.set(program, made);
  return made;
}
