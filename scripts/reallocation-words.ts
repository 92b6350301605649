/** A reallocation in words: what it moves, who is harmed, what it waits for, and the command that comes next. */
import type { Instant } from '#core/model.ts';
import type { GuardedBy } from '#core/reallocation-guards.ts';
import type { Change, ReallocationPreview } from '#core/reallocation-preview.ts';
import type { Reallocation } from '#db/reallocations.ts';
import type { ReallocationView } from '#workers/reallocate.ts';
import type { Run } from './session.ts';

const poolName = (pool: string): string => (pool === 'shared' ? 'what all share' : `the pool of ${pool}`);
export const iso = (at: Instant): string => new Date(at).toISOString();

/** `12 of MUG from the pool of wholesale to what all share until 2026-…`. */
export const sayMove = ({ units, sku, from, to, until }: Reallocation): string =>
  `${units} of ${sku} from ${poolName(from)} to ${poolName(to)} until ${iso(until)}`;

const sayChange = ({ before, after }: Change): string => (before === after ? `${before}` : `${before} -> ${after}`);
const isChanged = ({ before, after }: Change): boolean => before !== after;

/** Only what changes, and who loses by it. */
export function sayPreview(run: Run, preview: ReallocationPreview): string {
  const programs = preview.programs
    .filter(({ units, left, promise }) => [units, left, promise].some(isChanged))
    .map((one) => [one.program, sayChange(one.units), sayChange(one.left), sayChange(one.promise)]);
  const listings = preview.listings
    .filter(({ shown }) => isChanged(shown))
    .map(({ channel, listingRef, shown }) => [channel, listingRef, sayChange(shown)]);
  const harm = preview.harm.map((line) => `  ${line}`).join('\n');
  return [
    run.out
      .table(
        [{ title: 'PROGRAM' }, { title: 'PROTECTED' }, { title: 'LEFT' }, { title: 'COULD BE PROMISED' }],
        programs,
      )
      .trimEnd(),
    ...(isChanged(preview.shared) ? [`shared: ${sayChange(preview.shared)}`] : []),
    ...(listings.length === 0
      ? []
      : [run.out.table([{ title: 'CHANNEL' }, { title: 'LISTING' }, { title: 'SHOWS' }], listings).trimEnd()]),
    harm === '' ? 'harm: nobody loses anything' : `harm:\n${harm}`,
  ].join('\n');
}

const sayGuard = ({ says, fix }: GuardedBy): string => `  ${says}\n    ${fix}`;

/** What a request brings to nobody, and what it waits for; nothing where it may be applied, or is past that. */
export function sayNeeds({ row, judgement, stranded }: ReallocationView): string[] {
  if (judgement === null) return [];
  const approval = row.state === 'approved' ? [] : judgement.approval;
  return [
    ...(stranded === null ? [] : [`warning: ${stranded.says}`]),
    ...(judgement.refused.length > 0 ? [`cannot be applied:\n${judgement.refused.map(sayGuard).join('\n')}`] : []),
    ...(approval.length > 0 ? [`needs a second person:\n${approval.map(sayGuard).join('\n')}`] : []),
    ...(judgement.waits === null ? [] : [`has to wait:\n${sayGuard(judgement.waits)}`]),
  ];
}

/** The command that goes on from here. */
export function nextOf({ row, judgement }: ReallocationView): string {
  const { id, state, sku } = row;
  if (state === 'applied') return `allot explain ${sku}; take it back before its end: allot reallocate return ${id}`;
  if (state === 'proposed' && (judgement?.approval.length ?? 0) > 0)
    return `allot reallocate approve ${id} (a second person)`;
  if (state === 'proposed' || state === 'approved') return `allot reallocate apply ${id}`;
  return `allot explain ${sku}`;
}
