/** `allot explain SKU --pools|--shortages`: who may draw how much of an item, and what is short and why. */
import type { Instant } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import {
  explainPools,
  isOfKit,
  type KitPoolsExplanation,
  type PoolsExplanation,
  type ProgramPool,
  type ProgramSets,
} from '#db/explain-pools.ts';
import { explainShortages, explainShortagesAt, type ShortageExplanation } from '#db/explain-shortages.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import type { Run } from '../session.ts';

/** `past`: null for now. */
export async function showPools(run: Run, db: Database, sku: string, past: Instant | null): Promise<ExitCode> {
  const at = past ?? run.io.now();
  const pools = await explainPools(db, sku, at);
  if (pools === null) {
    throw new Failure(`no policy was in force at ${new Date(at).toISOString()}`, {
      mend: 'allot policy history tells since when there is one',
    });
  }
  if (isOfKit(pools)) run.out.show({ schema: 'allot.explain.kit-pools/1', ...pools }, () => sayKit(run, pools, past));
  else run.out.show({ schema: 'allot.explain.pools/1', ...pools }, () => sayPools(run, pools, past));
  return EXIT.done;
}

const isNone = ({ rule, units }: ProgramPool): boolean => rule === null && units === 0;

function sayPools(run: Run, pools: PoolsExplanation, past: Instant | null): string {
  const { out } = run;
  const places = pools.places
    .map(
      ({ location, sellable, allocated, held }) =>
        `${location} ${sellable} sellable, ${allocated} allocated, ${held} held`,
    )
    .join('; ');
  const table = out.table(
    [
      { title: 'PROGRAM' },
      { title: 'PROTECTED', isNumber: true },
      { title: 'DRAWN', isNumber: true },
      { title: 'LEFT', isNumber: true },
      { title: 'MAY TAKE NOW', isNumber: true },
      { title: 'WHY' },
    ],
    pools.pools.flatMap((pool) => [
      [pool.program, pool.units, pool.consumed, pool.remaining, pool.promise.own + pool.promise.shared, sayPool(pool)],
      ...(pool.places ?? []).map(({ location, units, consumed, remaining, rule }) => [
        `${pool.program} at ${location}`,
        units,
        consumed,
        remaining,
        '',
        `${rule}; drawn at ${location} alone, and counted in what ${pool.program} may take`,
      ]),
    ]),
  );
  const moves = pools.moves.map(
    ({ id, from, to, units, until }) =>
      `reallocation ${id}: ${units} units from ${from} to ${to} until ${new Date(until).toISOString()}`,
  );
  const next =
    pools.nextChangeAt === null ? [] : [`next change by time alone: ${new Date(pools.nextChangeAt).toISOString()}`];
  return [
    `${out.paint('bold', pools.sku)}${past === null ? '' : ` at ${new Date(past).toISOString()}`}: ${pools.free} free (${places}), ${pools.shared} of them shared; policy ${pools.policyVersion}`,
    table.trimEnd(),
    ...moves,
    ...next,
  ].join('\n');
}

function sayKit(run: Run, kit: KitPoolsExplanation, past: Instant | null): string {
  const made = kit.components.map(({ sku, quantity }) => `${quantity} ${sku}`).join(', ');
  const sets = run.out.table(
    [
      { title: 'PROGRAM' },
      { title: 'SETS IT MAY TAKE NOW', isNumber: true },
      { title: 'LIMITED BY' },
      { title: 'WHY' },
    ],
    kit.programs.map((one) => [one.program, one.sets, one.limitedBy, saySets(one)]),
  );
  return [
    `${run.out.paint('bold', kit.sku)}${past === null ? '' : ` at ${new Date(past).toISOString()}`}: a kit of ${made}; it has no pools of its own, its sets are drawn from those of its components; policy ${kit.policyVersion}`,
    sets.trimEnd(),
    ...kit.pools.map((pools) => `\n${sayPools(run, pools, past)}`),
  ].join('\n');
}

function saySets({ components, places }: ProgramSets): string {
  const each = components.map(
    ({ sku, quantity, promise }) => `${sku} ${promise} for ${quantity} each is ${Math.floor(promise / quantity)}`,
  );
  const whole = places?.map(({ location, sets }) => `${location} ${sets}`).join(', ');
  return `${each.join('; ')}${whole === undefined ? '' : `; a set comes from one place, whole there: ${whole}`}`;
}

function sayPool(pool: ProgramPool): string {
  const closed = pool.closedTo
    .map(({ program, units, location }) => `${program} ${units}${location === undefined ? '' : ` at ${location}`}`)
    .join(', ');
  return [
    pool.rule ?? (isNone(pool) ? 'no pool' : 'units received by a reallocation'),
    `${pool.promise.own} own and ${pool.promise.shared} shared, by ${pool.drawOrder}`,
    ...(pool.limitLeft === null ? [] : [`its limit leaves ${pool.limitLeft}`]),
    ...(closed === '' ? [] : [`closed to it: ${closed}`]),
  ].join('; ');
}

/** `at`: null for now. */
export async function showShortages(run: Run, db: Database, sku: string, at: Instant | null): Promise<ExitCode> {
  const shortages = at === null ? await explainShortages(db, sku, run.io.now()) : await explainShortagesAt(db, sku, at);
  if (shortages === null) {
    throw new Failure(
      `too many orders of ${sku} moved since ${new Date(at ?? 0).toISOString()} to tell what was short then`,
      {
        why: 'each is made up again as it stood',
        mend: 'allot explain --order CHANNEL/ORDER --at TIME tells one order; allot explain SKU --pools --at TIME who could draw',
      },
    );
  }
  const moment = at === null ? {} : { at };
  run.out.show({ schema: 'allot.explain.shortages/1', sku, ...moment, shortages }, () =>
    sayShortages(run, at === null ? sku : `${sku} at ${new Date(at).toISOString()}`, shortages),
  );
  return EXIT.done;
}

function sayShortages(run: Run, sku: string, shortages: readonly ShortageExplanation[]): string {
  if (shortages.length === 0) return `${sku}: nothing is short.`;
  return run.out
    .table(
      [{ title: 'TURN' }, { title: 'WHAT' }, { title: 'SHORT', isNumber: true }, { title: 'SINCE' }, { title: 'WHY' }],
      shortages.map((one) => [
        one.turn ?? '-',
        one.orderId === null ? `place ${one.place}` : `${one.orderId} line ${one.lineRef}`,
        one.quantity,
        run.out.age(one.since),
        sayWhy(one),
      ]),
    )
    .trimEnd();
}

function sayWhy({ orderId, program, promise, closed, causes }: ShortageExplanation): string {
  if (orderId === null) {
    const last = causes.map(
      ({ kind, delta, actor, reason }) => `${kind} ${delta} by ${actor}${reason === null ? '' : ` (${reason})`}`,
    );
    return `more is promised there than there is; last taken away: ${last.join(', ') || 'nothing'}. To move it: allot reconfirm --deficits --simulate`;
  }
  if (promise === null) return `program ${program} is not in the policy: it draws nothing`;
  const open = closed === null ? `${promise} sets now` : `${promise} units now, ${closed} free ones are closed to it`;
  return `program ${program} may take ${open}; it is served by itself as supply comes`;
}
