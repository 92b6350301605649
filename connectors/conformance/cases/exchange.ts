/** Documents from a mailbox: taken whole and once, refused in parts, never answered twice, whatever is in them. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import type { ParsedDocument } from '../../connector.ts';
import { createRandom } from '../../sandbox/faults.ts';
import { type ConformanceCase, needsDocuments, needsReceipts } from '../case.ts';
import { exchangeOf } from '../clerk.ts';
import { expectFault } from '../expect.ts';
import { makeItems } from '../items.ts';
import {
  awaitDocument,
  expectNoProblem,
  expectRefusedWhole,
  expectTold,
  factsOf,
  ordersOf,
  parse,
  takeDocument,
} from '../mail.ts';
import type { Stage } from '../stage.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A parse as one text, replies written with one stamp: what has to be the same again. */
function asText(parsed: ParsedDocument): string {
  const stamp = { sequence: 77, at: Date.UTC(2026, 10, 23, 9) };
  return JSON.stringify({
    ...parsed,
    envelopes: parsed.envelopes.map((envelope) => ({
      ...envelope,
      replies: envelope.replies.map((draft) => [draft.kind, draft.subject, draft.write(stamp)]),
    })),
  });
}

/** Bytes that no partner means: noise, beginnings without end, and a document with some bytes of it changed. */
function hostileBytes(stage: Stage, content: Uint8Array): Uint8Array[] {
  const random = createRandom(stage.seed * 7919);
  const below = (end: number): number => Math.floor(random() * end);
  const spoilt = Array.from({ length: 60 }, () => {
    const bytes = Uint8Array.from(content);
    for (let n = 0; n <= below(4); n += 1) bytes[below(bytes.length)] = below(256);
    return bytes;
  });
  const head = content.slice(0, 106);
  return [
    ...spoilt,
    new Uint8Array(),
    Uint8Array.from({ length: 5000 }, () => below(256)),
    Uint8Array.from({ length: 300_000 }, (_, index) => head[index % head.length] ?? 0),
    text('\u0000'.repeat(1000)),
    text('['.repeat(100_000)),
    Uint8Array.from([0xef, 0xbb, 0xbf, ...content]),
  ];
}

const names = (documents: readonly { readonly ref: string }[]): string[] => documents.map(({ ref }) => ref).sort();

