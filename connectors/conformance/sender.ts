/** A stage's way of pushing: as a worker would, up to the outcome that is known in the end. */
import { equal, ok } from 'node:assert/strict';
import type { Capabilities, ChannelConnection, PreparedPush, PushItem, PushOutcome } from '../connector.ts';
import type { DocumentStats, SandboxControl } from '../sandbox/control.ts';
import type { Clerk } from './clerk.ts';
import { until } from './expect.ts';
import { batchMaxOf } from './subject.ts';

export type Sender = {
  /** What a worker would give to `prepare`: with its place among the documents, where that is how numbers are protected. */
  readonly prepare: (items: readonly PushItem[], idempotencyKey: string) => PreparedPush;
  readonly send: (prepared: PreparedPush, itemCount: number) => Promise<readonly PushOutcome[]>;
  /** Collects tickets and receipts, where the platform gives some. */
  readonly settle: (outcomes: readonly PushOutcome[]) => Promise<readonly PushOutcome[]>;
  /** Sends, in pushes of what the widest lane holds, and settles. */
  readonly push: (items: readonly PushItem[], idempotencyKey: string) => Promise<readonly PushOutcome[]>;
  /** Until the partner has taken every document that is out. */
  readonly untilHeard: () => Promise<DocumentStats>;
};

type Line = {
  readonly connection: ChannelConnection;
  readonly control: SandboxControl;
  readonly capabilities: Capabilities;
  readonly signal: AbortSignal;
  readonly clerk: Clerk;
};

/** Outcomes by ticket collected into outcomes by item: `unknown` for what the ticket does not name. */
async function collectTicket({ connection, signal }: Line, outcomes: readonly PushOutcome[]) {
  const [first] = outcomes;
  if (first?.kind !== 'accepted') return outcomes;
  const { ticket } = first;
  ok(
    outcomes.every((outcome) => outcome.kind === 'accepted' && outcome.ticket === ticket),
    'a push that is answered by a ticket has that ticket in every outcome',
  );
  const collected = await until(async () => {
    const result = await connection.collect(ticket, outcomes.length, signal);
    return result.done ? result.outcomes : null;
  }, `ticket ${ticket} is done`);
  equal(collected.length, outcomes.length, 'collect answers one outcome per item');
  return collected.map((outcome): PushOutcome => outcome ?? { kind: 'unknown', why: 'the ticket does not name it' });
}

/** What is sent by document is applied, or not, by what its receipt says. */
async function collectReceipt({ clerk }: Line, outcome: PushOutcome): Promise<PushOutcome> {
  if (outcome.kind !== 'sent') return outcome;
  const { isAccepted, reason } = await until(async () => {
    await clerk.takeAll();
    return clerk.receipts.get(outcome.receipt) ?? null;
  }, `the receipt ${outcome.receipt}`);
  return isAccepted ? { kind: 'applied', shownAfter: null } : { kind: 'rejected', reason, fix: 'see the reason' };
}

export function createSender(line: Line): Sender {
  const { connection, control, capabilities, signal, clerk } = line;

  const untilHeard: Sender['untilHeard'] = () =>
    until(async () => {
      const { documents } = await control.stats();
      ok(documents !== undefined, 'the sandbox counts the documents that it takes');
      return documents.received >= clerk.putCount ? documents : null;
    }, 'the partner has taken every document that is out');

  const prepare: Sender['prepare'] = (items, key) =>
    capabilities.writeProtection.includes('sequence')
      ? connection.prepare(items, key, clerk.stamp())
      : connection.prepare(items, key);

  const send: Sender['send'] = (prepared, itemCount) =>
    capabilities.documents === undefined
      ? connection.send(prepared, itemCount, signal)
      : clerk.send(prepared, itemCount);

  const settle: Sender['settle'] = async (outcomes) => {
    if (capabilities.documents === undefined) return collectTicket(line, outcomes);
    await untilHeard();
    const settled: PushOutcome[] = [];
    for (const outcome of outcomes) settled.push(await collectReceipt(line, outcome));
    return settled;
  };

  return {
    prepare,
    send,
    settle,
    untilHeard,
    async push(items, key) {
      const outcomes: PushOutcome[] = [];
      const size = batchMaxOf(capabilities);
      for (let from = 0; from < items.length; from += size) {
        const part = items.slice(from, from + size);
        const prepared = prepare(part, from === 0 ? key : `${key}-${from}`);
        outcomes.push(...(await settle(await send(prepared, part.length))));
      }
      return outcomes;
    },
  };
}
