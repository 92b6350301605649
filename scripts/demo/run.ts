/**
 * One demo from the first process to the report: stage -> opening stock -> the stream, day by day -> settle -> verify -> report.
 */
import { addCommands } from '#db/commands.ts';
import { channelsAwaited, LOCATION } from './brand.ts';
import { openBuyers } from './buyers.ts';
import { type PeakWatch, watchPeaks } from './child.ts';
import { chooseMoments, flushRedis, startChaos } from './faults.ts';
import type { Flags } from './flags.ts';
import { measure } from './measure.ts';
import { type Pace, startPace } from './pace.ts';
import { type Play, preparePlay } from './play.ts';
import { type Figures, judge, type Report } from './report.ts';
import { chooseLevels, choosePools, createRestock, type Levels, measureDemand } from './restock.ts';
import { type Progress, startScreen } from './screen.ts';
import { examine, type Settled, settle, waitUntilPublished } from './settle.ts';
import { openStage, type Stage } from './stage.ts';
import { type OrderStream, readOrderStream, skusOf } from './stream.ts';
import { makeOrderStream } from './synthetic.ts';
import type { StockMove } from './undersold.ts';

export type RunOptions = {
  readonly flags: Flags;
  readonly redisUrl: string | null;
  readonly screen: NodeJS.WriteStream;
  readonly signal: AbortSignal;
};

export type Ran = { readonly report: Report; readonly stage: Stage; readonly busiest: string };

/** Outstanding orders at least and at most: on few SKUs more of them would sell numbers that are older than they need be. */
const OUTSTANDING = { calm: 24, rough: 40, most: 200 } as const;
const SKUS_PER_OUTSTANDING = 16;
const PATIENCE_MS = { calm: 30_000, rough: 8_000 } as const;
const PEAK_EVERY_MS = 1000;

export const readStream = (flags: Flags): Promise<OrderStream> =>
  flags.orders === null
    ? Promise.resolve(makeOrderStream({ seed: flags.seed, limit: flags.limit }))
    : readOrderStream(flags.orders, { wholesaleUnits: flags.wholesaleUnits, limit: flags.limit });

const outstandingMax = (pace: 'calm' | 'rough', skus: number): number =>
  Math.min(OUTSTANDING.most, Math.max(OUTSTANDING[pace], Math.ceil(skus / SKUS_PER_OUTSTANDING)));

const isRough = (flags: Flags): boolean => flags.crash + flags.flushRedis > 0 || flags.chaos !== null;

/** The most wanted first. */
const rankSkus = (demand: ReturnType<typeof measureDemand>): string[] =>
  [...demand].sort(([, a], [, b]) => b.mean - a.mean).map(([sku]) => sku);

async function fillShelves({ db, checkProcesses }: Stage, levels: Levels): Promise<StockMove[]> {
  const at = Date.now();
  const bodies = [...levels].map(
    ([sku, quantity]) => ({ kind: 'receive', sku, location: LOCATION, quantity, disposition: 'sellable' }) as const,
  );
  const commands = bodies.map((body) => ({ body, actor: 'demo', occurredAt: at, channelId: null, inboxId: null }));
  await db.transaction((tx) => addCommands(tx, commands));
  await waitUntilPublished(db, checkProcesses);
  return bodies.map((body) => ({ at, body }));
}

type Struck = { crashes: number; flushes: number };

type Show = {
  readonly stream: OrderStream;
  readonly stage: Stage;
  readonly pace: Pace;
  readonly struck: Struck;
  readonly peaks: PeakWatch;
};

/** What strikes after the n-th order. */
function planFaults({ flags, redisUrl }: RunOptions, { stage, struck, peaks }: Show, orders: number) {
  const crashes = chooseMoments(flags.crash, orders, flags.seed);
  const flushes = chooseMoments(flags.flushRedis, orders, flags.seed + 1);
  return async (n: number): Promise<void> => {
    stage.checkProcesses();
    if (crashes.has(n)) {
      await peaks.look();
      await stage.crashDaemon();
      struck.crashes += 1;
    }
    if (flushes.has(n) && redisUrl !== null) {
      await flushRedis(redisUrl);
      struck.flushes += 1;
    }
  };
}

const progressOf = (play: Play, pace: Pace, total: number, startedAt: number): Progress => {
  const elapsedS = (performance.now() - startedAt) / 1000;
  const done = play.ordersDone();
  const leftS = done < 20 ? null : (elapsedS / done) * (total - done);
  return {
    day: play.day(),
    done,
    total,
    ordersPerSecond: done / Math.max(0.001, elapsedS),
    leftS,
    outstanding: pace.outstanding(),
  };
};

