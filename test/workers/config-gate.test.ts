/** The gate of a channel in the configuration file: read, refused with its line, told in words, written back, and fit for its connector. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Capabilities, Connector } from '#connectors/connector.ts';
import { changesOfPolicy } from '#core/policy-words.ts';
import { reachOf, setupOf, sortPolicy } from '#db/configuration-changes.ts';
import { problemsOf } from '#test/support/config-problems.ts';
import { readConfig } from '#workers/config.ts';
import { validateChannels } from '#workers/config-channels.ts';
import { policyAsYaml } from '#workers/config-export.ts';
import { readConfigFile } from '#workers/config-file.ts';

const fileOf = (gate: string): string => `locations: [{ id: main, master: allot }]
programs: [{ id: dtc, priority: 1, locations: [main] }]
channels:
  - id: shop:a
    program: dtc
${gate === '' ? '' : `    gate: ${gate}\n`}`;

function read(gate: string) {
  const { file, problems } = readConfigFile(fileOf(gate), 'allot.yaml');
  return { file, problems };
}

function policyOf(gate: string) {
  const { file, problems } = read(gate);
  if (file === null) throw new Error(problems.join('\n'));
  return { body: sortPolicy(file.policy), setup: setupOf(file) };
}

const FULL = '{ cleanDays: 5, agreement: 99.5%, ramp: [1%, 12.5%, 100%], stepDays: 2, fallBack: 90% }';

test('there is none unless the file says so; what it leaves out has its default', () => {
  expect(policyOf('').body).not.toHaveProperty('gates');
  expect(policyOf('{}').body.gates).toEqual([
    { channel: 'shop:a', cleanDays: 3, agreement: 99, ramp: [5, 25, 100], stepDays: 1, fallBack: 95 },
  ]);
  expect(policyOf('{ agreement: 98, ramp: [10, 100] }').body.gates).toMatchObject([{ agreement: 98, ramp: [10, 100] }]);
  expect(policyOf(FULL).body.gates).toEqual([
    { channel: 'shop:a', cleanDays: 5, agreement: 99.5, ramp: [1, 12.5, 100], stepDays: 2, fallBack: 90 },
  ]);
});

test.each([
  ['{ ramp: [25%, 5%, 100%] }', 'allot.yaml:6:25 channels.0.gate.ramp.1', 'is not above the step before it'],
  ['{ ramp: [5%, 50%] }', 'channels.0.gate.ramp', 'does not end with "100%"'],
  ['{ ramp: [0%, 100%] }', 'channels.0.gate.ramp.0', 'is not above the step before it'],
  ['{ agreement: "99" }', 'channels.0.gate.agreement', 'a percent such as "99%"'],
  ['{ agreement: 90%, fallBack: 95% }', 'channels.0.gate.fallBack', 'is above agreement'],
  ['{ cleanDays: 0 }', 'channels.0.gate.cleanDays', 'a whole number of days from 1 to 90'],
  ['{ cleanDay: 3 }', 'channels.0.gate', 'cleanDays'],
])('%s is refused at its line', (gate, where, says) => {
  const { file, problems } = read(gate);
  expect(file).toBeNull();
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(where.replace('channels.0', 'channels[0]').replace(/\.(\d)$/, '[$1]'));
  expect(problems[0]).toContain(says);
});

test('written back it is the same; a change is told in words, and moves no number', () => {
  const before = policyOf('{}');
  const policy = policyOf(FULL);
  const { file, problems } = readConfigFile(policyAsYaml(policy, ['a comment']), 'exported.yaml');
  expect(problems).toEqual([]);
  expect(file === null ? null : sortPolicy(file.policy)).toEqual(policy.body);
  expect(changesOfPolicy(before.body, policy.body).map(({ says }) => says)).toEqual([
    'gate of shop:a: clean days before it goes live from 3 to 5, agreement of a clean day from 99 % to 99.5 %, ramp from 5 %, 25 %, 100 % to 1 %, 12.5 %, 100 %, clean days before the next step from 1 to 2, falls back below from 95 % to 90 %',
  ]);
  const stored = { locations: [], channels: [], policyVersion: 1, policy: before.body, setup: before.setup };
  const reach = reachOf(
    { ...stored, locations: [{ id: 'main', master: 'allot', sells: true }] },
    { ...policy.setup, policy: policy.body, author: 'ann', reason: 'test' },
  );
  expect(reach).toEqual({ isEverything: false, skus: [], channels: [] });
});

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'allot-gate-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

function validate(gate: string, capabilities: Partial<Capabilities>): readonly string[] {
  writeFileSync(join(cwd, 'allot.yaml'), fileOf(gate));
  const connector = { name: 'shop', settings: z.strictObject({}), secrets: () => [], capabilities };
  const connectors = new Map([['shop', connector as unknown as Connector]]);
  return problemsOf(() => validateChannels(readConfig({ env: {}, cwd }), connectors));
}

test('a channel that cannot be read has none, and one to whom what is left out is 0 has no ramp', () => {
  const documents = { scope: 'all', pushEveryMs: 0, receiptMs: 0 } as const;
  expect(validate('{}', { observable: 'acknowledged' })).toEqual([expect.stringContaining('cannot be read')]);
  expect(validate('{}', { observable: 'read', documents })).toEqual([expect.stringContaining('counts as 0')]);
  expect(validate('{ ramp: ["100%"] }', { observable: 'read', documents })).toEqual([]);
  expect(validate('{}', { observable: 'read' })).toEqual([]);
});
