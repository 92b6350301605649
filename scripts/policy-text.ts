/** Policies, their changes and their previews as a person reads them. */
import type { PolicyChange } from '#core/policy-words.ts';
import type { PolicyVersion, TrailStep } from '#db/policy-history.ts';
import type { PolicyProposal } from '#db/policy-proposals.ts';
import type { Above, PoolsAboveSupply } from '#workers/policy-above.ts';
import type { ChannelPreview, PolicyPreview, ProgramPreview } from '#workers/policy-preview.ts';
import { type Output, plural } from './output.ts';

const MARKS = { added: '+', removed: '-', changed: '~' } as const;

export const sayChanges = (changes: readonly PolicyChange[]): string =>
  changes.length === 0 ? 'Nothing changes.' : changes.map(({ kind, says }) => `${MARKS[kind]} ${says}`).join('\n');

/** Who stands behind a version, in one line. */
export function sayWho({ author, proposedBy, approvedBy, rolledBackTo }: PolicyVersion): string {
  const asked = proposedBy === null ? '' : `, proposed by ${proposedBy}`;
  const agreed = approvedBy === null ? '' : `, approved by ${approvedBy}`;
  const back = rolledBackTo === null ? '' : `, back to ${rolledBackTo}`;
  return `${author}${asked}${agreed}${back}`;
}

export const sayTrail = (steps: readonly TrailStep[]): string =>
  steps
    .map(({ at, actor, action, subject, reason }) => {
      const why = reason === null ? '' : `: ${reason}`;
      return `${new Date(at).toISOString()} ${actor} ${action}, ${subject}${why}`;
    })
    .join('\n');

export const proposalRow = (proposal: PolicyProposal, changes: string): (string | number | null)[] => [
  proposal.id,
  proposal.state,
  proposal.baseVersion,
  proposal.proposedBy,
  proposal.decidedBy,
  proposal.reason,
  changes,
];

const signed = (units: number): string => (units > 0 ? `+${units}` : String(units));

function sayChannels(out: Output, channels: readonly ChannelPreview[]): string {
  const columns = [
    { title: 'CHANNEL' },
    ...['LISTINGS', 'DOWN', 'TO 0', 'UP', 'UNITS DOWN', 'UNITS UP'].map((title) => ({ title, isNumber: true })),
  ];
  const rows = channels.map(({ channel, listings, down, toZero, up, unitsDown, unitsUp }) => [
    channel,
    listings,
    down,
    toZero,
    up,
    signed(-unitsDown),
    signed(unitsUp),
  ]);
  const gone = channels
    .filter(({ isGone }) => isGone)
    .map(
      ({ channel, listings }) =>
        `${channel} is no longer served: its ${plural(listings, 'listing')} ${listings === 1 ? 'keeps the number it shows' : 'keep the number they show'}. Pause or clear it on the platform.`,
    );
  const largest = channels.flatMap(({ channel, largest: all }) =>
    all.map(({ sku, listingRef, from, to }) => `  ${channel} ${sku} (${listingRef}): ${from ?? 'no number'} to ${to}`),
  );
  return [out.table(columns, rows), ...gone, ...(largest.length === 0 ? [] : ['Largest changes:', ...largest])].join(
    '\n',
  );
}

function sayPrograms(out: Output, programs: readonly ProgramPreview[]): string {
  const columns = [
    { title: 'PROGRAM' },
    ...['PROMISE', 'THEN', 'PROTECTED', 'THEN'].map((title) => ({ title, isNumber: true })),
  ];
  return out.table(
    columns,
    programs.map(({ program, promiseBefore, promiseAfter, protectedBefore, protectedAfter }) => [
      program,
      promiseBefore,
      promiseAfter,
      protectedBefore,
      protectedAfter,
    ]),
  );
}

const wantedOf = ({ pools }: PoolsAboveSupply): number => pools.reduce((sum, { units }) => sum + units, 0);

/** `MUG: 18000 protected, 4778 free`. */
const sayAboveShort = (above: PoolsAboveSupply): string =>
  `${above.sku}: ${wantedOf(above)} protected, ${Math.max(0, above.free)} free`;

function sayAbove(above: PoolsAboveSupply): string[] {
  const parts = above.pools
    .map(({ program, location, units, remaining }) => {
      const where = location === undefined ? '' : ` at ${location}`;
      return `${program}${where} ${units}, gets ${remaining}`;
    })
    .join('; ');
  const mends = above.pools.flatMap(({ at, units, remaining, most, isReallocated }) => {
    if (remaining >= units) return [];
    if (isReallocated)
      return [
        `    ${at}: the units moved there protect ${units - remaining} more of ${above.sku} than there is. They go back when it ends (allot reallocate list --state applied).`,
      ];
    const less = most === null ? 'Lower it' : `Write ${most} or less`;
    return [
      `    ${at}: protects ${units - remaining} more of ${above.sku} than there is. ${less}, or let goods come in first.`,
    ];
  });
  return [`  ${sayAboveShort(above)} (${parts})`, ...mends];
}

/** What a person must mean: pools of this very change that are above what is free. Null where there is none. */
export function sayAboveOfChange({ itemsOfChange, largest }: Above): { says: string; lines: string[] } | null {
  if (itemsOfChange === 0) return null;
  const named = largest.filter(({ isOfChange }) => isOfChange);
  const more = itemsOfChange > 1 ? ', the largest' : '';
  const first = named[0] === undefined ? '' : ` (${sayAboveShort(named[0])}${more})`;
  return {
    says: `pools protect more than is free of ${plural(itemsOfChange, 'item')}${first}`,
    lines: named.flatMap(sayAbove),
  };
}

export function sayAboveWarnings(above: Above): string[] {
  const { items, itemsWithNothing, largest, largestWithNothing } = above;
  return [
    ...(items === 0
      ? []
      : [
          `warning: pools protect more than is free of ${plural(items, 'item')}; they are cut until goods come in:`,
          ...largest.flatMap(sayAbove),
        ]),
    ...(itemsWithNothing === 0
      ? []
      : [
          `warning: pools wait for goods of ${plural(itemsWithNothing, 'item')} that have nothing free.`,
          ...largestWithNothing.map((one) => `  ${sayAboveShort(one)} (${one.pools.map(({ at }) => at).join('; ')})`),
        ]),
  ];
}

export function sayPreview(out: Output, preview: PolicyPreview): string {
  const { items, channels, programs, unitsToWaiting, poolsAboveSupply: above } = preview;
  if (items === 0) return 'No item is reached: no number moves.\n';
  const waiting =
    unitsToWaiting === 0
      ? []
      : [`${plural(unitsToWaiting, 'unit')} ${unitsToWaiting === 1 ? 'goes' : 'go'} to order lines that wait.`];
  return [
    `${plural(items, 'item')} would be decided anew, as things stand now:`,
    sayChannels(out, channels),
    sayPrograms(out, programs),
    ...waiting,
    ...sayAboveWarnings(above),
    '',
  ].join('\n');
}
