/** The sandbox's append-only log of what happened on the platform: what the demo's report and the conformance kit verify by. */
import type { LogAnswer, LogEntry, NewLogEntry } from './control.ts';

export type SandboxLog = {
  append(entry: NewLogEntry): void;
  page(after: number): LogAnswer;
};

const PAGE_MAX = 5000;

export function createSandboxLog(now: () => number): SandboxLog {
  const entries: LogEntry[] = [];
  return {
    append: (entry) => {
      entries.push({ ...entry, n: entries.length + 1, at: now() });
    },
    // n counts from 1 without a gap, so `after` is also the index to go on from.
    page: (after) => {
      const end = after + PAGE_MAX;
      return { entries: entries.slice(after, end), next: end < entries.length ? end : null };
    },
  };
}
