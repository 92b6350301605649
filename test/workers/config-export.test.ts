/** A policy as a file reads back to the same policy. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChannelRule, Policy } from '#core/model.ts';
import { setupOf, sortPolicy } from '#db/configuration-changes.ts';
import { policyAsYaml } from '#workers/config-export.ts';
import { readConfigFile } from '#workers/config-file.ts';

const EXAMPLE = readFileSync(join(import.meta.dirname, '../../scripts/examples/allot.yaml'), 'utf8');

function readBack(text: string) {
  const { file, problems } = readConfigFile(text, 'exported.yaml');
  expect(problems).toEqual([]);
  if (file === null) throw new Error(text);
  return { body: sortPolicy(file.policy), setup: setupOf(file) };
}

const roundTrip = (policy: ReturnType<typeof readBack>) => readBack(policyAsYaml(policy, ['a comment', 'two lines']));

describe('policyAsYaml', () => {
  test('of the example file', () => {
    const policy = readBack(EXAMPLE);
    expect(roundTrip(policy)).toEqual(policy);
  });

  test('of a file that says all there is to say', () => {
    const policy = readBack(`locations:
  - { id: main, master: allot }
  - { id: outlet, master: 3pl, sells: false }
programs:
  - id: dtc
    priority: 20
    locations: [main]
    owner: web team
    reviewBy: "2027-01-31"
    pickTags: { zone: A, colour: "#ff0000" }
    safetyStock: 10%
    minimumLife: 60d
    groups: { summer: { share: 80 } }
    items: { MUG: { cap: null } }
  - { id: wholesale, priority: 10, drawOrder: ownOnly, locations: [main, outlet], completeness: shipComplete, weight: 2.5, share: fair }
pools:
  - { program: wholesale, percent: 30, minimum: 5, maximum: 90, refill: receipt }
  - { program: wholesale, group: summer, parts: 3, from: "2026-05-01", until: "2026-09-01T08:30:00+02:00" }
  - { program: dtc, group: summer, parts: 1, protects: prioritised, limit: 40 }
  - { program: wholesale, sku: MUG, units: 40, release: [{ at: "2026-12-01", percent: 100 }, { at: "2026-12-24", percent: 0 }] }
  - { program: emergency, units: 3 }
  - { program: wholesale, group: summer, location: main, units: 9, protects: prioritised, from: "2026-05-01" }
  - sku: CUP
    emsrb:
      - { program: dtc, margin: 1050, mean: 17.3, deviation: 5.8 }
      - { program: wholesale, margin: 567, mean: 45.1, deviation: 15 }
routes:
  - { id: fair, program: wholesale, channel: "fake:a", tag: fair }
  - { id: acme, program: wholesale, company: "17" }
channels:
  - id: fake:a
    program: dtc
    buffer: 5%
    below: { buffer: 9, hideAtOrBelow: 2 }
    groups: { summer: { safetyStock: planned, buffer: { oversellChance: 0.25%, minimum: 1 }, below: { cap: 1, buffer: latency } } }
    items: { "00123": { safetyStock: 3, buffer: 0, below: { share: 0 } } }
  - { id: "fake:b", program: wholesale }
approval: { policy: required }
reallocation: { approveAbove: 20, perMovePercent: 10, cooldown: 90m }
lots: { expiringWithin: 21d }
intervals: { inFlight: 90s }
`);
    expect(policy.body.channels).toHaveLength(5);
    expect(policy.body.programs[0]).toMatchObject({ minimumLifeDays: 60 });
    expect(policy.body.lots).toEqual({ expiringWithinDays: 21 });
    expect(roundTrip(policy)).toEqual(policy);
  });

  test('keeps SKUs that YAML takes for something else, and an approval', () => {
    const policy = readBack(EXAMPLE.replace('policy: none', 'policy: required'));
    const names = ['00123', 'true', 'null', '1e3', 'a: b', '- x', '#no', '2026-01-01', '"q"', ' padded '];
    const base = policy.body.channels.find(({ sku }) => sku === '*');
    if (base === undefined) throw new Error('no rule');
    const channels = [base, ...names.map((sku, n) => ({ ...base, sku, cap: n }))];
    const pools = names.map((sku, n) => ({ program: 'dtc', sku, units: n, refill: 'never' as const }));
    const odd = { ...policy, body: sortPolicy({ ...policy.body, channels, pools }) };
    expect(odd.body.approval).toEqual({ policy: 'required' });
    expect(roundTrip(odd)).toEqual(odd);
  });

  const sku = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => text !== '*' && text !== '__proto__');
  const says = fc.record({
    sharePercent: fc.nat(100),
    safetyStock: fc.nat(1000),
    buffer: fc.nat(1000),
    hideAtOrBelow: fc.option(fc.nat(10)),
    cap: fc.option(fc.nat(1000)),
  });
  const rules = (channel: string, program: string) =>
    fc
      .tuple(says, fc.uniqueArray(fc.tuple(sku, says), { selector: ([name]) => name, maxLength: 4 }))
      .map(([base, own]): ChannelRule[] => [
        { channel, program, sku: '*', ...base },
        ...own.map(([name, said]) => ({ channel, program, sku: name, ...said })),
      ]);
  const policies = fc.record({
    pools: fc.uniqueArray(
      fc.record({
        program: fc.constantFrom('dtc', 'wholesale'),
        sku: fc.oneof(fc.constant('*'), sku),
        units: fc.nat(1000),
        refill: fc.constantFrom('never' as const, 'receipt' as const),
      }),
      { selector: (pool) => `${pool.program} ${pool.sku}`, maxLength: 5 },
    ),
    channels: fc.tuple(rules('fake:a', 'dtc'), rules('fake:b', 'wholesale')).map((both) => both.flat()),
    inFlightMs: fc.integer({ min: 1, max: 7 * 86_400_000 }),
  });

  test('of any policy', () => {
    fc.assert(
      fc.property(policies, (part) => {
        const policy: Omit<Policy, 'version'> = {
          programs: [
            { id: 'dtc', priority: 2, drawOrder: 'sharedThenOwn', locations: ['main', 'east'] },
            { id: 'wholesale', priority: 1, drawOrder: 'ownOnly', locations: ['main'] },
          ],
          ...part,
        };
        const setup = setupOf({
          locations: [
            { id: 'main', master: 'allot', sells: true },
            { id: 'east', master: '3pl', sells: false },
          ],
          channels: [
            { id: 'fake:a', connector: 'fake', program: 'dtc' },
            { id: 'fake:b', connector: 'fake', program: 'wholesale' },
          ],
        });
        const whole = { body: sortPolicy(policy), setup };
        expect(roundTrip(whole)).toEqual(whole);
      }),
      { numRuns: 200 },
    );
  });
});