type Played = {
  readonly play: Play;
  readonly settled: Settled;
  readonly moves: readonly StockMove[];
  readonly unmatchedUnits: number;
};

async function playStream(options: RunOptions, show: Show, levels: Levels): Promise<Played> {
  const { flags, screen, signal } = options;
  const { stream, stage, pace } = show;
  const { db, controls } = stage;
  const opening = await fillShelves(stage, levels);
  const buyers = openBuyers(levels);
  const total = stream.events.filter(({ kind }) => kind === 'order').length;
  const play = preparePlay({
    db,
    controls,
    events: stream.events,
    buyers,
    restock: createRestock(levels),
    pace,
    outstandingMax: outstandingMax(isRough(flags) ? 'rough' : 'calm', levels.size),
    ordersPerSecond: flags.pace,
    afterOrder: planFaults(options, show, total),
    signal,
  });
  const startedAt = performance.now();
  const skus = rankSkus(measureDemand(stream.events));
  const shown = startScreen({
    db,
    controls,
    skus,
    stream: screen,
    progress: () => progressOf(play, pace, total, startedAt),
  });
  try {
    const endChaos = await startChaos(controls, flags.chaos, flags.seed);
    await play.run();
    await endChaos();
    if (!screen.isTTY) screen.write('the stream is played; waiting until every platform shows what it should\n');
    const settled = await settle(db, controls, signal);
    return { play, settled, moves: [...opening, ...play.moves], unmatchedUnits: buyers.unmatched.units };
  } finally {
    await shown.stop();
  }
}

const streamFigures = (
  flags: Flags,
  stream: OrderStream,
  skus: readonly string[],
  { play, unmatchedUnits }: Played,
): Figures['stream'] => ({
  name: stream.name,
  seed: flags.seed,
  skus: skus.length,
  leftOut: Object.fromEntries(stream.leftOut),
  returnedUnits: play.returned(),
  unmatchedCreditUnits: unmatchedUnits,
  adjustedUnits: play.adjustments,
});

/** A process that has ended says more than the call that did not reach it. */
function explainFault(stage: Stage, error: unknown): unknown {
  try {
    stage.checkProcesses();
    return error;
  } catch (ended) {
    return ended;
  }
}

/** Never closes the stage it answers: the caller may want to look around. Closes it itself when it throws. */
export async function runDemo(options: RunOptions): Promise<Ran> {
  const { flags, redisUrl, screen, signal } = options;
  const startedAt = performance.now();
  const stream = await readStream(flags);
  const skus = skusOf(stream.events);
  const demand = measureDemand(stream.events);
  const pools = choosePools(stream.events, demand);
  const { levels } = chooseLevels(stream.events, demand, (sku) => pools.own.get(sku) ?? pools.every);
  const say = (line: string): void => void screen.write(`${line}\n`);
  const stage = await openStage({ home: flags.home, skus, pools, redisUrl, say });
  const pace = startPace({
    db: stage.db,
    limitMs: () => PATIENCE_MS[isRough(flags) ? 'rough' : 'calm'],
    patient: channelsAwaited('morning'),
    ignored: channelsAwaited('never'),
  });
  // Whoever interrupts does not wait for the closed loop.
  signal.addEventListener('abort', () => void pace.close());
  const peaks = watchPeaks(stage.pids);
  const looking = setInterval(() => void peaks.look(), PEAK_EVERY_MS);
  const struck: Struck = { crashes: 0, flushes: 0 };
  try {
    const played = await playStream(options, { stream, stage, pace, struck, peaks }, levels);
    signal.throwIfAborted();
    const { play, settled, moves } = played;
    const measured = await measure({ ...stage, skus, offered: play.offered, drift: settled.drift, moves });
    const { ok, violations, skipped } = await examine(stage.db, stage.controls, stage.sealKey);
    await peaks.look();
    const { undersold, ...figures } = measured;
    const report = judge(
      {
        read: stream.read,
        ...figures,
        ...struck,
        rssPeakMB: peaks.peaks(),
        durationS: Math.round((performance.now() - startedAt) / 100) / 10,
        doctor: { ok, violations, skipped },
        stream: streamFigures(flags, stream, skus, played),
      },
      { isRough: isRough(flags), missingOrders: settled.missing },
    );
    for (const line of undersold.lines.slice(0, 5)) {
      say(
        `refused without need: ${line.quantity} of ${line.sku} on ${line.channel}, which showed ${line.shown} and could have sold ${line.could}`,
      );
    }
    return { report, stage, busiest: rankSkus(demand)[0] ?? '' };
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : explainFault(stage, error);
    await pace.close();
    await stage.close();
    throw reason;
  } finally {
    clearInterval(looking);
    await pace.close();
  }
}
