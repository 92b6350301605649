/** `npm run prove` as it is run: the planted bugs, a proof, a counterexample, and what proves nothing. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALL_LAWS } from './laws.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';

const PROVE = join(import.meta.dirname, '..', '..', 'scripts', 'prove.ts');

type Run = { readonly exitCode: number | null; readonly report: unknown; readonly said: string };

async function prove(...args: readonly string[]): Promise<Run> {
  const child = spawn(process.execPath, [PROVE, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = ['', ''];
  [child.stdout, child.stderr].forEach((stream, index) => {
    stream.setEncoding('utf8').on('data', (text: string) => {
      texts[index] += text;
    });
  });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on('close', resolve);
  const exitCode = await promise;
  const last = texts[0]?.trim().split('\n').at(-1) ?? '';
  return { exitCode, report: last === '' ? null : JSON.parse(last), said: texts[1] ?? '' };
}

describe('the laws and the bugs', () => {
  it('have names of their own, and no bug is for a law that there is not', () => {
    const ids = ALL_LAWS.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids).toEqual(
      expect.arrayContaining(['I1', 'I2', 'I4', 'I5', 'intake', 'deterministic', 'explain', 'replay']),
    );
    expect(PLANTED_BUGS.length).toBeGreaterThanOrEqual(10);
    expect(PLANTED_BUGS.filter(({ law }) => !ids.includes(law))).toEqual([]);
  });
});

describe('npm run prove', () => {
  it('--planted: every planted bug is caught by its law, and the sound core passes the same runs', async () => {
    const { exitCode, report } = await prove('--planted');
    const caught = PLANTED_BUGS.map(({ id, law }) => expect.objectContaining({ id, caught: true, by: law }));
    expect(report).toEqual({ planted: caught, ok: true });
    expect(exitCode).toBe(0);
  }, 600_000);

  it('tells how often each law ran, in pieces that add up', async () => {
    const { exitCode, report, said } = await prove('--only', 'cut', 'cut-still', '--runs', '4500', '--seed', '7');
    const properties = ['cut', 'cut-still'].map((id) => ({ id, runs: 4500, counterexamples: 0 }));
    expect(report).toEqual({ properties, seed: 7, ok: true });
    expect(exitCode).toBe(0);
    expect(said).toContain('ok    cut: 4,500 runs');
  });

  it('a broken core gives the shrunk counterexample, and its seed gives it again', async () => {
    const broken = ['--break', 'floored-shares', '--only', 'cut', '--jobs', '1'];
    const { exitCode, report, said } = await prove(...broken, '--runs', '9000', '--seed', '11');
    const counterexample = {
      seed: 11,
      path: expect.any(String),
      values: expect.stringMatching(/^\[/),
      message: expect.any(String),
    };
    expect(report).toMatchObject({ properties: [{ id: 'cut', counterexamples: 1, counterexample }], ok: false });
    expect(exitCode).toBe(1);
    expect(said).toContain('again: npm run prove -- --only cut --seed 11');
    expect((await prove(...broken, '--runs', '2000', '--seed', '11')).report).toEqual(report);
  });

  it('a law or a bug that there is not is no proof', async () => {
    for (const args of [
      ['--only', 'I9'],
      ['--planted', '--only', 'none'],
      ['--break', 'none'],
      ['--runs', '0'],
    ]) {
      const { exitCode, report, said } = await prove(...args);
      expect({ args, exitCode, report }).toEqual({ args, exitCode: args[0] === '--runs' ? 1 : 2, report: null });
      expect(said).toMatch(/there is no (I9|none); there are: |no planted bug is called none|whole number/);
    }
  });
});
