/**
 * Puts the report's figures together: the platforms' logs say what was sold, allot's tables what came in and when it was answered for.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { SandboxControl } from '#connectors/sandbox/control.ts';
import type { Instant } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { readIngested, readParkedCounts, readPropagation, readShortUnits, readSoldAfterKnown } from '#db/measures.ts';
import type { ConfigFile } from '#workers/config-file.ts';
import { CHANNELS, type DemoChannel } from './brand.ts';
import { type PlatformWord, readPlatform } from './platform-log.ts';
import { type Amount, type ChannelReport, type Figures, percentileOf } from './report.ts';
import type { Controls } from './settle.ts';
import { findUndersold, type StockMove, type Undersold } from './undersold.ts';

export type Measured = Pick<
  Figures,
  'channels' | 'stockouts' | 'oversoldUnits' | 'oversoldAfterKnown' | 'undersoldUnits' | 'propagationMs'
> & { readonly undersold: Undersold };

export type MeasureOptions = {
  readonly db: Database;
  readonly controls: Controls;
  readonly config: ConfigFile;
  readonly skus: readonly string[];
  readonly offered: ReadonlyMap<string, Amount>;
  readonly drift: ReadonlyMap<string, number>;
  readonly moves: readonly StockMove[];
};

const NOTHING: Amount = { orders: 0, lines: 0, units: 0 };

type Words = ReadonlyMap<string, PlatformWord>;

const ANSWERS_MS_MAX = 10_000;
const LOOK_EVERY_MS = 250;

/** An answer that allot has sent may still lie in the mailbox. */
async function readWord({ id, basis, isAnswered }: DemoChannel, control: SandboxControl): Promise<PlatformWord> {
  const deadline = Date.now() + ANSWERS_MS_MAX;
  for (;;) {
    const word = await readPlatform(id, basis, control);
    if (!isAnswered || word.figures.unanswered === 0 || Date.now() > deadline) return word;
    await wait(LOOK_EVERY_MS);
  }
}

async function readWords(controls: Controls): Promise<Words> {
  const words = new Map<string, PlatformWord>();
  for (const channel of CHANNELS) {
    const control = controls.get(channel.id);
    if (control !== undefined) words.set(channel.id, await readWord(channel, control));
  }
  return words;
}

async function reportChannels(options: MeasureOptions, words: Words): Promise<Record<string, ChannelReport>> {
  const { db, controls, offered, drift, skus } = options;
  const [ingested, parked] = await Promise.all([readIngested(db), readParkedCounts(db)]);
  const reports: Record<string, ChannelReport> = {};
  for (const { id, connector, speedUp, isAnswered } of CHANNELS) {
    const [word, control] = [words.get(id), controls.get(id)];
    if (word === undefined || control === undefined) continue;
    const stats = await control.stats();
    const { placed, refused, cancelled, increases, decreases, unanswered } = word.figures;
    const { orders, lines, units } = ingested.find(({ channel }) => channel === id) ?? NOTHING;
    reports[id] = {
      connector,
      speedUp: speedUp(skus.length),
      offered: offered.get(id) ?? NOTHING,
      placed,
      refused,
      ingested: { orders, lines, units },
      cancelled,
      increases,
      decreases,
      apiCalls: stats.apiCalls,
      drift: drift.get(id) ?? 0,
      parked: parked.find(({ channel }) => channel === id)?.count ?? 0,
      unanswered: isAnswered ? unanswered : 0,
      refusedDocuments: stats.documents?.refused ?? 0,
    };
  }
  return reports;
}

/** By the platforms' own moment of the sale: some print theirs in whole seconds. */
function placedMoments(words: Words): ReadonlyMap<string, Instant> {
  const moments = [...words].flatMap(([channel, { figures }]) =>
    [...figures.placedAt].map(([ref, at]) => [`${channel}/${ref}`, at] as const),
  );
  return new Map(moments);
}

async function measurePropagation(
  db: Database,
  placedAt: ReadonlyMap<string, Instant>,
): Promise<Figures['propagationMs']> {
  const delays = (await readPropagation(db)).flatMap(({ orderId, acknowledgedAt }) => {
    const at = placedAt.get(orderId);
    return at === undefined || acknowledgedAt === null ? [] : [Math.max(0, acknowledgedAt - at)];
  });
  const sorted = delays.sort((a, b) => a - b);
  const round = (part: number): number | null => {
    const found = percentileOf(sorted, part);
    return found === null ? null : Math.round(found);
  };
  return { p50: round(0.5), p99: round(0.99), samples: sorted.length };
}

const sumShort = (lines: readonly { readonly short: number }[]): number =>
  lines.reduce((sum, line) => sum + line.short, 0);

async function measureOversold(db: Database, placedAt: ReadonlyMap<string, Instant>) {
  const short = await readShortUnits(db);
  const dated = short.flatMap((line) => {
    const at = placedAt.get(line.orderId);
    return at === undefined ? [] : [{ ...line, placedAt: at }];
  });
  const afterKnown = dated.length === 0 ? [] : await readSoldAfterKnown(db, dated);
  return { oversoldUnits: sumShort(short), oversoldAfterKnown: sumShort(afterKnown) };
}

export async function measure(options: MeasureOptions): Promise<Measured> {
  const { db, controls, config, skus, moves } = options;
  const words = await readWords(controls);
  const placedAt = placedMoments(words);
  const undersold = findUndersold(
    {
      policy: { ...config.policy, version: 1 },
      channels: config.channels.map(({ id, program }) => ({ id, program })),
      skus,
    },
    [...words.values()].flatMap(({ events }) => events),
    moves,
  );
  return {
    channels: await reportChannels(options, words),
    stockouts: new Set([...words.values()].flatMap(({ figures }) => [...figures.emptied])).size,
    ...(await measureOversold(db, placedAt)),
    undersoldUnits: undersold.units,
    undersold,
    propagationMs: await measurePropagation(db, placedAt),
  };
}
