/** What the preview of a move tells, and who loses what by it, one sentence each. */
import type { ChannelId, Instant, ListingId, OrderId, ProgramId, Sku } from './model.ts';
import type { Change, DateChanges } from './reallocation-dates.ts';

export type ReallocationPreview = DateChanges & {
  readonly shared: Change;
  readonly programs: readonly {
    readonly program: ProgramId;
    /** Units of its pool, those of them that are left, and all that it could be promised. */
    readonly units: Change;
    readonly left: Change;
    readonly promise: Change;
  }[];
  /** What the program of each channel that sells the item, alone or in a kit, could be promised of it. */
  readonly channels: readonly { readonly channel: ChannelId; readonly program: ProgramId; readonly promise: Change }[];
  readonly listings: readonly {
    readonly listing: ListingId;
    /** The item, or a kit that it is part of. */
    readonly sku: Sku;
    readonly channel: ChannelId;
    readonly listingRef: string;
    /** The published number, in units of the listing. */
    readonly shown: Change;
  }[];
  /** Open lines that would wait longer, or less long. */
  readonly waiting: readonly {
    readonly orderId: OrderId;
    readonly lineRef: string;
    readonly channel: ChannelId;
    readonly program: ProgramId;
    readonly placedAt: Instant;
    /** By when it has to be shipped; null where its platform names no date. */
    readonly dueAt: Instant | null;
    readonly short: number;
    /** Units it would get of the next `nextUnits`. */
    readonly gets: Change;
  }[];
  readonly nextUnits: number;
  /** Who loses what, one sentence each; empty where nobody does. */
  readonly harm: readonly string[];
};

type Figures = Omit<ReallocationPreview, 'harm'>;

const falls = ({ before, after }: Change): boolean => after < before;
const dayOf = (at: Instant): string => new Date(at).toISOString().slice(0, 10);

function programHarm({ programs }: Figures): string[] {
  return programs.flatMap(({ program, left, promise }) => {
    const says = [
      ...(falls(left) ? [`keeps ${left.after} of ${left.before} protected units`] : []),
      ...(falls(promise) ? [`could be promised ${promise.after} instead of ${promise.before}`] : []),
    ];
    return says.length === 0 ? [] : [`${program} ${says.join(', and ')}`];
  });
}

function demandHarm({ demands }: Figures, { now, until }: When): string[] {
  return demands
    .filter(({ gets }) => falls(gets))
    .map(({ ref, program, quantity, dueAt, gets }) => {
      const more = gets.before - gets.after;
      const lacks = quantity - gets.after;
      const when = dueAt < now ? 'now' : 'on that date';
      const inAll = lacks > more ? `, ${lacks} in all` : '';
      const back = until <= dueAt ? ', unless they are back by then' : '';
      return `demand ${ref} of ${program}, ${quantity} due ${dayOf(dueAt)}, would lack ${more} ${when} because of the move${inAll}${back}`;
    });
}

const DATES_TOLD = 3;

/** What every day loses that could be promised now is told with the program. */
function atpHarm({ atp, programs }: Figures): string[] {
  return atp.flatMap(({ program, days }) => {
    const now = programs.find((one) => one.program === program)?.promise;
    const lost = days.filter(({ atp: one }) => falls(one) && (one.before !== now?.before || one.after !== now.after));
    if (lost.length === 0) return [];
    const told = lost
      .slice(0, DATES_TOLD)
      .map(({ fromAt, atp: one }) => `from ${one.before} to ${one.after} on ${dayOf(fromAt)}`);
    const rest = lost.length > DATES_TOLD ? [`and ${lost.length - DATES_TOLD} more later`] : [];
    return [`ATP of ${program} falls ${[...told, ...rest].join(', ')}`];
  });
}

function waitingHarm({ waiting, nextUnits }: Figures, { now }: When): string[] {
  return waiting
    .filter(({ gets }) => falls(gets))
    .map(({ orderId, lineRef, placedAt, dueAt, short, gets }) => {
      const due = dueAt === null ? '' : `, due ${dayOf(dueAt)}`;
      return `order ${orderId} line ${lineRef}, placed ${dayOf(placedAt)}${due} and ${short} short on ${dayOf(now)}, gets ${gets.after} instead of ${gets.before} of the next ${nextUnits} units`;
    });
}

/** `until`: when the units go back. */
export type When = { readonly now: Instant; readonly until: Instant };

/** Empty where nobody loses anything. */
export function harmOf(figures: Figures, when: When): string[] {
  const { shared, listings } = figures;
  return [
    ...programHarm(figures),
    ...(falls(shared) ? [`${shared.after} of ${shared.before} units stay for everybody`] : []),
    ...listings
      .filter(({ shown }) => falls(shown))
      .map(
        ({ channel, listingRef, shown }) =>
          `${channel} shows ${shown.after} instead of ${shown.before} of ${listingRef}`,
      ),
    ...demandHarm(figures, when),
    ...atpHarm(figures),
    ...waitingHarm(figures, when),
  ];
}
