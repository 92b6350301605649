/**
 * Reallocations as people do them: propose, approve, apply, reject, withdraw, return. The states are in db/reallocations.ts.
 *
 * Guarantees: each step is one transaction under the item's lock, so that of two people at once one wins and the other is told; a
 * move is decided by the core in the transaction that calls it applied; the guards are judged again at each step, on what is so then.
 * Throws Rejected, with the limit, the value and what to do.
 */
import type { EndReallocationCommand, ReallocateCommand } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import { Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import { unitsOf } from '#core/reallocation.ts';
import { type GuardedBy, guardsOf, type Judgement, judgeMove } from '#core/reallocation-guards.ts';
import { poolsIn, previewReallocation, type Refusal } from '#core/reallocation-preview.ts';
import { isSamePerson, requireSecondPerson } from '#core/second-person.ts';
import type { State } from '#core/state.ts';
import type { Database, Queries } from '#db/client.ts';
import { addCommands, readCommand } from '#db/commands.ts';
import { writeFacts } from '#db/facts.ts';
import {
  approveRow,
  closeRow,
  donorHistory,
  insertReallocation,
  keepCloseReason,
  lockReallocation,
  type NewReallocation,
  type Reallocation,
  readReallocation,
  shipDates,
} from '#db/reallocations.ts';
import { lockAndLoad } from '#db/state.ts';
import { type Stranded, strandedBy } from './reallocation-stranded.ts';

/** Who acts, and when. */
export type By = { readonly actor: string; readonly now: Instant };

export type AskedReallocation = Omit<NewReallocation, 'preview'>;

/** A request as it stands, with what it still needs, and what it would bring to nobody; both null once it needs nothing any more. */
export type ReallocationView = {
  readonly row: Reallocation;
  readonly judgement: Judgement | null;
  readonly stranded: Stranded | null;
};

type Body = ReallocateCommand | EndReallocationCommand;

const moveOf = ({ id, sku, from, to, units, until }: Omit<ReallocateCommand, 'kind'>): ReallocateCommand => ({
  kind: 'reallocate',
  id,
  sku,
  from,
  to,
  units,
  until,
});

const commandBy = (body: Body, { actor, now }: By, id = 0) => ({ id, occurredAt: now, recordedAt: now, actor, body });

function refuse(refusal: Pick<Refusal, 'reason' | 'field' | 'fix'>): never {
  throw new Rejected(refusal.reason, { ...(refusal.field === null ? {} : { field: refusal.field }), fix: refusal.fix });
}

const refuseGuarded = (guards: readonly GuardedBy[]): never => {
  const [first] = guards;
  throw new Rejected(guards.map(({ says }) => says).join('; '), {
    ...(first === undefined ? {} : { field: first.guard, value: first.value }),
    fix: guards[0]?.fix ?? 'allot reallocate list',
  });
};

async function judge(tx: Queries, state: State, move: ReallocateCommand, now: Instant): Promise<Judgement> {
  const history = await donorHistory(tx, move, now);
  const units = unitsOf(poolsIn(state, move.sku, now), move.from);
  return judgeMove(move, guardsOf(state.policy), { ...history, units }, now);
}

/** Stores the request with its preview. Moves nothing. */
export async function propose(db: Database, asked: AskedReallocation, by: By): Promise<ReallocationView> {
  if (asked.reason.trim() === '')
    throw new Rejected('a reallocation needs a reason', { field: 'reason', value: asked.reason, fix: 'give --reason' });
  return db.transaction(async (tx) => {
    const move = moveOf({ ...asked, id: 0 });
    const state = await lockAndLoad(tx, [commandBy(move, by)]);
    const waiting = state.items.flatMap(({ shorts }) => shorts.map(({ id }) => id));
    const shown = previewReallocation(state, move, by.now, await shipDates(tx, waiting));
    if ('refused' in shown) return refuse(shown.refused);
    const early = await judge(tx, state, move, by.now);
    if (early.refused.length > 0) return refuseGuarded(early.refused);
    const row = await insertReallocation(tx, { ...asked, preview: shown.preview }, by);
    return { row, judgement: await judge(tx, state, moveOf(row), by.now), stranded: strandedBy(row, state, by.now) };
  });
}

async function known(db: Queries, id: number): Promise<Reallocation> {
  const row = await readReallocation(db, id);
  if (row !== undefined) return row;
  throw new Rejected(`there is no reallocation ${id}`, { field: 'id', value: id, fix: 'allot reallocate list' });
}

/** What a request needs now: approval, patience, or nothing any more. */
export async function view(db: Database, id: number, now: Instant): Promise<ReallocationView> {
  const row = await known(db, id);
  if (row.state !== 'proposed' && row.state !== 'approved') return { row, judgement: null, stranded: null };
  return db.transaction(async (tx) => {
    const move = moveOf(row);
    const state = await lockAndLoad(tx, [commandBy(move, { actor: row.proposer, now })]);
    return { row, judgement: await judge(tx, state, move, now), stranded: strandedBy(row, state, now) };
  });
}

const FINAL: Readonly<Partial<Record<Reallocation['state'], string>>> = {
  applied: 'it is in force; take it back with allot reallocate return',
  returned: 'propose it again',
  expired: 'propose it again',
  rejected: 'propose it again, with what was asked for',
  withdrawn: 'propose it again',
};

const iso = (instant: Instant): string => new Date(instant).toISOString();

/** Where a request stands, for whoever came second. */
function sayStanding(row: Reallocation): string {
  const closed = { by: row.closedBy, at: row.closedAt };
  const last = {
    proposed: { by: row.proposer, at: row.proposedAt },
    approved: { by: row.approver, at: row.approvedAt },
    applied: { by: row.appliedBy, at: row.appliedAt },
    returned: closed,
    expired: closed,
    rejected: closed,
    withdrawn: closed,
  }[row.state];
  return `reallocation ${row.id} is ${row.state} already, by ${last.by}${last.at === null ? '' : ` at ${iso(last.at)}`}`;
}

function refuseState(row: Reallocation, fix?: string): never {
  throw new Rejected(sayStanding(row), {
    field: 'state',
    value: row.state,
    fix: fix ?? FINAL[row.state] ?? `allot reallocate show ${row.id}`,
  });
}

/** Locks the item, then the request; answers both as they are under the locks. */
async function hold(tx: Queries, id: number, by: By): Promise<{ readonly row: Reallocation; readonly state: State }> {
  const { sku } = await known(tx, id);
  const state = await lockAndLoad(tx, [commandBy({ kind: 'end-reallocation', id, sku, as: 'returned' }, by)]);
  const row = await lockReallocation(tx, id);
  if (row === undefined) throw new Rejected(`there is no reallocation ${id}`, { fix: 'allot reallocate list' });
  return { row, state };
}

/** A second person's word; the proposer's own is none. */
export async function approve(db: Database, id: number, by: By): Promise<ReallocationView> {
  return db.transaction(async (tx) => {
    const { row, state } = await hold(tx, id, by);
    if (row.state !== 'proposed')
      refuseState(row, row.state === 'approved' ? `allot reallocate apply ${id}` : undefined);
    requireSecondPerson({
      actor: by.actor,
      proposer: row.proposer,
      what: `reallocation ${id}`,
      command: `allot reallocate approve ${id}`,
    });
    const judgement = await judge(tx, state, moveOf(row), by.now);
    if (judgement.refused.length > 0) refuseGuarded(judgement.refused);
    await approveRow(tx, row, by);
    return { row: await known(tx, id), judgement, stranded: strandedBy(row, state, by.now) };
  });
}

/** Decides one command that this transaction writes, and no other. Throws where the core refuses it, with nothing written. */
async function decideOne(tx: Queries, state: State, body: Body, { actor, now }: By): Promise<void> {
  const [commandId = 0] = await addCommands(tx, [{ body, actor, occurredAt: now, channelId: null, inboxId: null }]);
  const facts = decide(state, [await readCommand(tx, commandId)], now);
  const refused = facts.outcomes.find((outcome) => outcome.kind === 'parked');
  if (refused !== undefined) refuse(refused);
  await writeFacts(tx, { decidedAt: now, policyVersion: state.policy.version, commandIds: [commandId] }, facts);
}

/** Moves the units. Needs an approval above the limits, and patience after the donor's last move. */
export async function apply(db: Database, id: number, by: By): Promise<ReallocationView> {
  return db.transaction(async (tx) => {
    const { row, state } = await hold(tx, id, by);
    if (row.state !== 'proposed' && row.state !== 'approved') refuseState(row);
    const move = moveOf(row);
    const { refused, waits, approval } = await judge(tx, state, move, by.now);
    if (refused.length > 0) refuseGuarded(refused);
    if (row.state === 'proposed' && approval.length > 0) refuseGuarded(approval);
    if (waits !== null) refuseGuarded([waits]);
    await decideOne(tx, state, move, by);
    return { row: await known(tx, id), judgement: null, stranded: null };
  });
}

/** Takes units back before their end: what the receiver has not drawn. */
export async function giveBack(db: Database, id: number, by: By & { why: string | null }): Promise<ReallocationView> {
  return db.transaction(async (tx) => {
    const { row, state } = await hold(tx, id, by);
    if (row.state !== 'applied')
      refuseState(row, row.closedAt === null ? `nothing moved yet: allot reallocate withdraw ${id}` : undefined);
    await keepCloseReason(tx, id, by.why);
    await decideOne(tx, state, { kind: 'end-reallocation', id, sku: row.sku, as: 'returned' }, by);
    return { row: await known(tx, id), judgement: null, stranded: null };
  });
}

/** Ends a request that moved nothing: its proposer withdraws it, everybody else rejects it. */
export async function close(
  db: Database,
  id: number,
  by: By & { readonly as: 'rejected' | 'withdrawn'; readonly why: string | null },
): Promise<ReallocationView> {
  return db.transaction(async (tx) => {
    const { row } = await hold(tx, id, by);
    if (row.state !== 'proposed' && row.state !== 'approved') refuseState(row);
    const isOwn = isSamePerson(row.proposer, by.actor);
    if (isOwn !== (by.as === 'withdrawn')) {
      const says = isOwn ? `${by.actor} proposed it` : `${row.proposer} proposed it, not ${by.actor}`;
      const fix = isOwn ? `allot reallocate withdraw ${id}` : `allot reallocate reject ${id} --reason TEXT`;
      throw new Rejected(`reallocation ${id} cannot be ${by.as}: ${says}`, { field: 'actor', value: by.actor, fix });
    }
    await closeRow(tx, row, by);
    return { row: await known(tx, id), judgement: null, stranded: null };
  });
}
