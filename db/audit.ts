/** The trail of what people and allot itself did apart from commands: modes, mappings, imports. Append-only; no personal data. */
import { sql } from 'drizzle-orm';
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
