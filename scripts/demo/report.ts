/**
 * The report of a demo: its shape (report.schema.json is the same as JSON Schema), and the judgement whether the run proves what it
 * should. A failure is a sentence that says what broke, by how much, and what was allowed.
 */
import type { InvariantId } from '#db/doctor.ts';
import type { Peaks } from './child.ts';

export type Amount = { readonly orders: number; readonly lines: number; readonly units: number };

export type ChannelReport = {
  readonly connector: string;
  readonly speedUp: number;
  readonly offered: Amount;
  readonly placed: Amount;
  readonly refused: Amount;
  readonly ingested: Amount;
  readonly cancelled: Amount;
  readonly increases: number;
  readonly decreases: number;
  readonly apiCalls: number;
  readonly drift: number;
  readonly parked: number;
  /** Orders that a partner wants an answer to, and has none. */
  readonly unanswered: number;
  /** Documents of ours that the partner refused. */
  readonly refusedDocuments: number;
};

export type Figures = {
  readonly read: Amount;
  readonly channels: Readonly<Record<string, ChannelReport>>;
  readonly stockouts: number;
  readonly oversoldUnits: number;
  readonly oversoldAfterKnown: number;
  readonly undersoldUnits: number;
  readonly propagationMs: { readonly p50: number | null; readonly p99: number | null; readonly samples: number };
  readonly crashes: number;
  readonly flushes: number;
  readonly rssPeakMB: Peaks;
  readonly durationS: number;
  readonly doctor: {
    readonly ok: boolean;
    readonly violations: Readonly<Record<InvariantId, number | null>>;
    readonly skipped: Readonly<Partial<Record<InvariantId, string>>>;
  };
  /** How the rows of `read` were understood; `skus` is what `stockouts` is a part of. */
  readonly stream: {
    readonly name: string;
    readonly seed: number;
    readonly skus: number;
    readonly leftOut: Readonly<Record<string, Amount>>;
    readonly returnedUnits: number;
    readonly unmatchedCreditUnits: number;
    readonly adjustedUnits: { readonly wanted: number; readonly done: number };
  };
};

export type Report = Figures & { readonly ok: boolean; readonly failures: readonly string[] };

export type Judging = {
  /** Faults were ordered: the limits are wider then. */
  readonly isRough: boolean;
  /** Orders that allot does not hold as their platform does. */
  readonly missingOrders: number;
};

const LIMITS = { calm: { placed: 0.9, undersold: 0.005 }, rough: { placed: 0.8, undersold: 0.05 } } as const;
const STOCKOUTS_MIN = 0.1;

const sumUnits = (figures: Figures, of: 'offered' | 'placed'): number =>
  Object.values(figures.channels).reduce((sum, channel) => sum + channel[of].units, 0);

const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(2)} %`;
const COUNTS = ['orders', 'lines', 'units'] as const;

function judgeChannel(id: string, channel: ChannelReport): string[] {
  const { offered, placed, refused, ingested, increases, decreases, drift } = channel;
  const counted = COUNTS.flatMap((count) => [
    ...(placed[count] + refused[count] === offered[count]
      ? []
      : [
          `${id}: ${placed[count]} ${count} placed and ${refused[count]} refused are not the ${offered[count]} offered`,
        ]),
    ...(ingested[count] === placed[count]
      ? []
      : [`${id}: allot holds ${ingested[count]} ${count}, and ${placed[count]} were placed`]),
  ]);
  return [
    ...counted,
    ...(drift === 0 ? [] : [`${id}: ${drift} listing(s) do not show what they should`]),
    ...(channel.unanswered === 0 ? [] : [`${id}: ${channel.unanswered} order(s) were never answered`]),
    ...(channel.refusedDocuments === 0
      ? []
      : [`${id}: the partner refused ${channel.refusedDocuments} of our documents`]),
    ...(placed.orders > 0 ? [] : [`${id}: nothing was sold there`]),
    ...(increases > 0 ? [] : [`${id}: no number was ever raised there`]),
    ...(decreases > 0 ? [] : [`${id}: no number was ever lowered there`]),
  ];
}

export function findFailures(figures: Figures, { isRough, missingOrders }: Judging): string[] {
  const limits = isRough ? LIMITS.rough : LIMITS.calm;
  const [offered, placed] = [sumUnits(figures, 'offered'), sumUnits(figures, 'placed')];
  const { stockouts, stream, undersoldUnits, oversoldAfterKnown, doctor } = figures;
  const broken = Object.entries(doctor.violations).flatMap(([id, count]) =>
    count === null || count === 0 ? [] : [`${id} (${count})`],
  );
  return [
    ...Object.entries(figures.channels).flatMap(([id, channel]) => judgeChannel(id, channel)),
    ...(missingOrders === 0 ? [] : [`${missingOrders} order(s) are not in allot as their platform holds them`]),
    ...(placed >= limits.placed * offered
      ? []
      : [`${percent(placed, offered)} of the units offered were placed; at least ${limits.placed * 100} % should be`]),
    ...(undersoldUnits <= limits.undersold * offered
      ? []
      : [
          `${undersoldUnits} units (${percent(undersoldUnits, offered)}) were refused although policy would have sold them; at most ${limits.undersold * 100} % may be`,
        ]),
    ...(stockouts >= STOCKOUTS_MIN * stream.skus
      ? []
      : [`${stockouts} of ${stream.skus} SKUs reached 0 on some channel; at least ${STOCKOUTS_MIN * 100} % should`]),
    ...(oversoldAfterKnown === 0
      ? []
      : [`${oversoldAfterKnown} units were oversold by numbers sent after their order was known`]),
    ...(doctor.ok ? [] : [`the doctor found broken invariants: ${broken.join(', ')}`]),
    ...(doctor.violations.I8 === null
      ? [`the doctor could not judge I8: ${doctor.skipped.I8 ?? 'no reason given'}`]
      : []),
  ];
}

export function judge(figures: Figures, judging: Judging): Report {
  const failures = findFailures(figures, judging);
  return { ...figures, ok: failures.length === 0, failures };
}

/** Nearest rank; null without samples. */
export function percentileOf(sorted: readonly number[], part: number): number | null {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? null;
}
