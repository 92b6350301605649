/**
 * The inbox: what was received, before anything is made of it.
 *
 * | state   | meaning                                                 | next            |
 * | pending | stored, answered 2xx, not looked at                     | taken, parked   |
 * | taken   | its commands are written (same transaction)             | final           |
 * | parked  | it could not be understood; see parked                  | pending, dropped |
 *
 * Guarantees I3 and I7: `insertInbox` returns after the commit; the same (channel, key) is stored once for ever.
 */
import { sql } from 'drizzle-orm';
import type { Instant } from '#core/model.ts';
import type { Database, Queries } from './client.ts';
import { addCommands, type NewCommand } from './commands.ts';
import { list } from './list.ts';
import { ringBells } from './outbox.ts';
import { type SealingKey, seal, unseal } from './seal.ts';

/** Raw payloads hold personal data: kept this long, for replay and for disputes, then purged with their partition. */
export const RAW_KEPT_DAYS = 14;

export type Received = {
  readonly channelId: string;
  readonly key: string;
  readonly topic: string;
  readonly source: 'webhook' | 'poll' | 'file' | 'operator';
  readonly assurance: 'signed' | 'sharedSecret' | 'none';
  readonly rawBody: Uint8Array;
};

/** How an entry that could be read at once becomes commands; null leaves it pending for intake. */
export type ToCommands = (entry: Received) => ((inboxId: number) => readonly NewCommand[]) | null;

type FreshRow = { inbox_id: number; channel_id: string; key: string };

/** What goes with the entries that were new, in their transaction. */
export type WithFresh = {
  readonly toCommands?: ToCommands;
  readonly alsoKeep?: (tx: Queries, fresh: readonly Received[]) => Promise<void>;
};

/** Stores what is new, with all that goes with it, in one transaction; answers the keys that were new. */
export async function insertInbox(
  db: Database,
  entries: readonly Received[],
  key: SealingKey,
  { toCommands = () => null, alsoKeep = async () => undefined }: WithFresh = {},
): Promise<ReadonlySet<string>> {
  if (entries.length === 0) return new Set();
  const byKey = new Map(
    entries.map((entry) => [`${entry.channelId} ${entry.key}`, { entry, commandsOf: toCommands(entry) }]),
  );
  const rows = [...byKey.values()].map(({ entry, commandsOf }) => ({
    channel: entry.channelId,
    key: entry.key,
    topic: entry.topic,
    source: entry.source,
    assurance: entry.assurance,
    state: commandsOf === null ? 'pending' : 'taken',
    sealed: seal(key, entry.rawBody).toString('base64'),
  }));
  return db.transaction(async (tx) => {
    const fresh = await tx.rows<FreshRow>(sql`
      with r as materialized (
        select * from json_to_recordset(${JSON.stringify(rows)}::json)
          as r(channel text, key text, topic text, source text, assurance text, state text, sealed text) order by channel, key),
      fresh as (
        insert into inbox_key (channel_id, key, topic, source, assurance, state)
        select channel, key, topic, source, assurance, state from r
        on conflict do nothing returning inbox_id, channel_id, key),
      raw as (
        insert into inbox_raw (inbox_id, key_id, sealed, purge_on)
        select f.inbox_id, ${key.id}, decode(r.sealed, 'base64'), current_date + ${RAW_KEPT_DAYS}::int
        from fresh f join r on r.channel = f.channel_id and r.key = f.key)
      select inbox_id, channel_id, key from fresh order by inbox_id`);
    const stored = fresh.flatMap((row) => {
      const known = byKey.get(`${row.channel_id} ${row.key}`);
      return known === undefined ? [] : [{ ...known, inboxId: row.inbox_id }];
    });
    await addCommands(
      tx,
      stored.flatMap(({ commandsOf, inboxId }) => commandsOf?.(inboxId) ?? []),
    );
    await alsoKeep(
      tx,
      stored.map(({ entry }) => entry),
    );
    if (stored.some(({ commandsOf }) => commandsOf === null)) await ringBells(tx, [{ topic: 'intake', key: '' }]);
    return new Set(fresh.map((row) => row.key));
  });
}

