"""What the stored orders of the Shopify twin look like to its schema."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from babel import Locale

from connectors.sandbox.shopify_store import Row, Store, gid
from connectors.sandbox.shopify_views import Views, count, listed, money, when

__all__ = ["OrderViews", "sent_of"]


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
        sent = sent_of(row)
        paid = total if row["paid"] == "PAID" else Decimal(0)
        nothing = bag(Decimal(0))
        address = self._address(row["shippingAddress"])
        name = f"#{row['number']}"
        fulfillments = [self.fulfillment(one, f"{name}.{place}") for place, one in enumerate(row["parcels"], start=1)]
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
            "fulfillmentOrders": lambda info, displayable=False, query=None, **page: listed(
                [row], page, self.fulfillment_order
            ),
            "lineItems": lambda info, **page: listed(row["lines"], page, lambda line: self._line(line, sent)),
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

    def _line(self, row: Row, sent: Row) -> Row:
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
            "unfulfilledQuantity": quantity - sent.get(str(row["id"]), 0),
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

    def fulfillment(self, row: Row, name: str) -> Row:
        """A parcel."""
        return {
            "id": gid("Fulfillment", row["id"]),
            "legacyResourceId": str(row["id"]),
            "name": name,
            "status": "SUCCESS",
            "createdAt": when(row["at"]),
            "updatedAt": when(row["at"]),
            "deliveredAt": None,
            "totalQuantity": sum(row["lines"].values()),
            "trackingInfo": lambda info, first=None: [row["tracking"]][:first],
        }

    def fulfillment_order(self, row: Row) -> Row:
        """What of an order is still to be sent; the twin keeps one for each order."""
        sent = sent_of(row)
        left = any(line["quantity"] > sent.get(str(line["id"]), 0) for line in row["lines"])
        status = "CANCELLED" if row["cancelled"] else "CLOSED" if not left else "IN_PROGRESS" if sent else "OPEN"
        return {
            "id": gid("FulfillmentOrder", row["id"]),
            "orderId": gid("Order", row["id"]),
            "status": status,
            "createdAt": when(row["created"]),
            "updatedAt": when(row["updated"]),
            "lineItems": lambda info, **page: listed(row["lines"], page, lambda line: self._open_line(line, sent)),
        }

    def _open_line(self, line: Row, sent: Row) -> Row:
        return {
            "id": gid("FulfillmentOrderLineItem", line["id"]),
            "lineItem": self._line(line, sent),
            "sku": line["sku"],
            "requiresShipping": True,
            "totalQuantity": line["quantity"],
            "remainingQuantity": line["quantity"] - sent.get(str(line["id"]), 0),
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


def sent_of(row: Row) -> Row:
    """Identifier of a line to the units of it that are in parcels."""
    sent: Row = {}
    for parcel in row["parcels"]:
        for line, quantity in parcel["lines"].items():
            sent[line] = sent.get(line, 0) + quantity
    return sent


def bag(amount: Decimal) -> Row:
    return {"shopMoney": money(amount), "presentmentMoney": money(amount)}
