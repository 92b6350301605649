/**
 * Settling and verifying: waits until allot holds every order that the platforms hold and every platform's own number is the target,
 * then lets the doctor look, with the platforms' own levels in hand.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { SandboxControl, SandboxLevel } from '#connectors/sandbox/control.ts';
import type { Database } from '#db/client.ts';
import { type DoctorReport, type PlatformReading, runDoctor } from '#db/doctor.ts';
import { readTargets, type WantedNumber } from '#db/measures.ts';
import { type OrderTotals, readOrderTotals, readUnfinished } from '#db/pace.ts';
import { sealingKey } from '#db/seal.ts';

export type Controls = ReadonlyMap<string, SandboxControl>;

const DEADLINE_MS = 120_000;
const LOOK_EVERY_MS = 250;
const ORDERS_PER_LOOK = 5000;

/** Every order on a platform, by its own word. */
async function readPlatformOrders(controls: Controls): Promise<OrderTotals[]> {
  const orders: OrderTotals[] = [];
  for (const [channel, control] of controls) {
    for (let after: number | null = 0; after !== null; ) {
      const page: Awaited<ReturnType<SandboxControl['orders']>> = await control.orders(after);
      for (const { orderRef, lines } of page.orders) {
        const sum = (of: 'ordered' | 'cancelled' | 'shipped'): number =>
          lines.reduce((total, line) => total + line[of], 0);
        orders.push({
          id: `${channel}/${orderRef}`,
          ordered: sum('ordered'),
          cancelled: sum('cancelled'),
          shipped: sum('shipped'),
        });
      }
      after = page.next;
    }
  }
  return orders;
}

async function countMissing(db: Database, orders: readonly OrderTotals[]): Promise<number> {
  let missing = 0;
  for (let from = 0; from < orders.length; from += ORDERS_PER_LOOK) {
    const part = orders.slice(from, from + ORDERS_PER_LOOK);
    const held = new Map(
      (
        await readOrderTotals(
          db,
          part.map(({ id }) => id),
        )
      ).map((one) => [one.id, one]),
    );
    missing += part.filter((order) => {
      const one = held.get(order.id);
      return (
        one === undefined ||
        one.ordered !== order.ordered ||
        one.cancelled !== order.cancelled ||
        one.shipped !== order.shipped
      );
    }).length;
  }
  return missing;
}

const keyOf = (one: { listingRef: string; locationRef: string }): string => `${one.listingRef} ${one.locationRef}`;

export type Levels = ReadonlyMap<string, readonly SandboxLevel[]>;

export async function readLevels(controls: Controls): Promise<Levels> {
  const read = await Promise.all(
    [...controls].map(async ([channel, control]) => [channel, await control.levels()] as const),
  );
  return new Map(read);
}

/** Listings whose platform does not show what it should, by channel. */
export function findDrift(targets: readonly WantedNumber[], levels: Levels): ReadonlyMap<string, number> {
  const drift = new Map<string, number>();
  for (const [channel, shown] of levels) {
    const sellable = new Map(shown.filter(({ tracked }) => tracked).map((level) => [keyOf(level), level.sellable]));
    const wrong = targets.filter(
      (target) => target.channel === channel && sellable.get(keyOf(target)) !== target.quantity,
    );
    drift.set(channel, wrong.length);
  }
  return drift;
}

const OPENING_MS_MAX = 300_000;

/** Waits until every number has been decided and acknowledged: nothing can be sold from shelves that no platform shows. */
export async function waitUntilPublished(db: Database, check: () => void): Promise<void> {
  const deadline = Date.now() + OPENING_MS_MAX;
  for (;;) {
    check();
    const { commands, attempts, behind } = await readUnfinished(db);
    if (commands + attempts + behind === 0) return;
    if (Date.now() > deadline) {
      throw new Error(`the opening stock is not published after ${OPENING_MS_MAX / 1000} s: ${behind} listings wait`);
    }
    await wait(LOOK_EVERY_MS);
  }
}

export type Settled = {
  readonly isSettled: boolean;
  /** Orders that the platforms hold and allot does not, or not as they are. */
  readonly missing: number;
  readonly drift: ReadonlyMap<string, number>;
  readonly tookMs: number;
};

export async function settle(db: Database, controls: Controls, signal: AbortSignal): Promise<Settled> {
  const startedAt = Date.now();
  for (;;) {
    const { inbox, commands, attempts, behind, reads, documents } = await readUnfinished(db);
    const isQuiet = inbox + commands + attempts + behind + reads + documents === 0;
    const tookMs = Date.now() - startedAt;
    const isOver = tookMs > DEADLINE_MS || signal.aborted;
    if (isQuiet || isOver) {
      const [missing, targets, levels] = [
        // Read anew: a retailer's order changes by our answer, which may be under way when this begins.
        await countMissing(db, await readPlatformOrders(controls)),
        await readTargets(db),
        await readLevels(controls),
      ];
      const drift = findDrift(targets, levels);
      const isSettled = missing === 0 && [...drift.values()].every((count) => count === 0);
      if (isSettled || isOver) return { isSettled, missing, drift, tookMs };
    }
    await wait(LOOK_EVERY_MS);
  }
}

/** The doctor with the platforms' own levels: I8 is then a number. */
export function examine(db: Database, controls: Controls, sealKey: string): Promise<DoctorReport> {
  const readPlatforms = async (): Promise<PlatformReading[]> =>
    [...(await readLevels(controls))].map(([channel, levels]) => ({
      channel,
      fault: null,
      shown: levels.map(({ listingRef, locationRef, sellable, tracked }) => ({
        listingRef,
        locationRef,
        sellable,
        state: tracked ? 'tracked' : 'untracked',
      })),
    }));
  return runDoctor(db, { readPlatforms, sealingKeyIds: [sealingKey(sealKey).id] });
}
