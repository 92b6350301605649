/** Moves of protected units that are in force: what they add to a pool, and what they take from it. */
import type { Move, PoolId } from './model.ts';

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
