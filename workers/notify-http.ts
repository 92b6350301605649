/** A POST to a destination: bounded in time and size, and no error shows more of the address than its host, since the rest is a secret. */
import { createFetch, retryAtOf } from '#connectors/http.ts';
import type { Instant } from '#core/model.ts';
import { DeliveryFailed, TRIES } from './notify-message.ts';

const DEADLINE_MS = 10_000;
const ANSWER_MAX_BYTES = 64 * 1024;
const ANSWER_SHOWN_MAX = 200;

export type Post = {
  readonly url: string;
  readonly body: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly now: () => Instant;
};

const hideAddress = (text: string, { pathname, search }: URL): string =>
  text.replaceAll(`${pathname}${search}`, '/…').replaceAll(pathname === '/' ? '\0' : pathname, '/…');

/** Resolves with the body of a 2xx answer. */
export async function post({ url, body, contentType, headers, signal, now }: Post): Promise<string> {
  const target = new URL(url);
  const send = createFetch({ allowedHosts: [target.host], deadlineMs: DEADLINE_MS, maxBytes: ANSWER_MAX_BYTES });
  let response: Response;
  try {
    response = await send(target, {
      method: 'POST',
      body,
      headers: { 'content-type': contentType ?? 'application/json', ...headers },
      signal,
    });
  } catch (error) {
    throw new DeliveryFailed(hideAddress(error instanceof Error ? error.message : String(error), target));
  }
  const answer = await response.text();
  if (response.status >= 200 && response.status < 300) return answer;
  const said = hideAddress(answer.replaceAll(/\s+/g, ' ').slice(0, ANSWER_SHOWN_MAX), target);
  const message = `${target.host} answers ${response.status}${said === '' ? '' : `: ${said}`}`;
  const isBusy = response.status === 429 || response.status === 503;
  throw new DeliveryFailed(message, {
    tries: response.status < 500 && response.status !== 429 && response.status !== 408 ? TRIES.refused : TRIES.lost,
    retryAt: isBusy && response.headers.has('retry-after') ? retryAtOf(response.headers, now()) : null,
  });
}
