/**
 * What an answer of Amazon means, by what to do about it. Pure; client.ts sends and reads.
 *
 * | answer                                                   | read       | write     |
 * | 2xx in the expected shape                                | answer     | answer    |
 * | 2xx that is HTML, cut, empty, of another shape           | Transient  | Uncertain |
 * | 400, 404, 413, 415, 422: this one request cannot be done | refused    | refused   |
 * | 401; 403 in Amazon's words                               | Credential | Credential |
 * | 403, the access token ended                              | Transient (the next call has a new one) | Transient |
 * | 403 of a gateway (HTML)                                  | Transient  | Transient |
 * | 429 QuotaExceeded                                        | Throttled  | Throttled |
 * | 5xx, HTML or not                                         | Transient  | Uncertain |
 *
 * Login with Amazon (its answers decide nothing but the token): invalid_grant, invalid_client and all other 4xx are Credential,
 * 429 and 5xx and nonsense are Transient or Throttled.
 */
import { z } from 'zod';
import { Credential, type Fault, Rejected, Throttled, Transient, Uncertain } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import { retryAtOf } from '../http.ts';
import { parseJson } from '../json.ts';

export type Answered = { readonly status: number; readonly headers: Headers; readonly text: string };

const apiErrors = z.object({
  errors: z
    .array(z.object({ code: z.string(), message: z.string().default(''), details: z.string().nullish() }))
    .min(1),
});

export type ApiError = z.infer<typeof apiErrors>['errors'][number];

/** This one request cannot be done; nothing was applied. */
export type Refusal = { readonly kind: 'refused'; readonly status: number; readonly errors: readonly ApiError[] };

const REFUSED = new Set([400, 404, 413, 415, 422]);

/** Null for what is no JSON. */
export function documentOf(text: string): unknown {
  try {
    return parseJson(text, 'answer');
  } catch (error) {
    if (error instanceof Rejected) return null;
    throw error;
  }
}

const errorsOf = (answered: Answered): readonly ApiError[] =>
  apiErrors.safeParse(documentOf(answered.text)).data?.errors ?? [];

export const sayErrors = (errors: readonly ApiError[]): string =>
  errors.map(({ code, message, details }) => `${code}: ${message}${details ? ` (${details})` : ''}`).join('; ');

export type Call = { readonly what: string; readonly isWrite: boolean };

/** After the call was sent: nothing was applied by a read, a write may have been. */
export const unclear = ({ what, isWrite }: Call, why: string): Fault =>
  isWrite ? new Uncertain(`${what}: ${why}; it may have been applied`) : new Transient(`${what}: ${why}`);

export const isTokenEnded = (answered: Answered): boolean =>
  answered.status === 403 && errorsOf(answered).some(({ details }) => /access token.*expired/i.test(details ?? ''));

function credentialFault(answered: Answered, { what }: Call): Fault {
  if (isTokenEnded(answered)) return new Transient(`${what}: the access token has ended; the next call gets a new one`);
  const errors = errorsOf(answered);
  if (answered.status === 403 && errors.length === 0) {
    return new Transient(`${what}: 403 from a gateway before Amazon (no word from the API itself)`);
  }
  return new Credential(
    `${what}: Amazon refuses access (${answered.status}${errors.length === 0 ? '' : `, ${sayErrors(errors)}`}): check in Seller Central that the app is still authorized and has the roles Product Listing and Inventory and Order Tracking`,
  );
}

/** Null for 2xx. `retryAt` is the bucket's next moment after a 429. */
export function judge(answered: Answered, call: Call, retryAt: Instant): Refusal | Fault | null {
  const { status } = answered;
  if (status >= 200 && status < 300) return null;
  if (status === 429) {
    const said = sayErrors(errorsOf(answered)) || 'no reason given';
    return new Throttled(`${call.what}: Amazon says slow down (${said})`, retryAt);
  }
  if (status === 401 || status === 403) return credentialFault(answered, call);
  if (REFUSED.has(status)) return { kind: 'refused', status, errors: errorsOf(answered) };
  return unclear(call, `HTTP ${status}`);
}

/** A refusal where nothing better can be made of it. */
export function rejectedBy(refusal: Refusal, what: string, fix: string): Rejected {
  const said = refusal.errors.length === 0 ? `HTTP ${refusal.status}` : sayErrors(refusal.errors);
  return new Rejected(`${what}: Amazon refuses the request: ${said}`, { field: 'status', value: refusal.status, fix });
}

const LWA = 'Login with Amazon';

const lwaError = z.object({ error: z.string(), error_description: z.string().optional() });

const LWA_FIXES: Readonly<Record<string, string>> = {
  invalid_grant:
    'the refresh token was revoked or never belonged to this app: authorize the app again, set REFRESH_TOKEN',
  invalid_client:
    'client id and secret do not match, or the secret was rotated (due every 180 days): set CLIENT_ID and CLIENT_SECRET',
  unauthorized_client: 'this app may not use refresh tokens: check its kind in the Solution Provider Portal',
};

const lwaGrant = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** The grant in an answer of Login with Amazon, or the fault that it means. */
export function grantOf(answered: Answered, now: Instant): { accessToken: string; livesMs: number } | Fault {
  const { status, headers } = answered;
  const document = documentOf(answered.text);
  const granted = lwaGrant.safeParse(document).data;
  if (status === 200 && granted !== undefined)
    return { accessToken: granted.access_token, livesMs: granted.expires_in * 1000 };
  if (status === 429) return new Throttled(`${LWA}: too many token requests`, retryAtOf(headers, now));
  if (status >= 500 || status < 400) return new Transient(`${LWA}: HTTP ${status} without a token`);
  const refused = lwaError.safeParse(document).data;
  const fix = LWA_FIXES[refused?.error ?? ''] ?? 'check CLIENT_ID, CLIENT_SECRET and REFRESH_TOKEN';
  return new Credential(`${LWA} grants no access token (${status}, ${refused?.error ?? 'no reason given'}): ${fix}`);
}
