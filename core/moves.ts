/** Moves of protected units that are in force: what they add to a pool, and what they take from it. */
import type { Move, Policy, PoolId, PoolRule } from './model.ts';
import { type RuledPool, rulesOf } from './rules.ts';

/** Units that a pool received. */
export function receivedUnits(moves: readonly Move[], pool: PoolId): number {
  let units = 0;
  for (const move of moves) if (move.to === pool) units += move.units;
  return units;
}

/** Units that the moves add to a pool, less those that they take from it. */
export function movedUnits(moves: readonly Move[], pool: PoolId): number {
  let units = receivedUnits(moves, pool);
  for (const move of moves) if (move.from === pool) units -= move.units;
  return units;
}

/** Stands for the rule of a pool that holds received units alone. */
export const UNRULED: PoolRule = { program: '', sku: '*', units: 0, refill: 'never' };

/** The pools that a rule makes, and those that moves alone make, by program id. */
export function rulesWithMoves(
  policy: Policy,
  rules: readonly RuledPool[],
  moves: readonly Move[],
): readonly RuledPool[] {
  if (moves.length === 0) return rules;
  const ruled = new Set<PoolId>([...rules.map(({ program }) => program), 'shared']);
  const receivers = new Set(moves.map(({ to }) => to).filter((pool) => !ruled.has(pool)));
  const { programs } = rulesOf(policy);
  const made = [...receivers].map((program): RuledPool => {
    const priority = programs.get(program)?.priority ?? Number.MAX_SAFE_INTEGER;
    return { program, priority, rule: UNRULED };
  });
  return [...rules, ...made].sort((a, b) => (a.program < b.program ? -1 : 1));
}
