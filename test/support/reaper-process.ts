/** The process behind reaper.ts: waits until its standard input ends, then stops every server below the folder and removes it. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stopEmbedded } from '#db/embedded.ts';

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: reaper-process.ts FOLDER');
process.stdin.resume();
process.stdin.once('close', () => void reap(folder));

async function reap(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await stopEmbedded(join(path, entry.name));
  }
  // A failed test may leave a starter behind that still writes for a moment.
  await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
