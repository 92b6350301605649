/** Nothing is written to a platform unless the channel is live and allot is not read-only: told by the platform's own log. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStage, readSubscription, type Stage } from '#test/support/stage.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const CHANNEL = 'fake:shop';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({
    database: 'given',
    skus: ['MUG'],
    opening: 50,
    mode: 'shadow',
    partners: { [CHANNEL]: {} },
  });
});
afterEach(() => stage.close());

/** Numbers that were set there, and where its webhooks go. */
async function readWrites() {
  const { entries } = await stage.control(CHANNEL).log();
  return {
    numbers: entries.filter(({ kind }) => kind === 'applied').length,
    subscription: await readSubscription(stage.partner(CHANNEL)),
  };
}

/** Resolves when the daemon has polled, decided, and looked at the platform once more than now. */
async function expectFullTurn(): Promise<void> {
  const db = await stage.db();
  const read = async () => {
    const [row] = await db.rows<{ polled: number; reconciled: number; swept: number }>(sql`
      select (select advanced_at from channel_cursor where channel_id = ${CHANNEL} and feed = 'orders') as polled,
        (select reconciled_at from channel_health where channel_id = ${CHANNEL}) as reconciled,
        (select taken_at from turn where name = 'sweep') as swept`);
    return row ?? { polled: 0, reconciled: 0, swept: 0 };
  };
  const before = await read();
  await waitUntil('it has looked at everything once more', async () => {
    const now = await read();
    return now.polled > before.polled && now.reconciled > before.reconciled && now.swept > before.swept;
  });
}

const readTarget = async (): Promise<number | undefined> =>
  (await (await stage.db()).rows<{ quantity: number }>(sql`select quantity from target`))[0]?.quantity;

const expectShown = (units: number, tell: () => string) =>
  waitUntil(
    `the shop shows ${units}`,
    async () => (await stage.control(CHANNEL).levels()).some(({ sellable }) => sellable === units),
    { tell },
  );

test('shadow and read-only write nothing, not even a subscription; live writes; a pause stops it', {
  timeout: 120_000,
}, async () => {
  const first = stage.start();
  await first.ready();
  await stage.furnish();
  await waitUntil('the number is decided', async () => (await readTarget()) === 50);
  await expectFullTurn();
  expect(await readWrites()).toEqual({ numbers: 0, subscription: null });
  first.send('SIGTERM');
  expect((await first.ended).code).toBe(0);

  const readOnly = stage.start({ ALLOT_READ_ONLY: '1' });
  await readOnly.ready();
  expect((await stage.allot(['channels', 'live', CHANNEL])).code).toBe(0);
  await expectFullTurn();
  await expectFullTurn();
  expect(await readWrites()).toEqual({ numbers: 0, subscription: null });
  readOnly.send('SIGTERM');
  expect((await readOnly.ended).code).toBe(0);

  const live = stage.start();
  await live.ready();
  await expectShown(50, live.said);
  await waitUntil('it is subscribed', async () => (await readWrites()).subscription !== null);

  const paused = await stage.allot(['pause', 'all', '--json']);
  expect(JSON.parse(paused.out)).toMatchObject({ changed: [CHANNEL], mode: 'paused' });
  const before = await readWrites();
  const received = await stage.allot(['receive', 'MUG', '7', '--location', 'main']);
  expect({ code: received.code, err: received.err }).toMatchObject({ code: 0 });
  await waitUntil('the new number is decided', async () => (await readTarget()) === 57);
  await expectFullTurn();
  expect(await readWrites()).toEqual(before);

  expect((await stage.allot(['channels', 'live', CHANNEL])).code).toBe(0);
  await expectShown(57, live.said);
});
