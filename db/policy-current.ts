/** The policy in force. */
import { sql } from 'drizzle-orm';
import type { Policy } from '#core/model.ts';
import type { Queries } from './client.ts';

/** The current policy, held by a share lock: a new one waits for the batches that run under this one. */
export const loadPolicy = (tx: Queries): Promise<Policy> => readPolicy(tx, sql`for share of c`);

export async function readPolicy(tx: Queries, lock = sql``): Promise<Policy> {
  const [row] = await tx.rows<{ version: number; body: Omit<Policy, 'version'> }>(sql`
    select p.version, p.body from policy_current c join policy p on p.version = c.version ${lock}`);
  if (row === undefined)
    throw new Error(
      'no policy is applied yet: start the daemon once with a configuration file, or run: allot policy apply FILE --reason TEXT',
    );
  return { ...row.body, version: row.version };
}
