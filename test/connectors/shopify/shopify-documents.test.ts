import { existsSync, readFileSync } from 'node:fs';
import {
  buildSchema,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  validate,
  visit,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import {
  CHANGED_PER_PAGE,
  DOCUMENTS,
  ITEMS_PER_READ,
  LEVELS_PER_PAGE,
  MOVEMENTS_PER_READ,
  ORDERS_PER_READ,
} from '#connectors/shopify/documents.ts';
import { COST_MAX, requestedCost } from '#connectors/shopify/sandbox/cost.ts';
import { pruneSchema } from '#scripts/shopify-schema.ts';

const SCHEMA_FILE = new URL('../../../connectors/shopify/sandbox/admin-2026-10.graphql', import.meta.url);
const OFFICIAL = new URL('../../../../shared/data/shopify/admin_2026-10.json.gz', import.meta.url);

const schemaText = readFileSync(SCHEMA_FILE, 'utf8');
const schema = buildSchema(schemaText);
const documents = Object.entries(DOCUMENTS);

/** Refused at run time without the directive since API 2026-04; the schema does not say so (facts/shopify.md 3.1). */
const IDEMPOTENT_ONLY = new Set([
  'inventorySetQuantities',
  'inventoryAdjustQuantities',
  'inventoryMoveQuantities',
  'inventorySetOnHandQuantities',
  'inventoryActivate',
  'inventorySetScheduledChanges',
  'inventoryShipmentCreate',
  'inventoryShipmentCreateInTransit',
  'inventoryShipmentAddItems',
  'inventoryShipmentReceive',
  'inventoryTransferCreate',
  'inventoryTransferCreateAsReadyToShip',
  'inventoryTransferDuplicate',
  'inventoryTransferSetItems',
  'locationActivate',
  'locationDeactivate',
  'refundCreate',
]);

/** Mutations of a document that must carry @idempotent and do not. */
function unprotected(text: string): readonly string[] {
  const found: string[] = [];
  visit(parse(text), {
    Field(node) {
      const isProtected = node.directives?.some(({ name }) => name.value === 'idempotent') === true;
      if (IDEMPOTENT_ONLY.has(node.name.value) && !isProtected) found.push(node.name.value);
    },
  });
  return found;
}

const PAGES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  CHANGED_ORDERS: { first: CHANGED_PER_PAGE },
  ORDERS_BY_ID: { ids: Array.from({ length: ORDERS_PER_READ }) },
  ORDERS: { first: ORDERS_PER_READ },
  MOVED_LINES: { ids: Array.from({ length: MOVEMENTS_PER_READ }) },
  LEVELS: { ids: Array.from({ length: ITEMS_PER_READ }) },
  LOCATION_LEVELS: { first: LEVELS_PER_PAGE },
};

function costOf(text: string, variables: Readonly<Record<string, unknown>>): number {
  const { definitions } = parse(text);
  const isOperation = (node: (typeof definitions)[number]): node is OperationDefinitionNode =>
    node.kind === Kind.OPERATION_DEFINITION;
  const isFragment = (node: (typeof definitions)[number]): node is FragmentDefinitionNode =>
    node.kind === Kind.FRAGMENT_DEFINITION;
  const operation = definitions.find(isOperation);
  if (operation === undefined) throw new Error('no operation');
  const fragments = new Map(definitions.filter(isFragment).map((node) => [node.name.value, node]));
  return requestedCost({ schema, operation, fragments, variables });
}

describe('the documents', () => {
  it.each(documents)('%s is valid against the pruned schema', (_name, text) => {
    expect(validate(schema, parse(text)).map(({ message }) => message)).toEqual([]);
  });

  it.each(documents)('%s carries @idempotent wherever Shopify refuses to go without', (_name, text) => {
    expect(unprotected(text)).toEqual([]);
  });

  it('would be caught without the directive', () => {
    const text = DOCUMENTS.SET_QUANTITIES?.replace('@idempotent(key: $key)', '') ?? '';
    expect(unprotected(text)).toEqual(['inventorySetQuantities']);
  });

  it.each(documents)('%s costs no more than one query may, with every page full', (name, text) => {
    const cost = costOf(text, PAGES[name] ?? {});
    expect(cost).toBeGreaterThan(0);
    expect(cost).toBeLessThanOrEqual(COST_MAX);
  });

  it('ask for nothing about a customer', () => {
    expect(documents.filter(([, text]) => /customer|email|phone|address/i.test(text))).toEqual([]);
  });
});

describe('the pruned schema', () => {
  it('says where it comes from, and holds no word of a description', () => {
    expect(schemaText).toContain('Shopify Inc., ISC');
    expect(schemaText).not.toContain('"""');
  });

  it.runIf(existsSync(OFFICIAL))('is what the script makes of the official one', () => {
    expect(pruneSchema(readFileSync(OFFICIAL))).toBe(schemaText);
  });
});
