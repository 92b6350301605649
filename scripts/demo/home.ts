/**
 * The demo's home folder: wiped at the start of each demo, kept at its end, so that `npx allot --home ...` can look at what happened.
 *
 * Guarantees: only a folder that a demo made (or an empty one) is ever wiped; never while another demo runs in it.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { locateCluster, makeHome } from '#db/cluster.ts';
import { stopEmbedded } from '#db/embedded.ts';
import { type Secrets, secretVariables } from './brand.ts';

export type DemoHome = {
  readonly path: string;
  readonly configFile: string;
  readonly secretsFile: string;
  readonly daemonLog: string;
};

/** The home cannot be used; the message says why and what to do. */
export class HomeFault extends Error {}

const MARKER = 'demo.pid';

async function readMarker(path: string): Promise<number | null> {
  try {
    return Number(await readFile(join(path, MARKER), 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return pid !== process.pid;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Stops what an earlier demo left running there, wipes it, and makes it anew. */
export async function openDemoHome(folder: string): Promise<DemoHome> {
  const path = resolve(folder);
  await mkdir(path, { recursive: true });
  const pid = await readMarker(path);
  if (pid === null && (await readdir(path)).length > 0) {
    throw new HomeFault(
      `${folder} is not empty and no demo made it. Name another folder with --home, or empty it yourself.`,
    );
  }
  if (pid !== null && isAlive(pid)) {
    throw new HomeFault(
      `a demo runs in ${folder} already (process ${pid}). Stop it with Ctrl-C, or name another folder with --home.`,
    );
  }
  if (pid !== null) await stopEmbedded(path);
  await rm(path, { recursive: true, force: true });
  await makeHome(locateCluster(path));
  await writeFile(join(path, MARKER), String(process.pid));
  const [configFile, secretsFile, daemonLog] = [
    join(path, 'allot.yaml'),
    join(path, 'secrets.env'),
    join(path, 'daemon.log'),
  ];
  return { path, configFile, secretsFile, daemonLog };
}

/** For this machine's user alone; the command line finds the sealing key where a daemon of this home would keep it. */
export async function writeSecrets(home: DemoHome, secrets: Secrets): Promise<void> {
  const lines = Object.entries(secretVariables(secrets)).map(([name, value]) => `${name}=${value}`);
  await writeFile(home.secretsFile, `${lines.join('\n')}\n`, { mode: 0o600 });
  await writeFile(join(home.path, 'seal.key'), `${secrets.sealKey}\n`, { mode: 0o600 });
}
