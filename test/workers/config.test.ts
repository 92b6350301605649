/** What the configuration makes of good and bad environments and files, message by message: people read them in a terminal. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, nothingConfigured, ROLES, readConfig, readEnvironment } from '#workers/config.ts';
import { ConfigError } from '#workers/config-problems.ts';
import { configJsonSchema } from '#workers/config-schema.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const KEY = Buffer.alloc(32, 7).toString('base64');
const OLD_KEY = Buffer.alloc(32, 8).toString('base64');

/** A file that is right, for tests that break one thing. */
const GOOD = `locations:
  - { id: main, master: allot }
programs:
  - { id: dtc, priority: 2, locations: [main] }
channels:
  - id: fake:a
    program: dtc
`;

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

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const fileProblems = (text: string): readonly string[] => problemsOf(() => configOf(text));
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

  it('goes before the file for host and port', () => {
    const text = `${GOOD}http: { host: 10.0.0.1, port: 9000 }\n`;
    expect(configOf(text).http).toEqual({ host: '10.0.0.1', port: 9000 });
    expect(configOf(text, { PORT: '0' }).http).toEqual({ host: '10.0.0.1', port: 0 });
  });
});

describe('a good file', () => {
  it('fills in what it leaves out', () => {
    const { file } = configOf(GOOD);
    expect(file?.locations).toEqual([{ id: 'main', master: 'allot', sells: true }]);
    expect(file?.channels).toEqual([{ id: 'fake:a', connector: 'fake', program: 'dtc', settings: {} }]);
    expect(file?.intervals).toEqual({ pollMs: 60_000, reconcileMs: 300_000, sweepMs: 5_000 });
    expect(file?.policy).toEqual({
      programs: [{ id: 'dtc', priority: 2, drawOrder: 'ownThenShared', locations: ['main'] }],
      pools: [],
      channels: [
        {
          channel: 'fake:a',
          program: 'dtc',
          sku: '*',
          sharePercent: 100,
          safetyStock: 0,
          buffer: 0,
          hideAtOrBelow: null,
          cap: null,
        },
      ],
      inFlightMs: 600_000,
    });
  });

  it('makes a whole rule of an item: its own values, then the channel’s; null is a value', () => {
    const { file } = configOf(`${GOOD}    share: 50
    buffer: 2
    cap: 9
    items:
      00123: { buffer: 0, cap: null }
`);
    const rules = file?.policy.channels ?? [];
    expect(rules.map(({ sku, sharePercent, buffer, cap }) => [sku, sharePercent, buffer, cap])).toEqual([
      ['*', 50, 2, 9],
      ['00123', 50, 0, null],
    ]);
  });

  it('may use anchors', () => {
    const { file } = configOf(`${GOOD}    items: { A: &thin { share: 10 }, B: *thin }\n`);
    expect(file?.policy.channels.map(({ sku, sharePercent }) => [sku, sharePercent])).toEqual([
      ['*', 100],
      ['A', 10],
      ['B', 10],
    ]);
  });

  it('is the example, whose schema stands where its first line says', () => {
    const text = readFileSync(join(ROOT, 'scripts/examples/allot.yaml'), 'utf8');
    const { file } = configOf(text);
    expect(file?.channels.map(({ id }) => id)).toEqual(['shopify:main']);
    expect(file?.policy.channels.find(({ sku }) => sku === '00123')).toMatchObject({
      buffer: 5,
      cap: 50,
      sharePercent: 100,
    });
    const [, schema] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text.split('\n')[0] ?? '') ?? [];
    expect(dirname(schema ?? '')).toBe('scripts/examples');
    expect(JSON.parse(readFileSync(join(ROOT, schema ?? ''), 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(configJsonSchema())),
    );
  });
});

