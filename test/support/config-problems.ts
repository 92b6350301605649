/** A configuration that is right, for tests that break one thing, and what a broken one is told. */
import { ConfigError } from '#workers/config-problems.ts';

export const SMALL_CONFIG = `locations:
  - { id: main, master: allot }
programs:
  - { id: dtc, priority: 2, locations: [main] }
channels:
  - id: fake:a
    program: dtc
`;

/** The lines of the ConfigError that `read` throws; none when it throws none. */
export function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
