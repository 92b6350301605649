/**
 * Intake: makes commands of what lies in the inbox, and fetches what webhooks missed.
 *
 * event -> stored; a signed one that holds whole orders becomes commands in the same transaction
 * inbox (pending) -> connector.parse -> orders: commands; refs: read whole, then commands; levels: listings to look at
 * poll -> connector.fetchOrdersSince -> inbox, under the order's own version as key; or the mailbox (documents.ts)
 * document (pending) -> documents.parse -> orders: commands; receipts; replies: stored with their numbers; refused parts: parked
 *
 * Guarantees: an entry is marked taken in the transaction that writes its commands (I3, I7); what cannot be understood is parked
 * with its field and fix; a platform that does not answer leaves its entries pending, and only its own.
 */
import type { OrderPage, ParsedDocument } from '#connectors/connector.ts';
import { Fault, Rejected } from '#core/errors.ts';
import type { OrderState } from '#core/order-state.ts';
import type { Queries } from '#db/client.ts';
import { addCommands } from '#db/commands.ts';
import { readCursor, writeCursor } from '#db/health.ts';
import {
  holdPending,
  insertInbox,
  markTaken,
  type PendingInput,
  type Received,
  readPending,
  retryLater,
  type ToCommands,
  type WithFresh,
} from '#db/inbox.ts';
import { parkInbox } from '#db/parked.ts';
import type { OpenChannel, WorkerContext } from './context.ts';
import { collectDocuments } from './documents.ts';
import { storableKey } from './inbox-names.ts';
import { notNow, refuseInput, type Unread, waitForPlatform } from './input-refusals.ts';
import { askForNews, type LevelsTold } from './level-news.ts';
import { orderCommands } from './order-commands.ts';
import { isStorable, refuseUnstorable, refuseUnstorableRefs, storableText } from './storable-input.ts';
import { keepDocument } from './take-document.ts';
import { withChannel } from './with-channel.ts';

const TAKE_MAX = 200;
/** Two calls that run into their deadline, and some: what is left is tried at the next turn. */
const CHANNEL_MS_MAX = 45_000;
/** Topic of inbox entries that are OrderState as JSON already: what a poll read, and what the command line placed. */
export const ORDER_STATE_TOPIC = 'allot/order-state';
/** Body: an order reference that a poll could not read with its page; read alone, a fault parks it, and a retry reads it anew. */
const ORDER_REF_TOPIC = 'allot/order-ref';

type Taken = {
  readonly input: PendingInput;
  readonly orders: readonly OrderState[];
  readonly levels: LevelsTold;
};
type Told = Pick<Taken, 'orders' | 'levels'>;
type Opened = { readonly input: PendingInput; readonly reader: string; readonly document: ParsedDocument };
type Result = Taken | Opened | Unread;

async function parseOne(
  channel: OpenChannel,
  input: PendingInput,
  rawBody: Buffer,
  signal: AbortSignal,
): Promise<Taken | Opened> {
  const { documents } = channel.connection;
  if (documents !== undefined && input.topic !== ORDER_STATE_TOPIC && input.topic !== ORDER_REF_TOPIC)
    return {
      input,
      reader: channel.reader,
      document: documents.parse({ topic: input.topic, rawBody, receivedAt: input.receivedAt }),
    };
  const taken = await readOne(channel, input, rawBody, signal);
  taken.orders.forEach(refuseUnstorable);
  refuseUnstorableRefs(taken.levels);
  return taken;
}

async function readOne(
  channel: OpenChannel,
  input: PendingInput,
  rawBody: Buffer,
  signal: AbortSignal,
): Promise<Taken> {
  if (input.topic === ORDER_STATE_TOPIC)
    return { input, orders: [JSON.parse(rawBody.toString('utf8')) as OrderState], levels: [] };
  if (input.topic === ORDER_REF_TOPIC)
    return { input, orders: [await channel.connection.hydrate(rawBody.toString('utf8'), signal)], levels: [] };
  const parsed = await channel.connection.parse({ topic: input.topic, rawBody, receivedAt: input.receivedAt });
  // Below signed, what the event says is not believed: its orders are read at the platform.
  const isBelieved = input.assurance === 'signed';
  const refs = isBelieved ? parsed.refs : [...parsed.refs, ...parsed.orders.map((order) => order.orderRef)];
  const hydrated: OrderState[] = [];
  for (const ref of refs) hydrated.push(await channel.connection.hydrate(ref, signal));
  return isBelieved
    ? { input, orders: [...parsed.orders, ...hydrated], levels: parsed.levels }
    : { input, orders: hydrated, levels: parsed.levels.map((level) => ({ ...level, shown: null })) };
}

