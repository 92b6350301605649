/**
 * The control API that every sandbox speaks beside its platform's own: how the demo and the conformance kit place orders, look at the
 * platform's own true state, and order faults. Shapes as zod schemas (the server checks by them), and the client.
 *
 * `shown` here is what a buyer could buy at that moment: the platform accepts a line only when it is at least the quantity.
 */
import { z } from 'zod';
import { createFetch } from '../http.ts';
import { faultsSchema, type SandboxFaults, type SandboxFaultsInput } from './faults.ts';

const instant = z.int().min(0);
const quantity = z.int().min(1);

export const catalogueRequestSchema = z.strictObject({
  locations: z.array(z.strictObject({ name: z.string().min(1) })).optional(),
  listings: z.array(
    z.strictObject({
      sku: z.string().min(1),
      title: z.string().optional(),
      /** At the first location; the other locations start at 0. */
      shown: z.int(),
      /** False: the platform sells it without counting. */
      tracked: z.boolean().optional(),
      barcode: z.string().optional(),
    }),
  ),
});
export type CatalogueRequest = z.infer<typeof catalogueRequestSchema>;

export const catalogueAnswerSchema = z.object({
  locations: z.array(z.object({ locationRef: z.string(), name: z.string() })),
  /** `data`: what a listing has to be mapped with where nothing can be discovered. */
  listings: z.array(
    z.object({ sku: z.string(), listingRef: z.string(), data: z.record(z.string(), z.string()).optional() }),
  ),
});
export type CatalogueAnswer = z.infer<typeof catalogueAnswerSchema>;

export const orderRequestSchema = z.strictObject({
  /** The caller's own name of it; offering the same one again answers what was answered first. */
  orderId: z.string().min(1).optional(),
  lines: z.array(z.strictObject({ sku: z.string().min(1), quantity })).min(1),
  /** When the buyer placed it, for history that is replayed; now when absent. */
  placedAt: instant.optional(),
  customer: z.string().optional(),
});
export type OrderRequest = z.infer<typeof orderRequestSchema>;

const placedLineSchema = z.object({ sku: z.string(), quantity, accepted: z.boolean(), shown: z.int() });
export const orderAnswerSchema = z.object({
  /** Null when no line could be accepted: then there is no order. */
  orderRef: z.string().nullable(),
  placedAt: instant,
  lines: z.array(placedLineSchema),
});
export type OrderAnswer = z.infer<typeof orderAnswerSchema>;

/** Some of an order's lines, by SKU or line reference; all that is still open when absent. */
const someLinesSchema = z
  .array(z.strictObject({ sku: z.string().optional(), lineRef: z.string().optional(), quantity }))
  .optional();
export const cancelRequestSchema = z.strictObject({ restock: z.boolean(), lines: someLinesSchema });
export type CancelRequest = z.infer<typeof cancelRequestSchema>;
export const fulfilRequestSchema = z.strictObject({ lines: someLinesSchema });
export type FulfilRequest = z.infer<typeof fulfilRequestSchema>;
export type SomeLines = z.infer<typeof someLinesSchema>;

export const sandboxOrderSchema = z.object({
  orderRef: z.string(),
  displayRef: z.string(),
  placedAt: instant,
  lines: z.array(
    z.object({ lineRef: z.string(), sku: z.string(), ordered: z.int(), cancelled: z.int(), shipped: z.int() }),
  ),
});
export type SandboxOrder = z.infer<typeof sandboxOrderSchema>;
/** In the order they were placed; `next` is the `after` of the next page, null on the last. */
export const ordersAnswerSchema = z.object({ orders: z.array(sandboxOrderSchema), next: z.int().nullable() });
export type OrdersAnswer = z.infer<typeof ordersAnswerSchema>;

export const levelSchema = z.object({
  sku: z.string(),
  listingRef: z.string(),
  locationRef: z.string(),
  tracked: z.boolean(),
  /** The raw number the platform holds. */
  shown: z.int(),
  /** What it holds for its own open orders; 0 where it lowers `shown` itself. */
  reserved: z.int(),
  sellable: z.int(),
});
export type SandboxLevel = z.infer<typeof levelSchema>;
export const levelsAnswerSchema = z.object({ levels: z.array(levelSchema) });

/** Somebody types a number at the platform; the first location when none is named. */
export const editRequestSchema = z.strictObject({
  levels: z.array(z.strictObject({ sku: z.string(), shown: z.int(), locationRef: z.string().optional() })).min(1),
});
export type EditRequest = z.infer<typeof editRequestSchema>;

export const webhookRequestSchema = z.strictObject({ url: z.url(), secret: z.string().min(1).optional() });
export type WebhookRequest = z.infer<typeof webhookRequestSchema>;

/** Documents of the brand's, where the platform is a mailbox. */
export const documentStatsSchema = z.object({
  received: z.int(),
  accepted: z.int(),
  /** For breaking a rule, or because the brand rejects what was right; each is told in `problems`, up to a hundred. */
  refused: z.int(),
  /** Numbers that are older than those that stand: without effect, and no one's fault. */
  older: z.int(),
  /** The same bytes again: without effect. */
  repeated: z.int(),
  problems: z.array(z.string()),
});
export type DocumentStats = z.infer<typeof documentStatsSchema>;

