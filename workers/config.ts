/**
 * The configuration of a process, and the only reader of its environment: what each variable means is in .env.example.
 *
 * A home that ALLOT_HOME names may hold its own `allot.yaml`, and `secrets.env` beside it, as the demo's does: it goes before the one of
 * the working folder, and ALLOT_CONFIG before both.
 *
 * Guarantees: every variable may also come from a file (NAME_FILE), both at once are refused; an empty one counts as unset; all
 * mistakes of environment and file are told at once (ConfigError); no message shows a secret. Opens nothing but files.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { ChannelId } from '#core/model.ts';
import { type SealingKey, sealingKey } from '#db/seal.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import { ConfigError } from './config-problems.ts';
import { findNearest, suggest } from './did-you-mean.ts';
import { secretVariable } from './secret-names.ts';

export const ROLES = ['http', 'intake', 'allocate', 'push', 'reconcile', 'sweep'] as const;
export type Role = (typeof ROLES)[number];

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the environment says: enough for the command line, which needs no file. */
export type Environment = {
  /** Absolute. */
  readonly home: string;
  /** Null: the embedded PostgreSQL of `home`. Holds the password: never log it. */
  readonly databaseUrl: string | null;
  /** Null: the queue lives in the database. */
  readonly redisUrl: string | null;
  readonly isReadOnly: boolean;
  /** Of ALLOT_SEAL_KEY, the newest first; empty when unset (seal-key.ts says what then). */
  readonly sealKeys: readonly SealingKey[];
  readonly logLevel: LogLevel;
};

export type Config = Environment & {
  readonly roles: readonly Role[];
  /** Absolute. */
  readonly connectorPaths: readonly string[];
  /** Where platforms reach this daemon, without a slash at the end. */
  readonly publicUrl: string | null;
  readonly http: { readonly host: string; readonly port: number };
  /** A collector of traces, without a slash at the end; null: nothing is traced. */
  readonly tracesUrl: string | null;
  /** Null: nothing is configured; a daemon says `nothingConfigured` and ends. */
  readonly file: ConfigFile | null;
  /** A secret of a channel, or undefined; throws ConfigError when it is set twice or its file cannot be read. */
  readonly findSecret: (channel: ChannelId, name: string) => string | undefined;
  /** The same for a variable of the `alerts` section. */
  readonly findVariable: (name: string) => string | undefined;
};

export type ConfigSource = {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
};

export const nothingConfigured = `Nothing is configured: there is no allot.yaml here, nor in the folder of ALLOT_HOME, and ALLOT_CONFIG is not set.
Copy the example and make it yours: cp scripts/examples/allot.yaml allot.yaml, then npm start.
Or look first, with made-up shops and orders: npm run demo`;

const DEFAULT_FILE = 'allot.yaml';
const DEFAULT_HTTP = { host: '127.0.0.1', port: 8790 };

const VARIABLES = [
  'DATABASE_URL',
  'REDIS_URL',
  'ALLOT_HOME',
  'ALLOT_CONFIG',
  'WORKERS',
  'ALLOT_READ_ONLY',
  'ALLOT_SEAL_KEY',
  'ALLOT_CONNECTORS',
  'LOG_LEVEL',
  'PORT',
  'HOST',
  'PUBLIC_URL',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
] as const;
type VariableName = (typeof VARIABLES)[number];

type Variables = NonNullable<ConfigSource['env']>;

/** Values as text, and what is wrong with them so far. */
type Reading = {
  readonly env: Variables;
  readonly cwd: string;
  /** The home's own configuration file, where that is the one to read. */
  readonly own: string | null;
  readonly problems: string[];
  readonly text: (name: VariableName) => string | undefined;
};

export function readEnvironment(from: ConfigSource = {}): Environment {
  const reading = open(from);
  const environment = readBasics(reading);
  return refuse(reading.problems) ?? environment;
}

