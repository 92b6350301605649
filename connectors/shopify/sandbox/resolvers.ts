/**
 * The pruned schema over one shop. A resolver is a plain property or method of the object that it belongs to (graphql-js calls it
 * with the field's arguments), so this file reads as the schema does. Everything answers at once, so `execute` is synchronous.
 */
import {
  DirectiveLocation,
  GraphQLDirective,
  GraphQLError,
  GraphQLNonNull,
  type GraphQLResolveInfo,
  GraphQLString,
  getDirectiveValues,
} from 'graphql';
import { type Fulfillment, type Line, type Order, openUnits, type Refund } from './order-book.ts';
import { restTime } from './payloads.ts';
import { fulfilmentStatusOf, parseSearch } from './search.ts';
import type { SetCall, SetInput, SetResult } from './set-quantities.ts';
import type { Level, Location, Shelf, Variant } from './shelf.ts';
import type { Shop } from './shop.ts';
import type { SubscriptionInput, Webhooks } from './subscriptions.ts';

/** 2026-11-23T21:00:00Z */
const graphqlTime = (at: number): string => restTime(at).replace('+00:00', 'Z');

type PageArgs = { readonly first?: number | null; readonly after?: string | null };

/** A page of `all`; the cursor is the key of the last one, so that a page stays right when others come and go. */
function connection<T, V>(
  all: readonly T[],
  { first, after }: PageArgs,
  cursorOf: (one: T) => string,
  view: (one: T) => V,
) {
  const size = first ?? 0;
  if (size < 1 || size > 250)
    throw new GraphQLError(`first is ${size}, and must be from 1 to 250`, { extensions: { code: 'argumentLimit' } });
  const start = after === null || after === undefined ? 0 : all.findIndex((one) => cursorOf(one) > after);
  const page = start === -1 ? [] : all.slice(start, start + size);
  const last = page.at(-1);
  const hasNextPage = start !== -1 && start + size < all.length;
  return { nodes: page.map(view), pageInfo: { hasNextPage, endCursor: last === undefined ? null : cursorOf(last) } };
}

const numberKey = (value: number): string => String(value).padStart(16, '0');

/** Positions as keys, for lists that only grow. */
const byPlace = <T, V>(all: readonly T[], args: PageArgs, view: (one: T) => V) =>
  connection(
    [...all.entries()],
    args,
    ([place]) => numberKey(place),
    ([, one]) => view(one),
  );

const locationView = (shelf: Shelf, location: Location) => ({
  __typename: 'Location',
  id: location.id,
  name: location.name,
  isActive: location.isActive,
  inventoryLevels: (args: PageArgs & { readonly includeInactive?: boolean | null }) => {
    const here = [...shelf.levels.values()].filter((level) => level.location === location);
    return byPlace(
      here.filter((level) => level.isActive || args.includeInactive === true),
      args,
      (level) => levelView(shelf, level),
    );
  },
});

const variantView = (variant: Variant) => ({
  __typename: 'ProductVariant',
  id: variant.id,
  sku: variant.sku,
  barcode: variant.barcode,
  displayName: variant.title,
  requiresComponents: variant.isBundle,
});

const itemView = (shelf: Shelf, variant: Variant) => ({
  __typename: 'InventoryItem',
  id: variant.itemId,
  tracked: variant.isTracked,
  variants: (args: PageArgs) => byPlace([variant], args, variantView),
  inventoryLevel: ({
    locationId,
    includeInactive,
  }: {
    readonly locationId: string;
    readonly includeInactive?: boolean | null;
  }) => {
    const level = shelf.levelOf(variant.itemId, locationId);
    return level === undefined || !(level.isActive || includeInactive === true) ? null : levelView(shelf, level);
  },
});

const QUANTITIES: Readonly<Record<string, (level: Level) => number>> = {
  available: (level) => level.available,
  committed: (level) => level.committed,
  on_hand: (level) => level.available + level.committed,
};

const levelView = (shelf: Shelf, level: Level) => ({
  __typename: 'InventoryLevel',
  id: level.id,
  isActive: level.isActive,
  item: () => itemView(shelf, level.variant),
  quantities: ({ names }: { readonly names: readonly string[] }) =>
    names.map((name) => ({ id: `${level.id}&name=${name}`, name, quantity: QUANTITIES[name]?.(level) ?? 0 })),
});

const lineView = (line: Line) => ({
  __typename: 'LineItem',
  id: line.id,
  sku: line.variant.sku,
  quantity: line.ordered,
  currentQuantity: line.ordered - line.cancelled - line.refunded,
  unfulfilledQuantity: openUnits(line),
  variant: variantView(line.variant),
});

const fulfillmentView = (fulfillment: Fulfillment) => ({
  __typename: 'Fulfillment',
  id: fulfillment.id,
  status: 'SUCCESS',
  fulfillmentLineItems: (args: PageArgs) =>
    byPlace(fulfillment.lines, args, ({ line, quantity }) => ({
      id: `${line.id}/f`,
      quantity,
      lineItem: lineView(line),
    })),
});

const refundView = (refund: Refund) => ({
  __typename: 'Refund',
  id: refund.id,
  refundLineItems: (args: PageArgs) =>
    byPlace(refund.lines, args, ({ line, quantity }) => ({
      quantity,
      restockType: refund.restockType.toUpperCase(),
      lineItem: lineView(line),
    })),
});

