/**
 * The conformance kit: every case, on every seed, against one connector and its sandbox.
 *
 * Guarantees: each case and seed plays on a fresh sandbox; a case counts once and fails with its first failing seed; a case is
 * skipped only for a capability declared absent, and one of the minimum never.
 */
import { assert } from '#core/errors.ts';
import { type ConformanceCase, DOCUMENT_MINIMUM, MINIMUM, needsDocuments, needsReads, needsWebhooks } from './case.ts';
import { CASES } from './cases/index.ts';
import { playOn } from './stage.ts';
import type { ConformanceSubject } from './subject.ts';

export type ConformanceReport = {
  readonly connector: string;
  /** passed + failed + skipped. */
  readonly cases: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly { readonly id: string; readonly why: string }[];
  readonly failures: readonly { readonly id: string; readonly seed: number; readonly message: string }[];
  /** How many seeds: 1 to this number. */
  readonly seeds: number;
};

export type CaseResult =
  | { readonly kind: 'passed' }
  | { readonly kind: 'skipped'; readonly why: string }
  | { readonly kind: 'failed'; readonly seed: number; readonly message: string };

export type RunOptions = {
  readonly seeds: number;
  /** Called as each case ends. */
  readonly onCase?: (id: string, result: CaseResult) => void;
  /** Only these case ids; all when absent. */
  readonly only?: readonly string[];
};

for (const { id, skipWhen } of CASES) {
  assert(
    !MINIMUM.has(id) || skipWhen === undefined || skipWhen === needsWebhooks || skipWhen === needsReads,
    `the minimum case ${id} can be skipped`,
  );
  assert(!DOCUMENT_MINIMUM.has(id) || skipWhen === needsDocuments, `the minimum case ${id} can be skipped`);
}
for (const id of [...MINIMUM, ...DOCUMENT_MINIMUM])
  assert(
    CASES.some((one) => one.id === id),
    `the minimum case ${id} is gone`,
  );

const SIDE_BY_SIDE = 6;

const sayError = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function playSeeds(subject: ConformanceSubject, one: ConformanceCase, seeds: number): Promise<CaseResult> {
  for (let seed = 1; seed <= (one.once === true ? 1 : seeds); seed += 1) {
    try {
      await playOn(subject, seed, one.play);
    } catch (error) {
      return { kind: 'failed', seed, message: sayError(error) };
    }
  }
  return { kind: 'passed' };
}

/** Capabilities may depend on the settings, and the settings on a running sandbox. */
async function readCapabilities(subject: ConformanceSubject) {
  const { capabilities } = subject.connector;
  if (typeof capabilities !== 'function') return capabilities;
  const bench = await subject.start();
  try {
    return capabilities(bench.settings);
  } finally {
    await bench.close();
  }
}

/** `work` on each of `list`, so many side by side; what it gives, in the order of the list. Cases wait more than they compute. */
async function mapSideBySide<T, R>(list: readonly T[], width: number, work: (value: T) => Promise<R>): Promise<R[]> {
  const results = new Map<number, R>();
  const queue = list.entries();
  const takeNext = async (): Promise<void> => {
    for (const [index, value] of queue) results.set(index, await work(value));
  };
  await Promise.all(Array.from({ length: width }, takeNext));
  return list.flatMap((_, index) => results.get(index) ?? []);
}

type Played = { readonly id: string; readonly result: CaseResult };

function createReport(connector: string, seeds: number, played: readonly Played[]): ConformanceReport {
  return {
    connector,
    cases: played.length,
    passed: played.filter(({ result }) => result.kind === 'passed').length,
    failed: played.filter(({ result }) => result.kind === 'failed').length,
    skipped: played.flatMap(({ id, result }) => (result.kind === 'skipped' ? [{ id, why: result.why }] : [])),
    failures: played.flatMap(({ id, result }) =>
      result.kind === 'failed' ? [{ id, seed: result.seed, message: result.message }] : [],
    ),
    seeds,
  };
}

async function playCases(subject: ConformanceSubject, { seeds, onCase, only }: RunOptions): Promise<Played[]> {
  const capabilities = await readCapabilities(subject);
  const chosen = CASES.filter(({ id }) => only?.includes(id) ?? true);
  const play = async (one: ConformanceCase): Promise<Played> => {
    const id = subject.variant === '' ? one.id : `${subject.variant}/${one.id}`;
    const why = one.skipWhen?.(capabilities, subject.webhook) ?? null;
    const result: CaseResult = why === null ? await playSeeds(subject, one, seeds) : { kind: 'skipped', why };
    onCase?.(id, result);
    return { id, result };
  };
  const together = chosen.filter(({ alone }) => alone !== true);
  const apart = chosen.filter(({ alone }) => alone === true);
  return [...(await mapSideBySide(together, SIDE_BY_SIDE, play)), ...(await mapSideBySide(apart, 1, play))];
}

/** The subjects of one connector, their cases added up. */
export async function run(subjects: readonly ConformanceSubject[], options: RunOptions): Promise<ConformanceReport> {
  const [first] = subjects;
  assert(first !== undefined, 'there is a subject to run');
  const played: Played[] = [];
  for (const subject of subjects) played.push(...(await playCases(subject, options)));
  return createReport(first.connector.name, options.seeds, played);
}
