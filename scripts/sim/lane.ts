/** A process that plays days as it is asked, one after another: a lane per core (lanes.ts). */
import { playDay } from './day.ts';
import type { Ask } from './lanes.ts';

process.on('message', ({ seed, keep, kits }: Ask) => {
  process.send?.(playDay(seed, { keep, kits }).result);
});
