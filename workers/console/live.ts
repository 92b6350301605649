/**
 * What keeps open pages fresh: one look at the pulse of the database for all of them, every two seconds and only while somebody
 * watches; each page is told what moved, and asks for itself anew.
 *
 * Guarantees: a bounded number of listeners, in all and per person (who comes too late is told to ask now and then instead); a listener
 * whose line is full is let go; all are let go when the server closes; a database that does not answer is tried again, slower.
 */
import type { ServerResponse } from 'node:http';
import type { Database } from '#db/client.ts';
import { type Pulse, readPulse } from '#db/overview.ts';
import type { Log } from '../context.ts';
import { pause } from '../pause.ts';

const LOOK_EVERY_MS = 2_000;
const LOOK_AFTER_FAULT_MS = 10_000;
const HEARTBEAT_MS = 15_000;
const LISTENERS_MAX = 100;
const LISTENERS_PER_PERSON_MAX = 12;
/** Unread bytes of one listener. */
const BACKLOG_MAX = 64 * 1024;
const RETRY_MS = 15_000;

export type LiveHub = {
  /** False: there are too many, and this one was told so and let go. */
  listen(response: ServerResponse, person: string): boolean;
  close(): void;
};

type Listener = { readonly response: ServerResponse; readonly person: string };

const eventOf = (name: string): string => `event: ${name}\ndata: \n\n`;

const movedBetween = (before: Pulse, after: Pulse): string[] =>
  Object.entries(after).flatMap(([topic, value]) =>
    Object.entries(before).some(([t, v]) => t === topic && v === value) ? [] : [topic],
  );

export function openLiveHub({ db, log }: { readonly db: Database; readonly log: Log }): LiveHub {
  const listeners = new Set<Listener>();
  const closing = new AbortController();
  let isLooking = false;
  let sentAt = 0;

  const drop = (listener: Listener): void => {
    if (listeners.delete(listener)) listener.response.end();
  };
  const send = (text: string): void => {
    sentAt = performance.now();
    for (const listener of listeners) {
      if (listener.response.writableLength > BACKLOG_MAX) drop(listener);
      else listener.response.write(text);
    }
  };
  const look = async (last: Pulse | null): Promise<Pulse> => {
    const pulse = await readPulse(db);
    const moved = last === null ? [] : movedBetween(last, pulse);
    if (moved.length > 0) send(moved.map((topic) => eventOf(`live-${topic}`)).join(''));
    else if (performance.now() - sentAt > HEARTBEAT_MS) send(': still here\n\n');
    return pulse;
  };
  /** One at a time, as long as somebody listens. */
  const watch = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    let last: Pulse | null = null;
    while (listeners.size > 0 && !closing.signal.aborted) {
      let wait = LOOK_EVERY_MS;
      try {
        last = await look(last);
      } catch (error) {
        wait = LOOK_AFTER_FAULT_MS;
        log.warn({ err: error }, 'the pulse for open pages could not be read; tried again');
      }
      await pause(wait, closing.signal);
    }
    isLooking = false;
  };

  return {
    listen(response, person) {
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        'x-content-type-options': 'nosniff',
      });
      const own = [...listeners].filter((one) => one.person === person).length;
      if (closing.signal.aborted || listeners.size >= LISTENERS_MAX || own >= LISTENERS_PER_PERSON_MAX) {
        response.end(`retry: ${RETRY_MS}\n${eventOf('live-full')}`);
        return false;
      }
      const listener = { response, person };
      listeners.add(listener);
      response.on('close', () => drop(listener));
      response.on('error', () => drop(listener));
      response.write(`retry: 2000\n${eventOf('live-open')}`);
      void watch();
      return true;
    },
    close() {
      closing.abort();
      for (const listener of listeners) drop(listener);
    },
  };
}
