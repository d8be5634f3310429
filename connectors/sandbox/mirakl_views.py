"""What the Mirakl twin shows of what it stores: the members of each answer as the platform's description names them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.sandbox.catalogue import slug
from connectors.sandbox.mirakl_store import Shop
from connectors.sandbox.server import instant
from connectors.sandbox.shelf import Document

__all__ = ["account", "attributes", "configuration", "exported", "features", "offer", "order", "report", "shipment"]

DEFAULT_LEAD_TIME = 2


def features(changed: Mapping[str, Any]) -> Document:
    """What an operator has switched on, in the shape of PC01, with changes by dotted path."""
    found: Document = {
        "catalog": {
            "allow_shop_contribution_to_all_channels": False,
            "exclude_invalid_products": True,
            "list_of_multiple_values_separator": "|",
            "product_acceptance_by_channel": False,
            "product_data_validation_by_channel": False,
            "product_import_only_on_leaf": True,
        },
        "circular_economy_data_collection": False,
        "competitive_pricing_tool": False,
        "direct_payment_customer_store": {"activated": False, "refund_cancel_authorized": False},
        "disable_seller_alternative_carrier": False,
        "dropship": {"retail_pricing_enabled": False},
        "kyc_status_per_seller": False,
        "lead_time_to_ship_by_sellers_enabled": "YES",
        "multi_currency": False,
        "multi_payout_psp_per_seller": False,
        "no_reply_needed": True,
        "offer_prices_decimals": "2",
        "operator_csv_delimiter": "SEMICOLON",
        "order_conditions": {
            "lead_time_to_ship": True,
            "maximum_order_quantity": True,
            "minimum_order_quantity": True,
            "package_order_quantity": True,
        },
        "order_tax_mode": "TAX_INCLUDED",
        "order_workflows": {
            "no_customer_payment_confirmation": False,
            "order_acceptance": "NOT_AUTOMATIC",
            "pause_debit_workflow": False,
            "pay_on_due_date": False,
            "pay_on_shipment": False,
            "sellers_edit_shipping_origin": False,
            "shipping_and_billing_details_before_acceptance": False,
        },
        "payment_confirmation": False,
        "pricing": {
            "channel_pricing": "SINGLE",
            "discount_period_required": False,
            "discount_price_creation_in_the_past_blocked": False,
            "scheduled_pricing": False,
            "volume_discount": True,
            "volume_pricing": True,
        },
        "product_data_validation_by_channel": False,
        "promotion": {"cart_promotion_campaign": False, "discount_campaign": False, "seller_promotion": False},
        "returns": {},
        "shipment": {"multi_part_item_shipment": False, "multi_shipment": False},
        "shop_tax_options": {
            "local_tax_number": {"mandatory": False},
            "tax_identification_number": {"mandatory": False},
        },
        "tax_collection": {
            "activated": "NO",
            "product_tax_code_mandatory": False,
            "tax_collection_by_operator": False,
        },
        "tax_id_number": {"mandatory": False},
        "warehouses": {"geolocation": False, "restricted_countries": []},
    }
    for path, value in changed.items():
        *steps, last = path.split(".")
        inner = found
        for step in steps:
            inner = inner[step]
        if last not in inner:
            raise KeyError(f"PC01 has no {path!r}")
        inner[last] = value
    return found


def configuration(found: Mapping[str, Any]) -> Document:
    """PC01."""
    modules = ("mirakl_catalog_integrator", "mirakl_catalog_manager", "mirakl_catalog_transformer",
               "mirakl_platform_services", "promotions", "quotes")  # fmt: skip
    tax = {"activated": False, "tax_provider": {"avalara": False, "vertex": False}}
    return {
        "features": found,
        "modules": dict.fromkeys(modules, False)
        | {"offer_management": True, "order_management": True, "tax_manager": tax},
        "platform_configuration": {
            "customer_model": {"b2b": False, "b2c": True},
            "enhanced_seller_invoicing": {"enabled": False},
            "platform_model": {"drop_ship": False, "marketplace": True, "one_creditor": False},
        },
        "platform_name": "Twin Market",
        "tenant_name": "twin-prod",
        "timezone": "Europe/Paris",
    }


def account(shop_id: int, state: str, shop: Shop) -> Document:
    """A01."""
    address = {"city": "Lyon", "country_iso_code": "FRA", "street_1": "1 rue des Lampes"}
    return {
        "shop_id": shop_id,
        "shop_name": "Demo Merchant",
        "shop_state": state,
        "currency_iso_code": "EUR",
        "channels": ["INIT"],
        "billing_info": {},
        "contact_informations": {
            "city": "Lyon",
            "country": "FRA",
            "email": "shop@example.com",
            "lastname": "Martin",
            "street1": "1 rue des Lampes",
        },
        "date_created": "2024-05-01T08:00:00Z",
        "last_updated_date": instant(shop.now()),
        "default_billing_information": {"default_language": "fr", "id": "1", "registration_address": address},
        "domains": ["PRODUCT"],
        "evaluations_count": 0,
        "free_shipping": False,
        "is_professional": True,
        "offers_count": sum(is_active(one) for one in shop.products.values()),
        "orders_count": len(shop.orders),
        "payment_details": {"paid_balance": 0, "payable_balance": 0, "pending_balance": 0},
        "payment_method_mandatory": False,
        "premium": False,
        "pro_details": {},
        "shipping": {"lead_time_to_ship": DEFAULT_LEAD_TIME},
        "shipping_types": [],
        "shipping_zones": [],
        "shop_additional_fields": [],
    }


def is_active(stored: Document) -> bool:
    """Whether buyers see an offer."""
    return stored["quantity"] > 0


def lead_time(stored: Document) -> int:
    """The lead time as it is shown: none is the platform's default, 0 is 1."""
    own = stored["leadtime_to_ship"]
    return DEFAULT_LEAD_TIME if own is None else max(1, own)


