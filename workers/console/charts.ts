/**
 * Pictures, each with the same figures as a table beside it: lines by uPlot (drawn by static/console.js from a data attribute), bars as
 * inline SVG without a style, so that the content security policy holds.
 */
import type { Instant } from '#core/model.ts';
import { type Html, html, nothing, type Shown } from './html.ts';

export type Line = {
  readonly label: string;
  /** One per moment; null where nothing is known. */
  readonly values: readonly (number | null)[];
  /** The value holds until the next one. */
  readonly isStep?: boolean;
};

export type Chart = {
  readonly id: string;
  readonly says: string;
  readonly unit: string;
  readonly times: readonly Instant[];
  readonly lines: readonly Line[];
};

/** A canvas says nothing to a screen reader: `tableId` names the table that does. */
export function lineChart({ id, says, unit, times, lines }: Chart, tableId: string): Html {
  if (times.length < 2) return nothing;
  const data = JSON.stringify({ unit, times: times.map((at) => at / 1000), lines });
  return html`<figure class="chart" id="${id}" data-chart="${data}" role="img" aria-label="${says}" aria-details="${tableId}">
<div class="plot" hx-morph-skip-children></div><figcaption>${says}</figcaption></figure>`;
}

/** Points of several series over the moments of all of them. */
export function alignSeries(
  series: readonly {
    readonly label: string;
    readonly points: readonly (readonly [Instant, number])[];
    readonly isStep?: boolean;
  }[],
): Pick<Chart, 'times' | 'lines'> {
  const times = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const lines = series.map(({ label, points, isStep }): Line => {
    const known = new Map(points);
    let last: number | null = null;
    const values = times.map((at) => {
      const value = known.get(at) ?? null;
      if (isStep !== true) return value;
      last = value ?? last;
      return last;
    });
    return { label, values, ...(isStep === undefined ? {} : { isStep }) };
  });
  return { times, lines };
}

export type Part = { readonly label: string; readonly units: number };

const WIDTH = 1000;
const SHADES = 6;

/** Parts of a whole, each with its name and its units below. */
export function stackedBar(says: string, parts: readonly Part[]): Html {
  const whole = parts.reduce((sum, { units }) => sum + Math.max(0, units), 0);
  if (whole === 0) return nothing;
  let from = 0;
  const drawn = parts.map(({ label, units }, index) => {
    const width = (Math.max(0, units) / whole) * WIDTH;
    const x = from;
    from += width;
    return html`<rect class="shade-${index % SHADES}" x="${x.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="24"><title>${label}: ${units}</title></rect>`;
  });
  const legend = parts.map(
    ({ label, units }, index) =>
      html`<li><svg class="key" viewBox="0 0 10 10" aria-hidden="true"><rect class="shade-${index % SHADES}" width="10" height="10"></rect></svg> ${label} <strong>${units}</strong></li>`,
  );
  return html`<figure class="bar"><svg viewBox="0 0 ${WIDTH} 24" preserveAspectRatio="none" role="img" aria-label="${says}">${drawn}</svg>
<ul class="legend">${legend}</ul></figure>`;
}

/** Amounts side by side, each on its own line. */
export function bars(rows: readonly Part[]): Shown {
  const most = Math.max(1, ...rows.map(({ units }) => units));
  return html`<ul class="bars">${rows.map(
    ({ label, units }) =>
      html`<li><span>${label}</span><svg viewBox="0 0 ${WIDTH} 12" preserveAspectRatio="none" aria-hidden="true"><rect class="shade-0" width="${((units / most) * WIDTH).toFixed(1)}" height="12"></rect></svg><strong>${units}</strong></li>`,
  )}</ul>`;
}
