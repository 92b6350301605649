/**
 * Commands: written once, claimed in order, decided in batches.
 *
 * Guarantees: a command claimed by one worker is skipped by the others; of an order's commands a worker decides only those that
 * have no earlier one pending elsewhere, so that commands of one order are decided in sequence.
 */
import { sql } from 'drizzle-orm';
import { type Command, type CommandBody, orderOf, skuOf } from '#core/command.ts';
import { assert } from '#core/errors.ts';
import type { Instant, Route } from '#core/model.ts';
import { namedAttributes } from '#core/rules.ts';
import type { Outcome } from '#core/state.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { ringBells } from './outbox.ts';
import { parkCommands } from './parked.ts';

export type NewCommand = {
  readonly body: CommandBody;
  readonly actor: string;
  readonly occurredAt: Instant;
  readonly channelId: string | null;
  readonly inboxId: number | null;
};

const refsOf = (body: CommandBody): readonly string[] =>
  body.kind === 'order-state' ? [...new Set(body.order.lines.flatMap((line) => line.listingRef ?? []))] : [];

/** Orders without what no route of the policy in force asks for: it is stored nowhere but in the sealed original. */
async function withNamedAttributes(tx: Queries, commands: readonly NewCommand[]): Promise<readonly NewCommand[]> {
  if (!commands.some(({ body }) => body.kind === 'order-state' && body.order.attributes !== undefined)) return commands;
  const [policy] = await tx.rows<{ routes: readonly Route[] | null }>(sql`
    select p.body->'routes' as routes from policy_current c join policy p on p.version = c.version`);
  const routes = policy?.routes ?? [];
  return commands.map((command) => {
    if (command.body.kind !== 'order-state' || command.body.order.attributes === undefined) return command;
    const { attributes, ...order } = command.body.order;
    const kept = namedAttributes(routes, attributes);
    const body = { ...command.body, order: kept === undefined ? order : { ...order, attributes: kept } };
    return { ...command, body };
  });
}

/** Writes commands and rings allocate; answers their ids in the order given. */
export async function addCommands(tx: Queries, commands: readonly NewCommand[]): Promise<number[]> {
  if (commands.length === 0) return [];
  const named = await withNamedAttributes(tx, commands);
  const rows = named.map(({ body, actor, occurredAt, channelId, inboxId }, n) => ({
    n,
    kind: body.kind,
    body,
    actor,
    order_id: orderOf(body),
    sku: skuOf(body),
    channel_id: channelId,
    refs: refsOf(body),
    inbox_id: inboxId,
    occurred_at: new Date(occurredAt).toISOString(),
  }));
  const ids = await tx.rows<{ id: number }>(sql`
    insert into command (kind, body, actor, order_id, sku, channel_id, listing_refs, inbox_id, occurred_at)
    select kind, body, actor, order_id, sku, channel_id, array(select json_array_elements_text(refs)), inbox_id, occurred_at
    from json_to_recordset(${JSON.stringify(rows)}::json) as r(n int, kind text, body jsonb, actor text, order_id text, sku text,
      channel_id text, refs json, inbox_id bigint, occurred_at timestamptz) order by n
    returning id`);
  await ringBells(tx, [{ topic: 'allocate', key: '' }]);
  return ids.map(({ id }) => id);
}

type CommandRow = { id: number; body: CommandBody; actor: string; occurred_at: number; recorded_at: number };

const commandOf = (row: CommandRow): Command => ({
  id: row.id,
  body: row.body,
  actor: row.actor,
  occurredAt: row.occurred_at,
  recordedAt: row.recorded_at,
});

/** Claims up to `max` pending commands for this transaction, oldest first. */
export async function claimCommands(tx: Queries, max: number): Promise<Command[]> {
  const rows = await tx.rows<CommandRow>(sql`
    select id, body, actor, occurred_at, recorded_at from command where state = 'pending' order by id limit ${max}
    for update skip locked`);
  return rows.map(commandOf);
}

/** Commands of this transaction, as they were stored: for whoever decides them in it. */
export async function readCommands(tx: Queries, ids: readonly number[]): Promise<Command[]> {
  const rows = await tx.rows<CommandRow>(sql`
    select id, body, actor, occurred_at, recorded_at from command where id = any(${list(ids)}::bigint[]) order by id`);
  return rows.map(commandOf);
}

