/**
 * The published number of a listing: one versioned function, in DESIGN's order, every step a line of the explanation.
 *
 * Guarantees: pure; the quantity is a whole number of packs, never below 0; `explain` recomputes exactly `publish`. Inputs are
 * stored with each target, the sentences are rendered when somebody asks.
 */
import { type BackorderInputs, sayBackorder } from './backorder.ts';
import type { FairPart } from './fair-parts.ts';
import { type LatencyBufferInputs, sayLatencyBuffer } from './latency-buffer.ts';
import { type LotInputs, sayLots } from './lot-inputs.ts';
import type { DrawOrder, Instant, LocationId, Move, ProgramId, Sku } from './model.ts';
import type { Protection } from './place-pools.ts';

/** Raise it when a step changes: a stored target is explained by the function that made it. */
export const PUBLISH_VERSION = 3;

/** What a kit's number is made of; the figures beside it are those of the component `limitedBy`. */
export type KitInputs = {
  readonly components: readonly {
    readonly sku: Sku;
    /** In one set. */
    readonly quantity: number;
    /** Units that the program could be given. */
    readonly promise: number;
  }[];
  /** Sets that each place has whole; null where a set may be put together from several. */
  readonly places: readonly { readonly location: LocationId; readonly sets: number }[] | null;
  readonly limitedBy: Sku;
};

/** Whole sets: the least of the components', and no more than the places have whole. */
export function setsOf({ components, places }: KitInputs): number {
  const sets = Math.min(...components.map(({ promise, quantity }) => Math.floor(promise / quantity)));
  return places === null ? sets : Math.min(sets, sum(places.map((place) => place.sets)));
}

export type PublishInputs = {
  readonly publishVersion: number;
  readonly policyVersion: number;
  readonly program: ProgramId;
  readonly drawOrder: DrawOrder;
  /** Per place the program may use: sellable, allocated (to anybody) and held. */
  readonly places: readonly {
    readonly location: LocationId;
    readonly sellable: number;
    readonly allocated: number;
    readonly held: number;
    /** Of what is free there, kept by pools of this place for others; absent: nothing. */
    readonly protectedForOthers?: number;
  }[];
  /** Free units of the item in all places, before anyone's protection. */
  readonly free: number;
  readonly own: {
    readonly units: number;
    readonly consumed: number;
    readonly remaining: number;
    /** The pool's rule in words; absent without one. */
    readonly rule?: string;
    /** What the program's limit leaves to it. */
    readonly limitLeft?: number;
  };
  /** Units still protected for other programs, and for whom; those of version 1 name none. */
  readonly protectedForOthers: number;
  readonly protectedBy?: readonly Protection[];
  /** The program's own pools of single places, and what of `fromOwn` they give; absent without any. */
  readonly ownAt?: {
    readonly places: readonly {
      readonly location: LocationId;
      readonly units: number;
      readonly consumed: number;
      readonly remaining: number;
      readonly rule: string;
    }[];
    readonly from: number;
    /** What they keep where this listing is not filled from. */
    readonly elsewhere: number;
  };
  /** What the channel's rule applies to. */
  readonly rule?: string;
  /** The channel's second rule set counts: the item has fewer free units than its minimum. */
  readonly belowMinimum?: number;
  /** What the draw order lets this program take of its own and of the shared pool. */
  readonly fromOwn: number;
  readonly fromShared: number;
  /** Its part of the shared pool, where its channel asks for a fair one: counts instead of `fromShared`, of which it is a part. */
  readonly fairShare?: FairPart;
  /** Its channel asks for a fair part, and it has none; absent on those of before. */
  readonly noFairShare?: 'kit' | 'onePlace';
  readonly sharePercent: number;
  readonly safetyStock: number;
  readonly buffer: number;
  /** What these two are made of, where they are more than units of the rule. */
  readonly safetyStockOf?: string;
  readonly bufferOf?: string;
  /** Of the buffer: what is reckoned from measured latency. */
  readonly latencyBuffer?: LatencyBufferInputs;
  /** Base units. */
  readonly inFlight: number;
  readonly inFlightUntil: Instant | null;
  /** Absent where the program sells nothing beyond stock. */
  readonly backorder?: BackorderInputs;
  readonly hideAtOrBelow: number | null;
  readonly cap: number | null;
  readonly pack: number;
  /** Of a kit alone. */
  readonly kit?: KitInputs;
  /** The only place that counts, for a program whose lines come from one place; absent where they may be split. */
  readonly onePlace?: LocationId;
  /** What lots keep from it; absent where they keep nothing. */
  readonly lots?: LotInputs;
  /** Reallocations in force that touch the program's own pool or the shared one. */
  readonly moves?: readonly Move[];
};

