/** Policies that fit the schema and cannot hold, told at their lines; and what a file names, wherever a rule may stand. */
import { describe, expect, test } from 'vitest';
import { readConfigFile } from '#workers/config-file.ts';
import { findUnmatchedRules, namedItems } from '#workers/config-policy-checks.ts';
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

  test('count what is in season at one moment', () => {
    const may = '{ program: a, percent: 90, from: "2026-05-01", until: "2026-06-01" }';
    expect(problems([may, '{ program: b, percent: 90, from: "2026-06-01" }'])).toEqual([]);
    expect(problems([may, '{ program: b, percent: 20, from: "2026-05-31" }'])).toEqual([
      'allot.yaml:9:28 pools[1].percent: the pools of every item come to 110 % of its supply (a 90 %, b 20 %). Write 10 or less here, or take from another.',
    ]);
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
  expect(namedItems(file.source)).toEqual({ skus: ['CUP', 'MUG'], groups: ['winter', 'summer'] });
  const missing = { skus: ['CUP'], groups: ['summer'], near: { skus: ['CUPS'], groups: ['sumer', 'CUP'] } };
  expect(sayProblems(file.source, findUnmatchedRules(file.source, missing))).toEqual([
    'allot.yaml:9:14 channels[0].items.CUP: matches nothing: no item has the SKU "CUP". Did you mean "CUPS"?',
    'allot.yaml:15:26 pools[2].group: matches nothing: no item is in the group "summer". Did you mean "sumer"?',
  ]);
});
