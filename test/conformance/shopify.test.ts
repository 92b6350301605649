/** Shopify's connector passes the whole kit, in every kind that its subjects name. */

import { expect, test } from 'vitest';
import { run } from '#connectors/conformance/kit.ts';
import { subjects } from '#connectors/shopify/sandbox/conformance.ts';

test('connector shopify conforms', { timeout: 180_000 }, async () => {
  const report = await run(subjects, { seeds: 2 });
  expect(report).toMatchObject({ connector: 'shopify', failed: 0, failures: [] });
  expect(report.passed).toBeGreaterThan(40);
});
