"""Every GraphQL document sent to Shopify. Each is valid in the Admin API 2026-07 and 2026-10; a test checks that.

Source: the introspected schemas of both versions (read 2026-11-23).
"""

from __future__ import annotations

__all__ = [
    "BULK_PRODUCTS",
    "BULK_START",
    "BULK_STATE",
    "COUNT",
    "DOCUMENTS",
    "FULFIL",
    "FULFILMENT_ORDERS",
    "INVENTORY_SET",
    "LEVEL_REST",
    "LINE_REST",
    "MEDIA_REMOVE",
    "MEDIA_REORDER",
    "MEDIA_REST",
    "ORDERS",
    "ORDER_UPDATE",
    "PRODUCTS",
    "PRODUCT_UPDATE",
    "READ",
    "SHOP",
    "STOCK",
    "TAXONOMY",
    "VARIANTS_UPDATE",
    "VARIANT_REST",
]

_PRODUCT = """
fragment ProductParts on Product {
  id title descriptionHtml vendor productType status tags updatedAt hasOnlyDefaultVariant
  category { id fullName }
  options(first: 3) { name values }
  media(first: $media) { pageInfo { hasNextPage endCursor } nodes { ...MediaParts } }
}
fragment MediaParts on Media { id mediaContentType ... on MediaImage { image { url } } }
"""

_VARIANT = """
fragment VariantParts on ProductVariant {
  id title sku barcode price compareAtPrice updatedAt inventoryQuantity
  selectedOptions { name value }
  inventoryItem { id tracked measurement { weight { unit value } } }
}
"""

_ORDER = """
fragment OrderParts on Order {
  id name createdAt updatedAt cancelledAt displayFulfillmentStatus displayFinancialStatus email phone
  totalPriceSet { shopMoney { amount currencyCode } }
  billingAddress { name }
  shippingAddress {
    name firstName lastName company address1 address2 city province provinceCode zip country countryCodeV2 phone
  }
  fulfillments(first: 1) { createdAt status }
  lineItems(first: $lines) { pageInfo { hasNextPage endCursor } nodes { ...LineParts } }
}
fragment LineParts on LineItem {
  id sku title quantity originalUnitPriceSet { shopMoney { amount currencyCode } }
}
"""

_LEVEL = """
fragment LevelParts on InventoryLevel {
  id updatedAt location { id name } quantities(names: ["available"]) { name quantity }
}
"""

SHOP = """
query Shop {
  shop { name myshopifyDomain currencyCode resourceLimits { maxProductVariants } }
  currentAppInstallation { accessScopes { handle } }
}
"""

PRODUCTS = (
    """
query Products($first: Int!, $after: String, $query: String, $sortKey: ProductSortKeys!, $nested: Int!, $media: Int!) {
  products(first: $first, after: $after, query: $query, sortKey: $sortKey) {
    pageInfo { hasNextPage endCursor }
    nodes { ...ProductParts variants(first: $nested) { pageInfo { hasNextPage endCursor } nodes { ...VariantParts } } }
  }
}
"""
    + _PRODUCT
    + _VARIANT
)

ORDERS = (
    """
query Orders($first: Int!, $after: String, $query: String, $sortKey: OrderSortKeys!, $lines: Int!) {
  orders(first: $first, after: $after, query: $query, sortKey: $sortKey) {
    pageInfo { hasNextPage endCursor }
    nodes { ...OrderParts }
  }
}
"""
    + _ORDER
)

STOCK = (
    """
query Stock($first: Int!, $after: String, $query: String, $nested: Int!) {
  productVariants(first: $first, after: $after, query: $query, sortKey: ID) {
    pageInfo { hasNextPage endCursor }
    nodes {
      id sku
      inventoryItem {
        id tracked
        inventoryLevels(first: $nested) { pageInfo { hasNextPage endCursor } nodes { ...LevelParts } }
      }
    }
  }
}
"""
    + _LEVEL
)

READ = (
    """
query Read($ids: [ID!]!, $media: Int!, $lines: Int!) {
  nodes(ids: $ids) {
    __typename
    ... on Product { ...ProductParts }
    ... on ProductVariant { ...VariantParts product { ...ProductParts } }
    ... on Order { ...OrderParts }
    ... on InventoryLevel { ...LevelParts item { id sku tracked variants(first: 1) { nodes { id } } } }
  }
}
"""
    + _PRODUCT
    + _VARIANT
    + _ORDER
    + _LEVEL
)