const orderView = (order: Order) => ({
  __typename: 'Order',
  id: order.id,
  name: `#${order.number}`,
  createdAt: graphqlTime(order.createdAt),
  updatedAt: graphqlTime(order.updatedAt),
  cancelledAt: order.cancelledAt === null ? null : graphqlTime(order.cancelledAt),
  displayFulfillmentStatus: fulfilmentStatusOf(order),
  sourceName: 'web',
  tags: [],
  retailLocation: null,
  lineItems: (args: PageArgs) => byPlace(order.lines, args, lineView),
  fulfillments: ({ first }: PageArgs) => order.fulfillments.slice(0, first ?? undefined).map(fulfillmentView),
  refunds: ({ first }: PageArgs) => order.refunds.slice(0, first ?? undefined).map(refundView),
});

function nodeView({ shelf, book }: Shop, id: string): unknown {
  const variant = shelf.variantOfItem(id);
  if (variant !== undefined) return itemView(shelf, variant);
  const order = book.orders.get(id);
  if (order !== undefined) return orderView(order);
  const moved = book.movements.get(id);
  if (moved === undefined) return null;
  return moved.kind === 'refund' ? refundView(moved) : fulfillmentView(moved);
}

const changeView = (shelf: Shelf, { name, quantityAfterChange, level }: SetResult['changes'][number]) => ({
  name,
  quantityAfterChange,
  item: itemView(shelf, level.variant),
  location: locationView(shelf, level.location),
});

const payloadView = (shop: Shop, { changes, userErrors }: SetResult) => ({
  userErrors,
  inventoryAdjustmentGroup:
    changes.length === 0
      ? null
      : {
          id: `gid://shopify/InventoryAdjustmentGroup/${shop.nextId()}`,
          changes: ({ quantityNames }: { readonly quantityNames?: readonly string[] | null }) =>
            changes
              .filter(({ name }) => quantityNames?.includes(name) ?? true)
              .map((change) => changeView(shop.shelf, change)),
        },
});

const IDEMPOTENT = new GraphQLDirective({
  name: 'idempotent',
  locations: [DirectiveLocation.FIELD],
  args: { key: { type: new GraphQLNonNull(GraphQLString) } },
});

function keyOf(info: GraphQLResolveInfo): string | undefined {
  const [node] = info.fieldNodes;
  const values = node === undefined ? undefined : getDirectiveValues(IDEMPOTENT, node, info.variableValues);
  return typeof values?.key === 'string' ? values.key : undefined;
}

/** What one call brings besides its query. */
export type CallContext = { readonly isLate: boolean };

export type Root = {
  readonly shop: Shop;
  readonly webhooks: Webhooks;
  readonly now: () => number;
  readonly set: (call: SetCall) => SetResult;
};

const taken = (field: string, message: string) => [{ field: ['webhookSubscription', field], message }];

type OrderArgs = PageArgs & { readonly query?: string | null };

const orderKey = (order: Order): string => `${numberKey(order.updatedAt)}-${order.id}`;

function listOrders({ shop, now }: Root, args: OrderArgs) {
  const isWanted = parseSearch(args.query ?? 'status:open');
  const found = [...shop.book.orders.values()].filter((order) => order.listedAt <= now() && isWanted(order));
  const keyed = found.map((order) => ({ key: orderKey(order), order })).sort((a, b) => (a.key < b.key ? -1 : 1));
  return connection(
    keyed,
    args,
    ({ key }) => key,
    ({ order }) => orderView(order),
  );
}

const queries = (root: Root) => ({
  orders: (args: OrderArgs) => listOrders(root, args),
  order: ({ id }: { readonly id: string }) => {
    const order = root.shop.book.orders.get(id);
    return order === undefined ? null : orderView(order);
  },
  nodes: ({ ids }: { readonly ids: readonly string[] }) => ids.map((id) => nodeView(root.shop, id)),
  location: ({ id }: { readonly id: string }) => {
    const location = root.shop.shelf.locations.find((each) => each.id === id);
    return location === undefined ? null : locationView(root.shop.shelf, location);
  },
  locations: (args: PageArgs & { readonly includeInactive?: boolean | null }) =>
    byPlace(
      root.shop.shelf.locations.filter((each) => each.isActive || args.includeInactive === true),
      args,
      (location) => locationView(root.shop.shelf, location),
    ),
  webhookSubscriptions: (args: PageArgs) => byPlace([...root.webhooks.subscriptions.values()], args, (each) => each),
});

type TopicArgs = { readonly topic: string; readonly webhookSubscription: SubscriptionInput };
type IdArgs = { readonly id: string; readonly webhookSubscription: SubscriptionInput };

const mutations = ({ shop, webhooks, set }: Root) => ({
  inventorySetQuantities: ({ input }: { readonly input: SetInput }, context: CallContext, info: GraphQLResolveInfo) =>
    payloadView(shop, set({ input, key: keyOf(info), isLate: context.isLate })),
  webhookSubscriptionCreate: ({ topic, webhookSubscription }: TopicArgs) => {
    const made = webhooks.create(topic, webhookSubscription);
    const userErrors = made === null ? taken('uri', 'Address for this topic has already been taken') : [];
    return { webhookSubscription: made, userErrors };
  },
  webhookSubscriptionUpdate: ({ id, webhookSubscription }: IdArgs) => {
    const known = webhooks.update(id, webhookSubscription);
    return {
      webhookSubscription: known,
      userErrors: known === null ? taken('id', 'Webhook subscription does not exist') : [],
    };
  },
  webhookSubscriptionDelete: ({ id }: { readonly id: string }) => {
    const isGone = webhooks.remove(id);
    const userErrors = isGone ? [] : taken('id', 'Webhook subscription does not exist');
    return { deletedWebhookSubscriptionId: isGone ? id : null, userErrors };
  },
});

/** The root object: queries and mutations together, since their names never meet. */
export const rootOf = (root: Root) => ({ ...queries(root), ...mutations(root) });
