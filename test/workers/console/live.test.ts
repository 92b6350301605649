/** The line that keeps pages fresh: one look for all, told once, bounded, and gone when nobody listens. */

import { get, type IncomingMessage } from 'node:http';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAudit } from '#db/audit.ts';
import { type ConsoleStage, openConsole } from '#test/support/console.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import type { HttpServer } from '#workers/http.ts';

let stage: ConsoleStage;
let http: HttpServer;
const open: IncomingMessage[] = [];
beforeEach(async () => {
  stage = await openConsole();
  http = await stage.listen();
});
afterEach(async () => {
  for (const response of open.splice(0)) response.destroy();
  await http.close();
  await stage.close();
});

type Listening = {
  readonly status: number;
  readonly text: () => string;
  readonly hasEnded: () => boolean;
  readonly leave: () => void;
};

async function listen(): Promise<Listening> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  get({ host: '127.0.0.1', port: http.port, path: '/console/live', headers: { host: 'localhost' } }, resolve).on(
    'error',
    reject,
  );
  const response = await promise;
  open.push(response);
  let text = '';
  let isOver = false;
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  response.on('close', () => {
    isOver = true;
  });
  response.on('error', () => {
    isOver = true;
  });
  return {
    status: response.statusCode ?? 0,
    text: () => text,
    hasEnded: () => isOver,
    leave: () => response.destroy(),
  };
}

const note = () => writeAudit(stage.store.db, [{ actor: 'test', action: 'test', subject: 'test', detail: {} }]);

/** Looks at the pulse, as the database counts them. */
async function looks(): Promise<number> {
  const [row] = await stage.store.db.rows<{ scans: number }>(sql`
    select coalesce(idx_scan, 0)::int + coalesce(seq_scan, 0)::int as scans from pg_stat_user_tables where relname = 'push_ack'`);
  return row?.scans ?? 0;
}

describe('the live line', () => {
  it('tells everybody what moved, and only that', async () => {
    const [one, two] = [await listen(), await listen()];
    expect(one.status).toBe(200);
    await waitUntil('both are greeted', () => one.text().includes('live-open') && two.text().includes('live-open'));
    await waitUntil('what moved is told', async () => {
      await note();
      return one.text().includes('event: live-trail') && two.text().includes('event: live-trail');
    });
    expect(one.text()).not.toContain('live-stock');
    expect(one.text()).not.toContain('live-alerts');
  });

  it('holds a bounded number per person, and says so to the next', async () => {
    const listening: Listening[] = [];
    for (let n = 0; n < 12; n += 1) listening.push(await listen());
    const late = await listen();
    await waitUntil('the late one is let go', () => late.hasEnded());
    expect(late.text()).toContain('retry: 15000');
    expect(late.text()).toContain('event: live-full');
    expect(listening.every((one) => !one.hasEnded())).toBe(true);
    listening[0]?.leave();
    await waitUntil('there is room again', async () => {
      const next = await listen();
      return (
        next.text().includes('live-open') ||
        (await waitUntil('it is answered', () => next.text() !== '', { limitMs: 2_000 }).then(() =>
          next.text().includes('live-open'),
        ))
      );
    });
  });

  it('looks once for all of them, and not at all when nobody listens', async () => {
    const many = await Promise.all(Array.from({ length: 8 }, listen));
    await waitUntil('all are greeted', () => many.every((one) => one.text().includes('live-open')));
    const before = performance.now();
    await waitUntil('something is told', async () => {
      await note();
      return many.every((one) => one.text().includes('live-trail'));
    });
    const told = many.map((one) => one.text().split('event: live-trail').length - 1);
    // Every two seconds at most, so the same few for each.
    expect(Math.max(...told)).toBeLessThanOrEqual(Math.ceil((performance.now() - before) / 2000) + 1);
    for (const one of many) one.leave();
    let last = await looks();
    await waitUntil('the looks end', async () => {
      const earlier = last;
      await waitUntil(
        'two turns',
        (
          (since) => () =>
            performance.now() - since > 2_500
        )(performance.now()),
      );
      last = await looks();
      return last === earlier;
    });
  });

  it('lets everybody go when the server closes', async () => {
    const one = await listen();
    await waitUntil('it is greeted', () => one.text().includes('live-open'));
    await http.close();
    await waitUntil('it is over', () => one.hasEnded());
    expect(one.text()).toContain('live-open');
  });
});
