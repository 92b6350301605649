/**
 * Passwords as Argon2id in PHC form, so that a stronger setting later still reads the old ones (RFC 9106; OWASP's minimum setting).
 *
 * Guarantees: a salt each; compared in constant time; at most two are reckoned at once, since each takes 19 MB and 50 ms.
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Rejected } from '#core/errors.ts';

const SETTING = { memory: 19_456, passes: 2, parallelism: 1 };
const TAG_BYTES = 32;
const AT_ONCE = 2;
const LENGTH_MIN = 12;
const LENGTH_MAX = 1024;

const derive = promisify(argon2);

let running = 0;
const waiting: (() => void)[] = [];

async function taking<Result>(work: () => Promise<Result>): Promise<Result> {
  if (running >= AT_ONCE) await new Promise<void>((go) => waiting.push(go));
  else running += 1;
  try {
    return await work();
  } finally {
    // The place is handed on, so that nobody slips in between.
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

type Reckoned = { readonly memory: number; readonly passes: number; readonly parallelism: number };

const reckon = (password: string, salt: Buffer, length: number, setting: Reckoned): Promise<Buffer> =>
  taking(() =>
    derive('argon2id', { message: password.normalize('NFC'), nonce: salt, tagLength: length, ...setting }),
  ).then((tag) => Buffer.from(tag));

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

/** Throws Rejected for one that is too short to hold out, or too long to be meant. */
export async function hashPassword(password: string): Promise<string> {
  const { length } = password;
  if (length < LENGTH_MIN || length > LENGTH_MAX) {
    throw new Rejected(`the password has ${length} characters`, {
      field: 'password',
      fix: `use ${LENGTH_MIN} or more, such as four words that do not belong together; ${LENGTH_MAX} at most`,
    });
  }
  const salt = randomBytes(16);
  const { memory, passes, parallelism } = SETTING;
  const tag = await reckon(password, salt, TAG_BYTES, SETTING);
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Never true for what is not there, and takes as long then. */
export async function isPassword(password: string, stored: string | null): Promise<boolean> {
  const [, memory, passes, parallelism, salt = '', tag = ''] = PHC.exec(stored ?? '') ?? [];
  if (stored === null || memory === undefined || password.length > LENGTH_MAX) {
    await reckon('nobody', randomBytes(16), TAG_BYTES, SETTING);
    return false;
  }
  const wanted = Buffer.from(tag, 'base64');
  const setting = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
  return timingSafeEqual(await reckon(password, Buffer.from(salt, 'base64'), wanted.length, setting), wanted);
}
