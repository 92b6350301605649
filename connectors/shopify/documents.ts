/**
 * Every GraphQL document that the connector sends, Admin API 2026-10.
 *
 * Guarantees: each is valid against sandbox/admin-2026-10.graphql (a test holds it), each costs at most 1,000 points with the page
 * sizes below when every connection is counted at its full `first` (facts/shopify.md section 2: above that Shopify refuses), and a
 * mutation that sets inventory carries @idempotent. No field of a customer is asked for.
 */

/** Whole orders per read: 20 x (order, location, 20 lines with their variants) = 860 points. */
export const ORDERS_PER_READ = 20;

/** Orders per page of what changed, a point each. */
export const CHANGED_PER_PAGE = 100;

/** Inventory items per read: 200 x (item, level, two quantities) = 800 points. */
export const ITEMS_PER_READ = 200;

/** Levels per page: 100 x (level, two quantities, item, variant) = 600 points. */
export const LEVELS_PER_PAGE = 100;

/** Fulfilments and refunds per read: 8 x (node, 50 lines with their order line) = 820 points. */
export const MOVEMENTS_PER_READ = 8;

const ORDER_LINE = `
fragment OrderLine on LineItem {
  id
  sku
  quantity
  currentQuantity
  unfulfilledQuantity
  variant {
    id
  }
}`;

const ORDER_HEAD = `
fragment OrderHead on Order {
  id
  name
  createdAt
  updatedAt
  cancelledAt
  displayFulfillmentStatus
  sourceName
  tags
  retailLocation {
    id
  }
  lineItems(first: 20) {
    nodes {
      ...OrderLine
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}${ORDER_LINE}`;

/** What changed, in the order of the last change. */
export const CHANGED_ORDERS = `query ChangedOrders($query: String!, $first: Int!, $after: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes {
      id
      updatedAt
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}`;

/** An order that is gone answers null. */
export const ORDERS_BY_ID = `query OrdersById($ids: [ID!]!) {
  nodes(ids: $ids) {
    id
    ...OrderHead
  }
}${ORDER_HEAD}`;

export const ORDERS = `query Orders($query: String!, $first: Int!, $after: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes {
      ...OrderHead
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}${ORDER_HEAD}`;

export const ORDER = `query Order($id: ID!) {
  order(id: $id) {
    ...OrderHead
  }
}${ORDER_HEAD}`;

/** The lines after the first page of an order. */
export const ORDER_LINES = `query OrderLines($id: ID!, $after: String) {
  order(id: $id) {
    lineItems(first: 250, after: $after) {
      nodes {
        ...OrderLine
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}${ORDER_LINE}`;

/** What was fulfilled and refunded: read only where the quantities of the lines leave it open. */
export const ORDER_MOVEMENTS = `query OrderMovements($id: ID!) {
  order(id: $id) {
    fulfillments(first: 250) {
      id
      status
    }
    refunds(first: 250) {
      id
    }
  }
}`;

export const MOVED_LINES = `query MovedLines($ids: [ID!]!, $after: String) {
  nodes(ids: $ids) {
    id
    ... on Fulfillment {
      fulfillmentLineItems(first: 50, after: $after) {
        nodes {
          quantity
          lineItem {
            id
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
    ... on Refund {
      refundLineItems(first: 50, after: $after) {
        nodes {
          quantity
          restockType
          lineItem {
            id
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
}`;

/** Levels of named items at one location; an item that is gone answers null. */
export const LEVELS = `query Levels($ids: [ID!]!, $locationId: ID!) {
  nodes(ids: $ids) {
    id
    ... on InventoryItem {
      tracked
      inventoryLevel(locationId: $locationId, includeInactive: true) {
        isActive
        quantities(names: ["available", "committed"]) {
          name
          quantity
        }
      }
    }
  }
}`;

/** Everything stocked at one location: serves the scan and the discovery of listings. */
export const LOCATION_LEVELS = `query LocationLevels($id: ID!, $first: Int!, $after: String) {
  location(id: $id) {
    inventoryLevels(first: $first, after: $after, includeInactive: true) {
      nodes {
        isActive
        quantities(names: ["available", "committed"]) {
          name
          quantity
        }
        item {
          id
          tracked
          variants(first: 1) {
            nodes {
              id
              sku
              barcode
              displayName
              requiresComponents
            }
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}`;

export const LOCATIONS = `query Locations($after: String) {
  locations(first: 250, after: $after, includeInactive: true, sortKey: ID) {
    nodes {
      id
      name
      isActive
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}`;

/** Refused by Shopify at run time without @idempotent and changeFromQuantity, though its schema asks for neither. */
export const SET_QUANTITIES = `mutation SetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup {
      id
      changes(quantityNames: ["available"]) {
        quantityAfterChange
        item {
          id
        }
        location {
          id
        }
      }
    }
    userErrors {
      code
      field
      message
    }
  }
}`;

const SUBSCRIPTION = `
fragment Subscription on WebhookSubscription {
  id
  topic
  uri
  format
  filter
  includeFields
}`;

export const SUBSCRIPTIONS = `query Subscriptions($after: String) {
  webhookSubscriptions(first: 250, after: $after) {
    nodes {
      ...Subscription
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}${SUBSCRIPTION}`;

export const CREATE_SUBSCRIPTION = `mutation CreateSubscription($topic: WebhookSubscriptionTopic!, $input: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $input) {
    webhookSubscription {
      id
    }
    userErrors {
      field
      message
    }
  }
}`;

export const UPDATE_SUBSCRIPTION = `mutation UpdateSubscription($id: ID!, $input: WebhookSubscriptionInput!) {
  webhookSubscriptionUpdate(id: $id, webhookSubscription: $input) {
    webhookSubscription {
      id
    }
    userErrors {
      field
      message
    }
  }
}`;

export const DELETE_SUBSCRIPTION = `mutation DeleteSubscription($id: ID!) {
  webhookSubscriptionDelete(id: $id) {
    deletedWebhookSubscriptionId
    userErrors {
      field
      message
    }
  }
}`;

/** All of them, by name: for the pruned schema, and for the tests that hold this file to its word. */
export const DOCUMENTS: Readonly<Record<string, string>> = {
  CHANGED_ORDERS,
  ORDERS_BY_ID,
  ORDERS,
  ORDER,
  ORDER_LINES,
  ORDER_MOVEMENTS,
  MOVED_LINES,
  LEVELS,
  LOCATION_LEVELS,
  LOCATIONS,
  SET_QUANTITIES,
  SUBSCRIPTIONS,
  CREATE_SUBSCRIPTION,
  UPDATE_SUBSCRIPTION,
  DELETE_SUBSCRIPTION,
};
