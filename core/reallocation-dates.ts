/**
 * What a move of units does to dates: to dated demand on its day, and to each program's ATP by day.
 *
 * Guarantees: pure; both figures are the projection's own (atp.ts), once without the move and once with it. The units that were moved
 * count as gone for good: what the receiver sells of them does not come back.
 */
import { atpByDay, DAY_MS, demandKey, HORIZON_DAYS, type Projection, project } from './atp.ts';
import type { DatedDemand, Instant, ProgramId, Sku } from './model.ts';
import { outlookFrom } from './outlook.ts';
import type { State } from './state.ts';

export type Change = { readonly before: number; readonly after: number };

export type DateChanges = {
  /** Dated demand that would have less, or more, on its day. */
  readonly demands: readonly {
    readonly ref: string;
    readonly program: ProgramId;
    readonly quantity: number;
    readonly dueAt: Instant;
    /** Units it has by then. */
    readonly gets: Change;
  }[];
  /** ATP by day (UTC), of each program where it changes; a row where either figure does. */
  readonly atp: readonly {
    readonly program: ProgramId;
    readonly days: readonly { readonly fromAt: Instant; readonly atp: Change }[];
  }[];
};

const NOTHING: DateChanges = { demands: [], atp: [] };

const isChanged = ({ before, after }: Change): boolean => before !== after;

/** What is served later than on its day is late, and counts for nothing here. */
function getsByDay(demand: DatedDemand, { served }: Projection, now: Instant): number {
  const key = demandKey(demand);
  const by = Math.max(now, demand.dueAt);
  return served.reduce((sum, row) => (row.key === key && row.at <= by ? sum + row.quantity : sum), 0);
}

function daysOf(before: Projection, after: Projection, now: Instant): { fromAt: Instant; atp: Change }[] {
  const [was, is] = [before, after].map((one) => atpByDay(one, HORIZON_DAYS).map((atp) => Math.max(0, atp)));
  const start = Math.floor(now / DAY_MS) * DAY_MS;
  const days = (was ?? []).map((units, day) => ({
    fromAt: start + day * DAY_MS,
    atp: { before: units, after: is?.[day] ?? 0 },
  }));
  if (!days.some(({ atp }) => isChanged(atp))) return [];
  return days.filter(({ atp }, day) => {
    const last = days[day - 1]?.atp;
    return last?.before !== atp.before || last.after !== atp.after;
  });
}

/** An item without dated rows has no dates: what may be promised now is all there is to tell. */
export function dateChangesOf(before: State, after: State, sku: Sku, now: Instant): DateChanges {
  const [was, is] = [outlookFrom(before, sku, now), outlookFrom(after, sku, now)];
  if (was === null || is === null || was.supply.length + was.demand.length === 0) return NOTHING;
  const seen = was.policy.programs.map((program) => ({
    program: program.id,
    before: project(was, program, now),
    after: project(is, program, now),
  }));
  const open = was.demand.filter(({ state }) => state === 'open');
  return {
    demands: seen.flatMap(({ program, ...look }) =>
      open
        .filter((demand) => demand.program === program)
        .map((demand) => ({
          ref: demand.ref,
          program,
          quantity: demand.quantity,
          dueAt: demand.dueAt,
          gets: { before: getsByDay(demand, look.before, now), after: getsByDay(demand, look.after, now) },
        }))
        .filter(({ gets }) => isChanged(gets)),
    ),
    atp: seen.flatMap((look) => {
      const days = daysOf(look.before, look.after, now);
      return days.length === 0 ? [] : [{ program: look.program, days }];
    }),
  };
}
