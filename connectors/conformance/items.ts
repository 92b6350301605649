/** Push items for the stage's listings, and what their outcomes are checked by. */
import { equal, ok } from 'node:assert/strict';
import type { Observation, PushItem, PushOutcome } from '../connector.ts';
import { until } from './expect.ts';
import type { Stage } from './stage.ts';

export type Item = PushItem & { readonly sku: string };

/** A new number for each SKU, different from what is shown; compares with what is shown where the platform can. */
export async function makeItems(stage: Stage, skus: readonly string[]): Promise<Item[]> {
  const compares = stage.capabilities.writeProtection.includes('compareAndSet');
  const items: Item[] = [];
  for (const sku of skus) {
    const { shown } = await stage.level(sku);
    const wireQuantity = shown + stage.int(1, 30) * (stage.int(0, 1) === 0 ? 1 : -1);
    const listing = await stage.listing(sku);
    items.push({
      sku,
      listing,
      version: 1,
      wireQuantity: Math.max(0, wireQuantity),
      compareWith: compares ? shown : null,
    });
  }
  return items;
}

export const kindsOf = (outcomes: readonly PushOutcome[]): string[] => outcomes.map(({ kind }) => kind);

/** At once; where a platform may show a number late, within the time that is declared for it. */
export async function expectSettled(stage: Stage, check: () => Promise<void>): Promise<void> {
  const { settleMs } = stage.capabilities;
  const endsAt = performance.now() + settleMs;
  const look = (): Promise<true | null> =>
    check().then(
      () => true,
      (error: unknown) => {
        if (performance.now() >= endsAt) throw error;
        return null;
      },
    );
  await until(look, 'the platform shows what was pushed', settleMs + 1000);
}

export const expectLevels = (stage: Stage, items: readonly Item[], why: string): Promise<void> =>
  expectSettled(stage, async () => {
    for (const { sku, wireQuantity } of items) equal((await stage.level(sku)).shown, wireQuantity, `${sku}: ${why}`);
  });

/** The platform's own numbers, to be compared later. */
export const shownOf = (stage: Stage, items: readonly Item[]): Promise<number[]> =>
  Promise.all(items.map(async ({ sku }) => (await stage.level(sku)).shown));

/** Sends, and tells whether the connector said that it does not know: by a fault, or by its outcomes. */
export async function sendInTheDark(
  stage: Stage,
  items: readonly Item[],
  key: string,
): Promise<'uncertain' | 'transient'> {
  const prepared = stage.connection.prepare(items, key);
  const told = await stage.connection.send(prepared, items.length, stage.signal).then(
    (outcomes) => ({ outcomes, code: null }),
    (error: unknown) => ({ outcomes: null, code: error instanceof Error && 'code' in error ? error.code : error }),
  );
  if (told.outcomes !== null) {
    ok(
      told.outcomes.every(({ kind }) => kind === 'unknown'),
      `a lost answer is unknown, not ${kindsOf(told.outcomes).join(', ')}`,
    );
    return 'uncertain';
  }
  ok(told.code === 'uncertain' || told.code === 'transient', `a lost answer is uncertain, not ${String(told.code)}`);
  return told.code;
}

/** What `observe` says, once it says these numbers. */
export async function untilObserved(
  stage: Stage,
  items: readonly Item[],
  numbers: readonly number[],
): Promise<Observation[]> {
  const keys = items.map(({ listing }) => listing);
  return until(
    async () => {
      const observations = await stage.connection.observe(keys, stage.signal);
      return observations.every(({ shown }, index) => shown === numbers[index]) ? [...observations] : null;
    },
    `observe tells ${numbers.join(', ')}`,
    stage.capabilities.settleMs + 3000,
  );
}