describe('a bad file tells place, fault and fix', () => {
  it('of everything at once, in its order', () => {
    const text = `locations:
  - { id: main, master: allo }
  - { id: 3pl-east, master: 3pl, sells: "yes" }
  - { id: 3pl-east, master: erp }
programs:
  - id: dtc
    priority: high
    locations: [mian]
    colour: red
  - { id: wholesale, locations: [] }
pools:
  - { program: wholsale, units: 5 }
  - { program: dtc, sku: 00123, units: 1.5 }
channels:
  - id: fake:a
    program: dtcc
    share: 120
    bufer: 3
    safetyStock: -1
    items:
      ABC: { cap: "9", share: 50, sahre: 1 }
  - { id: fake, program: dtc }
  - { id: fake:a, program: dtc }
intervals:
  poll: 30
  sweep: 5 seconds
htpp: {}
`;
    expect(fileProblems(text)).toEqual([
      'allot.yaml:2:25 locations[0].master: is "allo". Did you mean "allot"?',
      'allot.yaml:3:41 locations[1].sells: is "yes". Write true when its stock may be sold, else false.',
      'allot.yaml:4:11 locations[2].id: the location "3pl-east" has two stock masters, 3pl and erp. Exactly one may say how much there is: keep one.',
      'allot.yaml:7:15 programs[0].priority: is "high". Write a whole number, 0 or more; the lowest is served first from new supply.',
      'allot.yaml:8:17 programs[0].locations[0]: no location is called "mian". Did you mean "main"?',
      'allot.yaml:9:5 programs[0].colour: is not a known key. There is: id, priority, drawOrder, locations.',
      'allot.yaml:10:5 programs[1].priority: is missing. Write a whole number, 0 or more; the lowest is served first from new supply.',
      'allot.yaml:10:33 programs[1].locations: is an empty list. Write a list of at least one location id, the preferred one first.',
      'allot.yaml:12:16 pools[0].program: no program is called "wholsale". Did you mean "wholesale"?',
      'allot.yaml:13:26 pools[1].sku: is 123, not text. Put it in quotes: "00123".',
      'allot.yaml:13:40 pools[1].units: is 1.5. Write how many units only this program may take: a whole number, 0 or more.',
      'allot.yaml:16:14 channels[0].program: no program is called "dtcc". Did you mean "dtc"?',
      'allot.yaml:17:12 channels[0].share: is 120. Write a whole percent from 0 to 100: how much of what it could be promised the channel shows.',
      'allot.yaml:18:5 channels[0].bufer: is not a known key. Did you mean "buffer"?',
      'allot.yaml:19:18 channels[0].safetyStock: is -1. Write a whole number of units, 0 or more, that are never promised to this channel.',
      'allot.yaml:21:19 channels[0].items.ABC.cap: is "9". Write a whole number of units, 0 or more, that the channel shows at most; null for no limit.',
      'allot.yaml:21:35 channels[0].items.ABC.sahre: is not a known key. Did you mean "share"?',
      'allot.yaml:22:11 channels[1].id: is "fake". Write the id of a channel: its connector, a colon and a name, such as "shopify:main".',
      'allot.yaml:23:11 channels[2].id: the channel "fake:a" is defined twice. Keep one, or give it another id.',
      'allot.yaml:25:9 intervals.poll: is 30. Write a duration such as "500ms", "30s", "5m" or "2h", a week at most.',
      'allot.yaml:26:10 intervals.sweep: is "5 seconds". Write a duration such as "500ms", "30s", "5m" or "2h", a week at most.',
      'allot.yaml:27:1 htpp: is not a known key. Did you mean "http"?',
    ]);
  });

  it('together with what is wrong in the environment', () => {
    write('allot.yaml', GOOD.replace('program: dtc', 'program: dct'));
    expect(environmentProblems({ LOG_LEVEL: 'inf' })).toEqual([
      'LOG_LEVEL: "inf" is unknown. Did you mean "info"?',
      'allot.yaml:7:14 channels[0].program: no program is called "dct". Did you mean "dtc"?',
    ]);
  });

  it.each([
    [
      'a section that is missing',
      'channels: []\nlocations:\n  - { id: a, master: erp }\n',
      ['allot.yaml:1:1 programs: is missing. Write a list of at least one program.'],
    ],
    [
      'a value that is missing',
      GOOD.replace('program: dtc', 'program:'),
      [
        'allot.yaml:7:5 channels[0].program: is empty. Write the id of a program: letters, digits, "-", "_" and ".", at most 63.',
      ],
    ],
    [
      'nothing in it',
      '# nothing yet\n',
      ['allot.yaml:1:1 (file): is empty. Write a block with locations, programs and channels.'],
    ],
    [
      'a list instead of a block',
      '- 1\n',
      ['allot.yaml:1:1 (file): is a list. Write a block with locations, programs and channels.'],
    ],
    [
      'a key twice',
      `${GOOD}    program: dtc\n`,
      ['allot.yaml:8:5 channels[0].program: the key stands twice in one block. Keep one of them.'],
    ],
    [
      'the same location twice',
      GOOD.replace('programs:', '  - { id: main, master: allot }\nprograms:'),
      ['allot.yaml:3:11 locations[1].id: the location "main" is defined twice. Keep one, or give it another id.'],
    ],
    [
      'two channels that would share secrets',
      `${GOOD}  - { id: fake:us-a, program: dtc }\n  - { id: fake:us_a, program: dtc }\n`,
      [
        'allot.yaml:9:11 channels[2].id: would read the same secrets (FAKE_US_A_...) as "fake:us-a". Give it an id that differs in letters or digits.',
      ],
    ],
    [
      'two pools of one program and SKU',
      `${GOOD}pools:\n  - { program: dtc, units: 1 }\n  - { program: dtc, sku: "*", units: 2 }\n`,
      ['allot.yaml:10:5 pools[1]: this program has a pool of this SKU already. Keep one of them.'],
    ],
    [
      'an empty SKU',
      `${GOOD}    items: { "": { cap: 1 } }\n`,
      [
        'allot.yaml:8:14 channels[0].items[""]: cannot be a key here. Write the SKU of an item, in quotes where it is only digits.',
      ],
    ],
    [
      'a tab',
      'locations:\n\t- id: main\n',
      ['allot.yaml:2:1 (file): is not YAML: Tabs are not allowed as indentation. Indent with spaces.'],
    ],
    ['an open quote', 'locations: "x\n', ['allot.yaml:1:14 (file): is not YAML: Missing closing "quote. Close it.']],
    [
      'an anchor that is not there',
      `${GOOD}    items: *thin\n`,
      ['allot.yaml:8:12 (file): no anchor is called "thin". Define it above as &thin, or put the value in quotes.'],
    ],
    [
      'a tag',
      GOOD.replace('master: allot', 'master: !env allot'),
      ['allot.yaml:2:25 (file): is not YAML: Unresolved tag: !env. Take the tag out.'],
    ],
    [
      'two documents',
      `${GOOD}---\nlocations: []\n`,
      [
        'allot.yaml:8:1 (file): is not YAML: Source contains multiple documents. Keep one document: take the "---" out.',
      ],
    ],
  ])('%s', (_, text, problems) => {
    expect(fileProblems(text)).toEqual(problems);
  });

  it('anchors that unfold without end', () => {
    const levels = Array.from(
      { length: 9 },
      (_, i) =>
        `a${i}: &a${i} [${Array(9)
          .fill(i === 0 ? 'x' : `*a${i - 1}`)
          .join(', ')}]`,
    );
    const [problem] = fileProblems(`${levels.join('\n')}\n`);
    expect(problem).toContain('allot.yaml:1:1 (file): cannot be read: Excessive alias count');
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
    expect(variables.toSorted()).toEqual([...read, 'SHOPIFY_MAIN_WEBHOOK_SECRET='].toSorted());
  });
});
