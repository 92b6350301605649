import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openClient } from '#connectors/shopify/client.ts';
import { settingsSchema } from '#connectors/shopify/settings.ts';
import { type Fault, type FaultCode, Throttled } from '#core/errors.ts';
import { contextOn, patience, SHOP } from './bench.ts';

const NOW = 1_795_471_000_000;

const cost = (currentlyAvailable: number, requestedQueryCost = 100) => ({
  cost: {
    requestedQueryCost,
    actualQueryCost: null,
    throttleStatus: { maximumAvailable: 2_000, currentlyAvailable, restoreRate: 50 },
  },
});

const refusal = (code: string, extensions: object = {}): Response =>
  Response.json({ data: null, errors: [{ message: code.toLowerCase(), extensions: { code } }], extensions });

const networkError = (code: string): TypeError =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });

type Row = readonly [what: string, answer: () => Response, read: FaultCode, write: FaultCode];

const ROWS: readonly Row[] = [
  ['200 THROTTLED', () => refusal('THROTTLED', cost(20)), 'throttled', 'throttled'],
  ['429', () => new Response('{}', { status: 429, headers: { 'retry-after': '2.0' } }), 'throttled', 'throttled'],
  ['430', () => new Response('{}', { status: 430 }), 'throttled', 'throttled'],
  ['401', () => new Response('{"errors":"no"}', { status: 401 }), 'credential', 'credential'],
  ['403', () => new Response('{"errors":"no"}', { status: 403 }), 'credential', 'credential'],
  ['404', () => new Response('{"errors":"Not Found"}', { status: 404 }), 'credential', 'credential'],
  ['200 ACCESS_DENIED', () => refusal('ACCESS_DENIED'), 'credential', 'credential'],
  ['500', () => new Response('oops', { status: 500 }), 'transient', 'uncertain'],
  ['502', () => new Response('oops', { status: 502 }), 'transient', 'uncertain'],
  ['503', () => new Response('oops', { status: 503 }), 'transient', 'uncertain'],
  ['200 INTERNAL_SERVER_ERROR', () => refusal('INTERNAL_SERVER_ERROR'), 'transient', 'uncertain'],
  [
    '200 with HTML',
    () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
    'transient',
    'uncertain',
  ],
  [
    '200 with half a JSON',
    () => new Response('{"data', { headers: { 'content-type': 'application/json' } }),
    'transient',
    'uncertain',
  ],
  ['200 with nothing in it', () => Response.json({}), 'transient', 'uncertain'],
  ['200 BAD_REQUEST', () => refusal('BAD_REQUEST'), 'defect', 'defect'],
  ['200 INVALID_FIELD_ARGUMENTS', () => refusal('INVALID_FIELD_ARGUMENTS'), 'defect', 'defect'],
  ['200 MAX_COST_EXCEEDED', () => refusal('MAX_COST_EXCEEDED'), 'defect', 'defect'],
  ['400', () => new Response('{}', { status: 400 }), 'defect', 'defect'],
];

const request = { document: 'query Ask { shop }', variables: {}, answer: z.object({ shop: z.string() }) };

const settings = settingsSchema.parse({ shop: SHOP });

/** What a call ends in when the network does this. */
async function faultOn(answer: () => Response, kind: 'read' | 'write'): Promise<Fault> {
  const client = openClient(
    settings,
    contextOn(() => new Promise((resolve) => resolve(answer())), { now: () => NOW }),
  );
  return (await client[kind](request, patience()).then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  )) as Fault;
}

const throwing = (error: Error) => (): Response => {
  throw error;
};

describe('what Shopify answers', () => {
  it.each(ROWS)('%s', async (_what, answer, read, write) => {
    expect((await faultOn(answer, 'read')).code).toBe(read);
    expect((await faultOn(answer, 'write')).code).toBe(write);
  });

  it.each([
    ['ECONNREFUSED', 'transient', 'transient'],
    ['ENOTFOUND', 'transient', 'transient'],
    ['ECONNRESET', 'transient', 'uncertain'],
    ['UND_ERR_SOCKET', 'transient', 'uncertain'],
  ])('network error %s', async (code, read, write) => {
    expect((await faultOn(throwing(networkError(code)), 'read')).code).toBe(read);
    expect((await faultOn(throwing(networkError(code)), 'write')).code).toBe(write);
  });

  it('says the shop, the call and the fix, never the token', async () => {
    const fault = await faultOn(() => new Response('{}', { status: 401 }), 'read');
    expect(fault.message).toContain(SHOP);
    expect(fault.message).toContain('Ask');
    expect(fault.message).toContain('ACCESS_TOKEN');
    expect(fault.message).not.toContain('sandbox-access-token');
  });
});

describe('the moment to try again', () => {
  const retryAt = async (answer: () => Response): Promise<number> => {
    const fault = await faultOn(answer, 'write');
    expect(fault).toBeInstanceOf(Throttled);
    return (fault as Throttled).retryAt;
  };

  it('is when the bucket has filled up to the cost', async () => {
    // 100 asked, 20 left, 50 a second.
    expect(await retryAt(() => refusal('THROTTLED', cost(20)))).toBe(NOW + 1_600);
  });

  it('is a second away at the least, as for a throttle with a full bucket', async () => {
    expect(await retryAt(() => refusal('THROTTLED', cost(2_000)))).toBe(NOW + 1_000);
    expect(await retryAt(() => refusal('THROTTLED'))).toBe(NOW + 1_000);
  });

  it('reads Retry-After as seconds', async () => {
    expect(await retryAt(() => new Response('{}', { status: 429, headers: { 'retry-after': '2.0' } }))).toBe(
      NOW + 2_000,
    );
  });
});