def offer(stored: Document, shop: Shop) -> Document:
    """An offer of OF21."""
    is_reduced = _is_running(stored, instant(shop.now()))
    price = stored["discount_price"] if is_reduced else stored["price"]
    discount = {
        "discount_price": stored["discount_price"],
        "origin_price": stored["price"],
        "start_date": stored["discount_start"],
        "end_date": stored["discount_end"],
        "ranges": [],
    }
    shown = {
        "active": is_active(stored),
        "all_prices": _all_prices(stored, is_reduced=is_reduced),
        "allow_quote_requests": stored["allow_quote_requests"],
        "available_start_date": stored["available_started"],
        "available_end_date": stored["available_ended"],
        "category_code": stored["category_code"],
        "category_label": shop.collections["categories"][stored["category_code"]]["label"],
        "channels": ["INIT"],
        "currency_iso_code": "EUR",
        "description": stored["description"],
        "discount": _known(discount) if stored["discount_price"] is not None else None,
        "eco_contributions": stored["eco_contributions"],
        "fulfillment": {"center": {"code": "DEFAULT"}},
        "inactivity_reasons": None if is_active(stored) else ["ZERO_QUANTITY"],
        "leadtime_to_ship": lead_time(stored),
        "logistic_class": {"code": stored["logistic_class"], "label": stored["logistic_class"]},
        "min_shipping_price": 4.9,
        "min_shipping_price_additional": 0,
        "min_shipping_type": "STD",
        "min_shipping_zone": "FR",
        "price": price,
        "product_brand": stored["brand"],
        "product_description": stored["product_description"],
        "product_references": [one for one in stored["references"] if one["reference"]],
        "product_title": stored["title"],
        "shipping_deadline": instant(shop.now()),
        "total_price": round(price + 4.9, 4),
    }
    same = (
        "internal_description", "max_order_quantity", "min_order_quantity", "min_quantity_alert", "msrp",
        "offer_additional_fields", "offer_id", "package_quantity", "price_additional_info", "product_sku",
        "product_tax_code", "quantity", "shop_sku", "state_code",
    )  # fmt: skip
    shown |= {name: stored[name] for name in same}
    return _known(shown) | ({"warehouses": stored["warehouses"]} if stored["warehouses"] else {})


