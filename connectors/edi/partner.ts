/**
 * Partner dialect: how one retailer speaks X12, as data. Specs differ per partner and change; code does not follow them.
 *
 * Guarantees: a file with an unknown or missing field, or with separators that cannot work together, is Rejected with the path of the
 * field and all that is wrong at once. Test and production of one retailer are two files: `usage` is part of who the partner is.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { Rejected } from '#core/errors.ts';
import type { Envelope } from './x12/write.ts';

const party = z.strictObject({
  /** ISA05 or ISA07: ZZ mutually defined, 01 DUNS, 08 UCC communications id, 12 phone, 14 DUNS with suffix. */
  qualifier: z.string().length(2),
  id: z
    .string()
    .regex(/^[!-~]+$/, 'must be printable, without spaces')
    .max(15),
  /** GS02 or GS03, where it is not the interchange id. */
  application: z.string().min(2).max(15).optional(),
});

const separator = z.string().regex(/^[^A-Za-z0-9 ]$/, 'must be one character, no letter, digit or space');

const separatorsSchema = z
  .strictObject({
    element: separator.default('*'),
    component: separator.default('>'),
    segment: separator.default('~'),
    repetition: separator.nullable().default(null),
  })
  .refine((all) => {
    const given = Object.values(all).filter((one) => one !== null);
    return new Set(given).size === given.length;
  }, 'must all be different');

const qualifier = z.string().regex(/^[A-Z0-9]{2}$/, 'must be two capital letters or digits, such as IN');

const inventorySchema = z.strictObject({
  /** `full`: every listing each time; `changed`: only those whose number is new. */
  scope: z.enum(['full', 'changed']),
  /** QTY01: 33 available for sale, 17 on hand, 34 not committed, V2 available. */
  quantityQualifier: qualifier,
  /** BIA02: SI seller, MB manufacturer or distributor. */
  reportType: qualifier.default('SI'),
  /** How LIN names an item, in this order; besides the order's own qualifier, taken from the listing's data. */
  identify: z.array(qualifier).min(1).max(10),
  /** DTM01 behind QTY, where the number relies on goods to come: 018 available, 169 availability, 371 estimated arrival. Absent: not told. */
  restockDate: z
    .string()
    .regex(/^\d{3}$/, 'must be 3 digits, such as 018')
    .optional(),
  /** QTY03, one of `orders.units`; numbers are rounded down to whole ones of it. For a pack, the listing's data says `pack`. */
  unit: z.string().length(2).default('EA'),
  /** Time between two 846s at least. Partners want one every 5 to 15 minutes. */
  everySeconds: z.number().min(0).max(86_400).default(300),
  /** REF behind each LIN: `[ZZ, AC]`. */
  itemReference: z.tuple([z.string().min(2).max(3), z.string().min(1).max(30)]).optional(),
  /** REF in the heading: `[IA, '0071234']`, our number at the partner. */
  vendorReference: z.tuple([z.string().min(2).max(3), z.string().min(1).max(30)]).optional(),
  warehouse: z.strictObject({ name: z.string().min(1).max(60), code: z.string().min(2).max(80) }).optional(),
});

export const partnerSchema = z
  .strictObject({
    name: z.string().min(1),
    us: party,
    partner: party,
    /** ISA15: P production, T test. */
    usage: z.enum(['P', 'T']),
    versions: z.strictObject({
      interchange: z
        .string()
        .regex(/^\d{5}$/, 'must be 5 digits, such as 00401')
        .default('00401'),
      group: z
        .string()
        .regex(/^\d{6}[A-Z0-9]{0,6}$/, 'must be such as 004010 or 004010VICS')
        .default('004010'),
    }),
    separators: separatorsSchema.prefault({}),
    orders: z.strictObject({
      /** Which qualifier in PO1 names what the retailer sells: IN or BP the buyer's item, SK its SKU, UP the GTIN-12, VN ours. */
      listing: qualifier,
      /** Which one holds our SKU, as a hint for people. */
      sku: qualifier.optional(),
      /** PO103 to listing units: a number, or `pack` where PO401 of the line says it. */
      units: z.record(z.string().length(2), z.union([z.int().min(1), z.literal('pack')])),
      /** N104 of the ship-to to the location hint of the order; empty takes any, and hints nothing. */
      shipTo: z.record(z.string().min(2), z.string().min(1)).default({}),
      /** DTM01 codes that say by when to ship, the first that is there. */
      shipBy: z.array(z.string().length(3)).default(['010', '038']),
      /** What becomes of units that we cannot promise, where the order itself does not say it (CSH01). */
      fillRule: z.enum(['cancelBalance', 'backOrder', 'shipComplete']).default('cancelBalance'),
    }),
    answers: z.strictObject({
      /** A 997 for each group received. */
      acknowledgment: z.boolean().default(true),
      /** An 855 within so many hours; null sends none. */
      orderAnswerHours: z.number().positive().max(720).nullable().default(null),
    }),
    inventory: inventorySchema.nullable().default(null),
    /** Sells only what our last 846 showed, one consumer per order. */
    dropship: z.boolean(),
    /** It answers what we send with a 997. */
    acknowledges: z.boolean(),
    /** How long that 997 may take; then what we sent counts as lost. */
    receiptHours: z.number().positive().max(720).default(24),
  })
  .refine(({ dropship, inventory }) => !dropship || inventory !== null, {
    error: 'a dropship partner needs `inventory`: it sells what the 846 shows',
    path: ['inventory'],
  })
  .refine(({ inventory, orders }) => inventory === null || Object.hasOwn(orders.units, inventory.unit), {
    error: 'must be one of `orders.units`, which says how many listing units it is',
    path: ['inventory', 'unit'],
  })
  .refine(({ separators, versions }) => separators.repetition === null || versions.interchange >= '00402', {
    error: 'exists from version 00402 on',
    path: ['separators', 'repetition'],
  });

export type Partner = z.output<typeof partnerSchema>;

const FIX = 'correct it; scripts/examples/edi has two whole dialects';

/** Throws Rejected with every mistake. `what` names it to a person: a path, or the setting that holds it. */
export function readPartner(document: unknown, what: string): Partner {
  const parsed = partnerSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the dialect'}: ${message}`);
  const field = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new Rejected(`${what}: ${problems.join('; ')}. To fix it: ${FIX}.`, { field, fix: FIX });
}

/** A dialect from a YAML file. Throws Rejected. At once and not later: settings are read before anything runs. */
export function loadPartner(path: string): Partner {
  const refuse = (why: string, cause: unknown): Rejected =>
    new Rejected(`${path}: ${why}`, { field: 'partner', value: path, fix: 'correct the path or the YAML' }, cause);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw refuse('the partner file cannot be read', error);
  }
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error), error);
  }
  return readPartner(document, path);
}

/** What our interchanges to this partner are wrapped in. */
export const envelopeTo = ({ us, partner, separators, versions, usage }: Partner): Envelope => ({
  separators,
  sender: { qualifier: us.qualifier, id: us.id },
  receiver: { qualifier: partner.qualifier, id: partner.id },
  applications: { sender: us.application ?? us.id, receiver: partner.application ?? partner.id },
  version: versions.interchange,
  groupVersion: versions.group,
  usage,
});
