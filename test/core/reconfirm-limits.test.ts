/** What a re-confirmation may not do: break protection, use a place that a program may not, take what cannot be a run. */
import { describe, expect, it } from 'vitest';
import type { ReconfirmCommand, Strategy } from '#core/command.ts';
import type { Policy } from '#core/model.ts';
import { OPEN_LINES_MAX } from '#core/reconfirm-claims.ts';
import { item, NOW, pool, program } from '../support/factory.ts';
import { booksOf, confirm, own, type Row, runOf, shared, TWO } from '../support/open-lines.ts';

describe('protection', () => {
  const guarded: Policy = { ...TWO, pools: [pool('b2b', 10)] };

  it("keeps other programs' protected units out of reach, of a winner too", () => {
    const books = booksOf({ main: 10 }, [{ order: 'w', wants: 5, has: 0 }], guarded);
    expect(confirm(books, runOf({ w: 'win' })).lines).toEqual({ w: 0 });
  });
  it('leaves what a line drew from its own pool with its program', () => {
    const books = booksOf(
      { main: 6 },
      [
        { order: 'w', wants: 5, has: 0 },
        { order: 'b', wants: 6, has: [own('b2b', 6)], program: 'b2b' },
      ],
      guarded,
    );
    expect(confirm(books, runOf({ w: 'win' })).lines).toEqual({ w: 0, b: 6 });
  });
  it('is given up by lose, and by lose alone', () => {
    const books = booksOf(
      { main: 6 },
      [
        { order: 'w', wants: 5, has: 0 },
        { order: 'b', wants: 6, has: [own('b2b', 6)], program: 'b2b' },
      ],
      guarded,
    );
    const { lines, facts, after } = confirm(books, runOf({ w: 'win', b: 'lose' }));
    expect(lines).toEqual({ w: 5, b: 0 });
    // Five went with their protection; the one that nobody wanted went back to its pool.
    expect(facts.promises).toMatchObject([
      { orderId: 'b', kind: 'release', pool: 'own', delta: -6, consumed: -1 },
      { orderId: 'w', kind: 'allocate', pool: 'shared', delta: 5, consumed: 0 },
    ]);
    expect(after.items[0]?.drawn.find(({ program: id }) => id === 'b2b')?.consumed).toBe(5);
  });
  it('that nobody has drawn yet takes nothing from a line: units go from hand to hand', () => {
    const books = booksOf(
      { main: 6 },
      [
        { order: 'w', wants: 4, has: 0, placedAt: NOW + 1 },
        { order: 'r', wants: 6, has: 6 },
      ],
      guarded,
    );
    expect(confirm(books, runOf({ w: 'win' })).lines).toEqual({ w: 4, r: 2 });
  });
  it('holds for a program that draws its own alone: it takes nothing shared', () => {
    const rules = {
      ...guarded,
      programs: guarded.programs.map((each) => (each.id === 'b2b' ? { ...each, drawOrder: 'ownOnly' as const } : each)),
    };
    const books = booksOf(
      { main: 6 },
      [
        { order: 'b', wants: 4, has: 0, program: 'b2b' },
        { order: 'r', wants: 6, has: 6 },
      ],
      rules,
    );
    expect(confirm(books, runOf({ b: 'win' })).lines).toEqual({ b: 0, r: 6 });
  });
  it("keeps a program's limit: what it takes from others counts", () => {
    const rules = { ...TWO, pools: [pool('b2b', 0, { limit: 3 })] };
    const books = booksOf(
      { main: 6 },
      [
        { order: 'b', wants: 5, has: 0, program: 'b2b' },
        { order: 'r', wants: 4, has: 4, placedAt: NOW },
        { order: 's', wants: 2, has: 2, placedAt: NOW + 1 },
      ],
      rules,
    );
    expect(confirm(books, runOf({ b: 'win' })).lines).toEqual({ b: 3, r: 3, s: 0 });
  });
});

