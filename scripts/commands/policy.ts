/**
 * `allot policy`: the policy as a file that people look at, agree on, apply and go back from. Looking is here; changing is in
 * policy-changes.ts.
 */
import type { Command } from 'commander';
import { summaryOf } from '#core/policy-words.ts';
import { readPolicyAt, readPolicyHistory, readPolicyTrail, type StoredPolicy } from '#db/policy-history.ts';
import { readProposals } from '#db/policy-proposals.ts';
import { policyAsYaml } from '#workers/config-export.ts';
import { configJsonSchema } from '#workers/config-schema.ts';
import { wholeFrom } from '../arguments.ts';
import { EXIT, type ExitCode } from '../io.ts';
import { plural, sayPairs } from '../output.ts';
import {
  changesBetween,
  inForceSource,
  isNumber,
  type PolicySource,
  proposalSource,
  readPolicySource,
  requirePolicyInForce,
} from '../policy-sources.ts';
import { proposalRow, sayChanges, sayTrail, sayWho } from '../policy-text.ts';
import type { Kit, Run } from '../session.ts';
import { addPolicyChangeCommands } from './policy-changes.ts';

async function schema(run: Run): Promise<ExitCode> {
  // The document is the schema itself, for editors: with --json or without.
  run.io.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  return EXIT.done;
}

const HISTORY_DEFAULT = 20;

async function history(run: Run, { limit }: { limit: number }): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const stored = await readPolicyHistory(db, limit + 1);
    const versions = stored.slice(0, limit).map((version, index) => {
      const { body: _body, setup: _setup, ...known } = version;
      const before = stored[index + 1] ?? null;
      return { ...known, changes: summaryOf(changesBetween(before, version)) };
    });
    run.out.show({ schema: 'allot.policy.history/1', versions }, () =>
      versions.length === 0
        ? 'No policy was applied yet.'
        : run.out.table(
            [
              { title: 'VERSION', isNumber: true },
              { title: 'WHEN' },
              { title: 'WHO' },
              { title: 'WHY' },
              { title: 'WHAT' },
            ],
            versions.map((one) => [
              one.version,
              new Date(one.createdAt).toISOString().slice(0, 16),
              sayWho(one),
              one.reason,
              one.changes,
            ]),
          ),
    );
    run.next('next: allot policy show VERSION; allot policy diff VERSION VERSION');
    return EXIT.done;
  });
}

/** Comment lines of an exported file, and of `show`. */
function headOf(stored: StoredPolicy): string[] {
  return [
    `Policy version ${stored.version}, ${new Date(stored.createdAt).toISOString()}, ${sayWho(stored)}: ${stored.reason}`.replaceAll(
      /\s+/g,
      ' ',
    ),
    'A policy has no http, no intervals of polling and no settings of connectors: keep those of your own file.',
  ];
}

async function show(run: Run, version: number | undefined): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const stored = version === undefined ? await requirePolicyInForce(db) : await readPolicyAt(db, version);
    const trail = await readPolicyTrail(db, stored);
    run.out.show({ schema: 'allot.policy/1', ...stored, trail }, () => {
      const pairs = sayPairs([
        ['version', stored.version],
        ['when', new Date(stored.createdAt).toISOString()],
        ['who', sayWho(stored)],
        ['why', stored.reason],
      ]);
      const steps = trail.length === 0 ? '' : `\nTrail:\n${sayTrail(trail)}\n`;
      return `${pairs}\n${steps}\n${policyAsYaml(stored, [])}`;
    });
    return EXIT.done;
  });
}

async function exportPolicy(
  run: Run,
  version: number | undefined,
  { proposal }: { proposal?: number },
): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    if (proposal !== undefined) {
      const source = await proposalSource(db, proposal);
      const yaml = policyAsYaml(source, [`Proposal ${proposal} of a policy.`]);
      run.out.show({ schema: 'allot.policy.export/1', proposal, yaml }, () => yaml);
      return EXIT.done;
    }
    const stored = version === undefined ? await requirePolicyInForce(db) : await readPolicyAt(db, version);
    const yaml = policyAsYaml(stored, headOf(stored));
    run.out.show({ schema: 'allot.policy.export/1', version: stored.version, yaml }, () => yaml);
    return EXIT.done;
  });
}

