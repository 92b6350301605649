/** What a platform's own log says: counts per order, line and unit, and which SKUs ran out there. */
import { describe, expect, it } from 'vitest';
import { startFakeSandbox } from '#connectors/fake/sandbox/index.ts';
import { createSandboxControl, type SandboxControl } from '#connectors/sandbox/control.ts';
import type { QuantityBasis } from '#core/model.ts';
import { readPlatform } from '#scripts/demo/platform-log.ts';

async function onPartner(basis: QuantityBasis, play: (control: SandboxControl) => Promise<void>) {
  const sandbox = await startFakeSandbox({ basis, accessToken: 'token', webhookSecret: 'secret' });
  try {
    const control = createSandboxControl(sandbox.url);
    await control.seed({ listings: ['MUG', 'TIN'].map((sku) => ({ sku, shown: 0 })) });
    await control.editLevels({
      levels: [
        { sku: 'MUG', shown: 5 },
        { sku: 'TIN', shown: 2 },
      ],
    });
    await play(control);
    return await readPlatform('fake:a', basis, control);
  } finally {
    await sandbox.close();
  }
}

describe('a platform log', () => {
  it('counts an order once, as placed when a line was, and each line and unit for itself', async () => {
    const { figures, events } = await onPartner('sellable', async (control) => {
      const { orderRef } = await control.placeOrder({
        lines: [
          { sku: 'MUG', quantity: 3 },
          { sku: 'TIN', quantity: 9 },
        ],
      });
      await control.placeOrder({ lines: [{ sku: 'TIN', quantity: 3 }] });
      await control.cancelOrder(orderRef ?? '', { restock: true, lines: [{ sku: 'MUG', quantity: 1 }] });
      await control.cancelOrder(orderRef ?? '', { restock: true, lines: [{ sku: 'MUG', quantity: 1 }] });
    });
    expect(figures.placed).toEqual({ orders: 1, lines: 1, units: 3 });
    expect(figures.refused).toEqual({ orders: 1, lines: 2, units: 12 });
    expect(figures.cancelled).toEqual({ orders: 1, lines: 2, units: 2 });
    expect(figures.placedAt.size).toBe(1);
    expect(events.map(({ entry }) => entry.kind)).toEqual(['placement', 'placement', 'cancel', 'cancel']);
  });

  it('counts raised and lowered numbers', async () => {
    const { figures } = await onPartner('sellable', (control) =>
      control.editLevels({ levels: [{ sku: 'MUG', shown: 4 }] }),
    );
    expect([figures.increases, figures.decreases]).toEqual([2, 1]);
  });

  it.each(['sellable', 'onHandLessOwnOpen'] as const)(
    'sees what sold out on basis %s, and not what never was there',
    async (basis) => {
      const { figures } = await onPartner(basis, async (control) => {
        await control.placeOrder({ lines: [{ sku: 'MUG', quantity: 5 }] });
        await control.placeOrder({ lines: [{ sku: 'TIN', quantity: 1 }] });
      });
      expect([...figures.emptied]).toEqual(['MUG']);
    },
  );

  it('sees a number that was pushed down to what is held back', async () => {
    const { figures } = await onPartner('onHandLessOwnOpen', async (control) => {
      await control.placeOrder({ lines: [{ sku: 'MUG', quantity: 2 }] });
      await control.editLevels({ levels: [{ sku: 'MUG', shown: 2 }] });
    });
    expect([...figures.emptied]).toEqual(['MUG']);
  });
});
