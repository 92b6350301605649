import { expect, test } from 'vitest';
import { storableKey, storableTopic } from '#workers/inbox-names.ts';

test("nobody outside can name one of allot's own topics, whose content is believed without a connector", () => {
  expect(storableTopic('allot/order-state')).toBe('?allot/order-state');
  expect(storableTopic('orders/create')).toBe('orders/create');
});

test('a topic keeps to plain signs and 200 of them', () => {
  expect(storableTopic('orders\u0000/\ud800é')).toBe('orders?/??');
  expect(storableTopic('x'.repeat(500))).toHaveLength(200);
});

test('a key that cannot be stored as it is becomes its digest, the same each time', () => {
  expect(storableKey('orders/create:1')).toBe('orders/create:1');
  expect(storableKey('k\u0000')).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(storableKey('k'.repeat(300))).toBe(storableKey('k'.repeat(300)));
  expect(storableKey('k'.repeat(300))).not.toBe(storableKey('k'.repeat(301)));
});
