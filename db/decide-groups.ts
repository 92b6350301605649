/**
 * Decides groups of commands in the transaction at hand, each group whole or not at all: by the first of its ways that the core takes.
 *
 * Guarantees: in the order given; what remains of a batch is decided as if what was refused had not been there (core/decide.ts), so that
 * its facts stand; a way that is not taken is left nowhere: no command of it stays.
 */
import { sql } from 'drizzle-orm';
import type { Command, CommandBody } from '#core/command.ts';
import { skuOf } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { Facts, Outcome } from '#core/state.ts';
import type { Queries } from './client.ts';
import { addCommands, readCommands } from './commands.ts';
import { writeFacts } from './facts.ts';
import type { ImportOptions } from './import-report.ts';
import { list } from './list.ts';
import { lockReach } from './reach.ts';
import { lockAndLoad, lockResources, RESOURCE } from './state.ts';

export type Group = {
  /** Of its file. */
  readonly line: number;
  /** The best first; commands of one way are taken together. */
  readonly ways: readonly (readonly CommandBody[])[];
};

export type Refusal = { readonly reason: string; readonly fix: string };

export type Decided = {
  readonly commandIds: readonly number[];
  /** By line: why each of its ways was refused. */
  readonly refused: ReadonlyMap<number, readonly Refusal[]>;
};

/** A refused command has the others of its batch decided again: small batches, where a file may be refused for the most part. */
const BATCH_MAX = 100;

/** All items are locked at first, as one batch after another would lock them in a ring. */
export async function decideGroups(tx: Queries, groups: readonly Group[], by: ImportOptions): Promise<Decided> {
  const skus = new Set(groups.flatMap(({ ways }) => ways.flat().flatMap((body) => skuOf(body) ?? [])));
  if (skus.size > 0) {
    await lockReach(tx, { skus: [...skus], orders: [] }, (some) => lockResources(tx, RESOURCE.item, some));
  }
  const commandIds: number[] = [];
  const refused = new Map<number, readonly Refusal[]>();
  for (let from = 0; from < groups.length; from += BATCH_MAX) {
    const batch = await decideBatch(tx, groups.slice(from, from + BATCH_MAX), by);
    commandIds.push(...batch.commandIds);
    for (const [line, why] of batch.refused) refused.set(line, why);
  }
  return { commandIds, refused };
}

type Turn = {
  readonly line: number;
  /** The ways that are left to try. */
  readonly ways: (readonly Command[])[];
  readonly refusals: Refusal[];
};

async function decideBatch(tx: Queries, groups: readonly Group[], { actor, now }: ImportOptions): Promise<Decided> {
  const bodies = groups.flatMap(({ ways }) => ways.flat());
  const news = bodies.map((body) => ({ body, actor, occurredAt: now, channelId: null, inboxId: null }));
  const commands = await readCommands(tx, await addCommands(tx, news));
  const state = await lockAndLoad(tx, commands);
  const waiting = commands.values();
  const turns = groups.map(({ line, ways }): Turn => {
    const mine = ways.map((way) => [...waiting.take(way.length)]);
    return { line, ways: mine, refusals: [] };
  });
  const facts = settle(turns, (asked) => decide(state, asked, now));
  const outcomes = facts.outcomes.filter(({ kind }) => kind !== 'parked');
  const commandIds = outcomes.map(({ commandId }) => commandId);
  const taken = new Set(commandIds);
  const leftIds = commands.flatMap(({ id }) => (taken.has(id) ? [] : [id]));
  await tx.rows(sql`delete from command where id = any(${list(leftIds)}::bigint[])`);
  if (commandIds.length > 0) {
    await writeFacts(tx, { decidedAt: now, policyVersion: state.policy.version, commandIds }, { ...facts, outcomes });
  }
  return { commandIds, refused: new Map(turns.filter(isRefused).map(({ line, refusals }) => [line, refusals])) };
}

const isRefused = ({ ways }: Turn): boolean => ways.length === 0;

/** Until no group is taken in part, or could be taken another way. */
function settle(turns: readonly Turn[], decideThese: (asked: readonly Command[]) => Facts): Facts {
  for (;;) {
    const facts = decideThese(turns.flatMap(({ ways: [way] }) => way ?? []));
    const parked = new Map(facts.outcomes.flatMap((one) => (one.kind === 'parked' ? [[one.commandId, one]] : [])));
    if (!turns.some((turn) => drop(turn, parked))) return facts;
  }
}

type Parked = Extract<Outcome, { kind: 'parked' }>;

/** Gives up the way that was refused; true where what follows was decided beside traces of it. */
function drop(turn: Turn, parked: ReadonlyMap<number, Parked>): boolean {
  const [way] = turn.ways;
  const refused = way?.flatMap(({ id }) => parked.get(id) ?? []) ?? [];
  const [first] = refused;
  if (way === undefined || first === undefined) return false;
  turn.ways.shift();
  turn.refusals.push({ reason: first.reason, fix: first.fix });
  return turn.ways.length > 0 || refused.length < way.length;
}
