/** What the command line says of a command that is parked: followed to the letter, nothing counts twice. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seedBrand } from '#test/support/brand.ts';
import { runAllot } from '#test/support/command-line.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

let store: TestDatabase;

beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['MUG'], mode: 'shadow' });
});
afterEach(async () => {
  await store.drop();
});

const allot = (line: string) => runAllot(line.split(' '), { env: { DATABASE_URL: store.url, USER: 'kim' } });

test.each([
  ['receive MUG 24 --location moon', 'unknown-location'],
  ['hold place MUG 24 --program dtcc --owner kim --reason fair --for 2d', 'unknown-program'],
  ['supply expect PO-1 MUG 24 --location moon --due 2030-01-01', 'unknown-location'],
])('%s is kept: the next step names what to retry or drop, by its number', async (line, code) => {
  const said = await allot(line);
  expect(said.exitCode).toBe(1);
  const { parked } = (await allot('parked list --json')).document() as { parked: { id: number; code: string }[] };
  expect(parked).toMatchObject([{ code }]);
  expect(said.err).toContain('do not give it again');
  const [, retry = '', drop = ''] = /: allot (parked retry \d+); .*: allot (parked drop \d+)/.exec(said.err) ?? [];
  expect((await allot(retry)).out).toContain('1 parked input retried');
  const again = (await allot('parked list --json')).document() as { parked: { id: number }[] };
  expect((await allot(`${drop.replace(/\d+/, String(again.parked[0]?.id))} --reason typo`)).out).toBe(
    '1 parked input dropped.\n',
  );
});

test('JSON tells the number too', async () => {
  expect((await allot('receive MUG 24 --location moon --json')).document()).toMatchObject({
    commands: [{ state: 'parked', parkedId: expect.any(Number) }],
  });
  expect((await allot('receive MUG 24 --location main --json')).document()).toMatchObject({
    commands: [{ state: 'applied', parkedId: null }],
  });
});
