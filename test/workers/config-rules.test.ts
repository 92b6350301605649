/** From the configuration file to the rules of the policy, and what a file cannot say. */
import { describe, expect, it } from 'vitest';
import { readConfigFile } from '#workers/config-file.ts';

const HEAD = `
locations: [{ id: main, master: allot }]
`;

function policyOf(text: string) {
  const { file, problems } = readConfigFile(HEAD + text, 'allot.yaml');
  expect(problems).toEqual([]);
  if (file === null) throw new Error('the file was refused');
  return file.policy;
}

const problemsOf = (text: string): readonly string[] => readConfigFile(HEAD + text, 'allot.yaml').problems;

describe('channel rules', () => {
  const { channels } = policyOf(`
programs:
  - id: dtc
    priority: 1
    locations: [main]
    share: 80
    safetyStock: 5%
    below: { share: 40 }
    groups: { fragile: { buffer: 3 } }
    items: { A: { cap: 9 } }
channels:
  - id: fake:a
    program: dtc
    share: 90
    buffer: 10%
    items: { A: { cap: null, safetyStock: planned } }
  - { id: fake:b, program: dtc }
`);
  const ruleOf = (channel: string, scope: object) =>
    channels.find(
      (rule) =>
        rule.channel === channel &&
        Object.entries(scope).every(([key, value]) => rule[key as keyof typeof rule] === value),
    );

  it('come from the program, then the channel, then what either says for the group or item', () => {
    const none = { hideAtOrBelow: null, cap: null };
    expect(ruleOf('fake:a', { sku: '*', group: undefined })).toEqual({
      channel: 'fake:a',
      program: 'dtc',
      sku: '*',
      sharePercent: 90,
      safetyStock: 0,
      safetyStockPercent: 5,
      buffer: 0,
      bufferPercent: 10,
      ...none,
      below: { sharePercent: 40, safetyStock: 0, safetyStockPercent: 5, buffer: 0, bufferPercent: 10, ...none },
    });
    expect(ruleOf('fake:a', { group: 'fragile' })).toMatchObject({ sku: '*', sharePercent: 90, buffer: 3 });
    expect(ruleOf('fake:a', { sku: 'A' })).toMatchObject({ cap: null, isSafetyStockPlanned: true, safetyStock: 0 });
    expect(ruleOf('fake:a', { sku: 'A' })).not.toHaveProperty('safetyStockPercent');
    expect(ruleOf('fake:b', { sku: 'A' })).toMatchObject({ cap: 9, sharePercent: 80, safetyStockPercent: 5 });
  });
});

describe('a buffer from measured latency', () => {
  const buffered = (buffer: string) => `
programs: [{ id: dtc, priority: 1, locations: [main], buffer: ${buffer} }]
channels:
  - { id: fake:a, program: dtc, below: { buffer: 9 }, items: { A: { buffer: 2 } } }
`;
  it('is a rule of its own, with bounds and a chance that are there when left out', () => {
    expect(policyOf(buffered('{ oversellChance: 0.25%, minimum: 1, maximum: 20 }')).channels).toMatchObject([
      {
        sku: '*',
        buffer: 0,
        latencyBuffer: { oversellPercent: 0.25, atLeast: 1, atMost: 20 },
        below: { buffer: 9 },
      },
      { sku: 'A', buffer: 2 },
    ]);
    const usual = { oversellPercent: 0.5, atLeast: 0, atMost: 100 };
    for (const shorter of ['latency', '{}', '{ minimum: 0 }'])
      expect(policyOf(buffered(shorter)).channels[0]).toMatchObject({ buffer: 0, latencyBuffer: usual });
    const [base, item] = policyOf(buffered('latency')).channels;
    expect(base?.below).not.toHaveProperty('latencyBuffer');
    expect(item).not.toHaveProperty('latencyBuffer');
  });

  it.each([
    ['{ oversellChance: 90% }', 'buffer.oversellChance: is "90%". Write a chance in percent from "0.01%" to "50%"'],
    ['{ minimum: 30, maximum: 20 }', 'buffer.minimum: is 30: is above the maximum of 20. Write at most 20.'],
    ['{ maximum: 20000 }', 'buffer.maximum: is 20000. Write a whole number of units from 0 to 10000.'],
    ['{ minimun: 3 }', 'buffer.minimun: is not a known key. Did you mean "minimum"?'],
    ['latencyy', 'buffer: is "latencyy". Write what is kept back'],
  ])('%s is told with what to write', (buffer, problem) => {
    const problems = problemsOf(buffered(buffer));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });
});

