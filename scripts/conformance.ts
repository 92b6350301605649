/**
 * `npm run conformance -- NAME [--json] [--seeds N] [--only CASE...]`: one connector against its sandbox, every case on every seed.
 *
 * The last stdout line with --json is {connector, cases, passed, failed, skipped, seeds}, and `failures` where there are any. Without
 * it: a line per case, then the sum. Exits 0 only when nothing failed; 1 when something did; 2 when there is nothing to run.
 */
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { type CaseResult, type ConformanceReport, run } from '#connectors/conformance/kit.ts';
import type { ConformanceSubject } from '#connectors/conformance/subject.ts';

const CONNECTORS = join(import.meta.dirname, '..', 'connectors');
const SEEDS = 3;

type Options = { readonly json?: true; readonly seeds: number; readonly only?: readonly string[] };

/** A name is a folder of ours; anything with a slash is the path of a private connector's folder. */
const subjectFile = (name: string): string =>
  join(name.includes('/') ? resolve(name) : join(CONNECTORS, name), 'sandbox', 'conformance.ts');

async function loadSubjects(name: string): Promise<readonly ConformanceSubject[]> {
  const file = subjectFile(name);
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (!isThere)
    throw new Error(`there is no ${file}: name a folder of connectors/, or the path of a private one that has it`);
  const { subjects } = (await import(pathToFileURL(file).href)) as {
    readonly subjects?: readonly ConformanceSubject[];
  };
  if (subjects === undefined || subjects.length === 0)
    throw new Error(`${file} exports no \`subjects\`: see connectors/README.md`);
  return subjects;
}

function printCase(id: string, result: CaseResult): void {
  const words = {
    passed: () => `pass  ${id}`,
    skipped: () => `skip  ${id}: ${result.kind === 'skipped' ? result.why : ''}`,
    failed: () => `FAIL  ${id}: ${result.kind === 'failed' ? `seed ${result.seed}: ${result.message}` : ''}`,
  };
  console.log(words[result.kind]());
}

function printReport(report: ConformanceReport, isJson: boolean): void {
  const { failures, ...rest } = report;
  if (isJson) {
    console.log(JSON.stringify(failures.length === 0 ? rest : { ...rest, failures }));
    return;
  }
  const { connector, cases, passed, failed, skipped, seeds } = report;
  console.log(
    `\n${connector}: ${cases} cases on ${seeds} seeds: ${passed} passed, ${failed} failed, ${skipped.length} skipped`,
  );
}

async function conformance(name: string, options: Options): Promise<void> {
  const isJson = options.json === true;
  const { seeds, only } = options;
  const subjects = await loadSubjects(name);
  const onCase = isJson ? {} : { onCase: printCase };
  const report = await run(subjects, { seeds, ...onCase, ...(only === undefined ? {} : { only }) });
  printReport(report, isJson);
  process.exitCode = report.failed === 0 && report.cases > 0 ? 0 : 1;
}

function readSeeds(text: string): number {
  const seeds = Number(text);
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > 1000)
    throw new InvalidArgumentError('give a whole number from 1 to 1000');
  return seeds;
}

await new Command('conformance')
  .description('Exercise a connector against its sandbox: what each case proves stands in connectors/README.md.')
  .argument('<name>', 'a folder of connectors/, or the path of a private connector')
  .option('--json', 'print the report as one line of JSON')
  .option('--seeds <n>', 'how many seeds each case is played on', readSeeds, SEEDS)
  .option('--only <case...>', 'only these cases')
  .action(conformance)
  .parseAsync()
  .catch((error: unknown) => {
    console.error(`conformance: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 2;
  });
