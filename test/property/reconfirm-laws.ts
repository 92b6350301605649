/** Laws of a re-confirmation, after any story: never more than there is, each strategy keeps its word, protection holds. */
import * as fc from 'fast-check';
import type { ReconfirmCommand, Strategy } from '#core/command.ts';
import { promisableTo } from '#core/draw.ts';
import { poolsOf } from '#core/pools.ts';
import { reconfirmReport } from '#core/reconfirm-report.ts';
import type { Facts, ItemState, State } from '#core/state.ts';
import { commandsOf, opening, PLAIN, reconfirmBody, type World } from '../support/arbitraries.ts';
import { command, NOW } from '../support/factory.ts';
import { KIT_WORLD_WITH_RUNS, kitRunBody } from '../support/kit-brand.ts';
import { applyFacts, loadFor, take, takeAll } from '../support/memory-store.ts';
import { promisedAt, sellableAt } from './books-laws.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const LATER = NOW + 60 * 60_000;
const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);

/** A world, and the runs over it. */
type RunWorld = World & { readonly run: fc.Arbitrary<ReconfirmCommand> };
const PLAIN_RUNS: RunWorld = { ...PLAIN, run: reconfirmBody };
export const KIT_RUNS: RunWorld = { ...KIT_WORLD_WITH_RUNS, run: kitRunBody };

const storyArb = ({ brand, body, run }: RunWorld) =>
  fc.tuple(brand, commandsOf(body, { minLength: 3, maxLength: 14 }), run);

function tell(core: Core, brand: State, commands: ReturnType<typeof command>[]): State {
  const first = opening.map((body, index) => command(1000 + index, body));
  return takeAll(
    core.decide,
    brand,
    [first, commands].map((part) => ({ commands: part, now: LATER })),
  );
}

/** The run alone, on a state, with its report. */
function confirm(core: Core, state: State, body: ReconfirmCommand) {
  const commands = [command(2000, body, { occurredAt: LATER })];
  const part = loadFor(state, commands);
  const facts = core.decide(part, commands, LATER);
  return { facts, part, after: applyFacts(state, facts), report: reconfirmReport(part, body, facts, LATER) };
}

const itemOf = (state: State, sku: string): ItemState => {
  const item = state.items.find((each) => each.sku === sku);
  if (item === undefined) throw new Error(`${sku} is in every brand`);
  return item;
};

const heldAt = (item: ItemState, place: string): number =>
  sumOf(item.promises.filter((row) => row.location === place).map((row) => row.held));

/** At no place is more promised than there is, and the report's sums are those of its lines and of the books. */
export const neverMoreThanThereIs = (core: Core, world = PLAIN_RUNS) =>
  fc.property(storyArb(world), ([brand, commands, body]) => {
    const { after, facts, report } = confirm(core, tell(core, brand, commands), body);
    const item = itemOf(after, body.sku);
    for (const { id } of after.locations) {
      const allocated = promisedAt(item, id) - heldAt(item, id);
      expect(allocated, `allocated at ${id}`).toBeLessThanOrEqual(Math.max(0, sellableAt(item, id) - heldAt(item, id)));
    }
    // What is held, and goods that left beyond what was there, no line can give back.
    const beyond = after.locations.map(({ id }) => Math.max(0, heldAt(item, id) - sellableAt(item, id)));
    const told = facts.deficits.filter(({ sku }) => sku === body.sku);
    if (told.length > 0) expect(sumOf(told.map(({ quantity }) => quantity))).toBe(sumOf(beyond));
    expect(report.deficitAfter).toBe(sumOf(beyond));
    expect(report.promisedAfter).toBe(sumOf(item.promises.map(({ allocated }) => allocated)));
    expect(report.promisedAfter - report.promisedBefore).toBe(report.gained - report.lost);
    expect(sumOf(report.lines.map(({ change }) => change))).toBe(
      sumOf(facts.promises.map(({ sku, delta }) => (sku === body.sku ? delta : 0))),
    );
  });

const MAY: Readonly<Record<Strategy, { readonly gain: boolean; readonly lose: boolean }>> = {
  win: { gain: true, lose: false },
  gain: { gain: true, lose: false },
  improve: { gain: true, lose: true },
  redistribute: { gain: true, lose: true },
  fill: { gain: false, lose: true },
  lose: { gain: false, lose: true },
};

/** Nobody above what it wants; who may not gain does not; who may not lose does so as a told exception alone; lose ends with nothing. */
export const strategiesKeepTheirWord = (core: Core, world = PLAIN_RUNS) =>
  fc.property(storyArb(world), ([brand, commands, body]) => {
    const { report } = confirm(core, tell(core, brand, commands), body);
    for (const { strategy, before, after, wanted, change, exception, orderId } of report.lines) {
      expect(after, `units of ${orderId}`).toBeLessThanOrEqual(Math.max(wanted, 0));
      if (!MAY[strategy].gain) expect(change, `${strategy} of ${orderId}`).toBeLessThanOrEqual(0);
      if (!MAY[strategy].lose && change < 0) expect(exception, `${strategy} of ${orderId}`).not.toBeNull();
      if (strategy === 'win') expect(exception === null).toBe(after === wanted);
      if (strategy === 'gain') expect(exception === null).toBe(after >= before);
      if (strategy === 'lose') expect(after).toBe(0);
    }
  });

