/**
 * vitest's `expect` for laws, which ask it some hundred thousand times: what holds is seen without making an assertion, which was
 * a quarter of a run of `npm run prove`. What does not hold by the quick look is left to vitest: it alone fails, in its own words.
 */
import { isDeepStrictEqual } from 'node:util';
import { expect as slowly } from 'vitest';

class Expectation<T> {
  readonly #value: T;
  readonly #says: string | undefined;

  constructor(value: T, says: string | undefined) {
    this.#value = value;
    this.#says = says;
  }

  toBe(other: unknown): void {
    if (!Object.is(this.#value, other)) this.#ask().toBe(other);
  }

  /** Stricter than vitest's in what it takes for equal (keys that are undefined), so it never lets more pass. */
  toEqual(other: unknown): void {
    if (!isDeepStrictEqual(this.#value, other)) this.#ask().toEqual(other);
  }

  toBeGreaterThanOrEqual(least: number): void {
    if (!(Number(this.#value) >= least)) this.#ask().toBeGreaterThanOrEqual(least);
  }

  toBeLessThanOrEqual(most: number): void {
    if (!(Number(this.#value) <= most)) this.#ask().toBeLessThanOrEqual(most);
  }

  toBeLessThan(limit: number): void {
    this.#ask().toBeLessThan(limit);
  }

  toBeNull(): void {
    this.toBe(null);
  }

  toMatchObject(part: object): void {
    this.#ask().toMatchObject(part);
  }

  toContain(part: unknown): void {
    this.#ask().toContain(part);
  }

  get not() {
    return this.#ask().not;
  }

  #ask() {
    return slowly(this.#value, this.#says);
  }
}

export const expect = <T>(value: T, says?: string): Expectation<T> => new Expectation(value, says);
