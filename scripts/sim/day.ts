/** One day, played twice on the same recorded traffic: by allot, and by the naive connector. */

import type { DriftCause } from '#core/drift.ts';
import { Allot } from './allot.ts';
import type { Books } from './books.ts';
import { familyOf, type Keep, NOTHING_KEPT, QUIET_ALERTS, SKUS } from './brand.ts';
import { CORE, type Core } from './core.ts';
import { type CauseTally, type DriftTally, DriftWatch } from './drift-watch.ts';
import { Naive } from './naive.ts';
import { recordTraffic } from './traffic.ts';
import { type Figures, type Told, World } from './world.ts';

export type DayResult = {
  readonly seed: number;
  readonly keep: Keep;
  /** Base units. */
  readonly demandUnits: number;
  readonly allot: Figures;
  readonly naive: Figures;
  readonly drift: DriftTally;
  readonly faults: Readonly<Record<string, DriftTally>>;
  readonly causes: Readonly<Record<DriftCause, CauseTally>>;
  readonly alerts: { readonly closed: number; readonly closedWithoutProof: number; readonly open: number };
  /** That came to be decided. */
  readonly commands: number;
  readonly lostCommands: number;
  /** What allot promises and did not keep, in words; empty on a good day. */
  readonly broken: readonly string[];
};

export type Day = { readonly result: DayResult; readonly story: readonly Told[]; readonly naiveStory: readonly Told[] };

/** What the warehouse said and the books do not have. */
function lostStock(world: World, allot: Allot): string[] {
  const onHand = (books: Books, sku: string): number =>
    books.item(sku).balances.reduce((sum, { quantity }) => sum + quantity, 0);
  return SKUS.flatMap((sku) => {
    const [ours, theirs] = [onHand(allot.books, sku), onHand(world.truth, sku)];
    return ours === theirs ? [] : [`${ours} of ${sku} are in the books, and ${theirs} on the shelf`];
  });
}

/** Orders of the platforms that the books do not have as they are. */
function lostOrders(world: World, allot: Allot): string[] {
  return [...world.platforms.values()].flatMap((platform) =>
    [...platform.orders.values()].flatMap(({ arrival, cancelled, shipped }) => {
      const line = allot.books.order(arrival.channel, arrival.ref)?.lines[0];
      const wanted = platform.baseUnits(arrival.sku, arrival.units);
      const isKept =
        line?.ordered === wanted &&
        line.cancelled === (cancelled ? wanted : 0) &&
        line.shipped === (shipped ? wanted : 0);
      return isKept ? [] : [`${arrival.channel} ${arrival.ref} is not in the books as the platform has it`];
    }),
  );
}

/** When all is quiet, platforms show the targets, and the books what was sold. */
function unsettled(world: World, allot: Allot): string[] {
  return [...allot.lines.values()].flatMap((line) => {
    const target = allot.target(line);
    const { kind } = world.platform(line.channel).channel;
    // Who cannot be read has acknowledged what is wanted.
    const number = kind === 'documents' ? line.sync.ackedQuantity : world.platform(line.channel).sellable(line.sku);
    const what = `${line.channel} ${line.sku}`;
    if (target === null) return [`${what} has no target`];
    if (line.stopped !== null) return [`${what} is stopped at the end (${line.stopped})`];
    return number === target.quantity ? [] : [`${what} shows ${number} at the end, and ${target.quantity} is wanted`];
  });
}

/** Whose units an item's are depends on what was heard first, once they were too few, or were counted and found to be fewer. */
const isInOrder = (books: Books, sku: string): boolean =>
  familyOf(sku).every((one) => {
    const { shorts, balances } = books.item(one);
    return shorts.length === 0 && balances.every(({ countedAsOf }) => countedAsOf === null);
  });

/** What each listing should show at the end, against books that heard of everything at once; a buffer of its own makes it less. */
function misreckoned(world: World, allot: Allot, keep: Keep): string[] {
  if (keep.kind !== 'units' || keep.units > 0) return [];
  return [...allot.lines.values()].flatMap((line) => {
    const { channel, sku } = line;
    if (!isInOrder(world.truth, sku) || !isInOrder(allot.books, sku)) return [];
    const ours = allot.target(line)?.quantity ?? 0;
    const should = world.truth.listing(channel, sku).target?.quantity ?? 0;
    return ours === should ? [] : [`${channel} ${sku} should show ${should} at the end, and ${ours} is wanted`];
  });
}

export function playDay(
  seed: number,
  { keep = NOTHING_KEPT, kits = false, core = CORE }: { keep?: Keep; kits?: boolean; core?: Core } = {},
): Day {
  const traffic = recordTraffic(seed, { kits });
  const world = new World(traffic);
  const allot = new Allot(world, core, keep);
  const watch = new DriftWatch(world, allot);
  world.play(allot);
  const naive = new World(traffic);
  naive.play(new Naive(naive, keep.kind === 'units' ? keep.units : 0));
  const lost = [...lostOrders(world, allot), ...lostStock(world, allot)];
  const { looks } = allot;
  const afterKnown = world.figures.oversoldAfterKnown;
  const broken = [
    ...allot.violations.map(({ says }) => says),
    ...(afterKnown === 0 ? [] : [`${afterKnown} unit(s) were oversold after they were known to be gone`]),
    ...lost,
    ...unsettled(world, allot),
    ...misreckoned(world, allot, keep),
    ...(looks.alerts.size > QUIET_ALERTS
      ? [`${looks.alerts.size} alert(s) are open although nothing is wrong any more`]
      : []),
  ];
  const demandUnits = traffic.arrivals.reduce(
    (sum, { channel, sku, units }) => sum + world.platform(channel).baseUnits(sku, units),
    0,
  );
  const result: DayResult = {
    seed,
    keep,
    demandUnits,
    allot: world.figures,
    naive: naive.figures,
    drift: watch.tally,
    faults: Object.fromEntries(watch.byFault),
    causes: watch.byCause,
    alerts: { closed: looks.closed, closedWithoutProof: looks.closedWithoutProof, open: looks.alerts.size },
    commands: allot.books.taken,
    lostCommands: lost.length,
    broken,
  };
  return { result, story: world.story, naiveStory: naive.story };
}
