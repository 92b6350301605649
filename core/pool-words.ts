/** A pool's rule in words, as explanations tell it. */
import type { PoolRule } from './model.ts';
import { UNRULED } from './moves.ts';
import type { PoolShare } from './pools.ts';
import { scopeOf } from './rules.ts';

/** A percent or part is one of `supply`. */
type SaidShare = Pick<PoolShare, 'rule' | 'units' | 'supply'>;

const SAID = new WeakMap<PoolRule, string>();

/** A pool's rule in the words of a planner: what it applies to, and how its units come about. */
export function sayPoolRule(share: SaidShare): string {
  const { percent, parts, release } = share.rule;
  if (percent !== undefined || parts !== undefined || release !== undefined) return wordsOf(share);
  // Words without a number of the moment are the same each time.
  const known = SAID.get(share.rule);
  if (known !== undefined) return known;
  const said = wordsOf(share);
  SAID.set(share.rule, said);
  return said;
}

function wordsOf({ rule, supply, units }: SaidShare): string {
  const amounts = [
    ...(rule.percent === undefined ? [] : [`${rule.percent} % of ${supply}`]),
    ...(rule.parts === undefined ? [] : [`${rule.parts} parts of what others leave of ${supply}`]),
    ...(rule.minimum === undefined ? [] : [`at least ${rule.minimum}`]),
    ...(rule.maximum === undefined ? [] : [`at most ${rule.maximum}`]),
    ...(rule.release === undefined ? [] : [`${units} still stand by its release curve`]),
    ...(rule.because === undefined ? [] : [rule.because]),
    ...(rule.protects === 'prioritised' ? ['only against lower priorities'] : []),
  ];
  return [rule === UNRULED ? 'no rule of its own' : `rule for ${scopeOf(rule)}`, ...amounts].join(', ');
}
