/** Policies that fit the schema and cannot hold, told at their lines; and what a file names, wherever a rule may stand. */
import { describe, expect, test } from 'vitest';
import { readConfigFile } from '#workers/config-file.ts';
import { findOverPools, findUnmatchedRules, namedItems } from '#workers/config-policy-checks.ts';
import { sayProblems } from '#workers/config-problems.ts';

const fileWith = (more: string) => `locations: [{ id: main, master: allot }]
programs:
  - { id: a, priority: 1, locations: [main] }
  - { id: b, priority: 2, locations: [main] }
  - { id: c, priority: 3, locations: [main] }
channels: []
${more}`;

const problems = (pools: readonly string[]) =>
  readConfigFile(fileWith(`pools:\n${pools.map((pool) => `  - ${pool}\n`).join('')}`), 'allot.yaml').problems;

describe('percents of one item', () => {
  test('come to 100 at most, over all programs', () => {
    expect(problems(['{ program: a, percent: 60 }', '{ program: b, percent: 40 }'])).toEqual([]);
    expect(
      problems(['{ program: a, percent: 60 }', '{ program: b, percent: 40 }', '{ program: c, percent: 1 }']),
    ).toEqual([
      'allot.yaml:10:28 pools[2].percent: the pools of every item come to 101 % of its supply (a 60 %, b 40 %, c 1 %). Write 0 or less here, or take from another.',
    ]);
  });

  test('count the nearest pool of each program: one of an item takes the place of one of every item', () => {
    const all = ['{ program: a, percent: 60 }', '{ program: b, percent: 40 }'];
    expect(problems([...all, '{ program: b, sku: MUG, percent: 41 }'])).toEqual([
      'allot.yaml:10:38 pools[2].percent: the pools of MUG come to 101 % of its supply (a 60 %, b 41 %). Write 40 or less here, or take from another.',
    ]);
    expect(
      problems([...all, '{ program: b, sku: MUG, percent: 41 }', '{ program: a, sku: MUG, percent: 59 }']),
    ).toEqual([]);
    expect(problems([...all, '{ program: a, group: summer, percent: 90 }'])).toEqual([
      'allot.yaml:10:43 pools[2].percent: the pools of group summer come to 130 % of its supply (a 90 %, b 40 %). Write 60 or less here, or take from another.',
    ]);
    expect(problems([...all, '{ program: a, sku: MUG, units: 900 }'])).toEqual([]);
  });

  test('are told at the entry of the file, also after one that makes several pools', () => {
    const classes =
      '{ program: a, margin: 2, mean: 1, deviation: 1 }, { program: b, margin: 1, mean: 1, deviation: 1 }';
    expect(
      problems([`{ sku: CUP, emsrb: [${classes}] }`, '{ program: a, percent: 60 }', '{ program: b, percent: 50 }']),
    ).toEqual([expect.stringContaining('allot.yaml:10:28 pools[2].percent: the pools of every item come to 110 %')]);
  });

  test('count what comes into force when the nearer pool of an item ends', () => {
    expect(
      problems([
        '{ program: a, sku: CUP, percent: 10, until: "2027-01-01" }',
        '{ program: a, percent: 90 }',
        '{ program: b, sku: CUP, percent: 20 }',
      ]),
    ).toEqual([
      'allot.yaml:10:38 pools[2].percent: the pools of CUP come to 110 % of its supply (a 90 %, b 20 %). Write 10 or less here, or take from another.',
    ]);
  });

  test('are one sum for the item, and one for each place', () => {
    const there = '{ program: a, location: main, percent: 60 }';
    expect(problems(['{ program: b, percent: 60 }', there, '{ program: b, location: main, percent: 40 }'])).toEqual([]);
    // Named by a rule that counts, not by the first of the file.
    const other = '{ program: c, sku: MUG, units: 1 }';
    expect(problems([other, there, '{ program: b, location: main, percent: 50 }'])).toEqual([
      'allot.yaml:10:44 pools[2].percent: the pools of every item come to 110 % of what is at main (a 60 %, b 50 %). Write 40 or less here, or take from another.',
    ]);
  });

  test('count what is in season at one moment', () => {
    const may = '{ program: a, percent: 90, from: "2026-05-01", until: "2026-06-01" }';
    expect(problems([may, '{ program: b, percent: 90, from: "2026-06-01" }'])).toEqual([]);
    expect(problems([may, '{ program: b, percent: 20, from: "2026-05-31" }'])).toEqual([
      'allot.yaml:9:28 pools[1].percent: the pools of every item come to 110 % of its supply (a 90 %, b 20 %). Write 10 or less here, or take from another.',
    ]);
  });
});

