import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findShapeProblems, loadConnectors } from '#connectors/registry.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allot-registry-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const whole = (name: string): string => `export const connector = {
  name: '${name}', capabilities: {}, settings: { safeParse: () => ({ success: true }) }, secrets: () => ['TOKEN'],
  hosts: () => [], open: () => ({}),
};`;

async function write(path: string, text: string): Promise<string> {
  const file = join(folder, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, text);
  return file;
}

const load = (...extraPaths: string[]) => loadConnectors({ extraPaths, names: ['fake'] });

test('ours are there by name', async () => {
  const connectors = await loadConnectors({ extraPaths: [] });
  expect([...connectors.keys()].sort()).toEqual(['amazon', 'edi', 'fake', 'shopify']);
  for (const [name, connector] of connectors) {
    expect(connector.name).toBe(name);
    expect(findShapeProblems(connector)).toEqual([]);
  }
});

test('only those that are named are loaded, unless a name is of none', async () => {
  expect([...(await load()).keys()]).toEqual(['fake']);
  expect([...(await loadConnectors({ extraPaths: [], names: [] })).keys()]).toEqual([]);
  const all = await loadConnectors({ extraPaths: [], names: ['fake', 'shopfy'] });
  expect([...all.keys()].sort()).toEqual(['amazon', 'edi', 'fake', 'shopify']);
});

test('a private one is loaded from a file or a folder', async () => {
  const file = await write('acme.mjs', whole('acme'));
  await write('bolt/index.mjs', whole('bolt'));
  const connectors = await load(file, join(folder, 'bolt'));
  expect([...connectors.keys()]).toEqual(['acme', 'bolt', 'fake']);
});

test('a path that holds none says which, what is missing and how to fix it', async () => {
  const noExport = await write('no-export.mjs', 'export const other = 1;');
  const broken = await write('broken.mjs', "throw new Error('boom');");
  await mkdir(join(folder, 'empty'));
  const twin = await write('twin.mjs', whole('shopify'));
  const cases: readonly (readonly [string, RegExp])[] = [
    [join(folder, 'nowhere'), /there is no such file or folder.*To fix it: correct the path/],
    [join(folder, 'empty'), /the folder has no index\.ts, index\.mjs, index\.js/],
    [noExport, /does not export `connector`.*export it by that name/],
    [broken, /cannot be loaded: boom.*To fix it/],
    [twin, /already a connector called shopify/],
  ];
  for (const [path, message] of cases) {
    const fault = await load(path).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: 'rejected', field: 'ALLOT_CONNECTORS' });
    expect(String(fault)).toMatch(message);
    expect(String(fault)).toContain(path);
  }
});

test('two private ones of one name are refused', async () => {
  const first = await write('one.mjs', whole('acme'));
  const second = await write('two.mjs', whole('acme'));
  await expect(load(first, second)).rejects.toThrow(/two\.mjs: there is already a connector called acme/);
});

test('everything that is wrong with a shape is told at once', async () => {
  expect(findShapeProblems(null)).toEqual(['it is no object']);
  const file = await write(
    'half.mjs',
    "export const connector = { name: 'Half Done', secrets: [1], capabilities: 3 };",
  );
  const fault = String(await load(file).catch((error: unknown) => error));
  for (const field of ['name', 'capabilities', 'settings', 'secrets', 'hosts', 'open'])
    expect(fault).toContain(`\`${field}\``);
});
