/** Quantities to Amazon: the bytes, what an answer means, and a number that shows late. */
import { describe, expect, it } from 'vitest';
import type { PushItem, PushOutcome } from '#connectors/connector.ts';
import { Defect, Rejected, Transient, Uncertain } from '#core/errors.ts';
import { type Canned, keyOf, openBench, openCanned, patience, SETTINGS, type Sent, type Told } from './bench.ts';

const itemOf = (sku: string, wireQuantity: number, data: Readonly<Record<string, string>> = {}): PushItem => ({
  listing: keyOf(sku, data),
  version: 1,
  wireQuantity,
  compareWith: null,
});

const ACCEPTED: Canned = { body: { sku: 'X', status: 'ACCEPTED', submissionId: 's', issues: [] } };

/** At this speed no bucket runs dry. */
const SPED_UP = { speedUp: 1000, endpoint: 'http://127.0.0.1:1' };

const momentsOf = (outcomes: readonly PushOutcome[]): number[] =>
  outcomes.flatMap((outcome) => (outcome.kind === 'deferred' ? [outcome.until] : []));

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

const itemsOf = (count: number) => Array.from({ length: count }, (_, n) => itemOf(`S${n}`, n));
const kindsOf = (outcomes: readonly PushOutcome[]) => outcomes.map(({ kind }) => kind);
const skuOf = ({ url }: Sent) => url.pathname.split('/').at(-1) ?? '';

describe('a push of many listings', () => {
  it('is one patch each, a few side by side, and one outcome each in order', async () => {
    const open: (() => void)[] = [];
    let most = 0;
    const full = Promise.withResolvers<void>();
    const { connection, sent } = openCanned(
      async () => {
        const answered = Promise.withResolvers<void>();
        open.push(answered.resolve);
        most = Math.max(most, open.length);
        if (open.length === 5) full.resolve();
        await full.promise;
        open.shift()?.();
        await answered.promise;
        return ACCEPTED;
      },
      { settings: SPED_UP },
    );
    const outcomes = await connection.send(connection.prepare(itemsOf(20), 'key'), 20, patience());
    expect(kindsOf(outcomes)).toEqual(Array(20).fill('applied'));
    expect(sent.map(skuOf).sort()).toEqual(
      itemsOf(20)
        .map(({ listing }) => listing.listingRef)
        .sort(),
    );
    expect(most).toBe(5);
  });

  it('that one FBA listing is among is refused by its name, before anything is sent', () => {
    const { connection, sent } = openCanned(() => ACCEPTED);
    const items = itemsOf(3).with(1, itemOf('F', 1, { fulfilledBy: 'AMAZON' }));
    expect(() => connection.prepare(items, 'key')).toThrow(/F is fulfilled by Amazon/);
    expect(sent).toEqual([]);
  });

  it('goes on past a refused item, whose refusal is its own', async () => {
    const answer = (one: Sent): Canned =>
      skuOf(one) === 'S2' ? { status: 404, body: { errors: [{ code: 'NOT_FOUND', message: 'no' }] } } : ACCEPTED;
    const { connection } = openCanned(answer, { settings: SPED_UP });
    const outcomes = await connection.send(connection.prepare(itemsOf(7), 'key'), 7, patience());
    expect(kindsOf(outcomes)).toEqual(Array(7).fill('applied').with(2, 'rejected'));
  });

  it('sends what the rate pays for, and gives the rest moments spread by it, a burst at a time', async () => {
    let now = 1_000_000;
    const { connection, sent } = openCanned(() => ACCEPTED, { now: () => now });
    const push = () => connection.send(connection.prepare(itemsOf(20), 'key'), 20, patience());
    const first = await push();
    expect(kindsOf(first)).toEqual([...Array(5).fill('applied'), ...Array(15).fill('deferred')]);
    // 5 a second, at nine tenths of it: a burst in 1.1 s.
    const lumps = Map.groupBy(momentsOf(first), (until) => until);
    expect([...lumps.values()].map(({ length }) => length)).toEqual([4, 5, 5, 1]);
    const [soonest = 0, ...later] = lumps.keys();
    expect(later).toEqual([soonest + 1111, soonest + 2222, soonest + 3333]);
    expect(sent).toHaveLength(5);
    now = soonest;
    const due = lumps.get(soonest)?.length ?? 0;
    expect(kindsOf(await push()).filter((kind) => kind === 'applied').length).toBeGreaterThanOrEqual(due);
  });

  it('stops at a 429: what was answered stands, the rest waits for moments of the rate', async () => {
    let calls = 0;
    const { connection, sent } = openCanned(
      () => {
        calls += 1;
        return calls === 3 ? { status: 429, body: '' } : ACCEPTED;
      },
      { now: () => 1_000_000, settings: SPED_UP },
    );
    const outcomes = await connection.send(connection.prepare(itemsOf(20), 'key'), 20, patience());
    expect(kindsOf(outcomes).slice(0, 5)).toEqual(['applied', 'applied', 'deferred', 'applied', 'applied']);
    expect(outcomes.filter(({ kind }) => kind === 'applied')).toHaveLength(sent.length - 1);
    expect(sent.length).toBeLessThan(20);
    for (const until of momentsOf(outcomes)) expect(until).toBeGreaterThan(1_000_000);
  });

  it('knows nothing of what was on the wire when it was called off, and sent nothing of the rest', async () => {
    const caller = new AbortController();
    let calls = 0;
    const { connection } = openCanned(
      () => {
        calls += 1;
        if (calls === 5) caller.abort();
        if (calls <= 5) throw new Uncertain('the connection broke');
        return ACCEPTED;
      },
      { settings: SPED_UP },
    );
    const outcomes = await connection.send(connection.prepare(itemsOf(12), 'key'), 12, caller.signal);
    expect(kindsOf(outcomes)).toEqual([...Array(5).fill('unknown'), ...Array(7).fill('deferred')]);
  });

  it('is put off as a whole when no connection could be made: nothing was sent, nothing is uncertain', async () => {
    const { connection, sent } = openCanned(
      () => {
        throw new Transient('no connection (ECONNREFUSED); nothing was sent');
      },
      { settings: SPED_UP },
    );
    await expect(connection.send(connection.prepare(itemsOf(12), 'key'), 12, patience())).rejects.toThrow(Transient);
    expect(sent.length).toBeLessThanOrEqual(5);
  });

  it('of lost answers and a lost connection is unknown where the answer was lost, deferred where nothing was sent', async () => {
    const told: Told[] = [];
    const { connection } = openCanned(
      (one) => {
        if (skuOf(one) === 'S1') throw new Uncertain('the answer was lost');
        if (skuOf(one) === 'S3') throw new Transient('nothing was sent');
        return ACCEPTED;
      },
      { told, settings: SPED_UP },
    );
    const outcomes = await connection.send(connection.prepare(itemsOf(5), 'key'), 5, patience());
    expect(kindsOf(outcomes)).toEqual(['applied', 'unknown', 'applied', 'deferred', 'applied']);
    expect(told.map(({ message }) => message)).toEqual(['a push stopped']);
  });
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
