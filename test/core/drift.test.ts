import { describe, expect, it } from 'vitest';
import {
  CAUSES,
  type DriftCause,
  type DriftEvidence,
  driftRuleFor,
  isContested,
  judgeDrift,
  LOWERED_TOO_MS,
  lookValue,
  loweredLately,
  mayWriteStopped,
  NEEDS_PERSON,
  provesHealed,
  WAR_WINDOW_MS,
} from '#core/drift.ts';
import { PUBLISH_VERSION, type PublishInputs } from '#core/publish.ts';
import { MINUTE_MS, NOW } from '../support/factory.ts';

const compares = { basis: 'sellable', compares: true } as const;

const shows = (sellable: number, over: Partial<DriftEvidence['observed']> = {}): DriftEvidence['observed'] => ({
  sellable,
  shown: sellable,
  state: 'tracked',
  asOf: NOW,
  ...over,
});

/** Ten were written, nothing was sold, and nothing else is known. */
const evidence = (sellable: number, over: Partial<DriftEvidence> = {}): DriftEvidence => ({
  target: { quantity: 10, ownSold: 0, ownOpen: 0, inFlight: 0, seenSold: null, seenUntil: null },
  sync: { ackedQuantity: 10, ackedWire: 10, soldBaseline: 0 },
  protection: compares,
  observed: shows(sellable),
  now: NOW,
  writtenAt: NOW - 60 * MINUTE_MS,
  ackedAt: NOW - 60 * MINUTE_MS,
  writtenBefore: [],
  pack: 1,
  sku: 'TEA',
  namedSku: null,
  others: [],
  deficit: 0,
  countedAt: null,
  resumedAt: null,
  overwrites: [],
  wins: { up: 'allot', down: 'allot' },
  inputs: null,
  ...over,
});
/** Fewer than there should be, and no order came in time. */
const disbelieved = (seenSold: number, over: Partial<DriftEvidence> = {}): Partial<DriftEvidence> => ({
  target: { quantity: 10, ownSold: 0, ownOpen: 0, inFlight: 0, seenSold, seenUntil: NOW - 1 },
  ...over,
});
const overwrite = (theirs: number, at: number, isSure = true) => ({ at, ours: 10, theirs, isSure });

const causeOf = (sellable: number, over?: Partial<DriftEvidence>): DriftCause | null =>
  judgeDrift(evidence(sellable, over))?.cause ?? null;

