/** Policies, their changes and their previews as a person reads them. */
import type { PolicyChange } from '#core/policy-words.ts';
import type { PolicyVersion, TrailStep } from '#db/policy-history.ts';
import type { PolicyProposal } from '#db/policy-proposals.ts';
import type { ChannelPreview, PolicyPreview, PoolsAboveSupply, ProgramPreview } from '#workers/policy-preview.ts';
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
        `${channel} is no longer served: its ${plural(listings, 'listing')} keep the number they show. Pause or clear it on the platform.`,
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

const sayAbove = ({ sku, free, pools }: PoolsAboveSupply): string => {
  const wanted = pools.reduce((sum, { units }) => sum + units, 0);
  const parts = pools
    .map(({ program, location, units, remaining }) => {
      const where = location === undefined ? '' : ` at ${location}`;
      return `${program}${where} ${units}, gets ${remaining}`;
    })
    .join('; ');
  return `  ${sku}: ${wanted} protected, ${free} free (${parts})`;
};

export function sayPreview(out: Output, preview: PolicyPreview): string {
  const { items, channels, programs, unitsToWaiting, poolsAboveSupply: above } = preview;
  if (items === 0) return 'No item is reached: no number moves.\n';
  const waiting = unitsToWaiting === 0 ? [] : [`${plural(unitsToWaiting, 'unit')} go to order lines that wait.`];
  const warning =
    above.items === 0
      ? []
      : [
          `warning: pools protect more than is free of ${plural(above.items, 'item')}; they are cut until goods come in:`,
          ...above.largest.map(sayAbove),
        ];
  const empty =
    above.itemsWithNothing === 0
      ? []
      : [`warning: pools wait for goods of ${plural(above.itemsWithNothing, 'item')} that have nothing free.`];
  return [
    `${plural(items, 'item')} would be decided anew, as things stand now:`,
    sayChannels(out, channels),
    sayPrograms(out, programs),
    ...waiting,
    ...warning,
    ...empty,
    '',
  ].join('\n');
}
