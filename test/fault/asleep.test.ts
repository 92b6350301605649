/**
 * A daemon that sleeps past its lease in the middle of a write (SIGSTOP, as a paused virtual machine): another one takes over, and
 * what the sleeper still believes when it wakes changes nothing.
 */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findFreePort } from '#test/support/free-port.ts';
import { openStage, type Stage } from '#test/support/stage.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const CHANNEL = 'fake:shop';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({ database: 'given', skus: ['MUG'], opening: 100, partners: { [CHANNEL]: {} } });
});
afterEach(() => stage.close());

const expectShown = (units: number, tell: () => string) =>
  waitUntil(
    `the shop shows ${units}`,
    async () => (await stage.control(CHANNEL).levels()).some(({ sellable }) => sellable === units),
    { limitMs: 30_000, tell },
  );

async function receive(units: number): Promise<void> {
  const { code, err } = await stage.allot(['receive', 'MUG', String(units), '--location', 'main']);
  expect({ code, err }).toMatchObject({ code: 0 });
}

test('its lease is taken over, and its late word is refused', { timeout: 90_000 }, async () => {
  const db = await stage.db();
  const sleeper = stage.start();
  await sleeper.ready();
  await stage.furnish();
  await expectShown(100, sleeper.said);

  await stage.control(CHANNEL).setFaults({ hang: 1 });
  await receive(7);
  const attempt = await waitUntil('a write is under way', async () => {
    const [row] = await db.rows<{ id: number }>(sql`select id from push_attempt where state = 'open'`);
    return row;
  });
  sleeper.send('SIGSTOP');
  await stage.control(CHANNEL).setFaults({});
  await db.rows(sql`update push_attempt set lease_until = clock_timestamp() where id = ${attempt.id}`);

  const port = await findFreePort();
  const other = stage.start({ PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` });
  await other.ready();
  await expectShown(107, other.said);
  await receive(5);
  await expectShown(112, other.said);

  sleeper.send('SIGCONT');
  await waitUntil(
    'the sleeper hears that its call was in vain',
    () => sleeper.said().includes('push did not go through'),
    {
      limitMs: 30_000,
      tell: sleeper.said,
    },
  );
  await stage.expectRight();
  const rows = await db.rows(sql`
    select a.fence, a.state, i.outcome, i.detail from push_attempt a join push_attempt_item i on i.attempt_id = a.id
    where a.id = ${attempt.id}`);
  expect(rows).toEqual([{ fence: 2, state: 'done', outcome: 'unknown', detail: 'its worker died before the answer' }]);
  await expectShown(112, other.said);
});
