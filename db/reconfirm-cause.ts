/** What a re-confirmation was told of a line: the strategy, and the segment that gave it. */
import { type SQL, sql } from 'drizzle-orm';
import type { ReconfirmCommand } from '#core/command.ts';
import type { strategyFor } from '#core/reconfirm-claims.ts';

export type ReconfirmCause = ReturnType<typeof strategyFor>;

/** Of a command `c`: what it says of strategies; null of any that confirms nothing anew. */
export const RECONFIRM_RULES: SQL = sql`case when c.kind = 'reconfirm' then
  jsonb_build_object('segments', c.body->'segments', 'others', c.body->'others') end`;

export type ReconfirmRules = Pick<ReconfirmCommand, 'segments' | 'others'>;
