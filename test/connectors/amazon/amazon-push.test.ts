/** Quantities to Amazon: the bytes, what an answer means, and a number that shows late. */
import { describe, expect, it } from 'vitest';
import type { PushItem } from '#connectors/connector.ts';
import { Defect, Rejected, Uncertain } from '#core/errors.ts';
import { type Canned, keyOf, openBench, openCanned, patience, SETTINGS, type Told } from './bench.ts';

const itemOf = (sku: string, wireQuantity: number, data: Readonly<Record<string, string>> = {}): PushItem => ({
  listing: keyOf(sku, data),
  version: 1,
  wireQuantity,
  compareWith: null,
});

const ACCEPTED: Canned = { body: { sku: 'X', status: 'ACCEPTED', submissionId: 's', issues: [] } };

const pushOn = async (answer: Canned, told: Told[] = []) => {
  const { connection, sent } = openCanned(() => answer, { told });
  const outcomes = await connection.send(connection.prepare([itemOf('X', 4)], 'key'), 1, patience());
  return { outcomes, sent };
};

describe('the bytes of a push', () => {
  it('merge the quantity into the channel, with the product type that discovery told', async () => {
    const { connection, sent } = openCanned(() => ACCEPTED);
    const data = { productType: 'SHOES', marketplaceId: 'A1PA6795UKMFR9' };
    await connection.send(connection.prepare([itemOf('A/B', 4, data)], 'key'), 1, patience());
    const [call] = sent;
    expect(call?.method).toBe('PATCH');
    expect(call?.url.pathname).toBe(`/listings/2021-08-01/items/${SETTINGS.sellerId}/A%2FB`);
    expect(call?.url.searchParams.get('marketplaceIds')).toBe('A1PA6795UKMFR9');
    expect(JSON.parse(call?.body ?? '')).toEqual({
      productType: 'SHOES',
      patches: [
        {
          op: 'merge',
          path: '/attributes/fulfillment_availability',
          value: [{ fulfillment_channel_code: 'DEFAULT', quantity: 4 }],
        },
      ],
    });
  });

  it('are never made for what Amazon fulfils', () => {
    const { connection } = openCanned(() => ACCEPTED);
    const fba = itemOf('X', 1, { fulfilledBy: 'AMAZON' });
    expect(() => connection.prepare([fba], 'key')).toThrow(Rejected);
    const stranded = { ...fba, listing: { listingRef: 'X', locationRef: 'AMAZON_EU', data: {} } };
    expect(() => connection.prepare([stranded], 'key')).toThrow(Rejected);
  });

  it.each([-1, 1.5, 2 ** 31])('are our own defect with a quantity of %s', (quantity) => {
    const { connection } = openCanned(() => ACCEPTED);
    expect(() => connection.prepare([itemOf('X', quantity)], 'key')).toThrow(Defect);
  });
});

