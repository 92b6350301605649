/** The demo's processes: what is told of one that ended by itself. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSandbox } from '#scripts/demo/child.ts';
import { waitUntil } from '#test/support/wait-until.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allot-child-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function scriptOf(name: string, text: string): Promise<string> {
  const path = join(folder, `${name}.mjs`);
  await writeFile(path, text);
  return path;
}

describe('a sandbox process', () => {
  it('that does not start is told with its exit code and its last words', async () => {
    const script = await scriptOf('refuses', `process.stderr.write('wrong options\\n'); process.exitCode = 3;`);
    await expect(startSandbox(script, {})).rejects.toThrow(/refuses\.mjs did not start: exit code 3; wrong options$/);
  });

  it('that ends by itself later keeps how it ended and what it said', async () => {
    const text = `console.log(JSON.stringify({ url: 'http://127.0.0.1:1' }));
      process.stderr.write('out of ideas');
      process.exitCode = 4;`;
    const { child, url, lastWords } = await startSandbox(await scriptOf('gives-up', text), {});
    expect(url).toBe('http://127.0.0.1:1');
    await waitUntil('it has ended and all it said is here', () => lastWords() === 'exit code 4; out of ideas');
    expect(child.isRunning()).toBe(false);
  });
});
