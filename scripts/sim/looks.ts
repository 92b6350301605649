/**
 * Looks in memory: the light scan by age and value, drift with its cause, stops, alerts (workers/compare.ts, light-scan.ts, contest.ts).
 *
 * Every listing that can be read is looked at within one light-scan period. An alert closes by a read alone, which is checked here
 * against what the read did show.
 */
import {
  type Drift,
  type DriftCause,
  type DriftEvidence,
  lookValue,
  loweredLately,
  NEEDS_PERSON,
  type OtherListing,
} from '#core/drift.ts';
import { isExpected, type WireTarget } from '#core/wire.ts';
import { LIGHT_SCAN_MS, LIGHT_TICK_MS } from './brand.ts';
import type { House } from './house.ts';
import type { Line } from './line.ts';
import type { Seen } from './platform.ts';

/** A page that was being read while we wrote shows the number before. */
const READING_MS = 2000;
const ALLOT_WINS = { up: 'allot', down: 'allot' } as const;

export type OpenAlert = { readonly cause: string; readonly line: Line; readonly openedAt: number };

export class Looks {
  readonly #allot: House;
  readonly alerts = new Map<string, OpenAlert>();
  closed = 0;
  closedWithoutProof = 0;
  /** When an alert of each listing was last raised or seen again. */
  readonly alertedAt = new Map<number, number>();
  onDrift: (line: Line, cause: DriftCause) => void = () => undefined;
  onHealed: (line: Line) => void = () => undefined;

  constructor(allot: House) {
    this.#allot = allot;
  }

  start(): void {
    const { clock } = this.#allot.world;
    const again = (): void => {
      this.#scan();
      clock.after(LIGHT_TICK_MS, again);
    };
    clock.after(LIGHT_TICK_MS, again);
  }

  /** By age and value; those that the period would pass by first of all. */
  #scan(): void {
    const { now } = this.#allot;
    const lines = [...this.#allot.lines.values()].filter(({ platform }) => platform.channel.kind !== 'documents');
    const byChannel = Map.groupBy(lines, ({ channel }) => channel);
    for (const group of byChannel.values()) {
      const size = Math.ceil((2 * group.length * LIGHT_TICK_MS) / LIGHT_SCAN_MS);
      const worthOf = (line: Line): number => {
        const { ownSold } = this.#allot.books.listing(line.channel, line.sku);
        return lookValue(now - line.lookedAt, ownSold, LIGHT_SCAN_MS);
      };
      const chosen = group.sort((a, b) => worthOf(b) - worthOf(a)).slice(0, size);
      for (const line of chosen) {
        line.lookedAt = now;
        line.platform.read(line.sku, (seen) => {
          if (seen !== null) this.compare(line, seen);
        });
      }
    }
  }

  /** A number that the platform told by itself: news is looked at. */
  onLevel(line: Line, shown: number): void {
    const target = this.#allot.target(line);
    if (target === null || isExpected(line.platform.channel.protection.basis, target, line.sync, shown)) return;
    this.#askForRead(line);
  }

  #askForRead(line: Line): void {
    line.readDueAt = Math.min(line.readDueAt ?? this.#allot.now, this.#allot.now);
    this.#allot.pusher.ring(line);
  }

