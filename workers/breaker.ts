/**
 * The breaker of an open channel: every call to its platform goes through it (core/breaker.ts has the states).
 *
 * | a call                              | what happens                                                        |
 * | breaker closed                      | goes out                                                            |
 * | breaker open, before its time       | Resting, nothing goes out                                           |
 * | breaker open, its time has come     | the first over all processes goes out as the probe, others rest     |
 * | is answered, or refused             | counted only where something was wrong before                       |
 * | fails (Transient, Uncertain)        | counted in the database                                             |
 *
 * A channel that is well costs nothing here: what this process knows of the breaker comes with the queries that work begins with.
 * What was called off by us says nothing of the platform.
 */
import type { ChannelConnection, DocumentExchange } from '#connectors/connector.ts';
import { type Breaker, CLOSED, restMs } from '#core/breaker.ts';
import { Fault, Resting } from '#core/errors.ts';
import type { ChannelId, Instant } from '#core/model.ts';
import { type BreakerStep, stepBreaker } from '#db/breakers.ts';
import type { Database } from '#db/client.ts';

export type ChannelBreaker = {
  /** As a query read it just now. */
  see(breaker: Breaker | null): void;
  /** How long not to begin any work; 0 when a call may be tried. */
  restMs(): number;
  /** Failures in a row, as far as this process knows. */
  readonly failures: number;
  call<Answer>(work: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer>;
};

type BreakerParts = {
  readonly db: Database;
  readonly channelId: ChannelId;
  readonly now: () => Instant;
  readonly random: () => number;
};

const isWell = ({ state, failures }: Breaker): boolean => state === 'closed' && failures === 0;

export function openBreaker({ db, channelId, now, random }: BreakerParts): ChannelBreaker {
  let known: Breaker = CLOSED;
  const step = async (event: BreakerStep['event'], why?: string) => {
    const taken = await stepBreaker(db, channelId, {
      event,
      now: now(),
      random: random(),
      ...(why === undefined ? {} : { why }),
    });
    known = taken.after;
    return taken;
  };
  const enter = async (): Promise<void> => {
    if (known.state === 'closed') return;
    if (restMs(known, now()) === 0) {
      const { before, after } = await step('asked');
      if (after.state === 'closed' || after !== before) return;
    }
    throw new Resting(
      `${channelId} does not answer: it is asked again later`,
      now() + Math.max(1, restMs(known, now())),
    );
  };
  const judge = async (error: unknown): Promise<void> => {
    if (!(error instanceof Fault) || error.code === 'defect') return;
    if (error.code === 'transient' || error.code === 'uncertain') await step('failed', error.message);
    else if (!isWell(known)) await step('answered');
  };
  return {
    see: (breaker) => {
      known = breaker ?? CLOSED;
    },
    restMs: () => restMs(known, now()),
    get failures() {
      return known.failures;
    },
    async call(work, signal) {
      await enter();
      try {
        const answer = await work();
        if (!isWell(known)) await step('answered');
        return answer;
      } catch (error) {
        if (signal?.aborted !== true) await judge(error);
        throw error;
      }
    },
  };
}

/** The same connection, each call to its platform through the breaker. Call by call: a connector may be a class. */
export function guardConnection(connection: ChannelConnection, breaker: ChannelBreaker): ChannelConnection {
  const { documents } = connection;
  const canRemove = connection.removeSubscriptions !== undefined;
  return {
    verify: (request) => connection.verify(request),
    parse: (inbound) => connection.parse(inbound),
    fetchOpenOrders: (signal) => connection.fetchOpenOrders(signal),
    prepare: (items, key, stamp) => connection.prepare(items, key, stamp),
    close: () => connection.close(),
    hydrate: (ref, signal) => breaker.call(() => connection.hydrate(ref, signal), signal),
    fetchOrdersSince: (cursor, signal) => breaker.call(() => connection.fetchOrdersSince(cursor, signal), signal),
    observe: (keys, signal) => breaker.call(() => connection.observe(keys, signal), signal),
    scan: (cursor, signal) => breaker.call(() => connection.scan(cursor, signal), signal),
    discoverListings: (cursor, signal) => breaker.call(() => connection.discoverListings(cursor, signal), signal),
    discoverLocations: (signal) => breaker.call(() => connection.discoverLocations(signal), signal),
    send: (prepared, count, signal) => breaker.call(() => connection.send(prepared, count, signal), signal),
    collect: (ticket, count, signal) => breaker.call(() => connection.collect(ticket, count, signal), signal),
    ensureSubscriptions: (url, signal) => breaker.call(() => connection.ensureSubscriptions(url, signal), signal),
    ...(canRemove
      ? {
          removeSubscriptions: (url: string, signal: AbortSignal) =>
            breaker.call(async () => (await connection.removeSubscriptions?.(url, signal)) ?? [], signal),
        }
      : {}),
    ...(documents === undefined ? {} : { documents: guardDocuments(documents, breaker) }),
  };
}

const guardDocuments = (documents: DocumentExchange, breaker: ChannelBreaker): DocumentExchange => ({
  parse: (inbound) => documents.parse(inbound),
  answer: (stated, answer) => documents.answer(stated, answer),
  fetch: (signal) => breaker.call(() => documents.fetch(signal), signal),
  archive: (document, signal) => breaker.call(() => documents.archive(document, signal), signal),
  send: (document, signal) => breaker.call(() => documents.send(document, signal), signal),
});
