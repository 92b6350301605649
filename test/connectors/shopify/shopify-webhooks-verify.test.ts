import { createHmac } from 'node:crypto';
import { ApiVersion, shopifyApi } from '@shopify/shopify-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InboundRequest } from '#connectors/connector.ts';
import { verifyWebhook } from '#connectors/shopify/webhooks.ts';
import { SHOP } from './bench.ts';

const SECRET = 'shpss_first';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sign = (body: Uint8Array, secret = SECRET): string => createHmac('sha256', secret).update(body).digest('base64');

function requestOf(rawBody: Uint8Array, headers: Readonly<Record<string, string | undefined>> = {}): InboundRequest {
  return {
    method: 'POST',
    path: '/webhooks/shopify:main',
    headers: {
      'x-shopify-hmac-sha256': sign(rawBody),
      'x-shopify-topic': 'orders/create',
      'x-shopify-shop-domain': SHOP,
      'x-shopify-api-version': '2026-10',
      'x-shopify-webhook-id': 'w-1',
      'x-shopify-event-id': 'e-1',
      ...headers,
    },
    rawBody,
    now: 0,
  };
}

const BODY = bytes('{"id":1,"note":"caf\u00e9 / & \u{1f33f}"}');
const verify = (request: InboundRequest, secrets = SECRET) => verifyWebhook(request, SHOP, secrets);

describe('the signature', () => {
  it('over the raw bytes is accepted', () => {
    expect(verify(requestOf(BODY))).toEqual({
      ok: true,
      assurance: 'signed',
      dedupeKey: 'orders/create:e-1',
      topic: 'orders/create',
    });
  });

  it.each([
    ['none', undefined],
    ['an empty one', ''],
    ['a short one', sign(BODY).slice(0, 20)],
    ['no base64', '!'.repeat(44)],
    ['hex', createHmac('sha256', SECRET).update(BODY).digest('hex')],
    ['one of another secret', sign(BODY, 'other')],
    ['one of another body', sign(bytes('{"id":2}'))],
    ['two', `${sign(BODY)},${sign(BODY)}`],
  ])('%s is refused with a reason', (_what, signature) => {
    const verdict = verify(requestOf(BODY, { 'x-shopify-hmac-sha256': signature }));
    expect(verdict).toMatchObject({ ok: false, reason: expect.stringMatching(/signature|header/i) });
  });

  it('of either active secret is accepted while one replaces the other', () => {
    const secrets = 'shpss_new\n  shpss_first ';
    expect(verify(requestOf(BODY), secrets).ok).toBe(true);
    expect(verify(requestOf(BODY, { 'x-shopify-hmac-sha256': sign(BODY, 'shpss_new') }), secrets).ok).toBe(true);
    expect(verify(requestOf(BODY, { 'x-shopify-hmac-sha256': sign(BODY, 'shpss') }), secrets).ok).toBe(false);
  });

  it('of the empty secret is never accepted', () => {
    const request = requestOf(BODY, { 'x-shopify-hmac-sha256': sign(BODY, '') });
    expect(verify(request, '').ok).toBe(false);
    expect(verify(request, ' \n').ok).toBe(false);
  });

  it('holds for every body, and for none that differs in one bit', () => {
    const flip = (body: Uint8Array, bit: number): Uint8Array =>
      body.map((byte, at) => (at === Math.floor(bit / 8) ? byte ^ (1 << (bit % 8)) : byte));
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.string({ minLength: 1 }),
        fc.nat(),
        (body, word, at) => {
          const secret = `s${word.replace(/\s/g, '')}`;
          const headers = { 'x-shopify-hmac-sha256': sign(body, secret) };
          expect(verify(requestOf(body, headers), secret).ok).toBe(true);
          expect(verify(requestOf(flip(body, at % (body.length * 8)), headers), secret).ok).toBe(false);
          expect(verify(requestOf(body.slice(0, -1), headers), secret).ok).toBe(false);
        },
      ),
    );
  });

  it("is judged as the SDK's own webhooks.validate judges it", async () => {
    const sdk = shopifyApi({
      apiKey: 'k',
      apiSecretKey: SECRET,
      hostName: 'allot.invalid',
      apiVersion: ApiVersion.October26,
      isEmbeddedApp: false,
      logger: { log: () => undefined },
    });
    for (const headers of [
      {},
      { 'x-shopify-hmac-sha256': sign(BODY, 'other') },
      { 'x-shopify-hmac-sha256': undefined },
    ]) {
      const request = requestOf(BODY, headers);
      const given = Object.fromEntries(Object.entries(request.headers).filter(([, value]) => value !== undefined));
      const rawRequest = { method: 'POST', url: '/', headers: given };
      const { valid } = await sdk.webhooks.validate({ rawBody: new TextDecoder().decode(BODY), rawRequest });
      expect(verify(request).ok).toBe(valid);
    }
  });
});

describe('a signed request', () => {
  it('of another shop of the same app is refused', () => {
    const verdict = verify(requestOf(BODY, { 'x-shopify-shop-domain': 'other.myshopify.com' }));
    expect(verdict).toMatchObject({ ok: false, reason: expect.stringContaining('other.myshopify.com') });
  });

  it.each(['x-shopify-topic', 'x-shopify-shop-domain'])('without %s is refused', (name) => {
    expect(verify(requestOf(BODY, { [name]: undefined })).ok).toBe(false);
  });

  it('is found in headers of any case', () => {
    const request = requestOf(BODY);
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name.toUpperCase(), value]),
    );
    expect(verify({ ...request, headers }).ok).toBe(true);
  });

  it('by GET is refused', () => {
    expect(verify({ ...requestOf(BODY), method: 'GET' }).ok).toBe(false);
  });

  it('has the key of its event, of its delivery, or of its bytes', () => {
    const keyOf = (headers: Readonly<Record<string, string | undefined>>): string => {
      const verdict = verify(requestOf(BODY, headers));
      return verdict.ok ? verdict.dedupeKey : 'refused';
    };
    expect(keyOf({})).toBe('orders/create:e-1');
    expect(keyOf({ 'x-shopify-event-id': undefined })).toBe('orders/create:w-1');
    expect(keyOf({ 'x-shopify-event-id': undefined, 'x-shopify-webhook-id': undefined })).toMatch(
      /^orders\/create:[0-9a-f]{64}$/,
    );
    expect(keyOf({ 'x-shopify-topic': 'orders/updated' })).toBe('orders/updated:e-1');
  });
});
