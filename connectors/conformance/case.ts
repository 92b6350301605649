/** One thing that every connector has to show. */
import type { Capabilities } from '../connector.ts';
import type { Stage } from './stage.ts';
import type { WebhookFacts } from './subject.ts';

export type ConformanceCase = {
  readonly id: string;
  /** What a connector that passes has shown; the table in connectors/README.md is made of these. */
  readonly proves: string;
  /** Why the case does not apply to what is declared; null when it does. A case without it can never be skipped. */
  readonly skipWhen?: (capabilities: Capabilities, webhook: WebhookFacts | null) => string | null;
  /** Played on the first seed alone: it is about size, and slow. */
  readonly once?: true;
  /** It looks at the whole process, so no other case may play at the same time. */
  readonly alone?: true;
  readonly play: (stage: Stage) => Promise<void>;
};

/**
 * No declaration lets a connector out of these, but for want of webhooks out of those that judge one, and, where documents are
 * exchanged with a platform that cannot be read, out of those that read it.
 */
export const MINIMUM: ReadonlySet<string> = new Set([
  'verify-accepts-signed',
  'verify-refuses-forged',
  'parse-whole-orders',
  'order-round-trip',
  'observe-in-order',
  'push-absolute',
  'uncertain-resolved-by-read',
]);

/** What a connector that declares documents is never let out of, besides what is left of the minimum. */
export const DOCUMENT_MINIMUM: ReadonlySet<string> = new Set([
  'document-taken-once',
  'document-unfinished-waits',
  'document-repeat-is-known',
  'document-broken-alone',
  'document-foreign-refused',
  'document-hostile-bytes',
  'numbers-rise',
]);

const lacks = (isThere: boolean, capability: string): string | null =>
  isThere ? null : `${capability} is declared absent`;

export const needsWebhooks = ({ webhooks }: Capabilities): string | null => lacks(webhooks, 'webhooks');

/** Only a partner that exchanges documents has nothing that could be read, or called. */
export const needsReads = ({ observable, documents }: Capabilities): string | null =>
  lacks(observable === 'read' || documents === undefined, 'observable read');

export const needsDocuments = ({ documents }: Capabilities): string | null =>
  lacks(documents !== undefined, 'documents');

export const needsReceipts = (capabilities: Capabilities): string | null =>
  needsDocuments(capabilities) ?? lacks(capabilities.observable === 'acknowledged', 'observable acknowledged');

export const needsAnswers = (capabilities: Capabilities): string | null =>
  needsDocuments(capabilities) ?? lacks(capabilities.answersOrders, 'answersOrders');

export const needsCompare = ({ writeProtection }: Capabilities): string | null =>
  lacks(writeProtection.includes('compareAndSet'), 'writeProtection compareAndSet');

export const needsProtection = ({ writeProtection }: Capabilities): string | null =>
  lacks(
    writeProtection.some((kind) => kind !== 'none'),
    'writeProtection',
  );

export const needsTicket = ({ lanes }: Capabilities): string | null =>
  lacks(
    lanes.some((lane) => lane.async),
    'an async lane',
  );

export const needsPolling = ({ orderPolling }: Capabilities): string | null => lacks(orderPolling, 'orderPolling');

export const needsOpenOrders = ({ openOrders }: Capabilities): string | null => lacks(openOrders, 'openOrders');

export const needsListings = ({ discoverListings }: Capabilities): string | null =>
  lacks(discoverListings, 'discoverListings');

export const needsLocations = ({ discoverLocations }: Capabilities): string | null =>
  lacks(discoverLocations, 'discoverLocations');

export const needsSubscriptions = ({ subscriptions }: Capabilities): string | null =>
  lacks(subscriptions, 'subscriptions');
