"""What the stored rows of the Shopify twin look like to its schema: one function a type, giving what resolvers read."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.sandbox.shopify_search import connection
from connectors.sandbox.shopify_store import Row, Store, gid

__all__ = ["Views", "count", "listed", "money", "when"]


def when(moment: datetime | None) -> str | None:
    """A moment as Shopify writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


class Views:
    """Views of one shop.

    Parameters
    ----------
    store : Store
    domain : callable
        Gives the shop's host.
    scopes : callable
        Gives the granted scopes.
    """

    def __init__(self, store: Store, domain: Callable[[], str], scopes: Callable[[], tuple[str, ...]]) -> None:
        self._store = store
        self._domain = domain
        self._scopes = scopes

    def shop(self) -> Row:
        """The shop itself."""
        founded = "2024-03-01T09:00:00Z"
        address = {
            "id": gid("ShopAddress", 1),
            "city": "Leipzig",
            "country": "Germany",
            "countryCodeV2": "DE",
            "zip": "04109",
        }
        return {
            "id": gid("Shop", 1),
            "name": "Channelmend Demo",
            "description": None,
            "contactEmail": "owner@example.com",
            "email": "owner@example.com",
            "myshopifyDomain": self._domain(),
            "url": f"https://{self._domain()}",
            "primaryDomain": {
                "id": gid("Domain", 1),
                "host": self._domain(),
                "sslEnabled": True,
                "url": f"https://{self._domain()}",
            },
            "currencyCode": "EUR",
            "enabledPresentmentCurrencies": ["EUR"],
            "ianaTimezone": "Europe/Berlin",
            "timezoneAbbreviation": "CET",
            "timezoneOffset": "+0100",
            "timezoneOffsetMinutes": 60,
            "unitSystem": "METRIC_SYSTEM",
            "weightUnit": "KILOGRAMS",
            "taxesIncluded": True,
            "setupRequired": False,
            "createdAt": founded,
            "updatedAt": founded,
            "billingAddress": address,
            "shopAddress": address,
            "plan": {
                "displayName": "Basic",
                "publicDisplayName": "Basic",
                "partnerDevelopment": True,
                "shopifyPlus": False,
            },
            "resourceLimits": {
                "locationLimit": 10,
                "maxProductOptions": 3,
                "maxProductVariants": 2048,
                "redirectLimitReached": False,
            },
        }

    def installation(self) -> Row:
        """The app as it is installed in the shop."""
        app = {"id": gid("App", 1), "apiKey": "channelmend", "handle": "channelmend", "title": "Channelmend"}
        scopes = [{"handle": one, "description": one.replace("_", " ").capitalize()} for one in self._scopes()]
        return {"id": gid("AppInstallation", 1), "app": app, "accessScopes": scopes}

    def product(self, row: Row) -> Row:
        """A product."""
        store = self._store
        variants = [store.variants[one] for one in row["variants"]]
        media = [store.media[one] for one in row["media"]]
        ready = [one for one in media if one["status"] == "READY"]
        prices = [Decimal(one["price"]) for one in variants]
        totals = [sum(one["levels"].values()) for one in variants]
        return {
            "__typename": "Product",
            "id": gid("Product", row["id"]),
            "legacyResourceId": str(row["id"]),
            "defaultCursor": str(row["id"]),
            "title": row["title"],
            "handle": row["handle"],
            "description": lambda info, truncateAt=None: _plain_text(row["descriptionHtml"])[:truncateAt],  # noqa: N803
            "descriptionHtml": row["descriptionHtml"],
            "vendor": row["vendor"],
            "productType": row["productType"],
            "category": self.category(row["category"]) if row["category"] else None,
            "tags": row["tags"],
            "status": row["status"],
            "seo": row["seo"],
            "isGiftCard": False,
            "requiresSellingPlan": False,
            "templateSuffix": None,
            "onlineStoreUrl": None,
            "onlineStorePreviewUrl": f"https://{self._domain()}/products/{row['handle']}",
            "publishedAt": when(row["created"]) if row["status"] == "ACTIVE" else None,
            "createdAt": when(row["created"]),
            "updatedAt": when(row["updated"]),
            "hasOnlyDefaultVariant": row["options"] == ["Title"],
            "hasOutOfStockVariants": any(one <= 0 for one in totals),
            "totalInventory": sum(totals),
            "tracksInventory": True,
            "options": lambda info, first=None: self._options(row)[:first],
            "priceRangeV2": {"minVariantPrice": money(min(prices)), "maxVariantPrice": money(max(prices))},
            "featuredMedia": self.file(media[0]) if media else None,
            "featuredImage": self._image(ready[0]) if ready else None,
            "mediaCount": count(len(media)),
            "variantsCount": count(len(variants)),
            "media": lambda info, **page: listed(media, page, self.file),
            "images": lambda info, **page: listed(ready, page, self._image),
            "variants": lambda info, **page: listed(variants, page, self.variant),
            "metafield": None,
            "metafields": lambda info, **page: listed([], page, dict),
        }

    def variant(self, row: Row) -> Row:
        """A variant."""
        product = self._store.products[row["product"]]
        title = " / ".join(row["options"].values())
        total = sum(row["levels"].values())
        return {
            "__typename": "ProductVariant",
            "id": gid("ProductVariant", row["id"]),
            "legacyResourceId": str(row["id"]),
            "defaultCursor": str(row["id"]),
            "title": title,
            "displayName": f"{product['title']} - {title}",
            "sku": row["sku"],
            "barcode": row["barcode"],
            "price": row["price"],
            "compareAtPrice": row["compareAtPrice"],
            "position": row["position"],
            "taxable": row["taxable"],
            "taxCode": None,
            "showUnitPrice": False,
            "requiresComponents": False,
            "inventoryPolicy": row["policy"],
            "inventoryQuantity": total,
            "sellableOnlineQuantity": total,
            "availableForSale": total > 0 or row["policy"] == "CONTINUE",
            "selectedOptions": [
                {"name": name, "value": value, "optionValue": self._option_value(row["product"], name, value)}
                for name, value in row["options"].items()
            ],
            "image": None,
            "media": lambda info, **page: listed([], page, self.file),
            "metafield": None,
            "metafields": lambda info, **page: listed([], page, dict),
            "createdAt": when(row["created"]),
            "updatedAt": when(row["updated"]),
            "product": lambda info: self.product(product),
            "inventoryItem": lambda info: self.item(row),
        }

    def item(self, row: Row) -> Row:
        """The stock item of a variant."""
        levels = [{"id": one, "variant": row} for one in row["levels"]]
        return {
            "__typename": "InventoryItem",
            "id": gid("InventoryItem", row["item"]),
            "legacyResourceId": str(row["item"]),
            "sku": row["sku"],
            "tracked": row["tracked"],
            "requiresShipping": row["requiresShipping"],
            "duplicateSkuCount": lambda info: (
                sum(one["sku"] == row["sku"] for one in self._store.variants.values()) - 1
            ),
            "countryCodeOfOrigin": row["origin"],
            "provinceCodeOfOrigin": None,
            "harmonizedSystemCode": row["harmonizedSystemCode"],
            "unitCost": money(Decimal(row["cost"])) if row["cost"] else None,
            "measurement": {"id": gid("InventoryItemMeasurement", row["item"]), "weight": row["weight"]},
            "createdAt": when(row["created"]),
            "updatedAt": when(row["updated"]),
            "locationsCount": count(len(levels)),
            "inventoryLevel": lambda info, locationId, **_: self._level_at(row, locationId),  # noqa: N803
            "inventoryLevels": lambda info, **page: listed(
                levels, page, lambda one: self.level(one["variant"], one["id"])
            ),
            "variant": lambda info: self.variant(row),
            "variants": lambda info, **page: listed([row], page, self.variant),
        }

    def level(self, row: Row, location: int) -> Row:
        """The stock of a variant at a location."""
        available = row["levels"][location]
        held = {"available": available, "on_hand": available, "committed": 0, "incoming": 0, "reserved": 0}

        def quantities(info: Any, names: list[str]) -> list[Row]:
            return [
                {
                    "id": gid("InventoryQuantity", f"{row['item']}-{name}"),
                    "name": name,
                    "quantity": held[name],
                    "updatedAt": when(row["updated"]),
                }
                for name in names
                if name in held
            ]

        return {
            "__typename": "InventoryLevel",
            "id": f"{gid('InventoryLevel', location)}?inventory_item_id={row['item']}",
            "isActive": True,
            "canDeactivate": available == 0,
            "createdAt": when(row["created"]),
            "updatedAt": when(row["updated"]),
            "item": lambda info: self.item(row),
            "location": lambda info: self.location(self._store.locations[location]),
            "quantities": quantities,
        }

    def _level_at(self, row: Row, location: str) -> Row | None:
        found = next((one for one in row["levels"] if gid("Location", one) == location), None)
        return self.level(row, found) if found else None

    def location(self, row: Row) -> Row:
        """A warehouse."""
        founded = "2024-03-01T09:00:00Z"

        def stocked() -> list[Row]:
            return [one for one in self._store.variants.values() if row["id"] in one["levels"]]

        def level(info: Any, inventoryItemId: str, **_: Any) -> Row | None:  # noqa: N803
            found = next((one for one in stocked() if gid("InventoryItem", one["item"]) == inventoryItemId), None)
            return self.level(found, row["id"]) if found else None

        address = {
            "address1": None,
            "city": row["city"],
            "country": None,
            "countryCode": row["country"],
            "zip": row["zip"],
        }
        return {
            "__typename": "Location",
            "id": gid("Location", row["id"]),
            "legacyResourceId": str(row["id"]),
            "name": row["name"],
            "address": address,
            "isActive": True,
            "isPrimary": row["id"] == min(self._store.locations),
            "isFulfillmentService": False,
            "fulfillsOnlineOrders": True,
            "hasActiveInventory": lambda info: bool(stocked()),
            "shipsInventory": True,
            "createdAt": founded,
            "updatedAt": founded,
            "inventoryLevel": level,
            "inventoryLevels": lambda info, **page: listed(stocked(), page, lambda one: self.level(one, row["id"])),
        }

    def file(self, row: Row) -> Row:
        """A picture as a file and as media of a product; its address is known once it is ready."""
        image = self._image(row) if row["status"] == "READY" else None
        return {
            "__typename": "MediaImage",
            "id": gid("MediaImage", row["id"]),
            "alt": row["alt"],
            "status": row["status"],
            "fileStatus": row["status"],
            "mediaContentType": "IMAGE",
            "mimeType": "image/jpeg",
            "mediaErrors": [],
            "fileErrors": [],
            "image": image,
            "preview": {"image": image, "status": row["status"]},
            "originalSource": {"fileSize": None, "url": row["source"]},
            "createdAt": when(row["created"]),
            "updatedAt": when(row["updated"]),
        }

    def category(self, key: str) -> Row:
        """A node of the product taxonomy."""
        names = self._store.taxonomy
        parts = key.split("-")
        parent = "-".join(parts[:-1])
        children = [one for one in names if one.rpartition("-")[0] == key]
        prefix = "TaxonomyCategory"
        return {
            "__typename": prefix,
            "id": gid(prefix, key),
            "name": names[key].rpartition(" > ")[2],
            "fullName": names[key],
            "level": len(parts),
            "isRoot": len(parts) == 1,
            "isLeaf": not children,
            "isArchived": False,
            "parentId": gid(prefix, parent) if parent else None,
            "ancestorIds": [gid(prefix, "-".join(parts[:depth])) for depth in range(len(parts) - 1, 0, -1)],
            "childrenIds": [gid(prefix, one) for one in children],
        }

    # ---- parts -----------------------------------------------------------------------------------------------

    def _options(self, row: Row) -> list[Row]:
        variants = [self._store.variants[one] for one in row["variants"]]
        rows = []
        for position, name in enumerate(row["options"], start=1):
            values = list(dict.fromkeys(one["options"].get(name, "") for one in variants))
            shown = [self._option_value(row["id"], name, value) for value in values]
            rows.append(
                {
                    "id": gid("ProductOption", f"{row['id']}{position}"),
                    "name": name,
                    "position": position,
                    "values": values,
                    "optionValues": shown,
                }
            )
        return rows

    def _option_value(self, product: int, name: str, value: str) -> Row:
        position = self._store.products[product]["options"].index(name) + 1
        values = list(
            dict.fromkeys(
                self._store.variants[one]["options"].get(name) for one in self._store.products[product]["variants"]
            )
        )
        return {
            "id": gid("ProductOptionValue", f"{product}{position}{values.index(value):03d}"),
            "name": value,
            "hasVariants": True,
        }

    def _image(self, row: Row) -> Row:
        addresses = dict.fromkeys(("url", "src", "originalSrc"), row["url"])
        return {"id": gid("ImageSource", row["id"]), "altText": row["alt"], "width": 1600, "height": 1600, **addresses}


def listed(rows: list[Row], page: Row, view: Callable[[Row], Any]) -> Row:
    """A page of things that keep the order they are given in."""
    placed = [{"id": position, "row": row} for position, row in enumerate(rows, start=1)]
    return connection(placed, lambda one: one["id"], page, view=lambda one: view(one["row"]))


def count(size: int) -> Row:
    """A number of things."""
    return {"count": size, "precision": "EXACT"}


def money(amount: Decimal) -> Row:
    """An amount in the shop's currency."""
    return {"amount": f"{amount:.2f}", "currencyCode": "EUR"}


def _plain_text(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", markup)).strip()
