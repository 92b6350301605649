/**
 * The relay: rings what committed transactions left in the outbox. Woken in process after a commit, and once a second for the
 * bells of other processes and of dead ones.
 *
 * Guarantees: a bell leaves the outbox only after the queue has taken it; a crash in between rings twice, which is harmless.
 */
import type { Database } from '#db/client.ts';
import { takeBells } from '#db/outbox.ts';
import type { Log } from './context.ts';
import { type Bell, type Queues, TOPICS } from './queues.ts';

const EVERY_MS = 1000;

export type Relay = { readonly wake: () => void; readonly stop: () => Promise<void> };

const isTopic = (topic: string): topic is Bell['topic'] => TOPICS.some((known) => known === topic);

export function startRelay(db: Database, queues: Pick<Queues, 'ring'>, log: Log): Relay {
  let running: Promise<void> | null = null;
  let isWanted = false;
  const stopping = new AbortController();
  const turn = () =>
    db.transaction(async (tx) => {
      const bells = await takeBells(tx);
      await queues.ring(bells.flatMap(({ topic, key }) => (isTopic(topic) ? [{ topic, key }] : [])));
      return bells.length;
    });
  const run = async () => {
    try {
      do {
        isWanted = false;
        await turn();
      } while (isWanted && !stopping.signal.aborted);
    } catch (error) {
      log.warn(
        { error: error instanceof Error ? error.message : String(error) },
        'bells wait in the outbox: the queue or the database does not answer',
      );
    } finally {
      running = null;
    }
  };
  const wake = () => {
    isWanted = true;
    if (running === null && !stopping.signal.aborted) running = run();
  };
  const timer = setInterval(wake, EVERY_MS);
  return {
    wake,
    async stop() {
      stopping.abort();
      clearInterval(timer);
      await running;
    },
  };
}
