/**
 * The stored mode of each channel: shadow (reads and computes, sends nothing), live, paused.
 *
 * Guarantees that every change is in the audit trail with its actor, and that a channel going live is pushed to and reconciled (which
 * subscribes it to webhooks) at once. A push that
 * was sent before a pause is not called back: whoever sends reads the mode in the transaction that opens the attempt.
 */
import { sql } from 'drizzle-orm';
import { Rejected } from '#core/errors.ts';
import type { ChannelId, ChannelMode, Instant } from '#core/model.ts';
import { writeAudit } from './audit.ts';
import type { Database, Queries } from './client.ts';
import { list } from './list.ts';
import { ringBells } from './outbox.ts';

export type ChannelModeRow = {
  readonly id: ChannelId;
  readonly connector: string;
  readonly program: string;
  readonly mode: ChannelMode;
  readonly changedAt: Instant;
  readonly changedBy: string;
  /** False: gone from the configuration. */
  readonly configured: boolean;
};

export const getModes = (db: Queries): Promise<ChannelModeRow[]> =>
  db.rows<ChannelModeRow>(sql`
    select id, connector, program, mode, mode_changed_at as "changedAt", mode_changed_by as "changedBy", configured
    from channel order by id collate "C"`);

/**
 * Answers the channels whose mode changed. `all` means every channel there is, so that a pause stops each process, whatever file it
 * runs on; for live, only configured ones.
 */
export async function setMode(
  db: Database,
  channels: readonly ChannelId[] | 'all',
  mode: ChannelMode,
  actor: string,
): Promise<ChannelId[]> {
  return db.transaction(async (tx) => {
    const known = await tx.rows<{ id: string; mode: ChannelMode; configured: boolean }>(
      sql`select id, mode, configured from channel order by id collate "C" for update`,
    );
    const able = known.filter(({ configured }) => configured || mode !== 'live');
    if (channels !== 'all') refuseUnknown(channels, known, mode);
    const before = able.filter((row) => row.mode !== mode && (channels === 'all' || channels.includes(row.id)));
    if (before.length === 0) return [];
    const ids = before.map(({ id }) => id);
    await tx.rows(sql`
      update channel set mode = ${mode}, mode_changed_at = now(), mode_changed_by = ${actor} where id = any(${list(ids)})`);
    await writeAudit(
      tx,
      before.map(({ id, mode: from }) => ({ actor, action: 'set mode', subject: id, detail: { from, to: mode } })),
    );
    if (mode === 'live')
      await ringBells(
        tx,
        ids.flatMap((key) => [
          { topic: 'push', key },
          { topic: 'reconcile', key },
        ]),
      );
    return ids;
  });
}

function refuseUnknown(
  channels: readonly ChannelId[],
  known: readonly { readonly id: string; readonly configured: boolean }[],
  mode: ChannelMode,
): void {
  const ids = known.map(({ id }) => id);
  const unknown = channels.filter((id) => !ids.includes(id));
  if (unknown.length > 0) {
    throw new Rejected(`no channel is called ${unknown.join(', ')}`, {
      field: 'channel',
      value: unknown.join(', '),
      fix: ids.length === 0 ? 'define it in allot.yaml and start the daemon once' : `there is: ${ids.join(', ')}`,
    });
  }
  const gone = known.filter(({ id, configured }) => mode === 'live' && !configured && channels.includes(id));
  if (gone.length === 0) return;
  const names = gone.map(({ id }) => id).join(', ');
  throw new Rejected(`${names} cannot go live: it is no longer in the configuration`, {
    field: 'channel',
    value: names,
    fix: 'put it back into allot.yaml and start the daemon with it',
  });
}
