/**
 * What one case plays on: a fresh sandbox with a small catalogue, a connection to it, a webhook receiver, and a seeded generator.
 *
 * Everything that a stage opened is closed with it, whether the case passed or not.
 */
import { ok } from 'node:assert/strict';
import { Credential } from '#core/errors.ts';
import type { OrderState } from '#core/order-state.ts';
import type {
  Capabilities,
  ChannelConnection,
  DiscoveredListing,
  InboundRequest,
  Observation,
  Verdict,
} from '../connector.ts';
import { createFetch } from '../http.ts';
import type { CatalogueAnswer, SandboxControl, SandboxLevel } from '../sandbox/control.ts';
import { createRandom } from '../sandbox/faults.ts';
import { type Clerk, openClerk } from './clerk.ts';
import { ratesInMemory } from './rates.ts';
import { openReceiver, type Receiver } from './receiver.ts';
import { createSender, type Sender } from './sender.ts';
import type { Bench, BenchMailbox, ConformanceSubject } from './subject.ts';

const DEADLINE_MS = 3000;
const BODY_BYTES_MAX = 4 * 1024 * 1024;
/** No case waits longer for any one call. */
const CALL_MS_MAX = 20_000;

export type OpenOptions = {
  readonly deadlineMs?: number;
  readonly secrets?: Readonly<Record<string, string>>;
  /** How far its clock is ahead; where files have to rest, by default so far that all of them have. */
  readonly aheadMs?: number;
};
export type Accepted = Extract<Verdict, { ok: true }>;

export type Stage = Sender & {
  readonly seed: number;
  readonly subject: ConformanceSubject;
  readonly capabilities: Capabilities;
  readonly control: SandboxControl;
  readonly connection: ChannelConnection;
  readonly signal: AbortSignal;
  readonly secrets: Readonly<Record<string, string>>;
  /** SKUs of the catalogue, all with 20 to 60 units at one location. */
  readonly skus: readonly string[];
  /** A whole number, both ends included. */
  int(min: number, max: number): number;
  shuffle<T>(list: readonly T[]): T[];
  /** Another line to the same sandbox. */
  open(options?: OpenOptions): ChannelConnection;
  /** Subscribed at first use. */
  receiver(): Promise<Receiver>;
  /** The listing of a SKU at its first location, by discovery; where there is none, as a person maps it. */
  listing(sku: string): Promise<DiscoveredListing>;
  observe(sku: string): Promise<Observation>;
  /** The platform's own state, by the control API. */
  level(sku: string): Promise<SandboxLevel>;
  /** Places an order that the platform takes whole. */
  placeOrder(lines: readonly { readonly sku: string; readonly quantity: number }[]): Promise<string>;
  verify(request: InboundRequest): Promise<Accepted>;
  /** The orders of a webhook, references read whole. */
  readOrders(request: InboundRequest): Promise<readonly OrderState[]>;
  /** The worker's part of the exchange of documents. */
  readonly clerk: Clerk;
  /** Throws where the partner has no mailbox. */
  mailbox(): BenchMailbox;
};

const silentLog = { info: () => undefined, warn: () => undefined };

function openConnection(subject: ConformanceSubject, bench: Bench, options: OpenOptions): ChannelConnection {
  const { settings } = bench;
  const secrets = options.secrets ?? bench.secrets;
  const { deadlineMs = DEADLINE_MS } = options;
  // A second more than they have to rest: files have their times in whole ones at worst.
  const { aheadMs = subject.documents === undefined ? 0 : subject.documents.restMs + 1000 } = options;
  const allowedHosts = subject.connector.hosts(settings);
  return subject.connector.open(settings, {
    channelId: `${subject.connector.name}:conformance`,
    secret: (name) => {
      const value = secrets[name];
      if (value === undefined) throw new Credential(`the secret ${name} is missing`);
      return value;
    },
    now: () => Date.now() + aheadMs,
    fetch: createFetch({ allowedHosts, deadlineMs, maxBytes: BODY_BYTES_MAX }),
    rates: ratesInMemory(),
    log: silentLog,
  });
}

export async function discoverAll(connection: ChannelConnection, signal: AbortSignal): Promise<DiscoveredListing[]> {
  const found: DiscoveredListing[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<ChannelConnection['discoverListings']>> = await connection.discoverListings(
      cursor,
      signal,
    );
    found.push(...page.listings);
    cursor = page.cursor;
  } while (cursor !== null);
  return found;
}

const CATALOGUE_SIZE = 6;

