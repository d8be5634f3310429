"""The part of Shopify's Admin API that the twin speaks, as a schema.

A subset of version 2026-10 written down from its reference: shop, products, variants, stock, orders, files and the
product taxonomy. What is not here does not exist for the twin, and a query for it fails as a query for an unknown
field does. A test compares every type, field and argument with the platform's own schema where that is at hand.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

import phonenumbers
from graphql import (
    FloatValueNode,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    IntValueNode,
    StringValueNode,
    ValueNode,
    build_schema,
)

__all__ = ["COUNTRIES", "CURRENCIES", "schema"]

CURRENCIES = tuple("AUD BGN BRL CAD CHF CNY CZK DKK EUR GBP HUF INR JPY MXN NOK NZD PLN RON SEK TRY USD ZAR".split())  # noqa: SIM905
"""Currencies of the twin's shops."""

COUNTRIES = tuple(sorted(phonenumbers.SUPPORTED_REGIONS - {"AS", "FM", "GU", "MH", "MP", "PR", "PW", "VI"}))
"""Countries that an address may name; Shopify counts the territories left out here as provinces of the United States."""

_PAGE = "after: String, before: String, first: Int, last: Int, reverse: Boolean = false"
_SEARCH = f"{_PAGE}, query: String"

_CONNECTIONS = [
    "Product",
    "ProductVariant",
    "InventoryItem",
    "InventoryLevel",
    "Location",
    "Order",
    "LineItem",
    "Media",
    "Image",
    "TaxonomyCategory",
    "Metafield",
    "File",
    "FulfillmentOrder",
    "FulfillmentOrderLineItem",
]  # noqa: SIM905

