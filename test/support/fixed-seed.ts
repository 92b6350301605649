/**
 * Properties of `npm test` use one seed, so that a green commit stays green: a counterexample that one seed in ten thousand finds
 * belongs to the one who looks for it. `npm run prove` looks, with a new seed each time; `PROPERTY_SEED=7 npm test` looks elsewhere.
 */
import * as fc from 'fast-check';

const SEED = 20_261_130;

fc.configureGlobal({ seed: Number(process.env.PROPERTY_SEED ?? SEED) });
