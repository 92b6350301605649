/**
 * The line to the scripted partner: one call out, one checked document back, faults mapped. Never retries.
 *
 * An answer that is not the partner's JSON leaves a read undone (Transient) and a write in the dark (Uncertain).
 */
import type { z } from 'zod';
import { type Fault, Transient, Uncertain } from '#core/errors.ts';
import type { ConnectorContext } from '../connector.ts';
import { asRead, faultOfStatus } from '../http.ts';
import { parseJson, readShape } from '../json.ts';

export type PartnerCall = {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** A POST that only reads. */
  readonly isRead?: boolean;
};

export type PartnerAnswer = { readonly status: number; readonly document: unknown };

export type PartnerClient = {
  /** 2xx or a fault; the document in the schema's shape. */
  read<T>(schema: z.ZodType<T>, call: PartnerCall): Promise<T>;
  /** As it came: for calls whose other statuses mean something. `isExpected` statuses are not judged. */
  exchange(call: PartnerCall, isExpected: (status: number) => boolean): Promise<PartnerAnswer>;
};

const isReadCall = (call: PartnerCall): boolean => call.isRead ?? call.method === 'GET';

/** What a nonsensical answer means to the caller. */
const nonsense = (call: PartnerCall, why: string, cause: unknown): Fault =>
  isReadCall(call)
    ? new Transient(`${call.method} ${call.path}: ${why}`, cause)
    : new Uncertain(`${call.method} ${call.path}: ${why}; it may have been applied`, cause);

/** Runs a check of an answer; what it refuses is the answer's fault, not a document's to be parked. */
export function checkAnswer<T>(call: PartnerCall, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw nonsense(call, error instanceof Error ? error.message : String(error), error);
  }
}

export function createClient(endpoint: string, context: ConnectorContext): PartnerClient {
  const exchange: PartnerClient['exchange'] = async (call, isExpected) => {
    const what = `${call.method} ${call.path}`;
    const headers = { authorization: `Bearer ${context.secret('ACCESS_TOKEN')}`, 'content-type': 'application/json' };
    const body = call.body === undefined ? {} : { body: call.body };
    const sent = context.fetch(new URL(call.path, endpoint), {
      method: call.method,
      headers,
      signal: call.signal,
      ...body,
    });
    const response = await (isReadCall(call) ? asRead(sent) : sent);
    const answer = await response.text();
    const fault = faultOfStatus(response, { what, isWrite: !isReadCall(call), now: context.now(), answer });
    if (fault !== null && !isExpected(response.status)) throw fault;
    return { status: response.status, document: checkAnswer(call, () => parseJson(answer, what)) };
  };
  return {
    exchange,
    async read(schema, call) {
      const { document } = await exchange(call, () => false);
      return checkAnswer(call, () => readShape(schema, document, { what: 'answer', fix: 'ask the partner' }));
    },
  };
}
