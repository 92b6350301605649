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

  it('counts as refused what the answer to an order refuses: units of a line, a line, with the last one the order', async () => {
    const placed = (orderRef: string, ...skus: string[]) => ({
      kind: 'placement',
      orderRef,
      lines: skus.map((sku) => ({ sku, quantity: 10, accepted: true, shown: 0 })),
    });
    const answer = (orderRef: string, refused: Readonly<Record<string, number>>) => ({
      kind: 'answer',
      orderRef,
      lines: Object.entries(refused).map(([sku, units]) => ({
        sku,
        accepted: Math.max(0, 10 - units - 1),
        backOrdered: units === 10 ? 0 : 1,
        refused: units,
      })),
    });
    const entries = [
      placed('p1', 'MUG', 'TIN'),
      answer('p1', { MUG: 4, TIN: 0 }),
      placed('p2', 'MUG', 'TIN'),
      answer('p2', { MUG: 10, TIN: 0 }),
      placed('p3', 'MUG', 'TIN'),
      answer('p3', { MUG: 10, TIN: 10 }),
      placed('p4', 'MUG'),
    ].map((entry, index) => ({ n: index + 1, at: index, ...entry }));
    const control = { log: async () => ({ entries, next: null }) } as unknown as SandboxControl;
    const { figures } = await readPlatform('edi:a', 'sellable', control);
    expect(figures.placed).toEqual({ orders: 3, lines: 4, units: 36 });
    expect(figures.refused).toEqual({ orders: 1, lines: 3, units: 34 });
    expect(figures.unanswered).toBe(1);
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
