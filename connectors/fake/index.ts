/**
 * Connector `fake`: a scripted partner over real HTTP, for the demo, the conformance kit and tests. Its settings make it either
 * quantity basis, with or without tickets, all-or-nothing batches and write protection. Held to what a real connector is held to.
 */
import { z } from 'zod';
import type { ChannelConnection, Connector, ConnectorContext } from '../connector.ts';
import { createClient, type PartnerClient } from './client.ts';
import { parse, TOPICS, verify } from './intake.ts';
import { discoverListings, discoverLocations, type LevelReader, observe, scan } from './levels.ts';
import { fetchOpenOrders, fetchOrder, fetchOrdersSince } from './orders.ts';
import { collect, prepare, send } from './push.ts';
import { capabilitiesOf, settingsSchema } from './settings.ts';

const subscriptionSchema = z.object({ url: z.string().nullable(), topics: z.array(z.string()).max(100) });

async function ensureSubscriptions(
  client: PartnerClient,
  url: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const path = '/v1/webhooks';
  const current = await client.read(subscriptionSchema, { method: 'GET', path, signal });
  const mended = TOPICS.filter((topic) => current.url !== url || !current.topics.includes(topic));
  if (mended.length === 0) return [];
  const body = JSON.stringify({ url, topics: TOPICS });
  await client.read(subscriptionSchema, { method: 'PUT', path, body, signal });
  return mended;
}

async function removeSubscriptions(
  client: PartnerClient,
  url: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const path = '/v1/webhooks';
  const current = await client.read(subscriptionSchema, { method: 'GET', path, signal });
  if (current.url !== url) return [];
  await client.read(subscriptionSchema, {
    method: 'PUT',
    path,
    body: JSON.stringify({ url: null, topics: [] }),
    signal,
  });
  return current.topics;
}

function open(rawSettings: unknown, context: ConnectorContext): ChannelConnection {
  const settings = settingsSchema.parse(rawSettings);
  const client = createClient(settings.endpoint, context);
  const reader: LevelReader = { client, basis: settings.basis };
  const overlapMs = settings.pollOverlap * 1000;
  const { now } = context;
  return {
    verify: async (request) => verify(request, context.secret('WEBHOOK_SECRET')),
    parse: async (inbound) => parse(inbound),
    hydrate: (orderRef, signal) => fetchOrder(client, orderRef, signal),
    fetchOrdersSince: (cursor, signal) => fetchOrdersSince(client, cursor, { overlapMs, signal }),
    fetchOpenOrders: (signal) => fetchOpenOrders(client, signal),
    observe: (keys, signal) => observe(reader, keys, signal),
    scan: (cursor, signal) => scan(reader, cursor, signal),
    discoverListings: (cursor, signal) => discoverListings(client, cursor, signal),
    discoverLocations: (signal) => discoverLocations(client, signal),
    prepare: (items, idempotencyKey) => prepare(settings, items, idempotencyKey),
    send: (prepared, itemCount, signal) => send({ client, now }, prepared, { itemCount, signal }),
    collect: (ticket, itemCount, signal) => collect(client, ticket, { itemCount, signal, now: now() }),
    ensureSubscriptions: (callbackUrl, signal) => ensureSubscriptions(client, callbackUrl, signal),
    removeSubscriptions: (callbackUrl, signal) => removeSubscriptions(client, callbackUrl, signal),
    // Nothing is kept open: connections belong to the fetch that the worker owns.
    close: async () => undefined,
  };
}

export const connector: Connector = {
  name: 'fake',
  capabilities: (settings) => capabilitiesOf(settingsSchema.parse(settings)),
  settings: settingsSchema,
  secrets: () => ['ACCESS_TOKEN', 'WEBHOOK_SECRET'],
  hosts: (settings) => [new URL(settingsSchema.parse(settings).endpoint).host],
  open,
};