_SDL = f"""
directive @idempotent(key: String!) on FIELD

scalar DateTime
scalar Decimal
scalar HTML
scalar JSON
scalar Money
scalar UnsignedInt64
scalar URL

enum BulkOperationErrorCode {{ ACCESS_DENIED INTERNAL_SERVER_ERROR TIMEOUT }}
enum BulkOperationStatus {{ CANCELED CANCELING COMPLETED CREATED EXPIRED FAILED RUNNING }}
enum BulkOperationType {{ MUTATION QUERY }}
enum BulkOperationUserErrorCode {{ INVALID LIMIT_REACHED OPERATION_IN_PROGRESS }}
enum CountryCode {{ {" ".join(COUNTRIES)} }}
enum CurrencyCode {{ {" ".join(CURRENCIES)} }}
enum CountPrecision {{ AT_LEAST EXACT }}
enum FileErrorCode {{ GENERIC_FILE_DOWNLOAD_FAILURE IMAGE_DOWNLOAD_FAILURE IMAGE_PROCESSING_FAILURE }}
enum FileSortKeys {{ CREATED_AT ID UPDATED_AT }}
enum FileStatus {{ FAILED PROCESSING READY UPLOADED }}
enum FilesErrorCode {{ FILE_DOES_NOT_EXIST INVALID INVALID_IMAGE_SOURCE_URL NON_READY_STATE REFERENCE_TARGET_DOES_NOT_EXIST }}
enum FulfillmentOrderStatus {{ CANCELLED CLOSED IN_PROGRESS INCOMPLETE ON_HOLD OPEN SCHEDULED }}
enum FulfillmentStatus {{ CANCELLED ERROR FAILURE SUCCESS }}
enum InventorySetQuantitiesUserErrorCode {{
  CHANGE_FROM_QUANTITY_STALE COMPARE_QUANTITY_REQUIRED IDEMPOTENCY_KEY_PARAMETER_MISMATCH INVALID_INVENTORY_ITEM INVALID_LOCATION
  INVALID_NAME INVALID_QUANTITY_TOO_HIGH INVALID_QUANTITY_TOO_LOW INVALID_REASON NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR
}}
enum LocationSortKeys {{ ID NAME RELEVANCE }}
enum MediaContentType {{ EXTERNAL_VIDEO IMAGE MODEL_3D VIDEO }}
enum MediaErrorCode {{ GENERIC_FILE_DOWNLOAD_FAILURE IMAGE_DOWNLOAD_FAILURE IMAGE_PROCESSING_FAILURE }}
enum MediaPreviewImageStatus {{ FAILED PROCESSING READY UPLOADED }}
enum MediaStatus {{ FAILED PROCESSING READY UPLOADED }}
enum MediaUserErrorCode {{ INVALID MEDIA_DOES_NOT_EXIST PRODUCT_DOES_NOT_EXIST }}
enum OrderCancelReason {{ CUSTOMER DECLINED FRAUD INVENTORY OTHER STAFF }}
enum OrderDisplayFinancialStatus {{ AUTHORIZED EXPIRED PAID PARTIALLY_PAID PARTIALLY_REFUNDED PENDING REFUNDED VOIDED }}
enum OrderDisplayFulfillmentStatus {{
  FULFILLED IN_PROGRESS ON_HOLD OPEN PARTIALLY_FULFILLED PENDING_FULFILLMENT RESTOCKED SCHEDULED UNFULFILLED
}}
enum OrderSortKeys {{ CREATED_AT ID ORDER_NUMBER PROCESSED_AT RELEVANCE TOTAL_PRICE UPDATED_AT }}
enum ProductImageSortKeys {{ CREATED_AT ID POSITION }}
enum ProductMediaSortKeys {{ ID POSITION }}
enum ProductSortKeys {{ CREATED_AT ID INVENTORY_TOTAL PRODUCT_TYPE PUBLISHED_AT RELEVANCE TITLE UPDATED_AT VENDOR }}
enum ProductStatus {{ ACTIVE ARCHIVED DRAFT UNLISTED }}
enum ProductVariantInventoryPolicy {{ CONTINUE DENY }}
enum ProductVariantSortKeys {{ FULL_TITLE ID INVENTORY_QUANTITY NAME POSITION RELEVANCE SKU TITLE }}
enum ProductVariantsBulkUpdateUserErrorCode {{
  GREATER_THAN_OR_EQUAL_TO INVALID_INPUT INVALID_VALUE NEGATIVE_PRICE_VALUE NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE
  PRODUCT_DOES_NOT_EXIST PRODUCT_VARIANT_DOES_NOT_EXIST PRODUCT_VARIANT_ID_MISSING TOO_LONG
}}
enum UnitSystem {{ IMPERIAL_SYSTEM METRIC_SYSTEM }}
enum WeightUnit {{ GRAMS KILOGRAMS OUNCES POUNDS }}

interface DisplayableError {{ field: [String!] message: String! }}
interface LegacyInteroperability {{ legacyResourceId: UnsignedInt64! }}
interface Node {{ id: ID! }}
interface File {{
  alt: String createdAt: DateTime! fileErrors: [FileError!]! fileStatus: FileStatus! id: ID! preview: MediaPreviewImage
  updatedAt: DateTime!
}}
interface Media {{
  alt: String id: ID! mediaContentType: MediaContentType! mediaErrors: [MediaError!]! preview: MediaPreviewImage status: MediaStatus!
}}

type PageInfo {{ endCursor: String hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String }}
type Count {{ count: Int! precision: CountPrecision! }}
type MoneyV2 {{ amount: Decimal! currencyCode: CurrencyCode! }}
type MoneyBag {{ presentmentMoney: MoneyV2! shopMoney: MoneyV2! }}
type Weight {{ unit: WeightUnit! value: Float! }}
type SEO {{ description: String title: String }}
type Attribute {{ key: String! value: String }}
type ApiVersion {{ displayName: String! handle: String! supported: Boolean! }}
type FileError {{ code: FileErrorCode! details: String message: String! }}
type MediaError {{ code: MediaErrorCode! details: String message: String! }}
type MediaPreviewImage {{ image: Image status: MediaPreviewImageStatus! }}
type MediaImageOriginalSource {{ fileSize: Int url: URL }}
type Image {{ altText: String height: Int id: ID originalSrc: URL! src: URL! url: URL! width: Int }}
type Metafield implements LegacyInteroperability & Node {{
  id: ID! key: String! namespace: String! type: String! value: String! legacyResourceId: UnsignedInt64!
}}

type AccessScope {{ description: String! handle: String! }}
type App implements Node {{ apiKey: String! handle: String id: ID! title: String! }}
type AppInstallation implements Node {{ accessScopes: [AccessScope!]! app: App! id: ID! }}
type ShopPlan {{ displayName: String! partnerDevelopment: Boolean! publicDisplayName: String! shopifyPlus: Boolean! }}
type ShopResourceLimits {{ locationLimit: Int! maxProductOptions: Int! maxProductVariants: Int! redirectLimitReached: Boolean! }}
type Domain implements Node {{ host: String! id: ID! sslEnabled: Boolean! url: URL! }}
type ShopAddress implements Node {{ city: String country: String countryCodeV2: CountryCode id: ID! zip: String }}
type Shop implements Node {{
  billingAddress: ShopAddress! contactEmail: String! createdAt: DateTime! currencyCode: CurrencyCode! description: String email: String!
  enabledPresentmentCurrencies: [CurrencyCode!]! ianaTimezone: String! id: ID! myshopifyDomain: String! name: String! plan: ShopPlan!
  primaryDomain: Domain! resourceLimits: ShopResourceLimits! setupRequired: Boolean! shopAddress: ShopAddress! taxesIncluded: Boolean!
  timezoneAbbreviation: String! timezoneOffset: String! timezoneOffsetMinutes: Int! unitSystem: UnitSystem! updatedAt: DateTime!
  url: URL! weightUnit: WeightUnit!
}}

type TaxonomyCategory implements Node {{
  ancestorIds: [ID!]! childrenIds: [ID!]! fullName: String! id: ID! isArchived: Boolean! isLeaf: Boolean! isRoot: Boolean! level: Int!
  name: String! parentId: ID
}}
type Taxonomy {{
  categories(after: String, before: String, childrenOf: ID, descendantsOf: ID, first: Int, last: Int, search: String, siblingsOf: ID):
    TaxonomyCategoryConnection!
}}

type SelectedOption {{ name: String! optionValue: ProductOptionValue! value: String! }}
type ProductOptionValue implements Node {{ hasVariants: Boolean! id: ID! name: String! }}
type ProductOption implements Node {{
  id: ID! name: String! optionValues: [ProductOptionValue!]! position: Int! values: [String!]!
}}
type ProductPriceRangeV2 {{ maxVariantPrice: MoneyV2! minVariantPrice: MoneyV2! }}
type MediaImage implements File & Media & Node {{
  alt: String createdAt: DateTime! fileErrors: [FileError!]! fileStatus: FileStatus! id: ID! image: Image
  mediaContentType: MediaContentType! mediaErrors: [MediaError!]! mimeType: String originalSource: MediaImageOriginalSource
  preview: MediaPreviewImage status: MediaStatus! updatedAt: DateTime!
}}
type Product implements LegacyInteroperability & Node {{
  category: TaxonomyCategory createdAt: DateTime! defaultCursor: String! description(truncateAt: Int): String! descriptionHtml: HTML!
  featuredImage: Image featuredMedia: Media handle: String! hasOnlyDefaultVariant: Boolean! hasOutOfStockVariants: Boolean!
  id: ID! images({_PAGE}, sortKey: ProductImageSortKeys = POSITION): ImageConnection! isGiftCard: Boolean!
  legacyResourceId: UnsignedInt64! media({_SEARCH}, sortKey: ProductMediaSortKeys = POSITION): MediaConnection! mediaCount: Count
  metafield(key: String!, namespace: String): Metafield
  metafields(after: String, before: String, first: Int, keys: [String!], last: Int, namespace: String, reverse: Boolean = false):
    MetafieldConnection!
  onlineStorePreviewUrl: URL onlineStoreUrl: URL options(first: Int): [ProductOption!]! priceRangeV2: ProductPriceRangeV2!
  productType: String! publishedAt: DateTime requiresSellingPlan: Boolean! seo: SEO! status: ProductStatus! tags: [String!]!
  templateSuffix: String title: String! totalInventory: Int! tracksInventory: Boolean! updatedAt: DateTime!
  variants({_PAGE}, sortKey: ProductVariantSortKeys = POSITION): ProductVariantConnection! variantsCount: Count vendor: String!
}}
type ProductVariant implements LegacyInteroperability & Node {{
  availableForSale: Boolean! barcode: String compareAtPrice: Money createdAt: DateTime! defaultCursor: String! displayName: String!
  id: ID! image: Image inventoryItem: InventoryItem! inventoryPolicy: ProductVariantInventoryPolicy! inventoryQuantity: Int
  legacyResourceId: UnsignedInt64! media({_PAGE}): MediaConnection! metafield(key: String!, namespace: String): Metafield
  metafields(after: String, before: String, first: Int, keys: [String!], last: Int, namespace: String, reverse: Boolean = false):
    MetafieldConnection!
  position: Int! price: Money! product: Product! requiresComponents: Boolean! selectedOptions: [SelectedOption!]!
  sellableOnlineQuantity: Int! showUnitPrice: Boolean! sku: String taxCode: String taxable: Boolean! title: String! updatedAt: DateTime!
}}

type InventoryQuantity implements Node {{ id: ID! name: String! quantity: Int! updatedAt: DateTime }}
type InventoryItemMeasurement implements Node {{ id: ID! weight: Weight }}
type InventoryItem implements LegacyInteroperability & Node {{
  countryCodeOfOrigin: CountryCode createdAt: DateTime! duplicateSkuCount: Int! harmonizedSystemCode: String id: ID!
  inventoryLevel(includeInactive: Boolean = false, locationId: ID!): InventoryLevel
  inventoryLevels({_PAGE}, includeInactive: Boolean = false, query: String): InventoryLevelConnection! legacyResourceId: UnsignedInt64!
  locationsCount: Count measurement: InventoryItemMeasurement! provinceCodeOfOrigin: String requiresShipping: Boolean! sku: String
  tracked: Boolean! unitCost: MoneyV2 updatedAt: DateTime! variant: ProductVariant!
  variants(after: String, before: String, first: Int, last: Int): ProductVariantConnection
}}
type InventoryLevel implements Node {{
  canDeactivate: Boolean! createdAt: DateTime! id: ID! isActive: Boolean! item: InventoryItem! location: Location!
  quantities(names: [String!]!): [InventoryQuantity!]! updatedAt: DateTime!
}}
type LocationAddress {{ address1: String city: String country: String countryCode: String zip: String }}
type Location implements LegacyInteroperability & Node {{
  address: LocationAddress! createdAt: DateTime! fulfillsOnlineOrders: Boolean! hasActiveInventory: Boolean! id: ID!
  inventoryLevel(includeInactive: Boolean = false, inventoryItemId: ID!): InventoryLevel
  inventoryLevels({_PAGE}, includeInactive: Boolean = false, query: String): InventoryLevelConnection!
  isActive: Boolean! isFulfillmentService: Boolean! isPrimary: Boolean! legacyResourceId: UnsignedInt64! name: String!
  shipsInventory: Boolean! updatedAt: DateTime!
}}

type MailingAddress implements Node {{
  address1: String address2: String city: String company: String country: String countryCodeV2: CountryCode firstName: String
  formatted(withCompany: Boolean = true, withName: Boolean = false): [String!]! formattedArea: String id: ID! lastName: String
  name: String phone: String province: String provinceCode: String zip: String
}}
type CustomerEmailAddress {{ emailAddress: String! validFormat: Boolean! }}
type CustomerPhoneNumber {{ phoneNumber: String! }}
type Customer implements LegacyInteroperability & Node {{
  createdAt: DateTime! defaultAddress: MailingAddress defaultEmailAddress: CustomerEmailAddress defaultPhoneNumber: CustomerPhoneNumber
  displayName: String! email: String firstName: String id: ID! lastName: String legacyResourceId: UnsignedInt64! locale: String!
  note: String phone: String tags: [String!]! updatedAt: DateTime!
}}
type LineItem implements Node {{
  currentQuantity: Int! discountedTotalSet(withCodeDiscounts: Boolean = false): MoneyBag! discountedUnitPriceSet: MoneyBag!
  discountedUnitPriceAfterAllDiscountsSet: MoneyBag! id: ID! isGiftCard: Boolean! name: String! originalTotalSet: MoneyBag!
  originalUnitPriceSet: MoneyBag! product: Product quantity: Int! refundableQuantity: Int! requiresShipping: Boolean! sku: String
  taxable: Boolean! title: String! totalDiscountSet: MoneyBag! unfulfilledQuantity: Int! variant: ProductVariant variantTitle: String
  vendor: String
}}
type FulfillmentTrackingInfo {{ company: String number: String url: URL }}
type Fulfillment implements LegacyInteroperability & Node {{
  createdAt: DateTime! deliveredAt: DateTime id: ID! legacyResourceId: UnsignedInt64! name: String! status: FulfillmentStatus!
  totalQuantity: Int! trackingInfo(first: Int): [FulfillmentTrackingInfo!]! updatedAt: DateTime!
}}
type FulfillmentOrderLineItem implements Node {{
  id: ID! lineItem: LineItem! remainingQuantity: Int! requiresShipping: Boolean! sku: String totalQuantity: Int!
}}
type FulfillmentOrder implements Node {{
  createdAt: DateTime! id: ID! lineItems(after: String, before: String, first: Int, last: Int, reverse: Boolean = false):
  FulfillmentOrderLineItemConnection! orderId: ID! status: FulfillmentOrderStatus! updatedAt: DateTime!
}}
type BulkOperation implements Node {{
  completedAt: DateTime createdAt: DateTime! errorCode: BulkOperationErrorCode fileSize: UnsignedInt64 id: ID!
  objectCount: UnsignedInt64! partialDataUrl: URL query: String! rootObjectCount: UnsignedInt64! status: BulkOperationStatus!
  type: BulkOperationType! url: URL
}}
type ShippingLine {{ code: String discountedPriceSet: MoneyBag! id: ID originalPriceSet: MoneyBag! source: String title: String! }}
type Order implements LegacyInteroperability & Node {{
  billingAddress: MailingAddress billingAddressMatchesShippingAddress: Boolean! cancelReason: OrderCancelReason cancelledAt: DateTime
  closed: Boolean! closedAt: DateTime confirmationNumber: String confirmed: Boolean! createdAt: DateTime! currencyCode: CurrencyCode!
  currentSubtotalPriceSet: MoneyBag! currentTotalDiscountsSet: MoneyBag! currentTotalPriceSet: MoneyBag! currentTotalTaxSet: MoneyBag!
  customAttributes: [Attribute!]! customer: Customer customerLocale: String discountCode: String discountCodes: [String!]!
  displayAddress: MailingAddress displayFinancialStatus: OrderDisplayFinancialStatus
  displayFulfillmentStatus: OrderDisplayFulfillmentStatus! edited: Boolean! email: String fulfillments(first: Int, query: String):
  [Fulfillment!]! fulfillmentOrders(after: String, before: String, displayable: Boolean = false, first: Int, last: Int,
    query: String, reverse: Boolean = false): FulfillmentOrderConnection! fulfillmentsCount: Count fullyPaid: Boolean! id: ID! legacyResourceId: UnsignedInt64!
  lineItems({_PAGE}): LineItemConnection! name: String! note: String number: Int! originalTotalPriceSet: MoneyBag!
  paymentGatewayNames: [String!]! phone: String poNumber: String presentmentCurrencyCode: CurrencyCode! processedAt: DateTime!
  requiresShipping: Boolean! shippingAddress: MailingAddress shippingLine: ShippingLine sourceName: String
  subtotalLineItemsQuantity: Int! subtotalPriceSet: MoneyBag tags: [String!]! taxesIncluded: Boolean! test: Boolean!
  totalDiscountsSet: MoneyBag totalPriceSet: MoneyBag! totalReceivedSet: MoneyBag! totalRefundedSet: MoneyBag!
  totalShippingPriceSet: MoneyBag! totalTaxSet: MoneyBag unpaid: Boolean! updatedAt: DateTime!
}}

type UserError implements DisplayableError {{ field: [String!] message: String! }}
type FilesUserError implements DisplayableError {{ code: FilesErrorCode field: [String!] message: String! }}
type MediaUserError implements DisplayableError {{ code: MediaUserErrorCode field: [String!] message: String! }}
type ProductVariantsBulkUpdateUserError implements DisplayableError {{
  code: ProductVariantsBulkUpdateUserErrorCode field: [String!] message: String!
}}
type InventorySetQuantitiesUserError implements DisplayableError {{
  code: InventorySetQuantitiesUserErrorCode field: [String!] message: String!
}}
type ProductUpdatePayload {{ product: Product userErrors: [UserError!]! }}
type ProductVariantsBulkUpdatePayload {{
  product: Product productVariants: [ProductVariant!] userErrors: [ProductVariantsBulkUpdateUserError!]!
}}
type InventoryChange {{ delta: Int! item: InventoryItem location: Location name: String! quantityAfterChange: Int }}
type InventoryAdjustmentGroup implements Node {{
  changes(inventoryItemIds: [ID!], locationIds: [ID!], quantityNames: [String!]): [InventoryChange!]! createdAt: DateTime! id: ID!
  reason: String! referenceDocumentUri: String
}}
type InventorySetQuantitiesPayload {{
  inventoryAdjustmentGroup: InventoryAdjustmentGroup userErrors: [InventorySetQuantitiesUserError!]!
}}
type InventoryItemUpdatePayload {{ inventoryItem: InventoryItem userErrors: [UserError!]! }}
type BulkOperationUserError implements DisplayableError {{
  code: BulkOperationUserErrorCode field: [String!] message: String!
}}
type BulkOperationRunQueryPayload {{ bulkOperation: BulkOperation userErrors: [BulkOperationUserError!]! }}
type FulfillmentCreatePayload {{ fulfillment: Fulfillment userErrors: [UserError!]! }}
type OrderUpdatePayload {{ order: Order userErrors: [UserError!]! }}
type FileUpdatePayload {{ files: [File!] userErrors: [FilesUserError!]! }}
type FileDeletePayload {{ deletedFileIds: [ID!] userErrors: [FilesUserError!]! }}
type Job {{ done: Boolean! id: ID! }}
type ProductReorderMediaPayload {{ job: Job mediaUserErrors: [MediaUserError!]! }}

input SEOInput {{ description: String title: String }}
input AttributeInput {{ key: String! value: String! }}
input CreateMediaInput {{ alt: String mediaContentType: MediaContentType! originalSource: String! }}
input ProductUpdateInput {{
  category: ID descriptionHtml: String handle: String id: ID productType: String redirectNewHandle: Boolean requiresSellingPlan: Boolean
  seo: SEOInput status: ProductStatus tags: [String!] templateSuffix: String title: String vendor: String
}}
input WeightInput {{ unit: WeightUnit! value: Float! }}
input InventoryItemMeasurementInput {{ weight: WeightInput }}
input InventoryItemInput {{
  cost: Decimal countryCodeOfOrigin: CountryCode harmonizedSystemCode: String measurement: InventoryItemMeasurementInput
  provinceCodeOfOrigin: String requiresShipping: Boolean sku: String tracked: Boolean
}}
input InventoryLevelInput {{ availableQuantity: Int! locationId: ID! }}
input ProductVariantsBulkInput {{
  barcode: String compareAtPrice: Money id: ID inventoryItem: InventoryItemInput inventoryPolicy: ProductVariantInventoryPolicy
  inventoryQuantities: [InventoryLevelInput!] mediaId: ID price: Money taxCode: String taxable: Boolean
}}
input InventoryQuantityInput {{ changeFromQuantity: Int inventoryItemId: ID! locationId: ID! quantity: Int! }}
input InventorySetQuantitiesInput {{ name: String! quantities: [InventoryQuantityInput!]! reason: String! referenceDocumentUri: String }}
input MailingAddressInput {{
  address1: String address2: String city: String company: String countryCode: CountryCode firstName: String lastName: String phone: String
  provinceCode: String zip: String
}}
input OrderInput {{
  customAttributes: [AttributeInput!] email: String id: ID! note: String phone: String poNumber: String
  shippingAddress: MailingAddressInput tags: [String!]
}}
input FileUpdateInput {{
  alt: String filename: String id: ID! originalSource: String previewImageSource: String referencesToAdd: [ID!] referencesToRemove: [ID!]
}}
input FulfillmentOrderLineItemInput {{ id: ID! quantity: Int! }}
input FulfillmentOrderLineItemsInput {{ fulfillmentOrderId: ID! fulfillmentOrderLineItems: [FulfillmentOrderLineItemInput!] }}
input FulfillmentTrackingInput {{ company: String number: String numbers: [String!] url: URL urls: [URL!] }}
input FulfillmentInput {{
  lineItemsByFulfillmentOrder: [FulfillmentOrderLineItemsInput!]! notifyCustomer: Boolean trackingInfo: FulfillmentTrackingInput
}}
input MoveInput {{ id: ID! newPosition: UnsignedInt64! }}
input UniqueMetafieldValueInput {{ key: String! namespace: String value: String! }}
input ProductIdentifierInput {{ customId: UniqueMetafieldValueInput handle: String id: ID }}

type QueryRoot {{
  bulkOperation(id: ID!): BulkOperation
  currentAppInstallation: AppInstallation!
  files({_SEARCH}, savedSearchId: ID, sortKey: FileSortKeys = ID): FileConnection!
  inventoryItem(id: ID!): InventoryItem
  inventoryItems({_SEARCH}): InventoryItemConnection!
  inventoryLevel(id: ID!): InventoryLevel
  location(id: ID): Location
  locations({_SEARCH}, includeInactive: Boolean = false, includeLegacy: Boolean = false, sortKey: LocationSortKeys = NAME):
    LocationConnection!
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Node]!
  order(id: ID!): Order
  orders({_SEARCH}, savedSearchId: ID, sortKey: OrderSortKeys = PROCESSED_AT): OrderConnection!
  ordersCount(limit: Int = 10000, query: String, savedSearchId: ID): Count
  product(id: ID!): Product
  productByIdentifier(identifier: ProductIdentifierInput!): Product
  productVariant(id: ID!): ProductVariant
  productVariants({_SEARCH}, savedSearchId: ID, sortKey: ProductVariantSortKeys = ID): ProductVariantConnection!
  productVariantsCount(limit: Int = 10000, query: String): Count
  products({_SEARCH}, savedSearchId: ID, sortKey: ProductSortKeys = ID): ProductConnection!
  productsCount(limit: Int = 10000, query: String, savedSearchId: ID): Count
  publicApiVersions: [ApiVersion!]!
  shop: Shop!
  taxonomy: Taxonomy
}}
type Mutation {{
  bulkOperationRunQuery(groupObjects: Boolean! = false, query: String!): BulkOperationRunQueryPayload
  fileDelete(fileIds: [ID!]!): FileDeletePayload
  fileUpdate(files: [FileUpdateInput!]!): FileUpdatePayload
  fulfillmentCreate(fulfillment: FulfillmentInput!, message: String): FulfillmentCreatePayload
  inventoryItemUpdate(id: ID!, input: InventoryItemInput!): InventoryItemUpdatePayload
  inventorySetQuantities(input: InventorySetQuantitiesInput!): InventorySetQuantitiesPayload
  orderUpdate(input: OrderInput!): OrderUpdatePayload
  productReorderMedia(id: ID!, moves: [MoveInput!]!): ProductReorderMediaPayload
  productUpdate(media: [CreateMediaInput!], product: ProductUpdateInput): ProductUpdatePayload
  productVariantsBulkUpdate(allowPartialUpdates: Boolean, productId: ID!, variants: [ProductVariantsBulkInput!]!):
    ProductVariantsBulkUpdatePayload
}}
schema {{ query: QueryRoot mutation: Mutation }}
"""


