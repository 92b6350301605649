/** `npm run bench`: a bench weighs on no other one, and a name that is none is told with those there are. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const FILE = join(ROOT, 'scripts', 'bench.ts');

test('each bench is loaded when it is asked for, never beside another', () => {
  const text = readFileSync(FILE, 'utf8');
  expect(text).not.toMatch(/^import .*'\.\/bench\//m);
  expect([...text.matchAll(/await import\('\.\/bench\/([a-z-]+)\.ts'\)/g)].map(([, name]) => name)).toEqual([
    'core',
    'console',
  ]);
});

test('without a name, or with one that is none, the benches are told', () => {
  for (const name of [[], ['nothing']]) {
    const said = spawnSync(process.execPath, [FILE, ...name], { cwd: ROOT, encoding: 'utf8' });
    expect([said.status, said.stdout]).toEqual([2, '']);
    expect(said.stderr).toMatch(/name a bench:\n {2}core {2}.*\n {2}console {2}/);
  }
});
