/** Buyers who place orders at the partners without end, one after another, so that faults strike while orders arrive. */
import { setTimeout as wait } from 'node:timers/promises';
import type { SandboxControl } from '#connectors/sandbox/control.ts';
import { createRandom } from '#connectors/sandbox/faults.ts';
import type { Sku } from '#core/model.ts';
import { waitUntil } from './wait-until.ts';

export type Buyers = {
  /** Orders that a partner accepted. */
  readonly placed: () => number;
  /** Resolves when so many more have been accepted. */
  readonly more: (orders: number) => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** Of one to three units each, at every partner in turn; one in eight is cancelled or shipped at once. */
export function startBuyers(
  controls: ReadonlyMap<string, SandboxControl>,
  skus: readonly Sku[],
  { everyMs = 25, seed = 1 }: { readonly everyMs?: number; readonly seed?: number } = {},
): Buyers {
  const random = createRandom(seed);
  const pick = <One>(all: readonly One[]): One => {
    const one = all[Math.floor(random() * all.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  };
  const stopping = new AbortController();
  let placed = 0;
  const buy = async (control: SandboxControl): Promise<void> => {
    const line = { sku: pick(skus), quantity: 1 + Math.floor(random() * 3) };
    const { orderRef } = await control.placeOrder({ lines: [line] });
    if (orderRef === null) return;
    placed += 1;
    const fate = random();
    if (fate < 1 / 16) await control.cancelOrder(orderRef, { restock: true });
    else if (fate < 1 / 8) await control.fulfilOrder(orderRef);
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      for (const control of controls.values()) await buy(control);
      await wait(everyMs);
    }
  };
  const running = run();
  // Told by stop(); until then nobody waits for it.
  running.catch(() => undefined);
  return {
    placed: () => placed,
    async more(orders) {
      const goal = placed + orders;
      await Promise.race([
        waitUntil(`${orders} more orders are placed (${placed} so far)`, () => placed >= goal, { limitMs: 30_000 }),
        running.then(() => Promise.reject(new Error('the buyers have stopped'))),
      ]);
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
