/**
 * Sessions of the console, and the failed logins that slow a guesser down.
 *
 * Guarantees: a session is found by the hash of its token, and ends when it lies idle, at its absolute end, and with its person; a
 * wrong password is counted by person, by address and by both, and each count grows its own wait.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import type { UserRole } from './users.ts';

export const SESSION_IDLE_MS = 8 * 3_600_000;
export const SESSION_MS = 7 * 24 * 3_600_000;
/** `seen_at` is written at most so often: a page is no write. */
const SEEN_EVERY_MS = 60_000;

const at = (instant: Instant): SQL => sql`to_timestamp(${instant} / 1000.0)`;
const hex = (hash: Buffer): SQL => sql`decode(${hash.toString('hex')}, 'hex')`;

export async function openSession(tx: Queries, tokenHash: Buffer, userName: string, now: Instant): Promise<void> {
  await tx.rows(
    sql`delete from console_session where expires_at <= ${at(now)} or seen_at <= ${at(now - SESSION_IDLE_MS)}`,
  );
  await tx.rows(sql`
    insert into console_session (token_hash, user_name, created_at, seen_at, expires_at)
    values (${hex(tokenHash)}, ${userName}, ${at(now)}, ${at(now)}, ${at(now + SESSION_MS)})`);
}

export type SessionUser = { readonly name: string; readonly role: UserRole };

/** The person of a session that still holds, with the role of this moment. */
export async function findSession(db: Queries, tokenHash: Buffer, now: Instant): Promise<SessionUser | null> {
  const [row] = await db.rows<SessionUser & { seenAt: Instant }>(sql`
    select u.name, u.role, s.seen_at as "seenAt" from console_session s join console_user u on u.name = s.user_name
    where s.token_hash = ${hex(tokenHash)} and s.expires_at > ${at(now)} and s.seen_at > ${at(now - SESSION_IDLE_MS)}`);
  if (row === undefined) return null;
  if (now - row.seenAt > SEEN_EVERY_MS)
    await db.rows(sql`update console_session set seen_at = ${at(now)} where token_hash = ${hex(tokenHash)}`);
  return { name: row.name, role: row.role };
}

export async function closeSession(db: Queries, tokenHash: Buffer): Promise<void> {
  await db.rows(sql`delete from console_session where token_hash = ${hex(tokenHash)}`);
}

/** Until when the longest of these waits lasts; null where none does. */
export async function loginBlockedUntil(db: Queries, keys: readonly string[], now: Instant): Promise<Instant | null> {
  const [row] = await db.rows<{ until: Instant | null }>(sql`
    select max(blocked_until) as until from login_failure where key = any(${list(keys)}) and blocked_until > ${at(now)}`);
  return row?.until ?? null;
}

export type FailureKey = {
  readonly key: string;
  /** So many failures cost nothing. */
  readonly free: number;
};

const WAIT_MAX_S = 900;
const KEPT = sql`interval '1 day'`;

/** Each failure beyond the free ones doubles the wait, up to a quarter of an hour. */
export async function noteLoginFailure(db: Queries, keys: readonly FailureKey[], now: Instant): Promise<void> {
  await db.rows(sql`
    insert into login_failure as f (key, failures, last_at, blocked_until)
    select key, 1, ${at(now)}, ${at(now)} from json_to_recordset(${JSON.stringify(keys)}::json) as r(key text, free int) order by key
    on conflict (key) do update set last_at = excluded.last_at,
      failures = case when f.last_at < excluded.last_at - ${KEPT} then 1 else f.failures + 1 end`);
  await db.rows(sql`
    update login_failure f set blocked_until = ${at(now)} + make_interval(secs =>
      case when f.failures > r.free then least(${WAIT_MAX_S}, power(2, least(20, f.failures - r.free))) else 0 end)
    from json_to_recordset(${JSON.stringify(keys)}::json) as r(key text, free int) where f.key = r.key`);
  await db.rows(sql`
    delete from login_failure where key in (
      select key from login_failure where last_at < ${at(now)} - ${KEPT} order by last_at limit 1000)`);
}

export async function forgetLoginFailures(db: Queries, keys: readonly string[]): Promise<void> {
  await db.rows(sql`delete from login_failure where key = any(${list(keys)})`);
}
