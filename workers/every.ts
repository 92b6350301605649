/** Work that is done again and again, one turn at a time: the next begins `everyMs` after the last has ended. A failed turn is told, and followed by the next. */
import type { Log } from './context.ts';

export type Loop = { readonly stop: () => Promise<void> };

export type LoopOptions = { readonly everyMs: number; readonly log: Log; readonly what: string };

export function every({ everyMs, log, what }: LoopOptions, turn: (signal: AbortSignal) => Promise<void>): Loop {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const start = () => {
    running = run();
  };
  const run = async () => {
    try {
      await turn(stopping.signal);
    } catch (error) {
      if (!stopping.signal.aborted)
        log.warn(
          { error: error instanceof Error ? error.message : String(error) },
          `${what}: tried again at its next turn`,
        );
    }
    if (!stopping.signal.aborted) timer = setTimeout(start, everyMs);
  };
  start();
  return {
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
