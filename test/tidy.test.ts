/**
 * The house rules, held by a test (after TigerBeetle's tidy.zig). Every rule first catches a planted breach, then finds none in the
 * tree. The rules are in tidy-rules.ts (one file at a time) and tidy-tree.ts (over the whole tree).
 */
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkFile, TIDY_RULES } from './tidy-rules.ts';
import { findBrokenLinks, findMigrationGaps, findRepeated, listErrorClasses } from './tidy-tree.ts';
import { listFiles, readText } from './tree.ts';

const files = listFiles();
const folders = new Set(
  files.flatMap((path) => path.split('/').map((_, depth, parts) => parts.slice(0, depth).join('/'))),
);
const hasFile = (path: string) => folders.has(path) || files.includes(path);

describe('each file', () => {
  it.each(TIDY_RULES)('$name: catches a planted breach', (rule) => {
    expect(checkFile(rule, rule.planted.path, () => rule.planted.text)).toHaveLength(1);
  });

  it.each(TIDY_RULES)('$name: holds', (rule) => {
    expect(files.flatMap((path) => checkFile(rule, path, readText))).toEqual([]);
  });

  it('is found at all', () => {
    expect(files).toContain('package-lock.json');
    expect(files).toContain('test/tidy.test.ts');
  });
});

describe('the tree', () => {
  it('has no broken link in its pages', () => {
    const planted = 'See [a](core/a.md), [b](gone.md#x), [c](https://example.org) and [d](#here).';
    expect(findBrokenLinks('README.md', planted, (path) => path === 'core/a.md')).toHaveLength(1);
    const pages = files.filter((path) => path.endsWith('.md'));
    expect(pages.flatMap((path) => findBrokenLinks(path, readText(path), hasFile))).toEqual([]);
  });

  it('numbers its migrations without gaps', () => {
    expect(findMigrationGaps(['0001_spine.sql', '0003_later.sql'])).toHaveLength(1);
    expect(findMigrationGaps(['0001_spine.sql', '0001_twice.sql', 'notes.txt'])).toHaveLength(2);
    const migrations = files.filter((path) => path.startsWith('db/migrations/'));
    expect(findMigrationGaps(migrations.map((path) => basename(path)))).toEqual([]);
  });

  it('gives every exported error class a name of its own', () => {
    const planted = [
      'export class Base extends Error {}',
      'export class Odd extends Base {}',
      'export class Odd extends Error {}',
    ];
    expect(findRepeated(listErrorClasses(planted))).toEqual(['Odd']);
    const texts = files.filter((path) => path.endsWith('.ts') && !path.startsWith('test/')).map(readText);
    expect(listErrorClasses(texts)).toContain('Rejected');
    expect(findRepeated(listErrorClasses(texts))).toEqual([]);
  });
});