export const statsSchema = z.object({
  /** Calls on the platform's API, faults included; control calls are not counted. */
  apiCalls: z.int(),
  throttled: z.int(),
  /** API calls that ended in any other fault. */
  faulted: z.int(),
  /** Deliveries answered 2xx. */
  webhooksSent: z.int(),
  /** Attempts that were not answered 2xx. */
  webhooksFailed: z.int(),
  webhooksDropped: z.int(),
  /** Waiting for their first or next attempt. */
  webhooksPending: z.int(),
  orders: z.int(),
  documents: documentStatsSchema.optional(),
});
export type SandboxStats = z.infer<typeof statsSchema>;

const entryBase = { n: z.int(), at: instant };
const changedLineSchema = z.object({ sku: z.string(), quantity });
export const logEntrySchema = z.discriminatedUnion('kind', [
  z.object({
    ...entryBase,
    kind: z.literal('placement'),
    orderRef: z.string().nullable(),
    lines: z.array(placedLineSchema),
  }),
  z.object({ ...entryBase, kind: z.literal('cancel'), orderRef: z.string(), lines: z.array(changedLineSchema) }),
  z.object({ ...entryBase, kind: z.literal('ship'), orderRef: z.string(), lines: z.array(changedLineSchema) }),
  z.object({
    ...entryBase,
    /** The seller answered an order that was accepted at its placing: what it refuses is cancelled with this. */
    kind: z.literal('answer'),
    orderRef: z.string(),
    lines: z.array(
      z.object({ sku: z.string(), accepted: z.int().min(0), backOrdered: z.int().min(0), refused: z.int().min(0) }),
    ),
  }),
  z.object({
    ...entryBase,
    /** A raw number was set: by a push, by a push that applied late, or by hand. */
    kind: z.literal('applied'),
    by: z.enum(['push', 'latePush', 'edit']),
    sku: z.string(),
    listingRef: z.string(),
    locationRef: z.string(),
    from: z.int(),
    to: z.int(),
  }),
]);
export type LogEntry = z.infer<typeof logEntrySchema>;
type WithoutPlace<T> = T extends unknown ? Omit<T, 'n' | 'at'> : never;
export type NewLogEntry = WithoutPlace<LogEntry>;
export const logAnswerSchema = z.object({ entries: z.array(logEntrySchema), next: z.int().nullable() });
export type LogAnswer = z.infer<typeof logAnswerSchema>;

export type SandboxControl = {
  readonly url: string;
  seed(catalogue: CatalogueRequest): Promise<CatalogueAnswer>;
  placeOrder(order: OrderRequest): Promise<OrderAnswer>;
  cancelOrder(orderRef: string, request: CancelRequest): Promise<SandboxOrder>;
  fulfilOrder(orderRef: string, request?: FulfilRequest): Promise<SandboxOrder>;
  orders(after?: number): Promise<OrdersAnswer>;
  levels(): Promise<readonly SandboxLevel[]>;
  editLevels(edit: EditRequest): Promise<void>;
  stats(): Promise<SandboxStats>;
  /** Entries with n > after, oldest first; `next` is null at the end. */
  log(after?: number): Promise<LogAnswer>;
  setWebhook(webhook: WebhookRequest): Promise<void>;
  /** `{}` ends all faults. */
  setFaults(faults: SandboxFaultsInput): Promise<SandboxFaults>;
};

/** The client. Throws on anything but 2xx, with the sandbox's own words. */
export function createSandboxControl(url: string): SandboxControl {
  const send = createFetch({ allowedHosts: [new URL(url).host], deadlineMs: 60_000, maxBytes: 256 * 1024 * 1024 });
  const call = async <T>(schema: z.ZodType<T>, method: string, path: string, body?: unknown): Promise<T> => {
    const given =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await send(new URL(`/sandbox${path}`, url), { method, ...given });
    if (!response.ok) throw new Error(`sandbox: ${method} ${path}: ${response.status} ${await response.text()}`);
    return schema.parse(await response.json());
  };
  const orderPath = (orderRef: string): string => `/orders/${encodeURIComponent(orderRef)}`;
  return {
    url,
    seed: (catalogue) => call(catalogueAnswerSchema, 'POST', '/catalogue', catalogue),
    placeOrder: (order) => call(orderAnswerSchema, 'POST', '/orders', order),
    cancelOrder: (orderRef, request) => call(sandboxOrderSchema, 'POST', `${orderPath(orderRef)}/cancel`, request),
    fulfilOrder: (orderRef, request = {}) => call(sandboxOrderSchema, 'POST', `${orderPath(orderRef)}/fulfil`, request),
    orders: (after = 0) => call(ordersAnswerSchema, 'GET', `/orders?after=${after}`),
    levels: async () => (await call(levelsAnswerSchema, 'GET', '/levels')).levels,
    editLevels: async (edit) => {
      await call(levelsAnswerSchema, 'POST', '/levels', edit);
    },
    stats: () => call(statsSchema, 'GET', '/stats'),
    log: (after = 0) => call(logAnswerSchema, 'GET', `/log?after=${after}`),
    setWebhook: async (webhook) => {
      await call(webhookRequestSchema, 'POST', '/webhook', webhook);
    },
    setFaults: (faults) => call(faultsSchema, 'POST', '/faults', faults),
  };
}
