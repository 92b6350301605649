/**
 * Two projects: `core` is pure and fast and needs no service (`npm run test:core`); `system` gets PostgreSQL from the global setup.
 * A run that selects core files alone starts nothing.
 */
import { defineConfig } from 'vitest/config';

const CORE_TESTS = ['core', 'property', 'tidy', 'architecture'].flatMap((name) => [
  `test/${name}.test.ts`,
  `test/${name}/**/*.test.ts`,
]);

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    setupFiles: ['test/support/fixed-seed.ts'],
    projects: [
      { extends: true, test: { name: 'core', include: CORE_TESTS } },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: CORE_TESTS,
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
    ],
  },
});
