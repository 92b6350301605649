/**
 * `inventorySetQuantities` as Shopify runs it, with the rules that its schema does not tell: the directive and `changeFromQuantity`
 * are required (top-level errors), at most 250 entries, each pair once, one bad entry refuses all, a key answers for 24 hours.
 */
import { createHash } from 'node:crypto';
import { GraphQLError } from 'graphql';
import type { SandboxLog } from '../../sandbox/log.ts';
import type { Level, Shelf } from './shelf.ts';

const ENTRIES_MAX = 250;
const QUANTITY_MAX = 1_000_000_000;
const KEY_LIVES_MS = 86_400_000;

const REASONS = new Set([
  'correction',
  'cycle_count_available',
  'damaged',
  'other',
  'promotion',
  'received',
  'restock',
  'shrinkage',
]);

export type SetInput = {
  readonly name: string;
  readonly reason: string;
  readonly referenceDocumentUri?: string | null;
  readonly quantities: readonly {
    readonly inventoryItemId: string;
    readonly locationId: string;
    readonly quantity: number;
    readonly changeFromQuantity?: number | null;
  }[];
};

type UserError = { readonly code: string; readonly field: readonly string[]; readonly message: string };
type Change = { readonly name: string; readonly quantityAfterChange: number | null; readonly level: Level };
export type SetResult = { readonly changes: readonly Change[]; readonly userErrors: readonly UserError[] };

export type SetCall = { readonly input: SetInput; readonly key: string | undefined; readonly isLate: boolean };

function checkCall({ input, key }: SetCall): string {
  if (key === undefined) {
    const message = 'The @idempotent directive is required for this mutation but was not provided.';
    throw new GraphQLError(message, { extensions: { code: 'BAD_REQUEST' } });
  }
  if (input.quantities.some((entry) => !Object.hasOwn(entry, 'changeFromQuantity'))) {
    const message = 'InventoryQuantityInput must include the following argument: changeFromQuantity.';
    throw new GraphQLError(message, { extensions: { code: 'INVALID_FIELD_ARGUMENTS' } });
  }
  if (input.quantities.length > ENTRIES_MAX) {
    const message = `The input array size of ${input.quantities.length} is greater than the maximum allowed of ${ENTRIES_MAX}.`;
    throw new GraphQLError(message, { extensions: { code: 'MAX_INPUT_SIZE_EXCEEDED' } });
  }
  return key;
}

const entryError = (code: string, index: number, part: string): UserError => ({
  code,
  field: ['input', 'quantities', String(index), part],
  message: `${code.toLowerCase().replaceAll('_', ' ')} (entry ${index})`,
});

/** Null when the entry may be set. */
function refusalOf(shelf: Shelf, entry: SetInput['quantities'][number], index: number): UserError | null {
  const level = shelf.levelOf(entry.inventoryItemId, entry.locationId);
  if (shelf.variantOfItem(entry.inventoryItemId) === undefined)
    return entryError('INVALID_INVENTORY_ITEM', index, 'inventoryItemId');
  if (level === undefined || !level.location.isActive) return entryError('INVALID_LOCATION', index, 'locationId');
  if (level.variant.isBundle) return entryError('NON_MUTABLE_INVENTORY_ITEM', index, 'inventoryItemId');
  if (entry.quantity < 0) return entryError('INVALID_QUANTITY_NEGATIVE', index, 'quantity');
  if (entry.quantity > QUANTITY_MAX) return entryError('INVALID_QUANTITY_TOO_HIGH', index, 'quantity');
  const { changeFromQuantity } = entry;
  const isStale = typeof changeFromQuantity === 'number' && changeFromQuantity !== level.available;
  return isStale ? entryError('CHANGE_FROM_QUANTITY_STALE', index, 'changeFromQuantity') : null;
}

function refusalsOf(shelf: Shelf, input: SetInput): readonly UserError[] {
  if (input.name !== 'available')
    return [{ code: 'INVALID_NAME', field: ['input', 'name'], message: 'only available can be set here' }];
  if (!REASONS.has(input.reason))
    return [{ code: 'INVALID_REASON', field: ['input', 'reason'], message: 'no such reason' }];
  const seen = new Set<string>();
  return input.quantities.flatMap((entry, index) => {
    const pair = `${entry.inventoryItemId} ${entry.locationId}`;
    if (seen.has(pair)) return [entryError('NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR', index, 'inventoryItemId')];
    seen.add(pair);
    const refusal = refusalOf(shelf, entry, index);
    return refusal === null ? [] : [refusal];
  });
}

function applySet(shelf: Shelf, log: SandboxLog, { input, isLate }: SetCall): readonly Change[] {
  return input.quantities.flatMap((entry) => {
    const level = shelf.levelOf(entry.inventoryItemId, entry.locationId);
    if (level === undefined) return [];
    const from = level.available;
    shelf.setAvailable(level, entry.quantity);
    log.append({
      kind: 'applied',
      by: isLate ? 'latePush' : 'push',
      sku: level.variant.sku,
      listingRef: level.variant.id,
      locationRef: level.location.id,
      from,
      to: entry.quantity,
    });
    if (from === entry.quantity) return [];
    // Shopify moves on hand by the same delta, and says so.
    return [
      { name: 'available', quantityAfterChange: entry.quantity, level },
      { name: 'on_hand', quantityAfterChange: entry.quantity + level.committed, level },
    ];
  });
}

type Kept = { readonly hash: string; readonly until: number; readonly result: SetResult };

/** The mutation over one shelf, with its memory of keys. */
export function openSetQuantities(shelf: Shelf, log: SandboxLog, now: () => number): (call: SetCall) => SetResult {
  const kept = new Map<string, Kept>();
  return (call) => {
    const key = checkCall(call);
    for (const [old, { until }] of kept) {
      // Kept in the order of their end.
      if (until > now()) break;
      kept.delete(old);
    }
    const hash = createHash('sha256').update(JSON.stringify(call.input)).digest('hex');
    const before = kept.get(key);
    if (before !== undefined) {
      if (before.hash === hash) return before.result;
      const mismatch = {
        code: 'IDEMPOTENCY_KEY_PARAMETER_MISMATCH',
        field: ['input'],
        message: 'this key came with other parameters',
      };
      return { changes: [], userErrors: [mismatch] };
    }
    const userErrors = refusalsOf(shelf, call.input);
    const result = { userErrors, changes: userErrors.length === 0 ? applySet(shelf, log, call) : [] };
    kept.set(key, { hash, until: now() + KEY_LIVES_MS, result });
    return result;
  };
}