/** Where all share one place and nothing is protected, turns are exact: no line of a later turn has what one of an earlier lacks. */
export const turnsAreKept = (core: Core) =>
  fc.property(storyArb(PLAIN_RUNS), ([brand, commands, body]) => {
    const programs = brand.policy.programs.map((each) => ({
      ...each,
      drawOrder: 'ownThenShared' as const,
      locations: ['north'],
    }));
    // What a reallocation moved is protected too.
    const unmoved = commands.filter((each) => each.body.kind !== 'reallocate');
    const state = tell(core, { ...brand, policy: { ...brand.policy, programs, pools: [] } }, unmoved);
    const { report, after } = confirm(core, state, body);
    const lacking = report.lines.filter((line) => line.strategy === 'win' && line.after < line.wanted);
    if (lacking.length > 0) {
      for (const line of report.lines)
        if (line.strategy !== 'win') expect(line.after, `units of ${line.orderId}`).toBe(0);
    }
    const cut = report.lines.some((line) => line.strategy === 'gain' && line.after < line.before);
    for (const line of cut ? report.lines : []) {
      if (!['win', 'gain'].includes(line.strategy)) expect(line.after, `units of ${line.orderId}`).toBe(0);
    }
    const waits = report.lines.some(
      (line) => ['win', 'gain', 'improve', 'redistribute'].includes(line.strategy) && line.after < line.wanted,
    );
    const item = itemOf(after, body.sku);
    if (waits)
      expect(promisedAt(item, 'north'), 'nothing lies idle while somebody wants it').toBeGreaterThanOrEqual(
        sellableAt(item, 'north'),
      );
  });

/** What each program could still draw of its own, and what its lines have drawn of it. */
function ownUnits(state: State, item: ItemState, program: State['policy']['programs'][number]): number {
  const free = new Map(state.locations.map(({ id }) => [id, sellableAt(item, id) - promisedAt(item, id)]));
  const left = promisableTo(
    { ...program, drawOrder: 'ownThenShared' },
    poolsOf(state.policy, item, free, LATER),
    free,
  ).own;
  const held = item.promises.filter((row) => row.program === program.id && row.pool === 'own');
  return left + sumOf(held.map(({ allocated }) => allocated));
}

const hasDeficit = (state: State, item: ItemState): boolean =>
  state.locations.some(({ id }) => promisedAt(item, id) > sellableAt(item, id));

/** Less is there than is protected: what a run frees is protected for whoever lacked it (core/README.md, limits). */
function hasCutPools(state: State, item: ItemState): boolean {
  const free = new Map(state.locations.map(({ id }) => [id, sellableAt(item, id) - promisedAt(item, id)]));
  return poolsOf(state.policy, item, free, LATER).own.some((pool) => pool.remaining < pool.units - pool.consumed);
}

/** Who gave nothing up keeps its protection: left and drawn together, where no place lacks what it promised. */
export const protectionOutranksRuns = (core: Core, world = PLAIN_RUNS) =>
  fc.property(storyArb(world), ([brand, commands, body]) => {
    // Only core pools of fixed units and no limit are simply left and drawn; the others change with the supply or by priority.
    const pools = brand.policy.pools.map(({ program, units = 3 }) => ({
      program,
      sku: '*',
      units,
      refill: 'never' as const,
    }));
    const programs = brand.policy.programs.map((each) => ({ ...each, drawOrder: 'ownThenShared' as const }));
    const state = tell(core, { ...brand, policy: { ...brand.policy, programs, pools } }, commands);
    const item = itemOf(state, body.sku);
    if (hasDeficit(state, item) || hasCutPools(state, item)) return;
    const { after, report } = confirm(core, state, body);
    const gaveUp = new Set(report.lines.filter(({ strategy }) => strategy === 'lose').map(({ program }) => program));
    for (const program of state.policy.programs.filter(({ id }) => !gaveUp.has(id))) {
      expect(ownUnits(after, itemOf(after, body.sku), program), `own units of ${program.id}`).toBeGreaterThanOrEqual(
        ownUnits(state, item, program),
      );
    }
  });

/** Neither the order of the segments nor of the loaded lines says anything; run again, it has nothing left to do. */
export const runKnowsNoOrder = (core: Core, world = PLAIN_RUNS) =>
  fc.property(storyArb(world), ([brand, commands, body]) => {
    const state = tell(core, brand, commands);
    const { facts, after } = confirm(core, state, body);
    const turned = { ...state, orders: state.orders.toReversed() };
    const again = confirm(core, turned, { ...body, segments: body.segments.toReversed() });
    const byEntry = (entries: Facts['promises']) => entries.map((entry) => JSON.stringify(entry)).sort();
    expect(byEntry(again.facts.promises)).toEqual(byEntry(facts.promises));
    if (body.by === 'fairShare') return;
    const second = take(core.decide, after, {
      commands: [command(3000, { ...body, others: 'gain', segments: [] })],
      now: LATER,
    });
    expect(
      second.facts.promises.filter(({ kind }) => kind === 'release'),
      'who keeps what it has loses nothing',
    ).toEqual([]);
  });
