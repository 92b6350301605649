/** The only clock of the workers: whoever needs the time gets `now` handed in, so that tests and the simulator bring their own. */
import type { Instant } from '#core/model.ts';

export const systemClock = (): Instant => Date.now();
