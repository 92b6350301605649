/** Settling compares with what the platforms hold at last, not with what they held when it began. */
import { expect, test } from 'vitest';
import type { OrdersAnswer, SandboxControl } from '#connectors/sandbox/control.ts';
import { settle } from '#scripts/demo/settle.ts';
import { command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

const answer = (cancelled: number): OrdersAnswer => ({
  orders: [
    {
      orderRef: '1',
      displayRef: '1',
      placedAt: 0,
      lines: [{ lineRef: 'line-MUG', sku: 'MUG', ordered: 2, cancelled, shipped: 0 }],
    },
  ],
  next: null,
});

test('an order that our own answer still changes at the retailer is no order that allot lacks', async () => {
  await using store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['MUG'], mode: 'shadow' });
  const order = orderOf('1', { MUG: 2 }, { obligations: [{ kind: 'accept', dueAt: 0 }] });
  await command(store.db, { kind: 'order-state', channel: 'fake:a', order });
  await decidePending(store.db, { now: () => 0 });
  await store.db.script('update sales_order set answer_stored_version = 1');
  // The 855 reaches the retailer only after settling began.
  const told = [answer(0), answer(0), answer(2)];
  let reads = 0;
  const control: Pick<SandboxControl, 'orders' | 'levels'> = {
    orders: async () => told[Math.min(reads++, told.length - 1)] ?? answer(2),
    levels: async () => [
      { sku: 'MUG', listingRef: 'ref-MUG', locationRef: '', tracked: true, shown: 0, reserved: 0, sellable: 0 },
    ],
  };
  const controls = new Map([['fake:a', control as SandboxControl]]);
  const settled = await settle(store.db, controls, AbortSignal.timeout(20_000));
  expect(settled).toMatchObject({ isSettled: true, missing: 0 });
  expect(reads).toBeGreaterThanOrEqual(3);
});