async function take(context: WorkerContext, input: PendingInput, signal: AbortSignal): Promise<Result> {
  const channel = context.channels.get(input.channelId);
  const refuse = (code: string, reason: string, fix: string): Result => ({
    refusal: { inboxId: input.inboxId, reader: channel?.reader ?? null, code, reason, field: null, fix },
  });
  if (channel === undefined) {
    return refuse(
      'unknown-channel',
      `channel ${input.channelId} is not configured`,
      'put it back into the configuration file and restart: allot then tries it again by itself',
    );
  }
  if (input.rawBody === null)
    return refuse('payload-gone', input.fault ?? 'no payload', 'nothing to retry: drop it with a reason');
  try {
    return await parseOne(channel, input, input.rawBody, signal);
  } catch (error) {
    if (error instanceof Rejected) return refuseInput(input, channel.reader, error);
    if (error instanceof Fault && error.code !== 'defect') return waitForPlatform(context, input, error);
    const reason = error instanceof Error ? error.message : String(error);
    return refuse(
      'defect',
      storableText(reason),
      'a defect of allot: report it; after an upgrade allot tries it again by itself',
    );
  }
}

/** What an entry says, when it can be read without asking anybody: a signed event that holds whole orders, or levels. */
async function readAtOnce(context: WorkerContext, entry: Received): Promise<Told | null> {
  const channel = context.channels.get(entry.channelId);
  if (channel === undefined || entry.assurance !== 'signed') return null;
  try {
    const parsed = await channel.connection.parse({
      topic: entry.topic,
      rawBody: entry.rawBody,
      receivedAt: context.now(),
    });
    if (parsed.refs.length > 0) return null;
    parsed.orders.forEach(refuseUnstorable);
    refuseUnstorableRefs(parsed.levels);
    return parsed;
  } catch (error) {
    // Whatever is wrong with it, intake finds it again and parks it with its reason; here it must only be stored.
    context.log.debug(
      { channel: entry.channelId, error: error instanceof Error ? error.message : String(error) },
      'left to intake',
    );
    return null;
  }
}

/**
 * Stores received events, and the commands of those that can be read at once in the same transaction: a number that is sent
 * after this commit knows which items they touch. Resolves to how many were new.
 */
export async function receive(context: WorkerContext, entries: readonly Received[]): Promise<number> {
  const read = new Map<Received, Told | null>();
  for (const entry of entries) read.set(entry, await readAtOnce(context, entry));
  const receivedAt = context.now();
  const toCommands: ToCommands = (entry) => {
    const told = read.get(entry) ?? null;
    if (told === null) return null;
    return (inboxId) => orderCommands({ inboxId, channelId: entry.channelId, receivedAt }, told.orders);
  };
  const alsoKeep: WithFresh['alsoKeep'] = async (tx, fresh) => {
    for (const [channelId, group] of Map.groupBy(fresh, (entry) => entry.channelId)) {
      const levels = group.flatMap((entry) => read.get(entry)?.levels ?? []);
      await askForNews(context, tx, channelId, levels);
    }
  };
  const stored = await insertInbox(context.db, entries, context.sealingKeys[0], { toCommands, alsoKeep });
  if (stored.size > 0) context.decideSoon();
  return stored.size;
}

