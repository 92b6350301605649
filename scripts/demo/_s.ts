import { findEmbedded } from '#db/embedded.ts';
import { openDatabase } from '#db/client.ts';
import { sql } from 'drizzle-orm';
const s = await findEmbedded(process.argv[2] ?? '');
const db = openDatabase(s?.url ?? '', { max: 1, applicationName: 'sampler' });
const seen = new Map<string, number>();
for (let n = 0; n < 200; n++) {
  for (const r of await db.rows<{ q: string; a: string; w: string }>(sql`select left(regexp_replace(query, '\s+', ' ', 'g'), 110) as q, application_name as a, coalesce(wait_event,'cpu') as w from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()`)) {
    const k = `${r.a} | ${r.w} | ${r.q}`; seen.set(k, (seen.get(k) ?? 0) + 1);
  }
  await new Promise((r) => setTimeout(r, 25));
}
for (const [k, v] of [...seen].sort((a, b) => b[1] - a[1]).slice(0, 25)) console.log(v, k);
await db.close();
