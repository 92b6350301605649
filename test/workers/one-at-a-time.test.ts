import { expect, test } from 'vitest';
import { oneAtATime } from '#workers/one-at-a-time.ts';

/** Each run ends when the test says so. */
function open() {
  const runs: PromiseWithResolvers<void>[] = [];
  const started: PromiseWithResolvers<void>[] = [Promise.withResolvers()];
  const worker = oneAtATime(() => {
    const run = Promise.withResolvers<void>();
    runs.push(run);
    started.at(-1)?.resolve();
    started.push(Promise.withResolvers());
    return run.promise;
  });
  return { ...worker, runs, started };
}

test('calls during a run share one more run after it', async () => {
  const { run, idle, runs, started } = open();
  const first = run();
  await started[0]?.promise;
  const during = [run(), run()];
  expect(runs).toHaveLength(1);
  runs[0]?.resolve();
  await first;
  await started[1]?.promise;
  expect(runs).toHaveLength(2);
  runs[1]?.resolve();
  await Promise.all(during);
  await idle();
  expect(runs).toHaveLength(2);
});

test('a run that fails fails those who asked for it, and none after it', async () => {
  const { run, runs, started } = open();
  const first = run();
  await started[0]?.promise;
  const second = run();
  runs[0]?.reject(new Error('no database'));
  await expect(first).rejects.toThrow('no database');
  await started[1]?.promise;
  runs[1]?.resolve();
  await second;
});
