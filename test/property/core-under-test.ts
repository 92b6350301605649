/** The functions that the laws are about, as values: the laws take a core, and prove.ts loads a broken one beneath them. */
import { atpAt, atpByDay, project } from '#core/atp.ts';
import { nextBreaker } from '#core/breaker.ts';
import { decide } from '#core/decide.ts';
import { turnGate } from '#core/gate.ts';
import { isMaterial, latencyBuffer, smallestBuffer } from '#core/latency-buffer.ts';
import { explainLines } from '#core/line-explanation.ts';
import { joinOrder } from '#core/order-state.ts';
import { promiseBy } from '#core/promise.ts';
import { cutInProportion } from '#core/proportion.ts';
import { explain, publish } from '#core/publish.ts';
import { backOffMs } from '#core/retry.ts';
import { fairShares, splitScarce } from '#core/scarcity.ts';
import { planPush } from '#core/wire.ts';

export type Core = {
  readonly decide: typeof decide;
  readonly joinOrder: typeof joinOrder;
  readonly cutInProportion: typeof cutInProportion;
  readonly publish: typeof publish;
  readonly explain: typeof explain;
  readonly explainLines: typeof explainLines;
  readonly planPush: typeof planPush;
  readonly splitScarce: typeof splitScarce;
  readonly fairShares: typeof fairShares;
  readonly project: typeof project;
  readonly atpAt: typeof atpAt;
  readonly atpByDay: typeof atpByDay;
  readonly promiseBy: typeof promiseBy;
  readonly backOffMs: typeof backOffMs;
  readonly nextBreaker: typeof nextBreaker;
  readonly turnGate: typeof turnGate;
  readonly smallestBuffer: typeof smallestBuffer;
  readonly latencyBuffer: typeof latencyBuffer;
  readonly isMaterial: typeof isMaterial;
};

export const CORE: Core = {
  decide,
  joinOrder,
  cutInProportion,
  publish,
  explain,
  explainLines,
  planPush,
  project,
  atpAt,
  atpByDay,
  promiseBy,
  splitScarce,
  fairShares,
  backOffMs,
  nextBreaker,
  turnGate,
  smallestBuffer,
  latencyBuffer,
  isMaterial,
};
