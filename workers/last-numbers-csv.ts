/** The last numbers of a channel as CSV, whole or a part at a time. */
import type { LastNumber } from '#db/leave.ts';

/** A cell that a spreadsheet would take for a formula is told as text. */
const csvCell = (value: string | number | null): string => {
  if (value === null) return '';
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const csvTime = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

export const LAST_NUMBERS_HEAD =
  'sku,listing_ref,location_ref,title,sent,sent_at,shows,read_at,should_show,under_way\r\n';

export const lastNumberLine = (one: LastNumber): string =>
  `${[
    one.sku,
    one.listingRef,
    one.locationRef,
    one.title,
    one.sent,
    csvTime(one.sentAt),
    one.shows,
    csvTime(one.readAt),
    one.shouldShow,
    one.isUnderWay ? 'yes' : 'no',
  ]
    .map(csvCell)
    .join(',')}\r\n`;

export const lastNumbersCsv = (numbers: readonly LastNumber[]): string =>
  LAST_NUMBERS_HEAD + numbers.map(lastNumberLine).join('');
