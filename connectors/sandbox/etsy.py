"""The offline twin of Etsy, written from its description of 2026-06-09 and from threads of etsy/open-api, not from the
connector.

Its traps are Etsy's: a refresh token is used up by the first use; an inventory is replaced whole by what is sent, refuses
its own answer when it is sent back, and gives new numbers to everything in it; a form with a price or a quantity is
accepted and changes nothing; each telling of a parcel sends the buyer a mail.

Made up, because nobody publishes it: the words of errors, that a call for several listings leaves drafts out, and what a
profile becomes that is not sent (none).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl

from connectors.sandbox.etsy_shop import STATES, Shop
from connectors.sandbox.routes import Call, Desk, Meter, Refusal, RoutedTwin, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document

__all__ = ["TWIN"]

_BASE = "/v3/application"
_KEY_ONLY = re.compile(rf"{_BASE}/(openapi-ping|seller-taxonomy/.*)")
_CARRIERS = frozenset({"dhl", "dpd", "ups", "fedex", "usps", "gls", "la-poste", "royal-mail", "other"})
_SCOPES = "shops_r listings_r listings_w transactions_r transactions_w"
_MADE = frozenset({"who_made", "when_made", "is_supply"})
_SIZES = ("item_weight", "item_length", "item_width", "item_height")
_NUMBERS = ("shipping_profile_id", "return_policy_id", "shop_section_id", "taxonomy_id")
_LARGEST_LISTS = {"tags": 13, "materials": 13}
_WHEN_MADE = frozenset(
    {"made_to_order", "2020_2026", "2010_2019", "2007_2009", "before_2007", "2000_2006", "1990s", "1980s"}
)


class EtsyTwin(RoutedTwin):
    """One shop, and an app that may call for it.

    Parameters
    ----------
    scopes : str
        What the merchant agreed to.
    per_second, per_day : int
        Calls that the app may make.
    addresses : bool
        Whether the app is shown addresses of buyers.
    **options
        As for `Twin`.
    """

    name = "etsy"
    state: Shop

    def __init__(
        self,
        *,
        scopes: str = _SCOPES,
        per_second: int = 150,
        per_day: int = 100_000,
        addresses: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.state = Shop(self.clock, shop_id=40_000_000 + self._secrets.randrange(1_000_000))
        self.state.load(self.catalogue)
        self.scopes = set(scopes.split())
        self.mails = 0
        self.desk = Desk(self._secrets, self.clock, lives_s=3600)
        self.keystring = self._secrets.randbytes(12).hex()
        self._shared_secret = self._secrets.randbytes(5).hex()
        self._refresh_token = self._new_refresh_token()
        self._meter = Meter(per_second, per_second, self.clock)
        self._addresses = addresses
        self.per_day = per_day
        self.called = 0
        self.other_shop = {"listing_id": 555, "shop_id": self.state.shop_id + 1, "title": "Of somebody else"}

    @property
    def credentials(self) -> dict[str, str]:
        return {
            "api_address": self.base_url,
            "keystring": self.keystring,
            "shared_secret": self._shared_secret,
            "refresh_token": self._refresh_token,
            "shop_id": str(self.state.shop_id),
        }

    @property
    def new_values(self) -> Mapping[str, str]:  # type: ignore[override]
        """Values that the shop would take; pictures are those of its first listing the other way round."""
        rows = [row for row in reversed(self.state.products.values()) if row["state"] == "active"]
        single = next((row for row in rows if len(row["inventory"]["products"]) == 1), rows[0])
        addresses = ", ".join(f'"{one["url"]}"' for one in reversed(single["images"]))
        return {
            "description": "Another description, in plain words.",
            "status": "inactive",
            "images": f"[{addresses}]",
            "attributes.tags": "kettle, steel",
            "attributes.materials": "copper",
            "attributes.who_made": "collective",
            "attributes.when_made": "1990s",
            "attributes.is_supply": "true",
            "attributes.should_auto_renew": "false",
            "attributes.shipping_profile_id": "802",
            "attributes.return_policy_id": "902",
            "attributes.shop_section_id": "32",
        }

    def fault(self, kind: str, *, count: int = 1, path: str = "") -> None:
        """As for `Twin`. Without a path the address of tokens is left alone: an answer spoilt there would lose the only
        refresh token, which no retry can mend."""
        super().fault(kind, count=count, path=path or _BASE)

    def greeting(self) -> Incoming:
        path = f"{_BASE}/shops/{self.state.shop_id}/listings"
        return Incoming("GET", path, (("limit", "1"),), self.headers_of_caller(), b"")

    def headers_of_caller(self) -> dict[str, str]:
        """What somebody sends whom the twin knows, with a token made for it."""
        token = self.desk.issue("12345678.")
        return {"x-api-key": f"{self.keystring}:{self._shared_secret}", "authorization": f"Bearer {token}"}

    def unauthorised(self) -> Answer:
        return Answer.json(401, {"error": "invalid_token", "error_description": "access token is expired"})

    def forget_tokens(self) -> None:
        self.desk.forget()

    def identify(self, call: Call) -> Answer | None:
        headers = call.incoming.headers
        if headers.get("x-api-key", "") != f"{self.keystring}:{self._shared_secret}":
            return _error(403, "Invalid API key: should be in the format 'keystring:shared_secret'.")
        if _KEY_ONLY.fullmatch(call.incoming.path):
            return None
        token = headers.get("authorization", "").removeprefix("Bearer ")
        return None if self.desk.holds(token) else self.unauthorised()

    def meter(self, call: Call, operation: str) -> Answer | None:
        if operation and operation not in self.scopes:
            return _error(403, "insufficient_scope")
        if self.called >= self.per_day:
            return _error(429, "Exceeded daily rate limit", {"retry-after": "86400"})
        self.called += 1
        return _error(429, "Exceeded per second rate limit", {"retry-after": "1"}) if self._meter.take() else None

    def headers(self, call: Call, operation: str) -> Mapping[str, str]:
        return {
            "x-limit-per-second": str(int(self._meter.per_second)),
            "x-remaining-this-second": str(int(self._meter.level)),
            "x-limit-per-day": str(self.per_day),
            "x-remaining-today": str(max(0, self.per_day - self.called)),
        }

    def not_found(self, call: Call) -> Answer:
        return _error(404, "Resource not found")

    def unreadable(self, call: Call, error: ValueError) -> Answer:
        return _error(400, str(error))

    @route("POST", "/v3/public/oauth/token", public=True)
    def _token(self, call: Call) -> Answer:
        form = call.form
        if form.get("client_id") != self.keystring:
            return Answer.json(401, {"error": "invalid_client", "error_description": "client_id is unknown"})
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self._refresh_token:
            return Answer.json(400, {"error": "invalid_grant", "error_description": "refresh_token is invalid or used"})
        self._refresh_token = self._new_refresh_token()
        body = {"access_token": self.desk.issue("12345678."), "token_type": "Bearer", "expires_in": self.desk.lives_s}
        return Answer.json(200, body | {"refresh_token": self._refresh_token})

    def _new_refresh_token(self) -> str:
        # Not from the seed: a caller remembers which tokens it used up, and another run must not give them out again.
        return f"12345678.{token_hex(32)}"

    # ---- reading ---------------------------------------------------------------------------------------------------

    @route("GET", rf"{_BASE}/openapi-ping")
    def _ping(self, call: Call) -> Answer:
        return Answer.json(200, {"application_id": 1234567890})

    @route("GET", rf"{_BASE}/users/me", operation="shops_r")
    def _me(self, call: Call) -> Answer:
        return Answer.json(200, {"user_id": 12345678, "shop_id": self.state.shop_id})

    @route("GET", rf"{_BASE}/shops/([0-9]+)/listings", operation="listings_r")
    def _listings(self, call: Call) -> Answer:
        self._own_shop(call)
        state = call.query.get("state", "active")
        if state not in STATES:
            raise Refusal(_error(400, f"Invalid value ({state}) for enum({', '.join(STATES)})"))
        rows = [row for row in self.state.products.values() if row["state"] == state]
        # Newest first, unless a search is made.
        return self._paged(call, [self._shown(row, call) for row in reversed(rows)])

    @route("GET", rf"{_BASE}/listings/batch", operation="listings_r")
    def _several(self, call: Call) -> Answer:
        numbers = call.query.get("listing_ids", "").split(",")
        if len(numbers) > 100:
            raise Refusal(_error(400, "listing_ids may have at most 100 entries"))
        rows = [self.state.products[one] for one in numbers if one in self.state.products]
        shown = [self._shown(row, call) for row in rows if row["state"] != "draft"]
        return Answer.json(200, {"count": len(shown), "results": shown})

    @route("GET", rf"{_BASE}/listings/([0-9]+)", operation="listings_r")
    def _one_listing(self, call: Call) -> Answer:
        if call.args[0] == str(self.other_shop["listing_id"]):
            return Answer.json(200, self.other_shop)
        return Answer.json(200, self._shown(self._listing(call.args[0]), call))

    @route("GET", rf"{_BASE}/listings/([0-9]+)/inventory", operation="listings_r")
    def _inventory(self, call: Call) -> Answer:
        return Answer.json(200, self.state.inventory(self._listing(call.args[0]), profiles=_profiles(call)))

    @route("GET", rf"{_BASE}/shops/([0-9]+)/receipts", operation="transactions_r")
    def _receipts(self, call: Call) -> Answer:
        self._own_shop(call)
        query = call.query
        if wrong := [one for one in query if one.startswith(("min_", "max_")) and int(query[one]) < 946_684_800]:
            raise Refusal(_error(400, f"{wrong[0]} must be at least 946684800"))
        rows = [
            row
            for row in self.state.orders.values()
            if int(query.get("min_created", 0)) <= row["created"].timestamp() <= int(query.get("max_created", 2**40))
            and int(query.get("min_last_modified", 0)) <= row["changed"].timestamp()
            and query.get("was_paid", str(row["is_paid"]).lower()) == str(row["is_paid"]).lower()
        ]
        order = {"created": "created", "updated": "changed", "receipt_id": "receipt_id"}[
            query.get("sort_on", "created")
        ]
        falls = query.get("sort_order", "desc") in ("desc", "descending", "down")
        rows.sort(key=lambda row: (row[order], row["receipt_id"]), reverse=falls)
        return self._paged(call, [self.state.receipt(row, address=self._addresses) for row in rows])

    @route("GET", rf"{_BASE}/shops/([0-9]+)/receipts/([0-9]+)", operation="transactions_r")
    def _one_receipt(self, call: Call) -> Answer:
        return Answer.json(200, self.state.receipt(self._receipt(call), address=self._addresses))

    @route("GET", rf"{_BASE}/seller-taxonomy/nodes")
    def _nodes(self, call: Call) -> Answer:
        roots = self.state.roots()
        return Answer.json(200, {"count": len(roots), "results": roots})

    @route("GET", rf"{_BASE}/seller-taxonomy/nodes/([0-9]+)/properties")
    def _properties(self, call: Call) -> Answer:
        if int(call.args[0]) > len(self.state.nodes):
            return self.not_found(call)
        found = [
            _property(200, "Primary color", ["Black", "Blue", "Red"], required=False, varies=True),
            _property(148789511893, "Occasion", ["Birthday", "Wedding"], required=True, varies=False),
        ]
        return Answer.json(200, {"count": len(found), "results": found})

    # ---- writing ---------------------------------------------------------------------------------------------------

    @route("PATCH", rf"{_BASE}/shops/([0-9]+)/listings/([0-9]+)", operation="listings_w")
    def _update(self, call: Call) -> Answer:
        self._own_shop(call)
        row = self._listing(call.args[1])
        form = dict(parse_qsl(call.incoming.body.decode(), keep_blank_values=True))
        row |= self._checked(row, form)
        row["changed"] = self.state.later_than(row)
        return Answer.json(200, self._shown(row, call))

    @route("PUT", rf"{_BASE}/listings/([0-9]+)/inventory", operation="listings_w")
    def _replace_inventory(self, call: Call) -> Answer:
        row, body = self._listing(call.args[0]), call.json
        if not isinstance(body, dict) or not body.get("products"):
            raise Refusal(_error(400, "Missing input parameter: [products]"))
        products = [_product(one, profiles=_profiles(call)) for one in body["products"]]
        # Of products with the same values the last one stays.
        kept = list({self.state.key_of(row, one): one for one in products}.values())
        lists = {name: body.get(name) or [] for name in row["inventory"] if name != "products"}
        for name, member in (("price", "amount"), ("quantity", "quantity"), ("sku", "sku")):
            _check_even(name, member, products, lists[f"{name}_on_property"])
        if not any(one["quantity"] for one in kept if one["is_enabled"]):
            raise Refusal(_error(400, "The listing must have at least one offering with a quantity above 0."))
        row["inventory"] = {"products": kept, **lists}
        self.state.writes[call.args[0]] = self.state.writes.get(call.args[0], 0) + 1
        row["changed"] = self.state.later_than(row)
        return Answer.json(200, self.state.inventory(row, profiles=_profiles(call)))

    @route("POST", rf"{_BASE}/shops/([0-9]+)/listings/([0-9]+)/images", operation="listings_w")
    def _upload(self, call: Call) -> Answer:
        self._own_shop(call)
        row = self._listing(call.args[1])
        parts = _parts(call.incoming)
        if not parts.get("image"):
            raise Refusal(_error(400, "image or listing_image_id is required"))
        if len(row["images"]) >= 20:
            raise Refusal(_error(400, "Listings are only allowed 20 images."))
        number = self.state.next_number("image")
        image = {"listing_image_id": number, "url": f"https://i.etsystatic.com/{number}/il_fullxfull.jpg"}
        rank = int(parts.get("rank", b"1"))
        row["images"].insert(rank - 1, image)
        row["changed"] = self.state.later_than(row)
        return Answer.json(201, self.state.image(row, image, rank))

    @route("POST", rf"{_BASE}/shops/([0-9]+)/receipts/([0-9]+)/tracking", operation="transactions_w")
    def _track(self, call: Call) -> Answer:
        row, body = self._receipt(call), call.json or {}
        if not row["is_paid"]:
            raise Refusal(_error(400, "The receipt is not paid."))
        number, carrier = body.get("tracking_code", ""), body.get("carrier_name", "")
        if (not number or not carrier) and row["country_iso"] == "IN":
            raise Refusal(_error(400, "tracking_code and carrier_name are required for this destination."))
        if number and carrier.casefold() not in _CARRIERS:
            raise Refusal(_error(400, f"carrier_name {carrier!r} is not supported"))
        if number:
            told = {"tracking_code": number, "carrier_name": carrier, "told": self.state.now(), "by_call": True}
            row["shipments"].append(told)
        row |= {"is_shipped": True, "status": "completed", "changed": self.state.later_than(row)}
        self.mails += 1
        return Answer.json(200, self.state.receipt(row, address=self._addresses))

    def _checked(self, row: Document, form: Mapping[str, str]) -> Document:
        """What a form sets; members that it does not know, such as a price, are passed over without a word."""
        found: Document = {}
        if "title" in form:
            found["title"] = _title(form["title"])
        if "description" in form:
            found["description"] = form["description"]
        for name, most in _LARGEST_LISTS.items():
            if name in form:
                found[name] = _entries(name, form[name], most)
        for name in _SIZES:
            if name in form:
                found[name] = float(form[name])
                if found[name] <= 0:
                    raise Refusal(_error(400, f"{name} must be greater than 0"))
        for name in ("item_weight_unit", "item_dimensions_unit"):
            if name in form:
                found[name] = form[name]
        for name in _NUMBERS:
            if name in form:
                found[name] = int(form[name])
        if found.get("taxonomy_id", 1) > len(self.state.nodes):
            raise Refusal(_error(400, "taxonomy_id is invalid"))
        if given := _MADE & set(form):
            if given != _MADE:
                raise Refusal(_error(400, "who_made, when_made and is_supply must be given together"))
            if form["who_made"] not in ("i_did", "someone_else", "collective") or form["when_made"] not in _WHEN_MADE:
                raise Refusal(_error(400, "who_made or when_made is not one of its words"))
            found |= {name: form[name] for name in ("who_made", "when_made")} | {
                "is_supply": form["is_supply"] == "true"
            }
        if "should_auto_renew" in form:
            found["should_auto_renew"] = form["should_auto_renew"] == "true"
        if "image_ids" in form:
            found["images"] = _ordered(row["images"], form["image_ids"])
        if "state" in form:
            found |= _state(row, form["state"])
        return found

    def _shown(self, row: Document, call: Call) -> Document:
        includes = set(call.query.get("includes", "").split(","))
        return self.state.listing(row, includes, profiles=_profiles(call))

    def _listing(self, number: str) -> Document:
        if number not in self.state.products:
            raise Refusal(_error(404, f"Could not find a Listing with listing_id = {number}"))
        return self.state.products[number]

    def _receipt(self, call: Call) -> Document:
        self._own_shop(call)
        if call.args[1] not in self.state.orders:
            raise Refusal(_error(404, f"Could not find a Receipt with receipt_id = {call.args[1]}"))
        return self.state.orders[call.args[1]]

    def _own_shop(self, call: Call) -> None:
        if call.args[0] != str(self.state.shop_id):
            raise Refusal(_error(403, "User does not own Shop"))

    def _paged(self, call: Call, rows: list[Document]) -> Answer:
        limit, offset = int(call.query.get("limit", 25)), int(call.query.get("offset", 0))
        if not 1 <= limit <= 100:
            raise Refusal(_error(400, "limit must be between 1 and 100"))
        if offset > 12_000:
            raise Refusal(_error(400, "offset must be at most 12000"))
        return Answer.json(200, {"count": len(rows), "results": self.window(rows, offset, limit)})


def _profiles(call: Call) -> bool:
    return call.query.get("legacy") == "false"


def _title(value: str) -> str:
    kinds = {sign: unicodedata.category(sign) for sign in value}
    if not value.strip() or any(
        kind[0] not in "LP" and kind not in ("Nd", "Sm", "Zs") and sign not in "™©®" for sign, kind in kinds.items()
    ):
        raise Refusal(_error(400, "There was a problem with /title : contains invalid characters"))
    if any(value.count(sign) > 1 for sign in "%:&+"):
        raise Refusal(_error(400, "There was a problem with /title : %, :, & and + may be used once each"))
    if len(value) > 140:
        raise Refusal(_error(400, "There was a problem with /title : is longer than 140 characters"))
    return value


def _entries(name: str, value: str, most: int) -> list[str]:
    entries = [one for one in value.split(",") if one]
    signs = "-'™©®" if name == "tags" else ""
    for one in entries:
        kinds = [(sign, unicodedata.category(sign)) for sign in one]
        if any(kind[0] != "L" and kind not in ("Nd", "Zs") and sign not in signs for sign, kind in kinds):
            raise Refusal(_error(400, f"There was a problem with /{name} : contains invalid character"))
    if len(entries) > most or (name == "tags" and any(len(one) > 20 for one in entries)):
        raise Refusal(_error(400, f"There was a problem with /{name} : too many or too long"))
    if len(set(entries)) < len(entries):
        raise Refusal(_error(400, f"There was a problem with /{name} : You may not have duplicate {name}."))
    return entries


def _ordered(images: list[Document], numbers: str) -> list[Document]:
    known = {str(one["listing_image_id"]): one for one in images}
    wanted = [one for one in numbers.split(",") if one]
    if not wanted or len(wanted) > 20 or any(one not in known for one in wanted):
        raise Refusal(_error(400, "image_ids must be 1 to 20 numbers of the listing's images"))
    return [known[one] for one in wanted]


def _state(row: Document, new: str) -> Document:
    if new not in ("active", "inactive"):
        raise Refusal(_error(400, f"Invalid value ({new}) for enum(active, inactive)"))
    if row["state"] == "sold_out" and new == "active":
        # Renewed for a fee, with one unit.
        products = [{**one, "quantity": 1} for one in row["inventory"]["products"]]
        return {"state": new, "inventory": row["inventory"] | {"products": products}}
    return {"state": new}


def _product(body: Document, *, profiles: bool) -> Document:
    """A product as it was sent; what Etsy itself shows beside it is refused."""
    _only(body, {"sku", "property_values", "offerings"})
    if len(body.get("offerings") or []) != 1:
        raise Refusal(_error(400, "Each product needs one offering"))
    offering = body["offerings"][0]
    _only(offering, {"price", "quantity", "is_enabled", "readiness_state_id"})
    price, quantity = offering.get("price"), offering.get("quantity")
    if isinstance(price, bool) or not isinstance(price, int | float) or price <= 0:
        raise Refusal(_error(400, "Expected a float above 0 for 'price'"))
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 0:
        raise Refusal(_error(400, "Expected a whole number for 'quantity'"))
    values = []
    for one in body.get("property_values") or []:
        _only(one, {"property_id", "property_name", "scale_id", "value_ids", "values"})
        if any(sign in text for text in one["values"] for sign in "()"):
            raise Refusal(_error(400, "Parentheses are not allowed in property values"))
        kept = ("property_id", "property_name", "scale_id", "values")
        values.append({name: one.get(name) for name in kept})
    return {
        "sku": body.get("sku") or "",
        "amount": round(price * 100),
        "quantity": quantity,
        "is_enabled": bool(offering.get("is_enabled")),
        "readiness_state_id": offering.get("readiness_state_id") if profiles else None,
        "values": values,
    }


def _only(body: Document, known: set[str]) -> None:
    if more := sorted(set(body) - known):
        raise Refusal(_error(400, f"Unexpected input parameter: [{', '.join(more)}]"))


def _check_even(name: str, member: str, products: list[Document], properties: list[int]) -> None:
    groups: dict[tuple[str, ...], set[Any]] = {}
    for one in products:
        values = {value["property_id"]: ",".join(value["values"]) for value in one["values"]}
        groups.setdefault(tuple(values.get(number, "") for number in properties), set()).add(one[member])
    if any(len(some) > 1 for some in groups.values()):
        raise Refusal(_error(400, f"All {name}s must be consistent across all products for {name}_on_property"))


def _parts(incoming: Incoming) -> dict[str, bytes]:
    head = f"content-type: {incoming.headers.get('content-type', '')}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + incoming.body)
    found = {}
    for part in message.iter_parts():
        content = part.get_content()
        name = str(part.get_param("name", header="content-disposition"))
        found[name] = content if isinstance(content, bytes) else str(content).encode()
    return found


def _property(number: int, name: str, values: list[str], *, required: bool, varies: bool) -> Document:
    return {
        "property_id": number,
        "name": name.lower().replace(" ", "_"),
        "display_name": name,
        "scales": [],
        "is_required": required,
        "supports_attributes": True,
        "supports_variations": varies,
        "is_multivalued": False,
        "max_values_allowed": None,
        "possible_values": [
            {"value_id": place, "name": one, "scale_id": None, "equal_to": []} for place, one in enumerate(values, 1)
        ],
        "selected_values": [],
    }


def _error(status: int, words: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer.json(status, {"error": words}, headers)


TWIN = EtsyTwin
