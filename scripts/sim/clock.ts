/** A virtual clock: what is to happen, in order of its moment; at one moment, in the order in which it was planned. */
import type { Instant } from '#core/model.ts';

type Planned = { readonly at: Instant; readonly order: number; readonly run: () => void };

const isBefore = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export class Clock {
  now: Instant;
  #planned = 0;
  /** A heap: no parent is after its children. */
  readonly #heap: Planned[] = [];

  constructor(start: Instant) {
    this.now = start;
  }

  at(moment: Instant, run: () => void): void {
    this.#planned += 1;
    const heap = this.#heap;
    const planned = { at: Math.max(moment, this.now), order: this.#planned, run };
    let place = heap.push(planned) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(planned, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = planned;
  }

  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  /** Lets all happen that is planned up to `end`, and what follows from it. */
  runTo(end: Instant): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#take();
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  #take(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      const [left, right] = [heap[2 * place + 1], heap[2 * place + 2]];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || !isBefore(child, last)) break;
      heap[place] = child;
      place = 2 * place + (isRight ? 2 : 1);
    }
    heap[place] = last;
  }
}
