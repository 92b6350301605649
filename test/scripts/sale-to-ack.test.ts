/** How long a sale takes until it is acknowledged, in `allot channels list` and `allot status`. */
import { sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { seedBrand } from '#test/support/brand.ts';
import { runAllot } from '#test/support/command-line.ts';
import { createTestDatabase } from '#test/support/database.ts';

test('is told once it was measured, for people and for programs', async () => {
  await using store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['MUG'] });
  const allot = (...words: string[]) => runAllot(words, { env: { DATABASE_URL: store.url, USER: 'kim' } });
  const channels = async () => (await allot('channels', 'list', '--json')).document();
  expect(await channels()).toMatchObject({ channels: [{ saleToAck: { sold: null, recorded: null } }, {}] });
  expect((await allot('channels', 'list')).out).not.toContain('SALE TO ACK');
  expect((await allot('status')).out).not.toContain('SALE TO ACK');
  await store.db.rows(sql`
    insert into channel_latency (channel_id, since, samples, p50_ms, p95_ms, p99_ms, measured_at)
    values ('fake:a', 'sold', 240, 900, 4500, 38000, now()), ('fake:a', 'recorded', 240, 800, 3000, 9000, now())`);
  expect((await allot('channels', 'list')).out).toMatch(
    /SALE TO ACK P50\s+P95\s+P99\s+OF SALES\nfake:a .*900 ms\s+4.5 s\s+38 s\s+240\nfake:b .*-\s+-\s+-\s+0\n/,
  );
  expect((await allot('status')).out).toMatch(/SALE TO ACK P99\nfake:a .*38 s\nfake:b /);
  expect(await channels()).toMatchObject({
    channels: [
      { saleToAck: { sold: { samples: 240, p50Ms: 900, p99Ms: 38_000 }, recorded: { p99Ms: 9000 } } },
      { saleToAck: { sold: null } },
    ],
  });
});
