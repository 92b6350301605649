/** The configuration that the demo writes is one that the daemon takes. */
import { describe, expect, it } from 'vitest';
import { loadConnectors } from '#connectors/registry.ts';
import { CHANNELS, writeConfiguration } from '#scripts/demo/brand.ts';
import { readConfigFile } from '#workers/config-file.ts';

const endpoints = new Map(CHANNELS.map(({ id }, index) => [id, `http://127.0.0.1:${5000 + index}`]));

describe('the demo configuration', () => {
  const { file, problems } = readConfigFile(
    writeConfiguration({
      endpoints,
      pools: { every: 3, own: new Map([['00123', 40]]) },
      port: 8791,
      skuCount: 400,
      home: '/tmp/demo',
    }),
    'allot.yaml',
  );

  it('is taken without a word, SKUs of digits too', () => {
    expect(problems).toEqual([]);
    expect(file?.policy.pools).toEqual([
      { program: 'wholesale', sku: '*', units: 3, refill: 'receipt' },
      { program: 'wholesale', sku: '00123', units: 40, refill: 'receipt' },
    ]);
    expect(file?.policy.programs.map(({ id, priority }) => [id, priority])).toEqual([
      ['wholesale', 1],
      ['dtc', 2],
      ['marketplace', 3],
    ]);
    expect(file?.http.port).toBe(8791);
    expect(file?.intervals.reconcileMs).toBe(10_000);
  });

  it('has settings that each connector takes, in the words of the sandbox', async () => {
    const connectors = await loadConnectors({ extraPaths: [] });
    for (const { connector, settings } of file?.channels ?? []) {
      expect(connectors.get(connector)?.settings.safeParse(settings).success).toBe(true);
    }
    expect(file?.channels).toHaveLength(CHANNELS.length);
  });
});