describe('the answer to a push', () => {
  it('ACCEPTED is applied, with no number to believe yet', async () => {
    expect((await pushOn(ACCEPTED)).outcomes).toEqual([{ kind: 'applied', shownAfter: null }]);
  });

  it('INVALID at HTTP 200 is a rejection in the words of its issues', async () => {
    const issues = [
      {
        code: '90000900',
        message: 'The attributes are invalid.',
        severity: 'ERROR',
        attributeNames: ['fulfillment_availability'],
        categories: ['INVALID_ATTRIBUTE'],
      },
      { code: '8541', message: 'The SKU data conflicts.', severity: 'ERROR', categories: [] },
    ];
    const { outcomes } = await pushOn({ body: { sku: 'X', status: 'INVALID', submissionId: 's', issues } });
    expect(outcomes).toEqual([
      {
        kind: 'rejected',
        reason: 'X: 90000900: The attributes are invalid. [fulfillment_availability]; 8541: The SKU data conflicts.',
        fix: expect.stringContaining('Seller Central'),
      },
    ]);
  });

  it('ACCEPTED with a warning is applied, and the warning is told', async () => {
    const issues = [{ code: '1', message: 'An image is missing', severity: 'WARNING', categories: [] }];
    const told: Told[] = [];
    const { outcomes } = await pushOn({ body: { sku: 'X', status: 'ACCEPTED', submissionId: 's', issues } }, told);
    expect(outcomes).toEqual([{ kind: 'applied', shownAfter: null }]);
    expect(told[0]?.fields).toEqual({ sku: 'X', issues: '1: An image is missing' });
  });

  it.each([
    [404, 'NOT_FOUND', /unmap/],
    [400, 'InvalidInput', /sellerId/],
  ])('%i is a rejection of this listing alone', async (status, code, fix) => {
    const { outcomes } = await pushOn({ status, body: { errors: [{ code, message: 'no' }] } });
    expect(outcomes).toEqual([{ kind: 'rejected', reason: `X: ${code}: no`, fix: expect.stringMatching(fix) }]);
  });

  it('a status that nobody has heard of is unknown', async () => {
    expect((await pushOn({ body: { sku: 'X', status: 'VALID' } })).outcomes).toMatchObject([{ kind: 'unknown' }]);
  });

  it.each([
    ['HTML with 200', { body: '<html>' }],
    ['nothing at all', { body: '' }],
    ['a gateway in HTML', { status: 503, body: '<html>' }],
  ])('%s is uncertain, and sent once', async (_, answer) => {
    const { connection, sent } = openCanned(() => answer);
    const send = connection.send(connection.prepare([itemOf('X', 4)], 'key'), 1, patience());
    await expect(send).rejects.toThrow(Uncertain);
    expect(sent).toHaveLength(1);
  });
});

it('what the rate limit cannot take now gets a moment of its own, without a call', async () => {
  let now = 1_000_000;
  const { connection, sent } = openCanned(() => ACCEPTED, { now: () => now });
  const push = async () => (await connection.send(connection.prepare([itemOf('X', 1)], 'key'), 1, patience()))[0];
  for (let burst = 0; burst < 5; burst += 1) expect(await push()).toMatchObject({ kind: 'applied' });
  const slots = [await push(), await push(), await push()].map((one) =>
    one?.kind === 'deferred' ? one.until - now : 0,
  );
  // 5 a second, at nine tenths of it: 223 ms each.
  expect(slots).toEqual([223, 446, 668]);
  expect(sent).toHaveLength(5);
  now += 223;
  expect(await push()).toMatchObject({ kind: 'applied' });
});

it('an accepted quantity shows after its delay, and overwrites what sold meanwhile', async () => {
  await using bench = await openBench({ applyDelayMs: 2000 });
  const { control, connection } = bench;
  await control.seed({ listings: [{ sku: 'A', shown: 9 }] });
  const [outcome] = await connection.send(connection.prepare([itemOf('A', 20)], 'key'), 1, patience());
  expect(outcome).toEqual({ kind: 'applied', shownAfter: null });
  const shown = async () => (await connection.observe([keyOf('A')], patience()))[0]?.shown;
  expect(await shown()).toBe(9);
  await control.placeOrder({ lines: [{ sku: 'A', quantity: 2 }] });
  await expect.poll(shown, { timeout: 10_000, interval: 10 }).toBe(20);
  expect((await control.log()).entries.at(-1)).toMatchObject({ kind: 'applied', by: 'push', from: 7, to: 20 });
});

it('a suppressed listing is refused by its issue, against the sandbox too', async () => {
  await using bench = await openBench();
  await bench.control.seed({ listings: [{ sku: 'A', shown: 9 }] });
  const listing = bench.sandbox.shelf.listings.get('A');
  if (listing !== undefined) listing.isSuppressed = true;
  const { connection } = bench;
  const [outcome] = await connection.send(connection.prepare([itemOf('A', 3)], 'key'), 1, patience());
  expect(outcome).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('suppressed') });
  expect(await connection.observe([keyOf('A')], patience())).toMatchObject([{ state: 'notBuyable', shown: 9 }]);
});
