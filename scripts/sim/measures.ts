/**
 * Sales measured in memory, for a buffer from measured latency: what db/sales-measures.ts counts in tables and workers/measure-sales.ts
 * makes of it. The exposure, and whether it makes another buffer, are production's own (core/exposure.ts).
 *
 * A day starts with the rates of the three days before it, of the same demand and other seeds; times until a channel knows are measured
 * from nothing, so that LATENCY_UNMEASURED_MS counts until the first orders were acknowledged.
 */
import type { CommandBody } from '#core/command.ts';
import { type ListingSales, measureExposure } from '#core/exposure.ts';
import type { Component, Policy } from '#core/model.ts';
import { BUCKETS_PER_DOUBLING, FAST_MS, latencyFigures, SLOW_MS } from '#core/sales-measures.ts';
import type { Facts } from '#core/state.ts';
import { DAY_MS, KIT, KIT_PARTS, packOf, partsOf, START } from './brand.ts';
import type { House } from './house.ts';
import type { Line } from './line.ts';
import { arrivalsOf } from './traffic.ts';

const EVERY_MS = 10_000;
/** Production's turn is shorter: what sells no more is noticed later here. */
const TURN_MS = 60_000;
const DAYS_BEFORE = [1, 2, 3];

const KITS: ReadonlyMap<string, readonly Component[]> = new Map([[KIT, KIT_PARTS]]);

type Sales = { -readonly [K in keyof ListingSales]: ListingSales[K] };
/** A number that knows of a sale elsewhere, until its channel has acknowledged it. */
type Waiting = { readonly version: number; readonly soldAt: number };

const bucketOf = (ms: number): number => Math.ceil(BUCKETS_PER_DOUBLING * Math.log2(Math.max(1, ms)) - 1e-9);

export class Measures {
  readonly #allot: House;
  readonly #policy: Policy;
  readonly #sales = new Map<string, Sales[]>();
  readonly #counts = new Map<string, Map<number, number>>();
  readonly #waiting = new Map<number, Waiting[]>();
  readonly #sold = new Set<string>();
  readonly #shown = new Map<number, number>();

  constructor(allot: House, policy: Policy) {
    this.#allot = allot;
    this.#policy = policy;
  }

  start(): void {
    const { seed, hasKits } = this.#allot.world.traffic;
    for (const day of DAYS_BEFORE)
      for (const { channel, sku, units, at } of arrivalsOf(seed, hasKits, `demand ${day} days before`))
        this.#addSale(channel, sku, units, { at: at - day * DAY_MS, now: START });
    const again = (): void => {
      const { now, lines } = this.#allot;
      const isTurn = (now - START) % TURN_MS === 0;
      this.#measure(
        [...lines.values()].filter(({ sku }) => isTurn || partsOf(sku).some((part) => this.#sold.has(part.sku))),
      );
      this.#sold.clear();
      this.#allot.world.clock.after(EVERY_MS, again);
    };
    again();
  }

  #addSale(channel: string, sold: string, listed: number, moments: { at: number; now: number }): void {
    for (const { sku, quantity } of partsOf(sold)) {
      this.#sold.add(sku);
      this.#addUnits({ channel, listingRef: sold, sku }, listed * packOf(channel, sold) * quantity, moments);
    }
  }

  #addUnits(
    { channel, listingRef, sku }: Pick<ListingSales, 'channel' | 'listingRef' | 'sku'>,
    units: number,
    { at, now }: { at: number; now: number },
  ): void {
    const rows = this.#sales.get(sku) ?? [];
    this.#sales.set(sku, rows);
    let row = rows.find((one) => one.channel === channel && one.listingRef === listingRef);
    if (row === undefined) {
      row = { sku, channel, listingRef, at: now, fastUnits: 0, fastSquares: 0, slowUnits: 0, slowSquares: 0 };
      rows.push(row);
    }
    const [fade, add] = [
      (life: number) => Math.exp((row.at - now) / life),
      (life: number) => Math.exp((at - now) / life),
    ];
    row.fastUnits = row.fastUnits * fade(FAST_MS) + units * add(FAST_MS);
    row.fastSquares = row.fastSquares * fade(FAST_MS) + units ** 2 * add(FAST_MS);
    row.slowUnits = row.slowUnits * fade(SLOW_MS) + units * add(SLOW_MS);
    row.slowSquares = row.slowSquares * fade(SLOW_MS) + units ** 2 * add(SLOW_MS);
    row.at = now;
  }

  /** A command was decided. */
  onDecided(body: CommandBody, { targets }: Pick<Facts, 'targets'>, isFirstMet: boolean): void {
    const { now } = this.#allot;
    for (const { listing, version, quantity } of targets) {
      const line = this.#allot.lines.get(listing);
      const before = this.#shown.get(listing) ?? 0;
      this.#shown.set(listing, quantity);
      if (body.kind !== 'order-state' || !isFirstMet || line === undefined || quantity >= before) continue;
      if (line.channel === body.channel && body.order.lines.some(({ listingRef }) => listingRef === line.sku)) continue;
      const waiting = this.#waiting.get(listing) ?? [];
      waiting.push({ version, soldAt: body.order.modifiedAt });
      this.#waiting.set(listing, waiting);
    }
    if (body.kind !== 'order-state' || !isFirstMet) return;
    for (const { listingRef, ordered } of body.order.lines) {
      this.#addSale(body.channel, listingRef ?? '', ordered, { at: body.order.placedAt, now });
    }
  }

  onAcknowledged(line: Line): void {
    const waiting = this.#waiting.get(line.id);
    if (waiting === undefined) return;
    const known = waiting.filter(({ version }) => version <= line.ackedVersion);
    if (known.length === 0) return;
    this.#waiting.set(
      line.id,
      waiting.filter(({ version }) => version > line.ackedVersion),
    );
    const counts = this.#counts.get(line.channel) ?? new Map<number, number>();
    this.#counts.set(line.channel, counts);
    for (const { soldAt } of known) {
      const bucket = bucketOf(this.#allot.now - soldAt);
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    }
  }

  #measure(lines: readonly Line[]): void {
    if (lines.length === 0) return;
    const { now, books } = this.#allot;
    const latency = new Map(
      [...this.#counts].flatMap(([channel, counts]) => {
        const figures = latencyFigures([...counts].map(([bucket, count]) => ({ bucket, count })));
        return figures === null ? [] : [[channel, figures] as const];
      }),
    );
    const measures = { policy: this.#policy, latency, parts: KITS, sales: this.#sales, now };
    for (const { channel, sku } of lines) {
      const { exposure = null } = books.listing(channel, sku);
      const measured = measureExposure({ sku, channel, listingRef: sku, groups: [], exposure }, measures);
      if (measured === null) continue;
      books.expose(channel, sku, measured.exposure);
      if (measured.isMaterial) this.#allot.review(sku);
    }
  }
}