export function readConfig(from: ConfigSource = {}): Config {
  const reading = open(from);
  const environment = readBasics(reading);
  const { problems, env, cwd, text } = reading;
  if (environment.databaseUrl !== null && environment.sealKeys.length === 0 && !isNamed(problems, 'ALLOT_SEAL_KEY')) {
    problems.push(
      'ALLOT_SEAL_KEY: is missing, and with DATABASE_URL nobody else keeps it. Make one: openssl rand -base64 32',
    );
  }
  const file = readFile(reading);
  const config: Config = {
    ...environment,
    roles: readRoles(text('WORKERS'), problems),
    connectorPaths: splitList(text('ALLOT_CONNECTORS')).map((path) => resolve(cwd, path)),
    publicUrl: readHttpUrl('PUBLIC_URL', text('PUBLIC_URL'), problems),
    tracesUrl: readHttpUrl('OTEL_EXPORTER_OTLP_ENDPOINT', text('OTEL_EXPORTER_OTLP_ENDPOINT'), problems),
    http: {
      host: text('HOST') ?? file?.http.host ?? DEFAULT_HTTP.host,
      port: readPort(text('PORT'), problems) ?? file?.http.port ?? DEFAULT_HTTP.port,
    },
    file,
    findSecret: (channel, name) => readOnce(env, cwd, secretVariable(channel, name)),
    findVariable: (name) => readOnce(env, cwd, name),
  };
  return refuse(problems) ?? config;
}

function open({ env: given = process.env, cwd = process.cwd() }: ConfigSource): Reading {
  const own = findOwnFile({ env: given, cwd });
  const { env, problems } =
    own === null ? { env: given, problems: [] } : addSecrets(given, join(dirname(own), 'secrets.env'));
  problems.push(...findMistypedNames(env));
  const text = (name: VariableName): string | undefined => {
    try {
      return readOnce(env, cwd, name);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      if (!isNamed(problems, name)) problems.push(...error.problems);
      return undefined;
    }
  };
  return { env, cwd, own, problems, text };
}

/** The `allot.yaml` of the home that ALLOT_HOME names; null where it names none, has none, or ALLOT_CONFIG is set. */
export function findOwnFile({ env = process.env, cwd = process.cwd() }: ConfigSource): string | null {
  if (env.ALLOT_CONFIG || env.ALLOT_CONFIG_FILE) return null;
  let home: string | undefined;
  try {
    home = readOnce(env, cwd, 'ALLOT_HOME');
  } catch (error) {
    // Told by whoever reads the home itself.
    if (!(error instanceof ConfigError)) throw error;
  }
  const own = home === undefined ? null : resolve(cwd, home, DEFAULT_FILE);
  return own !== null && existsSync(own) ? own : null;
}

/** What the file says counts where the environment says nothing. */
function addSecrets(env: Variables, path: string): { readonly env: Variables; readonly problems: string[] } {
  if (!existsSync(path)) return { env, problems: [] };
  try {
    const isUnsaid = ([name]: readonly [string, unknown]): boolean => {
      const one = name.replace(/_FILE$/, '');
      return !env[one] && !env[`${one}_FILE`];
    };
    const secrets = Object.entries(parseEnv(readFileSync(path, 'utf8'))).filter(isUnsaid);
    const said = Object.entries(env).filter(([, value]) => value !== '');
    return { env: Object.fromEntries([...secrets, ...said]), problems: [] };
  } catch (error) {
    return { env, problems: [`${path} cannot be read (${codeOf(error)}). Check who may read it.`] };
  }
}

const refuse = (problems: readonly string[]): undefined => {
  if (problems.length > 0) throw new ConfigError(problems);
};

const isNamed = (problems: readonly string[], name: string): boolean => problems.some((line) => line.startsWith(name));

