/** Ways to get an exchange of documents wrong, each planted into the EDI connector, and the cases that have to notice. */
import type { ChannelConnection, DocumentExchange, Envelope } from '#connectors/connector.ts';
import type { PlantedBug } from './planted-bugs.ts';

const exchangeOf = ({ documents }: ChannelConnection): DocumentExchange => {
  if (documents === undefined) throw new Error('an EDI channel exchanges documents');
  return documents;
};

const spoilExchange =
  (change: (exchange: DocumentExchange) => Partial<DocumentExchange>): NonNullable<PlantedBug['spoil']> =>
  (connection) => ({ documents: { ...exchangeOf(connection), ...change(exchangeOf(connection)) } });

const spoilEnvelopes = (change: (envelope: Envelope) => Envelope): NonNullable<PlantedBug['spoil']> =>
  spoilExchange((exchange) => ({
    parse: (inbound) => {
      const parsed = exchange.parse(inbound);
      return { ...parsed, envelopes: parsed.envelopes.map(change) };
    },
  }));

export const PLANTED_DOCUMENT_BUGS: readonly PlantedBug[] = [
  {
    name: 'takes files that are still being written',
    caughtBy: ['document-unfinished-waits'],
    settings: { restSeconds: 0 },
  },
  {
    name: 'puts files away before anybody has stored them',
    caughtBy: ['document-taken-once'],
    spoil: spoilExchange((exchange) => ({
      fetch: async (signal) => {
        const page = await exchange.fetch(signal);
        for (const document of page.documents) await exchange.archive(document, signal);
        return page;
      },
    })),
  },
  {
    name: 'leaves files where they are',
    caughtBy: ['document-taken-once'],
    spoil: spoilExchange(() => ({ archive: () => Promise.resolve() })),
  },
  {
    name: 'names a file by when it came',
    caughtBy: ['document-taken-once', 'document-repeat-is-known'],
    spoil: spoilExchange((exchange) => ({
      fetch: async (signal) => {
        const page = await exchange.fetch(signal);
        const documents = page.documents.map((one) => ({ ...one, dedupeKey: `${one.ref} ${performance.now()}` }));
        return { ...page, documents };
      },
    })),
  },
  {
    name: 'takes an order in another envelope for another order',
    caughtBy: ['document-repeat-is-known'],
    spoil: spoilEnvelopes((envelope) => ({
      ...envelope,
      orders: envelope.orders.map((one) => ({ ...one, digest: `${one.digest} ${envelope.digest}` })),
    })),
  },
  {
    name: 'holds back a whole file for one broken envelope',
    caughtBy: ['document-broken-alone'],
    spoil: spoilExchange((exchange) => ({
      parse: (inbound) => {
        const parsed = exchange.parse(inbound);
        return parsed.refusals.length === 0 ? parsed : { ...parsed, envelopes: [] };
      },
    })),
  },
  {
    name: 'says nothing of what it cannot take',
    caughtBy: ['document-broken-alone', 'document-foreign-refused', 'document-hostile-bytes'],
    spoil: spoilExchange((exchange) => ({ parse: (inbound) => ({ ...exchange.parse(inbound), refusals: [] }) })),
  },
  {
    name: 'acknowledges twice',
    caughtBy: ['document-acknowledged-once'],
    spoil: spoilEnvelopes((envelope) => ({ ...envelope, replies: [...envelope.replies, ...envelope.replies] })),
  },
  {
    name: 'takes its place among the documents from its own count',
    caughtBy: ['numbers-rise', 'older-numbers-ignored'],
    spoil: (connection) => ({
      prepare: (items, key) => connection.prepare(items, key, { sequence: 5, at: Date.UTC(2026, 1, 3) }),
    }),
  },
  {
    name: 'calls numbers applied as soon as they are out',
    caughtBy: ['receipts-both-ways'],
    spoil: (connection) => ({
      send: async (prepared, count, signal) =>
        (await connection.send(prepared, count, signal)).map((outcome) =>
          outcome.kind === 'sent' ? { kind: 'applied', shownAfter: null } : outcome,
        ),
    }),
  },
  {
    name: 'promises what was ordered, whatever was decided',
    caughtBy: ['answer-adds-up'],
    spoil: spoilExchange((exchange) => ({
      answer: (stated, answer) =>
        exchange.answer(stated, { ...answer, lines: answer.lines.map((line) => ({ ...line, accepted: 1_000_000 })) }),
    })),
  },
];