/** Handler of the `intake` bell: until nothing is pending, or only what waits for its platform. */
export async function takeInbox(context: WorkerContext, signal: AbortSignal): Promise<void> {
  for (let found = TAKE_MAX; found === TAKE_MAX && !signal.aborted; ) {
    const inputs = await readPending(context.db, TAKE_MAX, context.sealingKeys);
    found = inputs.length;
    const groups = Map.groupBy(inputs, ({ channelId }) => channelId);
    const ends = await Promise.allSettled([...groups.values()].map((group) => takeOfChannel(context, group, signal)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
}

/** One channel's entries, in their order; a platform that answers slowly keeps only its own waiting, and not for long. */
async function takeOfChannel(
  context: WorkerContext,
  inputs: readonly PendingInput[],
  signal: AbortSignal,
): Promise<void> {
  const until = context.now() + CHANNEL_MS_MAX;
  // Parsed before the transaction: a platform that is asked for a whole order must not hold locks while it thinks.
  const results: Result[] = [];
  for (const input of inputs)
    results.push(context.now() > until ? notNow(context, input) : await take(context, input, signal));
  await context.db.transaction((tx) => keepResults(context, tx, results));
  context.decideSoon();
}

function inputOf(result: Result): number {
  if ('refusal' in result) return result.refusal.inboxId;
  return 'later' in result ? result.later.inboxId : result.input.inboxId;
}

async function keepResults(context: WorkerContext, tx: Queries, results: readonly Result[]): Promise<void> {
  const ours = await holdPending(tx, results.map(inputOf));
  const held = results.filter((result) => ours.has(inputOf(result)));
  const taken = held.flatMap((result) => ('levels' in result ? [result] : []));
  for (const result of held) {
    if ('document' in result)
      await keepDocument(context, tx, { ...result.input, reader: result.reader }, result.document);
  }
  await addCommands(
    tx,
    taken.flatMap(({ input, orders }) => orderCommands(input, orders)),
  );
  await markTaken(
    tx,
    taken.map(({ input }) => input.inboxId),
  );
  await parkInbox(
    tx,
    held.flatMap((result) => ('refusal' in result ? [result.refusal] : [])),
  );
  await retryLater(
    tx,
    held.flatMap((result) => ('later' in result ? [result.later] : [])),
  );
  for (const [channelId, group] of Map.groupBy(taken, ({ input }) => input.channelId)) {
    const levels = group.flatMap((one) => one.levels);
    await askForNews(context, tx, channelId, levels);
  }
}

/** Handler of the `poll` bell: pages from the cursor until complete; the cursor moves only after its page is in the inbox. */
export async function pollChannel(context: WorkerContext, channelId: string, signal: AbortSignal): Promise<void> {
  const channel = context.channels.get(channelId);
  const exchange = channel?.connection.documents;
  if (channel === undefined || (!channel.capabilities.orderPolling && exchange === undefined)) return;
  await withChannel(context, channel, 'poll', async () => {
    if (exchange !== undefined) {
      const hasNew = await collectDocuments(context, channelId, exchange, signal);
      await writeCursor(context.db, channelId, 'orders', null);
      if (hasNew) await takeInbox(context, signal);
      return;
    }
    for (let isComplete = false; !isComplete && !signal.aborted; ) {
      const cursor = await readCursor(context.db, channelId, 'orders');
      const page = await channel.connection.fetchOrdersSince(cursor, signal);
      await storePolled(context, channelId, page);
      await writeCursor(context.db, channelId, 'orders', page.cursor);
      isComplete = page.complete;
    }
  });
}

/** Orders read whole enter by the same inbox, keyed by their version: reading the same state again stores nothing. */
async function storePolled(
  context: WorkerContext,
  channelId: string,
  page: Pick<OrderPage, 'orders' | 'unread'>,
): Promise<void> {
  const byKey = new Map(page.orders.map((order) => [storableKey(`order ${order.orderRef} ${order.version}`), order]));
  const entryOf = (key: string, topic: string, body: string): Received => ({
    channelId,
    key,
    topic,
    source: 'poll',
    assurance: 'signed',
    rawBody: Buffer.from(body),
  });
  const entries = [
    ...[...byKey].map(([key, order]) => entryOf(key, ORDER_STATE_TOPIC, JSON.stringify(order))),
    ...page.unread.map(({ orderRef, version }) =>
      entryOf(storableKey(`unread ${orderRef} ${version}`), ORDER_REF_TOPIC, orderRef),
    ),
  ];
  const receivedAt = context.now();
  const toCommands: ToCommands = (entry) => {
    const order = byKey.get(entry.key);
    // What cannot be kept as a command is left to intake, which parks it; it must not hold up its page for ever.
    if (order === undefined || !isStorable(order)) return null;
    return (inboxId) => orderCommands({ inboxId, channelId, receivedAt }, [order]);
  };
  const stored = await insertInbox(context.db, entries, context.sealingKeys[0], { toCommands });
  if (stored.size > 0) context.decideSoon();
}
