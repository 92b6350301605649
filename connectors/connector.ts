/**
 * The connector interface: everything allot knows of a platform passes through here.
 *
 * A connector is one folder. It translates; it never decides, never keeps stock, never retries on its own (the workers do, by the
 * fault classes of core/errors.ts), never reads the environment, never touches the database. It is opened once per channel.
 * "your first connector" is connectors/README.md; the conformance kit proves every line of this file.
 */

import type { z } from 'zod';
import type { Instant, QuantityBasis } from '#core/model.ts';
import type { OrderState } from '#core/order-state.ts';

/** What a platform can do. Declared, never inferred: the conformance kit skips a case only for what is declared absent here. */
export type Capabilities = {
  readonly quantityBasis: QuantityBasis;
  /** What proves a push: a read of the platform, the platform's acknowledgement, or nothing. */
  readonly observable: 'read' | 'acknowledged' | 'none';
  readonly writeProtection: readonly ('none' | 'compareAndSet' | 'sequence' | 'idempotencyKey')[];
  /** One bad item refuses: itself, the whole batch, or nothing is said at all (every item is then unknown until read). */
  readonly batch: 'perItem' | 'allOrNothing' | 'blind';
  /** In order of speed, fastest first; lowering and zero take the first one. */
  readonly lanes: readonly Lane[];
  readonly webhooks: boolean;
  readonly orderPolling: boolean;
  /** fetchOrdersSince re-reads this much before its cursor, because platforms index late. */
  readonly pollOverlapMs: number;
  readonly openOrders: boolean;
  readonly discoverListings: boolean;
  readonly discoverLocations: boolean;
  readonly subscriptions: boolean;
  readonly answersOrders: boolean;
  /** How long after a write a read may still show the old number. */
  readonly settleMs: number;
  /** How many keys one call of the platform reads: `observe` is asked for so many at a time, so that what was read is kept. */
  readonly observeMax?: number;
  /** What the platform allows before it takes measures; the configuration may say otherwise. */
  readonly orderLimits?: OrderLimits;
  /** Numbers, orders and answers travel as documents (files in a mailbox); present together with `ChannelConnection.documents`. */
  readonly documents?: DocumentTerms;
};

/** Fewer than `percent` in a hundred of the orders placed in the last `days` days may be so. */
export type OrderLimit = { readonly percent: number; readonly days: number };
/** Each by one or several windows of days: none may be passed. Of orders that the seller ships, all those placed are what a rate is of. */
export type OrderLimits = {
  /** Cancelled before anything was shipped. */
  readonly cancelled?: readonly OrderLimit[] | undefined;
  /** Not shipped when they were to be. */
  readonly late?: readonly OrderLimit[] | undefined;
};

/** On what terms a partner takes documents. */
export type DocumentTerms = {
  /** A document with numbers goes out this often at most. */
  readonly pushEveryMs: number;
  /**
   * `all`: each document holds every listing, changed or not, since what is not in it counts as 0; `prepare` takes them all, and
   * one that cannot be written is refused by its outcome.
   */
  readonly scope: 'changed' | 'all';
  /** How long a receipt may take; then the numbers go out again, in a new document. */
  readonly receiptMs: number;
};

export type Lane = {
  readonly id: string;
  readonly maxItems: number;
  /** The platform answers with a ticket; the truth per item comes from `collect`. */
  readonly async: boolean;
};

/** One listing at one platform location; opaque to all but its connector. `data` is what the connector stored at discovery. */
export type ListingKey = {
  readonly listingRef: string;
  readonly locationRef: string;
  readonly data: Readonly<Record<string, string>>;
};