/** A command that this transaction wrote itself and decides at once. */
export async function readCommand(tx: Queries, id: number): Promise<Command> {
  const [row] = await tx.rows<CommandRow>(
    sql`select id, body, actor, occurred_at, recorded_at from command where id = ${id}`,
  );
  assert(row !== undefined, `command ${id} is gone`);
  return commandOf(row);
}

/**
 * Of the claimed commands, those that may be decided now: no earlier command of the same order is pending outside the claim or
 * parked. Call it after the order locks are held. `behind` are to be parked behind an earlier parked one.
 */
export async function splitBlocked(
  tx: Queries,
  commands: readonly Command[],
): Promise<{ readonly free: readonly Command[]; readonly behind: readonly Command[] }> {
  const orders = [...new Set(commands.flatMap((command) => orderOf(command.body) ?? []))];
  if (orders.length === 0) return { free: commands, behind: [] };
  const claimed = commands.map((command) => command.id);
  const blocks = await tx.rows<{ order_id: string; first: number; parked: number | null }>(sql`
    select order_id, min(id) as first, min(id) filter (where state = 'parked') as parked from command
    where order_id = any(${list(orders)}) and state in ('pending', 'parked') and id <> all(${list(claimed)}::bigint[])
    group by order_id`);
  const blockOf = new Map(blocks.map((block) => [block.order_id, block]));
  const blockFor = (command: Command) => blockOf.get(orderOf(command.body) ?? '');
  const isBehind = (command: Command) => (blockFor(command)?.parked ?? Number.POSITIVE_INFINITY) < command.id;
  const isBlocked = (command: Command) => (blockFor(command)?.first ?? Number.POSITIVE_INFINITY) < command.id;
  return { free: commands.filter((command) => !isBlocked(command)), behind: commands.filter(isBehind) };
}

export type CommandOutcome = {
  readonly id: number;
  readonly state: string;
  /** What it waits as: the id that `allot parked` commands take. */
  readonly parkedId: number | null;
  readonly reason: string | null;
  readonly fix: string | null;
};

/** What became of commands; for the command line, which waits until none is pending. */
export const outcomesOf = (db: Queries, ids: readonly number[]): Promise<CommandOutcome[]> =>
  db.rows<CommandOutcome>(sql`
    select c.id, c.state, p.id as "parkedId", p.reason, p.fix from command c
    left join parked p on p.source = 'command' and p.source_id = c.id and p.state = 'parked'
    where c.id = any(${list(ids)}::bigint[]) order by c.id`);

/** Those of the items that commands of the last `freshMs` touch which are not decided yet, as far as it can be told before deciding. */
export async function undecidedSkus(
  tx: Queries,
  skus: readonly string[],
  freshMs: number,
): Promise<ReadonlySet<string>> {
  const rows = await tx.rows<{ sku: string }>(sql`
    with waiting as materialized (select sku, channel_id, order_id, listing_refs from command where state = 'pending'
        and recorded_at > clock_timestamp() - make_interval(secs => ${freshMs / 1000}::float8)),
      asked as materialized (select unnest(${list([...new Set(skus)])}) as sku),
      -- A kit's number moves with its components, and theirs with every kit that holds them.
      part as materialized (select sku as asked, sku from asked union select kit, sku from kit_parts(array(select sku from asked))),
      near as materialized (select asked, sku from part
        union select p.asked, k.kit from part p join kit_parts(array(select kit from kits_with(array(select sku from part)))) k on k.sku = p.sku)
    select n.asked as sku from waiting join near n using (sku)
    union select n.asked from near n join listing l on l.sku = n.sku
      join (select channel_id, unnest(listing_refs) as ref from waiting) w on w.channel_id = l.channel_id and w.ref = l.listing_ref
    union select n.asked from waiting w join order_line l on l.order_id = w.order_id join near n on n.sku = l.sku`);
  return new Set(rows.map((row) => row.sku));
}

type ParkedOutcome = Extract<Outcome, { kind: 'parked' }>;

/** Parks commands that are not decided: behind a parked one, or refused by the database itself. */
export async function settleOutcomes(tx: Queries, outcomes: readonly ParkedOutcome[]): Promise<void> {
  if (outcomes.length === 0) return;
  const ids = outcomes.map((outcome) => outcome.commandId);
  await tx.rows(sql`update command set state = 'parked' where id = any(${list(ids)}::bigint[])`);
  await parkCommands(tx, outcomes);
}

/** SQL states that say nothing about the statement: connection (08), resources (53), operator (57), system (58), rollback (40). */
export function isTemporary(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(08|53|57|58|40)/.test(code);
}
