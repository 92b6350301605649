/** `allot doctor`: recomputes every invariant; exit 3 where one is broken. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type DoctorReport, runDoctor } from '#db/doctor.ts';
import { loadSealingKeys } from '#workers/seal-key.ts';
import { EXIT, type ExitCode } from '../io.ts';
import type { Kit, Run } from '../session.ts';

/** Undefined where this shell does not hold the keys: then they cannot be judged. */
async function knownKeyIds(run: Run): Promise<readonly string[] | undefined> {
  const environment = run.environment();
  // Asking for a key that was never made would make one.
  const isKept = environment.databaseUrl === null && existsSync(join(environment.home, 'seal.key'));
  if (!isKept && environment.sealKeys.length === 0) return undefined;
  return (await loadSealingKeys(environment)).map(({ id }) => id);
}

async function examine(run: Run): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const sealingKeyIds = await knownKeyIds(run);
    const report = await runDoctor(db, sealingKeyIds === undefined ? {} : { sealingKeyIds });
    run.out.show(report, () => sayReport(run, report));
    if (!report.ok) run.next('next: the commands above; then allot doctor again');
    return report.ok ? EXIT.done : EXIT.found;
  });
}

function sayReport(run: Run, report: DoctorReport): string {
  const { paint } = run.out;
  const lines = report.checks.flatMap(({ id, name, says, violations, examples, fix }) => {
    if (violations === null) return [`${paint('yellow', 'unknown')}  ${id.padEnd(3)}  ${name}: ${says}`];
    if (violations === 0) return [`${paint('green', 'holds')}    ${id.padEnd(3)}  ${name}`];
    const shown = examples.map((example) => `           ${example}`);
    const more = violations > examples.length ? [`           and ${violations - examples.length} more`] : [];
    return [
      `${paint('red', 'broken')}   ${id.padEnd(3)}  ${name}: ${says}`,
      ...shown,
      ...more,
      `           mend: ${fix}`,
    ];
  });
  return [...lines, '', report.ok ? 'Nothing is broken.' : 'Something is broken.'].join('\n');
}

export function addDoctorCommand(program: Command, kit: Kit): void {
  const doctor = program
    .command('doctor')
    .description('recompute every invariant, and say what is broken and what to do')
    .action(kit.act(examine));
  kit.examples(doctor, ['allot doctor', 'allot --home .allot/demo doctor --json']);
}