export type InboundRequest = {
  readonly method: string;
  /** The whole request target as received: path below /webhooks/CHANNEL, and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly rawBody: Uint8Array;
  readonly now: Instant;
};

/** `dedupeKey` names the event, the same on every redelivery. Below `signed`, an event is only a bell: its content is not believed. */
export type Verdict =
  | {
      readonly ok: true;
      readonly assurance: 'signed' | 'sharedSecret' | 'none';
      readonly dedupeKey: string;
      readonly topic: string;
      /** Answer to give instead of an empty 200 (a challenge). */
      readonly response?: { readonly status: number; readonly body: string; readonly contentType: string };
    }
  | { readonly ok: false; readonly reason: string };

/** What was received, as it lies in the inbox. */
export type Inbound = { readonly topic: string; readonly rawBody: Uint8Array; readonly receivedAt: Instant };

/** A document in the platform's words, in ours. `refs` are order references to be read whole through `hydrate`. Throws Rejected. */
export type Parsed = {
  readonly orders: readonly OrderState[];
  readonly refs: readonly string[];
  /** Levels that changed; a listing is read again unless `shown` (the raw number, null where it is not told) is the one it should show. */
  readonly levels: readonly {
    readonly listingRef: string;
    readonly locationRef: string;
    readonly shown: number | null;
  }[];
};

export type OrderPage = {
  readonly orders: readonly OrderState[];
  /** Orders of the page that could not be read: they must not hold up the others, and are read alone, where a fault parks them. */
  readonly unread: readonly { readonly orderRef: string; readonly version: number }[];
  /** Opaque; null only before the first call. */
  readonly cursor: string;
  /** False when more pages follow at once. */
  readonly complete: boolean;
  /** The platform keeps no orders from before this moment; null when it keeps all. */
  readonly reachesBackTo: Instant | null;
};

/** `sellable` is what a buyer may buy now; `shown` the raw number on the platform; `reserved` what the platform holds for its open orders. */
export type Observation = {
  readonly listingRef: string;
  readonly locationRef: string;
  readonly state: 'tracked' | 'untracked' | 'missing' | 'notBuyable';
  readonly sellable: number;
  readonly shown: number;
  readonly reserved: number | null;
  readonly asOf: Instant;
};

export type ScanPage = { readonly observations: readonly Observation[]; readonly cursor: string | null };

export type DiscoveredListing = ListingKey & {
  readonly sku: string | null;
  readonly title: string;
  readonly state: Observation['state'];
  readonly barcode: string | null;
};

export type DiscoveredLocation = { readonly locationRef: string; readonly name: string; readonly active: boolean };

/** `wireQuantity` is already in the platform's basis. `compareWith` is the number the platform must still show, null to skip the compare. */
export type PushItem = {
  readonly listing: ListingKey;
  readonly version: number;
  readonly wireQuantity: number;
  readonly compareWith: number | null;
  /** By when the goods are there that the number relies on beyond stock. For those platforms that can show it. */
  readonly restockAt?: Instant;
};

/**
 * `sent`: on its way as a document; a receipt of that name will say accepted or rejected, perhaps much later, and newer numbers may
 * follow before it does (write protection `sequence`).
 */
export type PushOutcome =
  | { readonly kind: 'applied'; readonly shownAfter: number | null }
  | { readonly kind: 'sent'; readonly receipt: string }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'stale'; readonly shown: number | null }
  | { readonly kind: 'rejected'; readonly reason: string; readonly fix: string }
  | { readonly kind: 'unknown'; readonly why: string }
  | { readonly kind: 'accepted'; readonly ticket: string }
  | { readonly kind: 'deferred'; readonly until: Instant; readonly why: string };

/**
 * The place of a document among all of its channel's: `sequence` rises with every attempt and document and is never given twice. `at`
 * is now; from one document with numbers to the next it rises by a second at least. Both are taken in the transaction that stores
 * the bytes.
 */
export type Stamp = { readonly sequence: number; readonly at: Instant };

/** The exact bytes to send; stored before they are sent, so that a repeat after a crash is byte-equal. */
export type PreparedPush = { readonly wire: string };

export type CollectResult = {
  /** False: the platform is still at work; ask again later. */
  readonly done: boolean;
  /** In the order of the pushed items; null for an item the result does not name (it must be read). */
  readonly outcomes: readonly (PushOutcome | null)[];
};

/** A document that waits in the partner's mailbox. `dedupeKey` is of its content: the same file again has the same one. */
export type WaitingDocument = {
  readonly ref: string;
  readonly dedupeKey: string;
  readonly topic: string;
  readonly rawBody: Uint8Array;
};

/** What a partner says of a document of ours, by the name that the document was given for its receipt. */
export type Receipt = { readonly receipt: string; readonly isAccepted: boolean; readonly reason: string };

/** A part of a document that could not be taken, for a person: which part, what is wrong with it, what to do. */
export type DocumentRefusal = { readonly what: string; readonly reason: string; readonly fix: string };

/** A document of ours, whole. `name` is unique in the channel; `receipt` is null where none is expected. */
export type OutboundDocument = { readonly name: string; readonly text: string; readonly receipt: string | null };

/** A document that is owed: one per kind and subject for ever. `write` is pure, and given its number in the transaction that stores it. */
export type DocumentDraft = {
  /** `997`, `855`. */
  readonly kind: string;
  /** What it is about: the envelope or the order that it answers. */
  readonly subject: string;
  write(stamp: Stamp): OutboundDocument;
};

/**
 * One envelope of a document. It is taken once: another with its key and another digest is refused whole, and one with the same
 * digest is a repeat. So is an order by its reference and version.
 */
export type Envelope = {
  readonly key: string;
  readonly digest: string;
  readonly orders: readonly { readonly order: OrderState; readonly digest: string }[];
  readonly receipts: readonly Receipt[];
  readonly replies: readonly DocumentDraft[];
};

/** Refusals hold up nothing else of the document. */
export type ParsedDocument = { readonly envelopes: readonly Envelope[]; readonly refusals: readonly DocumentRefusal[] };

/** What we promise of an order, in listing units; what is neither accepted nor back-ordered is refused. */
export type OrderAnswer = {
  readonly orderRef: string;
  /** What we call the order. */
  readonly ourRef: string;
  readonly answeredAt: Instant;
  readonly lines: readonly { readonly lineRef: string; readonly accepted: number; readonly backOrdered: number }[];
};

