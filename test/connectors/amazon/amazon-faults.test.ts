/** The table of connectors/amazon/faults.ts, row by row, and that of Login with Amazon. */
import { describe, expect, it } from 'vitest';
import { grantOf, judge } from '#connectors/amazon/faults.ts';
import { Fault, type FaultCode, Throttled } from '#core/errors.ts';

const HTML = '<html><head><title>Service Unavailable</title></head></html>';
const RETRY_AT = 4_711;

const errors = (code: string, message: string, details = ''): string =>
  JSON.stringify({ errors: [{ code, message, details }] });

const DENIED = errors('Unauthorized', 'Access to requested resource is denied.');
const ENDED = errors('Unauthorized', 'Access denied.', 'The access token you provided has expired.');
const QUOTA = errors('QuotaExceeded', 'You exceeded your quota for the requested resource.');

type Verdict = FaultCode | 'answer' | 'refused';

const judgeAs = (isWrite: boolean, status: number, text: string): Verdict => {
  const judged = judge({ status, text, headers: new Headers() }, { what: 'a call', isWrite }, RETRY_AT);
  if (judged === null) return 'answer';
  return judged instanceof Fault ? judged.code : judged.kind;
};

const ROWS: readonly (readonly [what: string, status: number, text: string, read: Verdict, write: Verdict])[] = [
  ['an answer', 200, '{}', 'answer', 'answer'],
  ['accepted', 202, '{}', 'answer', 'answer'],
  ['a bad request', 400, errors('InvalidInput', 'no'), 'refused', 'refused'],
  ['nothing there', 404, errors('NotFound', 'no'), 'refused', 'refused'],
  ['a request of HTML words', 400, HTML, 'refused', 'refused'],
  ['no credential', 401, '{"error":"no"}', 'credential', 'credential'],
  ['a role that is missing', 403, DENIED, 'credential', 'credential'],
  ['a token that ended', 403, ENDED, 'transient', 'transient'],
  ['a gateway that says 403', 403, HTML, 'transient', 'transient'],
  ['slow down', 429, QUOTA, 'throttled', 'throttled'],
  ['slow down, in HTML', 429, HTML, 'throttled', 'throttled'],
  ['an error inside', 500, errors('InternalFailure', 'oops'), 'transient', 'uncertain'],
  ['a gateway', 502, HTML, 'transient', 'uncertain'],
  ['overload', 503, HTML, 'transient', 'uncertain'],
  ['a late gateway', 504, '', 'transient', 'uncertain'],
];

describe('an answer of the API', () => {
  it.each(ROWS)('%s (%i)', (...row) => {
    const [, status, text, read, write] = row;
    expect(judgeAs(false, status, text)).toBe(read);
    expect(judgeAs(true, status, text)).toBe(write);
  });

  it('is Throttled until the moment that the bucket knows', () => {
    const judged = judge({ status: 429, text: QUOTA, headers: new Headers() }, { what: 'x', isWrite: false }, 99);
    expect(judged).toBeInstanceOf(Throttled);
    expect((judged as Throttled).retryAt).toBe(99);
    expect((judged as Throttled).message).toContain('QuotaExceeded');
  });

  it('keeps the codes and words of a refusal', () => {
    const text = errors('InvalidInput', 'Invalid SKU', 'sku');
    expect(judge({ status: 400, text, headers: new Headers() }, { what: 'x', isWrite: true }, 0)).toEqual({
      kind: 'refused',
      status: 400,
      errors: [{ code: 'InvalidInput', message: 'Invalid SKU', details: 'sku' }],
    });
  });
});

const grantAs = (status: number, body: unknown) =>
  grantOf({ status, text: typeof body === 'string' ? body : JSON.stringify(body), headers: new Headers() }, 0);

const LWA_ROWS: readonly (readonly [what: string, status: number, body: unknown, code: FaultCode, says: RegExp])[] = [
  ['a revoked refresh token', 400, { error: 'invalid_grant' }, 'credential', /REFRESH_TOKEN/],
  ['a rotated secret', 401, { error: 'invalid_client' }, 'credential', /CLIENT_SECRET/],
  ['another 4xx', 400, { error: 'invalid_request' }, 'credential', /invalid_request/],
  ['too many requests', 429, {}, 'throttled', /too many/],
  ['an outage', 500, HTML, 'transient', /500/],
  ['HTML with 200', 200, HTML, 'transient', /without a token/],
  ['200 without a token', 200, {}, 'transient', /without a token/],
];

describe('an answer of Login with Amazon', () => {
  it('grants a token for its time', () => {
    expect(grantAs(200, { access_token: 'Atza|1', expires_in: 3600 })).toEqual({
      accessToken: 'Atza|1',
      livesMs: 3_600_000,
    });
  });

  it.each(LWA_ROWS)('%s (%i)', (...row) => {
    const [, status, body, code, says] = row;
    const fault = grantAs(status, body);
    expect(fault).toBeInstanceOf(Fault);
    expect(fault).toMatchObject({ code, message: expect.stringMatching(says) });
  });
});
