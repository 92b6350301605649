/** The trail of what people and allot itself did apart from commands: modes, mappings, imports. Append-only; no personal data. */
import { sql } from 'drizzle-orm';
import type { Instant } from '#core/model.ts';
import type { Queries } from './client.ts';

export type AuditEntry = {
  readonly actor: string;
  /** Verb and thing: `map listing`, `import items`. */
  readonly action: string;
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
};

export async function writeAudit(tx: Queries, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await tx.rows(sql`
    insert into audit (actor, action, subject, detail) select actor, action, subject, detail
    from json_to_recordset(${JSON.stringify(entries)}::json) as r(actor text, action text, subject text, detail jsonb)`);
}

export type AuditRow = AuditEntry & { readonly id: number; readonly at: Instant };

/** The newest first; `before` is the id to go on from. */
export const listAudit = (
  db: Queries,
  choice: { readonly before?: number; readonly subject?: string; readonly limit: number },
): Promise<AuditRow[]> =>
  db.rows<AuditRow>(sql`
    select id, at, actor, action, subject, detail from audit
    where (${choice.before ?? null}::bigint is null or id < ${choice.before ?? null})
      and (${choice.subject ?? null}::text is null or subject = ${choice.subject ?? null})
    order by id desc limit ${choice.limit}`);