def exported(stored: Document, *, is_deleted: bool) -> Document:
    """An offer of OF54: nothing of the product but its number, and the times that OF21 lacks."""
    same = (
        "shop_sku", "offer_id", "product_sku", "quantity", "description", "state_code", "allow_quote_requests",
        "min_order_quantity", "max_order_quantity", "package_quantity", "price_additional_info", "product_tax_code",
    )  # fmt: skip
    prices = [{"origin_price": stored["price"], "discount_price": stored["discount_price"],
               "discount_start_date": stored["discount_start"], "discount_end_date": stored["discount_end"]}]  # fmt: skip
    shown = {name: stored[name] for name in same} | {
        "active": is_active(stored) and not is_deleted,
        "channels": ["INIT"],
        "currency_iso_code": "EUR",
        "date_created": instant(stored["created"]),
        "last_updated": instant(stored["changed"]),
        "deleted": is_deleted,
        "leadtime_to_ship": lead_time(stored),
        "logistic_class": {"code": stored["logistic_class"]},
        "prices": [_known(one) for one in prices],
        "warehouses": stored["warehouses"] or None,
    }
    return _known(shown)


def order(stored: Document, shop: Shop, anonymous: str) -> Document:
    """An order of OR11; an address that the seller may not see yet is there and empty."""
    first, _, last = stored["buyer"].rpartition(" ")
    address = _address({} if shop.is_hidden(stored) else stored["to"], stored["phone"])
    shown = {
        "order_id": stored["order_id"],
        "commercial_id": stored["order_id"].removesuffix("-A"),
        "order_state": stored["order_state"],
        "can_cancel": False,
        "can_shop_ship": stored["order_state"] == "SHIPPING",
        "created_date": instant(stored["created"]),
        "last_updated_date": instant(stored["changed"]),
        "acceptance_decision_date": instant(stored["accepted"]) if stored["accepted"] else None,
        "currency_iso_code": stored["currency"],
        "customer": {
            "customer_id": anonymous,
            "firstname": first,
            "lastname": last,
            "billing_address": address,
            "shipping_address": address,
        },
        "customer_notification_email": f"notification+{anonymous}@notification.mirakl.net",
        "fulfillment": {"center": {"code": "DEFAULT"}},
        "fully_refunded": False,
        "has_customer_message": False,
        "has_incident": False,
        "has_invoice": False,
        "leadtime_to_ship": DEFAULT_LEAD_TIME,
        "order_lines": [_line(stored, line, shop) for line in stored["lines"]],
        "order_tax_mode": "TAX_INCLUDED",
        "paymentType": "card",
        "price": float(Decimal(stored["total"]) - Decimal(stored["shipping"])),
        "shipping_price": float(stored["shipping"]),
        "total_price": float(stored["total"]),
        "total_commission": 0,
        "shipping_type_code": "STD",
        "shipping_type_label": "Standard",
        "shipping_zone_code": "FR",
        "shipping_zone_label": "France",
        "shipping_carrier_code": stored["tracking"].get("carrier_code"),
        "shipping_company": stored["tracking"].get("carrier_name"),
        "shipping_tracking": stored["tracking"].get("tracking_number"),
        "shipping_tracking_url": stored["tracking"].get("carrier_url"),
    }
    return _known(shown)


def shipment(stored: Document) -> Document:
    """A shipment of ST01 and ST11."""
    same = ("id", "order_id", "status", "shipment_lines", "tracking")
    times = ("created_date", "last_updated_date", "shipped_date")
    shown = {name: stored[name] for name in same} | {"status_customer_debit": "DEBIT_OK"}
    return shown | {name: instant(stored[name]) for name in times if stored[name]}


def attributes(shop: Shop, code: str) -> list[Document]:
    """PM11: what this operator asks of every product, and of those of one category."""
    everywhere = [
        _attribute("title", "TEXT", "REQUIRED", role="TITLE", validations="MIN_LENGTH|3,MAX_LENGTH|200"),
        _attribute("description", "LONG_TEXT", "REQUIRED", role="DESCRIPTION", validations="MAX_LENGTH|4000"),
        _attribute("brand", "TEXT", "REQUIRED", role="BRAND"),
        _attribute("category", "LIST", "REQUIRED", role="CATEGORY"),
        _attribute("main_image", "MEDIA", "REQUIRED"),
    ]
    own = [
        _attribute("colour", "LIST", "REQUIRED", hierarchy=code, values="colours"),
        _attribute("material", "TEXT", "RECOMMENDED", hierarchy=code),
        _attribute("old_reference", "TEXT", "DISABLED", hierarchy=code),
    ]
    return everywhere + (own if code in shop.collections["categories"] else [])


