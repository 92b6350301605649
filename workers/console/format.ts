/** How values look on every page: moments, numbers, states, links and tables. Unknown is said, never shown as 0. */
import type { Instant } from '#core/model.ts';
import { COUNT_MAX } from '#db/status.ts';
import { type Html, html, maybe, type Shown } from './html.ts';

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/** In its largest unit: `4 min`; two of them from an hour on. */
export function duration(ms: number): string {
  let left = Math.max(0, ms);
  if (left < 1000) return 'under 1 s';
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    if (parts.length === 2 || (parts.length === 1 && size <= 60_000)) break;
  }
  return parts.join(' ');
}

export const exactly = (at: Instant): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** `4 min ago`, or `in 2 h`; the moment itself on hover. */
export function ago(at: Instant | null, now: Instant, unknown = 'never'): Html {
  if (at === null) return html`<span class="unknown">${unknown}</span>`;
  return html`<time datetime="${new Date(at).toISOString()}" title="${exactly(at)}">${sayAge(at, now)}</time>`;
}

/** The database's clock and ours are not quite one. */
const NOW_MS = 1000;

function sayAge(at: Instant, now: Instant): string {
  if (Math.abs(now - at) < NOW_MS) return 'just now';
  return at > now ? `in ${duration(at - now)}` : `${duration(now - at)} ago`;
}

/** The moment itself, the time that has gone by on hover. */
export const moment = (at: Instant, now: Instant): Html =>
  html`<time datetime="${new Date(at).toISOString()}" title="${at > now ? `in ${duration(at - now)}` : `${duration(now - at)} ago`}">${exactly(at).slice(0, 16)}</time>`;

export const number = (value: number): string => value.toLocaleString('en-US');

/** A figure that may be unknown. */
export const figure = (value: number | null | undefined): Shown =>
  value === null || value === undefined ? html`<span class="unknown" title="not known">?</span>` : number(value);

export const signed = (value: number): string => (value > 0 ? `+${number(value)}` : number(value));

/** Counts stop at COUNT_MAX. */
export const count = (value: number): string => (value >= COUNT_MAX ? `${number(COUNT_MAX)}+` : number(value));

export const plural = (many: number, one: string, others = `${one}s`): string =>
  `${count(many)} ${many === 1 ? one : others}`;

export type Tone = 'good' | 'warn' | 'bad' | 'idle' | 'busy';

/** The shapes tell the states apart where colours do not. */
const MARKS: Readonly<Record<Tone, string>> = { good: '●', warn: '▲', bad: '■', idle: '○', busy: '◐' };

export const state = (tone: Tone, says: string, title = ''): Html =>
  html`<span class="state ${tone}"${maybe('title', title)}><span aria-hidden="true">${MARKS[tone]}</span> ${says}</span>`;

export const skuLink = (sku: string): Html =>
  html`<a class="sku" href="/console/sku?s=${encodeURIComponent(sku)}">${sku}</a>`;

export const orderLink = (id: string, says = id): Html =>
  html`<a href="/console/order?id=${encodeURIComponent(id)}">${says}</a>`;

export const command = (line: string): Html => html`<code class="command">${line}</code>`;

export type Column = { readonly title: string; readonly isNumber?: boolean; readonly says?: string };

export type TableOptions = {
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Shown[])[];
  /** Said instead of an empty table. */
  readonly empty: Shown;
  /** Names it for `aria-details`. */
  readonly id?: string;
  /** The caption is heard, not seen, where a heading says the same. */
  readonly isCaptionHidden?: boolean;
};

/** Scrolls in its own box, so that the page never moves sideways. The first cell of a row names it. */
export function table({ caption, columns, rows, empty, id, isCaptionHidden = true }: TableOptions): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  const cell = (value: Shown, index: number): Html => {
    const column = columns[index];
    const other = column?.title === 'Do' ? 'do' : '';
    const kind = column?.isNumber === true ? 'number' : other;
    return index === 0
      ? html`<th scope="row"${maybe('class', kind)}>${value}</th>`
      : html`<td${maybe('class', kind)}>${value}</td>`;
  };
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${caption}"><table${maybe('id', id ?? '')}>
<caption${maybe('class', isCaptionHidden ? 'hidden' : '')}>${caption}</caption>
<thead><tr>${columns.map(({ title, isNumber, says }) => html`<th scope="col"${maybe('class', isNumber === true ? 'number' : '')}${maybe('title', says ?? '')}>${title}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>`)}</tbody>
</table></div>`;
}

/** Names and what they say. */
export const pairs = (rows: readonly (readonly [string, Shown])[]): Html =>
  html`<dl class="pairs">${rows.map(([name, says]) => (says === null || says === undefined || says === false ? null : html`<dt>${name}</dt><dd>${says}</dd>`))}</dl>`;
