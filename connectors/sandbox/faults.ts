/**
 * Faults that a sandbox commits on purpose, drawn from a seeded generator: the same seed and the same calls give the same faults.
 *
 * Every probability runs from 0 (never) to 1 (always). Those on calls are rolled once per API call, before the platform's own code.
 */
import { z } from 'zod';

const chance = z.number().min(0).max(1).default(0);

export const faultsSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  /** The webhook is delivered twice. Where the platform is a mailbox these are of the file: under its name or another, or stated anew. */
  duplicateWebhook: chance,
  /** It is never delivered; a file is sent again when nothing is heard of it. */
  dropWebhook: chance,
  /** It is delivered up to this much later. */
  delayWebhookMs: z.int().min(0).max(600_000).default(0),
  /** It is held for up to a second, so that later ones overtake it. */
  reorderWebhook: chance,
  /** A file of that number comes before it, cut short or with ends that do not fit. */
  brokenInterchange: chance,
  /** The acknowledgment of a document of ours comes up to this much later. */
  lateReceiptMs: z.int().min(0).max(600_000).default(0),
  /** It never comes. */
  loseReceipt: chance,
  /** The call is answered by the platform's own word for "slow down"; nothing is applied. */
  throttle: chance,
  /** 503 before anything is applied. */
  error5xx: chance,
  /** Applied, then the connection is cut. */
  timeoutAfterApply: chance,
  /** The connection is cut before anything is applied. */
  timeoutBeforeApply: chance,
  /** The connection is cut, and the call is applied some hundreds of milliseconds later. */
  lateApply: chance,
  /** Never answered, never applied; the connection stays open. */
  hang: chance,
  /** 401: the access token is no longer good. */
  refuseCredential: chance,
  /** 200 with a page of HTML, as a gateway answers; nothing is applied. */
  htmlBody: chance,
  /** Applied, and the JSON of the answer ends half way. */
  truncatedBody: chance,
  /** 200 and a body of 64 MiB; nothing is applied. */
  hugeBody: chance,
  /** Applied, and answered 200 with `{}`. */
  emptyBody: chance,
  /** A changed order shows up in lists up to this much later, as platforms index late. */
  indexLagMs: z.int().min(0).max(600_000).default(0),
  /** A ticket is forgotten with everything in it. */
  loseTicket: chance,
  /** A ticket stays at work for good. */
  stallTicket: chance,
  /** One item of a ticket is refused although it was well formed. */
  failTicketItem: chance,
});

export type SandboxFaults = z.output<typeof faultsSchema>;
export type SandboxFaultsInput = z.input<typeof faultsSchema>;

/** What happens to one API call. */
export type CallFault =
  | 'none'
  | 'throttle'
  | 'error5xx'
  | 'timeoutAfterApply'
  | 'timeoutBeforeApply'
  | 'lateApply'
  | 'hang'
  | 'refuseCredential'
  | 'htmlBody'
  | 'truncatedBody'
  | 'hugeBody'
  | 'emptyBody';

const CALL_FAULTS = [
  'refuseCredential',
  'throttle',
  'error5xx',
  'hang',
  'timeoutBeforeApply',
  'lateApply',
  'timeoutAfterApply',
  'htmlBody',
  'truncatedBody',
  'hugeBody',
  'emptyBody',
] as const satisfies readonly Exclude<CallFault, 'none'>[];

/** 0 <= x < 1, from a seed alone (mulberry32, Tommy Ettinger, public domain). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export type FaultDice = {
  set(faults: SandboxFaultsInput): SandboxFaults;
  readonly current: SandboxFaults;
  /** Draws only for faults that are on, so that what is off does not shift the draws of what is on. */
  roll(chance: number): boolean;
  /** A whole number from 0 to `max`. */
  upTo(max: number): number;
  rollCall(): CallFault;
};

export function createFaultDice(initial: SandboxFaultsInput = {}): FaultDice {
  let current = faultsSchema.parse(initial);
  let random = createRandom(current.seed);
  const roll = (probability: number): boolean => probability > 0 && random() < probability;
  return {
    set(faults) {
      current = faultsSchema.parse(faults);
      random = createRandom(current.seed);
      return current;
    },
    get current() {
      return current;
    },
    roll,
    upTo: (max) => (max <= 0 ? 0 : Math.floor(random() * (max + 1))),
    rollCall: () => CALL_FAULTS.find((name) => roll(current[name])) ?? 'none',
  };
}
