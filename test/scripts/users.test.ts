/** `allot users`: the password is read, never given; roles and names are checked; the console knows it at once. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findUser } from '#db/users.ts';
import { runAllot, type Said } from '#test/support/command-line.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { isPassword } from '#workers/console/passwords.ts';

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
});
afterEach(() => store.drop());

const allot = (args: readonly string[], typed = ''): Promise<Said> =>
  runAllot(['users', ...args], { env: { DATABASE_URL: store.url, USER: 'tester' }, readSecret: async () => typed });

it('adds a user with a password that is read, and changes it', async () => {
  const added = await allot(['add', 'kim', '--role', 'admin', '--json'], 'four words are enough');
  expect([added.exitCode, added.document()]).toEqual([
    0,
    { schema: 'allot.user/1', ok: true, name: 'kim', role: 'admin', hasPassword: true },
  ]);
  const stored = async () => (await findUser(store.db, 'kim'))?.password ?? null;
  expect(await isPassword('four words are enough', await stored())).toBe(true);
  expect((await allot(['password', 'kim'], 'five words are enough too')).exitCode).toBe(0);
  expect(await isPassword('five words are enough too', await stored())).toBe(true);
});

it('refuses a password that is short or missing, a role that there is not, and a second user of a name', async () => {
  const short = await allot(['add', 'kim', '--role', 'admin'], 'short');
  expect([short.exitCode, short.err]).toEqual([1, expect.stringContaining('use 12 or more')]);
  const none = await allot(['add', 'kim', '--role', 'admin']);
  expect([none.exitCode, none.err]).toEqual([2, expect.stringContaining('no password came')]);
  expect((await allot(['add', 'kim', '--role', 'king'], 'four words are enough')).exitCode).toBe(2);
  expect((await allot(['add', 'kim'], 'four words are enough')).exitCode).toBe(2);
  expect((await allot(['add', 'kim', '--role', 'viewer', '--no-password'])).exitCode).toBe(0);
  const again = await allot(['add', 'kim', '--role', 'viewer', '--no-password']);
  expect([again.exitCode, again.err]).toEqual([1, expect.stringContaining('allot users role kim ROLE')]);
});

it('lists, lowers, raises and removes', async () => {
  await allot(['add', 'kim', '--role', 'admin'], 'four words are enough');
  await allot(['add', 'lee', '--role', 'viewer', '--no-password']);
  expect((await allot(['role', 'lee', 'approver'])).out).toBe('lee is approver now, at once.\n');
  const listed = (await allot(['list', '--json'])).document().users as {
    name: string;
    role: string;
    createdBy: string;
  }[];
  expect(listed.map(({ name, role, createdBy }) => [name, role, createdBy])).toEqual([
    ['kim', 'admin', 'operator:tester'],
    ['lee', 'approver', 'operator:tester'],
  ]);
  expect((await allot(['remove', 'lee', '--yes'])).exitCode).toBe(0);
  expect((await allot(['list'])).out).not.toContain('lee');
});