const PROGRAM = 'programs: [{ id: dtc, priority: 1, locations: [main] }]\nchannels: []\n';

describe('pools and routes', () => {
  it('say no more than the file did', () => {
    const policy = policyOf(`${PROGRAM}
pools:
  - { program: dtc, sku: A, units: 4, until: 2026-12-24 }
  - program: dtc
    group: hot
    percent: 30
    minimum: 5
    protects: prioritised
    release: [{ at: 2026-12-01T00:00:00Z, percent: 50 }]
  - { program: emergency, units: 2 }
routes: [{ id: trade, program: dtc, tag: trade }]
`);
    expect(policy.pools).toEqual([
      { program: 'dtc', sku: 'A', units: 4, activeUntil: Date.UTC(2026, 11, 24), refill: 'never' },
      {
        program: 'dtc',
        sku: '*',
        group: 'hot',
        percent: 30,
        minimum: 5,
        protects: 'prioritised',
        refill: 'never',
        release: [{ at: Date.UTC(2026, 11, 1), percent: 50 }],
      },
      { program: 'emergency', sku: '*', units: 2, refill: 'never' },
    ]);
    expect(policy.routes).toEqual([{ id: 'trade', program: 'dtc', tag: 'trade' }]);
  });

  it.each([
    ['two amounts', 'pools: [{ program: dtc, units: 1, percent: 2 }]', 'pools[0].percent: is 2: stands beside units.'],
    ['no amount', 'pools: [{ program: dtc }]', 'protects nothing. Write one of units, percent and parts'],
    [
      'two scopes',
      'pools: [{ program: dtc, units: 1, sku: A, group: g }]',
      'pools[0].group: is "g": stands beside sku.',
    ],
    [
      'a place beside a limit',
      'pools: [{ program: dtc, units: 5, limit: 9, location: main }]',
      'pools[0].limit: is 9: stands beside location. Take it out, or write it in a pool without a location.',
    ],
    [
      'a place with a maximum alone',
      'pools: [{ program: dtc, maximum: 3, location: main }]',
      'pools[0].maximum: is 3: protects nothing by itself. Write one of units, percent and parts beside it.',
    ],
    [
      'a place of the emergency pool',
      'pools: [{ program: emergency, units: 5, location: main }]',
      'pools[0].location: is "main": stands beside emergency. Take it out: no reallocation moves units of one place.',
    ],
    [
      'an unknown place',
      'pools: [{ program: dtc, units: 5, location: mian }]',
      'pools[0].location: no location is called "mian". Did you mean "main"?',
    ],
    ['bounds that cross', 'pools: [{ program: dtc, percent: 1, minimum: 9, maximum: 2 }]', 'is above the maximum of 2'],
    [
      'an end before its start',
      'pools: [{ program: dtc, units: 1, from: 2026-02-01, until: 2026-01-01 }]',
      'is not after from',
    ],
    [
      'a curve that runs back',
      'pools: [{ program: dtc, units: 1, release: [{ at: 2026-02-01, percent: 9 }, { at: 2026-01-01, percent: 0 }] }]',
      'pools[0].release[1].at: is "2026-01-01": is not after the moment before it',
    ],
    [
      'no such day',
      'pools: [{ program: dtc, units: 1, from: 2026-13-01 }]',
      'a year has the months 01 to 12. Write one of them.',
    ],
    ['a reserved name', 'routes: [{ id: r, program: emergency, tag: x }]', 'no program is called "emergency"'],
    ['a route for everything', 'routes: [{ id: r, program: dtc }]', 'asks for nothing, so every order would take it'],
    ['an unknown channel', 'routes: [{ id: r, program: dtc, channel: fake:z }]', 'no channel is called "fake:z"'],
  ])('refuses %s, and says how to mend it', (_, text, says) => {
    const problems = problemsOf(`${PROGRAM}${text}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(says);
  });

  it('keeps the name of the emergency pool for itself', () => {
    const text = 'programs: [{ id: emergency, priority: 1, locations: [main] }]\nchannels: []\n';
    expect(problemsOf(text)).toEqual([
      'allot.yaml:3:18 programs[0].id: "emergency" is reserved for pools that no order may draw from. Give it another id.',
    ]);
  });
});
