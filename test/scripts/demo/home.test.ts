/** The demo's home: wiped only when a demo made it, and never under a demo that runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSecrets } from '#scripts/demo/brand.ts';
import { HomeFault, openDemoHome, writeSecrets } from '#scripts/demo/home.ts';

describe('the demo home', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'allot-home-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is made new at each demo, whatever the last one left', async () => {
    const path = join(folder, 'demo');
    await openDemoHome(path);
    await writeFile(join(path, 'left-over'), 'x');
    await openDemoHome(path);
    expect(await readdir(path)).toEqual(['demo.pid']);
  });

  it('refuses a folder with things in it that no demo made, and leaves them', async () => {
    await writeFile(join(folder, 'precious'), 'x');
    await expect(openDemoHome(folder)).rejects.toThrow(HomeFault);
    expect(await readdir(folder)).toEqual(['precious']);
  });

  it('refuses a folder in which a demo runs', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
    await once(other, 'spawn');
    await writeFile(join(folder, 'demo.pid'), String(other.pid));
    await expect(openDemoHome(folder)).rejects.toThrow(/demo runs in .* already \(process \d+\)/);
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect((await openDemoHome(folder)).path).toBe(folder);
  });

  it('keeps secrets from everybody else, and every demo has its own', async () => {
    const home = await openDemoHome(folder);
    const secrets = makeSecrets();
    await writeSecrets(home, secrets);
    expect((await stat(home.secretsFile)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'seal.key'))).mode & 0o777).toBe(0o600);
    expect(await readFile(home.secretsFile, 'utf8')).toMatch(/^SHOPIFY_MAIN_WEBHOOK_SECRET=[0-9a-f]{48}$/m);
    expect(makeSecrets()).not.toEqual(secrets);
  });
});
