/** A brand of three programs with a channel each, and moves between their pools. */
import type { CommandBody, ReallocateCommand } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { PoolId } from '#core/model.ts';
import { DAY_MS } from '#core/reallocation-guards.ts';
import type { Facts, State } from '#core/state.ts';
import { channelRule, command, item, listing, NOW, oneLineOrder, policy, pool, program, stateOf } from './factory.ts';
import { take } from './memory-store.ts';

export const END = NOW + 7 * DAY_MS;

export const move = (id: number, from: PoolId, to: PoolId, units: number): ReallocateCommand => ({
  kind: 'reallocate',
  id,
  sku: 'TEA',
  from,
  to,
  units,
  until: END,
});
export const end = (id: number): CommandBody => ({ kind: 'end-reallocation', id, sku: 'TEA', as: 'expired' });

/** Three programs with a channel each; the pools as given, `onHand` at main. */
export function brand(pools: Readonly<Record<string, number>>, onHand: number): State {
  const programs = ['flash', 'retail', 'web'].map((id) => program(id));
  const channels = programs.map(({ id }) => channelRule(`shop:${id}`, id));
  const rules = policy({ programs, channels, pools: Object.entries(pools).map(([id, units]) => pool(id, units)) });
  const listings = channels.map(({ channel }, index) => listing(index + 1, { channel }));
  return stateOf({ policy: rules, items: [item('TEA', { main: onHand }, { listings })] });
}

let nextId = 1;
export function run(state: State, ...bodies: readonly CommandBody[]): { state: State; facts: Facts } {
  let step = { state, facts: decide(state, [], NOW) };
  for (const body of bodies) step = take(decide, step.state, { commands: [command(nextId++, body)], now: NOW });
  return step;
}

export const order = (id: string, ordered: number): CommandBody =>
  oneLineOrder(
    `o-${id}`,
    { ordered, listingRef: `ref-${['flash', 'retail', 'web'].indexOf(id) + 1}` },
    { channel: `shop:${id}` },
  );