def report(headers: Sequence[str], failed: Iterable[tuple[int, str, Mapping[str, Any]]], delimiter: str) -> bytes:
    """An error report: number of the line, reason, and the line as it came, ready to be sent again."""
    target = io.StringIO()
    writer = csv.writer(target, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["error-line", "error-message", *headers])
    for number, reason, row in failed:
        writer.writerow([number, reason, *(row.get(name, "") for name in headers)])
    return target.getvalue().encode()


def _attribute(
    code: str, kind: str, level: str, *, role: str = "", hierarchy: str = "", values: str = "", validations: str = ""
) -> Document:
    shown = {
        "code": code,
        "label": code.replace("_", " ").capitalize(),
        "description_translations": [],
        "label_translations": [],
        "hierarchy_code": hierarchy,
        "required": level == "REQUIRED",
        "requirement_level": level,
        "roles": [{"type": role, "parameters": []}] if role else [],
        "type": kind,
        "type_parameter": values,
        "type_parameters": [{"name": "LIST_CODE", "value": values}] if values else [],
        "validations": validations or None,
        "variant": False,
    }
    return _known(shown)


def _is_running(stored: Document, now: str) -> bool:
    start, end = stored["discount_start"] or "", stored["discount_end"] or "9999"
    return stored["discount_price"] is not None and start <= now < end


def _all_prices(stored: Document, *, is_reduced: bool) -> list[Document]:
    default = _known(
        {
            "unit_origin_price": stored["price"],
            "unit_discount_price": stored["discount_price"],
            "discount_start_date": stored["discount_start"],
            "discount_end_date": stored["discount_end"],
            "price": stored["discount_price"] if is_reduced else stored["price"],
            "volume_prices": stored["volumes"],
        }
    )
    found = []
    for one in [default, *stored["prices"]]:
        unit = {name: one[name] for name in ("unit_origin_price", "unit_discount_price") if name in one}
        volumes = [unit | {"quantity_threshold": 1}, *one["volume_prices"]]
        channels = one.get("context", {}).get("channel_codes", [])
        shown = one | {
            "price": one.get("price", one["unit_origin_price"]),
            "volume_prices": [_volume(v) for v in volumes],
        }
        found.append(shown | ({"channel_code": channels[0]} if len(channels) == 1 else {}))
    return found


def _volume(one: Document) -> Document:
    reduced = one.get("unit_discount_price", one["unit_origin_price"])
    return one | {"price": reduced, "unit_discount_price": reduced}


def _address(to: Mapping[str, str], phone: str) -> Document:
    first, _, last = to.get("name", "").rpartition(" ")
    shown = {
        "firstname": first or None,
        "lastname": last,
        "street_1": to.get("street", ""),
        "city": to.get("city", ""),
        "state": to.get("region") or None,
        "zip_code": to.get("postal_code") or None,
        "country": to.get("country", ""),
        "country_iso_code": to.get("country", ""),
        "phone": phone if to else None,
    }
    return _known(shown)


def _line(stored: Document, line: Document, shop: Shop) -> Document:
    sold = shop.products.get(line["sku"]) or shop.collections["deleted"].get(line["sku"]) or {}
    amount = float(Decimal(line["unit_price"]) * line["quantity"])
    shown = {
        "order_line_id": line["order_line_id"],
        "order_line_index": int(line["order_line_id"].rpartition("-")[2]),
        "order_line_state": line["state"],
        "offer_id": sold.get("offer_id", 0),
        "offer_sku": line["sku"],
        "offer_state_code": sold.get("state_code", "11"),
        "product_sku": sold.get("product_sku", ""),
        "product_title": sold.get("title", ""),
        "category_code": sold.get("category_code", ""),
        "category_label": slug(sold.get("category_code", "")),
        "quantity": line["quantity"],
        "price": amount,
        "price_unit": float(line["unit_price"]),
        "total_price": amount,
        "shipping_price": 0,
        "created_date": instant(stored["created"]),
        "last_updated_date": instant(stored["changed"]),
        "shipped_date": instant(line["shipped"]) if line["shipped"] else None,
        "description": "",
        "can_refund": False,
        "cancelations": [],
        "commission_fee": 0,
        "commission_rate_vat": 0,
        "commission_vat": 0,
        "total_commission": 0,
        "order_line_additional_fields": [],
        "product_medias": [],
        "refunds": [],
    }
    return _known(shown)


def _known(members: Mapping[str, Any]) -> Document:
    """The members that have a value: the description knows no null."""
    return {name: value for name, value in members.items() if value is not None}
