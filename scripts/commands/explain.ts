/** `allot explain`: why a listing shows its number, now or at a past moment; why an order line has what it has. */
import type { Command } from 'commander';
import type { Instant } from '#core/model.ts';
import { type Money, sayMoney } from '#core/money.ts';
import type { Database } from '#db/client.ts';
import { explainListings, type ListingExplanation } from '#db/explain.ts';
import { explainListingsNow } from '#db/explain-now.ts';
import { listLots } from '#db/lot-reports.ts';
import { type PastFigures, readFiguresAt } from '#db/past-figures.ts';
import { readPolicy } from '#db/policy-current.ts';
import { readSkuTable, type SkuFigures } from '#db/status.ts';
import { readUnitValues } from '#db/unit-values.ts';
import { type ToldLot, tellLots } from '#workers/lot-words.ts';
import { takeInstant } from '../arguments.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { lotTable } from '../lot-words.ts';
import { requireChannel } from '../require-channel.ts';
import type { Kit, Run } from '../session.ts';
import { showOrder, showOrderAt } from './explain-order.ts';
import { showPools, showShortages } from './explain-pools.ts';

const LOTS_MAX = 50;

type Options = {
  readonly channel?: string;
  readonly listing?: string;
  readonly at?: Instant | 'now';
  readonly order?: string;
  readonly pools?: boolean;
  readonly shortages?: boolean;
};

async function explain(run: Run, sku: string | undefined, options: Options): Promise<ExitCode> {
  if ((sku === undefined) === (options.order === undefined)) {
    throw new Failure('name one SKU, or one order', {
      mend: 'allot explain SKU --channel ID, or allot explain --order CHANNEL/ORDER',
      exitCode: EXIT.usage,
    });
  }
  const at = options.at === undefined || options.at === 'now' ? null : options.at;
  if (at !== null && at > run.io.now()) {
    throw new Failure(`${new Date(at).toISOString()} is still to come: nothing was decided by then`, {
      mend: 'a moment of the past with --at; what may be promised by a date: allot promise SKU QUANTITY --by DATE',
      exitCode: EXIT.usage,
    });
  }
  return run.withDatabase(async (db) => {
    if (options.order !== undefined)
      return at === null ? showOrder(run, db, options.order) : showOrderAt(run, db, options.order, at);
    if (options.pools === true || options.shortages === true) await requireItem(db, sku ?? '');
    if (options.pools === true) return showPools(run, db, sku ?? '', at);
    if (options.shortages === true) return showShortages(run, db, sku ?? '', at);
    return explainItem(run, db, { sku: sku ?? '', at }, options);
  });
}

async function requireItem(db: Database, sku: string): Promise<SkuFigures> {
  const [item] = await readSkuTable(db, { skus: [sku] });
  if (item !== undefined) return item;
  throw new Failure(`SKU ${sku} is not an item`, {
    why: 'SKUs are case-sensitive',
    mend: 'allot status --skus shows those there are',
  });
}

/** `at`: null for now. */
type Asked = { readonly sku: string; readonly at: Instant | null };

async function explainItem(run: Run, db: Database, asked: Asked, options: Options): Promise<ExitCode> {
  const { sku, at } = asked;
  const { channel, listing } = options;
  const item = await readItem(db, asked);
  if (channel !== undefined) await requireChannel(db, channel);
  const lots = at === null ? await readLots(run, db, sku) : null;
  const choice = {
    sku,
    ...(channel === undefined ? {} : { channel }),
    ...(listing === undefined ? {} : { listingRef: listing }),
  };
  const explanations =
    at === null ? await explainListingsNow(db, choice, run.io.now()) : await explainListings(db, { ...choice, at });
  if (listing !== undefined && explanations.length === 0) {
    const where = channel === undefined ? '' : ` on ${channel}`;
    throw new Failure(`SKU ${sku} has no listing ${listing}${where}`, {
      mend: `allot explain ${sku} shows those it has`,
    });
  }
  const head = [item.says, ...(lots === null ? [] : [lots.says])];
  if (channel === undefined) {
    const told = { item: item.figures, ...(lots === null ? {} : { lots: lots.rows }), listings: explanations };
    run.out.show({ schema: 'allot.explain.item/1', ...told }, () =>
      [
        ...head,
        ...explanations.map((one) => sayListing(run, one, at)),
        ...(explanations.length === 0 ? ['It has no listing: allot listings map CHANNEL REF SKU'] : []),
      ].join('\n\n'),
    );
    return EXIT.done;
  }
  const one = theOne(explanations, { sku, channel });
  run.out.show({ schema: 'allot.explain/1', ...one }, () => [...head, sayListing(run, one, at)].join('\n\n'));
  return EXIT.done;
}

