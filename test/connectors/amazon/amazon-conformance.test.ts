/** Amazon's connector passes the whole kit. */
import { expect, test } from 'vitest';
import { subjects } from '#connectors/amazon/sandbox/conformance.ts';
import { run } from '#connectors/conformance/kit.ts';

test('connector amazon conforms', { timeout: 180_000 }, async () => {
  const report = await run(subjects, { seeds: 2 });
  expect(report).toMatchObject({ connector: 'amazon', failed: 0, failures: [] });
  expect(report.passed).toBeGreaterThan(35);
  expect(report.skipped.filter(({ why }) => !why.endsWith('is declared absent'))).toEqual([]);
});
