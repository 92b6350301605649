/**
 * `npm run screenshot`: plays a small demo, opens its console in Chromium, and writes the pictures that README shows, so that they
 * never lie. Needs a chromium on the PATH (Debian: chromium). Exits 1 when something fails, and when a picture grew too large.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { propose } from '#workers/reallocate.ts';
import { findChromium, LAUNCH_ARGUMENTS } from './chromium.ts';
import { endChildrenAtExit } from './demo/child.ts';
import { buildCommand, readFlags } from './demo/flags.ts';
import { runDemo } from './demo/run.ts';

const ORDERS = 400;
const MAX_BYTES = 200_000;
const WIDTH = 1200;
const DOCS = join(import.meta.dirname, '..', 'docs');
const DAY_MS = 86_400_000;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

function findBrowser(): string {
  const found = findChromium(process.env.PATH ?? '');
  if (found === undefined)
    throw new Error('there is no chromium on the PATH. Install it (Debian: apt-get install chromium)');
  return found;
}

type Picture = { readonly file: string; readonly path: string; readonly height: number };

async function take(url: string, pictures: readonly Picture[]): Promise<void> {
  const browser = await chromium.launch({ executablePath: findBrowser(), args: LAUNCH_ARGUMENTS });
  try {
    for (const { file, path, height } of pictures) {
      const page = await browser.newPage({ viewport: { width: WIDTH, height } });
      await page.goto(`${url}${path}`);
      await page.locator('#live-says', { hasText: /^live$/ }).waitFor();
      await page.screenshot({ path: join(DOCS, file) });
      const { size } = await stat(join(DOCS, file));
      say(`docs/${file}: ${Math.round(size / 1000)} kB`);
      if (size > MAX_BYTES) throw new Error(`docs/${file} has ${size} bytes, ${MAX_BYTES} at most: lower its height`);
    }
  } finally {
    await browser.close();
  }
}

async function main(): Promise<void> {
  // Before the demo is played, not after it.
  findBrowser();
  endChildrenAtExit();
  const home = await mkdtemp(join(tmpdir(), 'allot-screenshot-'));
  const flags = readFlags(
    buildCommand().parse(['--once', '--limit', String(ORDERS), '--home', join(home, 'demo')], { from: 'user' }),
  );
  const { stage, busiest } = await runDemo({
    flags,
    redisUrl: null,
    screen: process.stderr,
    signal: new AbortController().signal,
  });
  try {
    const asked = {
      sku: busiest,
      units: 2,
      from: 'shared',
      to: 'wholesale',
      reason: 'the fair in May',
      until: Date.now() + 7 * DAY_MS,
    };
    await propose(stage.db, asked, { actor: 'operator:kim', now: Date.now() });
    await take(stage.url, [
      { file: 'console.png', path: `/console/sku?s=${encodeURIComponent(busiest)}`, height: 865 },
      { file: 'console-overview.png', path: '/console', height: 760 },
    ]);
  } finally {
    await stage.close();
    await rm(home, { recursive: true, force: true });
  }
}

await main().catch((error: unknown) => {
  say(`screenshot: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