/** What a program may take is made of, before any rule of a channel: of a listing's number, and of what a line could be given. */
export type PromiseInputs = Pick<
  PublishInputs,
  | 'program'
  | 'drawOrder'
  | 'places'
  | 'free'
  | 'own'
  | 'ownAt'
  | 'protectedForOthers'
  | 'protectedBy'
  | 'fromOwn'
  | 'fromShared'
  | 'kit'
  | 'onePlace'
  | 'lots'
  | 'moves'
>;

export type Step = {
  readonly id: StepId;
  /** What this step did to the number; the last step's `result` is the published quantity. */
  readonly change: number;
  readonly result: number;
  readonly says: string;
};

export type StepId =
  | 'supply'
  | 'committed'
  | 'held'
  | 'life'
  | 'protected'
  | 'drawOrder'
  | 'fairShare'
  | 'kit'
  | 'share'
  | 'safetyStock'
  | 'buffer'
  | 'inFlight'
  | 'backorder'
  | 'hideAtOrBelow'
  | 'cap'
  | 'pack'
  | 'floor';

export type Explanation = { readonly quantity: number; readonly unit: string; readonly steps: readonly Step[] };

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Units that the rules of the channel start from. */
const promiseOf = (inputs: PublishInputs): number =>
  inputs.kit === undefined ? inputs.fromOwn + (inputs.fairShare?.units ?? inputs.fromShared) : setsOf(inputs.kit);

/** The figures that a promise becomes a number by. */
export type ShowFigures = Pick<
  PublishInputs,
  'sharePercent' | 'safetyStock' | 'buffer' | 'inFlight' | 'hideAtOrBelow' | 'cap' | 'pack'
> & { readonly backorder?: Pick<BackorderInputs, 'units'> | null };

/** The one definition of the number, in listing units (packs), from the promise on. */
export function quantityOf(promise: number, by: ShowFigures): number {
  const shared = Math.floor((promise * by.sharePercent) / 100);
  const kept = shared - by.safetyStock - by.buffer - by.inFlight;
  const sold = kept + (by.backorder?.units ?? 0);
  const hidden = by.hideAtOrBelow !== null && sold <= by.hideAtOrBelow ? Math.min(sold, 0) : sold;
  const capped = by.cap === null ? hidden : Math.min(hidden, by.cap);
  return Math.max(0, Math.floor(capped / by.pack));
}

/** The number again, from the inputs that are stored with it alone. */
export const publish = (inputs: PublishInputs): number => quantityOf(promiseOf(inputs), inputs);

const inBrackets = (words: string | undefined): string => (words === undefined || words === '' ? '' : ` (${words})`);

type Draft = { id: StepId; result: number; says: string };

const sayMoves = ({ moves = [] }: PromiseInputs): string =>
  moves
    .map(({ id, from, to, units, until }) => {
      const end = new Date(until).toISOString();
      return `; reallocation ${id} moved ${units} from ${from} to ${to} until ${end}`;
    })
    .join('');

export const sayProtection = ({ program, units, location, rule }: Protection): string =>
  `${program} ${units}${location === undefined ? '' : ` at ${location}`}${rule === undefined ? '' : `: ${rule}`}`;

