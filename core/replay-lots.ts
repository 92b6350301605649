/** Lots of an item as the facts of a batch leave them; see replay.ts. */
import type { LotCode, Sku } from './model.ts';
import type { Facts, ItemLots, LotBalance } from './state.ts';

type LotFacts = Pick<Facts, 'stock' | 'promises' | 'counted' | 'lots'>;

const keyOf = ({ lot, location, disposition }: Pick<LotBalance, 'lot' | 'location' | 'disposition'>): string =>
  `${location} ${disposition} ${lot}`;

/** Undefined while the item never had a lot. */
export function applyLots(before: ItemLots | undefined, sku: Sku, facts: LotFacts): ItemLots | undefined {
  const made = facts.lots.filter((lot) => lot.sku === sku);
  if (before === undefined && made.length === 0) return undefined;
  const lots = new Map((before?.lots ?? []).map((lot) => [lot.code, lot]));
  for (const { code, receivedAt, expiresAt } of made) lots.set(code, { code, receivedAt, expiresAt });
  const balances = new Map((before?.balances ?? []).map((row) => [keyOf(row), row]));
  const change = (
    lot: LotCode | undefined,
    at: Pick<LotBalance, 'location' | 'disposition'>,
    apply: (row: LotBalance) => LotBalance,
  ): void => {
    if (lot === undefined) return;
    const { location, disposition } = at;
    const fresh = { lot, location, disposition, quantity: 0, allocated: 0, held: 0, countedAsOf: null };
    const key = keyOf(fresh);
    balances.set(key, apply(balances.get(key) ?? fresh));
  };
  const mine = <T extends { readonly sku: Sku }>(rows: readonly T[]): T[] => rows.filter((row) => row.sku === sku);
  for (const entry of mine(facts.stock)) {
    change(entry.lot, entry, (row) => ({ ...row, quantity: row.quantity + entry.delta }));
  }
  for (const { lot, location, delta, held } of mine(facts.promises)) {
    const at = { location, disposition: 'sellable' as const };
    change(lot, at, (row) => ({ ...row, allocated: row.allocated + delta, held: row.held + held }));
  }
  for (const { lot, asOf, ...at } of mine(facts.counted)) {
    change(lot, at, (row) => ({ ...row, countedAsOf: Math.max(asOf, row.countedAsOf ?? asOf) }));
  }
  return { lots: [...lots.values()], balances: [...balances.values()] };
}