/** A value from NAME or from the file that NAME_FILE names (as Docker and Kubernetes hand out secrets). */
function readOnce(env: Variables, cwd: string, name: string): string | undefined {
  const value = env[name] === '' ? undefined : env[name];
  const path = env[`${name}_FILE`] === '' ? undefined : env[`${name}_FILE`];
  if (path === undefined) return value;
  if (value !== undefined) throw new ConfigError([`${name}: is set, and ${name}_FILE too. Keep one of them.`]);
  try {
    const text = readFileSync(resolve(cwd, path), 'utf8').replace(/[\r\n]+$/, '');
    if (text === '') throw new ConfigError([`${name}_FILE: ${path} is empty. Write the value into it.`]);
    return text;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([
      `${name}_FILE: ${path} cannot be read (${codeOf(error)}). Check the path and who may read it.`,
    ]);
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

/**
 * ALLOT_READONLY=1 must not pass as "not read-only". Only near misses are refused: orchestrators set variables of their own under
 * the name of a service (Kubernetes: ALLOT_PORT, ALLOT_SERVICE_HOST).
 */
function findMistypedNames(env: Variables): string[] {
  const known: string[] = VARIABLES.filter((name) => name.startsWith('ALLOT_')).flatMap((name) => [
    name,
    `${name}_FILE`,
  ]);
  return Object.keys(env).flatMap((name) => {
    if (!name.startsWith('ALLOT_') || known.includes(name)) return [];
    const nearest = findNearest(
      name.slice('ALLOT_'.length),
      known.map((one) => one.slice('ALLOT_'.length)),
    );
    return nearest === undefined ? [] : [`${name}: is not a variable of allot. Did you mean ALLOT_${nearest}?`];
  });
}

function readBasics({ cwd, problems, text }: Reading): Environment {
  return {
    home: resolve(cwd, text('ALLOT_HOME') ?? '.allot'),
    databaseUrl: readUrl('DATABASE_URL', text('DATABASE_URL'), ['postgres', 'postgresql'], problems),
    redisUrl: readUrl('REDIS_URL', text('REDIS_URL'), ['redis', 'rediss'], problems),
    isReadOnly: readSwitch('ALLOT_READ_ONLY', text('ALLOT_READ_ONLY'), problems),
    sealKeys: readSealKeys(text('ALLOT_SEAL_KEY'), problems),
    logLevel: readOneOf('LOG_LEVEL', text('LOG_LEVEL') ?? 'info', LOG_LEVELS, problems) ?? 'info',
  };
}

/** Never repeats the value: it holds a password. */
function readUrl(
  name: string,
  value: string | undefined,
  schemes: readonly string[],
  problems: string[],
): string | null {
  if (value === undefined) return null;
  const scheme = URL.parse(value)?.protocol.slice(0, -1);
  if (scheme !== undefined && schemes.includes(scheme)) return value;
  problems.push(`${name}: is not a ${schemes[0]} URL. Write it as ${schemes[0]}://user:password@host:port/name`);
  return null;
}

const ADDRESSES = {
  PUBLIC_URL: 'the address that platforms call, such as https://allot.example.com',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'the address of an OTLP collector, such as http://localhost:4318',
} as const;

function readHttpUrl(name: keyof typeof ADDRESSES, value: string | undefined, problems: string[]): string | null {
  if (value === undefined) return null;
  const url = URL.parse(value);
  if (url !== null && ['http:', 'https:'].includes(url.protocol)) return url.href.replace(/\/+$/, '');
  problems.push(`${name}: is ${JSON.stringify(value)}. Write ${ADDRESSES[name]}`);
  return null;
}

function readSwitch(name: string, value: string | undefined, problems: string[]): boolean {
  if (value === undefined || value === '0' || value === 'false') return false;
  if (value !== '1' && value !== 'true')
    problems.push(`${name}: is ${JSON.stringify(value)}. Write 1 for yes, 0 for no.`);
  return true;
}

function readSealKeys(value: string | undefined, problems: string[]): readonly SealingKey[] {
  const secrets = (value ?? '').split(/\s+/).filter((secret) => secret !== '');
  return secrets.flatMap((secret, index) => {
    try {
      return [sealingKey(secret)];
    } catch {
      // The error of a wrong length says nothing more, and the secret stays out of the message.
      problems.push(
        `ALLOT_SEAL_KEY: key ${index + 1} of ${secrets.length} is not 32 bytes as base64. Make one: openssl rand -base64 32`,
      );
      return [];
    }
  });
}

const splitList = (value: string | undefined): string[] =>
  (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

function readRoles(value: string | undefined, problems: string[]): readonly Role[] {
  const named = splitList(value);
  if (named.length === 0) return ROLES;
  return [...new Set(named)].flatMap((name) => readOneOf('WORKERS', name, ROLES, problems) ?? []);
}

function readOneOf<Word extends string>(
  name: string,
  value: string,
  words: readonly Word[],
  problems: string[],
): Word | undefined {
  const found = words.find((word) => word === value);
  if (found === undefined) problems.push(`${name}: "${value}" is unknown. ${suggest(value, words)}`);
  return found;
}

function readPort(value: string | undefined, problems: string[]): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
  problems.push(`PORT: is ${JSON.stringify(value)}. Write a port number from 0 to 65535.`);
  return undefined;
}

function readFile({ cwd, own, problems, text }: Reading): ConfigFile | null {
  const named = text('ALLOT_CONFIG');
  const path = resolve(cwd, named ?? own ?? DEFAULT_FILE);
  if (named === undefined && !existsSync(path)) return null;
  const shown = relative(cwd, path);
  try {
    const result = readConfigFile(
      readFileSync(path, 'utf8'),
      shown.startsWith('..') || isAbsolute(shown) ? path : shown,
    );
    problems.push(...result.problems);
    return result.file;
  } catch (error) {
    const variable = named === undefined ? '' : 'ALLOT_CONFIG: ';
    problems.push(
      `${variable}${named ?? own ?? DEFAULT_FILE} cannot be read (${codeOf(error)}). Check the path and who may read it.`,
    );
    return null;
  }
}