function sayOwnAt({ ownAt }: PromiseInputs): string {
  if (ownAt === undefined) return '';
  const pools = ownAt.places.map(
    ({ location, units, consumed, remaining, rule }) =>
      `${location}: ${units} protected, ${consumed} drawn, ${remaining} left; ${rule}`,
  );
  const where = pools.length === 0 ? 'none where this listing is filled from' : pools.join(' / ');
  return `${ownAt.from} from its own pools of one place (${where}), `;
}

function promiseDrafts(inputs: PromiseInputs): Draft[] {
  const supply = sum(inputs.places.map((place) => place.sellable));
  const committed = sum(inputs.places.map((place) => place.allocated));
  const held = sum(inputs.places.map((place) => place.held));
  const names = inputs.places.map((place) => `${place.location} ${place.sellable}`).join(', ');
  const free = supply - committed - held;
  const { lots } = inputs;
  const usable = free - (lots?.unusable ?? 0);
  const reachable = Math.max(0, usable - sum(inputs.places.map((place) => place.protectedForOthers ?? 0)));
  const elsewhere = inputs.ownAt?.elsewhere ?? 0;
  const { rule: ownRule, limitLeft } = inputs.own;
  const protectors = inputs.protectedBy?.map(sayProtection).join(', ');
  return [
    {
      id: 'supply',
      result: supply,
      says: `sellable on hand where ${inputs.program} may draw (${names || 'no place'})`,
    },
    { id: 'committed', result: supply - committed, says: `${committed} allocated to open orders of every channel` },
    { id: 'held', result: free, says: `${held} held` },
    ...(lots === undefined
      ? []
      : [{ id: 'life' as const, result: usable, says: sayLots(inputs.program, free, lots, inputs.places.length) }]),
    {
      id: 'protected',
      result: Math.min(reachable, Math.max(0, inputs.free - inputs.protectedForOthers - elsewhere)),
      says:
        `${inputs.protectedForOthers} of ${inputs.free} free units are protected for other programs${inBrackets(protectors)}` +
        (elsewhere === 0 ? '' : `, ${elsewhere} for its own pools at places that this listing is not filled from`),
    },
    {
      id: 'drawOrder',
      result: inputs.fromOwn + inputs.fromShared,
      says:
        `${sayOwnAt(inputs)}${inputs.fromOwn - (inputs.ownAt?.from ?? 0)} from its own pool (${inputs.own.units} protected, ` +
        `${inputs.own.consumed} drawn, ${inputs.own.remaining} left${ownRule === undefined ? '' : `; ${ownRule}`}) ` +
        `and ${inputs.fromShared} shared, ` +
        `by ${inputs.drawOrder}${limitLeft === undefined ? '' : `; its limit leaves ${limitLeft}`}` +
        (inputs.onePlace === undefined ? '' : `, all from ${inputs.onePlace}: a line comes from one place`) +
        sayMoves(inputs),
    },
  ];
}

const NO_FAIR_SHARE = {
  kit: 'asked for, and not made of kits: this one shows all sets that its program could be given, and other listings may show the same units',
  onePlace:
    'asked for, and not made where a line comes from one place: this one shows all that its program could be given there, and other listings may show the same units',
} as const;

/** Only where it is asked for. */
function fairDrafts(inputs: PublishInputs): Draft[] {
  if (inputs.noFairShare !== undefined) {
    const result = inputs.fromOwn + inputs.fromShared;
    return [{ id: 'fairShare', result, says: NO_FAIR_SHARE[inputs.noFairShare] }];
  }
  if (inputs.fairShare === undefined) return [];
  const { units, shared, listings, weight, ofWeight } = inputs.fairShare;
  const says =
    `${units} of ${inputs.fromShared} shared: its fair part of ${shared} units, ` +
    `split among ${listings} listings that ask for one, by weight ${weight} of ${ofWeight}` +
    (inputs.fromShared > shared
      ? `; what other pools leave open to its program is not split: their own listings show it`
      : '');
  return [{ id: 'fairShare', result: promiseOf(inputs), says }];
}

