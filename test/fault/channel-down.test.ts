/** One channel that hangs, errs or is gone never slows another: what is sold anywhere still reaches those that answer. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DaemonProcess } from '#test/support/daemon.ts';
import { openStage, type Stage } from '#test/support/stage.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const SKU = 'MUG';
const OPENING = 100;
/** Well below the 20 s after which a call that hangs is given up. */
const FOLLOWS_WITHIN_MS = 10_000;

let stage: Stage;
let daemon: DaemonProcess;
beforeEach(async () => {
  stage = await openStage({
    database: 'given',
    skus: [SKU],
    opening: OPENING,
    partners: { 'fake:sick': {}, 'fake:shop': {}, 'fake:market': { ticket: true, compareAndSet: false } },
  });
  daemon = stage.start();
  await daemon.ready();
  await stage.furnish();
  for (const channel of stage.controls.keys()) await expectShown(channel, OPENING);
});
afterEach(() => stage.close());

const expectShown = (channel: string, units: number): Promise<unknown> =>
  waitUntil(
    `${channel} shows ${units}`,
    async () => (await stage.control(channel).levels()).some(({ sku, sellable }) => sku === SKU && sellable === units),
    { limitMs: FOLLOWS_WITHIN_MS, tell: daemon.said },
  );

const sell = (channel: string, quantity = 1) => stage.control(channel).placeOrder({ lines: [{ sku: SKU, quantity }] });

/** Sells at the healthy ones, and once at the sick one, whose webhooks still come. */
async function expectOthersToFollow(): Promise<void> {
  let left = OPENING;
  for (const seller of ['fake:shop', 'fake:market', 'fake:sick', 'fake:shop', 'fake:market'] as const) {
    await sell(seller);
    left -= 1;
    for (const channel of ['fake:shop', 'fake:market']) await expectShown(channel, left);
  }
}

test('a channel that hangs', { timeout: 60_000 }, async () => {
  await stage.control('fake:sick').setFaults({ hang: 1 });
  await expectOthersToFollow();
  await stage.control('fake:sick').setFaults({});
  await stage.expectRight();
});

test('a channel that answers 503, breaks off and slows down by turns', { timeout: 60_000 }, async () => {
  await stage.control('fake:sick').setFaults({ error5xx: 0.4, timeoutBeforeApply: 0.5, throttle: 0.5, htmlBody: 1 });
  await expectOthersToFollow();
  await stage.control('fake:sick').setFaults({});
  await stage.expectRight();
});

test('a channel that is gone', { timeout: 60_000 }, async () => {
  await stage.stopPartner('fake:sick');
  await sell('fake:shop', 3);
  await expectShown('fake:market', OPENING - 3);
  await sell('fake:market', 2);
  await expectShown('fake:shop', OPENING - 5);
  const { out } = await stage.allot(['status', '--json']);
  const { channels } = JSON.parse(out) as { channels: readonly { id: string; lastError: string | null }[] };
  expect(channels.find(({ id }) => id === 'fake:sick')?.lastError).toMatch(/no connection \(ECONNREFUSED\)/);
});
