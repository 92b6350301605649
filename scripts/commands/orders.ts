/** `allot order place|cancel`: an operator's own order on a channel (by phone, at a fair), and taking an order back. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { type HoldUse, orderIdOf } from '#core/command.ts';
import type { OrderState } from '#core/order-state.ts';
import type { OrderAttributes } from '#core/rules.ts';
import { inWhole } from '#core/units.ts';
import type { Database } from '#db/client.ts';
import { explainOrder, readOrderState } from '#db/explain.ts';
import { readHold } from '#db/holds.ts';
import { listingsOfSkus } from '#db/import-orders.ts';
import { readUnits } from '#db/units.ts';
import { collectIds, collectSkuLines, collectText, type SkuLine } from '../arguments.ts';
import { commandBy, decideNow, exitCodeOf, sayTrouble, tallyOf } from '../decide-now.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { requireChannel } from '../require-channel.ts';
import type { Kit, Run } from '../session.ts';
import { inBaseUnits } from '../units.ts';

async function linesOf(db: Database, channel: string, lines: readonly SkuLine[]): Promise<OrderState['lines']> {
  const skus = lines.map(({ sku }) => sku);
  const listings = await listingsOfSkus(
    db,
    skus.map((sku) => ({ channel, sku })),
  );
  const units = await readUnits(db, skus);
  return lines.map(({ sku, quantity: asked, unit }) => {
    const listing = listings.find((one) => one.sku === sku);
    if (listing === undefined) {
      throw new Failure(`${channel} has no listing of SKU ${sku}`, {
        why: 'an order is taken through a listing of its channel; SKUs are case-sensitive',
        mend: `allot listings list --channel ${channel}, then allot listings map ${channel} REF ${sku}`,
      });
    }
    const quantity = inBaseUnits(units, { sku, quantity: asked, unit });
    const ordered = inWhole(quantity, listing.pack);
    if (ordered === null) {
      throw new Failure(
        `${channel} sells ${sku} in packs of ${listing.pack}, and ${quantity} is no whole number of them`,
        { mend: 'order whole packs' },
      );
    }
    return {
      lineRef: sku,
      listingRef: listing.listingRef,
      skuHint: sku,
      ordered,
      cancelled: 0,
      shipped: 0,
      returned: 0,
    };
  });
}

async function settle(
  run: Run,
  db: Database,
  order: { channel: string; state: OrderState; holds?: readonly HoldUse[]; done: string },
): Promise<ExitCode> {
  const id = orderIdOf(order.channel, order.state.orderRef);
  const { holds = [] } = order;
  const body = {
    kind: 'order-state' as const,
    channel: order.channel,
    order: order.state,
    ...(holds.length === 0 ? {} : { holds }),
  };
  const outcomes = await decideNow(run, db, [commandBy(run, body, { channelId: order.channel })]);
  const tally = tallyOf(outcomes);
  const exitCode = exitCodeOf(tally);
  const stored = await explainOrder(db, id);
  run.out.show({ schema: 'allot.order/1', ok: exitCode === EXIT.done, order: stored, commands: outcomes }, () => {
    if (exitCode !== EXIT.done) return '';
    const lines = stored?.lines.map(
      (line) =>
        `  ${line.sku ?? line.lineRef}: ${line.ordered - line.cancelled} ordered, ${line.allocated} allocated, ${line.short} short`,
    );
    return [tally.unchanged > 0 ? 'Nothing to change.' : `${order.done} ${id}`, ...(lines ?? [])].join('\n');
  });
  for (const line of sayTrouble(outcomes)) run.io.note(`${line}\n`);
  if (exitCode === EXIT.done) run.next(`next: allot explain --order ${id}`);
  return exitCode;
}

type Attributes = { tag?: readonly string[]; partner?: string; customer?: string; company?: string; type?: string };

/** What routes may ask for; undefined where nothing was said. */
function attributesOf({ tag, partner, customer, company, type }: Attributes): OrderAttributes | undefined {
  const said = {
    ...(tag === undefined ? {} : { tags: [...new Set(tag)].sort() }),
    ...(company === undefined ? {} : { company }),
    ...(partner === undefined ? {} : { partner }),
    ...(customer === undefined ? {} : { customer }),
    ...(type === undefined ? {} : { orderType: type }),
  };
  return Object.keys(said).length === 0 ? undefined : said;
}

type HoldOptions = { readonly hold?: readonly number[]; readonly releaseRest?: boolean };

