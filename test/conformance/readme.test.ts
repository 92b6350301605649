/** connectors/README.md tells what each case proves, in the kit's own words, and names the minimum. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DOCUMENT_MINIMUM, MINIMUM } from '#connectors/conformance/case.ts';
import { CASES } from '#connectors/conformance/cases/index.ts';

const README = join(import.meta.dirname, '../../connectors/README.md');

const table = [
  '| case | proves |',
  '| --- | --- |',
  ...CASES.map(({ id, proves }) => `| \`${id}\` | ${proves} |`),
].join('\n');

test('the table of cases in connectors/README.md is the kit', async () => {
  const told = /<!-- cases -->(?<table>.*?)<!-- \/cases -->/s.exec(await readFile(README, 'utf8'))?.groups?.table;
  expect(told?.trim(), `write this between the marks:\n${table}`).toBe(table);
});

test('the minimum in connectors/README.md is the kit', async () => {
  const readme = await readFile(README, 'utf8');
  const told = /These never are:(?<names>.*?)\.\n/s.exec(readme)?.groups?.names ?? '';
  expect(new Set([...told.matchAll(/`([a-z-]+)`/g)].map(([, id]) => id))).toEqual(MINIMUM);
  const toldOfDocuments = /a partner that exchanges documents:(?<names>.*?)\.\n/s.exec(readme)?.groups?.names ?? '';
  expect(new Set([...toldOfDocuments.matchAll(/`([a-z-]+)`/g)].map(([, id]) => id))).toEqual(DOCUMENT_MINIMUM);
});

test('no two cases have one name, and each says what it proves', () => {
  expect(new Set(CASES.map(({ id }) => id)).size).toBe(CASES.length);
  for (const { proves } of CASES) expect(proves).toMatch(/^[A-Z].*\.$/);
});
