/** What we send by document: numbers that only rise, answers that add up, and what the partner says of both. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { OrderState } from '#core/order-state.ts';
import { pickLines } from '../capture.ts';
import { type ConformanceCase, needsAnswers, needsDocuments, needsReceipts } from '../case.ts';
import { exchangeOf } from '../clerk.ts';
import { expectFault, until } from '../expect.ts';
import { expectLevels, makeItems } from '../items.ts';
import { expectNoProblem, factsOf } from '../mail.ts';
import type { Stage } from '../stage.ts';

type Line = OrderState['lines'][number];
type Promised = { readonly accepted: number; readonly backOrdered: number };

/** In whole units of the line, since a part of one cannot be promised. */
const wholeUnits = (units: number, { unit = 1 }: Line): number => Math.floor(units / unit) * unit;

async function takeOrder(stage: Stage): Promise<string> {
  const orderRef = await stage.placeOrder(pickLines(stage).map(({ sku }) => ({ sku, quantity: 12 })));
  await until(async () => {
    await stage.clerk.takeAll();
    return stage.clerk.orders.has(orderRef) ? true : null;
  }, 'the order is taken');
  return orderRef;
}

type Told = { readonly accepted: number; readonly backOrdered: number; readonly refused: number };

/** What the partner understood, added up over the lines. */
async function answerAtPartner({ control, untilHeard }: Stage, orderRef: string): Promise<Told> {
  await untilHeard();
  const { entries } = await control.log();
  const answers = entries.filter((entry) => entry.kind === 'answer').filter((entry) => entry.orderRef === orderRef);
  equal(answers.length, 1, 'answers that the partner took');
  const lines = answers[0]?.lines ?? [];
  const sumOf = (read: (line: Told) => number): number => lines.reduce((sum, line) => sum + read(line), 0);
  return {
    accepted: sumOf((line) => line.accepted),
    backOrdered: sumOf((line) => line.backOrdered),
    refused: sumOf((line) => line.refused),
  };
}

