/**
 * What a platform says, held against what PostgreSQL can keep: text without NUL and lone surrogates, references that fit into an
 * index entry (2,704 bytes for all of a key's columns), moments that a calendar has.
 *
 * Guarantees that input which the database would refuse is refused alone and by its field, instead of failing the whole transaction
 * that it shares with the input of others. Quantities are the core's affair.
 */
import { Rejected } from '#core/errors.ts';
import type { OrderState } from '#core/order-state.ts';

const REF_BYTES_MAX = 1_000;
/** 9999-12-31T23:59:59.999Z: beyond it ISO dates get a sign that PostgreSQL does not read. */
const INSTANT_MAX = 253_402_300_799_999;

const fix = 'correct it at its source; allot takes the next version, or drop this one with allot parked drop';

const isPlainText = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** Also for messages that quote what came. */
export const storableText = (text: string): string => text.toWellFormed().replaceAll('\0', '\ufffd');

function refuseText(field: string, text: string | null): void {
  if (text === null || isPlainText(text)) return;
  throw new Rejected(`${field} holds a NUL or half a character, which no database text can`, { field, fix });
}

function refuseRef(field: string, ref: string | null): void {
  refuseText(field, ref);
  const bytes = Buffer.byteLength(ref ?? '');
  if (bytes <= REF_BYTES_MAX) return;
  throw new Rejected(`${field} is ${bytes} bytes long, and ${REF_BYTES_MAX} is the most for a reference`, {
    field,
    fix,
  });
}

function refuseInstant(field: string, instant: number): void {
  if (Number.isSafeInteger(instant) && instant >= 0 && instant <= INSTANT_MAX) return;
  throw new Rejected(`${field} is no moment between 1970 and 9999`, { field, value: instant, fix });
}

/** Throws Rejected, naming the field. */
export function refuseUnstorable(order: OrderState): void {
  refuseRef('orderRef', order.orderRef);
  refuseText('displayRef', order.displayRef);
  refuseRef('locationRef', order.locationRef);
  refuseInstant('placedAt', order.placedAt);
  refuseInstant('modifiedAt', order.modifiedAt);
  for (const [n, { dueAt }] of order.obligations.entries()) refuseInstant(`obligations[${n}].dueAt`, dueAt);
  for (const [n, line] of order.lines.entries()) {
    refuseRef(`lines[${n}].lineRef`, line.lineRef);
    refuseRef(`lines[${n}].listingRef`, line.listingRef);
    refuseText(`lines[${n}].skuHint`, line.skuHint);
  }
}

export function refuseUnstorableRefs(
  reads: readonly { readonly listingRef: string; readonly locationRef: string }[],
): void {
  for (const { listingRef, locationRef } of reads) {
    refuseRef('listingRef', listingRef);
    refuseRef('locationRef', locationRef);
  }
}

export function isStorable(order: OrderState): boolean {
  try {
    refuseUnstorable(order);
    return true;
  } catch (error) {
    if (error instanceof Rejected) return false;
    throw error;
  }
}
