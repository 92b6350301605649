import { expect, test } from 'vitest';
import { sideBySide } from '#workers/side-by-side.ts';

test('all are run, in their order, never more than the width at once', async () => {
  const started: number[] = [];
  let [running, most] = [0, 0];
  await sideBySide([1, 2, 3, 4, 5], 2, async (item) => {
    started.push(item);
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
  });
  expect({ started, most }).toEqual({ started: [1, 2, 3, 4, 5], most: 2 });
});

test('a fault is thrown when the others have ended', async () => {
  const ended: number[] = [];
  const work = async (item: number): Promise<void> => {
    if (item === 1) throw new Error('no database');
    await Promise.resolve();
    ended.push(item);
  };
  await expect(sideBySide([1, 2, 3], 2, work)).rejects.toThrow('no database');
  expect(ended).toEqual([2, 3]);
});
