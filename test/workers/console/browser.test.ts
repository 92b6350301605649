/**
 * The console in a real Chromium, at a desk and on a phone: no page says an error, breaks its content security policy, moves sideways,
 * or fails what axe looks for; what people do there is done.
 */
import { sql } from 'drizzle-orm';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { setMode } from '#db/modes.ts';
import { readReallocation } from '#db/reallocations.ts';
import { command } from '#test/support/brand.ts';
import {
  DESKTOP,
  findSerious,
  launchBrowser,
  missingChromium,
  openVisit,
  PHONE,
  type Visit,
} from '#test/support/browser.ts';
import { type ConsoleStage, leaveTraces, openConsole, PASSWORD, raiseDrift } from '#test/support/console.ts';
import { decidePending } from '#workers/allocate.ts';
import type { HttpServer } from '#workers/http.ts';

// A browser beside a whole suite: each wait of its own may take 30 s before it says what it waited for.
vi.setConfig({ testTimeout: 120_000 });

if (missingChromium !== undefined) console.warn(missingChromium);

describe.skipIf(missingChromium !== undefined)('in a browser', () => {
  let browser: Browser;
  let stage: ConsoleStage;
  let http: HttpServer;
  let base = '';
  const visits: Visit[] = [];

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
  });
  beforeEach(async () => {
    stage = await openConsole();
    await raiseDrift(stage.store);
    http = await stage.listen();
    base = `http://localhost:${http.port}`;
  });
  afterEach(async () => {
    for (const { context } of visits.splice(0)) await context.close();
    await http.close();
    await stage.close();
  });

  async function visit(size = DESKTOP): Promise<Visit> {
    const opened = await openVisit(browser, size);
    visits.push(opened);
    return opened;
  }
  const logIn = async (page: Page, name: string): Promise<void> => {
    await page.goto(`${base}/console`);
    await page.fill('#name', name);
    await page.fill('#password', PASSWORD);
    await page.click('main button[type=submit]');
    await page.waitForURL(`${base}/console`);
  };
  const isLive = (page: Page): Promise<unknown> => page.locator('#live-says', { hasText: /^live$/ }).waitFor();
  const expectNoSideways = async (page: Page): Promise<void> => {
    const { whole, seen } = await page.evaluate<{ whole: number; seen: number }>(
      `({ whole: document.documentElement.scrollWidth, seen: document.documentElement.clientWidth })`,
    );
    expect({ url: page.url(), isSideways: whole > seen }).toEqual({ url: page.url(), isSideways: false });
  };

  const PAGES = [
    '',
    '/alerts',
    '/alert?id=1',
    '/skus',
    '/sku?s=A',
    '/sku?s=A&at=2030-01-01T00:00',
    '/search?q=zzz',
    '/orders',
    '/order?id=fake%3Aa%2F1001',
    '/shortages',
    '/reallocations',
    '/channel?id=fake%3Aa',
    '/channel-leave?id=fake%3Aa',
    '/reconcile',
    '/reconcile?runs=all',
    '/reconcile-run?id=1',
    '/stopped',
    '/parked',
    '/parked?code=unknown-sku&channel=fake%3Aa',
    '/parked-one?id=1',
    '/queues',
    '/documents',
    '/policy',
    '/policy-version?v=1',
    '/trail',
    '/users',
    '/nothing',
  ];

  it.each([
    ['at a desk', DESKTOP],
    ['on a phone', PHONE],
  ] as const)('every page is sound %s', async (_where, size) => {
    await command(stage.store.db, {
      kind: 'receive',
      sku: 'A',
      location: 'main',
      quantity: 5,
      disposition: 'sellable',
    });
    await decidePending(stage.store.db, { now: () => stage.clock.now });
    await leaveTraces(stage.store);
    const { page, faults } = await visit(size);
    for (const path of PAGES) {
      await page.goto(`${base}/console${path}`);
      await expectNoSideways(page);
      expect([path, await findSerious(page)]).toEqual([path, []]);
    }
    await page.goto(`${base}/console/sku?s=A`);
    await page.waitForSelector('figure.chart canvas');
    await expectNoSideways(page);
    // A page that is not there says so in the browser's console, by its status.
    expect(faults.filter((fault) => !fault.includes('404'))).toEqual([]);
  });

  it('leads from the search box to why the shop shows its number, in two clicks', async () => {
    const { page, faults } = await visit(PHONE);
    await page.goto(`${base}/console`);
    await page.fill('#q', 'A');
    await page.click('form.search button');
    await page.waitForURL(/\/console\/sku\?s=A$/);
    const why = page.locator('details', { hasText: 'Why does fake:a show 37?' });
    expect(await why.locator('.sum').textContent()).toContain('should show 37');
    expect(await why.textContent()).toContain('3 allocated to open orders');
    expect(faults).toEqual([]);
  });

  it('shows a new order without a reload, and keeps what a person opened; not while it is paused', async () => {
    const { page, faults } = await visit();
    await page.goto(`${base}/console/sku?s=A`);
    await isLive(page);
    const folded = page.locator('details.card').first();
    await folded.locator('summary').first().click();
    expect(await folded.getAttribute('open')).toBeNull();
    const sell = async (quantity: number) => {
      await command(stage.store.db, { kind: 'receive', sku: 'A', location: 'main', quantity, disposition: 'sellable' });
      await decidePending(stage.store.db, { now: () => stage.clock.now });
    };
    await sell(10);
    await page.locator('.tile .value', { hasText: /^50$/ }).first().waitFor();
    expect(await folded.getAttribute('open')).toBeNull();

    await page.click('#live-pause');
    const polled: string[] = [];
    page.on('request', (request) => polled.push(request.url()));
    await sell(1);
    await page.waitForResponse((response) => response.url().includes('/console'), { timeout: 4_500 }).catch(() => null); // none may come
    expect(polled).toEqual([]);
    await page.click('#live-pause');
    await page.locator('.tile .value', { hasText: /^51$/ }).first().waitFor();
    expect(faults).toEqual([]);
  });

  it('acknowledges an alert', async () => {
    await stage.addUser('kim', 'operator');
    const { page, faults } = await visit();
    await logIn(page, 'kim');
    await page.click('nav a:has-text("Alerts")');
    await page.click('button:has-text("Acknowledge")');
    await page.waitForSelector('.notice.good');
    expect(await page.textContent('main')).toContain('acknowledged');
    const [alert] = await stage.store.db.rows<{ state: string; by: string }>(
      sql`select state, state_by as by from alert`,
    );
    expect(alert).toEqual({ state: 'acknowledged', by: 'operator:kim' });
    expect(faults).toEqual([]);
  });

  it('a second person approves a reallocation, never the first', async () => {
    await stage.addUser('kim', 'approver');
    await stage.addUser('lee', 'approver');
    const first = await visit();
    await logIn(first.page, 'kim');
    await first.page.goto(`${base}/console/reallocations`);
    for (const [name, value] of [
      ['sku', 'A'],
      ['units', '30'],
      ['from', 'shared'],
      ['to', 'wholesale'],
      ['reason', 'the fair'],
    ] as const)
      await first.page.fill(`form.card [name=${name}]`, value);
    await first.page.click('form.card button');
    await first.page.waitForURL(/\/console\/reallocation\?id=1$/);
    expect(await first.page.textContent('main')).toContain('another person approves');
    expect(await first.page.locator('button:has-text("Approve")').count()).toBe(0);

    const second = await visit(PHONE);
    await logIn(second.page, 'lee');
    await second.page.goto(`${base}/console/reallocation?id=1`);
    expect(await second.page.textContent('main')).toContain('Who is harmed');
    await second.page.click('button:has-text("Approve")');
    await second.page.waitForSelector('.notice.good');
    await second.page.click('button:has-text("Move the units now")');
    await second.page.waitForSelector('.notice.good:has-text("Applied")');
    const row = await readReallocation(stage.store.db, 1);
    expect(row).toMatchObject({ state: 'applied', proposer: 'operator:kim', approver: 'operator:lee' });
    expect([...first.faults, ...second.faults]).toEqual([]);
  });

  it('on a phone: a channel goes live by the step of its gate, a dry run is asked for, a stopped listing is resumed', async () => {
    await leaveTraces(stage.store);
    await setMode(stage.store.db, ['fake:a'], 'shadow', 'test');
    await stage.addUser('lee', 'approver');
    const { page, faults } = await visit(PHONE);
    await logIn(page, 'lee');
    await page.click('main a:has-text("fake:a")');
    await page.waitForURL(/\/console\/channel\?id=fake%3Aa$/);
    await page.waitForSelector('figure.chart canvas');
    await page.click('summary:has-text("Go live")');
    expect(await page.inputValue('[name=share]')).toBe('5');
    await page.click('details button:has-text("Send its numbers")');
    await page.waitForSelector('.notice.good:has-text("live for 5 % of its items")');
    await page.click('button:has-text("Dry run")');
    await page.waitForSelector('.notice.good:has-text("a dry run of fake:a is asked for")');
    expect(await page.textContent('main')).toContain('It waits for its turn');
    await page.goto(`${base}/console/stopped`);
    await page.click('button:has-text("Resume")');
    await page.waitForSelector('.notice.good:has-text("is written to again")');
    expect(await page.textContent('main')).toContain('None is stopped');
    expect(faults).toEqual([]);
  });

  it('works without a script: forms and links, nothing live', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false, viewport: PHONE });
    visits.push({ context, page: await context.newPage(), faults: [] });
    const page = await context.newPage();
    await page.goto(`${base}/console/alerts`);
    await page.click('button:has-text("Take")');
    expect(await page.textContent('main')).toContain('It is yours now');
    await page.goto(`${base}/console`);
    expect(await page.textContent('#live-says')).toContain('reload to see');
  });

  it('goes by the keyboard: the skip link first, then the search, and a folded row opens', async () => {
    const { page } = await visit();
    await page.goto(`${base}/console/sku?s=A`);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.className')).toBe('skip');
    await page.locator('details.card summary').first().focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('details.card').first().getAttribute('open')).toBeNull();
  });
});
