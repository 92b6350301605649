/** The scripted partner passes the whole kit, in every kind that its settings make. */

import { expect, test } from 'vitest';
import { run } from '#connectors/conformance/kit.ts';
import { subjects } from '#connectors/fake/sandbox/conformance.ts';

test('connector fake conforms, in all kinds', { timeout: 180_000 }, async () => {
  const report = await run(subjects, { seeds: 2 });
  expect(report).toMatchObject({ connector: 'fake', failed: 0, failures: [] });
  expect(report.passed).toBeGreaterThan(400);
});
