/** The EDI connector passes the whole kit, in every dialect that its subjects name. */
import { expect, test } from 'vitest';
import { run } from '#connectors/conformance/kit.ts';
import { subjects } from '#connectors/edi/sandbox/conformance.ts';

test('connector edi conforms, in all dialects', { timeout: 180_000 }, async () => {
  const report = await run(subjects, { seeds: 2 });
  expect(report).toMatchObject({ connector: 'edi', failed: 0, failures: [] });
  expect(report.passed).toBeGreaterThan(75);
  expect(report.skipped.filter(({ why }) => !why.endsWith('is declared absent'))).toEqual([]);
});
