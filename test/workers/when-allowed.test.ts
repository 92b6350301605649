/** A walk over pages outlasts a platform that says "slow down". */
import { describe, expect, it } from 'vitest';
import { Rejected, Throttled } from '#core/errors.ts';
import { whenAllowed } from '#workers/when-allowed.ts';

const NOW = 1_000_000;
const context = { now: () => NOW };
const live = new AbortController().signal;

/** Refuses so often, then answers. */
function refusing(times: number, error: () => Error) {
  const calls = { made: 0 };
  const call = async (): Promise<string> => {
    calls.made += 1;
    if (calls.made <= times) throw error();
    return 'page';
  };
  return { calls, call };
}

describe('a throttled call', () => {
  it('is made again when the platform allows it', async () => {
    const { calls, call } = refusing(3, () => new Throttled('slow down', NOW + 1));
    expect(await whenAllowed(context, live, call)).toBe('page');
    expect(calls.made).toBe(4);
  });

  it('is given on when the wait would be long', async () => {
    const { calls, call } = refusing(1, () => new Throttled('come back tomorrow', NOW + 86_400_000));
    await expect(whenAllowed(context, live, call)).rejects.toThrow('tomorrow');
    expect(calls.made).toBe(1);
  });

  it('is given on when the work was called off', async () => {
    const { calls, call } = refusing(1, () => new Throttled('slow down', NOW + 1));
    await expect(whenAllowed(context, AbortSignal.abort(), call)).rejects.toThrow('slow down');
    expect(calls.made).toBe(1);
  });

  it('is not what any other fault is taken for', async () => {
    const { calls, call } = refusing(1, () => new Rejected('no such shop'));
    await expect(whenAllowed(context, live, call)).rejects.toThrow('no such shop');
    expect(calls.made).toBe(1);
  });
});
