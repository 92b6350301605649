/**
 * The access token of Login with Amazon: asked for once by all callers together, kept in memory, renewed before it ends.
 *
 * The SDK asks once per caller (five first calls are five grants) and forgets how long a token lives: so it is kept here.
 * Never written anywhere: after a restart the first call asks for a new one.
 */
import type { Instant } from '#core/model.ts';

/** A token is renewed this long before it ends; it lives an hour. */
const MARGIN_MS = 600_000;

export type Grant = { readonly accessToken: string; readonly livesMs: number };

export type TokenSource = {
  token(): Promise<string>;
  /** Amazon refused this token: the next call asks for another. A token that was replaced meanwhile is left alone. */
  forget(accessToken: string): void;
};

export function openTokens(grant: () => Promise<Grant>, now: () => Instant): TokenSource {
  let held: { readonly accessToken: string; readonly renewAt: Instant } | null = null;
  let asking: Promise<string> | null = null;

  const ask = async (): Promise<string> => {
    const { accessToken, livesMs } = await grant();
    held = { accessToken, renewAt: now() + Math.max(livesMs / 2, livesMs - MARGIN_MS) };
    return accessToken;
  };

  return {
    token() {
      if (held !== null && now() < held.renewAt) return Promise.resolve(held.accessToken);
      asking ??= ask().finally(() => {
        asking = null;
      });
      return asking;
    },
    forget(accessToken) {
      if (held?.accessToken === accessToken) held = null;
    },
  };
}