VARIANT_REST = (
    """
query VariantRest($id: ID!, $after: String!) {
  node(id: $id) {
    ... on Product {
      variants(first: 250, after: $after) { pageInfo { hasNextPage endCursor } nodes { ...VariantParts } }
    }
  }
}
"""
    + _VARIANT
)

MEDIA_REST = """
query MediaRest($id: ID!, $after: String!) {
  node(id: $id) {
    ... on Product {
      media(first: 250, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { id mediaContentType ... on MediaImage { image { url } } }
      }
    }
  }
}
"""

LINE_REST = """
query LineRest($id: ID!, $after: String!) {
  node(id: $id) {
    ... on Order {
      lineItems(first: 250, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { id sku title quantity originalUnitPriceSet { shopMoney { amount currencyCode } } }
      }
    }
  }
}
"""

LEVEL_REST = (
    """
query LevelRest($id: ID!, $after: String!) {
  node(id: $id) {
    ... on InventoryItem {
      inventoryLevels(first: 250, after: $after) { pageInfo { hasNextPage endCursor } nodes { ...LevelParts } }
    }
  }
}
"""
    + _LEVEL
)

TAXONOMY = """
query Taxonomy($search: String!, $after: String) {
  taxonomy {
    categories(first: 100, search: $search, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { id fullName isArchived }
    }
  }
}
"""

PRODUCT_UPDATE = """
mutation ProductUpdate($product: ProductUpdateInput!, $media: [CreateMediaInput!]) {
  productUpdate(product: $product, media: $media) {
    product { id media(first: 250) { nodes { id mediaContentType } } }
    userErrors { field message }
  }
}
"""

MEDIA_REMOVE = """
mutation MediaRemove($files: [FileUpdateInput!]!) {
  fileUpdate(files: $files) { userErrors { field message code } }
}
"""

MEDIA_REORDER = """
mutation MediaReorder($id: ID!, $moves: [MoveInput!]!) {
  productReorderMedia(id: $id, moves: $moves) { mediaUserErrors { field message code } }
}
"""

VARIANTS_UPDATE = """
mutation VariantsUpdate($productId: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $productId, variants: $variants, allowPartialUpdates: true) {
    userErrors { field message code }
  }
}
"""

ORDER_UPDATE = """
mutation OrderUpdate($input: OrderInput!) {
  orderUpdate(input: $input) { userErrors { field message } }
}
"""

INVENTORY_SET = """
mutation InventorySet($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) { userErrors { field message code } }
}
"""

FULFILMENT_ORDERS = """
query FulfilmentOrders($id: ID!) {
  order(id: $id) {
    id
    fulfillments(first: 50) { status trackingInfo(first: 10) { number } }
    fulfillmentOrders(first: 50) {
      nodes { id status lineItems(first: 100) { nodes { id remainingQuantity lineItem { id } } } }
    }
  }
}
"""

FULFIL = """
mutation Fulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) { fulfillment { id status } userErrors { field message } }
}
"""

BULK_START = """
mutation BulkStart($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: true) {
    bulkOperation { id status } userErrors { field message code }
  }
}
"""

BULK_STATE = """
query BulkState($id: ID!) {
  bulkOperation(id: $id) { id status errorCode url objectCount rootObjectCount }
}
"""

BULK_PRODUCTS = """
query BulkProducts {
  products {
    edges {
      node {
        id title descriptionHtml vendor productType status tags updatedAt hasOnlyDefaultVariant
        category { id fullName }
        options(first: 3) { name values }
        media { edges { node { id mediaContentType ... on MediaImage { image { url } } } } }
        variants {
          edges {
            node {
              id title sku barcode price compareAtPrice updatedAt inventoryQuantity
              selectedOptions { name value }
              inventoryItem { id tracked measurement { weight { unit value } } }
            }
          }
        }
      }
    }
  }
}
"""

COUNT = """
query Count { productsCount(limit: 10000) { count } }
"""

DOCUMENTS = {name: text for name, text in list(globals().items()) if name.isupper() and not name.startswith("_")}
"""Name to document, for the test against the schema."""
