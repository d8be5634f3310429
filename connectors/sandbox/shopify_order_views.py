"""What the stored orders of the Shopify twin look like to its schema."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from babel import Locale

from connectors.sandbox.shopify_store import Row, Store, gid
from connectors.sandbox.shopify_views import Views, count, listed, money, when

__all__ = ["OrderViews"]


class OrderViews:
    """Views of one shop's orders.

    Parameters
    ----------
    store : Store
    views : Views
        Of the products that the lines name.
    """

    def __init__(self, store: Store, views: Views) -> None:
        self._store = store
        self._views = views

    def order(self, row: Row) -> Row:
        """An order."""
        total, shipping = Decimal(row["total"]), Decimal(row["shipping"])
        units = sum(one["quantity"] for one in row["lines"])
        paid = total if row["paid"] == "PAID" else Decimal(0)
        nothing = bag(Decimal(0))
        address = self._address(row["shippingAddress"])
        name = f"#{row['number']}"
        fulfillments = [self._fulfillment(row, name, units)] if row["fulfilled"] else []
        closed = when(row["fulfilled"])
        return {
            "__typename": "Order",
            "id": gid("Order", row["id"]),
            "legacyResourceId": str(row["id"]),
            "name": name,
            "number": row["number"],
            "confirmationNumber": f"C{row['number']}",
            "confirmed": True,
            "email": row["email"],
            "phone": row["phone"],
            "note": row["note"],
            "poNumber": row["poNumber"],
            "tags": row["tags"],
            "customAttributes": row["attributes"],
            "customer": self._customer(row),
            "customerLocale": None,
            "shippingAddress": address,
            "billingAddress": self._address(row["billingAddress"]),
            "displayAddress": address,
            "billingAddressMatchesShippingAddress": False,
            "currencyCode": row["currency"],
            "presentmentCurrencyCode": row["currency"],
            "displayFinancialStatus": row["paid"],
            "displayFulfillmentStatus": row["sent"],
            "cancelReason": "CUSTOMER" if row["cancelled"] else None,
            "cancelledAt": when(row["cancelled"]),
            "closed": closed is not None,
            "closedAt": closed,
            "createdAt": when(row["created"]),
            "processedAt": when(row["created"]),
            "updatedAt": when(row["updated"]),
            "discountCode": None,
            "discountCodes": [],
            "edited": False,
            "test": False,
            "fullyPaid": row["paid"] == "PAID",
            "unpaid": row["paid"] != "PAID",
            "taxesIncluded": True,
            "requiresShipping": True,
            "sourceName": "web",
            "paymentGatewayNames": ["manual"],
            "subtotalLineItemsQuantity": units,
            "fulfillmentsCount": count(len(fulfillments)),
            "fulfillments": lambda info, first=None, **_: fulfillments[:first],
            "lineItems": lambda info, **page: listed(row["lines"], page, self._line),
            "shippingLine": {
                "id": gid("ShippingLine", row["id"]),
                "code": "STANDARD",
                "title": "Standard",
                "source": "shopify",
                "originalPriceSet": bag(shipping),
                "discountedPriceSet": bag(shipping),
            },
            **dict.fromkeys(("totalPriceSet", "currentTotalPriceSet", "originalTotalPriceSet"), bag(total)),
            **dict.fromkeys(("subtotalPriceSet", "currentSubtotalPriceSet"), bag(total - shipping)),
            **dict.fromkeys(("totalDiscountsSet", "currentTotalDiscountsSet", "totalRefundedSet"), nothing),
            **dict.fromkeys(("totalTaxSet", "currentTotalTaxSet"), nothing),
            "totalShippingPriceSet": bag(shipping),
            "totalReceivedSet": bag(paid),
        }

    def _line(self, row: Row) -> Row:
        variant = self._store.variants.get(row["variant"])
        unit, quantity = Decimal(row["price"]), row["quantity"]
        title = " / ".join(variant["options"].values()) if variant else ""
        return {
            "id": gid("LineItem", row["id"]),
            "title": row["title"],
            "name": row["title"] if title in ("", "Default Title") else f"{row['title']} - {title}",
            "variantTitle": None if title in ("", "Default Title") else title,
            "sku": row["sku"],
            "vendor": row["vendor"],
            "quantity": quantity,
            "currentQuantity": quantity,
            "refundableQuantity": quantity,
            "unfulfilledQuantity": quantity,
            "isGiftCard": False,
            "requiresShipping": True,
            "taxable": True,
            "product": lambda info: self._views.product(self._store.products[variant["product"]]) if variant else None,
            "variant": lambda info: self._views.variant(variant) if variant else None,
            **dict.fromkeys(
                ("originalUnitPriceSet", "discountedUnitPriceSet", "discountedUnitPriceAfterAllDiscountsSet"),
                bag(unit),
            ),
            **dict.fromkeys(("originalTotalSet", "discountedTotalSet"), bag(unit * quantity)),
            "totalDiscountSet": bag(Decimal(0)),
        }

    def _fulfillment(self, row: Row, name: str, units: int) -> Row:
        tracking = [{"company": "DHL", "number": f"JD{row['number']:012d}", "url": None}]
        return {
            "id": gid("Fulfillment", row["id"]),
            "legacyResourceId": str(row["id"]),
            "name": f"{name}.1",
            "status": "SUCCESS",
            "createdAt": when(row["fulfilled"]),
            "updatedAt": when(row["fulfilled"]),
            "deliveredAt": None,
            "totalQuantity": units,
            "trackingInfo": lambda info, first=None: tracking[:first],
        }

    def _customer(self, row: Row) -> Row:
        who = row["customer"]
        return {
            "id": gid("Customer", who["id"]),
            "legacyResourceId": str(who["id"]),
            "firstName": who["firstName"],
            "lastName": who["lastName"],
            "displayName": f"{who['firstName']} {who['lastName']}",
            "email": row["email"],
            "phone": row["phone"],
            "defaultEmailAddress": {"emailAddress": row["email"], "validFormat": True} if row["email"] else None,
            "defaultPhoneNumber": {"phoneNumber": row["phone"]} if row["phone"] else None,
            "defaultAddress": self._address(row["billingAddress"]),
            "locale": "de",
            "note": None,
            "tags": [],
            "createdAt": when(row["created"]),
            "updatedAt": when(row["updated"]),
        }

    def _address(self, row: Row) -> Row:
        name = " ".join(one for one in (row["firstName"], row["lastName"]) if one)
        lines = [
            row["address1"],
            row["address2"],
            f"{row['zip'] or ''} {row['city'] or ''}".strip(),
            row["countryCode"],
        ]

        def formatted(info: Any, withName: bool = False, withCompany: bool = True) -> list[str]:  # noqa: N803
            return [one for one in ([name] if withName else []) + lines if one]

        return {
            "__typename": "MailingAddress",
            **{
                key: row[key]
                for key in (
                    "firstName",
                    "lastName",
                    "address1",
                    "address2",
                    "city",
                    "company",
                    "provinceCode",
                    "zip",
                    "phone",
                )
            },
            "id": gid("MailingAddress", row["id"]),
            "name": name,
            "province": row["provinceCode"],
            "country": Locale("en").territories.get(row["countryCode"], row["countryCode"]),
            "countryCodeV2": row["countryCode"],
            "formatted": formatted,
            "formattedArea": f"{row['city']}, {row['countryCode']}",
        }


def bag(amount: Decimal) -> Row:
    return {"shopMoney": money(amount), "presentmentMoney": money(amount)}
