/**
 * Raw payloads at rest: AES-256-GCM, a fresh nonce each, the key's id beside it (I10).
 * Sealed form: 12 bytes nonce, 16 bytes tag, ciphertext.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { Defect } from '#core/errors.ts';

export type SealingKey = { readonly id: string; readonly key: Buffer };

/** `secret` is 32 bytes as base64 or hex; the id is a fingerprint, so that a changed key is told apart from a broken payload. */
export function sealingKey(secret: string): SealingKey {
  const key = /^[0-9a-f]{64}$/i.test(secret) ? Buffer.from(secret, 'hex') : Buffer.from(secret, 'base64');
  if (key.length !== 32)
    throw new Defect('the sealing key must be 32 bytes, as base64 or hex: openssl rand -base64 32');
  return { id: createHash('sha256').update(key).digest('hex').slice(0, 12), key };
}

export function seal(key: SealingKey, plain: Uint8Array): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key.key, nonce);
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

export function unseal(keys: readonly SealingKey[], keyId: string, sealed: Buffer): Buffer {
  const key = keys.find((candidate) => candidate.id === keyId);
  if (key === undefined)
    throw new Defect(
      `payload is sealed with key ${keyId}, which ALLOT_SEAL_KEY does not hold: add the old key after the new one`,
    );
  const decipher = createDecipheriv('aes-256-gcm', key.key, sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(12, 28));
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]);
}
