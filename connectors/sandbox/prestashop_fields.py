"""What a PrestaShop 9.1 shop knows of each resource of its webservice: fields, sizes, formats, and what it lets in.

A field is written ``name[marks]:type:format[:size]``; the marks are ``!`` required, ``*`` one text a language, ``-`` not
writable, ``~`` worked out and not stored, ``.`` never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

__all__ = ["RESOURCES", "Column", "Resource", "is_valid", "problem", "stored"]


@dataclass(frozen=True)
class Column:
    """One field of a resource."""

    name: str
    marks: str = ""
    type: str = ""
    format: str = ""
    size: int = 0

    @property
    def is_required(self) -> bool:
        """Whether it must be there."""
        return "!" in self.marks

    @property
    def is_text(self) -> bool:
        """Whether there is one text for each language."""
        return "*" in self.marks

    @property
    def is_read_only(self) -> bool:
        """Whether sending it is an error."""
        return "-" in self.marks

    @property
    def is_virtual(self) -> bool:
        """Whether it is worked out when it is asked for."""
        return "~" in self.marks

    @property
    def is_hidden(self) -> bool:
        """Whether it is never shown."""
        return "." in self.marks


@dataclass(frozen=True)
class Resource:
    """One kind of thing that the webservice serves.

    Parameters
    ----------
    node : str
        Name of one of them in XML and JSON.
    columns : mapping of str to Column
    associations : mapping of str to str
        Name of an association to the node of its entries.
    forbidden : frozenset of str
        Methods that it never takes.
    """

    node: str
    columns: Mapping[str, Column]
    associations: Mapping[str, str] = field(default_factory=dict)
    forbidden: frozenset[str] = frozenset()


_COLUMN = re.compile(r"(\w+)([!*~.-]*):(\w*):(\w*)(?::(\d+))?")


def _resource(
    node: str, columns: str, associations: Mapping[str, str] | None = None, forbidden: frozenset[str] = frozenset()
) -> Resource:
    found = [match for one in columns.split() if (match := _COLUMN.fullmatch(one))]
    table = {match[1]: Column(match[1], match[2], match[3], match[4], int(match[5] or 0)) for match in found}
    return Resource(node, table, associations or {}, forbidden)


RESOURCES: dict[str, Resource] = {
    "products": _resource(
        "product",
        """
        id_shop_default:int:isUnsignedId id_manufacturer:int:isUnsignedId id_supplier:int:isUnsignedId
        reference:string:isReference:64 supplier_reference:string:isReference:64 location:string:isString:255
        width:float:isUnsignedFloat height:float:isUnsignedFloat depth:float:isUnsignedFloat
        weight:float:isUnsignedFloat quantity_discount:bool:isBool ean13:string:isGtin:14 isbn:string:isIsbn:32
        upc:string:isUpc:12 mpn:string:isMpn:40 cache_is_pack:bool:isBool cache_has_attachments:bool:isBool
        is_virtual:bool:isBool state:int:isUnsignedId additional_delivery_times:int:isUnsignedId
        delivery_in_stock*:string:isGenericName:255 delivery_out_stock*:string:isGenericName:255
        product_type:string:isGenericName id_category_default:int:isUnsignedId
        id_tax_rules_group:int:isUnsignedId on_sale:bool:isBool online_only:bool:isBool ecotax:float:isPrice
        minimal_quantity:int:isPositiveInt low_stock_threshold:int:isInt low_stock_alert:bool:isBool
        price!:float:isPrice wholesale_price:float:isPrice unity:string:isString:255 unit_price:float:isPrice
        unit_price_ratio:float: additional_shipping_cost:float:isPrice customizable:int:isUnsignedInt
        text_fields:int:isUnsignedInt uploadable_files:int:isUnsignedInt active:bool:isBool
        redirect_type:string:isString id_type_redirected:int:isUnsignedId available_for_order:bool:isBool
        available_date:date:isDateFormat show_condition:bool:isBool condition:string:isGenericName
        show_price:bool:isBool indexed:bool:isBool visibility:string:isProductVisibility
        cache_default_attribute:int: advanced_stock_management:bool:isBool date_add:date:isDate
        date_upd:date:isDate pack_stock_type:int:isUnsignedInt meta_description*:string:isGenericName:512
        meta_title*:string:isGenericName:255 link_rewrite*:string:isLinkRewrite:128
        name*:string:isCatalogName:128 description*:html:isCleanHtml:4194303
        description_short*:html:isCleanHtml:4194303 available_now*:string:isGenericName:255
        available_later*:string:IsGenericName:255 id_default_image~:: id_default_combination~::
        position_in_category~:: manufacturer_name-~:: quantity-~.:: type~::
        """,
        {
            "categories": "category",
            "images": "image",
            "combinations": "combination",
            "product_option_values": "product_option_value",
            "product_features": "product_feature",
            "tags": "tag",
            "stock_availables": "stock_available",
            "attachments": "attachment",
            "accessories": "product",
            "product_bundle": "product",
        },
    ),
    "combinations": _resource(
        "combination",
        """
        id_product!:int:isUnsignedId ean13:string:isEan13:13 isbn:string:isIsbn:32 upc:string:isUpc:12
        mpn:string:isMpn:40 reference:string::64 supplier_reference:string::64
        wholesale_price:float:isNegativePrice:27 price:float:isNegativePrice:20 ecotax:float:isPrice:20
        weight:float:isFloat unit_price_impact:float:isNegativePrice:20 minimal_quantity!:int:isPositiveInt
        low_stock_threshold:int:isInt low_stock_alert:bool:isBool default_on:bool:isBool
        available_date:date:isDateFormat available_now*:string:isGenericName:255
        available_later*:string:IsGenericName:255
        """,
        {"product_option_values": "product_option_value", "images": "image"},
    ),
    "stock_availables": _resource(
        "stock_available",
        """
        id_product!:int:isUnsignedId id_product_attribute!:int:isUnsignedId id_shop:int:isUnsignedId
        id_shop_group:int:isUnsignedId quantity!:int:isInt depends_on_stock!:bool:isBool out_of_stock!:int:isInt
        location:string:isString:255
        """,
        forbidden=frozenset(["POST", "DELETE"]),
    ),
    "specific_prices": _resource(
        "specific_price",
        """
        id_shop_group:int:isUnsignedId id_shop!:int:isUnsignedId id_cart!:int:isUnsignedId
        id_product!:int:isUnsignedId id_product_attribute:int:isUnsignedId id_currency!:int:isUnsignedId
        id_specific_price_rule:int:isUnsignedId id_country!:int:isUnsignedId id_group!:int:isUnsignedId
        id_customer!:int:isUnsignedId price!:float:isNegativePrice from_quantity!:int:isUnsignedInt
        reduction!:float:isPrice reduction_tax!:int:isBool reduction_type!:string:isReductionType
        from!:date:isDateFormat to!:date:isDateFormat
        """,
    ),
    "categories": _resource(
        "category",
        """
        level_depth-:int:isUnsignedInt active!:bool:isBool id_parent:int:isUnsignedInt
        id_shop_default:int:isUnsignedId is_root_category:bool:isBool position:int:
        redirect_type:string:isString id_type_redirected:int:isUnsignedId date_add:date:isDate
        date_upd:date:isDate name!*:string:isCatalogName:128 link_rewrite!*:string:isLinkRewrite:128
        description*:html:isCleanHtml additional_description*:html:isCleanHtml
        meta_title*:string:isGenericName:255 meta_description*:string:isGenericName:512
        nb_products_recursive-~::
        """,
        {"categories": "category", "products": "product"},
    ),
    "manufacturers": _resource(
        "manufacturer",
        """
        name!:string:isCatalogName:64 active:bool: date_add:date: date_upd:date:
        description*:html:isCleanHtml:4194303 short_description*:html:isCleanHtml:4194303
        meta_title*:string:isGenericName:255 meta_description*:string:isGenericName:512 link_rewrite-~::
        """,
        {"addresses": "address"},
    ),
    "product_features": _resource(
        "product_feature",
        """
        position:int:isInt name!*:string:isGenericName:128
        """,
    ),
    "product_feature_values": _resource(
        "product_feature_value",
        """
        id_feature!:int:isUnsignedId custom:bool:isBool position:int:isInt value!*:string:isGenericName:255
        """,
    ),
    "product_options": _resource(
        "product_option",
        """
        is_color_group:bool:isBool group_type!:string::255 position:int:isInt name!*:string:isGenericName:128
        public_name!*:string:isGenericName:64
        """,
        {"product_option_values": "product_option_value"},
    ),
    "product_option_values": _resource(
        "product_option_value",
        """
        id_attribute_group!:int:isUnsignedId color:string:isColor:32 position:int:isInt
        name!*:string:isGenericName:128
        """,
    ),
    "orders": _resource(
        "order",
        """
        id_address_delivery!:int:isUnsignedId id_address_invoice!:int:isUnsignedId id_cart!:int:isUnsignedId
        id_currency!:int:isUnsignedId id_shop_group:int:isUnsignedId id_shop:int:isUnsignedId
        id_lang!:int:isUnsignedId id_customer!:int:isUnsignedId id_carrier!:int:isUnsignedId
        current_state:int:isUnsignedId secure_key:string:isMd5:32 payment!:string:isGenericName:255
        module!:string:isModuleName:255 recyclable:bool:isBool gift:bool:isBool
        gift_message:string:isCleanHtml:4194303 mobile_theme:bool:isBool total_discounts:float:isPrice
        total_discounts_tax_incl:float:isPrice total_discounts_tax_excl:float:isPrice total_paid!:float:isPrice
        total_paid_tax_incl:float:isPrice total_paid_tax_excl:float:isPrice total_paid_real!:float:isPrice
        total_products!:float:isPrice total_products_wt!:float:isPrice total_shipping:float:isPrice
        total_shipping_tax_incl:float:isPrice total_shipping_tax_excl:float:isPrice
        carrier_tax_rate:float:isFloat total_wrapping:float:isPrice total_wrapping_tax_incl:float:isPrice
        total_wrapping_tax_excl:float:isPrice round_mode:int:isUnsignedId round_type:int:isUnsignedId
        conversion_rate!:float:isFloat invoice_number:int: delivery_number:int: invoice_date:date:
        delivery_date:date: valid:bool: reference:string::255 date_add:date:isDate date_upd:date:isDate
        note:html::4194303 shipping_number~::
        """,
        {"order_rows": "order_row"},
    ),
    "order_details": _resource(
        "order_detail",
        """
        id_order!:int:isUnsignedId id_order_invoice:int:isUnsignedId id_warehouse!:int:isUnsignedId
        id_shop!:int:isUnsignedId product_id:int:isUnsignedId product_attribute_id:int:isUnsignedId
        id_customization:int:isUnsignedId product_name!:string:isGenericName:4194303 product_quantity!:int:isInt
        product_quantity_in_stock:int:isInt product_quantity_return:int:isUnsignedInt
        product_quantity_refunded:int:isUnsignedInt product_quantity_reinjected:int:isUnsignedInt
        product_price!:float:isPrice reduction_percent:float:isFloat reduction_amount:float:isPrice
        reduction_amount_tax_incl:float:isPrice reduction_amount_tax_excl:float:isPrice
        group_reduction:float:isFloat product_quantity_discount:float:isFloat product_ean13:string:isEan13:13
        product_isbn:string:isIsbn:32 product_upc:string:isUpc:12 product_mpn:string:isMpn:40
        product_reference:string:isReference:64 product_supplier_reference:string:isReference:64
        product_weight:float:isFloat tax_computation_method:int:isUnsignedId id_tax_rules_group:int:isInt
        ecotax:float:isFloat ecotax_tax_rate:float:isFloat discount_quantity_applied:int:isInt
        download_hash:string:isGenericName:255 download_nb:int:isInt download_deadline:date:isDateFormat
        unit_price_tax_incl:float:isPrice unit_price_tax_excl:float:isPrice total_price_tax_incl:float:isPrice
        total_price_tax_excl:float:isPrice total_shipping_price_tax_excl:float:isPrice
        total_shipping_price_tax_incl:float:isPrice purchase_supplier_price:float:isPrice
        original_product_price:float:isPrice original_wholesale_price:float:isPrice
        total_refunded_tax_excl:float:isPrice total_refunded_tax_incl:float:isPrice
        """,
        {"taxes": "tax"},
    ),
    "order_carriers": _resource(
        "order_carrier",
        """
        id_order!:int:isUnsignedId id_carrier!:int:isUnsignedId id_order_invoice:int:isUnsignedId
        weight:float:isFloat shipping_cost_tax_excl:float:isFloat shipping_cost_tax_incl:float:isFloat
        tracking_number:string:isTrackingNumber:64 date_add:date:isDate
        """,
    ),
    "order_histories": _resource(
        "order_history",
        """
        id_order!:int:isUnsignedId id_order_state!:int:isUnsignedId id_employee:int:isUnsignedId
        date_add:date:isDate
        """,
    ),
    "order_states": _resource(
        "order_state",
        """
        send_email:bool:isBool module_name:string:isModuleName:255 invoice:bool:isBool color:string:isColor:32
        logable:bool:isBool shipped:bool:isBool unremovable:bool:isBool delivery:bool:isBool hidden:bool:isBool
        paid:bool:isBool pdf_delivery:bool:isBool pdf_invoice:bool:isBool deleted:bool:isBool
        name!*:string:isGenericName:64 template*:string:isTplName:64
        """,
    ),
    "customers": _resource(
        "customer",
        """
        secure_key-:string:isMd5:32 lastname!:string:isCustomerName:255 firstname!:string:isCustomerName:255
        email!:string:isEmail:255 passwd!:string:isHashedPassword:255 last_passwd_gen-:string:
        id_gender:int:isUnsignedId birthday:date:isBirthDate newsletter:bool:isBool newsletter_date_add:date:
        ip_registration_newsletter:string::15 optin:bool:isBool website:string:isUrl:128
        company:string:isGenericName:255 siret:string:isGenericName:14 ape:string:isApe:6
        outstanding_allow_amount:float:isFloat show_public_prices:bool:isBool id_risk:int:isUnsignedInt
        max_payment_days:int:isUnsignedInt active:bool:isBool deleted:bool:isBool note:html::4194303
        is_guest:bool:isBool id_shop:int:isUnsignedId id_shop_group:int:isUnsignedId id_default_group:int:
        id_lang:int:isUnsignedId date_add:date:isDate date_upd:date:isDate reset_password_token:string:isSha1:40
        reset_password_validity:date:isDateOrNull
        """,
        {"groups": "group"},
    ),
    "addresses": _resource(
        "address",
        """
        id_customer:int:isNullOrUnsignedId id_manufacturer:int:isNullOrUnsignedId
        id_supplier:int:isNullOrUnsignedId id_warehouse:int:isNullOrUnsignedId id_country!:int:isUnsignedId
        id_state:int:isNullOrUnsignedId alias!:string:isGenericName:32 company:string:isGenericName:255
        lastname!:string:isName:255 firstname!:string:isName:255 vat_number:string:isGenericName:32
        address1!:string:isAddress:128 address2:string:isAddress:128 postcode:string:isPostCode:12
        city!:string:isCityName:64 other:string:isMessage:4194303 phone:string:isPhoneNumber:32
        phone_mobile:string:isPhoneNumber:32 dni:string:isDniLite:16 deleted:bool:isBool date_add:date:isDate
        date_upd:date:isDate
        """,
    ),
    "countries": _resource(
        "country",
        """
        id_zone!:int:isUnsignedId id_currency:int:isUnsignedId call_prefix:int:isInt
        iso_code!:string:isLanguageIsoCode:3 active:bool:isBool contains_states!:bool:isBool
        need_identification_number!:bool:isBool need_zip_code:bool:isBool
        zip_code_format:string:isZipCodeFormat:12 display_tax_label!:bool:isBool name!*:string:isGenericName:64
        """,
    ),
    "states": _resource(
        "state",
        """
        id_country!:int:isUnsignedId id_zone!:int:isUnsignedId iso_code!:string:isStateIsoCode:7
        name!:string:isGenericName:80 active:bool:isBool
        """,
    ),
    "currencies": _resource(
        "currency",
        """
        iso_code!:string:isLanguageIsoCode:3 numeric_iso_code:string:isNumericIsoCode:3 precision:int:isInt
        conversion_rate!:float:isUnsignedFloat deleted:bool:isBool active:bool:isBool unofficial:bool:isBool
        modified:bool:isBool name*:string:isGenericName:255 symbol*:string::255 pattern*:string::255 names~::
        """,
    ),
    "languages": _resource(
        "language",
        """
        name!:string:isGenericName:32 iso_code!:string:isLanguageIsoCode:2 locale:string:isLocale:5
        language_code:string:isLanguageCode:5 active:bool:isBool is_rtl:bool:isBool
        date_format_lite!:string:isPhpDateFormat:32 date_format_full!:string:isPhpDateFormat:32
        """,
    ),
    "configurations": _resource(
        "configuration",
        """
        name!:string:isConfigName:254 id_shop_group:nothing:isUnsignedId id_shop:nothing:isUnsignedId
        value:string::4194303 date_add:date:isDate date_upd:date:isDate
        """,
    ),
}
"""Those that the twin serves, of the 64 that a shop of 9.1.4 has."""

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_FORMS: dict[str, str] = {
    "isUnsignedId": r"\d{1,10}",
    "isUnsignedInt": r"\d{1,10}",
    "isNullOrUnsignedId": r"(?:\d{1,10})?",
    "isPositiveInt": r"\d{1,10}",
    "isInt": r"-?\d{1,10}",
    "isBool": r"[01]?|true|false",
    "isFloat": _NUMBER,
    "isUnsignedFloat": _NUMBER.removeprefix("-?"),
    "isPrice": r"[0-9]{1,10}(?:\.[0-9]{1,9})?",
    "isNegativePrice": r"-?[0-9]{1,10}(?:\.[0-9]{1,9})?",
    "isReference": r"[^<>;={}]*",
    "isGtin": r"[0-9]{0,14}",
    "isEan13": r"[0-9]{0,13}",
    "isUpc": r"[0-9]{0,12}",
    "isIsbn": r"[0-9-]{0,32}",
    "isCatalogName": r"[^<>{}]*",
    "isGenericName": r"[^<>={}]*",
    "isLinkRewrite": r"[_a-zA-Z0-9-]+",
    "isProductVisibility": r"both|catalog|search|none",
    "isReductionType": r"amount|percentage",
    "isName": r"[^0-9!<>,;?=+()@#\"°{}_$%:¤|]*",
    "isCustomerName": r"[^0-9!<>,;?=+()/\\@#\"°*`{}_^$%:¤\[\]|]*",
    "isAddress": r"[^!<>?=+@{}_$%]*",
    "isCityName": r"[^!<>;?=+@#\"°{}_$%]*",
    "isPostCode": r"[a-zA-Z 0-9-]*",
    "isPhoneNumber": r"[+0-9. ()/-]*",
    "isTrackingNumber": r"[~:#,%&_=()\[\]. ?+@/a-zA-Z0-9-]*",
    "isEmail": r"[^\s@.]+(?:\.[^\s@.]+)*@[^\s@.]+(?:\.[^\s@.]+)+",
}
"""Format to the regular expression of the whole text that passes; formats that are not here let everything pass."""

_ACTIVE = re.compile(r"<\s*(?:script|i?frame|form|input|embed|object)|\bon[a-z]+\s*=|script:", re.IGNORECASE)
_CHOICES = {
    "condition": ("new", "used", "refurbished"),
    "product_type": ("standard", "pack", "virtual", "combinations", ""),
}


def is_valid(column: Column, text: str) -> bool:
    """Whether the text has the form that the field's format asks for; nothing is always well."""
    if not text:
        return True
    if column.format == "isCleanHtml":
        return not _ACTIVE.search(text)
    form = _FORMS.get(column.format)
    return form is None or bool(re.fullmatch(form, text))


def problem(owner: str, column: Column, text: str) -> str:
    """What the shop says when it does not store this text; empty when it does."""
    name = f"{owner}->{column.name}"
    if column.is_required and not text:
        return f"Property {name} is empty."
    if column.size and column.type not in ("float", "int") and len(text) > column.size:
        return f"The length of property {name} is currently {len(text)} chars. It must be between 0 and {column.size} chars."
    if (allowed := _CHOICES.get(column.name)) and owner == "Product" and text and text not in allowed:
        return f"Property {name} has a bad value (allowed values are: {', '.join(allowed)})."
    return "" if is_valid(column, text) else f"Property {name} is not valid."


def stored(column: Column, text: str) -> str:
    """The text as the database keeps it: numbers with six decimal places, whole numbers and yes or no as digits."""
    if column.type == "float":
        return f"{Decimal(text or 0):.6f}"
    if column.type == "int":
        return str(int(Decimal(text or 0)))
    if column.type == "bool":
        return "1" if text in ("1", "true") else "0"
    if column.name == "condition":
        return text or "new"
    if column.type == "date":
        return text or "0000-00-00"
    return text