const read = (text: string) => readConfigFile(text, 'allot.yaml');

describe('rules that nothing can meet', () => {
  test('a program none of whose places is sold from', () => {
    const text = fileWith('').replace(
      'locations: [{ id: main, master: allot }]',
      'locations: [{ id: main, master: allot }, { id: dock, master: allot, sells: false }, { id: lab, master: allot, sells: false }]',
    );
    expect(
      read(text.replace('priority: 2, locations: [main]', 'priority: 2, locations: [dock, main]')).problems,
    ).toEqual([]);
    expect(
      read(text.replace('priority: 2, locations: [main]', 'priority: 2, locations: [dock, lab]')).problems,
    ).toEqual([
      'allot.yaml:4:38 programs[1].locations: "b" can be promised nothing: none of its places is sold from (dock, lab). Add a place that is sold from (main), or take "sells: false" from one of these.',
    ]);
    const none = read(fileWith('').replace('master: allot }', 'master: allot, sells: false }')).problems;
    expect(none[0]).toContain('none of its places is sold from (main). Take "sells: false" from one of them.');
    expect(none).toHaveLength(3);
  });

  test('a route that asks for the same as one that is taken before it, in whatever order they stand', () => {
    const routes = (...lines: string[]) =>
      read(fileWith(`routes:\n${lines.map((line) => `  - ${line}\n`).join('')}`)).problems;
    const vip = '{ id: vip, program: b, tag: vip, orderType: b2b }';
    expect(routes(vip, '{ id: vips, program: c, tag: vip }', '{ id: web, program: c, tag: VIP }')).toEqual([]);
    const says =
      'can never win: the route "best" (routes[INDEX]) asks for the same (tag "vip", orderType "b2b"), and of two alike the first by id is taken. Take "vip" out, or let it ask for more: channel, partner, customer, company.';
    const best = '{ id: best, program: c, orderType: b2b, tag: vip }';
    expect(routes(best, vip)).toEqual([`allot.yaml:9:11 routes[1]: ${says.replace('INDEX', '0')}`]);
    expect(routes(vip, best)).toEqual([`allot.yaml:8:11 routes[0]: ${says.replace('INDEX', '1')}`]);
  });

  test('a pool that is over at the moment, and none that is still to come or has no end', () => {
    const { file } = read(
      fileWith(`pools:
  - { program: a, sku: MUG, units: 1, from: "2026-05-01", until: "2026-06-01T08:00:00+02:00" }
  - { program: a, sku: CUP, units: 1, from: "2026-05-01" }
`),
    );
    if (file === null) throw new Error('does not fit');
    const end = Date.UTC(2026, 5, 1, 6);
    expect(findOverPools(file.source, end - 1)).toEqual([]);
    expect(sayProblems(file.source, findOverPools(file.source, end))).toEqual([
      'allot.yaml:8:66 pools[0].until: matches nothing: the pool ended at 2026-06-01T08:00:00+02:00, and it is 2026-06-01T06:00Z. Write a later moment, or take the pool out.',
    ]);
  });

  test('a misspelt "emergency", which only a pool may name', () => {
    expect(problems(['{ program: emergncy, units: 5 }'])).toEqual([
      'allot.yaml:8:16 pools[0].program: no program is called "emergncy". Did you mean "emergency"?',
    ]);
    expect(problems(['{ program: wholesale, units: 5 }'])[0]).toContain('There is: a, b, c, emergency.');
    expect(read(fileWith('routes:\n  - { id: r, program: emergncy, tag: x }\n')).problems[0]).toContain(
      'There is: a, b, c.',
    );
  });
});

