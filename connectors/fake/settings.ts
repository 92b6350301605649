/** Settings of a `fake:` channel and what they make of its capabilities: one connector stands for several kinds of platform. */
import { z } from 'zod';
import type { Capabilities } from '../connector.ts';

export const ITEMS_MAX = 100;

export const settingsSchema = z.strictObject({
  /** The scripted partner, `http://127.0.0.1:PORT`. */
  endpoint: z.url({ protocol: /^https?$/ }),
  basis: z.enum(['sellable', 'onHandLessOwnOpen']).default('sellable'),
  batch: z.enum(['perItem', 'allOrNothing']).default('perItem'),
  /** A push is answered by a ticket, and collected later. */
  ticket: z.boolean().default(false),
  /** The partner compares before it writes, and knows a repeated push by its key; without, it has no write protection at all. */
  compareAndSet: z.boolean().default(true),
  /** How far the poll re-reads before its cursor, seconds. */
  pollOverlap: z.int().min(0).max(86_400).default(2),
});

export type FakeSettings = z.infer<typeof settingsSchema>;

/** How long a direct push may still be on its way after its connection broke (the partner applies late), and a ticket at work. */
const SETTLE_MS = { direct: 1000, ticket: 3000 };

export function capabilitiesOf(settings: FakeSettings): Capabilities {
  return {
    quantityBasis: settings.basis,
    observable: 'read',
    writeProtection: settings.compareAndSet ? ['compareAndSet', 'idempotencyKey'] : ['none'],
    batch: settings.batch,
    lanes: [{ id: settings.ticket ? 'ticket' : 'direct', maxItems: ITEMS_MAX, async: settings.ticket }],
    webhooks: true,
    orderPolling: true,
    pollOverlapMs: settings.pollOverlap * 1000,
    openOrders: true,
    discoverListings: true,
    discoverLocations: true,
    subscriptions: true,
    answersOrders: false,
    settleMs: settings.ticket ? SETTLE_MS.ticket : SETTLE_MS.direct,
  };
}
