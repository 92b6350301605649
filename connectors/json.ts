/**
 * JSON from a platform: whole numbers beyond 2^53 arrive as text instead of losing digits, and keys that reach for the prototype are
 * dropped. What is not JSON, or not of the expected shape, is Rejected, naming the field, what stood there and what to do.
 */
import type { z } from 'zod';
import { Rejected } from '#core/errors.ts';

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
/** The third argument of the reviver is in V8 and not yet in the types (JSON.parse source text access, ES2026). */
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown;

const revive: Reviver = (key, value, { source }) => {
  if (key === '__proto__') return undefined;
  if (typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source))
    return source;
  return value;
};

/** V8 quotes the text around the fault ("Unexpected token 'x', ...\"Jane Doe\"... is not valid JSON"): personal data, perhaps. */
const withoutQuote = (message: string): string =>
  message.replace(/,? ?(\.\.\.)?".*"(\.\.\.)? is not valid JSON$/s, '').slice(0, 120) || 'not JSON at all';

/** `what` names the document in the message, for example `orders/create webhook`. */
export function parseJson(rawBody: Uint8Array | string, what: string): unknown {
  try {
    const text = typeof rawBody === 'string' ? rawBody : new TextDecoder('utf-8', { fatal: true }).decode(rawBody);
    return parseWithSource(text, revive);
  } catch (error) {
    const why = withoutQuote(error instanceof Error ? error.message : String(error));
    const at = {
      field: 'body',
      fix: 'the platform must send whole UTF-8 JSON; retry if it was cut on the way',
    };
    throw new Rejected(`${what}: the body is not JSON (${why})`, at);
  }
}

const valueAt = (document: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
    document,
  );

/** The document in the schema's shape. `fix` tells a person what to do about a wrong one. */
export function readShape<T>(schema: z.ZodType<T>, document: unknown, about: { what: string; fix: string }): T {
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path ?? [];
  const field = path.map(String).join('.') || 'body';
  const found = valueAt(document, path);
  const value = typeof found === 'object' && found !== null ? JSON.stringify(found) : found;
  throw new Rejected(`${about.what}: ${field}: ${issue?.message ?? 'wrong shape'}`, { field, value, fix: about.fix });
}