describe('days that no calendar has', () => {
  const reviewed = (day: string) =>
    read(fileWith('').replace('priority: 1,', `priority: 1, reviewBy: ${JSON.stringify(day)},`)).problems;

  test.each([
    ['2027-02-31', 'no day of the calendar, that month has 28 days. Write "2027-02-28".'],
    ['2028-02-30', 'no day of the calendar, that month has 29 days. Write "2028-02-29".'],
    ['2027-04-00', 'no day of the calendar, that month has 30 days. Write "2027-04-01".'],
    ['2027-13-01', 'no day of the calendar, a year has the months 01 to 12. Write one of them.'],
  ])('%s is refused, with the day to write', (day, says) => {
    expect(reviewed(day)).toEqual([`allot.yaml:3:37 programs[0].reviewBy: is "${day}": ${says}`]);
    expect(problems([`{ program: a, units: 1, until: "${day}T08:00:00Z" }`])).toEqual([
      `allot.yaml:8:36 pools[0].until: is "${day}T08:00:00Z": ${says}`,
    ]);
  });

  test('what is no day at all is told the form', () => {
    expect(reviewed('soon')).toEqual([
      'allot.yaml:3:37 programs[0].reviewBy: is "soon". Write a day such as "2027-01-31", by which its rules are to be looked at again.',
    ]);
    expect(problems(['{ program: a, units: 1, from: "2027-02-28T25:00Z" }'])[0]).toContain('Write a day such as');
    expect(reviewed('2028-02-29')).toEqual([]);
  });
});

const NAMING = fileWith(`pools:
  - { program: a, sku: MUG, units: 1 }
  - { program: a, sku: "*", units: 1 }
  - { program: b, group: summer, units: 1 }
`).replace(
  'channels: []',
  `channels:
  - id: fake:a
    program: a
    items: { CUP: { cap: 1 } }
    groups: { winter: { cap: 1 } }
    settings: { sku: no-rule, items: { none: 1 } }`,
);

test('names are found wherever a rule stands, but not in the settings of a connector; missing ones are told there', () => {
  const { file, problems: wrong } = readConfigFile(NAMING, 'allot.yaml');
  expect(wrong).toEqual([]);
  if (file === null) return;
  expect(namedItems(file.source)).toEqual({
    skus: ['CUP', 'MUG'],
    groups: ['winter', 'summer'],
    pooledSkus: ['MUG'],
  });
  const near = { skus: ['CUPS'], groups: ['sumer', 'CUP'] };
  const missing = { skus: ['CUP'], groups: ['summer'], near, pooledKits: new Map() };
  expect(sayProblems(file.source, findUnmatchedRules(file.source, missing))).toEqual([
    'allot.yaml:9:14 channels[0].items.CUP: matches nothing: no item has the SKU "CUP". Did you mean "CUPS"?',
    'allot.yaml:15:26 pools[2].group: matches nothing: no item is in the group "summer". Did you mean "sumer"?',
  ]);
});

test('a pool of a kit matches nothing, and what it is made of is named; a rule of a channel for it does', () => {
  const { file } = readConfigFile(NAMING.replace('sku: MUG', 'sku: CUP'), 'allot.yaml');
  if (file === null) throw new Error('the file cannot be read');
  const saidOf = (parts: readonly string[]) =>
    sayProblems(
      file.source,
      findUnmatchedRules(file.source, {
        skus: [],
        groups: [],
        near: { skus: [], groups: [] },
        pooledKits: new Map([['CUP', parts]]),
      }),
    );
  expect(saidOf(['BOWL', 'LID'])).toEqual([
    'allot.yaml:13:24 pools[0].sku: matches nothing: "CUP" is a kit and has no pool of its own. Write pools for what it is made of (BOWL, LID), or take the rule out.',
  ]);
  expect(saidOf(['A', 'B', 'C', 'D', 'E', 'F', 'G'])[0]).toContain('(A, B, C, D, E and 2 more)');
});
