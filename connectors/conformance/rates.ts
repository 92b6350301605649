/** Shared rates without a database, for the kit and for tests of connectors: one process, so that nobody is ever faster. */
import type { SharedRates } from '../connector.ts';

export function ratesInMemory(): SharedRates {
  const notes = new Map<string, string>();
  return {
    async change(key, next) {
      const { note, answer } = next(notes.get(key) ?? null);
      notes.set(key, note);
      return answer;
    },
  };
}
