/** What a policy command is given: a file, a version, or a proposal; each as the same thing. */
import { existsSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { changesOfPolicy, type PolicyChange } from '#core/policy-words.ts';
import type { Queries } from '#db/client.ts';
import { type PolicyBody, type PolicySetup, setupOf, sortPolicy } from '#db/configuration-changes.ts';
import { readPolicyAt, readPolicyInForce, type StoredPolicy } from '#db/policy-history.ts';
import { readProposal } from '#db/policy-proposals.ts';
import { type ConfigFile, readConfigFile } from '#workers/config-file.ts';
import { ConfigError } from '#workers/config-problems.ts';
import { EXIT, Failure } from './io.ts';
import type { Run } from './session.ts';

export type PolicySource = {
  /** As messages name it. */
  readonly name: string;
  readonly body: PolicyBody;
  readonly setup: PolicySetup;
  /** Null for what the database keeps. */
  readonly file: ConfigFile | null;
};

type Asker = Pick<Run, 'io' | 'configFile'>;

/** Throws ConfigError with everything that is wrong, each with its line. */
export function readPolicyFile(
  { io, configFile }: Asker,
  named: string | undefined,
): PolicySource & { readonly file: ConfigFile } {
  const path = resolve(io.cwd, named ?? configFile());
  const near = relative(io.cwd, path);
  const name = near.startsWith('..') ? path : near;
  if (!existsSync(path)) {
    throw new Failure(`there is no file ${name}`, {
      mend: 'name the configuration file; allot policy export writes one of the policy in force',
      exitCode: EXIT.usage,
    });
  }
  const { file, problems } = readConfigFile(readFileSync(path, 'utf8'), name);
  if (file === null) throw new ConfigError(problems);
  return { name, body: sortPolicy(file.policy), setup: setupOf(file), file };
}

export const isNumber = (text: string | undefined): text is string => text !== undefined && /^\d{1,9}$/.test(text);

const storedSource = (stored: StoredPolicy): PolicySource => ({
  name: `version ${stored.version}`,
  body: stored.body,
  setup: stored.setup,
  file: null,
});

/** A number is a version; anything else is a file; nothing is the file that a daemon would start with. */
export async function readPolicySource(db: Queries, run: Asker, named: string | undefined): Promise<PolicySource> {
  return isNumber(named) ? storedSource(await readPolicyAt(db, Number(named))) : readPolicyFile(run, named);
}

export async function proposalSource(db: Queries, id: number): Promise<PolicySource> {
  const { body, setup } = await readProposal(db, id);
  return { name: `proposal ${id}`, body, setup, file: null };
}

export async function requirePolicyInForce(db: Queries): Promise<StoredPolicy> {
  const stored = await readPolicyInForce(db);
  if (stored !== null) return stored;
  throw new Failure('no policy is in force yet', {
    mend: 'allot policy apply FILE --reason TEXT, or start the daemon with a file: npm start',
  });
}

export const inForceSource = async (db: Queries): Promise<PolicySource | null> => {
  const stored = await readPolicyInForce(db);
  return stored === null ? null : storedSource(stored);
};

type Said = Pick<PolicySource, 'body' | 'setup'>;

/** Rules, and the places that they stand on. */
export const changesBetween = (before: Said | null, after: Said): PolicyChange[] =>
  changesOfPolicy(before === null ? null : { locations: before.setup.locations, ...before.body }, {
    locations: after.setup.locations,
    ...after.body,
  });
