/**
 * The worker's part of an exchange of documents, for cases that have no worker: takes what waits, once, sends what is owed, and numbers
 * all of it from one counter, with a clock that never stands still.
 *
 * Taken once means: a file by its dedupe key, an envelope by key and digest, an order by reference, version and digest; the same again is
 * a repeat, other content under the same name is refused.
 */
import { ok } from 'node:assert/strict';
import type { OrderState } from '#core/order-state.ts';
import type {
  ChannelConnection,
  DocumentDraft,
  DocumentExchange,
  Envelope,
  Inbound,
  OrderAnswer,
  OutboundDocument,
  PreparedPush,
  PushItem,
  PushOutcome,
  Receipt,
  Stamp,
} from '../connector.ts';

export type TakenOrder = { readonly order: OrderState; readonly digest: string; readonly stated: Inbound };

export type Clerk = {
  /** What is known by now. */
  readonly orders: ReadonlyMap<string, TakenOrder>;
  readonly receipts: ReadonlyMap<string, Receipt>;
  /** Parts that could not be taken, and contents that came under a name that was there. */
  readonly refusals: readonly string[];
  /** Files, envelopes and orders that were taken before. */
  readonly repeats: readonly string[];
  readonly sent: readonly OutboundDocument[];
  stamp(): Stamp;
  /** Until nothing waits. */
  takeAll(): Promise<void>;
  /** Promises this much of each line; all of it when absent. */
  answer(
    orderRef: string,
    promise?: (line: OrderState['lines'][number]) => Pick<OrderAnswer['lines'][number], 'accepted' | 'backOrdered'>,
  ): Promise<OutboundDocument>;
  /** Sends, and keeps count of what is out. */
  send(prepared: PreparedPush, itemCount: number): Promise<readonly PushOutcome[]>;
  push(items: readonly PushItem[], key: string): Promise<readonly PushOutcome[]>;
  /** How many documents are out, repeats included. */
  readonly putCount: number;
};

const SECOND_MS = 1000;
const FETCHES_MAX = 100;

/** A counter and a clock: numbers are never given twice, and times rise by a second at least. */
export function createStamps(): () => Stamp {
  let last: Stamp = { sequence: 0, at: 0 };
  return () => {
    last = { sequence: last.sequence + 1, at: Math.max(Date.now(), last.at + SECOND_MS) };
    return last;
  };
}

export function exchangeOf({ documents }: ChannelConnection): DocumentExchange {
  ok(documents !== undefined, 'a connector that declares documents exchanges them');
  return documents;
}

type Ledger = {
  readonly files: Set<string>;
  readonly envelopes: Map<string, string>;
  readonly orders: Map<string, TakenOrder>;
  readonly receipts: Map<string, Receipt>;
  readonly refusals: string[];
  readonly repeats: string[];
};

/** False when it was there before. */
function isNew(ledger: Ledger, what: string, known: string | undefined, digest: string): boolean {
  if (known === undefined) return true;
  if (known === digest) ledger.repeats.push(what);
  else ledger.refusals.push(`${what} was there before, with another content`);
  return false;
}

function takeEnvelope(ledger: Ledger, { key, digest, orders, receipts, replies }: Envelope, stated: Inbound) {
  if (!isNew(ledger, `envelope ${key}`, ledger.envelopes.get(key), digest)) return [];
  ledger.envelopes.set(key, digest);
  for (const { order, digest: of } of orders) {
    const { orderRef } = order;
    if (isNew(ledger, `order ${orderRef}`, ledger.orders.get(orderRef)?.digest, of))
      ledger.orders.set(orderRef, { order, digest: of, stated });
  }
  for (const receipt of receipts) ledger.receipts.set(receipt.receipt, receipt);
  return replies;
}

export function openClerk(connection: ChannelConnection, signal: AbortSignal): Clerk {
  const stamp = createStamps();
  const ledger: Ledger = {
    files: new Set(),
    envelopes: new Map(),
    orders: new Map(),
    receipts: new Map(),
    refusals: [],
    repeats: [],
  };
  const sent: OutboundDocument[] = [];

  const send = async (draft: DocumentDraft): Promise<OutboundDocument> => {
    const document = draft.write(stamp());
    await exchangeOf(connection).send(document, signal);
    sent.push(document);
    return document;
  };

  let numbersOut = 0;
  const sendNumbers: Clerk['send'] = async (prepared, itemCount) => {
    const outcomes = await connection.send(prepared, itemCount, signal);
    if (outcomes.some(({ kind }) => kind === 'sent' || kind === 'applied')) numbersOut += 1;
    return outcomes;
  };

  const takeOnce = async (): Promise<boolean> => {
    const exchange = exchangeOf(connection);
    const { documents, complete } = await exchange.fetch(signal);
    for (const document of documents) {
      const { ref, dedupeKey, topic, rawBody } = document;
      const stated: Inbound = { topic, rawBody, receivedAt: Date.now() };
      if (ledger.files.has(dedupeKey)) ledger.repeats.push(`file ${ref}`);
      else {
        ledger.files.add(dedupeKey);
        const { envelopes, refusals } = exchange.parse(stated);
        ledger.refusals.push(...refusals.map(({ what, reason, fix }) => `${what}: ${reason}: ${fix}`));
        for (const envelope of envelopes) for (const draft of takeEnvelope(ledger, envelope, stated)) await send(draft);
      }
      await exchange.archive(document, signal);
    }
    return complete && documents.length === 0;
  };

  return {
    ...ledger,
    sent,
    stamp,
    async takeAll() {
      for (let fetches = 0; fetches < FETCHES_MAX; fetches += 1) if (await takeOnce()) return;
      throw new Error(`the mailbox is not empty after ${FETCHES_MAX} looks`);
    },
    async answer(orderRef, promise = ({ ordered }) => ({ accepted: ordered, backOrdered: 0 })) {
      const taken = ledger.orders.get(orderRef);
      ok(taken !== undefined, `order ${orderRef} was taken`);
      const lines = taken.order.lines.map((line) => ({ lineRef: line.lineRef, ...promise(line) }));
      // As the workers name it, with whatever characters that has.
      const answer = { orderRef, ourRef: `kit:conformance/${orderRef}`, answeredAt: Date.now(), lines };
      const draft = exchangeOf(connection).answer(taken.stated, answer);
      ok(draft !== null, 'a partner whose orders are answered gets an answer');
      return send(draft);
    },
    send: sendNumbers,
    push: (items, key) => sendNumbers(connection.prepare(items, key, stamp()), items.length),
    get putCount() {
      return sent.length + numbersOut;
    },
  };
}
