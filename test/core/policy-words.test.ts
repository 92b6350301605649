/** A change of the policy in words: every field is told, by entry, and the order of entries is no change. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changesOfPolicy, durationWords, summaryOf } from '#core/policy-words.ts';

const POLICY = {
  programs: [
    { id: 'dtc', priority: 20, drawOrder: 'ownThenShared', locations: ['main', 'east'] },
    { id: 'wholesale', priority: 10, drawOrder: 'ownOnly', locations: ['main'] },
  ],
  pools: [
    { program: 'wholesale', sku: '*', units: 10, refill: 'receipt' },
    { program: 'wholesale', sku: 'MUG', units: 40, refill: 'never' },
  ],
  channels: [{ channel: 'shopify:main', program: 'dtc', sku: '*', sharePercent: 100, buffer: 1, cap: null }],
  inFlightMs: 600_000,
};

const says = (after: object) => changesOfPolicy(POLICY, { ...POLICY, ...after }).map((change) => change.says);

describe('changesOfPolicy', () => {
  test('tells each field of an entry from what to what', () => {
    const [first, second] = POLICY.pools;
    expect(says({ pools: [first, { ...second, units: 60, refill: 'receipt' }] })).toEqual([
      'pool of wholesale for MUG: protected units from 40 to 60, refill from never to receipt',
    ]);
    expect(says({ channels: [{ ...POLICY.channels[0], sharePercent: 80, cap: 50 }] })).toEqual([
      'shopify:main for every item: share from 100 % to 80 %, cap from none to 50 units',
    ]);
  });

  test('tells a buffer from measured latency by its own words, whole and field by field', () => {
    const [rule] = POLICY.channels;
    const derived = { ...rule, buffer: 0, latencyBuffer: { oversellPercent: 0.5, atLeast: 1, atMost: 20 } };
    expect(says({ channels: [derived] })).toEqual([
      'shopify:main for every item: buffer from 1 unit to 0 units, buffer from measured latency from none to (chance of overselling at most 0.5 %, at least 1 unit, at most 20 units)',
    ]);
    const before = { ...POLICY, channels: [derived] };
    const after = { ...POLICY, channels: [{ ...derived, latencyBuffer: { ...derived.latencyBuffer, atMost: 30 } }] };
    expect(changesOfPolicy(before, after).map((change) => change.says)).toEqual([
      'shopify:main for every item: buffer from measured latency: at most from 20 units to 30 units',
    ]);
  });

  test('tells what is new and what is gone, whole', () => {
    expect(says({ pools: [POLICY.pools[0], { program: 'dtc', sku: 'CUP', units: 5, refill: 'never' }] })).toEqual([
      'gone: pool of wholesale for MUG (protected units 40, refill never)',
      'new: pool of dtc for CUP (protected units 5, refill never)',
    ]);
  });

  test('tells a pool of one place by its place, beside the one of the item', () => {
    const there = { program: 'wholesale', sku: 'MUG', location: 'east', units: 5, refill: 'never' };
    expect(says({ pools: [...POLICY.pools, there] })).toEqual([
      'new: pool of wholesale for MUG at east (protected units 5, refill never)',
    ]);
    const before = { ...POLICY, pools: [...POLICY.pools, there] };
    const after = { ...POLICY, pools: [...POLICY.pools, { ...there, units: 7 }] };
    expect(changesOfPolicy(before, after).map((change) => change.says)).toEqual([
      'pool of wholesale for MUG at east: protected units from 5 to 7',
    ]);
  });

  test('tells an order that means something, a value of its own, and a part that comes or goes', () => {
    const [dtc, wholesale] = POLICY.programs;
    expect(says({ programs: [{ ...dtc, locations: ['east', 'main'] }, wholesale] })).toEqual([
      'program dtc: locations from main, east to east, main',
    ]);
    expect(says({ inFlightMs: 90_000 })).toEqual(['time in flight from 10m to 90s']);
    expect(says({ approval: { policy: 'required' } })).toEqual(['new: approval (policy required)']);
  });

  test('tells fields and sections that nobody named, nested ones field by field', () => {
    const pools = [POLICY.pools[0], { ...POLICY.pools[1], pickTags: { zone: 'A' } }];
    const before = { ...POLICY, pools, tides: [{ id: 't1', highWater: 3 }] };
    const after = {
      ...before,
      pools: [pools[0], { ...pools[1], pickTags: { zone: 'B', label: 'fair' } }],
      tides: [{ id: 't1', highWater: 4 }],
    };
    expect(changesOfPolicy(before, after).map((change) => change.says)).toEqual([
      'pool of wholesale for MUG: pick tags: zone from A to B, pick tags: label from none to fair',
      'tides t1: high water from 3 to 4',
    ]);
  });

  test('keeps two entries of one key apart', () => {
    const season = (activeFrom: number, units: number) => ({ program: 'dtc', sku: 'CUP', units, activeFrom });
    const [may, june] = [Date.UTC(2026, 4, 1), Date.UTC(2026, 5, 1)];
    const before = { pools: [season(may, 5), season(june, 9)] };
    const changes = changesOfPolicy(before, { pools: [season(may, 5), season(june, 8)] });
    expect(changes.map((change) => change.says)).toEqual([
      'pool of dtc for CUP from 2026-06-01T00:00Z: protected units from 9 to 8',
    ]);
  });

  describe('pairs pools of one item by their time, not by their order', () => {
    const [may, june, july] = [Date.UTC(2026, 4, 1), Date.UTC(2026, 5, 1), Date.UTC(2026, 6, 1)];
    const always = { program: 'wholesale', sku: 'MUG', units: 1800 };
    const season = { ...always, units: 18, activeFrom: may, activeUntil: june };
    const told = (before: readonly object[], after: readonly object[]) =>
      changesOfPolicy({ pools: before }, { pools: after }).map((change) => change.says);
    const added =
      'new: pool of wholesale for MUG (protected units 18, active from 2026-05-01T00:00Z, active until 2026-06-01T00:00Z)';

    test('a second one is new and the first one as it was, whichever stands first', () => {
      expect(told([always], [always, season])).toEqual([added]);
      expect(told([always], [season, always])).toEqual([added]);
      expect(told([season, always], [always])).toEqual([added.replace('new', 'gone')]);
      expect(told([always, season], [season, { ...always, units: 9 }])).toEqual([
        'pool of wholesale for MUG: protected units from 1800 to 9',
      ]);
    });

    test('one that is moved is told as moved, beside others too', () => {
      expect(told([season], [{ ...season, activeFrom: june, activeUntil: july }])).toEqual([
        'pool of wholesale for MUG: active from from 2026-05-01T00:00Z to 2026-06-01T00:00Z, active until from 2026-06-01T00:00Z to 2026-07-01T00:00Z',
      ]);
      const longer = { ...season, activeUntil: july };
      expect(told([always, season], [longer, always])).toEqual([
        'pool of wholesale for MUG from 2026-05-01T00:00Z until 2026-06-01T00:00Z: active until from 2026-06-01T00:00Z to 2026-07-01T00:00Z',
      ]);
    });

    test('where several go and several come, none is told as another', () => {
      const of = (activeFrom: number, activeUntil: number) => ({ ...season, activeFrom, activeUntil });
      const kinds = changesOfPolicy({ pools: [of(1, 2), of(3, 4)] }, { pools: [of(5, 6), of(7, 8)] }).map(
        ({ kind }) => kind,
      );
      expect(kinds).toEqual(['removed', 'removed', 'added', 'added']);
    });
  });

  test('of the first policy everything is new', () => {
    const changes = changesOfPolicy(null, { ...POLICY, version: 1 });
    expect(changes.every(({ kind }) => kind === 'added')).toBe(true);
    expect(changes).toHaveLength(6);
    expect(summaryOf(changes)).toBe(
      'new: program dtc (priority 20, draw order ownThenShared, locations main, east); and 5 more',
    );
    expect(summaryOf([])).toBe('nothing');
  });

  const poolKey = fc.record({ program: fc.constantFrom('a', 'b', 'c'), sku: fc.constantFrom('*', 'X', 'Y', 'Z') });
  const pools = fc
    .uniqueArray(poolKey, { selector: ({ program, sku }) => `${program} ${sku}` })
    .chain((keys) =>
      fc.tuple(
        ...keys.map((key) =>
          fc
            .record({ units: fc.nat(99), refill: fc.constantFrom('never', 'receipt') })
            .map((rest) => ({ ...key, ...rest })),
        ),
      ),
    );

  test('the same entries in any order, with keys in any order, are no change; any other value is told once', () => {
    fc.assert(
      fc.property(pools, fc.nat(), (entries, turn) => {
        const turned = entries.map((entry) => Object.fromEntries(Object.entries(entry).reverse())).reverse();
        expect(changesOfPolicy({ pools: entries }, { pools: turned })).toEqual([]);
        const at = entries.length === 0 ? 0 : turn % entries.length;
        const other = entries.map((entry, index) => (index === at ? { ...entry, units: entry.units + 1 } : entry));
        expect(changesOfPolicy({ pools: entries }, { pools: other })).toHaveLength(Math.min(1, entries.length));
      }),
    );
  });
});

test.each([
  [500, '500ms'],
  [90_000, '90s'],
  [600_000, '10m'],
  [7_200_000, '2h'],
  [172_800_000, '2d'],
])('%i ms is %s', (ms, text) => {
  expect(durationWords(ms)).toBe(text);
});
