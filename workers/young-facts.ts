/**
 * Facts of a batch outlive a collection or two until they are stored. V8 concludes that objects made in those places live long, and
 * makes them in the old generation from then on ("allocation site pretenuring"), where only a whole collection frees them. Without
 * that `decide` takes 1.35 times as many order lines per second of processor time (`npm run bench -- core`, spread).
 */
import { setFlagsFromString } from 'node:v8';

/** For the whole process, before the first batch. */
export const keepFactsYoung = (): void => setFlagsFromString('--no-allocation-site-pretenuring');
