/** How much is said of a text that is not YAML. */
import { expect, test } from 'vitest';
import { readYaml } from '#workers/yaml-source.ts';

test('one slip is told by the first places where the parser stumbles, not by every token after it', () => {
  const rest = Array.from({ length: 40 }, (_, row) => `  - { id: place-${row}, master: allot }\n`).join('');
  const { data, problems } = readYaml(`$ allot policy export\n# A policy\nlocations:\n${rest}`, 'allot.yaml');
  expect(data).toBeUndefined();
  expect(problems).toHaveLength(3);
  expect(problems[0]?.says).toContain('is not YAML');
});

test('keys that stand twice are all told', () => {
  const twice = ['a', 'b', 'c', 'd', 'e'].map((key) => `${key}: 1\n${key}: 2\n`).join('');
  expect(readYaml(twice, 'allot.yaml').problems).toHaveLength(5);
});
