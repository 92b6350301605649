/**
 * What the conformance kit must know of a connector to exercise it: how to start its sandbox, and what its documents look like.
 *
 * A connector hands in one subject per kind of settings, in `connectors/<name>/sandbox/conformance.ts`, exported as `subjects`.
 * Everything else the kit learns through the interface and the sandbox's control API.
 */
import type { Capabilities, Connector, ListingKey } from '../connector.ts';
import type { SandboxControl } from '../sandbox/control.ts';

/** The mailbox between the partner and us, as whatever carries the files sees it. */
export type BenchMailbox = {
  /** A file appears under its name whole, at once. */
  put(name: string, content: Uint8Array): Promise<void>;
  /** More is written to a file under its own name. */
  grow(name: string, content: Uint8Array): Promise<void>;
  /** A file of that size, whatever is in it. */
  putLarge(name: string, bytes: number): Promise<void>;
  waiting(): Promise<readonly string[]>;
  /** What was taken out, by what lies there now. */
  archived(): Promise<readonly string[]>;
  rejected(): Promise<readonly string[]>;
  /** It cannot be reached any more. */
  lose(): Promise<void>;
};

/** A sandbox that runs, empty, and how to open a channel to it. */
export type Bench = {
  /** Where the partner exchanges documents. */
  readonly mailbox?: BenchMailbox;
  readonly control: SandboxControl;
  readonly settings: unknown;
  readonly secrets: Readonly<Record<string, string>>;
  close(): Promise<void>;
};

/** The platform's webhooks, and how to spoil one. */
export type WebhookFacts = {
  readonly signatureHeader: string;
  /** Without any one of these, lower case, a request is refused; the signature's own among them. */
  readonly requiredHeaders: readonly string[];
  /** How long a recorded request stays good; null where the platform signs no time. */
  readonly replayWindowMs: number | null;
  /** Topics whose body is a whole order. */
  readonly orderTopics: readonly string[];
  /** The body with the order's own id replaced by these digits, as a bare number where the platform sends numbers. */
  withOrderId(rawBody: Uint8Array, digits: string): Uint8Array;
  /** The body with the first line's quantity replaced by this JSON. */
  withQuantity(rawBody: Uint8Array, json: string): Uint8Array;
  /** The word that a refusal of that quantity has to name. */
  readonly quantityField: string;
};

export type SpoiltDocument = { readonly what: string; readonly content: Uint8Array };

/** The partner's documents, and how to spoil one that states an order. */
export type DocumentFacts = {
  /** A file is taken when it has lain unchanged for so long. */
  readonly restMs: number;
  readonly bytesMax: number;
  /** Names that carriers give to what is not whole yet. */
  readonly unfinishedNames: readonly string[];
  /** Several documents as one file. */
  readonly join: (contents: readonly Uint8Array[]) => Uint8Array;
  /** The same document in other bytes: what lies between its parts. */
  readonly reflow: (content: Uint8Array) => Uint8Array;
  /** The same order, stated in another envelope. */
  readonly restate: (content: Uint8Array) => Uint8Array;
  /** Another quantity under the same numbers and references. */
  readonly change: (content: Uint8Array) => Uint8Array;
  /** Envelopes of which nothing may be taken and nothing answered, since they are not whole, or not for us. */
  readonly broken: (content: Uint8Array) => readonly SpoiltDocument[];
  readonly foreign: (content: Uint8Array) => readonly SpoiltDocument[];
  /** Whole envelopes with a part that cannot be taken: it is refused in the reply. */
  readonly flawed: (content: Uint8Array) => readonly SpoiltDocument[];
};

export type ConformanceSubject = {
  /** Tells the connector's subjects apart, in the ids of the cases; empty for an only one. */
  readonly variant: string;
  readonly connector: Connector;
  /** Null where the connector declares no webhooks. */
  readonly webhook: WebhookFacts | null;
  /** Where the connector declares documents. */
  readonly documents?: DocumentFacts;
  /** So many orders, or listings, do not fit on one page of the platform. */
  readonly pageSizes: { readonly orders: number; readonly listings: number };
  /** A push is a call per item, side by side, where the platform takes one at a time; else it is one call. */
  readonly callsPerItem?: true;
  start(): Promise<Bench>;
  /** A key like this one, of a listing that the platform does not have, or that no document can name. */
  missingKey(key: ListingKey): ListingKey;
};

/** How many items one push may have: what the widest lane holds. */
export const batchMaxOf = ({ lanes }: Capabilities): number => Math.max(...lanes.map(({ maxItems }) => maxItems));

const PLACEHOLDER = '@@conformance@@';

function assign(document: unknown, path: readonly (string | number)[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return PLACEHOLDER;
  if (Array.isArray(document))
    return document.map((value, index) => (index === key ? assign(value, rest) : (value as unknown)));
  const fields = document as Readonly<Record<string, unknown>>;
  return { ...fields, [key]: assign(fields[key], rest) };
}

/** The JSON body with the value at `path` replaced by `json`, digit for digit. For subjects whose platform speaks JSON. */
export function replaceJson(rawBody: Uint8Array, path: readonly (string | number)[], json: string): Uint8Array {
  const text = JSON.stringify(assign(JSON.parse(new TextDecoder().decode(rawBody)), path));
  return new TextEncoder().encode(text.replace(`"${PLACEHOLDER}"`, json));
}
