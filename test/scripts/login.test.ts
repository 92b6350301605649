/** Who acts is whom the system runs the command for, whatever USER and LOGNAME say. */
import { sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { systemLogin } from '#scripts/login.ts';
import { seedBrand } from '#test/support/brand.ts';
import { runCommand } from '#test/support/daemon.ts';
import { createTestDatabase } from '#test/support/database.ts';

test('the name is the one of the system, and none where the system knows none', () => {
  expect(systemLogin(() => 'kim')).toBe('kim');
  const nameless = () => {
    throw new Error('ENOENT: no such user');
  };
  expect(systemLogin(nameless)).toBeNull();
});

test('a process that is told to be bob acts as whom the system knows', async () => {
  await using store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['MUG'] });
  const env = { DATABASE_URL: store.url, USER: 'bob', LOGNAME: 'bob' };
  expect(await runCommand(['receive', 'MUG', '1', '--location', 'main'], env, process.cwd())).toMatchObject({
    code: 0,
  });
  expect(await actors(store)).toEqual([`operator:${systemLogin() ?? 'unknown'}`]);
});

const actors = async ({ db }: Awaited<ReturnType<typeof createTestDatabase>>): Promise<string[]> =>
  (await db.rows<{ actor: string }>(sql`select actor from command`)).map(({ actor }) => actor);