/** The exchange of documents with a partner, where the platform is a mailbox. */
export type DocumentExchange = {
  /** What waits, oldest first, some dozens at most; all of it stays where it is. `complete` is false when more waits. */
  fetch(signal: AbortSignal): Promise<{ readonly documents: readonly WaitingDocument[]; readonly complete: boolean }>;
  /** It is durably in the inbox: takes it out of the mailbox. Done before: nothing. */
  archive(document: WaitingDocument, signal: AbortSignal): Promise<void>;
  /** Pure: the same document gives the same answer, also after a crash. Never throws for what the partner wrote. */
  parse(inbound: Inbound): ParsedDocument;
  /** The answer to an order, written over the document that stated it; null where the partner wants none. Throws Rejected. */
  answer(stated: Inbound, answer: OrderAnswer): DocumentDraft | null;
  /** Puts a stored document out, whole or not at all; the same one again is harmless. */
  send(document: Omit<OutboundDocument, 'receipt'>, signal: AbortSignal): Promise<void>;
};

/**
 * One channel's line to its platform. Every call obeys `signal` and a deadline of its own and throws the faults of core/errors.ts:
 * Transient and Throttled (nothing was applied), Uncertain (may have been), Rejected, Credential.
 */
export type ChannelConnection = {
  verify(request: InboundRequest): Promise<Verdict>;
  parse(inbound: Inbound): Promise<Parsed>;
  hydrate(orderRef: string, signal: AbortSignal): Promise<OrderState>;
  fetchOrdersSince(cursor: string | null, signal: AbortSignal): Promise<OrderPage>;
  fetchOpenOrders(signal: AbortSignal): AsyncIterable<readonly OrderState[]>;
  /** One observation per key, in the order asked; what does not exist comes back as `missing`, never as 0. */
  observe(keys: readonly ListingKey[], signal: AbortSignal): Promise<readonly Observation[]>;
  /** How many listings a minute may be observed beside what pushes need, as far as it is known; null, or absent: it is not. */
  looksPerMinute?(): number | null;
  scan(cursor: string | null, signal: AbortSignal): Promise<ScanPage>;
  discoverListings(
    cursor: string | null,
    signal: AbortSignal,
  ): Promise<{ readonly listings: readonly DiscoveredListing[]; readonly cursor: string | null }>;
  discoverLocations(signal: AbortSignal): Promise<readonly DiscoveredLocation[]>;
  /**
   * Pure. `idempotencyKey` is unique per attempt and stored with it; the stamp is there where write protection `sequence` is declared.
   */
  prepare(items: readonly PushItem[], idempotencyKey: string, stamp?: Stamp): PreparedPush;
  /** Sends the prepared bytes as they are; one outcome per item, in order. Never retries. */
  send(prepared: PreparedPush, itemCount: number, signal: AbortSignal): Promise<readonly PushOutcome[]>;
  collect(ticket: string, itemCount: number, signal: AbortSignal): Promise<CollectResult>;
  /** Idempotent; answers what it had to create or mend. */
  ensureSubscriptions(callbackUrl: string, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Ends every subscription of this address, and none of another. Idempotent; answers what it ended. Present where `subscriptions` is
   * declared: `allot channels leave` calls it.
   */
  removeSubscriptions?(callbackUrl: string, signal: AbortSignal): Promise<readonly string[]>;
  readonly documents?: DocumentExchange;
  /** The platform's own page of an order, for people; pure. Null, or absent, where there is none. */
  readonly orderLink?: (orderRef: string) => string | null;
  close(): Promise<void>;
};

export type ConnectorLog = {
  info(fields: Readonly<Record<string, string | number | boolean>>, message: string): void;
  warn(fields: Readonly<Record<string, string | number | boolean>>, message: string): void;
};

/**
 * Notes that all processes of allot share, by key: what is left of a rate limit that a platform counts by account. Losing one costs a
 * refusal of the platform, no more. Throws Transient where they cannot be reached.
 */
export type SharedRates = {
  /** Puts what `next` makes of the newest note in its place. `next` is pure: it runs again when another process was faster. */
  change<Answer>(
    key: string,
    next: (note: string | null) => { readonly note: string; readonly answer: Answer },
  ): Promise<Answer>;
};

/** What a connector is given. `secret` reads a named secret and throws Credential with the name that is missing. */
export type ConnectorContext = {
  readonly channelId: string;
  readonly secret: (name: string) => string;
  readonly now: () => Instant;
  /** The only way out to the network: deadline, response size cap, error mapping (connectors/http.ts). */
  readonly fetch: typeof fetch;
  readonly rates: SharedRates;
  readonly log: ConnectorLog;
};

export type Connector = {
  /** The word before the colon in channel ids: `shopify` in `shopify:main`. */
  readonly name: string;
  readonly capabilities: Capabilities | ((settings: unknown) => Capabilities);
  /** The channel's settings in the configuration file, strict. */
  readonly settings: z.ZodType;
  /** Names of the secrets it will ask for, relative to the channel (`WEBHOOK_SECRET`): checked at start, all missing ones told at once. */
  secrets(settings: unknown): readonly string[];
  /** Hosts (`api.example.com`, with a port where there is one) that the channel may call: `context.fetch` goes nowhere else. */
  hosts(settings: unknown): readonly string[];
  open(settings: unknown, context: ConnectorContext): ChannelConnection;
};
