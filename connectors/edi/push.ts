/**
 * Numbers to the partner: one 846 with absolute quantities, whole, written before it is sent and put out as it was written.
 *
 * Guarantees: `prepare` is pure, and takes control numbers and BIA time from the stamp alone, so that both rise with every document;
 * quantities are rounded down to whole units of the partner's; an item that cannot be written is refused alone, with its reason, and
 * leaves the others in. Where the partner acknowledges, an 846 that is out is `sent`, and only its 997 says more; else it is `applied`.
 */
import { z } from 'zod';
import { assert, Rejected } from '#core/errors.ts';
import type { Capabilities, PreparedPush, PushItem, PushOutcome, Stamp } from '../connector.ts';
import { type AdviceItem, checkItem, writeInventoryAdvice } from './documents/inventory-advice.ts';
import { writeDocument } from './documents/outbound.ts';
import type { Partner } from './partner.ts';

/** One 846 of a full partner holds every listing, since what is not in it counts as 0 there. */
const ITEMS_MAX = { full: 20_000, changed: 5000 } as const;

const itemsMaxOf = ({ inventory }: Partner): number => ITEMS_MAX[inventory?.scope ?? 'changed'];

export const laneOf = (partner: Partner): Capabilities['lanes'][number] => ({
  id: '846',
  maxItems: itemsMaxOf(partner),
  async: false,
});

const refusedSchema = z.strictObject({ index: z.int().min(0), reason: z.string(), fix: z.string() });
type Refused = z.infer<typeof refusedSchema>;

const wireSchema = z.strictObject({
  name: z.string(),
  /** Null where the partner does not acknowledge. */
  receipt: z.string().nullable(),
  /** Null where no item could be written: then nothing goes out. */
  text: z.string().nullable(),
  refused: z.array(refusedSchema),
});
type Wire = z.infer<typeof wireSchema>;

/** How many listing units one unit of the 846 is. */
function factorOf({ listing }: PushItem, { inventory, orders }: Partner): number {
  const factor = orders.units[inventory?.unit ?? ''];
  if (factor !== 'pack') return factor ?? 1;
  const { pack = '' } = listing.data;
  if (/^[1-9]\d{0,5}$/.test(pack)) return Number(pack);
  throw new Rejected(`listing ${listing.listingRef}: how many make a ${inventory?.unit} is not known`, {
    field: 'pack',
    value: pack,
    fix: 'map the listing with `pack` in its data, or let the dialect state `inventory.unit` in single units',
  });
}

function adviceOf(item: PushItem, partner: Partner): AdviceItem {
  const { listing, wireQuantity, restockAt } = item;
  const quantity = Math.floor(wireQuantity / factorOf(item, partner));
  const dated = restockAt === undefined ? {} : { restockAt };
  const advice = { listingRef: listing.listingRef, ids: listing.data, quantity, ...dated };
  checkItem(advice, partner);
  return advice;
}

function checkItems(items: readonly PushItem[], partner: Partner): void {
  const most = itemsMaxOf(partner);
  assert(items.length > 0, 'a push has at least one item');
  assert(items.length <= most, `a push has at most ${most} items, this one has ${items.length}`);
  for (const { listing, wireQuantity } of items) {
    const isCount = Number.isSafeInteger(wireQuantity) && wireQuantity >= 0;
    assert(isCount, `the quantity of listing ${listing.listingRef} must be a whole number from 0, not ${wireQuantity}`);
  }
}

/** Those that can be written, and those that cannot, with what to do. */
function sortOut(items: readonly PushItem[], partner: Partner): { advices: AdviceItem[]; refused: Refused[] } {
  const advices: AdviceItem[] = [];
  const refused: Refused[] = [];
  for (const [index, item] of items.entries()) {
    try {
      advices.push(adviceOf(item, partner));
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      refused.push({ index, reason: error.message, fix: error.fix ?? 'correct the listing' });
    }
  }
  return { advices, refused };
}

/** Throws Defect for what may never be sent, Rejected for a partner that takes no numbers. */
export function preparePush(items: readonly PushItem[], partner: Partner, stamp: Stamp | undefined): PreparedPush {
  assert(stamp !== undefined, 'a push by document has its place among the documents (writeProtection sequence)');
  checkItems(items, partner);
  if (partner.inventory === null)
    throw new Rejected(`${partner.name} takes no numbers`, {
      field: 'inventory',
      fix: 'take its listings out of the map, or say in `inventory` of its dialect how its 846 looks',
    });
  const { advices, refused } = sortOut(items, partner);
  const head = { at: stamp.at, reference: String(stamp.sequence) };
  const sets = advices.length === 0 ? [] : [writeInventoryAdvice(advices, partner, head)];
  const { name, receipt, text } = writeDocument({ kind: '846', functionalId: 'IB', sets }, partner, stamp);
  const wire: Wire = { name, receipt, text: sets.length === 0 ? null : text, refused };
  return { wire: JSON.stringify(wire) };
}

/** Sends the prepared bytes as they are; the same ones again are harmless. */
export async function sendPush(
  prepared: PreparedPush,
  itemCount: number,
  put: (name: string, text: string) => Promise<boolean>,
): Promise<readonly PushOutcome[]> {
  const { name, receipt, text, refused } = wireSchema.parse(JSON.parse(prepared.wire));
  if (text !== null) await put(name, text);
  const good: PushOutcome = receipt === null ? { kind: 'applied', shownAfter: null } : { kind: 'sent', receipt };
  const bad = new Map(refused.map(({ index, reason, fix }) => [index, { kind: 'rejected', reason, fix } as const]));
  return Array.from({ length: itemCount }, (_, index) => bad.get(index) ?? good);
}
