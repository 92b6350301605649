/** What the configuration makes of good and bad files, message by message: people read them in a terminal. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PoolRule } from '#core/model.ts';
import { sayPoolRule } from '#core/pool-words.ts';
import { GUARD_DEFAULTS } from '#core/reallocation-guards.ts';
import { problemsOf, SMALL_CONFIG } from '#test/support/config-problems.ts';
import { type Config, readConfig } from '#workers/config.ts';
import { configJsonSchema } from '#workers/config-schema.ts';

const ROOT = join(import.meta.dirname, '..', '..');

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'allot-config-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const write = (name: string, text: string): void => writeFileSync(join(cwd, name), text);

function configOf(text: string): Config {
  write('allot.yaml', text);
  return readConfig({ env: {}, cwd });
}

const fileProblems = (text: string): readonly string[] => problemsOf(() => configOf(text));

describe('a good file', () => {
  it('fills in what it leaves out', () => {
    const { file } = configOf(SMALL_CONFIG);
    expect(file?.locations).toEqual([{ id: 'main', master: 'allot', sells: true }]);
    expect(file?.channels).toEqual([{ id: 'fake:a', connector: 'fake', program: 'dtc', settings: {} }]);
    const usual = { pollMs: 60_000, reconcileMs: 300_000 };
    expect(file?.intervals).toEqual({
      ...usual,
      lightScanMs: 30_000,
      lightScanPeriodMs: 900_000,
      sweepMs: 5_000,
      channels: [{ id: 'fake:a', ...usual }],
    });
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

  it('takes how whole a program fills its orders, and offers what there is for a typing mistake', () => {
    const withRule = (word: string) => SMALL_CONFIG.replace('priority: 2', `completeness: ${word}, priority: 2`);
    expect(configOf(withRule('shipComplete')).file?.policy.programs[0]?.completeness).toBe('shipComplete');
    expect(fileProblems(withRule('shipcomplete')).join()).toContain(
      'completeness: is "shipcomplete". Did you mean "shipComplete"?',
    );
  });

  it('makes a whole rule of an item: its own values, then the channel’s; null is a value', () => {
    const { file } = configOf(`${SMALL_CONFIG}    share: 50
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

  it('lets a channel be polled and reconciled at intervals of its own', () => {
    const { file } = configOf(`${SMALL_CONFIG}    intervals: { poll: 3m }\nintervals: { reconcile: 1h }\n`);
    expect(file?.intervals).toEqual({
      pollMs: 60_000,
      reconcileMs: 3_600_000,
      lightScanMs: 30_000,
      lightScanPeriodMs: 900_000,
      sweepMs: 5_000,
      channels: [{ id: 'fake:a', pollMs: 180_000, reconcileMs: 3_600_000 }],
    });
  });

  it('takes the minimum life of lots by program in whole days, and when lots about to expire are told', () => {
    const with_ = (program: string, rest = '') =>
      configOf(SMALL_CONFIG.replace('priority: 2,', `priority: 2, ${program},`) + rest);
    const { file } = with_('minimumLife: 60d', 'lots: { expiringWithin: 14d }\n');
    expect(file?.policy.programs[0]).toMatchObject({ minimumLifeDays: 60 });
    expect(file?.policy.programs[0]).not.toHaveProperty('minimumLife');
    expect(file?.policy.lots).toEqual({ expiringWithinDays: 14 });
    expect(configOf(`${SMALL_CONFIG}lots: {}\n`).file?.policy.lots).toEqual({ expiringWithinDays: 30 });
    expect(configOf(SMALL_CONFIG).file?.policy).not.toHaveProperty('lots');
    for (const life of ['0d', '8w', '60', '4000d']) {
      expect(problemsOf(() => with_(`minimumLife: "${life}"`))).toEqual([
        expect.stringContaining('whole days such as "60d", at most 3650d'),
      ]);
    }
  });

  it('has the guards of the core for reallocations, whether it names them or not', () => {
    expect(configOf(SMALL_CONFIG).file?.policy.reallocation).toBeUndefined();
    expect(configOf(`${SMALL_CONFIG}reallocation: {}\n`).file?.policy.reallocation).toEqual(GUARD_DEFAULTS);
    const text = readFileSync(join(ROOT, 'scripts/examples/allot.yaml'), 'utf8');
    expect(configOf(text).file?.policy.reallocation).toEqual(GUARD_DEFAULTS);
    const own = configOf(`${SMALL_CONFIG}reallocation: { cooldown: 30m, approveAbove: 0 }\n`).file?.policy.reallocation;
    expect(own).toEqual({ ...GUARD_DEFAULTS, cooldownMs: 1_800_000, approveAbove: 0 });
    expect(fileProblems(`${SMALL_CONFIG}reallocation: { perMovePercent: 120, maxDay: 3 }\n`)).toEqual([
      expect.stringContaining('reallocation.perMovePercent'),
      expect.stringContaining('Did you mean "maxDays"?'),
    ]);
  });

  it('lets channels share the pool fairly, by the weight of their programs', () => {
    const text = SMALL_CONFIG.replace('priority: 2', 'priority: 2, weight: 2.5');
    expect(text).toContain('weight');
    const { file } = configOf(`${text}    share: fair\n    items: { A: { share: 40 } }\n`);
    expect(file?.policy.programs[0]?.weight).toBe(2.5);
    expect(file?.policy.channels.map(({ sku, sharePercent, fairShare }) => [sku, sharePercent, fairShare])).toEqual([
      ['*', 100, true],
      ['A', 40, undefined],
    ]);
  });

  it('may reckon its pools by EMSR-b: one for each class, best margin first, the last without protection', () => {
    const classes = `
      - { program: b2b, margin: 567, mean: 45.1, deviation: 15 }
      - { program: dtc, margin: 1050, mean: 17.3, deviation: 5.8 }`;
    const text = SMALL_CONFIG.replace('programs:', 'programs:\n  - { id: b2b, priority: 3, locations: [main] }');
    const { file } = configOf(
      `${text}pools:\n  - { program: dtc, units: 2 }\n  - sku: A\n    refill: receipt\n    emsrb:${classes}\n`,
    );
    // Talluri and van Ryzin, table 2.1: 16.717484 for the first class.
    expect(file?.policy.pools).toEqual([
      { program: 'dtc', sku: '*', units: 2, refill: 'never' },
      {
        program: 'dtc',
        sku: 'A',
        units: 16,
        refill: 'receipt',
        because: 'EMSR-b: margin 1050, demand 17.3 ± 5.8; 59 % chance that this and better classes want more',
      },
      { program: 'b2b', sku: 'A', units: 0, refill: 'receipt', because: expect.stringContaining('margin 567') },
    ]);
    expect(sayPoolRule({ rule: file?.policy.pools[1] as PoolRule, supply: 40, units: 16 })).toBe(
      'rule for item A, EMSR-b: margin 1050, demand 17.3 ± 5.8; 59 % chance that this and better classes want more',
    );
  });

  it('may use anchors', () => {
    const { file } = configOf(`${SMALL_CONFIG}    items: { A: &thin { share: 10 }, B: *thin }\n`);
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
  it('of a location that a program names twice', () => {
    const text = SMALL_CONFIG.replace('locations: [main]', 'locations: [main, main]');
    expect(fileProblems(text)).toEqual([
      expect.stringContaining('programs[0].locations[1]: "main" is named twice: its units are there once.'),
    ]);
  });
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
      'allot.yaml:9:5 programs[0].colour: is not a known key. There is: id, priority, drawOrder, locations, completeness, leadTimeDays, minimumLife, backorder, owner, reviewBy, weight, pickTags, share, safetyStock, buffer, ....',
      'allot.yaml:10:5 programs[1].priority: is missing. Write a whole number, 0 or more; the lowest is served first from new supply.',
      'allot.yaml:10:33 programs[1].locations: is an empty list. Write a list of at least one location id, the preferred one first.',
      'allot.yaml:12:16 pools[0].program: no program is called "wholsale". Did you mean "wholesale"?',
      'allot.yaml:13:26 pools[1].sku: is 123, not text. Put it in quotes: "00123".',
      'allot.yaml:13:40 pools[1].units: is 1.5. Write how many units only this program may take: a whole number, 0 or more.',
      'allot.yaml:16:14 channels[0].program: no program is called "dtcc". Did you mean "dtc"?',
      'allot.yaml:17:12 channels[0].share: is 120. Write how much of what it could be promised the channel shows: a whole percent from 0 to 100; or fair: its part of the shared pool.',
      'allot.yaml:18:5 channels[0].bufer: is not a known key. Did you mean "buffer"?',
      'allot.yaml:19:18 channels[0].safetyStock: is -1. Write what is never promised to this channel: a whole number of units, a percent such as "10%", or planned.',
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
    write('allot.yaml', SMALL_CONFIG.replace('program: dtc', 'program: dct'));
    expect(problemsOf(() => readConfig({ env: { LOG_LEVEL: 'inf' }, cwd }))).toEqual([
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
      SMALL_CONFIG.replace('program: dtc', 'program:'),
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
      `${SMALL_CONFIG}    program: dtc\n`,
      ['allot.yaml:8:5 channels[0].program: the key stands twice in one block. Keep one of them.'],
    ],
    [
      'the same location twice',
      SMALL_CONFIG.replace('programs:', '  - { id: main, master: allot }\nprograms:'),
      ['allot.yaml:3:11 locations[1].id: the location "main" is defined twice. Keep one, or give it another id.'],
    ],
    [
      'a pool of a place that its program does not draw at, and one that is not sold from',
      `locations:
  - { id: main, master: allot }
  - { id: shop, master: allot }
  - { id: outlet, master: allot, sells: false }
programs: [{ id: dtc, priority: 1, locations: [main, outlet] }]
channels: []
pools:
  - { program: dtc, units: 2, location: main }
  - { program: dtc, units: 2, location: shop }
  - { program: dtc, units: 2, location: outlet }
  - { program: dtc, units: 3, location: main }
`,
      [
        'allot.yaml:9:41 pools[1].location: the program "dtc" does not draw at "shop". Add it to the locations of the program, or name one of them: main, outlet.',
        'allot.yaml:10:41 pools[2].location: "outlet" is not sold from, so nothing can be drawn there.',
        'allot.yaml:11:5 pools[3]: this program has a pool of these items for this time already. Keep one of them.',
      ],
    ],
    [
      'two channels that would share secrets',
      `${SMALL_CONFIG}  - { id: fake:us-a, program: dtc }\n  - { id: fake:us_a, program: dtc }\n`,
      [
        'allot.yaml:9:11 channels[2].id: would read the same secrets (FAKE_US_A_...) as "fake:us-a". Give it an id that differs in letters or digits.',
      ],
    ],
    [
      'EMSR-b beside what it reckons itself',
      `${SMALL_CONFIG}pools:\n  - program: dtc\n    units: 3\n    emsrb:\n      - { program: dtc, margin: 2, mean: 4, deviation: 1 }\n      - { program: dtc, margin: 1, mean: 4, deviation: 1 }\n`,
      [
        'allot.yaml:9:14 pools[0].program: is "dtc": stands beside emsrb, which says it. Keep one of them.',
        'allot.yaml:10:12 pools[0].units: is 3: stands beside emsrb, which says it. Keep one of them.',
        'allot.yaml:12:9 pools[0].emsrb[0]: this program has a pool of these items for this time already. Keep one of them.',
        'allot.yaml:13:9 pools[0].emsrb[1]: this program has a pool of these items for this time already. Keep one of them.',
        'allot.yaml:13:20 pools[0].emsrb[1].program: is "dtc": is a class already. Keep one of them.',
      ],
    ],
    [
      'EMSR-b of a program that nobody knows, with a margin of nothing',
      `${SMALL_CONFIG}pools:\n  - emsrb:\n      - { program: dtc, margin: 0, mean: 4, deviation: 1 }\n      - { program: dtcc, margin: 1, mean: 4, deviation: -1 }\n`,
      [
        'allot.yaml:10:33 pools[0].emsrb[0].margin: is 0. Write what a unit leaves on this program, a number above 0.',
        'allot.yaml:11:20 pools[0].emsrb[1].program: no program is called "dtcc". Did you mean "dtc"?',
        'allot.yaml:11:57 pools[0].emsrb[1].deviation: is -1. Write the standard deviation of that: a number, 0 or more.',
      ],
    ],
    [
      'a pool of nobody',
      `${SMALL_CONFIG}pools:\n  - { units: 1 }\n`,
      [
        'allot.yaml:9:5 pools[0].program: is missing. Write the id of a program, or "emergency": a pool that only a reallocation may touch.',
      ],
    ],
    [
      'two pools of one program and SKU',
      `${SMALL_CONFIG}pools:\n  - { program: dtc, units: 1 }\n  - { program: dtc, sku: "*", units: 2 }\n`,
      ['allot.yaml:10:5 pools[1]: this program has a pool of these items for this time already. Keep one of them.'],
    ],
    [
      'an empty SKU',
      `${SMALL_CONFIG}    items: { "": { cap: 1 } }\n`,
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
      `${SMALL_CONFIG}    items: *thin\n`,
      ['allot.yaml:8:12 (file): no anchor is called "thin". Define it above as &thin, or put the value in quotes.'],
    ],
    [
      'a tag',
      SMALL_CONFIG.replace('master: allot', 'master: !env allot'),
      ['allot.yaml:2:25 (file): is not YAML: Unresolved tag: !env. Take the tag out.'],
    ],
    [
      'two documents',
      `${SMALL_CONFIG}---\nlocations: []\n`,
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
