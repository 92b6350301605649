/** Random brands where places are what matters: pools of some of them, and programs that do not reach all. */
import * as fc from 'fast-check';
import { anyBody, emptyBrand, PLACES, PROGRAMS, policyArb, SKUS, type World } from './arbitraries.ts';
import { placePoolArb } from './place-pool.ts';

export const PLACED: World = {
  body: anyBody,
  brand: fc
    .record({
      rules: policyArb,
      places: fc.array(fc.constantFrom<string[]>([...PLACES], [...PLACES].reverse(), ['north'], ['south']), {
        minLength: PROGRAMS.length,
        maxLength: PROGRAMS.length,
      }),
      pools: fc.array(placePoolArb(PROGRAMS, PLACES, SKUS), { minLength: 1, maxLength: 4 }),
    })
    .map(({ rules, places: reach, pools }) => {
      const programs = rules.programs.map((each, index) => ({ ...each, locations: reach[index] ?? [...PLACES] }));
      const brand = emptyBrand({ ...rules, programs, pools: [...rules.pools, ...pools] });
      return { ...brand, locations: PLACES.map((id) => ({ id, master: 'allot', sells: true })) };
    }),
};
