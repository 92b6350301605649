/**
 * A partner that exchanges documents, scripted in memory: what waits in its mailbox, what we put out, and a dialect of JSON.
 *
 * A document is `{envelopes: [{key, orders, receipts, isReplyWanted}], refused}`; its reply is kind `reply`, its answer kind `answer`.
 */
import { createHash } from 'node:crypto';
import type {
  Capabilities,
  ChannelConnection,
  DocumentExchange,
  Envelope,
  OrderAnswer,
  Receipt,
  WaitingDocument,
} from '#connectors/connector.ts';
import { Defect, type Rejected } from '#core/errors.ts';
import type { OrderState } from '#core/order-state.ts';
import type { ChannelBreaker } from '#workers/breaker.ts';
import type { OpenChannel } from '#workers/context.ts';

export type TestEnvelope = {
  readonly key: string;
  readonly orders?: readonly OrderState[];
  readonly receipts?: readonly Receipt[];
  readonly isReplyWanted?: boolean;
};
export type TestDocument = { readonly envelopes?: readonly TestEnvelope[]; readonly refused?: readonly string[] };
type Numbers = { readonly sequence: number; readonly at: number; readonly items: Readonly<Record<string, number>> };

export type MailboxPartner = {
  readonly channel: OpenChannel;
  readonly waiting: Map<string, string>;
  readonly archived: string[];
  /** Every put, in order. */
  readonly put: { readonly name: string; readonly text: string }[];
  drop(name: string, document: TestDocument): void;
  /** The documents with numbers, in order. */
  numbers(): Numbers[];
  texts(kind: string): unknown[];
  /** Answers cannot be written while it is set. */
  refusal: Rejected | Defect | null;
  /** Whose answer it refuses; null: of every order. */
  refusedOrder: string | null;
  /** Writing a reply throws this. */
  replyRefusal: Rejected | null;
};

const digestOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');
const absent = (): Promise<never> => Promise.reject(new Defect('a mailbox does not do this'));

const CAPABILITIES: Capabilities = {
  quantityBasis: 'sellable',
  observable: 'acknowledged',
  writeProtection: ['sequence'],
  batch: 'perItem',
  lanes: [{ id: 'numbers', maxItems: 1000, async: false }],
  webhooks: false,
  orderPolling: false,
  pollOverlapMs: 0,
  openOrders: false,
  discoverListings: false,
  discoverLocations: false,
  subscriptions: false,
  answersOrders: true,
  settleMs: 0,
  documents: { pushEveryMs: 1000, scope: 'changed', receiptMs: 60_000 },
};

function parseEnvelope(
  { key, orders = [], receipts = [], isReplyWanted = false }: TestEnvelope,
  partner: Pick<MailboxPartner, 'replyRefusal'>,
): Envelope {
  const reply: Envelope['replies'][number] = {
    kind: 'reply',
    subject: key,
    write: ({ sequence }) => {
      if (partner.replyRefusal !== null) throw partner.replyRefusal;
      return { name: `reply-${sequence}`, text: JSON.stringify({ reply: key, sequence }), receipt: null };
    },
  };
  return {
    key,
    digest: digestOf([orders, receipts]),
    orders: orders.map((order) => ({ order, digest: digestOf(order.lines) })),
    receipts,
    replies: isReplyWanted ? [reply] : [],
  };
}

function openExchange(partner: Omit<MailboxPartner, 'channel'>): DocumentExchange {
  return {
    fetch: () => {
      const documents = [...partner.waiting].map(([ref, text]): WaitingDocument => {
        const rawBody = Buffer.from(text);
        return { ref, dedupeKey: `file ${digestOf(text)}`, topic: 'document', rawBody };
      });
      return Promise.resolve({ documents, complete: true });
    },
    archive: ({ ref }) => {
      if (partner.waiting.delete(ref)) partner.archived.push(ref);
      return Promise.resolve();
    },
    parse: ({ rawBody }) => {
      const { envelopes = [], refused = [] } = JSON.parse(Buffer.from(rawBody).toString('utf8')) as TestDocument;
      const fix = 'send it again';
      return {
        envelopes: envelopes.map((envelope) => parseEnvelope(envelope, partner)),
        refusals: refused.map((what) => ({ what, reason: 'it makes no sense', fix })),
      };
    },
    answer: (_stated, answer: OrderAnswer) => {
      const isMeant = partner.refusedOrder === null || partner.refusedOrder === answer.orderRef;
      if (partner.refusal !== null && isMeant) throw partner.refusal;
      return {
        kind: 'answer',
        subject: answer.orderRef,
        write: ({ sequence }) => ({
          name: `answer-${sequence}`,
          text: JSON.stringify({ answer: answer.orderRef, lines: answer.lines }),
          receipt: `answer ${sequence}`,
        }),
      };
    },
    send: ({ name, text }) => {
      partner.put.push({ name, text });
      return Promise.resolve();
    },
  };
}

/** A breaker that never opens. */
const UNBROKEN: ChannelBreaker = { see: () => undefined, restMs: () => 0, failures: 0, call: (work) => work() };

export function openMailboxPartner(id: string, over: Partial<Capabilities> = {}): MailboxPartner {
  const put: MailboxPartner['put'] = [];
  const parsed = () => put.map(({ text }) => JSON.parse(text) as Record<string, unknown>);
  const partner: Omit<MailboxPartner, 'channel'> = {
    waiting: new Map(),
    archived: [],
    put,
    refusal: null,
    refusedOrder: null,
    replyRefusal: null,
    drop: (name, document) => void partner.waiting.set(name, JSON.stringify(document)),
    numbers: () => parsed().flatMap((one) => ('items' in one ? [one as Numbers] : [])),
    texts: (kind) => parsed().filter((one) => kind in one),
  };
  const connection: ChannelConnection = {
    verify: () => Promise.resolve({ ok: false, reason: 'no webhooks' }),
    parse: absent,
    hydrate: absent,
    fetchOrdersSince: absent,
    fetchOpenOrders: () => {
      throw new Defect('a mailbox lists no orders');
    },
    observe: absent,
    scan: absent,
    discoverListings: absent,
    discoverLocations: absent,
    prepare: (items, _key, stamp) => {
      const named = Object.fromEntries(items.map(({ listing, wireQuantity }) => [listing.listingRef, wireQuantity]));
      return { wire: JSON.stringify({ ...stamp, items: named }) };
    },
    send: ({ wire }, itemCount) => {
      const { sequence } = JSON.parse(wire) as Numbers;
      put.push({ name: `numbers-${sequence}`, text: wire });
      return Promise.resolve(
        Array.from({ length: itemCount }, () => ({ kind: 'sent', receipt: `numbers ${sequence}` })),
      );
    },
    collect: absent,
    ensureSubscriptions: absent,
    documents: openExchange(partner),
    close: () => Promise.resolve(),
  };
  return Object.assign(partner, {
    channel: { id, capabilities: { ...CAPABILITIES, ...over }, connection, breaker: UNBROKEN, reader: 'test' },
  });
}
