/**
 * Notes of rate limits that all processes share: read and replaced in one round trip by whoever saw the newest, in a table that is not
 * logged, so that no commit waits for the disk. After a crash of the server they are gone, which costs a refusal of a platform.
 *
 * Guarantees: no change is lost to another one, by whatever process; within a process the changes of one note run in turn.
 */
import { sql } from 'drizzle-orm';
import { Transient } from '#core/errors.ts';
import type { Queries } from './client.ts';

type Kept = { readonly version: number; readonly note: string };
type Next<Answer> = (note: string | null) => { readonly note: string; readonly answer: Answer };

/** Each try shows what another one put there; somebody always comes through. */
const TRIES_MAX = 100;

/** Puts `note` where version `seen` stands (0: none yet); else answers what stands there, null when that cannot be seen yet. */
async function replace(
  db: Queries,
  key: string,
  seen: number,
  note: string,
): Promise<{ readonly isPut: boolean; readonly kept: Kept | null }> {
  const [row] = await db.rows<{ put: number | null; kept: Kept | null }>(sql`
    with put as (
      insert into rate_bucket as b (key, version, note) values (${key}, 1, ${note})
      on conflict (key) do update set version = b.version + 1, note = excluded.note, changed_at = clock_timestamp()
        where b.version = ${seen}
      returning version)
    select (select version from put) as put,
      (select jsonb_build_object('version', version, 'note', note) from rate_bucket where key = ${key}) as kept`);
  const put = row?.put ?? null;
  return put === null ? { isPut: false, kept: row?.kept ?? null } : { isPut: true, kept: { version: put, note } };
}

/** `change` is what connectors are given (SharedRates). */
export function openSharedRates(db: Queries) {
  const known = new Map<string, Kept>();
  const turns = new Map<string, Promise<unknown>>();

  async function changeNow<Answer>(key: string, next: Next<Answer>): Promise<Answer> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const seen = known.get(key);
      const { note, answer } = next(seen?.note ?? null);
      const { isPut, kept } = await replace(db, key, seen?.version ?? 0, note);
      if (kept === null) known.delete(key);
      else known.set(key, kept);
      if (isPut) return answer;
    }
    throw new Transient(`the shared note ${key} could not be changed: others were faster ${TRIES_MAX} times`);
  }

  return {
    change<Answer>(key: string, next: Next<Answer>): Promise<Answer> {
      const turn = (turns.get(key) ?? Promise.resolve()).then(() => changeNow(key, next));
      const ended = turn.catch(() => undefined); // its own caller is told; the next in turn only waits for its end
      turns.set(key, ended);
      return turn;
    },
  };
}
