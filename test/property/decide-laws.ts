/** Laws of `decide` as a function: deterministic, harmless to its input, indifferent to how commands are cut into batches, parking alone. */
import * as fc from 'fast-check';
import { type Command, orderOf } from '#core/command.ts';
import { applyFacts as replayFacts } from '#core/replay.ts';
import type { Facts, ShortLine, State } from '#core/state.ts';
import { badBody, commandsOf, opening, PLAIN, splitAt, type World } from '../support/arbitraries.ts';
import { command, NOW } from '../support/factory.ts';
import { applyFacts, deepFreeze, loadFor, take, takeAll } from '../support/memory-store.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const LATER = NOW + 60 * 60_000;

const opened = (core: Core, brand: State): State =>
  take(core.decide, brand, { commands: opening.map((body, index) => command(1000 + index, body)), now: NOW }).state;

/** Same input, byte-equal output; and the input is as it was. */
export const isDeterministic = (core: Core, world: World = PLAIN) =>
  fc.property(world.brand, commandsOf(world.body), commandsOf(world.body), (brand, before, commands) => {
    const told = takeAll(core.decide, opened(core, brand), [{ commands: before, now: LATER }]);
    const state = deepFreeze(loadFor(told, commands));
    deepFreeze(commands);
    const text = JSON.stringify(state);
    const first = JSON.stringify(core.decide(state, commands, LATER));
    expect(JSON.stringify(core.decide(JSON.parse(text), JSON.parse(JSON.stringify(commands)), LATER))).toBe(first);
    expect(JSON.stringify(state)).toBe(text);
  });

/** What must not depend on batching: everything that is stored but the order of entries and the number of versions. */
function essence(state: State): unknown {
  const byKey = <T>(rows: readonly T[], keyOf: (row: T) => string): T[] =>
    [...rows].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  return {
    orders: byKey(state.orders, (order) => order.id),
    items: state.items.map((item) => ({
      sku: item.sku,
      balances: byKey(
        item.balances.filter((row) => row.quantity !== 0 || row.countedAsOf !== null),
        (row) => `${row.location} ${row.disposition}`,
      ),
      promises: byKey(
        item.promises.filter((row) => row.allocated !== 0 || row.held !== 0),
        (row) => `${row.location} ${row.program} ${row.pool}`,
      ),
      drawn: byKey(
        item.drawn.filter((row) => row.consumed !== 0 || row.taken !== 0),
        (row) => row.program,
      ),
      lots: byKey(
        (item.lots?.balances ?? []).filter((row) => row.quantity !== 0 || row.allocated !== 0 || row.held !== 0),
        (row) => `${row.location} ${row.disposition} ${row.lot}`,
      ),
      holds: byKey(item.holds, (hold) => `${hold.id}`),
      moves: byKey(item.moves, (row) => `${row.id}`),
      supply: byKey(item.supply, (row) => row.ref),
      demand: byKey(item.demand, (row) => row.ref),
      listings: item.listings.map(({ target, ...listing }) => ({ ...listing, target: target?.quantity ?? null })),
    })),
  };
}

export const batchingChangesNothing = (core: Core, world: World = PLAIN) =>
  fc.property(
    world.brand,
    commandsOf(fc.oneof({ weight: 12, arbitrary: world.body }, { weight: 1, arbitrary: badBody })),
    fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    (brand, commands, cuts) => {
      const state = opened(core, brand);
      // An order behind a parked one is parked with it inside a batch; across batches the database sees to that.
      const parked = new Set(
        core
          .decide(loadFor(state, commands), commands, LATER)
          .outcomes.flatMap((o) => (o.kind === 'parked' ? [o.commandId] : [])),
      );
      const taken = commands.filter((each) => !parked.has(each.id));
      const many = splitAt(taken, cuts).map((part) => ({ commands: part, now: LATER }));
      expect(essence(takeAll(core.decide, state, many))).toEqual(
        essence(takeAll(core.decide, state, [{ commands: taken, now: LATER }])),
      );
    },
  );

const withoutOutcomes = (facts: Facts): unknown => ({ ...facts, outcomes: [] });

/** The batch without its parked commands gives the same facts; what is parked is the refused and what follows it of its order. */
export const parkedLeavesNoTrace = (core: Core, world: World = PLAIN) =>
  fc.property(
    world.brand,
    commandsOf(fc.oneof({ weight: 4, arbitrary: world.body }, { weight: 1, arbitrary: badBody })),
    (brand, commands) => {
      const state = loadFor(opened(core, brand), commands);
      const facts = core.decide(state, commands, LATER);
      const parked = new Map(facts.outcomes.flatMap((o) => (o.kind === 'parked' ? [[o.commandId, o] as const] : [])));
      const rest = commands.filter((each) => !parked.has(each.id));
      expect(withoutOutcomes(core.decide(state, rest, LATER))).toEqual(withoutOutcomes(facts));
      expect(facts.outcomes.map((outcome) => outcome.commandId)).toEqual(commands.map((each) => each.id));
      expectParkedTogether(commands, parked);
    },
  );

function expectParkedTogether(
  commands: readonly Command[],
  parked: ReadonlyMap<number, { readonly code: string; readonly reason: string }>,
): void {
  const stopped = new Set<string>();
  for (const each of commands) {
    const order = orderOf(each.body);
    const outcome = parked.get(each.id);
    if (outcome?.code === 'defect') throw new Error(`parked as a defect: ${outcome.reason}`);
    if (order !== null && stopped.has(order)) expect(outcome?.code).toBe('behind-parked');
    else expect(outcome?.code ?? '').not.toBe('behind-parked');
    if (order !== null && outcome !== undefined) stopped.add(order);
  }
}

const nameOf = ({ id, line }: ShortLine): string => `${id} ${line.lineRef}`;
const inOneForm = (state: State): State => ({
  ...state,
  items: state.items.map((item) => ({
    ...item,
    shorts: item.shorts.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
    shortOf: item.shortOf.toSorted((a, b) => (a.program < b.program ? -1 : 1)),
  })),
});

/** Facts alone rebuild the state, by core/replay and by its plain twin; decided again, the stored commands give the stored state. */
export const factsReplay = (core: Core, world: World = PLAIN) =>
  fc.property(
    world.brand,
    commandsOf(world.body),
    fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    (brand, commands, cuts) => {
      const batches = splitAt(commands, cuts).map((part) => ({ commands: part, now: LATER }));
      const start = opened(core, brand);
      const written: Facts[] = [];
      let live = start;
      for (const batch of batches) {
        const step = take(core.decide, live, batch);
        live = step.state;
        written.push(JSON.parse(JSON.stringify(step.facts)));
      }
      expect(written.reduce(applyFacts, start)).toEqual(live);
      const replayed = written.reduce((state, facts) => replayFacts(deepFreeze(state), deepFreeze(facts)), start);
      expect(inOneForm(replayed)).toEqual(inOneForm(live));
      expect(takeAll(core.decide, start, batches)).toEqual(live);
    },
  );