export type PendingInput = {
  readonly inboxId: number;
  readonly channelId: string;
  readonly topic: string;
  readonly receivedAt: Instant;
  readonly assurance: Received['assurance'];
  /** How often its platform did not give its order. */
  readonly tries: number;
  /** Null when the payload is gone (purged) or cannot be opened; `fault` then says why. */
  readonly rawBody: Buffer | null;
  readonly fault: string | null;
};

type PendingRow = {
  inbox_id: number;
  channel_id: string;
  topic: string;
  received_at: number;
  assurance: Received['assurance'];
  tries: number;
  key_id: string | null;
  sealed: Buffer | null;
};

function open(keys: readonly SealingKey[], row: PendingRow): PendingInput {
  const { inbox_id: inboxId, channel_id: channelId, topic, received_at: receivedAt, assurance, tries } = row;
  const base = { inboxId, channelId, topic, receivedAt, assurance, tries };
  if (row.sealed === null || row.key_id === null)
    return { ...base, rawBody: null, fault: 'its raw payload has been purged' };
  try {
    return { ...base, rawBody: unseal(keys, row.key_id, row.sealed), fault: null };
  } catch (error) {
    return { ...base, rawBody: null, fault: error instanceof Error ? error.message : String(error) };
  }
}

/** Up to `max` pending entries, oldest first, with their payloads opened. Not locked: `holdPending` decides whose they are. */
export async function readPending(db: Queries, max: number, keys: readonly SealingKey[]): Promise<PendingInput[]> {
  const rows = await db.rows<PendingRow>(sql`
    with p as (
      select inbox_id, channel_id, topic, received_at, assurance, tries from inbox_key
      where state = 'pending' and coalesce(retry_at <= clock_timestamp(), true) order by inbox_id limit ${max})
    select p.*, w.key_id, w.sealed from p left join inbox_raw w on w.inbox_id = p.inbox_id order by p.inbox_id`);
  return rows.map((row) => open(keys, row));
}

/** An entry as it was received; undefined where it, or its payload, is gone. */
export async function readInput(
  db: Queries,
  inboxId: number,
  keys: readonly SealingKey[],
): Promise<PendingInput | undefined> {
  const [row] = await db.rows<PendingRow>(sql`
    select k.inbox_id, k.channel_id, k.topic, k.received_at, k.assurance, k.tries, w.key_id, w.sealed
    from inbox_key k left join inbox_raw w on w.inbox_id = k.inbox_id where k.inbox_id = ${inboxId}`);
  return row === undefined ? undefined : open(keys, row);
}

/** Locks those that are still pending and answers them: another worker may have been faster. */
export async function holdPending(tx: Queries, inboxIds: readonly number[]): Promise<ReadonlySet<number>> {
  const rows = await tx.rows<{ inbox_id: number }>(sql`
    select inbox_id from inbox_key where inbox_id = any(${list(inboxIds)}::bigint[]) and state = 'pending'
    order by inbox_id for update skip locked`);
  return new Set(rows.map((row) => row.inbox_id));
}

export async function markTaken(tx: Queries, inboxIds: readonly number[]): Promise<void> {
  if (inboxIds.length === 0) return;
  await tx.rows(sql`update inbox_key set state = 'taken' where inbox_id = any(${list(inboxIds)}::bigint[])`);
}

export type Later = { readonly inboxId: number; readonly at: Instant; readonly tries: number };

/** Leaves entries pending until their platform may answer again. */
export async function retryLater(tx: Queries, rows: readonly Later[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.rows(sql`
    update inbox_key k set retry_at = to_timestamp(r.at / 1000.0), tries = r.tries
    from json_to_recordset(${JSON.stringify(rows)}::json) as r("inboxId" bigint, at float8, tries int) where k.inbox_id = r."inboxId"`);
}
