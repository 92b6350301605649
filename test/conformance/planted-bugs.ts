/** Ways to get a connector wrong, each planted into the fake one, and the cases that have to notice. */
import type { ChannelConnection, ConnectorContext, Observation } from '#connectors/connector.ts';
import { Throttled } from '#core/errors.ts';

export type PlantedBug = {
  readonly name: string;
  /** Each of these cases fails. */
  readonly caughtBy: readonly string[];
  /** Part of the name of the variant that it shows on; the first variant when absent. */
  readonly on?: string;
  /** Settings that the connector is opened with in secret, beside those that it declares. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly spoil?: (connection: ChannelConnection, context: ConnectorContext) => Partial<ChannelConnection>;
};

const mapObservations = (
  connection: ChannelConnection,
  change: (one: Observation) => Observation,
): Partial<ChannelConnection> => ({
  observe: async (keys, signal) => (await connection.observe(keys, signal)).map(change),
});

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'sends the difference instead of the number',
    caughtBy: ['push-absolute'],
    spoil: (connection) => ({
      prepare: (items, key) =>
        connection.prepare(
          items.map((item) => ({ ...item, wireQuantity: Math.abs(item.wireQuantity - (item.compareWith ?? 0)) })),
          key,
        ),
    }),
  },
  {
    name: 'declares compare-and-set and does not compare',
    caughtBy: ['push-stale-detected', 'push-after-unheard-sale'],
    spoil: (connection) => ({
      prepare: (items, key) =>
        connection.prepare(
          items.map((item) => ({ ...item, compareWith: null })),
          key,
        ),
    }),
  },
  {
    name: 'makes a key of its own at each attempt to prepare',
    caughtBy: ['prepare-is-pure'],
    spoil: (connection) => ({ prepare: (items, key) => connection.prepare(items, `${key}-${performance.now()}`) }),
  },
  {
    name: 'calls a push applied when its answer was lost',
    caughtBy: ['uncertain-resolved-by-read'],
    spoil: (connection) => ({
      send: (prepared, count, signal) =>
        connection.send(prepared, count, signal).catch((error: unknown) => {
          if (!hasCode(error, 'uncertain')) throw error;
          return Array.from({ length: count }, () => ({ kind: 'applied', shownAfter: null }));
        }),
    }),
  },
  {
    name: 'sends again by itself when the answer was lost',
    caughtBy: ['uncertain-resolved-by-read'],
    spoil: (connection) => ({
      send: (prepared, count, signal) =>
        connection.send(prepared, count, signal).catch(() => connection.send(prepared, count, signal)),
    }),
  },
  {
    name: 'takes a ticket for success',
    caughtBy: ['ticket-accepted-then-done'],
    on: 'ticket',
    spoil: (connection) => ({
      send: async (prepared, count, signal) =>
        (await connection.send(prepared, count, signal)).map((outcome) =>
          outcome.kind === 'accepted' ? { kind: 'applied', shownAfter: null } : outcome,
        ),
    }),
  },
  {
    name: 'takes a forgotten ticket for success',
    caughtBy: ['ticket-lost'],
    on: 'ticket',
    spoil: (connection) => ({
      collect: async (ticket, count, signal) => {
        const { done, outcomes } = await connection.collect(ticket, count, signal);
        return { done, outcomes: outcomes.map((outcome) => outcome ?? { kind: 'applied', shownAfter: null }) };
      },
    }),
  },
  {
    name: 'answers outcomes in another order',
    caughtBy: ['push-one-bad-item', 'push-stale-detected'],
    spoil: (connection) => ({
      send: async (prepared, count, signal) => (await connection.send(prepared, count, signal)).toReversed(),
    }),
  },
  {
    name: 'reads a missing listing as 0',
    caughtBy: ['observe-missing-is-not-zero'],
    spoil: (connection) =>
      mapObservations(connection, (one) => (one.state === 'missing' ? { ...one, state: 'tracked' } : one)),
  },
  {
    name: 'reads an untracked listing as 0',
    caughtBy: ['observe-untracked-is-not-zero'],
    spoil: (connection) =>
      mapObservations(connection, (one) => (one.state === 'untracked' ? { ...one, state: 'tracked' } : one)),
  },
  {
    name: 'observes in the order of the platform',
    caughtBy: ['observe-in-order'],
    spoil: (connection) => ({
      observe: async (keys, signal) =>
        [...(await connection.observe(keys, signal))].sort((a, b) => (a.listingRef < b.listingRef ? -1 : 1)),
    }),
  },
  {
    name: "forgets the platform's own open orders",
    caughtBy: ['basis-at-a-sale'],
    on: 'onHandLessOwnOpen',
    spoil: (connection) => mapObservations(connection, (one) => ({ ...one, sellable: Math.max(0, one.shown) })),
  },
  { name: 'ignores the overlap', caughtBy: ['poll-overlap-rereads'], settings: { pollOverlap: 0 } },
  {
    name: 'calls the first page the last',
    caughtBy: ['poll-pages-complete'],
    spoil: (connection) => ({
      fetchOrdersSince: async (cursor, signal) => ({
        ...(await connection.fetchOrdersSince(cursor, signal)),
        complete: true,
      }),
    }),
  },
  {
    name: 'does not check the signature',
    caughtBy: ['verify-refuses-forged', 'verify-refuses-truncated', 'verify-refuses-wrong-length'],
    spoil: () => ({
      verify: async ({ headers }) => ({
        ok: true,
        assurance: 'signed',
        dedupeKey: headers['x-partner-event'] ?? '',
        topic: headers['x-partner-topic'] ?? '',
      }),
    }),
  },
  {
    name: 'lets a recorded request in at any time',
    caughtBy: ['verify-refuses-replay'],
    spoil: (connection) => ({
      verify: (request) => connection.verify({ ...request, now: Number(request.headers['x-partner-timestamp']) }),
    }),
  },
  {
    name: 'names an event by when it came',
    caughtBy: ['verify-same-event-same-key'],
    spoil: (connection) => ({
      verify: async (request) => {
        const verdict = await connection.verify(request);
        return verdict.ok ? { ...verdict, dedupeKey: String(performance.now()) } : verdict;
      },
    }),
  },
  {
    name: 'passes ids through a double',
    caughtBy: ['parse-keeps-large-ids'],
    spoil: (connection) => ({
      parse: async (inbound) => {
        const parsed = await connection.parse(inbound);
        return {
          ...parsed,
          orders: parsed.orders.map((order) => ({ ...order, orderRef: String(Number(order.orderRef)) })),
        };
      },
    }),
  },
  {
    name: 'tells the caller nothing of a malformed document',
    caughtBy: ['parse-refuses-bad-json', 'parse-refuses-bad-quantities'],
    spoil: (connection) => ({
      parse: (inbound) => connection.parse(inbound).catch(() => ({ orders: [], refs: [], levels: [] })),
    }),
  },
  {
    name: 'tells only what is new in an order',
    caughtBy: ['states-join-in-any-order', 'cancelled-order-read'],
    spoil: (connection) => ({
      hydrate: async (orderRef, signal) => {
        const order = await connection.hydrate(orderRef, signal);
        return { ...order, lines: order.lines.map((line) => ({ ...line, shipped: 0 })) };
      },
    }),
  },
  {
    name: 'wants to be called again in the past',
    caughtBy: ['throttled'],
    spoil: (connection, { now }) => ({
      send: (prepared, count, signal) =>
        connection.send(prepared, count, signal).catch((error: unknown) => {
          throw hasCode(error, 'throttled') ? new Throttled('slow down', now() - 1000) : error;
        }),
    }),
  },
  {
    name: "does not hear the caller's signal",
    caughtBy: ['abort-obeyed'],
    spoil: (connection) => ({
      send: (prepared, count) => connection.send(prepared, count, new AbortController().signal),
    }),
  },
  {
    name: 'subscribes anew at every call',
    caughtBy: ['subscriptions-idempotent'],
    spoil: (connection) => ({
      ensureSubscriptions: async (url, signal) => {
        await connection.ensureSubscriptions(`${url}?again`, signal);
        return connection.ensureSubscriptions(url, signal);
      },
    }),
  },
  {
    name: 'says that it ended its subscriptions and does not',
    caughtBy: ['subscriptions-removed'],
    spoil: () => ({ removeSubscriptions: () => Promise.resolve(['orders']) }),
  },
  {
    name: 'ends whatever subscription there is',
    caughtBy: ['subscriptions-removed'],
    spoil: (connection) => ({
      removeSubscriptions: async (url, signal) => {
        // Takes the one there is over, and then ends it.
        await connection.ensureSubscriptions(url, signal);
        return (await connection.removeSubscriptions?.(url, signal)) ?? [];
      },
    }),
  },
  {
    name: 'leaves a timer behind',
    caughtBy: ['close-leaves-nothing'],
    spoil: () => {
      setTimeout(() => undefined, 15_000);
      return {};
    },
  },
];
