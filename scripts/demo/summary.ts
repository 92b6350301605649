/** The report in words, for the person who watched. */
import { plural } from '../output.ts';
import type { Report } from './report.ts';

const number = (value: number | null): string => (value === null ? '-' : value.toLocaleString('en-US'));

function sayChannels(report: Report): string[] {
  const rows = Object.entries(report.channels).map(
    ([id, { offered, placed, increases, decreases, apiCalls, drift }]) => [
      id,
      number(offered.units),
      number(placed.units),
      number(increases),
      number(decreases),
      number(apiCalls),
      number(drift),
    ],
  );
  const head = ['channel', 'units offered', 'placed', 'raised', 'lowered', 'API calls', 'drift'];
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  return [line(head), ...rows.map(line)];
}

export function sayReport(report: Report): string {
  const { propagationMs, rssPeakMB, doctor, stream } = report;
  const invariants = Object.values(doctor.violations).filter((count) => count === 0).length;
  return [
    '',
    `${plural(report.read.orders, 'invoice')}, ${number(report.read.lines)} lines (${stream.name}) in ${Math.round(report.durationS)} s`,
    '',
    ...sayChannels(report),
    '',
    `A sale reached the other channels in ${number(propagationMs.p50)} ms (median), ${number(propagationMs.p99)} ms (99 of 100).`,
    `${report.stockouts} of ${stream.skus} SKUs ran out on some channel. Oversold: ${plural(report.oversoldUnits, 'unit')}, ` +
      `${number(report.oversoldAfterKnown)} of them after allot knew. Refused without need: ${number(report.undersoldUnits)}.`,
    `Doctor: ${invariants} of ${Object.keys(doctor.violations).length} invariants hold. Crashes ${report.crashes}, Redis flushed ${report.flushes} times. ` +
      `Memory: daemon ${number(rssPeakMB.daemon)} MB, PostgreSQL ${number(rssPeakMB.postgres)} MB.`,
    '',
    report.ok
      ? 'Every number is right.'
      : `Not right:\n${report.failures.map((failure) => `  - ${failure}`).join('\n')}`,
    '',
  ].join('\n');
}