describe('the cause of drift', () => {
  it('is none where it shows what it should', () => {
    expect(causeOf(10)).toBeNull();
  });
  it.each(['missing', 'untracked', 'notBuyable'] as const)('is the state of the listing: %s', (state) => {
    expect(judgeDrift(evidence(0, { observed: shows(0, { state }) }))).toMatchObject({ cause: state, remedy: 'wait' });
  });
  it('is a clock where the read is dated after now, or long before a write that it followed: lowered, never raised', () => {
    const ahead = { observed: shows(14, { asOf: NOW + 10 * MINUTE_MS }) };
    expect(judgeDrift(evidence(14, ahead))).toMatchObject({ cause: 'clock', remedy: 'write' });
    const behind = { observed: shows(4, { asOf: NOW - 90 * MINUTE_MS }) };
    expect(judgeDrift(evidence(4, behind))).toMatchObject({ cause: 'clock', remedy: 'wait' });
    expect(causeOf(14, { observed: shows(14, { asOf: NOW + MINUTE_MS }) })).toBe('manualEdit');
  });
  it('is a late order while orders may come: sales below, cancellations of open units above', () => {
    expect(judgeDrift(evidence(7))).toMatchObject({
      cause: 'lateOrder',
      direction: 'down',
      remedy: 'fetch',
      overwrite: null,
    });
    const open = { target: { quantity: 8, ownSold: 2, ownOpen: 2, inFlight: 0, seenSold: null, seenUntil: null } };
    expect(judgeDrift(evidence(10, open))).toMatchObject({ cause: 'lateOrder', direction: 'up' });
    expect(causeOf(11, open)).toBe('manualEdit');
  });
  it('is a unit where it is exactly a pack off, and not with small numbers', () => {
    expect(judgeDrift(evidence(60, { pack: 6 }))).toMatchObject({ cause: 'unit', remedy: 'write' });
    const two = { target: { quantity: 2, ownSold: 0, ownOpen: 0, inFlight: 0, seenSold: null, seenUntil: null } };
    expect(causeOf(4, { ...two, sync: { ackedQuantity: 2, ackedWire: 2, soldBaseline: 0 }, pack: 2 })).toBe(
      'manualEdit',
    );
  });
  it('is the mapping where the platform names another of our items', () => {
    expect(causeOf(12, { namedSku: 'COFFEE' })).toBe('mapping');
    expect(causeOf(12, { namedSku: 'TEA' })).toBe('manualEdit');
  });
  it('is a lost push where an earlier number of ours stands there', () => {
    expect(judgeDrift(evidence(25, { writtenBefore: [25] }))).toMatchObject({ cause: 'lostPush', remedy: 'write' });
  });
  it('is own stock where another channel was lowered too, or more is promised than there is; never raised until counted', () => {
    const others = [{ channel: 'shop:b', unexplained: 7 }];
    const wrong = judgeDrift(evidence(3, disbelieved(7, { others })));
    expect(wrong).toMatchObject({ cause: 'ownStock', remedy: 'stop', stops: 'ownStock' });
    expect(causeOf(3, disbelieved(7, { deficit: 4 }))).toBe('ownStock');
    expect(causeOf(3, disbelieved(7))).toBe('manualEdit');
  });
  it('is a second writer after three overwrites within the window, each after a number of ours', () => {
    const at = (minutes: number) => NOW - minutes * MINUTE_MS;
    const two = { overwrites: [overwrite(30, at(90)), overwrite(40, at(70))] };
    const war = judgeDrift(evidence(50, two));
    expect(war).toMatchObject({ cause: 'secondWriter', stops: 'secondWriter', remedy: 'write' });
    expect(judgeDrift(evidence(50, { overwrites: two.overwrites.slice(1) }))?.cause).toBe('manualEdit');
    // Long ago, or seen twice without a write of ours between.
    expect(causeOf(50, { overwrites: [overwrite(30, NOW - WAR_WINDOW_MS - 1), overwrite(40, at(70))] })).toBe(
      'manualEdit',
    );
    const seenAgain = { overwrites: [overwrite(40, at(70)), overwrite(50, at(5))] };
    expect(judgeDrift(evidence(50, seenAgain))).toMatchObject({ cause: 'manualEdit', overwrite: null });
  });
  it('blames nobody for what our own late write may leave behind where nothing is compared', () => {
    const blind = { protection: { basis: 'sellable', compares: false } as const };
    const sold = { quantity: 6, ownSold: 4, ownOpen: 4, inFlight: 0, seenSold: null, seenUntil: null };
    const drift = judgeDrift(evidence(9, { ...blind, target: sold }));
    expect(drift).toMatchObject({ cause: 'lateOrder', remedy: 'write', overwrite: null });
  });
  it('is no overwrite where our own write landed over a sale, however soon that was shipped', () => {
    const shipped = { quantity: 6, ownSold: 4, ownOpen: 0, inFlight: 0, seenSold: null, seenUntil: null };
    const blind = { protection: { basis: 'sellable', compares: false } as const, target: shipped };
    expect(judgeDrift(evidence(10, blind))).toMatchObject({ cause: 'lateOrder', remedy: 'write', overwrite: null });
    expect(judgeDrift(evidence(11, blind))).toMatchObject({ cause: 'manualEdit', overwrite: { isSure: true } });
    // A platform that compares refuses such a write: somebody else made it.
    expect(judgeDrift(evidence(10, { target: shipped }))).toMatchObject({ overwrite: { isSure: true } });
  });
  it('compares the raw number where the platform takes its own open orders off', () => {
    const less = { basis: 'onHandLessOwnOpen', compares: false } as const;
    const target = { quantity: 8, ownSold: 2, ownOpen: 2, inFlight: 0, seenSold: null, seenUntil: null };
    const read = (shown: number) => ({ protection: less, target, observed: { ...shows(shown - 2), shown } });
    expect(judgeDrift(evidence(0, read(10)))).toBeNull();
    expect(judgeDrift(evidence(0, read(13)))?.cause).toBe('manualEdit');
  });
});

