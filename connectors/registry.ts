/**
 * The only list of connectors: ours by name, private ones by the path of a file or folder (ALLOT_CONNECTORS, read by workers/config.ts).
 *
 * Guarantees: a private module is checked against the interface before it is used, everything wrong with it told at once; no two
 * connectors have one name; of ours, only those that are named are loaded, and with them their SDKs.
 */
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Rejected } from '#core/errors.ts';
import type { Connector } from './connector.ts';

const OURS: Readonly<Record<string, () => Promise<{ readonly connector: Connector }>>> = {
  shopify: () => import('./shopify/index.ts'),
  amazon: () => import('./amazon/index.ts'),
  edi: () => import('./edi/index.ts'),
  fake: () => import('./fake/index.ts'),
};

const INDEX_FILES = ['index.ts', 'index.mjs', 'index.js'];
const README = 'connectors/README.md shows a whole connector';

const refuse = (path: string, what: string, fix: string, cause?: unknown): Rejected =>
  new Rejected(
    `ALLOT_CONNECTORS: ${path}: ${what}. To fix it: ${fix}.`,
    { field: 'ALLOT_CONNECTORS', value: path, fix },
    cause,
  );

/** What a module's `connector` lacks to be one, in the interface's words; empty when it is whole. */
export function findShapeProblems(candidate: unknown): readonly string[] {
  if (typeof candidate !== 'object' || candidate === null) return ['it is no object'];
  const { name, capabilities, settings, secrets, hosts, open } = candidate as Readonly<
    Record<keyof Connector, unknown>
  >;
  const isSchema = typeof settings === 'object' && settings !== null && 'safeParse' in settings;
  const areCapabilities =
    typeof capabilities === 'function' || (typeof capabilities === 'object' && capabilities !== null);
  const checks: readonly (readonly [boolean, string])[] = [
    [
      typeof name === 'string' && /^[a-z][a-z0-9-]*$/.test(name),
      '`name` must be a word in small letters, such as acme',
    ],
    [areCapabilities, '`capabilities` must be an object, or a function of the settings'],
    [isSchema, '`settings` must be a zod schema'],
    [typeof secrets === 'function', '`secrets` must be a function of the settings'],
    [typeof hosts === 'function', '`hosts` must be a function of the settings'],
    [typeof open === 'function', '`open` must be a function'],
  ];
  return checks.flatMap(([isRight, problem]) => (isRight ? [] : [problem]));
}

async function findModuleFile(path: string): Promise<string> {
  const full = resolve(path);
  const found = await stat(full).catch((error: unknown) => {
    throw refuse(
      path,
      'there is no such file or folder',
      'correct the path; it is taken from the folder allot is started in',
      error,
    );
  });
  if (!found.isDirectory()) return full;
  const files = await readdir(full);
  const index = INDEX_FILES.find((name) => files.includes(name));
  if (index === undefined)
    throw refuse(path, `the folder has no ${INDEX_FILES.join(', ')}`, 'add one that exports `connector`');
  return join(full, index);
}

async function loadPrivate(path: string): Promise<Connector> {
  const file = await findModuleFile(path);
  const loaded = await import(pathToFileURL(file).href).then(
    (module: Readonly<Record<string, unknown>>) => module,
    (error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw refuse(path, `it cannot be loaded: ${why}`, 'make `node FILE` run without an error', error);
    },
  );
  const candidate = loaded.connector;
  if (candidate === undefined)
    throw refuse(path, 'it does not export `connector`', `export it by that name; ${README}`);
  const problems = findShapeProblems(candidate);
  if (problems.length > 0) throw refuse(path, `its \`connector\` is not whole: ${problems.join('; ')}`, README);
  return candidate as Connector;
}

export type RegistryOptions = {
  readonly extraPaths: readonly string[];
  /**
   * Which of ours to load: the names before the colon of the configured channels. All when absent, and also when one of the names
   * is of no connector at all, so that the complaint about it can say what there is.
   */
  readonly names?: readonly string[];
};

/** By name. Throws Rejected for a path that holds no connector. */
export async function loadConnectors({ extraPaths, names }: RegistryOptions): Promise<Map<string, Connector>> {
  const connectors = new Map<string, Connector>();
  for (const path of extraPaths) {
    const connector = await loadPrivate(path);
    const { name } = connector;
    if (connectors.has(name) || Object.hasOwn(OURS, name)) {
      throw refuse(path, `there is already a connector called ${name}`, 'give one of the two another name');
    }
    connectors.set(name, connector);
  }
  const isKnown = (name: string): boolean => connectors.has(name) || Object.hasOwn(OURS, name);
  const wanted = names?.every(isKnown) === true ? new Set(names) : null;
  for (const [name, load] of Object.entries(OURS)) {
    if (wanted === null || wanted.has(name)) connectors.set(name, (await load()).connector);
  }
  return connectors;
}
