/** What a webhook says, in the words of core: whole orders, and refusals that a person can act on. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { Rejected } from '#core/errors.ts';
import { joinOrder, type OrderState } from '#core/order-state.ts';
import { captureOrder, orderWebhooks, pickLines, tellOrder, webhookOf } from '../capture.ts';
import { type ConformanceCase, needsReads, needsWebhooks } from '../case.ts';
import { expectFault, until } from '../expect.ts';
import type { Stage } from '../stage.ts';

const BAD_QUANTITIES = ['-1', '1.5', '"many"', '1e300', '{}'];
/** 2^53 + 1 and beyond: what a double would round. */
const LARGE_IDS = ['9007199254740993', '820982911946154509'];

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Totals by listing: what two ways of reading one order must agree on, whatever their line order. */
export const totalsOf = ({ lines }: OrderState): readonly (readonly [string, number, number, number])[] =>
  lines
    .map(({ lineRef, ordered, cancelled, shipped }) => [lineRef, ordered, cancelled, shipped] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));

const inLineOrder = (order: OrderState): OrderState => ({
  ...order,
  lines: [...order.lines].sort((a, b) => (a.lineRef < b.lineRef ? -1 : 1)),
});

async function expectRejected(stage: Stage, topic: string, rawBody: Uint8Array, when: string): Promise<Rejected> {
  const parse = () => stage.connection.parse({ topic, rawBody, receivedAt: Date.now() });
  const fault = (await expectFault(parse, ['rejected'], when)) as Rejected;
  ok(fault.field !== undefined && fault.field !== '', `${when}: the refusal names no field`);
  ok(fault.fix !== undefined && fault.fix !== '', `${when}: the refusal says no fix`);
  return fault;
}

/** An order that is partly cancelled, then partly shipped, with every state that was told of it: by webhook, or by reading it. */
async function liveThrough(stage: Stage): Promise<{ orderRef: string; states: OrderState[] }> {
  const [sku = ''] = stage.shuffle(stage.skus);
  const { orderRef, order } = await tellOrder(stage, [{ sku, quantity: 6 }]);
  await stage.control.cancelOrder(orderRef, { restock: true, lines: [{ sku, quantity: stage.int(1, 2) }] });
  const cut = await stage.connection.hydrate(orderRef, stage.signal);
  await stage.control.fulfilOrder(orderRef, { lines: [{ sku, quantity: stage.int(1, 3) }] });
  if (!stage.capabilities.webhooks)
    return { orderRef, states: [order, cut, await stage.connection.hydrate(orderRef, stage.signal)] };
  await until(async () => ((await stage.control.stats()).webhooksPending === 0 ? true : null), 'all webhooks are out');
  const seen = await orderWebhooks(stage);
  const states = (await Promise.all(seen.map(({ request }) => stage.readOrders(request)))).flat();
  return { orderRef, states };
}

export const DOCUMENT_CASES: readonly ConformanceCase[] = [
  {
    id: 'parse-whole-orders',
    proves:
      'What the platform tells of an order (by webhook, document, or poll) is the whole order: its reference, and per line its listing and its totals.',
    async play(stage) {
      const wanted = pickLines(stage);
      const { order, orderRef } = await tellOrder(stage, wanted);
      equal(order.orderRef, orderRef);
      const expected = await Promise.all(
        wanted.map(async ({ sku, quantity }) => [(await stage.listing(sku)).listingRef, quantity] as const),
      );
      const got = order.lines.map((line) => [line.listingRef, line.ordered] as const);
      deepEqual(new Map(got), new Map(expected), 'lines as [listingRef, ordered]');
      equal(got.length, expected.length, 'lines');
      ok(
        order.lines.every(({ cancelled, shipped, returned }) => cancelled + shipped + returned === 0),
        'nothing is cancelled, shipped or returned yet',
      );
    },
  },
  {
    id: 'order-round-trip',
    proves: 'One order is the same by webhook (by poll where there is none) and by reference.',
    skipWhen: needsReads,
    async play(stage) {
      const { order, orderRef } = await tellOrder(stage);
      const read = await stage.connection.hydrate(orderRef, stage.signal);
      deepEqual(inLineOrder(order), inLineOrder(read));
    },
  },
  {
    id: 'states-join-in-any-order',
    proves: 'The states of one order, repeated and in any order, join to what the platform has at last.',
    skipWhen: needsReads,
    async play(stage) {
      const { orderRef, states } = await liveThrough(stage);
      ok(states.length >= 3, `an order that is placed, cut and shipped gives at least 3 states, not ${states.length}`);
      const last = await stage.connection.hydrate(orderRef, stage.signal);
      for (let round = 0; round < 5; round += 1) {
        const joined = stage.shuffle([...states, ...states]).reduce(joinOrder);
        deepEqual(totalsOf(joined), totalsOf(last), 'line totals as [lineRef, ordered, cancelled, shipped]');
      }
    },
  },
  {
    id: 'parse-refuses-bad-json',
    proves: 'A body that is cut, empty, or no UTF-8 JSON is Rejected, naming a field and a fix.',
    skipWhen: needsWebhooks,
    async play(stage) {
      const { request, verdict } = await captureOrder(stage);
      const { rawBody } = request;
      const bodies = [
        rawBody.slice(0, stage.int(1, rawBody.length - 1)),
        new Uint8Array(),
        text('<html>'),
        text('null'),
        text('[]'),
        Uint8Array.of(0x22, 0xff, 0xfe, 0x22),
        text('['.repeat(200_000)),
      ];
      for (const body of bodies) {
        await expectRejected(
          stage,
          verdict.topic,
          body,
          `a body of ${body.length} bytes beginning with ${String(body[0])}`,
        );
      }
    },
  },
  {
    id: 'parse-refuses-bad-quantities',
    proves:
      'A negative, fractional, enormous or non-numeric quantity is Rejected by the name of its field, with its value.',
    skipWhen: needsWebhooks,
    async play(stage) {
      const { request, verdict } = await captureOrder(stage);
      const webhook = webhookOf(stage);
      for (const json of BAD_QUANTITIES) {
        const body = webhook.withQuantity(request.rawBody, json);
        const fault = await expectRejected(stage, verdict.topic, body, `quantity ${json}`);
        ok(
          fault.field?.includes(webhook.quantityField),
          `quantity ${json}: the refusal names ${fault.field}, not ${webhook.quantityField}`,
        );
        ok(fault.value !== undefined, `quantity ${json}: the refusal does not say the value`);
      }
    },
  },
  {
    id: 'parse-keeps-large-ids',
    proves: 'An order id beyond 2^53 keeps every digit.',
    skipWhen: needsWebhooks,
    async play(stage) {
      const { request, verdict } = await captureOrder(stage);
      for (const digits of LARGE_IDS) {
        const rawBody = webhookOf(stage).withOrderId(request.rawBody, digits);
        const parsed = await stage.connection.parse({ topic: verdict.topic, rawBody, receivedAt: request.now });
        const ref = parsed.orders[0]?.orderRef ?? parsed.refs[0] ?? '';
        ok(ref.includes(digits), `id ${digits} came out as ${ref}`);
      }
    },
  },
  {
    id: 'hydrate-refuses-unknown',
    proves: 'A reference to an order that the platform does not have is Rejected, not an empty order.',
    async play(stage) {
      const orderRef = await stage.placeOrder(pickLines(stage));
      const unknown = orderRef.replace(/\d{6}(?=\D*$)/, '424242');
      ok(unknown !== orderRef, 'the reference ends in digits');
      await expectFault(() => stage.connection.hydrate(unknown, stage.signal), ['rejected'], 'an unknown order');
    },
  },
];