export const REPLY_CASES: readonly ConformanceCase[] = [
  {
    id: 'numbers-rise',
    proves:
      'Every document with numbers has a name, a number and a time above those before it, and takes all from its place.',
    skipWhen: needsDocuments,
    async play(stage) {
      const wires: string[] = [];
      for (let round = 1; round <= 4; round += 1) {
        const items = await makeItems(stage, stage.skus);
        const prepared = stage.prepare(items, 'the same key each time');
        wires.push(prepared.wire);
        await stage.settle(await stage.send(prepared, items.length));
        await expectLevels(stage, items, `the numbers of round ${round}`);
      }
      equal(new Set(wires).size, wires.length, 'documents');
      await expectNoProblem(stage);
      const stamp = { sequence: 999_999_999, at: Date.UTC(2026, 1, 3) };
      const last = stage.connection.prepare(await makeItems(stage, ['SKU-1']), 'last', stamp);
      const next = { sequence: stamp.sequence + 1, at: stamp.at + 1000 };
      const first = stage.connection.prepare(await makeItems(stage, ['SKU-1']), 'first again', next);
      ok(last.wire !== first.wire, 'numbers begin again after the last one');
      await expectFault(
        async () => stage.connection.prepare(await makeItems(stage, ['SKU-1']), 'without a place'),
        ['defect'],
        'without a place among the documents',
      );
    },
  },
  {
    id: 'older-numbers-ignored',
    proves: 'A document with numbers that comes out after a newer one changes nothing, and breaks no rule.',
    skipWhen: needsDocuments,
    async play(stage) {
      const older = await makeItems(stage, stage.skus);
      const prepared = stage.prepare(older, 'older');
      const newer = await makeItems(stage, stage.skus);
      await stage.push(newer, 'newer');
      await expectLevels(stage, newer, 'the newer number');
      await stage.send(prepared, older.length);
      equal((await stage.untilHeard()).older, 1, 'older documents that came');
      await expectLevels(stage, newer, 'still the newer number');
      await expectNoProblem(stage);
    },
  },
  {
    id: 'numbers-in-whole-documents',
    proves: 'What a document with numbers does not name keeps its number, or counts as 0, as the terms declare.',
    skipWhen: needsDocuments,
    async play(stage) {
      const [one, other] = await makeItems(stage, ['SKU-1', 'SKU-2']);
      ok(one !== undefined && other !== undefined, 'there are items');
      const before = (await stage.level(other.sku)).shown;
      await stage.push([one], 'one alone');
      const left = stage.capabilities.documents?.scope === 'all' ? 0 : before;
      equal((await stage.level(other.sku)).shown, left, 'what was not named');
      await expectLevels(stage, [one], 'what was named');
    },
  },
  {
    id: 'receipts-both-ways',
    proves: 'A receipt names what was sent as it was named then, accepts it, or rejects it with a reason.',
    skipWhen: needsReceipts,
    async play(stage) {
      const { clerk } = stage;
      const items = await makeItems(stage, stage.skus);
      const stamp = clerk.stamp();
      const outcomes = await clerk.send(stage.connection.prepare(items, 'good', stamp), items.length);
      ok(
        outcomes.every(({ kind }) => kind === 'sent'),
        'what is out is sent, and no more is known of it',
      );
      deepEqual(new Set((await stage.settle(outcomes)).map(({ kind }) => kind)), new Set(['applied']));
      // A later number with the same time: the partner has to refuse it.
      const late = { sequence: clerk.stamp().sequence, at: stamp.at };
      const bad = await clerk.send(stage.connection.prepare(items, 'bad', late), items.length);
      const settled = await stage.settle(bad);
      ok(
        settled.every((outcome) => outcome.kind === 'rejected' && outcome.reason !== ''),
        `what the partner rejects is rejected, with a reason: ${settled.map(({ kind }) => kind).join(', ')}`,
      );
      equal(clerk.receipts.size, 2, 'receipts');
      await expectLevels(stage, items, 'what was accepted');
    },
  },
  {
    id: 'receipt-late',
    proves: 'Numbers go on while a receipt is late, and each receipt names its own document when it comes.',
    skipWhen: needsReceipts,
    async play(stage) {
      const { clerk, control } = stage;
      await control.setFaults({ seed: stage.seed, lateReceiptMs: 200 });
      const names: string[] = [];
      for (let round = 0; round < 4; round += 1) {
        const outcomes = await clerk.push(await makeItems(stage, stage.skus), `round ${round}`);
        names.push(...outcomes.flatMap((outcome) => (outcome.kind === 'sent' ? [outcome.receipt] : [])));
        await stage.untilHeard();
      }
      const wanted = new Set(names);
      equal(wanted.size, 4, 'receipts that are waited for');
      await until(async () => {
        await clerk.takeAll();
        return clerk.receipts.size === wanted.size ? true : null;
      }, 'all receipts come');
      deepEqual(new Set(clerk.receipts.keys()), wanted);
      ok(
        [...clerk.receipts.values()].every(({ isAccepted }) => isAccepted),
        'all are accepted',
      );
    },
  },
  {
    id: 'answer-adds-up',
    proves:
      'An answer promises what was decided, refuses the rest, adds up to what was ordered, and is taken by the partner.',
    skipWhen: needsAnswers,
    async play(stage) {
      const promises: readonly ((line: Line) => Promised)[] = [
        ({ ordered }) => ({ accepted: ordered, backOrdered: 0 }),
        () => ({ accepted: 0, backOrdered: 0 }),
        (line) => ({ accepted: wholeUnits(stage.int(0, line.ordered), line), backOrdered: 0 }),
      ];
      for (const promise of promises) {
        const orderRef = await takeOrder(stage);
        const lines = stage.clerk.orders.get(orderRef)?.order.lines ?? [];
        const decided = new Map(lines.map((line) => [line.lineRef, promise(line)]));
        await stage.clerk.answer(orderRef, ({ lineRef }) => decided.get(lineRef) ?? { accepted: 0, backOrdered: 0 });
        const ordered = lines.reduce((sum, line) => sum + line.ordered, 0);
        const accepted = [...decided.values()].reduce((sum, line) => sum + line.accepted, 0);
        deepEqual(await answerAtPartner(stage, orderRef), { accepted, backOrdered: 0, refused: ordered - accepted });
      }
      await expectNoProblem(stage);
    },
  },
  {
    id: 'answer-over-what-was-stated',
    proves:
      'An answer is found its order among many in one document, is the same for the same place, and refused for an order that is not there.',
    skipWhen: needsAnswers,
    async play(stage) {
      const refs = [await takeOrder(stage), await takeOrder(stage)];
      const taken = refs.map((ref) => stage.clerk.orders.get(ref));
      const contents = taken.flatMap((one) => (one === undefined ? [] : [one.stated.rawBody]));
      const [first, second] = taken;
      ok(first !== undefined && second !== undefined, 'both orders were taken');
      const stated = { ...first.stated, rawBody: factsOf(stage).join(contents) };
      const { orderRef, lines } = second.order;
      const answer = {
        orderRef,
        ourRef: 'SO-1',
        answeredAt: Date.UTC(2026, 10, 23),
        lines: lines.map(({ lineRef, ordered }) => ({ lineRef, accepted: ordered, backOrdered: 0 })),
      };
      const exchange = exchangeOf(stage.connection);
      const stamp = stage.clerk.stamp();
      const alone = exchange.answer(second.stated, answer)?.write(stamp);
      deepEqual(exchange.answer(stated, answer)?.write(stamp), alone, 'found among others');
      const unknown = { ...answer, orderRef: `${orderRef}9` };
      await expectFault(() => exchange.answer(stated, unknown), ['rejected'], 'an order that was not stated');
      const stray = { ...answer, lines: [{ lineRef: 'no-such-line', accepted: 1, backOrdered: 0 }] };
      await expectFault(() => exchange.answer(stated, stray), ['rejected'], 'a line that was not stated');
    },
  },
  {
    id: 'send-again-harmless',
    proves: 'A document that is sent again is one document; another one under its name is a Defect.',
    skipWhen: needsDocuments,
    async play(stage) {
      const exchange = exchangeOf(stage.connection);
      const items = await makeItems(stage, stage.skus);
      const prepared = stage.prepare(items, 'twice');
      await stage.settle(await stage.send(prepared, items.length));
      await stage.send(prepared, items.length);
      const { repeated } = await stage.untilHeard();
      equal(repeated, 1, 'the partner hears it as a repeat');
      await expectLevels(stage, items, 'the number that was sent');
      await expectNoProblem(stage);
      await exchange.send({ name: '.kept-from-the-partner', text: 'one' }, stage.signal);
      await exchange.send({ name: '.kept-from-the-partner', text: 'one' }, stage.signal);
      await expectFault(
        () => exchange.send({ name: '.kept-from-the-partner', text: 'other' }, stage.signal),
        ['defect'],
        'another document under a name that is taken',
      );
    },
  },
];