/** What there is of it, or was then. */
async function readItem(db: Database, { sku, at }: Asked): Promise<{ figures: object; says: string }> {
  const known = await requireItem(db, sku);
  if (at !== null) {
    const figures = await readFiguresAt(db, sku, at);
    return { figures, says: sayPastItem(figures) };
  }
  const values = (await readUnitValues(db, [sku])).get(sku);
  const figures: ToldItem = { ...known, ...(values === undefined ? {} : { unitValue: values }) };
  return { figures, says: sayItem(figures) };
}

/** Null where it has none. */
async function readLots(run: Run, db: Database, sku: string): Promise<{ rows: ToldLot[]; says: string } | null> {
  const found = await listLots(db, { sku }, LOTS_MAX);
  if (found.length === 0) return null;
  const policy = await readPolicy(db);
  const rows = tellLots(found, policy, run.io.now());
  return { rows, says: lotTable(run, rows, policy).trimEnd() };
}

function theOne(
  explanations: readonly ListingExplanation[],
  { sku, channel }: { sku: string; channel: string },
): ListingExplanation {
  const [first, second] = explanations;
  if (first === undefined) {
    throw new Failure(`${channel} has no listing of SKU ${sku}`, {
      mend: `allot listings list --channel ${channel}, then allot listings map ${channel} REF ${sku}`,
    });
  }
  if (second !== undefined) {
    const refs = [...new Set(explanations.map(({ listing }) => listing.listingRef))];
    // One listing at several places of the platform: the first stands for it, the others are in explain without --channel.
    if (refs.length > 1) {
      throw new Failure(`${channel} has ${refs.length} listings of SKU ${sku}`, {
        why: `their references are ${refs.join(', ')}`,
        mend: 'name one with --listing REF',
        exitCode: EXIT.usage,
      });
    }
  }
  return first;
}

/** `unitValue`: by currency; absent where it, or a part of the kit, has none. */
type ToldItem = SkuFigures & { readonly unitValue?: readonly Money[] };

function sayItem(item: ToldItem): string {
  const worth = item.unitValue === undefined ? '' : `, worth ${item.unitValue.map(sayMoney).join(' and ')} each`;
  const short = `${item.short > 0 ? `, ${item.short} short` : ''}${worth}`;
  if (item.components === undefined)
    return `${item.sku}: ${item.onHand} on hand, ${item.allocated} allocated, ${item.held} held, ${item.atp} to promise${short}`;
  const parts = item.components.map(({ sku, quantity }) => `${quantity} ${sku}`).join(', ');
  return `${item.sku}: a kit of ${parts}; ${item.atp} to promise${short}`;
}

function sayPastItem({ sku, at, onHand, allocated, held, atp, short, components }: PastFigures): string {
  const what =
    components === undefined
      ? `${onHand} on hand, ${allocated} allocated, ${held} held`
      : `a kit of ${components.map((part) => `${part.quantity} ${part.sku}`).join(', ')}`;
  const promise = atp === null ? 'no policy was in force' : `${atp} to promise`;
  const waits = short === null || short === 0 ? '' : `, ${short} short`;
  return `${sku} at ${new Date(at).toISOString()}: ${what}${components === undefined ? ',' : ';'} ${promise}${waits}`;
}