describe('who wins', () => {
  const inputs: PublishInputs = {
    publishVersion: PUBLISH_VERSION,
    policyVersion: 1,
    program: 'dtc',
    drawOrder: 'ownThenShared',
    places: [{ location: 'main', sellable: 10, allocated: 0, held: 0 }],
    free: 10,
    own: { units: 0, consumed: 0, remaining: 0 },
    protectedForOthers: 0,
    fromOwn: 0,
    fromShared: 10,
    sharePercent: 100,
    safetyStock: 0,
    buffer: 0,
    inFlight: 0,
    inFlightUntil: null,
    hideAtOrBelow: null,
    cap: null,
    pack: 1,
  };
  const remedy = (over: Partial<DriftEvidence>) => judgeDrift(evidence(14, over))?.remedy;

  it('is allot, unless the channel says otherwise for that direction', () => {
    expect(driftRuleFor(undefined, 'shop:a')).toEqual({ up: 'allot', down: 'allot' });
    const rules = [{ channel: 'shop:a', up: 'ask', down: 'platform' } as const];
    expect(driftRuleFor(rules, 'shop:a')).toMatchObject({ up: 'ask' });
    expect(driftRuleFor(rules, 'shop:b')).toEqual({ up: 'allot', down: 'allot' });
    expect(remedy({})).toBe('write');
    expect(remedy({ wins: { up: 'ask', down: 'allot' } })).toBe('stop');
    expect(remedy({ wins: { up: 'allot', down: 'ask' } })).toBe('write');
  });
  it('is the platform only where stock by the difference makes its number; else a person is asked', () => {
    const wins = { up: 'platform', down: 'platform' } as const;
    expect(remedy({ wins, inputs })).toBe('adopt');
    expect(judgeDrift(evidence(14, { wins, inputs: { ...inputs, cap: 10 } }))).toMatchObject({
      remedy: 'stop',
      stops: 'ask',
    });
    expect(remedy({ wins })).toBe('stop');
    expect(judgeDrift(evidence(7, { wins, inputs }))?.remedy).toBe('fetch');
    expect(judgeDrift(evidence(7, { ...disbelieved(3), wins, inputs }))?.remedy).toBe('adopt');
  });
  it('is whoever a person said, until our number was acknowledged once', () => {
    const asks = { wins: { up: 'ask', down: 'ask' } as const };
    expect(judgeDrift(evidence(14, { ...asks, resumedAt: NOW - 1 }))).toMatchObject({ remedy: 'write', stops: null });
    expect(judgeDrift(evidence(14, { ...asks, resumedAt: NOW - 99 * MINUTE_MS }))?.remedy).toBe('stop');
  });
});

describe('a stopped listing', () => {
  it('is still lowered, but where a person is asked', () => {
    expect(mayWriteStopped('secondWriter', 4, 10)).toBe(true);
    expect(mayWriteStopped('ownStock', 10, 10)).toBe(false);
    expect(mayWriteStopped('ask', 4, 10)).toBe(false);
    expect(mayWriteStopped('secondWriter', 4, null)).toBe(false);
  });
});

describe('proofs and looks', () => {
  it('prove by a tracked read of the wanted number alone', () => {
    const { target } = evidence(10);
    expect(provesHealed(target, compares, shows(10))).toContain('it shows 10');
    expect(provesHealed(target, compares, shows(9))).toBeNull();
    expect(provesHealed(target, compares, shows(10, { state: 'missing' }))).toBeNull();
  });
  it('contest what neither our write nor its sales left there', () => {
    const { target, sync } = evidence(10);
    expect(isContested(target, sync, compares, shows(10))).toBe(false);
    expect(isContested({ ...target, ownSold: 3 }, sync, compares, shows(7))).toBe(false);
    expect(isContested(target, sync, compares, shows(12))).toBe(true);
  });
  it('go to old and to well selling listings, and first to those that a period passed by', () => {
    expect(lookValue(2000, 0, 9000)).toBeGreaterThan(lookValue(1000, 0, 9000));
    expect(lookValue(1000, 50, 9000)).toBeGreaterThan(lookValue(2000, 0, 9000));
    expect(lookValue(9000, 0, 9000)).toBeGreaterThan(lookValue(8000, 1e6, 9000));
  });
  it('name every cause, and those that a person has to know of', () => {
    expect(new Set(CAUSES).size).toBe(CAUSES.length);
    for (const cause of NEEDS_PERSON) expect(CAUSES).toContain(cause);
  });
});

describe('a listing that was lowered lately', () => {
  const lowered = { at: 10_000, ours: 46, theirs: 1, isSure: true };
  const at = { now: 20_000, countedAt: null };

  it('tells by how much at most, as long as nobody counted and it is not long ago', () => {
    expect(loweredLately([lowered, { ...lowered, ours: 12, theirs: 9 }], at)).toBe(45);
    expect(loweredLately([lowered], { ...at, countedAt: 10_000 })).toBe(0);
    expect(loweredLately([lowered], { ...at, countedAt: 9999 })).toBe(45);
    expect(loweredLately([lowered], { ...at, now: 10_000 + LOWERED_TOO_MS })).toBe(0);
  });

  it('is none that was raised, or where our own late write may have left as much', () => {
    expect(loweredLately([{ ...lowered, theirs: 50 }], at)).toBe(0);
    expect(loweredLately([{ ...lowered, isSure: false }], at)).toBe(0);
  });
});
