/**
 * The stored mode of each channel: shadow (reads and computes, sends nothing), live, paused.
 *
 * Guarantees that every change is in the audit trail with its actor, and that a channel going live is pushed to and reconciled (which
 * subscribes it to webhooks) at once. A push that
 * was sent before a pause is not called back: whoever sends reads the mode in the transaction that opens the attempt.
 */
import { sql } from 'drizzle-orm';
import type { BreakerState } from '#core/breaker.ts';
import { Rejected } from '#core/errors.ts';
import type { ChannelId, ChannelMode, Instant } from '#core/model.ts';
import { writeAudit } from './audit.ts';
import type { Database, Queries } from './client.ts';
import { closeFellBack, SHARE_SCALE } from './gates.ts';
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
  /** Percent of its items that are written to while it is live. */
  readonly share: number;
  /** Why the gate took it back to shadow; null: it did not. */
  readonly fellBack: string | null;
  /** Since when a person has left it; null: nobody did. */
  readonly leftAt: Instant | null;
  readonly breaker: BreakerState;
};

export const getModes = (db: Queries): Promise<ChannelModeRow[]> =>
  db.rows<ChannelModeRow>(sql`
    select c.id, c.connector, c.program, c.mode, c.mode_changed_at as "changedAt", c.mode_changed_by as "changedBy", c.configured,
      c.live_share::float8 / ${SHARE_SCALE}::float8 as share, c.fell_back as "fellBack", c.left_at as "leftAt", coalesce(b.state, 'closed') as breaker
    from channel c left join channel_breaker b on b.channel_id = c.id order by c.id collate "C"`);

/** What a share is when nobody says one: all of it. */
const WHOLE = 100;

type Change = {
  readonly channels: readonly ChannelId[] | 'all';
  readonly mode: ChannelMode;
  readonly actor: string;
  /** Percent; undefined: nobody said one. */
  readonly share?: number;
};

/**
 * A person's word: a channel that fell back, or was left, begins anew. Answers the channels whose mode changed. `all` means every
 * channel there is, so that a pause stops each process, whatever file it runs on; for live, only configured ones.
 */
export const setMode = (
  db: Database,
  channels: readonly ChannelId[] | 'all',
  mode: ChannelMode,
  actor: string,
): Promise<ChannelId[]> => change(db, { channels, mode, actor });

/** Live, for a part of their items (percent). Answers the channels whose mode or share changed. */
export const setLive = (
  db: Database,
  channels: readonly ChannelId[],
  share: number,
  actor: string,
): Promise<ChannelId[]> => change(db, { channels, mode: 'live', actor, share });

async function change(db: Database, { channels, mode, actor, share: given }: Change): Promise<ChannelId[]> {
  // A pause keeps the share, for whoever goes on; shadow forgets it.
  const share = given === undefined && mode === 'paused' ? null : Math.round((given ?? WHOLE) * SHARE_SCALE);
  return db.transaction(async (tx) => {
    const known = await tx.rows<{ id: string; mode: ChannelMode; configured: boolean; share: number }>(
      sql`select id, mode, configured, live_share as share from channel order by id collate "C" for update`,
    );
    const able = known.filter(({ configured }) => configured || mode !== 'live');
    if (channels !== 'all') refuseUnknown(channels, known, mode);
    const isOther = (row: (typeof known)[number]) =>
      row.mode !== mode || (mode === 'live' && given !== undefined && row.share !== share);
    const before = able.filter((row) => isOther(row) && (channels === 'all' || channels.includes(row.id)));
    if (before.length === 0) return [];
    const ids = before.map(({ id }) => id);
    await tx.rows(sql`
      update channel set mode = ${mode}, mode_changed_at = now(), mode_changed_by = ${actor}, fell_back = null, diverging_scans = 0,
        live_share = coalesce(${share}::int, live_share), share_changed_at = now(), left_at = case when ${mode} = 'paused' then left_at end
      where id = any(${list(ids)})`);
    const detail = share === null || share === WHOLE * SHARE_SCALE ? {} : { share: share / SHARE_SCALE };
    await writeAudit(
      tx,
      before.map(({ id, mode: from }) => ({
        actor,
        action: 'set mode',
        subject: id,
        detail: { from, to: mode, ...detail },
      })),
    );
    for (const id of ids) await closeFellBack(tx, id, actor);
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
