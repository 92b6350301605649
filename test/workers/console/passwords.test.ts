/** Passwords of the console: kept as a hash alone, compared with what is stored. */
import { describe, expect, it } from 'vitest';
import { PASSWORD } from '#test/support/console.ts';
import { hashPassword, isPassword } from '#workers/console/passwords.ts';

describe('passwords', () => {
  it('are kept as Argon2id with a salt each, and compared with what is stored', async () => {
    const [one, two] = [await hashPassword(PASSWORD), await hashPassword(PASSWORD)];
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(two);
    expect(await isPassword(PASSWORD, one)).toBe(true);
    expect(await isPassword(`${PASSWORD} `, one)).toBe(false);
    expect(await isPassword(PASSWORD, null)).toBe(false);
    expect(await isPassword('', one)).toBe(false);
    expect(await isPassword(PASSWORD, 'plain text')).toBe(false);
    await expect(hashPassword('too short')).rejects.toThrow('9 characters');
  });
});
