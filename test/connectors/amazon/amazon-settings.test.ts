/** The settings of an Amazon channel: what is refused, and what they decide. */
import { expect, it } from 'vitest';
import { connector } from '#connectors/amazon/index.ts';
import { settingsSchema } from '#connectors/amazon/settings.ts';
import { SETTINGS } from './bench.ts';

const ENDPOINT = 'http://127.0.0.1:4000';

it.each([
  ['a field that is not known', { shop: 'x' }],
  ['a region of AWS', { region: 'eu-west-1' }],
  ['a marketplace by its name', { marketplaceId: 'amazon.co.uk' }],
  ['a sandbox on another machine', { endpoint: 'http://10.0.0.1:4000' }],
  ['a speed-up of Amazon itself', { speedUp: 60 }],
  ['a speed-up behind a proxy', { speedUp: 60, endpoint: 'https://proxy.example.com' }],
])('refuse %s', (_, given) => {
  expect(settingsSchema.safeParse({ ...SETTINGS, ...given }).success).toBe(false);
});

it('name the hosts that may be called', () => {
  expect(connector.hosts(SETTINGS)).toEqual(['sellingpartnerapi-eu.amazon.com', 'api.amazon.com']);
  expect(connector.hosts({ ...SETTINGS, endpoint: ENDPOINT, speedUp: 60 })).toEqual(['127.0.0.1:4000']);
});

it.each([
  [{ region: 'eu' }, 'https://sellercentral-europe.amazon.com/orders-v3/order/171-1234567-7654321'],
  [{ region: 'na' }, 'https://sellercentral.amazon.com/orders-v3/order/171-1234567-7654321'],
  [
    { region: 'fe', marketplaceId: 'A1VC38T7YXB528' },
    'https://sellercentral.amazon.co.jp/orders-v3/order/171-1234567-7654321',
  ],
  [{ region: 'fe', marketplaceId: 'A0UNKNOWNPLACE' }, null],
])('with %o know the page of an order', (over, link) => {
  const never = () => Promise.reject(new Error('nobody is called'));
  const connection = connector.open(
    { ...SETTINGS, ...over },
    {
      channelId: 'amazon:uk',
      secret: () => 'secret',
      now: Date.now,
      fetch: never,
      rates: { change: never },
      log: { info: () => undefined, warn: () => undefined },
    },
  );
  expect(connection.orderLink?.('171-1234567-7654321')).toBe(link);
  expect(connection.orderLink?.('"><script>')).toBeNull();
});

it('decide the overlap and the time to settle', () => {
  const { capabilities } = connector;
  const declared =
    typeof capabilities === 'function' ? capabilities({ ...SETTINGS, pollOverlap: 60, settle: 2 }) : null;
  expect(declared).toMatchObject({ pollOverlapMs: 60_000, settleMs: 2000, webhooks: false, writeProtection: ['none'] });
});

it.each([
  [undefined, 600_000, 180_000],
  [300, 2000, 600],
  [3600, 167, 50],
])("follow Amazon's own time at a speed-up of %s", (speedUp, pollOverlapMs, settleMs) => {
  const given = speedUp === undefined ? SETTINGS : { ...SETTINGS, endpoint: ENDPOINT, speedUp };
  const settings = connector.settings.parse(given);
  // What the daemon hands over has been through the schema once.
  expect(connector.settings.parse(settings)).toEqual(settings);
  const { capabilities } = connector;
  expect(typeof capabilities === 'function' ? capabilities(settings) : null).toMatchObject({ pollOverlapMs, settleMs });
});
