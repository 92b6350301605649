/** Users of the console: names, roles, the last administrator, and the trail of it all. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loginBlockedUntil, noteLoginFailure } from '#db/console-sessions.ts';
import { addUser, hasPasswords, listUsers, removeUser, setUserPassword, setUserRole } from '#db/users.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
});
afterEach(() => store.drop());

const user = (name: string, role: 'viewer' | 'admin' = 'admin', passwordHash: string | null = 'hash') =>
  addUser(store.db, { name, role, passwordHash }, 'operator:test');

it('keeps each name once, lower case, and says what is wrong with others', async () => {
  await user('kim');
  await expect(user('kim')).rejects.toThrow('there is a user kim already');
  await expect(user('Kim')).rejects.toThrow('cannot be a name');
  await expect(user('kim lee')).rejects.toThrow('cannot be a name');
  await expect(setUserRole(store.db, 'lee', 'viewer', 'x')).rejects.toThrow('there is no user lee');
  expect(await listUsers(store.db)).toMatchObject([{ name: 'kim', role: 'admin', hasPassword: true, seenAt: null }]);
});

it('knows whether anybody can log in: a user of the proxy alone cannot', async () => {
  expect(await hasPasswords(store.db)).toBe(false);
  await user('kim', 'admin', null);
  expect(await hasPasswords(store.db)).toBe(false);
  await setUserPassword(store.db, 'kim', 'hash', 'operator:test');
  expect(await hasPasswords(store.db)).toBe(true);
});

it('keeps an administrator while others can log in; two at once do not both go', async () => {
  await user('kim');
  await user('lee', 'viewer');
  await expect(removeUser(store.db, 'kim', 'x')).rejects.toThrow('last administrator');
  await expect(setUserRole(store.db, 'kim', 'viewer', 'x')).rejects.toThrow('last administrator');
  await setUserRole(store.db, 'lee', 'admin', 'x');
  const both = await Promise.allSettled([
    setUserRole(store.db, 'kim', 'viewer', 'x'),
    setUserRole(store.db, 'lee', 'viewer', 'x'),
  ]);
  expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const names = (await listUsers(store.db)).filter(({ role }) => role === 'admin').map(({ name }) => name);
  expect(names).toHaveLength(1);
});

it('the last one of all may go: then the machine itself is the way in again', async () => {
  await user('kim');
  await removeUser(store.db, 'kim', 'operator:test');
  expect(await listUsers(store.db)).toEqual([]);
});

it('writes down who did what, and never a password', async () => {
  await user('kim');
  await setUserPassword(store.db, 'kim', 'another hash', 'operator:test');
  await user('lee', 'viewer');
  await setUserRole(store.db, 'lee', 'admin', 'operator:test');
  await removeUser(store.db, 'lee', 'operator:test');
  const trail = await store.db.rows<{ line: string }>(
    sql`select actor || ' ' || action || ' ' || subject || ' ' || detail::text as line from audit order by id`,
  );
  const lines = trail.map(({ line }) => line);
  expect(lines).toHaveLength(5);
  expect(lines.join('\n')).not.toContain('hash');
  expect(lines[3]).toBe('operator:test set role user lee {"to": "admin", "from": "viewer"}');
});

it('failures beyond the free ones double the wait, to a quarter of an hour, and are forgotten after a day', async () => {
  const key = [{ key: 'a', free: 2 }];
  const now = Date.now();
  const waits: number[] = [];
  for (let n = 0; n < 20; n += 1) {
    await noteLoginFailure(store.db, key, now);
    waits.push(((await loginBlockedUntil(store.db, ['a', 'b'], now)) ?? now) - now);
  }
  expect(waits.slice(0, 5)).toEqual([0, 0, 2000, 4000, 8000]);
  expect(waits.at(-1)).toBe(900_000);
  const later = now + 25 * 3_600_000;
  await noteLoginFailure(store.db, key, later);
  expect(await loginBlockedUntil(store.db, ['a'], later)).toBeNull();
});
