/** The report: its JSON Schema, and what it calls a failure. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ChannelReport, type Figures, findFailures, judge, percentileOf } from '#scripts/demo/report.ts';
import { sayReport } from '#scripts/demo/summary.ts';

const schema = z.fromJSONSchema(
  JSON.parse(readFileSync(new URL('../../../scripts/demo/report.schema.json', import.meta.url), 'utf8')),
);
const amount = (units: number) => ({ orders: 10, lines: 20, units });

const channel = (over: Partial<ChannelReport> = {}): ChannelReport => ({
  connector: 'fake',
  speedUp: 1,
  offered: amount(1000),
  placed: { orders: 9, lines: 19, units: 950 },
  refused: { orders: 1, lines: 1, units: 50 },
  ingested: { orders: 9, lines: 19, units: 950 },
  cancelled: { orders: 1, lines: 1, units: 3 },
  increases: 4,
  decreases: 30,
  apiCalls: 70,
  drift: 0,
  parked: 0,
  unanswered: 0,
  refusedDocuments: 0,
  ...over,
});

const NO_VIOLATIONS = { I1: 0, I2: 0, I3: 0, I4: 0, I5: 0, I6: 0, I7: 0, I8: 0, I9: 0, I10: 0 };

const figures = (over: Partial<Figures> = {}): Figures => ({
  read: amount(1200),
  channels: { 'fake:a': channel() },
  stockouts: 4,
  oversoldUnits: 2,
  oversoldAfterKnown: 0,
  undersoldUnits: 5,
  propagationMs: { p50: 120, p99: 900, samples: 9 },
  crashes: 0,
  flushes: 0,
  rssPeakMB: { daemon: 200, platforms: 150, postgres: null },
  durationS: 12.3,
  doctor: { ok: true, violations: NO_VIOLATIONS, skipped: {} },
  stream: {
    name: 'test',
    seed: 1,
    skus: 40,
    leftOut: { POST: { orders: 1, lines: 1, units: -1 } },
    returnedUnits: 0,
    unmatchedCreditUnits: 0,
    adjustedUnits: { wanted: 0, done: 0 },
  },
  ...over,
});
const CALM = { isRough: false, missingOrders: 0 };
const ROUGH = { isRough: true, missingOrders: 0 };

describe('a report', () => {
  it('fits its JSON Schema, and a report without a figure or with a stray one does not', () => {
    const report = judge(figures(), CALM);
    expect(report.ok).toBe(true);
    expect(schema.safeParse(report).success).toBe(true);
    const { oversoldAfterKnown: _gone, ...less } = report;
    expect(schema.safeParse(less).success).toBe(false);
    expect(schema.safeParse({ ...report, stray: 1 }).success).toBe(false);
    expect(schema.safeParse({ ...report, stockouts: -1 }).success).toBe(false);
  });

  const withChannel = (over: Partial<ChannelReport>) => figures({ channels: { 'fake:a': channel(over) } });
  const broken = { ok: false, violations: { ...NO_VIOLATIONS, I2: 3 }, skipped: {} };
  const unjudged = { ok: true, violations: { ...NO_VIOLATIONS, I8: null }, skipped: { I8: 'nobody read' } };
  it.each([
    ['units are lost between offered and placed', withChannel({ refused: amount(49) }), /are not the/],
    [
      'allot lacks lines',
      withChannel({ ingested: { orders: 9, lines: 18, units: 950 } }),
      /holds 18 lines, and 19 were placed/,
    ],
    ['a listing drifts', withChannel({ drift: 1 }), /1 listing\(s\) do not show/],
    ['an order has no answer', withChannel({ unanswered: 1 }), /1 order\(s\) were never answered/],
    ['a document of ours was refused', withChannel({ refusedDocuments: 2 }), /partner refused 2 of our documents/],
    ['no number rose', withChannel({ increases: 0 }), /no number was ever raised/],
    ['no number fell', withChannel({ decreases: 0 }), /no number was ever lowered/],
    ['too much was refused without need', figures({ undersoldUnits: 6 }), /6 units \(0.60 %\) were refused/],
    ['nothing was scarce', figures({ stockouts: 3 }), /3 of 40 SKUs reached 0/],
    [
      'a number ignored an order that was known',
      figures({ oversoldAfterKnown: 1 }),
      /1 units were oversold by numbers/,
    ],
    ['the doctor found something', figures({ doctor: broken }), /I2 \(3\)/],
    ['I8 was not judged', figures({ doctor: unjudged }), /could not judge I8: nobody read/],
  ])('is not ok when %s', (_, given, sentence) => {
    const report = judge(given, CALM);
    expect(report.ok).toBe(false);
    expect(report.failures.join('\n')).toMatch(sentence);
    expect(sayReport(report)).toMatch(sentence);
  });

  it('is not ok when an order is missing', () => {
    expect(findFailures(figures(), { ...CALM, missingOrders: 2 })).toEqual([
      '2 order(s) are not in allot as their platform holds them',
    ]);
  });

  it('asks for less of a run with faults', () => {
    const placed = { orders: 9, lines: 19, units: 850 };
    const poor = figures({
      channels: { 'fake:a': channel({ placed, ingested: placed, refused: { orders: 1, lines: 1, units: 150 } }) },
      undersoldUnits: 50,
    });
    expect(findFailures(poor, CALM)).toHaveLength(2);
    expect(findFailures(poor, ROUGH)).toEqual([]);
    expect(findFailures({ ...poor, undersoldUnits: 51 }, ROUGH)).toHaveLength(1);
  });
});

describe('percentiles', () => {
  it('are taken by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, n) => n + 1);
    expect([
      percentileOf(hundred, 0.5),
      percentileOf(hundred, 0.99),
      percentileOf([7], 0.99),
      percentileOf([], 0.5),
    ]).toEqual([50, 99, 7, null]);
  });
});