export const EXCHANGE_CASES: readonly ConformanceCase[] = [
  {
    id: 'document-taken-once',
    proves: 'What waits is offered until it is archived, then never again; archiving it again does no harm.',
    skipWhen: needsDocuments,
    async play(stage) {
      const exchange = exchangeOf(stage.connection);
      const document = await awaitDocument(stage);
      const again = await exchange.fetch(stage.signal);
      deepEqual(names(again.documents), [document.ref], 'it still waits, since nobody archived it');
      equal(again.documents[0]?.dedupeKey, document.dedupeKey, 'under the same key');
      await exchange.archive(document, stage.signal);
      await exchange.archive(document, stage.signal);
      deepEqual((await exchange.fetch(stage.signal)).documents, [], 'what is archived does not wait');
      deepEqual(await stage.mailbox().waiting(), [], 'nor is it in the mailbox');
      equal((await stage.mailbox().archived()).length, 1, 'files in the archive');
    },
  },
  {
    id: 'document-unfinished-waits',
    proves: 'A file under the name of an unfinished one, or still growing, is not taken; grown, it is taken whole.',
    skipWhen: needsDocuments,
    async play(stage) {
      const { unfinishedNames } = factsOf(stage);
      const { rawBody, orderRef, topic } = await takeDocument(stage);
      const half = Math.floor(rawBody.length / 2);
      for (const name of unfinishedNames) await stage.mailbox().put(name, rawBody);
      await stage.mailbox().put('growing.edi', rawBody.slice(0, half));
      const punctual = exchangeOf(stage.open({ aheadMs: 0 }));
      const { documents, complete } = await punctual.fetch(stage.signal);
      deepEqual([names(documents), complete], [[], true], 'what is taken while it is written');
      const exchange = exchangeOf(stage.connection);
      const [early] = (await exchange.fetch(stage.signal)).documents;
      equal(early?.ref, 'growing.edi', 'a file that has rested is taken');
      await stage.mailbox().grow('growing.edi', rawBody.slice(half));
      ok(early !== undefined, 'it was there');
      await exchange.archive(early, stage.signal);
      const [whole] = (await exchange.fetch(stage.signal)).documents;
      ok(whole !== undefined, 'a file that grew after it was read is not put away for what was read');
      notEqual(whole.dedupeKey, early.dedupeKey, 'and it has another key');
      deepEqual(ordersOf(parse(stage, { topic }, whole.rawBody)), [orderRef], 'and is whole');
    },
  },
  {
    id: 'document-repeat-is-known',
    proves:
      'A repeat has the names it had: a file its key, an envelope its key and digest whatever its bytes, an order its digest in any envelope; other content never has.',
    skipWhen: needsDocuments,
    async play(stage) {
      const { reflow, restate, change } = factsOf(stage);
      const first = await takeDocument(stage);
      const { rawBody, ref } = first;
      await stage.mailbox().put(ref, rawBody);
      await stage.mailbox().put('another-name.edi', rawBody);
      const { documents } = await exchangeOf(stage.connection).fetch(stage.signal);
      deepEqual(new Set(documents.map((one) => one.dedupeKey)), new Set([first.dedupeKey]), 'keys of one content');
      const read = (content: Uint8Array) => {
        const [envelope] = parse(stage, first, content).envelopes;
        const [order] = envelope?.orders ?? [];
        ok(envelope !== undefined && order !== undefined, 'the document states an order');
        return { key: envelope.key, digest: envelope.digest, order: order.order.orderRef, of: order.digest };
      };
      const told = read(rawBody);
      deepEqual(read(reflow(rawBody)), told, 'in other bytes');
      const restated = read(restate(rawBody));
      notEqual(restated.key, told.key, 'another envelope');
      deepEqual([restated.order, restated.of], [told.order, told.of], 'the same order in another envelope');
      const changed = read(change(rawBody));
      deepEqual([changed.key, changed.order], [told.key, told.order], 'other content under the same names');
      ok(changed.digest !== told.digest && changed.of !== told.of, 'other content has another digest');
    },
  },
  {
    id: 'document-broken-alone',
    proves:
      'An envelope that is not whole is refused whole and never answered, and the others of its file are taken; a part that is wrong is refused in the reply.',
    skipWhen: needsDocuments,
    async play(stage) {
      const { broken, flawed, join, restate } = factsOf(stage);
      const document = await takeDocument(stage);
      const { rawBody, orderRef } = document;
      const whole = restate(rawBody);
      for (const { what, content } of broken(rawBody)) {
        expectRefusedWhole(parse(stage, document, content), what);
        for (const contents of [
          [content, whole],
          [whole, content],
        ]) {
          const parsed = parse(stage, document, join(contents));
          deepEqual(ordersOf(parsed), [orderRef], `${what}: the whole one beside it is taken`);
          expectTold(parsed, what);
        }
      }
      for (const { what, content } of flawed(rawBody)) {
        const parsed = parse(stage, document, content);
        deepEqual(ordersOf(parsed), [], `${what}: no order is taken`);
        equal(parsed.envelopes.flatMap(({ replies }) => replies).length, 1, `${what}: replies`);
        expectTold(parsed, what);
      }
    },
  },
  {
    id: 'document-foreign-refused',
    proves: 'A document of another sender, for another receiver, or a test in production, is told and never answered.',
    skipWhen: needsDocuments,
    async play(stage) {
      const document = await takeDocument(stage);
      const spoilt = factsOf(stage).foreign(document.rawBody);
      ok(spoilt.length > 0, 'the subject knows how a document is foreign');
      for (const { what, content } of spoilt) expectRefusedWhole(parse(stage, document, content), what);
    },
  },
  {
    id: 'document-hostile-bytes',
    proves: 'Whatever the bytes, parsing ends without a throw, says the same again, and its replies can be written.',
    skipWhen: needsDocuments,
    async play(stage) {
      const document = await takeDocument(stage);
      for (const content of hostileBytes(stage, document.rawBody)) {
        const parsed = parse(stage, document, content);
        equal(asText(parse(stage, document, content)), asText(parsed), 'the same bytes say the same');
        ok(ordersOf(parsed).length + parsed.refusals.length > 0, 'what is no order is told');
      }
      expectTold(parse(stage, { topic: 'no-such-topic' }, document.rawBody), 'a topic of another channel');
    },
  },
  {
    id: 'document-too-large-told',
    proves: 'A file that is too large to be read is told to a person and put aside, and holds up no other.',
    skipWhen: needsDocuments,
    async play(stage) {
      const { bytesMax } = factsOf(stage);
      await stage.mailbox().putLarge('large.edi', bytesMax + 1);
      const document = await awaitDocument(stage);
      const exchange = exchangeOf(stage.connection);
      const { documents } = await exchange.fetch(stage.signal);
      deepEqual(names(documents), [document.ref, 'large.edi'].sort());
      const large = documents.find(({ ref }) => ref === 'large.edi');
      ok(large !== undefined && large.rawBody.length < 10_000, 'it is told, not read');
      expectRefusedWhole(parse(stage, large, large.rawBody), 'a file that is too large');
      for (const one of documents) await exchange.archive(one, stage.signal);
      deepEqual(await stage.mailbox().waiting(), []);
      ok((await stage.mailbox().rejected()).includes('large.edi'), 'it lies among the rejects');
    },
  },
  {
    id: 'document-acknowledged-once',
    proves: 'Each group of documents is acknowledged once, under a number of its own, and no acknowledgment ever is.',
    skipWhen: needsDocuments,
    async play(stage) {
      const { clerk } = stage;
      const refs = [await stage.placeOrder([{ sku: 'SKU-1', quantity: 2 }])];
      refs.push(await stage.placeOrder([{ sku: 'SKU-2', quantity: 3 }]));
      await clerk.takeAll();
      deepEqual([...clerk.orders.keys()].sort(), refs.sort());
      equal(clerk.sent.length, refs.length, 'acknowledgments');
      equal(new Set(clerk.sent.map(({ name }) => name)).size, refs.length, 'their names');
      await expectNoProblem(stage);
      if (needsReceipts(stage.capabilities) !== null) return;
      await stage.push(await makeItems(stage, ['SKU-3']), 'to be acknowledged');
      equal(clerk.receipts.size, 1, 'acknowledgments of ours');
      equal(clerk.sent.length, refs.length, 'an acknowledgment is not acknowledged');
      await expectNoProblem(stage);
    },
  },
  {
    id: 'document-faults-survived',
    proves:
      'Under repeated, lost, late, disordered and broken deliveries every order is taken once, and the partner finds nothing to refuse.',
    skipWhen: needsDocuments,
    async play(stage) {
      const { clerk, control } = stage;
      const chance = 0.4;
      await control.setFaults({
        seed: stage.seed,
        duplicateWebhook: chance,
        dropWebhook: chance,
        reorderWebhook: chance,
        brokenInterchange: chance,
        delayWebhookMs: 20,
        lateReceiptMs: 20,
      });
      const refs: string[] = [];
      for (let n = 0; n < 12; n += 1) refs.push(await stage.placeOrder([{ sku: 'SKU-1', quantity: 1 }]));
      for (let pending = true; pending; ) {
        await clerk.takeAll();
        pending = (await control.stats()).webhooksPending > 0 || clerk.orders.size < refs.length;
      }
      await clerk.takeAll();
      deepEqual([...clerk.orders.keys()].sort(), refs.sort());
      await expectNoProblem(stage);
    },
  },
  {
    id: 'exchange-out-of-reach',
    proves:
      'A mailbox that is out of reach, and a call that was called off, are Transient, and nothing is taken or sent.',
    skipWhen: needsDocuments,
    async play(stage) {
      const exchange = exchangeOf(stage.connection);
      const items = await makeItems(stage, ['SKU-1']);
      const prepared = stage.prepare(items, 'out of reach');
      await stage.placeOrder([{ sku: 'SKU-1', quantity: 1 }]);
      const calledOff = AbortSignal.abort();
      await expectFault(() => exchange.fetch(calledOff), ['transient'], 'fetch: called off');
      await expectFault(() => stage.connection.send(prepared, 1, calledOff), ['transient'], 'send: called off');
      equal((await stage.untilHeard()).received, 0, 'documents that the partner heard of');
      await stage.mailbox().lose();
      const lost = await expectFault(() => exchange.fetch(stage.signal), ['transient'], 'fetch: out of reach');
      ok(lost.message.includes('/'), `the message names the place: ${lost.message}`);
      await expectFault(() => stage.connection.send(prepared, 1, stage.signal), ['transient'], 'send: out of reach');
      await expectFault(
        () => exchange.send({ name: 'a.edi', text: 'a' }, stage.signal),
        ['transient'],
        'a document: out of reach',
      );
    },
  },
];