/** Two named; or one against what is in force; or the file of the daemon against it. */
async function diff(
  run: Run,
  first: string | undefined,
  second: string | undefined,
  { proposal }: { proposal?: number },
): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const inForce = await inForceSource(db);
    const named = async (): Promise<[PolicySource | null, PolicySource]> => {
      if (proposal !== undefined) return [inForce, await proposalSource(db, proposal)];
      if (second !== undefined)
        return [await readPolicySource(db, run, first), await readPolicySource(db, run, second)];
      const one = await readPolicySource(db, run, first);
      // An older version is where one comes from; a file is where one goes.
      return isNumber(first) && inForce !== null ? [one, inForce] : [inForce, one];
    };
    const [before, after] = await named();
    const changes = changesBetween(before, after);
    run.out.show({ schema: 'allot.policy.diff/1', from: before?.name ?? null, to: after.name, changes }, () =>
      [
        `From ${before?.name ?? 'nothing'} to ${after.name}: ${plural(changes.length, 'change')}.`,
        sayChanges(changes),
      ].join('\n'),
    );
    return EXIT.done;
  });
}

const PROPOSALS_MAX = 50;

async function proposals(run: Run): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const inForce = await inForceSource(db);
    const found = (await readProposals(db, PROPOSALS_MAX)).map((proposal) => ({
      proposal,
      changes: summaryOf(changesBetween(inForce, proposal)),
    }));
    const documents = found.map(({ proposal: { body: _body, setup: _setup, ...known }, changes }) => ({
      ...known,
      changes,
    }));
    run.out.show({ schema: 'allot.policy.proposals/1', proposals: documents }, () =>
      found.length === 0
        ? 'Nobody proposed anything.'
        : run.out.table(
            [
              { title: 'ID', isNumber: true },
              { title: 'STATE' },
              { title: 'ON', isNumber: true },
              { title: 'BY' },
              { title: 'DECIDED BY' },
              { title: 'WHY' },
              { title: 'WHAT IT CHANGES NOW' },
            ],
            found.map(({ proposal, changes }) =>
              proposalRow(proposal, proposal.state === 'applied' ? 'applied' : changes),
            ),
          ),
    );
    return EXIT.done;
  });
}

function addLooks(group: Command, kit: Kit): void {
  const schemas = group
    .command('schema')
    .description('JSON Schema of the configuration file, for editors')
    .action(kit.act(schema));
  kit.examples(schemas, ['allot policy schema']);
  const past = group
    .command('history')
    .description('every version: who, why, when, and what it changed')
    .option('--limit <versions>', 'the newest so many', wholeFrom(1), HISTORY_DEFAULT)
    .action(kit.act(history));
  kit.examples(past, ['allot policy history', 'allot policy history --limit 5 --json']);
  const showing = group
    .command('show')
    .description('one version whole, with the trail of who asked, agreed and applied; the one in force by default')
    .argument('[version]', 'its number', wholeFrom(1))
    .action(kit.act(show));
  kit.examples(showing, ['allot policy show', 'allot policy show 3 --json']);
  const exporting = group
    .command('export')
    .description('a version as the YAML that says it; the one in force by default')
    .argument('[version]', 'its number', wholeFrom(1))
    .option('--proposal <id>', 'a proposal instead', wholeFrom(1))
    .action(kit.act(exportPolicy));
  kit.examples(exporting, ['allot policy export', 'allot policy export 3', 'allot policy export --proposal 2']);
  const differing = group
    .command('diff')
    .description('what changes, rule by rule: a file against what is in force, or one version against another')
    .argument('[first]', 'file or version; by default the file that a daemon would start with')
    .argument('[second]', 'file or version')
    .option('--proposal <id>', 'a proposal against what is in force', wholeFrom(1))
    .action(kit.act(diff));
  kit.examples(differing, ['allot policy diff allot.yaml', 'allot policy diff 3 5', 'allot policy diff --proposal 2']);
  const proposing = group
    .command('proposals')
    .description('what was proposed, by whom, and what became of it')
    .action(kit.act(proposals));
  kit.examples(proposing, ['allot policy proposals']);
}

export function addPolicyCommands(program: Command, kit: Kit): void {
  const group = program
    .command('policy')
    .description('the policy as a file: look, propose, approve, apply, go back')
    .addHelpText(
      'after',
      `
A policy is the part of allot.yaml that numbers are made by. Each version is kept, with who applied it and why.
To change it:  allot policy diff allot.yaml; allot policy apply allot.yaml --reason TEXT
With "approval: { policy: required }" in the file that is in force, a second person must agree:
               allot policy propose allot.yaml --reason TEXT; another: allot policy approve ID; then: allot policy apply ID
To go back:    allot policy rollback VERSION --reason TEXT
Refused is what cannot hold: rules that match nothing, pools that are over, percents of an item above 100. A pool above what is free
may be right (goods on their way): it is asked about, and where nobody can be asked it needs --yes.`,
    );
  addLooks(group, kit);
  addPolicyChangeCommands(group, kit);
}