function sayListing(run: Run, one: ListingExplanation, at: Instant | null): string {
  const { out } = run;
  const title = out.paint(
    'bold',
    `${one.channel} ${one.listing.listingRef}${one.listing.locationRef === '' ? '' : ` at ${one.listing.locationRef}`} (${one.mode})`,
  );
  if (one.quantity === null) return `${title}\n${one.why}`;
  const steps = out.table(
    [{ title: 'STEP' }, { title: 'CHANGE', isNumber: true }, { title: 'RESULT', isNumber: true }, { title: 'WHY' }],
    one.steps.map((step) => [
      step.id,
      step.change > 0 ? `+${step.change}` : String(step.change),
      step.result,
      step.says,
    ]),
  );
  return [
    title,
    `should show ${one.quantity} ${one.unit} (${sayDecided(run, one, at)})${at === null ? saySync(run, one) : ''}`,
    ...(one.why === null ? [] : [one.why]),
    steps.trimEnd(),
    ...one.reallocations.map(sayCause),
  ].join('\n');
}

/** When and by which policy the number was decided, and by what it is explained. */
function sayDecided(run: Run, one: ListingExplanation, at: Instant | null): string {
  const { stored, decidedAt, explainedAt, inputs, targetVersion } = one;
  const by = `policy ${inputs?.policyVersion}`;
  if (stored === null || decidedAt === null) return `not decided yet; explained by what stands now, ${by}`;
  if (at !== null) {
    const [then, asked] = [decidedAt, at].map((moment) => new Date(moment).toISOString());
    return `version ${targetVersion}, decided ${then}, ${by}; nothing moved its number between then and ${asked}`;
  }
  const decided = `version ${targetVersion}, decided ${run.out.age(decidedAt)}, policy ${stored.policyVersion}`;
  return explainedAt === null ? decided : `${decided}; explained by what stands now, ${by}`;
}

/** What was sent and what the platform shows, and what holds up a write. */
function saySync({ out }: Run, one: ListingExplanation): string {
  const sent =
    one.acknowledged === null ? 'never acknowledged' : `${one.acknowledged.quantity} (${out.age(one.acknowledged.at)})`;
  const shows =
    one.observed === null
      ? 'never read'
      : `${one.observed.state === 'tracked' ? one.observed.sellable : one.observed.state} (${out.age(one.observed.at)})`;
  const way = one.inFlightVersion === null ? '' : ` A write of version ${one.inFlightVersion} is under way.`;
  const blocked =
    one.blocked === null
      ? ''
      : `\nput off: ${one.blocked.reason ?? 'refused by the platform'}\n  mend: ${one.blocked.fix ?? 'nothing: it is tried again by itself'}`;
  return `; sent: ${sent}; shows: ${shows}.${way}${blocked}`;
}

const sayCause = ({ id, reason, proposer, approver, until }: ListingExplanation['reallocations'][number]): string =>
  `reallocation ${id}, until ${new Date(until).toISOString()}: ${reason} (${proposer}${approver === null ? '' : `, approved by ${approver}`})`;

export function addExplainCommand(program: Command, kit: Kit): void {
  const command = program
    .command('explain')
    .description(
      'why a listing shows its number, step by step; why an order has what it has; who may draw of an item; what is short',
    )
    .argument('[sku]')
    .option('--channel <id>', 'on this channel; without it, on every one')
    .option('--listing <ref>', 'where a channel has several listings of the item')
    .option(
      '--at <time>',
      'as it was decided by that moment, with its zone; without it, by what stands now',
      takeInstant,
    )
    .option('--order <id>', 'an order instead, as channel/order')
    .option(
      '--pools',
      'who may draw how much of the item, and by which rule; of a kit how many sets, and by which component',
    )
    .option('--shortages', 'what is short of the item, whose turn it is, and why')
    .action(kit.act(explain));
  kit.examples(command, [
    'allot explain MUG-RED --channel shopify:main',
    'allot explain MUG-RED --channel shopify:main --at 2026-11-23T08:30:00Z --json',
    'allot explain --order shopify:main/1001',
    'allot explain MUG-RED --pools --at 2026-11-23T08:30:00Z',
    'allot explain --order shopify:main/1001 --at 2026-11-23T08:30:00Z --json',
    'allot explain MUG-RED --shortages',
  ]);
}
