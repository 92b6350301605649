/** What a sandbox is behind its socket: the part that each platform writes itself, and the shapes of its API calls. */
import type {
  CancelRequest,
  CatalogueAnswer,
  CatalogueRequest,
  DocumentStats,
  EditRequest,
  FulfilRequest,
  LogAnswer,
  OrderAnswer,
  OrderRequest,
  OrdersAnswer,
  SandboxLevel,
  SandboxOrder,
  WebhookRequest,
} from './control.ts';
import type { DeliveryStats } from './delivery.ts';

export type ApiRequest = {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly rawBody: Buffer;
  /** The caller has long given up: the `lateApply` fault. */
  readonly isLate: boolean;
};
export type ApiResponse = {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A control request that names what does not exist, or cannot be. Answered 409 with the message. */
export class ControlRefusal extends Error {}

/** What a sandbox is behind its socket. All of it answers at once: one process, one thread, no lost updates. */
export type SandboxPlatform = {
  seed(request: CatalogueRequest): CatalogueAnswer;
  placeOrder(request: OrderRequest): OrderAnswer;
  cancelOrder(orderRef: string, request: CancelRequest): SandboxOrder;
  fulfilOrder(orderRef: string, request: FulfilRequest): SandboxOrder;
  orders(after: number): OrdersAnswer;
  readonly orderCount: number;
  levels(): readonly SandboxLevel[];
  editLevels(request: EditRequest): void;
  setWebhook(request: WebhookRequest): void;
  log(after: number): LogAnswer;
  readonly deliveryStats: DeliveryStats;
  /** Where the platform is a mailbox. */
  readonly documentStats?: DocumentStats;
  /** The platform's own API. */
  api(request: ApiRequest): ApiResponse | Promise<ApiResponse>;
  /** Its word for "slow down". */
  throttled(): ApiResponse;
  /** Its word for "not now", where it is not JSON: HTML of a gateway. */
  unavailable?(): ApiResponse;
  /** Ends deliveries and timers. */
  close(): void;
};

export type RunningSandbox = { readonly url: string; close(): Promise<void> };
