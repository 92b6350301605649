/** Absolute numbers, one outcome per item, nothing overwritten that was not seen. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { type ConformanceCase, needsCompare, needsProtection, needsReads } from '../case.ts';
import { expectFault } from '../expect.ts';
import { expectLevels, expectSettled, type Item, kindsOf, makeItems, shownOf } from '../items.ts';
import type { Stage } from '../stage.ts';
import { batchMaxOf } from '../subject.ts';

/** What the other items of a batch come to when one of them is bad. */
const othersOf = (stage: Stage): string => (stage.capabilities.batch === 'allOrNothing' ? 'deferred' : 'applied');

/** Exactly the item at `badAt` came to `kind`; the others were applied, or not tried at all. */
async function expectOneBad(
  stage: Stage,
  items: readonly Item[],
  told: { badAt: number; kind: string; kinds: string[] },
) {
  if (stage.capabilities.batch === 'blind') {
    deepEqual(
      told.kinds,
      items.map(() => 'unknown'),
    );
    return;
  }
  deepEqual(
    told.kinds,
    items.map((_, index) => (index === told.badAt ? told.kind : othersOf(stage))),
  );
}

export const PUSH_CASES: readonly ConformanceCase[] = [
  {
    id: 'push-absolute',
    proves: 'A push sets the numbers themselves, up and down, and answers one outcome per item.',
    async play(stage) {
      const items = await makeItems(stage, stage.shuffle(stage.skus));
      const outcomes = await stage.push(items, 'push-absolute');
      deepEqual(
        kindsOf(outcomes),
        items.map(() => 'applied'),
      );
      await expectLevels(stage, items, 'the platform has the number that was pushed');
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.kind !== 'applied' || outcome.shownAfter === null) continue;
        equal(outcome.shownAfter, items[index]?.wireQuantity, 'shownAfter is what the platform has');
      }
    },
  },
  {
    id: 'push-zero',
    proves: 'Zero is a number like any other, and reads back as tracked.',
    async play(stage) {
      const [item] = await makeItems(stage, ['SKU-2']);
      ok(item !== undefined, 'there is an item');
      deepEqual(kindsOf(await stage.push([{ ...item, wireQuantity: 0 }], 'push-zero')), ['applied']);
      await expectSettled(stage, async () => {
        const { shown, sellable } = await stage.level('SKU-2');
        deepEqual([shown, sellable], [0, 0], '[shown, sellable] on the platform');
      });
      if (needsReads(stage.capabilities) !== null) return;
      const seen = await stage.observe('SKU-2');
      deepEqual([seen.shown, seen.sellable, seen.state], [0, 0, 'tracked'], '[shown, sellable, state]');
    },
  },
  {
    id: 'push-unchanged',
    proves: 'Pushing the number that is there already changes nothing and is no error.',
    async play(stage) {
      const items = (await makeItems(stage, stage.skus)).map((item) => ({ ...item, compareWith: null }));
      await stage.push(items, 'first');
      const outcomes = await stage.push(items, 'second');
      ok(
        outcomes.every(({ kind }) => kind === 'unchanged' || kind === 'applied'),
        `outcomes of the second push: ${kindsOf(outcomes).join(', ')}`,
      );
      await expectLevels(stage, items, 'still the number that was pushed');
    },
  },
  {
    id: 'push-one-bad-item',
    proves:
      'One listing that is not there is rejected with reason and fix; the others are applied, or deferred where a batch is all or nothing.',
    async play(stage) {
      const items = await makeItems(stage, stage.shuffle(stage.skus));
      const badAt = stage.int(0, items.length - 1);
      const bad = items[badAt];
      ok(bad !== undefined, 'there is an item');
      const before = await shownOf(stage, items);
      const listing = { ...bad.listing, ...stage.subject.missingKey(bad.listing) };
      const sent = items.with(badAt, { ...bad, listing, compareWith: null });
      const outcomes = await stage.push(sent, 'one-bad');
      await expectOneBad(stage, items, { badAt, kind: 'rejected', kinds: kindsOf(outcomes) });
      const outcome = outcomes[badAt];
      if (outcome?.kind === 'rejected')
        ok(outcome.reason !== '' && outcome.fix !== '', 'a rejection has a reason and a fix');
      const expected = stage.capabilities.batch === 'allOrNothing' ? before : items.map((item) => item.wireQuantity);
      // What is left out of a whole document counts as 0 there.
      const left = stage.capabilities.documents?.scope === 'all' ? 0 : before[badAt];
      await expectSettled(stage, async () => {
        const after = await shownOf(stage, items);
        deepEqual(after.toSpliced(badAt, 1), expected.toSpliced(badAt, 1), 'the numbers of the others');
        equal(after[badAt], left, 'the number of the bad one');
      });
    },
  },
  {
    id: 'push-stale-detected',
    proves: 'A number that changed unseen is not overwritten: that item is stale.',
    skipWhen: needsCompare,
    async play(stage) {
      const items = await makeItems(stage, stage.shuffle(stage.skus).slice(0, 4));
      const badAt = stage.int(0, items.length - 1);
      const bad = items[badAt];
      ok(bad !== undefined, 'there is an item');
      const edited = (bad.compareWith ?? 0) + 7;
      await stage.control.editLevels({ levels: [{ sku: bad.sku, shown: edited }] });
      const outcomes = await stage.push(items, 'stale');
      await expectOneBad(stage, items, { badAt, kind: 'stale', kinds: kindsOf(outcomes) });
      const outcome = outcomes[badAt];
      if (outcome?.kind === 'stale' && outcome.shown !== null)
        equal(outcome.shown, edited, 'a stale outcome that tells a number');
      equal((await stage.level(bad.sku)).shown, edited, 'the number that was changed unseen');
    },
  },
  {
    id: 'push-after-unheard-sale',
    proves:
      'A push that compares does not give an unheard-of sale back to the shelf; on onHandLessOwnOpen the sale is no obstacle.',
    skipWhen: needsCompare,
    async play(stage) {
      const [item] = await makeItems(stage, ['SKU-1']);
      ok(item !== undefined, 'there is an item');
      const quantity = stage.int(1, 5);
      await stage.placeOrder([{ sku: 'SKU-1', quantity }]);
      const isLowered = stage.capabilities.quantityBasis === 'sellable';
      deepEqual(kindsOf(await stage.push([item], 'after-sale')), [isLowered ? 'stale' : 'applied']);
      const { shown } = await stage.level('SKU-1');
      equal(shown, isLowered ? (item.compareWith ?? 0) - quantity : item.wireQuantity);
    },
  },
  {
    id: 'push-too-many-is-defect',
    proves:
      'More items than a lane holds, none at all, or a quantity that is no count is our own Defect, before anything is sent.',
    async play(stage) {
      const [item] = await makeItems(stage, ['SKU-1']);
      ok(item !== undefined, 'there is an item');
      const most = batchMaxOf(stage.capabilities);
      const { apiCalls } = await stage.control.stats();
      const prepare = (items: readonly Item[]) => () => stage.prepare(items, 'too-many');
      await expectFault(
        prepare(Array.from({ length: most + 1 }, () => item)),
        ['defect', 'rejected'],
        `${most + 1} items`,
      );
      await expectFault(prepare([]), ['defect'], 'no item');
      await expectFault(prepare([{ ...item, wireQuantity: -1 }]), ['defect'], 'a negative quantity');
      await expectFault(prepare([{ ...item, wireQuantity: 1.5 }]), ['defect'], 'half a unit');
      equal((await stage.control.stats()).apiCalls, apiCalls, 'calls');
    },
  },
  {
    id: 'prepare-is-pure',
    proves:
      'The same items, key and place give the same bytes, without a call, and another attempt never the same key.',
    async play(stage) {
      const items = await makeItems(stage, stage.skus.slice(0, batchMaxOf(stage.capabilities)));
      const { apiCalls } = await stage.control.stats();
      const frozen = items.map((item) => Object.freeze(item));
      const stamp = stage.clerk.stamp();
      const first = stage.connection.prepare(Object.freeze(frozen), 'attempt-1', stamp);
      deepEqual(stage.open().prepare(frozen, 'attempt-1', stamp), first, 'another connection, the same bytes');
      equal((await stage.control.stats()).apiCalls, apiCalls, 'calls');
      if (!stage.capabilities.writeProtection.includes('idempotencyKey')) return;
      ok(stage.connection.prepare(frozen, 'attempt-2').wire !== first.wire, 'another key, other bytes');
    },
  },
  {
    id: 'resend-applies-once',
    proves: 'The same bytes sent again after another change do not undo that change.',
    skipWhen: needsProtection,
    async play(stage) {
      const items = await makeItems(stage, ['SKU-3', 'SKU-4']);
      const prepared = stage.prepare(items, 'resend');
      const send = async () => stage.settle(await stage.send(prepared, items.length));
      deepEqual(kindsOf(await send()), ['applied', 'applied']);
      await stage.control.editLevels({
        levels: items.map(({ sku, wireQuantity }) => ({ sku, shown: wireQuantity + 3 })),
      });
      await send();
      deepEqual(
        await shownOf(stage, items),
        items.map(({ wireQuantity }) => wireQuantity + 3),
        'the later change stands',
      );
    },
  },
];
