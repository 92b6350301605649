/**
 * The partner's webhooks: who sent them, and what they say.
 *
 * Signed: hex HMAC-SHA256 over `timestamp.event.topic.body`, so that the event's name and topic are believed as much as its body.
 * A timestamp more than 300 s off is refused: a recorded request is worth nothing after that, and within it the dedupe key holds.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { Rejected } from '#core/errors.ts';
import type { Inbound, InboundRequest, Parsed, Verdict } from '../connector.ts';
import { parseJson, readShape } from '../json.ts';
import { idSchema, readOrder } from './orders.ts';

export const TOPICS = ['orders/changed', 'levels/changed'] as const;
const WINDOW_MS = 300_000;

const refuse = (reason: string): Verdict => ({ ok: false, reason });

function isSigned(request: InboundRequest, signedPrefix: string, secret: string): boolean {
  const given = request.headers['x-partner-signature'] ?? '';
  if (!/^[0-9a-f]{64}$/.test(given)) return false;
  const expected = createHmac('sha256', secret).update(signedPrefix).update(request.rawBody).digest();
  return timingSafeEqual(expected, Buffer.from(given, 'hex'));
}

export function verify(request: InboundRequest, secret: string): Verdict {
  if (request.method !== 'POST') return refuse(`method ${request.method}, expected POST`);
  const { 'x-partner-timestamp': timestamp, 'x-partner-event': event, 'x-partner-topic': topic } = request.headers;
  if (timestamp === undefined || !/^\d{1,15}$/.test(timestamp))
    return refuse('x-partner-timestamp is missing or no number');
  if (event === undefined || event === '') return refuse('x-partner-event is missing');
  if (topic === undefined || topic === '') return refuse('x-partner-topic is missing');
  if (!isSigned(request, `${timestamp}.${event}.${topic}.`, secret))
    return refuse('x-partner-signature does not match');
  if (Math.abs(request.now - Number(timestamp)) > WINDOW_MS)
    return refuse('x-partner-timestamp is more than 300 s off');
  return { ok: true, assurance: 'signed', dedupeKey: event, topic };
}

const levelSchema = z.object({ listing: idSchema, location: idSchema });

/** Throws Rejected. */
export function parse(inbound: Inbound): Parsed {
  const document = parseJson(inbound.rawBody, inbound.topic);
  if (inbound.topic === 'orders/changed') {
    return { orders: [readOrder(document, inbound.topic)], refs: [], levels: [] };
  }
  if (inbound.topic === 'levels/changed') {
    const level = readShape(levelSchema, document, { what: inbound.topic, fix: 'ask the partner' });
    return { orders: [], refs: [], levels: [{ listingRef: level.listing, locationRef: level.location, shown: null }] };
  }
  throw new Rejected(`there is no topic ${inbound.topic}`, {
    field: 'topic',
    value: inbound.topic,
    fix: `subscribe to ${TOPICS.join(' and ')} alone`,
  });
}
