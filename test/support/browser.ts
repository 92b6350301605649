/**
 * A real Chromium for tests: Debian's, by playwright-core. Where there is none, `missingChromium` says so and the tests skip.
 *
 * Guarantees that a page's faults are kept: what its console says as an error, an exception, a refusal by the content security policy.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { findChromium, LAUNCH_ARGUMENTS } from '#scripts/chromium.ts';

const path = findChromium(process.env.PATH ?? '');

/** Why the tests in a browser cannot run here; undefined where they can. */
export const missingChromium =
  path === undefined ? 'no chromium on the PATH: the console is not tested in a browser (Debian: chromium)' : undefined;

export const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 375, height: 740 };

export function launchBrowser(): Promise<Browser> {
  if (path === undefined) throw new Error(missingChromium);
  // Root in a container has no sandbox; the pages are our own.
  return chromium.launch({ executablePath: path, args: LAUNCH_ARGUMENTS });
}

export type Visit = { readonly page: Page; readonly faults: string[]; readonly context: BrowserContext };

export async function openVisit(browser: Browser, viewport: { width: number; height: number }): Promise<Visit> {
  const context = await browser.newContext({
    viewport,
    hasTouch: viewport.width < 500,
    isMobile: viewport.width < 500,
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.text().includes('Content Security Policy')) faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText ?? '';
    // A page that is left takes its live line with it, and the look at itself that it was about to take.
    const isLeft = why === 'net::ERR_ABORTED' && request.resourceType() === 'fetch';
    if (!isLeft && !request.url().endsWith('/console/live')) faults.push(`${request.url()}: ${why}`);
  });
  return { page, faults, context };
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe calls serious or critical, by rule and place. By the debugger's door: the page's own policy lets no such script in. */
export async function findSerious(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(AXE, 'utf8'));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
  });
}