async function build(subject: ConformanceSubject, bench: Bench, seed: number, opened: ChannelConnection[]) {
  const random = createRandom(seed);
  const int = (min: number, max: number): number => min + Math.floor(random() * (max - min + 1));
  const { control } = bench;
  const skus = Array.from({ length: CATALOGUE_SIZE }, (_, index) => `SKU-${index + 1}`);
  const catalogue = await control.seed({
    listings: skus.map((sku) => ({ sku, title: `Thing ${sku}`, shown: int(20, 60) })),
  });
  const open = (options: OpenOptions = {}): ChannelConnection => {
    const connection = openConnection(subject, bench, options);
    opened.push(connection);
    return connection;
  };
  const { capabilities } = subject.connector;
  return {
    seed,
    subject,
    control,
    catalogue,
    secrets: bench.secrets,
    skus,
    int,
    open,
    connection: open(),
    capabilities: typeof capabilities === 'function' ? capabilities(bench.settings) : capabilities,
    signal: AbortSignal.timeout(CALL_MS_MAX),
    shuffle: <T>(list: readonly T[]): T[] =>
      list
        .map((value) => ({ value, at: random() }))
        .sort((a, b) => a.at - b.at)
        .map(({ value }) => value),
  };
}

/** Where nothing can be discovered, a person maps what the partner lists. */
function mapByHand({ locations, listings }: CatalogueAnswer): DiscoveredListing[] {
  const locationRef = locations[0]?.locationRef ?? '';
  return listings.map(({ sku, listingRef, data = {} }) => ({
    listingRef,
    locationRef,
    data,
    sku,
    title: sku,
    state: 'tracked',
    barcode: null,
  }));
}

type Readable = Pick<Stage, 'connection' | 'control' | 'signal' | 'capabilities'> & { catalogue: CatalogueAnswer };

function createReaders({ connection, control, signal, capabilities, catalogue }: Readable) {
  const listing: Stage['listing'] = async (sku) => {
    const isByHand = capabilities.documents !== undefined && !capabilities.discoverListings;
    const listings = isByHand ? mapByHand(catalogue) : await discoverAll(connection, signal);
    const found = listings.find((one) => one.sku === sku);
    ok(found !== undefined, `discoverListings names ${sku}`);
    return found;
  };
  const verify: Stage['verify'] = async (request) => {
    const verdict = await connection.verify(request);
    ok(verdict.ok, `a webhook of the platform is accepted${verdict.ok ? '' : `, not refused: ${verdict.reason}`}`);
    return verdict;
  };
  return {
    listing,
    verify,
    observe: async (sku: string): Promise<Observation> => {
      const [observation] = await connection.observe([await listing(sku)], signal);
      ok(observation !== undefined, `observe answers for ${sku}`);
      return observation;
    },
    level: async (sku: string): Promise<SandboxLevel> => {
      const level = (await control.levels()).find((one) => one.sku === sku);
      ok(level !== undefined, `the sandbox has ${sku}`);
      return level;
    },
    placeOrder: async (lines: readonly { readonly sku: string; readonly quantity: number }[]): Promise<string> => {
      const { orderRef } = await control.placeOrder({ lines: lines.map((line) => ({ ...line })) });
      ok(orderRef !== null, 'the platform takes an order for what it shows');
      return orderRef;
    },
    readOrders: async (request: InboundRequest): Promise<readonly OrderState[]> => {
      const { topic } = await verify(request);
      const parsed = await connection.parse({ topic, rawBody: request.rawBody, receivedAt: request.now });
      const read = await Promise.all(parsed.refs.map((orderRef) => connection.hydrate(orderRef, signal)));
      return [...parsed.orders, ...read];
    },
  };
}

/** Plays `act` on a fresh stage and clears it away. */
export async function playOn(
  subject: ConformanceSubject,
  seed: number,
  act: (stage: Stage) => Promise<void>,
): Promise<void> {
  const bench = await subject.start();
  const opened: ChannelConnection[] = [];
  const receivers: Receiver[] = [];
  try {
    const base = await build(subject, bench, seed, opened);
    const { connection, signal } = base;
    const clerk = openClerk(connection, signal);
    await act({
      ...base,
      ...createReaders(base),
      ...createSender({ ...base, clerk }),
      clerk,
      mailbox() {
        ok(bench.mailbox !== undefined, 'the bench of a partner that exchanges documents has its mailbox');
        return bench.mailbox;
      },
      receiver: async () => {
        const [open] = receivers;
        if (open !== undefined) return open;
        const receiver = await openReceiver();
        receivers.push(receiver);
        await connection.ensureSubscriptions(receiver.url, signal);
        return receiver;
      },
    });
  } finally {
    for (const connection of opened) await connection.close();
    await bench.close();
    for (const receiver of receivers) await receiver.close();
  }
}
