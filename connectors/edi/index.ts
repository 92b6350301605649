/**
 * The EDI connector: one retailer that speaks X12 through a mailbox of directories. 850 in; 997, 855 and 846 out; 997 in.
 *
 * There is nothing to call: no webhooks, no reads, no discovery. What the retailer was told last, and whether it took it, is all that
 * can be known of what it shows. Whatever carries the files (SFTP, VAN, AS2 gateway) is not ours, and has the only secrets.
 */
import { Defect, Rejected } from '#core/errors.ts';
import type { OrderState } from '#core/order-state.ts';
import type { Capabilities, ChannelConnection, Connector, ConnectorContext } from '../connector.ts';
import { type Exchange, openExchange, putOut } from './exchange.ts';
import { laneOf, preparePush, sendPush } from './push.ts';
import { type EdiSettings, mailboxOf, pushEveryMsOf, receiptMsOf, settingsSchema } from './settings.ts';

function capabilitiesOf(settings: EdiSettings): Capabilities {
  const { partner } = settings;
  return {
    quantityBasis: 'sellable',
    observable: partner.acknowledges ? 'acknowledged' : 'none',
    writeProtection: ['sequence'],
    batch: 'perItem',
    lanes: [laneOf(partner)],
    webhooks: false,
    orderPolling: false,
    pollOverlapMs: 0,
    openOrders: false,
    discoverListings: false,
    discoverLocations: false,
    subscriptions: false,
    answersOrders: partner.answers.orderAnswerHours !== null,
    settleMs: 0,
    documents: {
      pushEveryMs: pushEveryMsOf(settings),
      scope: partner.inventory?.scope === 'full' ? 'all' : 'changed',
      receiptMs: receiptMsOf(settings),
    },
  };
}

const NO_WEBHOOKS = 'an EDI partner sends no webhooks: its orders come as documents, through the mailbox';

const refuse = (message: string, field: string, value: string, fix: string): Promise<never> =>
  Promise.reject(new Rejected(message, { field, value, fix }));

/** A worker that calls what is declared absent has a fault of its own. */
const absent = (what: string): Promise<never> =>
  Promise.reject(new Defect(`${what}: an EDI partner has no such thing, as its capabilities declare`));

async function* noOpenOrders(): AsyncIterable<readonly OrderState[]> {
  yield await absent('fetchOpenOrders');
}

function open(rawSettings: unknown, context: ConnectorContext): ChannelConnection {
  const settings = settingsSchema.parse(rawSettings);
  const { partner } = settings;
  const box = mailboxOf(settings);
  const exchange: Exchange = { partner, box, restMs: settings.restSeconds * 1000, context };
  return {
    verify: () => Promise.resolve({ ok: false, reason: NO_WEBHOOKS }),
    parse: ({ topic }) =>
      refuse(NO_WEBHOOKS, 'topic', topic, 'take the webhook address of this channel out of whatever calls it'),
    hydrate: (orderRef) =>
      refuse(
        `purchase order ${orderRef} cannot be read again: the partner has nothing to ask`,
        'orderRef',
        orderRef,
        'look for the 850 that stated it in the archive of the mailbox',
      ),
    fetchOrdersSince: () => absent('fetchOrdersSince'),
    fetchOpenOrders: noOpenOrders,
    observe: () => absent('observe'),
    scan: () => absent('scan'),
    discoverListings: () => absent('discoverListings'),
    discoverLocations: () => absent('discoverLocations'),
    prepare: (items, _idempotencyKey, stamp) => preparePush(items, partner, stamp),
    send: (prepared, itemCount, signal) =>
      sendPush(prepared, itemCount, (name, text) => putOut(exchange, name, text, signal)),
    collect: () => absent('collect'),
    ensureSubscriptions: () => Promise.resolve([]),
    documents: openExchange(exchange),
    close: () => Promise.resolve(),
  };
}

export const connector: Connector = {
  name: 'edi',
  capabilities: (settings) => capabilitiesOf(settingsSchema.parse(settings)),
  settings: settingsSchema,
  secrets: () => [],
  hosts: () => [],
  open,
};
