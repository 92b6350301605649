/**
 * The keys that raw payloads are sealed with: ALLOT_SEAL_KEY, or with the embedded database one that is made once and kept in
 * `seal.key` of the home folder (0600).
 *
 * Guarantees that processes starting at once on one home take the same key, and that a kept key still opens what it sealed after
 * ALLOT_SEAL_KEY was set. A kept key that is lost cannot be made again: payloads sealed with it stay closed until they are purged.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { link, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Defect } from '#core/errors.ts';
import { locateCluster, makeHome } from '#db/cluster.ts';
import { hasCode, readIfThere } from '#db/postmaster.ts';
import { type SealingKey, sealingKey } from '#db/seal.ts';
import type { Environment } from './config.ts';
import { ConfigError } from './config-problems.ts';

/** The first one seals, all of them open. */
export async function loadSealingKeys(
  from: Pick<Environment, 'home' | 'databaseUrl' | 'sealKeys'>,
): Promise<readonly SealingKey[]> {
  const path = join(from.home, 'seal.key');
  if (from.databaseUrl !== null) {
    if (from.sealKeys.length > 0) return from.sealKeys;
    throw new ConfigError([
      'ALLOT_SEAL_KEY: is missing, and with DATABASE_URL nobody else keeps it. Make one: openssl rand -base64 32',
    ]);
  }
  const kept = (await readKept(path)) ?? (from.sealKeys.length === 0 ? await makeKept(from.home, path) : undefined);
  const others = kept === undefined || from.sealKeys.some(({ id }) => id === kept.id) ? [] : [kept];
  return [...from.sealKeys, ...others];
}

async function readKept(path: string): Promise<SealingKey | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return sealingKey(text.trim());
  } catch (error) {
    if (!(error instanceof Defect)) throw error;
    throw new ConfigError([
      `${path}: is not a key of 32 bytes. Restore it from a backup, or set ALLOT_SEAL_KEY and move it away.`,
    ]);
  }
}

async function makeKept(home: string, path: string): Promise<SealingKey> {
  await makeHome(locateCluster(home));
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  try {
    // A link fails where the name is taken: whoever is first wins, and nobody reads half a key.
    await link(draft, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const kept = await readKept(path);
  if (kept === undefined) throw new Error(`${path} was made and is gone again. Does something clean ${home}?`);
  return kept;
}
