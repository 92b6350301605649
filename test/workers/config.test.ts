/** What the configuration makes of good and bad environments, message by message: people read them in a terminal. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { problemsOf, SMALL_CONFIG } from '#test/support/config-problems.ts';
import { type Config, nothingConfigured, ROLES, readConfig, readEnvironment } from '#workers/config.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const KEY = Buffer.alloc(32, 7).toString('base64');
const OLD_KEY = Buffer.alloc(32, 8).toString('base64');

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'allot-config-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const write = (name: string, text: string): void => writeFileSync(join(cwd, name), text);

function configOf(text: string, env: Record<string, string> = {}): Config {
  write('allot.yaml', text);
  return readConfig({ env, cwd });
}

const environmentProblems = (env: Record<string, string>): readonly string[] =>
  problemsOf(() => readConfig({ env, cwd }));

describe('the environment', () => {
  it('needs nothing: embedded database, queue in it, all roles, no file', () => {
    const config = readConfig({ env: {}, cwd });
    expect(config).toMatchObject({
      home: join(cwd, '.allot'),
      databaseUrl: null,
      redisUrl: null,
      roles: ROLES,
      isReadOnly: false,
      sealKeys: [],
      connectorPaths: [],
      logLevel: 'info',
      http: { host: '127.0.0.1', port: 8790 },
      publicUrl: null,
      file: null,
    });
    expect(nothingConfigured.split('\n')).toHaveLength(3);
    expect(nothingConfigured).toContain('cp scripts/examples/allot.yaml allot.yaml');
    expect(nothingConfigured).toContain('npm run demo');
  });

  it('is read as a whole', () => {
    const config = readConfig({
      cwd,
      env: {
        DATABASE_URL: 'postgres://allot:pw@db/allot',
        REDIS_URL: 'rediss://cache:6380/1',
        ALLOT_HOME: 'state',
        WORKERS: 'push, reconcile,push',
        ALLOT_READ_ONLY: '1',
        ALLOT_SEAL_KEY: `${KEY} ${OLD_KEY}`,
        ALLOT_CONNECTORS: './mine, lib/other.ts',
        LOG_LEVEL: 'debug',
        HOST: '0.0.0.0',
        PORT: '80',
        PUBLIC_URL: 'https://allot.example.com/',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/',
      },
    });
    expect(config).toMatchObject({
      databaseUrl: 'postgres://allot:pw@db/allot',
      redisUrl: 'rediss://cache:6380/1',
      home: join(cwd, 'state'),
      roles: ['push', 'reconcile'],
      isReadOnly: true,
      connectorPaths: [join(cwd, 'mine'), join(cwd, 'lib/other.ts')],
      logLevel: 'debug',
      http: { host: '0.0.0.0', port: 80 },
      publicUrl: 'https://allot.example.com',
      tracesUrl: 'http://collector:4318',
    });
    expect(config.sealKeys.map(({ key }) => key.toString('base64'))).toEqual([KEY, OLD_KEY]);
  });

  it('takes every variable from a file too, without its last line end, and an empty one as unset', () => {
    write('url', 'postgres://allot:pw@db/allot\n');
    write('key', `${KEY}\n`);
    const env = {
      DATABASE_URL: '',
      DATABASE_URL_FILE: 'url',
      ALLOT_SEAL_KEY_FILE: join(cwd, 'key'),
      LOG_LEVEL_FILE: '',
    };
    const config = readConfig({ env, cwd });
    expect(config.databaseUrl).toBe('postgres://allot:pw@db/allot');
    expect(config.sealKeys).toHaveLength(1);
  });

  it('tells all mistakes at once, and shows no secret', () => {
    write('empty', '\n');
    const problems = environmentProblems({
      DATABASE_URL: 'mysql://allot:hunter2@db/allot',
      REDIS_URL: 'localhost:6379',
      WORKERS: 'push,reconsile,mail',
      ALLOT_READ_ONLY: 'maybe',
      ALLOT_SEAL_KEY: 'hunter2',
      LOG_LEVEL: 'verbos',
      LOG_LEVEL_FILE: 'nowhere',
      ALLOT_HOME_FILE: 'nowhere',
      PUBLIC_URL_FILE: 'empty',
      PORT: '80a',
    });
    expect(problems.toSorted()).toEqual([
      'ALLOT_HOME_FILE: nowhere cannot be read (ENOENT). Check the path and who may read it.',
      'ALLOT_READ_ONLY: is "maybe". Write 1 for yes, 0 for no.',
      'ALLOT_SEAL_KEY: key 1 of 1 is not 32 bytes as base64. Make one: openssl rand -base64 32',
      'DATABASE_URL: is not a postgres URL. Write it as postgres://user:password@host:port/name',
      'LOG_LEVEL: is set, and LOG_LEVEL_FILE too. Keep one of them.',
      'PORT: is "80a". Write a port number from 0 to 65535.',
      'PUBLIC_URL_FILE: empty is empty. Write the value into it.',
      'REDIS_URL: is not a redis URL. Write it as redis://user:password@host:port/name',
      'WORKERS: "mail" is unknown. There is: http, intake, allocate, push, reconcile, sweep.',
      'WORKERS: "reconsile" is unknown. Did you mean "reconcile"?',
    ]);
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  it('wants a sealing key with DATABASE_URL, but not of a command line', () => {
    const env = { DATABASE_URL: 'postgresql://db/allot' };
    expect(environmentProblems(env)).toEqual([
      'ALLOT_SEAL_KEY: is missing, and with DATABASE_URL nobody else keeps it. Make one: openssl rand -base64 32',
    ]);
    expect(readEnvironment({ env, cwd }).databaseUrl).toBe('postgresql://db/allot');
  });

  it('refuses a mistyped ALLOT_ variable, and leaves those of an orchestrator alone', () => {
    expect(environmentProblems({ ALLOT_READONLY: '1' })).toEqual([
      'ALLOT_READONLY: is not a variable of allot. Did you mean ALLOT_READ_ONLY?',
    ]);
    const kubernetes = {
      ALLOT_PORT: 'tcp://10.0.0.1:80',
      ALLOT_SERVICE_HOST: '10.0.0.1',
      ALLOT_PORT_80_TCP_ADDR: '10.0.0.1',
    };
    expect(environmentProblems(kubernetes)).toEqual([]);
  });

  it('names the file that ALLOT_CONFIG asks for when it is not there', () => {
    expect(environmentProblems({ ALLOT_CONFIG: 'other.yaml' })).toEqual([
      'ALLOT_CONFIG: other.yaml cannot be read (ENOENT). Check the path and who may read it.',
    ]);
  });

  it('names a home with a configuration file of its own and secrets, which goes before the one of the working folder', () => {
    const at = (port: number) => `${SMALL_CONFIG}http: { port: ${port} }\n`;
    mkdirSync(join(cwd, 'state'));
    write('allot.yaml', at(1));
    const env = { ALLOT_HOME: 'state', B: '', C: 'set', D_FILE: 'd' };
    write('d', 'filed');
    expect(readConfig({ env, cwd }).http.port).toBe(1);
    write('state/allot.yaml', at(2));
    write('state/secrets.env', 'A=1\nB=2\nC=3\nD=4\nALLOT_READ_ONLY=1\n');
    const config = readConfig({ env, cwd });
    expect([config.file?.name, config.http.port, config.isReadOnly]).toEqual(['state/allot.yaml', 2, true]);
    expect(['A', 'B', 'C', 'D'].map(config.findVariable)).toEqual(['1', '2', 'set', 'filed']);
    expect(readConfig({ env: { ...env, ALLOT_CONFIG: 'allot.yaml' }, cwd }).http.port).toBe(1);
    expect(readConfig({ env: {}, cwd }).http.port).toBe(1);
    mkdirSync(join(cwd, '.allot'));
    write('.allot/allot.yaml', at(3));
    expect(readConfig({ env: {}, cwd }).http.port).toBe(1);
  });

  it('goes before the file for host and port', () => {
    const text = `${SMALL_CONFIG}http: { host: 10.0.0.1, port: 9000 }\n`;
    expect(configOf(text).http).toEqual({ host: '10.0.0.1', port: 9000 });
    expect(configOf(text, { PORT: '0' }).http).toEqual({ host: '10.0.0.1', port: 0 });
  });
});

describe('.env.example', () => {
  it('names every variable, without a value', () => {
    const lines = readFileSync(join(ROOT, '.env.example'), 'utf8').split('\n');
    const variables = lines.filter((line) => line !== '' && !line.startsWith('#'));
    expect(variables.filter((line) => !/^[A-Z_]+=$/.test(line))).toEqual([]);
    const source = readFileSync(join(ROOT, 'workers/config.ts'), 'utf8');
    const [, list = ''] = /const VARIABLES = \[([^\]]+)\]/.exec(source) ?? [];
    const read = [...list.matchAll(/'(\w+)'/g)].map(([, name]) => `${name}=`);
    expect(read.length).toBeGreaterThan(10);
    const secrets = variables.filter((line) => /^(SHOPIFY_MAIN|AMAZON_UK|ALERTS)_/.test(line));
    expect(secrets).toHaveLength(11);
    expect(variables.toSorted()).toEqual([...read, ...secrets].toSorted());
  });
});
