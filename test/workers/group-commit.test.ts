/** Group commit: order, batches, bounds, and who hears of a failure. Writers are held by hand, so no test waits for time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGroupCommit, type GroupCommitOptions, QueueFull } from '#workers/group-commit.ts';

type Held = { readonly batch: readonly number[]; readonly finish: () => void; readonly fail: (error: Error) => void };

/** A store whose writes end when the test says so. Entries are numbers and their own size. */
function holdWrites(options: Partial<GroupCommitOptions<number>> = {}) {
  const held: Held[] = [];
  const commit = createGroupCommit<number>({
    bytesOf: (entry) => entry,
    ...options,
    write: (batch) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      held.push({ batch, finish: resolve, fail: reject });
      return promise;
    },
  });
  /** Each entry's fate, as it is now. */
  const fates: string[] = [];
  const add = (entry: number): void => {
    const index = fates.push('waits') - 1;
    commit.add(entry).then(
      () => {
        fates[index] = 'stored';
      },
      (error: Error) => {
        fates[index] = error.message;
      },
    );
  };
  return { commit, add, fates, held };
}

/** Resolves once everything that a finished write sets off has happened. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('createGroupCommit', () => {
  it('writes at once with a free writer, and gathers while both are busy', async () => {
    const { add, fates, held } = holdWrites();
    [1, 2, 3, 4, 5].forEach(add);
    expect(held.map(({ batch }) => batch)).toEqual([[1], [2]]);
    await turn();
    expect(fates).toEqual(Array(5).fill('waits'));
    held[1]?.finish();
    await turn();
    expect(held.map(({ batch }) => batch)).toEqual([[1], [2], [3, 4, 5]]);
    expect(fates).toEqual(['waits', 'stored', 'waits', 'waits', 'waits']);
    for (const { finish } of held) finish();
    await turn();
    expect(fates).toEqual(Array(5).fill('stored'));
  });

  it('tells a failure to the callers of that batch alone, and goes on', async () => {
    const { add, fates, held } = holdWrites({ writers: 1 });
    [1, 2, 3].forEach(add);
    held[0]?.finish();
    await turn();
    held[1]?.fail(new Error('disk full'));
    await turn();
    add(4);
    held[2]?.finish();
    await turn();
    expect(fates).toEqual(['stored', 'disk full', 'disk full', 'stored']);
    expect(held.map(({ batch }) => batch)).toEqual([[1], [2, 3], [4]]);
  });

  it('takes a write that throws at once like one that rejects', async () => {
    const commit = createGroupCommit<number>({
      bytesOf: () => 1,
      write: () => {
        throw new Error('no connection');
      },
    });
    await expect(commit.add(1)).rejects.toThrow('no connection');
    await commit.settle();
  });

  it('keeps batches to their number and their bytes, but always takes one entry', async () => {
    const { add, fates, held } = holdWrites({ writers: 1, batchMax: 3, bytesMax: 800 });
    [1, 10, 10, 10, 10, 90, 20, 300, 5].forEach(add);
    for (let index = 0; index < 6; index++) {
      held[index]?.finish();
      await turn();
    }
    // An eighth of 800 bytes is 100.
    expect(held.map(({ batch }) => batch)).toEqual([[1], [10, 10, 10], [10, 90], [20], [300], [5]]);
    expect(fates).toEqual(Array(9).fill('stored'));
  });

  it('refuses what would wait beyond the bounds, and takes again when there is room', async () => {
    const { commit, add, fates, held } = holdWrites({ writers: 1, queueMax: 2, bytesMax: 100 });
    [1, 1, 1].forEach(add);
    await expect(commit.add(1)).rejects.toThrow(QueueFull);
    held[0]?.finish();
    await turn();
    await expect(commit.add(101)).rejects.toThrow(QueueFull);
    add(100);
    held[1]?.finish();
    await turn();
    held[2]?.finish();
    await turn();
    expect(fates).toEqual(Array(4).fill('stored'));
  });

  it('settles when nothing waits and nothing is written, also with nothing to do', async () => {
    const { commit, add, fates, held } = holdWrites({ writers: 1 });
    await commit.settle();
    [1, 2].forEach(add);
    let isSettled = false;
    const settled = commit.settle().then(() => {
      isSettled = true;
    });
    held[0]?.finish();
    await turn();
    expect(isSettled).toBe(false);
    held[1]?.finish();
    await settled;
    expect(fates).toEqual(['stored', 'stored']);
  });

  it('writes every entry once, in order, in batches within bounds, whatever the pace and the failures', async () => {
    const entries = fc.array(fc.record({ size: fc.nat(60), yields: fc.boolean(), fails: fc.boolean() }), {
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(entries, fc.integer({ min: 1, max: 3 }), async (given, writers) => {
        const written: number[] = [];
        let busy = 0;
        const commit = createGroupCommit<{ index: number; size: number; fails: boolean }>({
          writers,
          batchMax: 5,
          bytesMax: 8 * 100,
          queueMax: 1_000,
          bytesOf: ({ size }) => size,
          write: async (batch) => {
            busy += 1;
            expect(busy).toBeLessThanOrEqual(writers);
            expect(batch.length).toBeLessThanOrEqual(5);
            const bytes = batch.reduce((sum, { size }) => sum + size, 0);
            expect(batch.length === 1 || bytes <= 100).toBe(true);
            written.push(...batch.map(({ index }) => index));
            await turn();
            busy -= 1;
            if (batch.some(({ fails }) => fails))
              throw new Error(`batch with ${batch.map(({ index }) => index).join(' ')}`);
          },
        });
        const results: Promise<string>[] = [];
        const accepted: number[] = [];
        for (const [index, { size, fails, yields }] of given.entries()) {
          const result = commit.add({ index, size, fails }).then(
            () => 'stored',
            (error: Error) => (error instanceof QueueFull ? 'full' : error.message),
          );
          results.push(result);
          if (yields) await turn();
        }
        await commit.settle();
        const said = await Promise.all(results);
        for (const [index, what] of said.entries()) {
          if (what === 'full') continue;
          accepted.push(index);
          // Whoever fails finds itself named in the batch that failed.
          expect(what === 'stored' || what.split(' ').includes(String(index))).toBe(true);
        }
        expect(written).toEqual(accepted);
      }),
      { numRuns: 200 },
    );
  });
});
