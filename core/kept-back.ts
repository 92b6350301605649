/** What a channel's rule keeps back of its share: safety stock and buffer, with what they are made of in words. Pure. */
import { type Exposure, latencyBuffer } from './latency-buffer.ts';
import type { ShowRule } from './model.ts';
import type { PublishInputs } from './publish.ts';

/** Where the channel may show `share` units: how many its rule keeps back, and of what, in words. */
export function keptBack(
  rule: ShowRule,
  share: number,
  planned: number | null,
  exposure: Exposure | null = null,
): Pick<PublishInputs, 'safetyStock' | 'buffer' | 'safetyStockOf' | 'bufferOf' | 'latencyBuffer'> {
  const percentOf = (percent: number | undefined): number =>
    percent === undefined ? 0 : Math.ceil((Math.max(0, share) * percent) / 100);
  const isPlanned = rule.isSafetyStockPlanned === true;
  const derived = rule.latencyBuffer === undefined ? undefined : latencyBuffer(rule.latencyBuffer, exposure);
  if (rule.safetyStockPercent === undefined && !isPlanned && rule.bufferPercent === undefined) {
    if (derived === undefined) return { safetyStock: rule.safetyStock, buffer: rule.buffer };
    return { safetyStock: rule.safetyStock, buffer: derived.units, latencyBuffer: derived };
  }
  const safetyParts = [
    ...(rule.safetyStock > 0 ? [`${rule.safetyStock} units`] : []),
    ...(rule.safetyStockPercent === undefined ? [] : [`${rule.safetyStockPercent} % of ${share}, rounded up`]),
    ...(isPlanned ? [planned === null ? 'planned: not planned yet' : `${planned} planned`] : []),
  ];
  const bufferParts = [
    ...(rule.buffer > 0 ? [`${rule.buffer} units`] : []),
    ...(rule.bufferPercent === undefined ? [] : [`${rule.bufferPercent} % of ${share}, rounded up`]),
  ];
  return {
    safetyStock: rule.safetyStock + percentOf(rule.safetyStockPercent) + (isPlanned ? (planned ?? 0) : 0),
    buffer: derived?.units ?? rule.buffer + percentOf(rule.bufferPercent),
    ...(rule.safetyStockPercent === undefined && !isPlanned ? {} : { safetyStockOf: safetyParts.join(' + ') }),
    ...(rule.bufferPercent === undefined ? {} : { bufferOf: bufferParts.join(' + ') }),
    ...(derived === undefined ? {} : { latencyBuffer: derived }),
  };
}
