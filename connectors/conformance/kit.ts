/**
 * The conformance kit: every case, on every seed, against one connector and its sandbox.
 *
 * Guarantees: each case and seed plays on a fresh sandbox; a case counts once and fails with its first failing seed; a case is
 * skipped only for a capability declared absent, and one of the minimum never.
 */
import { assert } from '#core/errors.ts';
import { type ConformanceCase, MINIMUM } from './case.ts';
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

for (const { id, skipWhen } of CASES) assert(!MINIMUM.has(id) || skipWhen === undefined, `the minimum case ${id} can be skipped`);
for (const id of MINIMUM) assert(CASES.some((one) => one.id === id), `the minimum case ${id} is gone`);

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
async function readCapabilities({ connector, start }: ConformanceSubject) {
  const { capabilities } = connector;
  if (typeof capabilities !== 'function') return capabilities;
  const bench = await start();
  try {
    return capabilities(bench.settings);
  } finally {
    await bench.close();
  }
}

export async function run(subject: ConformanceSubject, { seeds, onCase, only }: RunOptions): Promise<ConformanceReport> {
  const capabilities = await readCapabilities(subject);
  const results: { id: string; result: CaseResult }[] = [];
  for (const one of CASES) {
    if (only !== undefined && !only.includes(one.id)) continue;
    const id = subject.variant === '' ? one.id : `${subject.variant}/${one.id}`;
    const why = one.skipWhen?.(capabilities, subject.webhook) ?? null;
    const result: CaseResult = why === null ? await playSeeds(subject, one, seeds) : { kind: 'skipped', why };
    results.push({ id, result });
    onCase?.(id, result);
  }
  return {
    connector: subject.connector.name,
    cases: results.length,
    passed: results.filter(({ result }) => result.kind === 'passed').length,
    failed: results.filter(({ result }) => result.kind === 'failed').length,
    skipped: results.flatMap(({ id, result }) => (result.kind === 'skipped' ? [{ id, why: result.why }] : [])),
    failures: results.flatMap(({ id, result }) =>
      result.kind === 'failed' ? [{ id, seed: result.seed, message: result.message }] : [],
    ),
    seeds,
  };
}

/** Every subject of one connector, added up. */
export async function runAll(subjects: readonly ConformanceSubject[], options: RunOptions): Promise<ConformanceReport> {
  const reports: ConformanceReport[] = [];
  for (const subject of subjects) reports.push(await run(subject, options));
  const sum = (count: (report: ConformanceReport) => number): number => reports.reduce((total, report) => total + count(report), 0);
  return {
    connector: subjects[0]?.connector.name ?? '',
    cases: sum((report) => report.cases),
    passed: sum((report) => report.passed),
    failed: sum((report) => report.failed),
    skipped: reports.flatMap((report) => report.skipped),
    failures: reports.flatMap((report) => report.failures),
    seeds: options.seeds,
  };
}
