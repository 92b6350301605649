/** The shape of a pool in the configuration file: which of its fields go together, and what they protect. */
import { z } from 'zod';
import { EMERGENCY } from '#core/model.ts';
import { group, idOf, moment, percent, sku, UNITS_MAX, units } from './config-words.ts';

const amount = z.number().min(0).max(UNITS_MAX);
const emsrbClass = z.strictObject({
  program: idOf('program'),
  margin: z.number().gt(0).max(UNITS_MAX).describe('what a unit leaves on this program, a number above 0'),
  mean: amount.describe('how many units it will want until the next receipt: a number, 0 or more'),
  deviation: amount.describe('the standard deviation of that: a number, 0 or more'),
});

const releasePoint = z.strictObject({ at: moment, percent });

export const pool = z
  .strictObject({
    program: idOf('program')
      .optional()
      .describe('the id of a program, or "emergency": a pool that only a reallocation may touch'),
    emsrb: z
      .array(emsrbClass)
      .min(2)
      .optional()
      .describe('a list of at least two programs with margin, mean and deviation: protected by EMSR-b, one pool each'),
    sku: sku.optional().describe('a SKU; without it, and without a group, every item without a pool of its own'),
    group: group.optional(),
    location: idOf('location')
      .optional()
      .describe('the id of a location: its units are kept at this place alone, beside the pool of the item'),
    units: units.optional().describe('how many units only this program may take: a whole number, 0 or more'),
    percent: percent
      .optional()
      .describe('a whole percent of the supply (with location: of what is there) that only this program may take'),
    parts: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('a whole number of parts: what fixed and percent pools leave is split among pools with parts'),
    because: z.string().min(1).max(300).optional().describe('why it has so many units, in words for its explanation'),
    minimum: units.optional().describe('a whole number of units that are protected at least'),
    maximum: units.optional().describe('a whole number of units that are protected at most'),
    limit: units
      .optional()
      .describe('a whole number of units that the program may take at most, until the pool is filled anew'),
    protects: z
      .enum(['core', 'prioritised'])
      .default('core')
      .describe('core: against everybody; prioritised: only against programs of the same or a lower priority'),
    from: moment.optional(),
    until: moment.optional(),
    release: z
      .array(releasePoint)
      .min(1)
      .optional()
      .describe(
        'a list of moments, each with the percent of the protection that stands from then on; straight lines between',
      ),
    refill: z
      .enum(['never', 'receipt'])
      .default('never')
      .describe('when the protection starts anew: one of never, receipt'),
  })
  .superRefine(refusePoolMix);

/** What single fields cannot say: which go together, and in which order. */
function refusePoolMix(
  entry: {
    program?: unknown;
    emsrb?: readonly { readonly program: string }[] | undefined;
    sku?: unknown;
    group?: unknown;
    location?: unknown;
    units?: unknown;
    percent?: unknown;
    parts?: unknown;
  } & {
    minimum?: number | undefined;
    maximum?: number | undefined;
    limit?: unknown;
    from?: string | undefined;
    until?: string | undefined;
    release?: readonly { readonly at: string }[] | undefined;
  },
  context: z.RefinementCtx,
): void {
  const refuse = (path: (string | number)[], message: string, input: unknown = entry) =>
    context.addIssue({ code: 'custom', path, message, input });
  const amounts = (['units', 'percent', 'parts'] as const).filter((name) => entry[name] !== undefined);
  const [, second] = amounts;
  if (second !== undefined)
    refuse([second], `stands beside ${amounts[0]}. Keep one of units, percent and parts`, entry[second]);
  const hasBounds = [entry.minimum, entry.maximum, entry.limit].some((value) => value !== undefined);
  if (entry.emsrb !== undefined) refuseBesideEmsrb(entry.emsrb, entry, refuse);
  else if (entry.program === undefined)
    context.addIssue({ code: 'custom', path: ['program'], message: 'is missing', input: undefined });
  else if (amounts.length === 0 && !hasBounds) refuse([], 'protects nothing. Write one of units, percent and parts');
  if (entry.location !== undefined) refuseBesideLocation(entry, refuse);
  if (entry.sku !== undefined && entry.group !== undefined)
    refuse(['group'], 'stands beside sku. Keep one of them', entry.group);
  if (entry.minimum !== undefined && entry.maximum !== undefined && entry.minimum > entry.maximum)
    refuse(['minimum'], `is above the maximum of ${entry.maximum}. Write at most ${entry.maximum}`, entry.minimum);
  if (entry.from !== undefined && entry.until !== undefined && Date.parse(entry.from) >= Date.parse(entry.until))
    refuse(['until'], 'is not after from. Write a later moment', entry.until);
  entry.release?.forEach(({ at }, index, points) => {
    const before = points[index - 1];
    if (before !== undefined && Date.parse(before.at) >= Date.parse(at))
      refuse(['release', index, 'at'], 'is not after the moment before it. Write them in order of time', at);
  });
}

/** What a program may take at most, and what it will want, is asked of the item: a place only keeps units for it. */
function refuseBesideLocation(
  entry: object,
  refuse: (path: (string | number)[], message: string, input: unknown) => void,
): void {
  const said = new Map(Object.entries(entry));
  for (const name of ['emsrb', 'limit']) {
    if (said.get(name) === undefined) continue;
    const message = 'stands beside location. Take it out, or write it in a pool without a location';
    refuse([name], message, said.get(name));
  }
  const amounts = ['units', 'percent', 'parts', 'minimum'].filter((name) => said.get(name) !== undefined);
  if (amounts.length === 0 && said.get('maximum') !== undefined)
    refuse(
      ['maximum'],
      'protects nothing by itself. Write one of units, percent and parts beside it',
      said.get('maximum'),
    );
  if (said.get('program') === EMERGENCY)
    refuse(
      ['location'],
      'stands beside emergency. Take it out: no reallocation moves units of one place',
      said.get('location'),
    );
}

/** EMSR-b names its programs, and says how much each has. */
function refuseBesideEmsrb(
  classes: readonly { readonly program: string }[],
  entry: object,
  refuse: (path: (string | number)[], message: string, input: unknown) => void,
): void {
  const said = new Map(Object.entries(entry));
  for (const name of ['program', 'units', 'percent', 'parts', 'because', 'minimum', 'maximum', 'limit']) {
    if (said.get(name) !== undefined)
      refuse([name], 'stands beside emsrb, which says it. Keep one of them', said.get(name));
  }
  classes.forEach(({ program: named }, index) => {
    if (classes.findIndex((each) => each.program === named) < index)
      refuse(['emsrb', index, 'program'], 'is a class already. Keep one of them', named);
  });
}
