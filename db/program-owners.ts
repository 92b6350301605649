/** Who answers for the rules of a program, and by when they are to be looked at again, as the policy in force says. Reads only. */
import { sql } from 'drizzle-orm';
import type { ProgramId } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';

const programs = sql`policy_current c join policy p on p.version = c.version, jsonb_array_elements(p.body->'programs') as r`;

export type ReviewedProgram = {
  readonly program: ProgramId;
  readonly owner: string | null;
  /** A day of the calendar. */
  readonly reviewBy: string;
};

/** Programs whose day is before `today`, the oldest first. */
export const readOverdueReviews = (db: Queries, today: string): Promise<ReviewedProgram[]> =>
  db.rows<ReviewedProgram>(sql`
    select r->>'id' as program, r->>'owner' as owner, r->>'reviewBy' as "reviewBy" from ${programs}
    where (r->>'reviewBy') collate "C" < ${today} order by r->>'reviewBy', 1`);

export async function readOwners(db: Queries, of: readonly ProgramId[]): Promise<ReadonlyMap<ProgramId, string>> {
  const rows = await db.rows<{ program: ProgramId; owner: string }>(sql`
    select r->>'id' as program, r->>'owner' as owner from ${programs} where r ? 'owner' and r->>'id' = any(${list(of)})`);
  return new Map(rows.map(({ program, owner }) => [program, owner]));
}