/** The named holds, and all that they keep as lines of an order. */
async function readHeld(
  db: Database,
  options: HoldOptions & { readonly line?: readonly SkuLine[] },
): Promise<{ readonly uses: readonly HoldUse[]; readonly lines: readonly SkuLine[] }> {
  const ids = options.hold ?? [];
  if (ids.length === 0 && options.line === undefined) {
    throw new Failure('the order has no line', { mend: 'give --line SKU=N, or --hold ID', exitCode: EXIT.usage });
  }
  const rest = options.releaseRest === true ? 'release' : 'keep';
  const units = new Map<string, number>();
  for (const id of ids) {
    const hold = await readHold(db, id);
    if (hold === null) throw new Failure(`there is no hold ${id}`, { mend: 'allot hold list' });
    if (hold.state !== 'held') {
      throw new Failure(`hold ${id} of ${hold.sku} is ${hold.state} already`, {
        mend: `place the order without it: --line ${hold.sku}=${hold.quantity}`,
      });
    }
    units.set(hold.sku, (units.get(hold.sku) ?? 0) + hold.units);
  }
  return {
    uses: ids.map((hold) => ({ hold, rest })),
    lines: [...units].map(([sku, quantity]) => ({ sku, quantity, unit: null })),
  };
}

async function place(
  run: Run,
  options: { channel: string; line?: readonly SkuLine[]; ref?: string } & HoldOptions & Attributes,
): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const { channel } = options;
    await requireChannel(db, channel);
    const held = await readHeld(db, options);
    const lines = await linesOf(db, channel, options.line ?? held.lines);
    const now = run.io.now();
    const orderRef = options.ref ?? `operator-${randomUUID()}`;
    if ((await readOrderState(db, orderIdOf(channel, orderRef))) !== null) {
      throw new Failure(`${orderIdOf(channel, orderRef)} is placed already`, { mend: 'give another --ref, or none' });
    }
    const attributes = attributesOf(options);
    const state: OrderState = {
      orderRef,
      displayRef: orderRef,
      version: now,
      placedAt: now,
      modifiedAt: now,
      fulfilledBy: 'seller',
      origin: 'operator',
      locationRef: null,
      ...(attributes === undefined ? {} : { attributes }),
      obligations: [],
      lines,
    };
    return settle(run, db, { channel, state, holds: held.uses, done: 'Placed' });
  });
}

/** The stored version stays: the platform's next word, which is newer, still wins. */
async function cancel(run: Run, id: string): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const stored = await readOrderState(db, id);
    if (stored === null) {
      throw new Failure(`order ${id} is not known`, {
        mend: 'write it as channel/order, for example shopify:main/1001',
      });
    }
    const known = await explainOrder(db, id);
    const lines = stored.state.lines.map((line) => {
      // Our own ledger may know of shipments that no message of the channel has told.
      const booked = known?.lines.find(({ lineRef }) => lineRef === line.lineRef);
      const shipped = Math.max(line.shipped, booked === undefined ? 0 : Math.ceil(booked.shipped / booked.pack));
      return { ...line, cancelled: Math.max(line.cancelled, line.ordered - shipped) };
    });
    const code = await settle(run, db, {
      channel: stored.channel,
      state: { ...stored.state, lines },
      done: 'Cancelled',
    });
    if (!stored.state.orderRef.startsWith('operator-'))
      run.io.note(
        `Its channel does not hear of this: cancel ${id} there too, or its next message takes the units again.\n`,
      );
    return code;
  });
}

export function addOrderCommands(program: Command, kit: Kit): void {
  const order = program.command('order').description("place an operator's order on a channel, or cancel one");
  const placing = order
    .command('place')
    .description('an order that reached you beside the platform: by phone, at a fair')
    .requiredOption('--channel <id>', 'the channel whose program it draws from')
    .option(
      '--line <SKU=N>',
      'an item and its units, or "SKU=3 case"; once per item; with --hold all that is held when missing',
      collectSkuLines,
    )
    .option('--hold <id>', 'a hold whose units it takes; may be given again', collectIds)
    .option('--release-rest', 'let go what it does not want of its holds; else that stays held')
    .option('--ref <text>', 'your own reference; made up when missing')
    .option('--tag <text>', 'a tag that a route may ask for; may be given again', collectText)
    .option('--partner <id>', 'a partner that a route may ask for')
    .option('--customer <id>', 'a customer that a route may ask for')
    .option('--company <id>', 'a company that a route may ask for')
    .option('--type <text>', 'a type of order that a route may ask for')
    .action(kit.act(place));
  kit.examples(placing, [
    'allot order place --channel shopify:main --line MUG-RED=12 --tag wholesale',
    'allot order place --channel shopify:main --line MUG-RED=2 --line CUP=1',
    'allot order place --channel edi:target --line "MUG-RED=4 case" --ref PO-7',
    'allot order place --channel shopify:main --hold 12 --line MUG-RED=3 --release-rest',
  ]);
  const cancelling = order
    .command('cancel')
    .description('take back what is not shipped')
    .argument('<order>', 'as channel/order')
    .action(kit.act(cancel));
  kit.examples(cancelling, ['allot order cancel shopify:main/operator-7']);
}