describe('places', () => {
  const rules: Policy = {
    ...TWO,
    programs: [
      program('dtc', { priority: 1, locations: ['north', 'south'] }),
      program('b2b', { priority: 2, locations: ['south'] }),
    ],
  };
  it('that lack units give way to others that have them', () => {
    const books = booksOf({ north: 2, south: 5 }, [{ order: 'a', wants: 6, has: [shared('dtc', 6, 'north')] }], rules);
    const { facts, lines } = confirm(books, runOf({}));
    expect(lines).toEqual({ a: 6 });
    expect(facts.promises).toMatchObject([
      { location: 'north', delta: -4 },
      { location: 'south', delta: 4 },
    ]);
    expect(facts.deficits.every(({ quantity }) => quantity === 0)).toBe(true);
  });
  it('serve those alone whose program may use them', () => {
    const books = booksOf(
      { north: 6, south: 0 },
      [
        { order: 'b', wants: 4, has: 0, program: 'b2b' },
        { order: 'a', wants: 6, has: [shared('dtc', 6, 'north')] },
      ],
      rules,
    );
    expect(confirm(books, runOf({ b: 'win', a: 'fill' })).lines).toEqual({ b: 0, a: 6 });
  });
  it('keep what is held: no line has it', () => {
    const held = booksOf({ north: 6, south: 0 }, [{ order: 'a', wants: 6, has: [shared('dtc', 6, 'north')] }], rules);
    const books = {
      ...held,
      items: held.items.map((each) => ({ ...each, promises: each.promises.map((row) => ({ ...row, held: 4 })) })),
    };
    expect(confirm(books, runOf({ a: 'win' })).lines).toEqual({ a: 2 });
  });
});

describe('what a run is not of', () => {
  it('a kit is run by its components: the kit itself is refused', () => {
    const books = booksOf({ main: 4 }, []);
    const components = [{ sku: 'TEA', quantity: 2 }];
    const kit = { ...books, items: [...books.items, item('SET', {}, { components })] };
    expect(confirm(kit, runOf({}, { sku: 'SET' })).facts.outcomes).toMatchObject([
      { kind: 'parked', code: 'kit', fix: 'confirm what it is made of: TEA' },
    ]);
  });
  it('a segment that no line is of is told', () => {
    const { report } = confirm(
      booksOf({ main: 4 }, [{ order: 'a', wants: 4, has: 4 }]),
      runOf({ a: 'win', nobody: 'lose' }),
    );
    expect(report?.unmatched).toEqual(['order nobody']);
  });
});

describe('a run that cannot be taken', () => {
  it.each<[Partial<ReconfirmCommand>, string]>([
    [{ sku: 'CUP' }, 'unknown-sku'],
    [{ segments: [{ match: 'program', id: 'nobody', strategy: 'win' }] }, 'unknown-program'],
    [{ segments: [{ match: 'channel', id: 'shop:none', strategy: 'win' }] }, 'unknown-channel'],
    [
      {
        segments: [
          { match: 'order', id: 'a' },
          { match: 'order', id: 'a', strategy: 'win' },
        ],
      },
      'segment-twice',
    ],
    [{ segments: [{ match: 'program', id: 'dtc', margin: -1 }] }, 'impossible-value'],
    [{ segments: [{ match: 'program', id: 'dtc', chargeback: Number.NaN }] }, 'impossible-value'],
    [{ others: 'flee' as Strategy }, 'unknown-strategy'],
    [{ by: 'size' as 'priority' }, 'unknown-order'],
  ])('%j is parked as %s, and moves nothing', (over, code) => {
    const { facts } = confirm(booksOf({ main: 4 }, [{ order: 'a', wants: 10, has: 6 }]), runOf({}, over));
    expect(facts.outcomes).toMatchObject([{ kind: 'parked', code, fix: expect.any(String) }]);
    expect(facts.promises).toEqual([]);
  });
  it('of more lines than one batch confirms is parked', () => {
    const rows = Array.from(
      { length: OPEN_LINES_MAX + 1 },
      (_, index): Row => ({ order: `o${index}`, wants: 1, has: 0 }),
    );
    expect(confirm(booksOf({ main: 0 }, rows), runOf({})).facts.outcomes).toMatchObject([{ code: 'too-many-lines' }]);
  });
});