function kitDrafts(kit: KitInputs): Draft[] {
  const each = kit.components.map(
    ({ sku, quantity, promise }) => `${sku} ${promise} for ${quantity} each is ${Math.floor(promise / quantity)}`,
  );
  const whole = kit.places?.map(({ location, sets }) => `${location} ${sets}`).join(', ');
  const says =
    `whole sets, limited by ${kit.limitedBy}: ${each.join('; ')}` +
    (whole === undefined ? '' : `; a set comes from one place, whole there: ${whole}`);
  return [{ id: 'kit', result: setsOf(kit), says }];
}

/** Which of the channel's rules gave this and the numbers below. */
function ruleWords({ rule, belowMinimum }: PublishInputs): string | undefined {
  if (rule === undefined) return undefined;
  return belowMinimum === undefined
    ? `rule for ${rule}`
    : `second rule for ${rule}: fewer free units than the item's minimum of ${belowMinimum}`;
}

function ruleDrafts(inputs: PublishInputs, promise: number): Draft[] {
  const share = Math.floor((promise * inputs.sharePercent) / 100);
  const safety = share - inputs.safetyStock;
  const bufferWords = inputs.latencyBuffer === undefined ? inputs.bufferOf : sayLatencyBuffer(inputs.latencyBuffer);
  const buffer = safety - inputs.buffer;
  const inFlight = buffer - inputs.inFlight;
  const backorder = inFlight + (inputs.backorder?.units ?? 0);
  const isHidden = inputs.hideAtOrBelow !== null && backorder <= inputs.hideAtOrBelow;
  const hidden = isHidden ? Math.min(backorder, 0) : backorder;
  const capped = inputs.cap === null ? hidden : Math.min(hidden, inputs.cap);
  const packs = Math.floor(capped / inputs.pack);
  return [
    {
      id: 'share',
      result: share,
      says: `${inputs.sharePercent} % of the promise, rounded down${inBrackets(ruleWords(inputs))}`,
    },
    {
      id: 'safetyStock',
      result: safety,
      says: `${inputs.safetyStock} safety stock, never promised${inBrackets(inputs.safetyStockOf)}`,
    },
    { id: 'buffer', result: buffer, says: `${inputs.buffer} buffer of the channel${inBrackets(bufferWords)}` },
    {
      id: 'inFlight',
      result: inFlight,
      says: `${inputs.inFlight} sold there by its own number, their orders still on the way`,
    },
    { id: 'backorder', result: backorder, says: sayBackorder(inputs.backorder) },
    {
      id: 'hideAtOrBelow',
      result: hidden,
      says: inputs.hideAtOrBelow === null ? 'no hide rule' : `shows 0 at or below ${inputs.hideAtOrBelow}`,
    },
    { id: 'cap', result: capped, says: inputs.cap === null ? 'no cap' : `at most ${inputs.cap}` },
    { id: 'pack', result: packs, says: `whole listing units of ${inputs.pack}, rounded down` },
    { id: 'floor', result: Math.max(0, packs), says: 'never below 0' },
  ];
}

function stepsOf(drafts: readonly Draft[]): Step[] {
  let before = 0;
  return drafts.map((draft): Step => {
    const step = { id: draft.id, change: draft.result - before, result: draft.result, says: draft.says };
    before = draft.result;
    return step;
  });
}

/** What a program may take, step by step; of a kit in whole sets. */
export const promiseSteps = (inputs: PromiseInputs): Step[] =>
  stepsOf([...promiseDrafts(inputs), ...(inputs.kit === undefined ? [] : kitDrafts(inputs.kit))]);

/** The same number with a line per step: from any line's result the next follows by its own words. */
export function explain(inputs: PublishInputs): Explanation {
  const { kit } = inputs;
  const drafts = [...promiseDrafts(inputs), ...fairDrafts(inputs), ...(kit === undefined ? [] : kitDrafts(kit))];
  const steps = stepsOf([...drafts, ...ruleDrafts(inputs, promiseOf(inputs))]);
  const quantity = steps.at(-1)?.result ?? 0;
  return { quantity, unit: inputs.pack === 1 ? 'units' : `packs of ${inputs.pack}`, steps };
}
