/** Days spread over processes, one per core. A lane that dies ends the run with its reason: no day is left out of a sum. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Keep } from './brand.ts';
import type { DayResult } from './day.ts';

export type Ask = { readonly seed: number; readonly keep: Keep; readonly kits: boolean };

const LANE = join(import.meta.dirname, 'lane.ts');

function runLane(waiting: Ask[], onDay: (result: DayResult) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = fork(LANE, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let isDone = false;
  const next = (): void => {
    const ask = waiting.shift();
    isDone = ask === undefined;
    if (ask === undefined) child.kill();
    else child.send(ask);
  };
  child.on('message', (result) => {
    onDay(result as DayResult);
    next();
  });
  child.on('error', reject);
  child.on('exit', (code, signal) => {
    if (isDone) resolve();
    else reject(new Error(`a process that played days ended with ${signal ?? `exit ${code}`}: see above`));
  });
  next();
  return promise;
}

/** In the order of the asks. */
export async function playDays(
  asks: readonly Ask[],
  { lanes, onDay }: { readonly lanes: number; readonly onDay: (done: number) => void },
): Promise<readonly DayResult[]> {
  const waiting = [...asks];
  const results = new Map<string, DayResult>();
  const nameOf = ({ seed, keep }: Pick<Ask, 'seed' | 'keep'>): string => JSON.stringify([seed, keep]);
  const keep = (result: DayResult): void => {
    results.set(nameOf(result), result);
    onDay(results.size);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, asks.length) }, () => runLane(waiting, keep)));
  return asks.flatMap((ask) => results.get(nameOf(ask)) ?? []);
}
