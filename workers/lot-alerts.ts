/** Lots that want a person, as alerts: each with its lot, units, orders and the command; closed when the lot is no longer so. */

import type { AlertCode } from '#core/alert-catalogue.ts';
import type { Instant, Sku } from '#core/model.ts';
import { type NewAlert, tellStanding } from '#db/alerts.ts';
import type { Database, Queries } from '#db/client.ts';
import {
  type AgedLot,
  agedLots,
  type ExpiringLot,
  expiringLots,
  type LackingLot,
  lackingLots,
} from '#db/lot-alerts.ts';

/** Raised at once: more than a person looks at; the rest follows as these close. Beyond the second nothing is closed by absence. */
const RAISED_MAX = 100;
const READ_MAX = 1000;
const ORDERS_TOLD_MAX = 20;

const quoted = (text: string): string => (/^[\w.-]+$/.test(text) ? text : `"${text.replaceAll(/(["\\$`])/g, '\\$1')}"`);

const dayOf = (at: Instant): string => new Date(at).toISOString().slice(0, 10);

type Named = { readonly sku: Sku; readonly lot: string };

/** Codes and SKUs may hold spaces: JSON keeps them apart. */
const fingerprintOf = (code: string, parts: readonly string[]): string => `${code} ${JSON.stringify(parts)}`;

const units = (count: number): string => `${count} ${count === 1 ? 'unit' : 'units'}`;

export function agedAlert({ sku, lot, expiresAt, units: count, programs, orders, holds }: AgedLot): NewAlert {
  const told = orders.slice(0, ORDERS_TOLD_MAX);
  const more = orders.length - told.length;
  const holders = [
    ...(orders.length === 0 ? [] : [`orders ${told.join(', ')}${more > 0 ? ` and ${more} more` : ''}`]),
    ...(holds.length === 0 ? [] : [`holds ${holds.join(', ')}`]),
  ];
  return {
    fingerprint: fingerprintOf('lot-aged', [sku, lot]),
    code: 'lot-aged',
    severity: 'error',
    title: `${sku}: ${units(count)} of lot ${lot} are promised to ${programs.join(', ')} and have become too old for that`,
    channelId: null,
    touches: { skus: [sku], lot, units: count, programs, orders: told, holds: holds.map(String) },
    cause: `it expires ${dayOf(expiresAt)}; it is promised to ${holders.join(' and ')}`,
    nextStep: `allot reconfirm ${quoted(sku)}`,
    skuUnits: [{ sku, units: count }],
  };
}

export function expiringAlert({ sku, lot, expiresAt, isExpired, units: count, places }: ExpiringLot): NewAlert {
  const one = places[0] ?? '';
  return {
    fingerprint: fingerprintOf('lot-expiring', [sku, lot]),
    code: 'lot-expiring',
    severity: isExpired ? 'error' : 'warning',
    title: `${sku}: ${units(count)} of lot ${lot} ${isExpired ? 'expired' : 'expire'} on ${dayOf(expiresAt)}`,
    channelId: null,
    touches: { skus: [sku], lot, units: count, places, isExpired: isExpired ? 1 : 0 },
    cause: isExpired
      ? `they lie at ${places.join(', ')}, and nobody is promised any of them`
      : `they lie at ${places.join(', ')}; unsold by then, nobody is promised any of them`,
    nextStep:
      isExpired && places.length === 1
        ? `allot inspect ${quoted(sku)} ${count} --location ${one} --from sellable --to scrap --lot ${quoted(lot)}`
        : `allot lots show ${quoted(lot)} --sku ${quoted(sku)}`,
    skuUnits: [{ sku, units: count }],
  };
}

export function lackingAlert({ sku, lot, location, onHand, promised }: LackingLot): NewAlert {
  return {
    fingerprint: fingerprintOf('lot-lacking', [sku, lot, location]),
    code: 'lot-lacking',
    severity: 'warning',
    title: `${sku}: lot ${lot} has ${onHand} at ${location}, and ${promised} are promised of it`,
    channelId: null,
    touches: { skus: [sku], lot, location, onHand, promised },
    cause: 'another lot was picked, or fewer were counted, than the orders were promised',
    nextStep: `allot reconfirm ${quoted(sku)}`,
    skuUnits: [{ sku, units: promised - onHand }],
  };
}

type Kind<Row extends Named> = {
  readonly code: AlertCode;
  readonly proof: string;
  readonly rows: readonly Row[];
  readonly alertOf: (row: Row) => NewAlert;
};

const tell = <Row extends Named>(tx: Queries, { code, proof, rows, alertOf }: Kind<Row>): Promise<void> =>
  tellStanding(tx, {
    codes: [code],
    alerts: rows.map(alertOf),
    openMax: RAISED_MAX,
    proof,
    isWhole: rows.length < READ_MAX,
  });

/** Harmless however often it runs. */
export async function tellLots(db: Database, now: Instant): Promise<void> {
  await db.transaction(async (tx) => {
    await tell(tx, {
      code: 'lot-aged',
      proof: 'nobody is promised units of it that are too old',
      rows: await agedLots(tx, now, READ_MAX),
      alertOf: agedAlert,
    });
    await tell(tx, {
      code: 'lot-expiring',
      proof: 'nothing of it that may be sold is about to expire',
      rows: await expiringLots(tx, now, READ_MAX),
      alertOf: expiringAlert,
    });
    await tell(tx, {
      code: 'lot-lacking',
      proof: 'as much of it is there as is promised',
      rows: await lackingLots(tx, READ_MAX),
      alertOf: lackingAlert,
    });
  });
}
