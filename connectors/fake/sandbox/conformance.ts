/** The scripted partner before the conformance kit: one subject per kind of partner that the settings can make. */
import { type ConformanceSubject, replaceJson } from '../../conformance/subject.ts';
import { createSandboxControl } from '../../sandbox/control.ts';
import { connector } from '../index.ts';
import { startFakeSandbox } from './index.ts';
import type { FakeSandboxOptionsInput } from './options.ts';

type Kind = Required<Pick<FakeSandboxOptionsInput, 'basis' | 'batch' | 'ticket' | 'compareAndSet'>>;

const SECRETS = { ACCESS_TOKEN: 'conformance-token', WEBHOOK_SECRET: 'conformance-secret' };
const TICKET_DELAY_MS = 20;

function createSubject(kind: Kind): ConformanceSubject {
  const words = [kind.basis, kind.batch, kind.ticket ? 'ticket' : 'direct', kind.compareAndSet ? 'compare' : 'plain'];
  return {
    variant: words.join('-'),
    connector,
    webhook: {
      signatureHeader: 'x-partner-signature',
      requiredHeaders: ['x-partner-signature', 'x-partner-timestamp', 'x-partner-event', 'x-partner-topic'],
      replayWindowMs: 300_000,
      orderTopics: ['orders/changed'],
      withOrderId: (rawBody, digits) => replaceJson(rawBody, ['id'], digits),
      withQuantity: (rawBody, json) => replaceJson(rawBody, ['lines', 0, 'ordered'], json),
      quantityField: 'ordered',
    },
    pageSizes: { orders: 255, listings: 210 },
    async start() {
      const { ACCESS_TOKEN: accessToken, WEBHOOK_SECRET: webhookSecret } = SECRETS;
      const sandbox = await startFakeSandbox({ ...kind, accessToken, webhookSecret, ticketDelayMs: TICKET_DELAY_MS });
      return {
        control: createSandboxControl(sandbox.url),
        settings: { endpoint: sandbox.url, ...kind },
        secrets: SECRETS,
        close: () => sandbox.close(),
      };
    },
    missingKey: (key) => ({ ...key, listingRef: '9007199254799999' }),
  };
}

/** Both bases, both kinds of batch, with and without tickets, with and without compare-and-set. */
export const subjects: readonly ConformanceSubject[] = [
  createSubject({ basis: 'sellable', batch: 'perItem', ticket: false, compareAndSet: true }),
  createSubject({ basis: 'sellable', batch: 'perItem', ticket: false, compareAndSet: false }),
  createSubject({ basis: 'sellable', batch: 'allOrNothing', ticket: false, compareAndSet: true }),
  createSubject({ basis: 'sellable', batch: 'allOrNothing', ticket: true, compareAndSet: false }),
  createSubject({ basis: 'onHandLessOwnOpen', batch: 'perItem', ticket: false, compareAndSet: false }),
  createSubject({ basis: 'onHandLessOwnOpen', batch: 'perItem', ticket: true, compareAndSet: true }),
  createSubject({ basis: 'onHandLessOwnOpen', batch: 'allOrNothing', ticket: false, compareAndSet: true }),
  createSubject({ basis: 'onHandLessOwnOpen', batch: 'perItem', ticket: true, compareAndSet: false }),
];