  #isInFlight(line: Line, version: number): boolean {
    const { now } = this.#allot;
    const { settleMs } = line.platform.channel;
    return (
      line.isBusy ||
      version > line.ackedVersion ||
      line.blockedUntil > now ||
      line.ackedAt > now - READING_MS ||
      (line.writtenAt ?? 0) > now - Math.max(READING_MS, settleMs)
    );
  }

  /** What a look showed, against what should be shown. */
  compare(line: Line, seen: Seen): void {
    const target = this.#allot.target(line);
    if (target === null) return;
    line.shows = seen.sellable;
    if (line.stopped === null && seen.state === 'tracked' && this.#isInFlight(line, target.version)) return;
    const { protection } = line.platform.channel;
    const proof = this.#allot.core.provesHealed(target, protection, seen);
    if (proof !== null) {
      this.#heal(line, target, seen);
      return;
    }
    const drift = this.judge(line, target, seen);
    if (drift === null) return;
    this.note(line, drift);
    if (drift.remedy === 'fetch') this.#allot.poll(line.channel);
    if (drift.remedy === 'fetch' || drift.remedy === 'write') this.#askForRead(line);
  }

  judge(line: Line, target: WireTarget, seen: Seen): Drift | null {
    return this.#allot.core.judgeDrift(this.#evidence(line, target, seen));
  }

  #evidence(line: Line, target: WireTarget, observed: Seen): DriftEvidence {
    const item = this.#allot.books.item(line.sku);
    const countedAt = Math.max(0, ...item.balances.map(({ countedAsOf }) => countedAsOf ?? 0)) || null;
    const others = [...this.#allot.lines.values()].filter(
      (other) => other.sku === line.sku && other !== line && other.platform.channel.kind !== 'documents',
    );
    return {
      target,
      sync: line.sync,
      protection: line.platform.channel.protection,
      observed,
      now: this.#allot.now,
      writtenAt: line.writtenAt,
      ackedAt: line.ackedAt === 0 ? null : line.ackedAt,
      writtenBefore: line.written.slice(1),
      pack: line.pack,
      sku: line.sku,
      namedSku: observed.named,
      others: others.map(({ channel, sku, overwrites }): OtherListing => {
        const { seenSold, ownSold } = this.#allot.books.listing(channel, sku);
        const lowered = loweredLately(overwrites, { now: this.#allot.now, countedAt });
        return { channel, unexplained: Math.max(0, (seenSold ?? 0) - ownSold, lowered) };
      }),
      deficit: item.shorts.reduce((sum, { line: short }) => sum + short.short, 0),
      countedAt,
      resumedAt: line.resumedAt,
      overwrites: line.overwrites,
      wins: ALLOT_WINS,
      inputs: null,
    };
  }

  /** Keeps a drift, with what follows from it but the mending. */
  note(line: Line, drift: Drift): void {
    const { now, world } = this.#allot;
    const foundAt = line.drift?.foundAt ?? now;
    if (line.drift?.cause !== drift.cause)
      world.tell(`${line.channel} ${line.sku} drifts: ${drift.cause}, ${drift.because.join('; ')} -> ${drift.remedy}`);
    line.drift = { cause: drift.cause, foundAt };
    this.onDrift(line, drift.cause);
    if (drift.overwrite !== null) line.overwrites = [...line.overwrites.slice(-20), drift.overwrite];
    if (drift.stops !== null && line.stopped === null) [line.stopped, line.stoppedAt] = [drift.stops, now];
    const lasts = now - foundAt >= LIGHT_SCAN_MS;
    if (NEEDS_PERSON.has(drift.cause) || drift.stops !== null || (lasts && drift.cause !== 'lateOrder'))
      this.#raise(line, drift.cause);
  }

  #raise(line: Line, cause: string): void {
    const fingerprint = `${cause} ${line.id}`;
    this.alertedAt.set(line.id, this.#allot.now);
    if (this.alerts.has(fingerprint)) return;
    this.alerts.set(fingerprint, { cause, line, openedAt: this.#allot.now });
    this.#allot.world.tell(`ALERT ${cause} ${line.channel} ${line.sku}`);
    if (cause === 'ownStock') this.#allot.world.count(this.#allot, line.sku);
    if (cause === 'secondWriter') this.#allot.world.seeTo(this.#allot, line.channel, line.sku);
  }

  isAlerted(line: Line): boolean {
    return [...this.alerts.values()].some((alert) => alert.line === line);
  }

  #heal(line: Line, target: WireTarget, seen: Seen): void {
    line.drift = null;
    this.onHealed(line);
    if (line.stopped !== null) return;
    for (const [fingerprint, alert] of this.alerts) {
      if (alert.line !== line) continue;
      this.alerts.delete(fingerprint);
      this.closed += 1;
      if (seen.state === 'tracked' && seen.sellable === target.quantity) continue;
      this.closedWithoutProof += 1;
      this.#allot.violate(`${line.channel} ${line.sku}: its alert was closed, and it shows ${seen.sellable}`);
    }
  }

  /** A person's word, or a count: written to again, and looked at first. */
  resume(isMeant: (line: Line) => boolean): void {
    for (const line of this.#allot.lines.values()) {
      if (!isMeant(line) || line.stopped === null) continue;
      this.#allot.world.tell(`${line.channel} ${line.sku} is written to again`);
      line.stopped = null;
      [line.overwrites, line.blockedUntil, line.resumedAt] = [[], 0, this.#allot.now];
      this.#askForRead(line);
    }
  }
}