@cache
def schema() -> GraphQLSchema:
    """The schema with its scalars; built once a process."""
    edges = "".join(
        f"type {one}Connection {{ edges: [{one}Edge!]! nodes: [{one}!]! pageInfo: PageInfo! }}\n"
        f"type {one}Edge {{ cursor: String! node: {one}! }}\n"
        for one in _CONNECTIONS
    )
    built = build_schema(_SDL + edges)
    for name, parse in (("Money", _money), ("Decimal", _decimal), ("UnsignedInt64", _unsigned), ("DateTime", _moment)):
        scalar = built.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)
        _read_with(scalar, parse)
    return built


def _read_with(scalar: GraphQLScalarType, parse: Any) -> None:
    def literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
        if not isinstance(node, (StringValueNode, IntValueNode, FloatValueNode)):
            raise GraphQLError(f"{scalar.name} cannot be read from this kind of value", node)
        return parse(node.value)

    scalar.parse_value = parse  # type: ignore[method-assign]
    scalar.parse_literal = literal  # type: ignore[method-assign]


def _money(value: Any) -> Decimal:
    amount = _decimal(value)
    return amount.quantize(Decimal("0.01")) if amount == amount.quantize(Decimal("0.01")) else amount


def _decimal(value: Any) -> Decimal:
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[+-]?\d+(?:\.\d+)?", text):
        raise GraphQLError(f"invalid money '{value}'" if isinstance(value, str) else f"invalid decimal '{value}'")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise GraphQLError(f"invalid decimal '{value}'") from None


def _unsigned(value: Any) -> str:
    text = str(value)
    if isinstance(value, bool) or not text.isdigit():
        raise GraphQLError(f"invalid unsigned integer '{value}'")
    return text


def _moment(value: Any) -> str:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        raise GraphQLError(f"invalid DateTime '{value}'") from None
    return str(value)
