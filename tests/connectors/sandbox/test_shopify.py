"""The Shopify twin: its schema against the platform's own, and its behaviour over HTTP."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from graphql import build_client_schema, is_enum_type, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sandbox import serve
from connectors.sandbox.shopify_cost import Bucket, connection_cost, requested_cost
from connectors.sandbox.shopify_schema import schema
from connectors.sandbox.shopify_search import connection, matching
from connectors.sandbox.shopify_store import number, taxonomy

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
STOCK = """
mutation ($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id changes { delta quantityAfterChange } }
    userErrors { field message code }
  }
}"""
VARIANTS = """
mutation ($product: ID!, $variants: [ProductVariantsBulkInput!]!, $partial: Boolean) {
  productVariantsBulkUpdate(productId: $product, variants: $variants, allowPartialUpdates: $partial) {
    productVariants { id price compareAtPrice sku barcode inventoryItem { measurement { weight { unit value } } } }
    userErrors { field message code }
  }
}"""
PRODUCT = """
mutation ($product: ProductUpdateInput!, $media: [CreateMediaInput!]) {
  productUpdate(product: $product, media: $media) {
    product { title vendor category { fullName } media(first: 20) { nodes { id status ... on MediaImage { image { url } } } } }
    userErrors { field message }
  }
}"""


class Shop:
    """Speaks GraphQL to a twin."""

    def __init__(self, twin):
        self.twin = twin
        self.headers = {"X-Shopify-Access-Token": twin.token}
        self.client = httpx.Client(verify=False)

    def post(self, query, version="2026-10", **variables):
        url = f"{self.twin.base_url}/admin/api/{version}/graphql.json"
        return self.client.post(url, json={"query": query, "variables": variables}, headers=self.headers)

    def ask(self, query, **variables):
        answer = self.post(query, **variables).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def error(self, query, **variables):
        answer = self.post(query, **variables)
        assert answer.status_code == 200
        return answer.json()["errors"][0]


@pytest.fixture
def twin(small):
    with serve("shopify", catalogue=small, clock=lambda: NOW) as running:
        yield running


@pytest.fixture
def shop(twin):
    return Shop(twin)


def one_product(shop):
    fields = "id title variants(first: 50) { nodes { id price inventoryItem { id } } }"
    return shop.ask(f"{{ products(first: 1) {{ nodes {{ {fields} }} }} }}")["products"]["nodes"][0]


# ---- the schema --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2026-07", "2026-10"])
def test_everything_in_the_schema_is_in_the_platforms_own_with_the_same_type(shared, version):
    with gzip.open(shared / f"specs/shopify/admin_{version}.json.gz") as file:
        real = build_client_schema(json.load(file)["data"], assume_valid=True)
    compared = 0
    for name, kind in schema().type_map.items():
        if name.startswith("__"):
            continue
        theirs = real.type_map[name]
        assert type(kind) is type(theirs), name
        if is_enum_type(kind):
            assert set(kind.values) <= set(theirs.values), name
        for field, mine in getattr(kind, "fields", {}).items():
            other = theirs.fields[field]
            assert str(mine.type) == str(other.type), f"{name}.{field}"
            for argument, given_ in getattr(mine, "args", {}).items():
                assert str(given_.type) == str(other.args[argument].type), f"{name}.{field}({argument})"
            compared += 1
    assert compared > 450
    mine, theirs = schema().get_directive("idempotent"), real.get_directive("idempotent")
    assert {name: str(one.type) for name, one in mine.args.items()} == {
        name: str(one.type) for name, one in theirs.args.items()
    }


def test_the_taxonomy_is_the_platforms(shared):
    polars = pytest.importorskip("polars")
    table = polars.read_parquet(shared / "data/taxonomies/shopify_product_taxonomy_2026_weights.parquet")
    names = dict(table.select("id", "full_name").iter_rows())
    assert {key: names.get(key) for key in taxonomy()} == taxonomy()


def test_every_field_of_the_schema_can_be_read(shop):
    """Asks for every scalar of every list at once: a field without value would answer an error."""

    def scalars(name):
        fields = schema().type_map[name].fields
        return " ".join(one for one, f in fields.items() if not f.args and str(f.type).strip("[]!") in _LEAVES)

    deep = {
        "products": f"{scalars('Product')} seo {{ title }} options {{ {scalars('ProductOption')} }} category {{ {scalars('TaxonomyCategory')} }}",
        "productVariants": f"{scalars('ProductVariant')} selectedOptions {{ name value }}",
        "inventoryItems": f"{scalars('InventoryItem')} inventoryLevels(first: 2) {{ nodes {{ {scalars('InventoryLevel')} }} }}",
        "orders": f"{scalars('Order')} shippingAddress {{ {scalars('MailingAddress')} }} customer {{ {scalars('Customer')} }} "
        f"lineItems(first: 3) {{ nodes {{ {scalars('LineItem')} }} }} fulfillments {{ {scalars('Fulfillment')} trackingInfo {{ number }} }}",
        "locations": scalars("Location"),
        "files": f"... on MediaImage {{ {scalars('MediaImage')} }}",
    }
    for root, fields in deep.items():
        rows = shop.ask(f"{{ {root}(first: 20) {{ nodes {{ {fields} }} edges {{ cursor }} }} }}")[root]["nodes"]
        assert rows, root
    assert shop.ask(f"{{ shop {{ {scalars('Shop')} plan {{ {scalars('ShopPlan')} }} }} }}")


_LEAVES = {
    "String",
    "Int",
    "Float",
    "Boolean",
    "ID",
    "DateTime",
    "Decimal",
    "HTML",
    "Money",
    "UnsignedInt64",
    "URL",
} | {name for name, kind in schema().type_map.items() if is_enum_type(kind)}


# ---- access ------------------------------------------------------------------------------------------------------


def test_a_wrong_token_is_a_401(shop):
    shop.headers = {"X-Shopify-Access-Token": "shpat_wrong"}
    answer = shop.post("{ shop { name } }")
    assert answer.status_code == 401
    assert "Invalid API key or access token" in answer.json()["errors"]


def test_client_credentials_give_a_token_that_runs_out(small):
    moments = [NOW]
    with serve("shopify", catalogue=small, clock=lambda: moments[0]) as twin:
        url, form = (
            f"{twin.base_url}/admin/oauth/access_token",
            {"client_id": twin.api_key, "grant_type": "client_credentials"},
        )
        assert httpx.post(url, data=form | {"client_secret": "wrong"}).status_code == 401
        assert httpx.post(url, data=form | {"client_id": "nobody"}).status_code == 400
        granted = httpx.post(url, data=form | {"client_secret": twin.api_secret}).json()
        assert granted["expires_in"] == 86_399
        assert set(granted["scope"].split(",")) == set(twin.scopes)
        shop = Shop(twin)
        shop.headers = {"X-Shopify-Access-Token": granted["access_token"]}
        assert shop.post("{ shop { name } }").status_code == 200
        moments[0] = NOW + timedelta(days=1)
        assert shop.post("{ shop { name } }").status_code == 401


def test_a_missing_scope_is_named(small):
    with serve("shopify", catalogue=small, scopes=("read_products",)) as twin:
        shop = Shop(twin)
        assert shop.ask("{ currentAppInstallation { accessScopes { handle } } }") == {
            "currentAppInstallation": {"accessScopes": [{"handle": "read_products"}]}
        }
        error = shop.error("{ orders(first: 1) { nodes { id } } }")
        assert error["extensions"]["code"] == "ACCESS_DENIED"
        assert "read_orders" in error["message"]


def test_orders_end_after_sixty_days_without_the_scope(small):
    later = NOW + timedelta(days=90)
    for scopes, expected in ((("read_orders",), 0), (("read_orders", "read_all_orders"), 12)):
        with serve("shopify", catalogue=small, scopes=scopes, clock=lambda: later) as twin:
            assert Shop(twin).ask("{ ordersCount { count precision } }") == {
                "ordersCount": {"count": expected, "precision": "EXACT"}
            }


@pytest.mark.parametrize(
    "asked, status, served", [("2026-07", 200, "2026-07"), ("2023-01", 200, "2025-10"), ("2029-01", 404, None)]
)
def test_versions(shop, asked, status, served):
    answer = shop.post("{ shop { name } }", version=asked)
    assert (answer.status_code, answer.headers.get("x-shopify-api-version")) == (status, served)
    assert answer.headers["x-request-id"]


def test_wrong_documents_are_answered_with_200_and_errors(shop):
    assert shop.error("{ shop { nosuch } }")["extensions"]["code"] == "undefinedField"
    assert shop.error("{ shop {")["message"].startswith("Syntax Error")
    assert shop.error(VARIANTS, product="x", variants=[{"price": "12,50"}])["extensions"]["code"] == "INVALID_VARIABLE"


# ---- costs -------------------------------------------------------------------------------------------------------


def test_the_price_that_was_seen():
    document = parse(
        "query ($id: ID!) { product(id: $id) { variants(first: 250) { nodes { inventoryItem { id tracked } } } } }"
    )
    assert requested_cost(schema(), document, document.definitions[0], {"id": "x"}) == 25


@given(st.integers(0, 300))
def test_a_larger_page_never_costs_less(size):
    assert connection_cost(size) <= connection_cost(size + 1) <= size + 1


def test_the_bucket_fills_with_time():
    seconds = [0.0]
    bucket = Bucket(100, 10, lambda: seconds[0])
    bucket.spend(90)
    assert bucket.available() == 10
    seconds[0] = 4
    assert bucket.available() == 50
    seconds[0] = 60
    assert bucket.available() == 100


def test_an_empty_bucket_throttles_with_200_and_advice(small):
    seconds = [0.0]
    with serve("shopify", catalogue=small, bucket=30, restored_per_s=10, monotonic=lambda: seconds[0]) as twin:
        shop = Shop(twin)
        query = "{ products(first: 250) { nodes { id } } }"
        bodies = [shop.post(query).json() for _ in range(4)]
        assert "data" in bodies[0]
        assert bodies[-1]["errors"][0]["extensions"]["code"] == "THROTTLED"
        cost = bodies[-1]["extensions"]["cost"]
        wait = (cost["requestedQueryCost"] - cost["throttleStatus"]["currentlyAvailable"]) / cost["throttleStatus"][
            "restoreRate"
        ]
        seconds[0] += wait + 0.1
        assert "data" in shop.post(query).json()


def test_a_query_that_is_too_dear_is_refused(shop):
    query = "{ products(first: 250) { nodes { variants(first: 250) { nodes { inventoryItem { inventoryLevels(first: 50) { nodes { id } } } } } } } }"
    assert shop.error(query)["extensions"]["code"] == "MAX_COST_EXCEEDED"


# ---- lists -------------------------------------------------------------------------------------------------------


def test_paging_while_the_shop_changes_loses_no_product(shop, twin):
    query = "query ($after: String) { products(first: 5, after: $after, sortKey: UPDATED_AT) { nodes { id } pageInfo { hasNextPage endCursor } } }"
    expected = {f"gid://shopify/Product/{key}" for key in twin.state.dump()["products"]}
    seen, after, more = [], None, True
    while more:
        page = shop.ask(query, after=after)["products"]
        seen += [node["id"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        if len(seen) == 5:
            twin.state.edit(seen[0], "title", "Changed meanwhile")
    assert set(seen) == expected
    assert seen.count(seen[0]) == 2


def test_a_page_needs_a_size_of_at_most_250(shop):
    assert "first or last" in shop.error("{ products { nodes { id } } }")["message"]
    assert "250" in shop.error("{ products(first: 251) { nodes { id } } }")["message"]
    assert "cursor" in shop.error('{ products(first: 2, after: "nonsense") { nodes { id } } }')["message"]


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 7), st.booleans())
def test_pages_put_together_are_the_whole_list(values, size, reverse):
    rows = [{"id": place, "value": value} for place, value in enumerate(values, start=1)]
    whole = [row["id"] for row in sorted(rows, key=lambda row: (row["value"], row["id"]), reverse=reverse)]
    seen, after, more = [], None, True
    while more:
        page = connection(
            rows,
            lambda row: row["value"],
            {"first": size, "after": after, "reverse": reverse},
            view=lambda row: row["id"],
        )
        seen += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert seen == whole


@pytest.mark.parametrize(
    "query, expected",
    [
        ("updated_at:>='2026-11-02T00:00:00Z'", [2, 3]),
        ("updated_at:>2026-11-02T00:00:00Z", [3]),
        ("updated_at:<2026-11-02", [1]),
        ("vendor:'Hearth & Oak'", [1]),
        ("vendor:acme status:draft", [3]),
        ("vendor:acme AND -status:draft", [2]),
        ("vendor:'Hearth & Oak' OR status:draft", [1, 3]),
        ("id:>=2", [2, 3]),
        ("id:gid://shopify/Product/2", [2]),
        ("pan", [1]),
        ("vendor:ac*", [2, 3]),
        ("colour:red", [1, 2, 3]),
        ("", [1, 2, 3]),
    ],
)
def test_searches(query, expected):
    rows = [
        {"id": key, "vendor": vendor, "status": status, "title": title, "updated": datetime(2026, 11, key, tzinfo=UTC)}
        for key, vendor, status, title in (
            (1, "Hearth & Oak", "ACTIVE", "Pan"),
            (2, "Acme", "ACTIVE", "Tent"),
            (3, "Acme", "DRAFT", "Lamp"),
        )
    ]
    fields = {name: (lambda row, name=name: row[name]) for name in ("id", "vendor", "status")}
    fields |= {"": lambda row: row["title"], "updated_at": lambda row: row["updated"]}
    found, unknown = matching(rows, query, fields)
    assert [row["id"] for row in found] == expected
    assert unknown == (["colour"] if "colour" in query else [])


@pytest.mark.parametrize(
    "text, kind, expected",
    [("gid://shopify/Product/5", "Product", 5), ("gid://shopify/Order/5", "Product", 0), ("5", "Product", 0)],
)
def test_identifiers(text, kind, expected):
    assert number(text, kind) == expected


def test_only_what_changed_since_comes_back(shop, twin):
    first = one_product(shop)["id"]
    twin.state.edit(first, "title", "New")
    query = "{ products(first: 50, query: \"updated_at:>='2026-11-20T09:00:00Z'\") { nodes { id } } }"
    assert shop.ask(query) == {"products": {"nodes": [{"id": first}]}}


def test_an_unknown_search_field_is_ignored_with_a_warning(shop):
    answer = shop.post('{ products(first: 50, query: "colour:red") { nodes { id } } }').json()
    assert len(answer["data"]["products"]["nodes"]) == 28
    assert answer["extensions"]["search"][0]["warnings"][0]["field"] == "colour"


# ---- writes ------------------------------------------------------------------------------------------------------


def test_one_field_of_one_product_changes_and_nothing_else(shop, twin):
    key = one_product(shop)["id"]
    before = twin.state.dump()
    payload = shop.ask(PRODUCT, product={"id": key, "title": "  New title "})["productUpdate"]
    assert payload["userErrors"] == []
    after = twin.state.dump()
    plain = key.rpartition("/")[2]
    assert after["products"][plain] == before["products"][plain] | {
        "title": "New title",
        "updated": "2026-11-20T09:00:00Z",
    }
    after["products"].pop(plain), before["products"].pop(plain)
    assert after == before


@pytest.mark.parametrize(
    "data, field",
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"vendor": "x" * 256}, "vendor"),
        ({"category": "gid://shopify/TaxonomyCategory/zz-9"}, "category"),
    ],
)
def test_wrong_products_are_refused_and_not_written(shop, twin, data, field):
    key = one_product(shop)["id"]
    before = twin.state.dump()
    (error,) = shop.ask(PRODUCT, product={"id": key, **data})["productUpdate"]["userErrors"]
    assert error["field"] == [field]
    assert twin.state.dump() == before


def test_categories_are_found_by_words_and_set_by_identifier(shop):
    found = shop.ask('{ taxonomy { categories(first: 10, search: "desk lamps") { nodes { id fullName isLeaf } } } }')
    (node,) = found["taxonomy"]["categories"]["nodes"]
    payload = shop.ask(PRODUCT, product={"id": one_product(shop)["id"], "category": node["id"]})["productUpdate"]
    assert (
        payload["product"]["category"]["fullName"]
        == node["fullName"]
        == "Home & Garden > Lighting > Lamps > Desk Lamps"
    )


def test_pictures_are_added_and_ready_a_moment_later(shop):
    key = one_product(shop)["id"]
    media = [{"originalSource": "https://example.com/a.jpg", "mediaContentType": "IMAGE"}]
    nodes = shop.ask(PRODUCT, product={"id": key}, media=media)["productUpdate"]["product"]["media"]["nodes"]
    assert (nodes[-1]["status"], nodes[-1]["image"]) == ("UPLOADED", None)
    read = "query ($id: ID!) { product(id: $id) { media(first: 20) { nodes { id status ... on MediaImage { image { url } } } } } }"
    later = shop.ask(read, id=key)["product"]["media"]["nodes"]
    assert len(later) == len(nodes)
    assert later[-1]["status"] == "READY" and "/a.jpg" in later[-1]["image"]["url"]
    update = "mutation ($f: [FileUpdateInput!]!) { fileUpdate(files: $f) { files { id } userErrors { field code } } }"
    off = shop.ask(update, f=[{"id": later[-1]["id"], "referencesToRemove": [key]}])["fileUpdate"]
    assert off["userErrors"] == []
    assert [one["id"] for one in shop.ask(read, id=key)["product"]["media"]["nodes"]] == [
        one["id"] for one in later[:-1]
    ]


def test_pictures_can_be_moved(shop, twin):
    product = next(row for row in twin.state.dump()["products"].values() if len(row["media"]) > 1)
    last = f"gid://shopify/MediaImage/{product['media'][-1]}"
    move = "mutation ($id: ID!, $m: [MoveInput!]!) { productReorderMedia(id: $id, moves: $m) { job { done } mediaUserErrors { message } } }"
    payload = shop.ask(move, id=f"gid://shopify/Product/{product['id']}", m=[{"id": last, "newPosition": "0"}])[
        "productReorderMedia"
    ]
    assert payload == {"job": {"done": True}, "mediaUserErrors": []}
    assert twin.state.dump()["products"][str(product["id"])]["media"][0] == product["media"][-1]


def test_variants_change_by_field_and_prices_have_two_decimals(shop, twin):
    product = one_product(shop)
    variant = product["variants"]["nodes"][0]["id"]
    before = twin.state.dump()["variants"]
    data = {
        "id": variant,
        "price": "12.5",
        "inventoryItem": {"measurement": {"weight": {"unit": "GRAMS", "value": 420}}},
    }
    payload = shop.ask(VARIANTS, product=product["id"], variants=[data])["productVariantsBulkUpdate"]
    assert payload["productVariants"][0]["price"] == "12.50"
    after = twin.state.dump()["variants"]
    plain = variant.rpartition("/")[2]
    changed = {name for name, value in after[plain].items() if before[plain][name] != value}
    assert changed == {"price", "weight", "updated"}
    assert {key: row for key, row in after.items() if key != plain} == {
        key: row for key, row in before.items() if key != plain
    }


def test_one_wrong_variant_stops_all_unless_partial_updates_are_allowed(shop, twin):
    product = next(row for row in twin.state.dump()["products"].values() if len(row["variants"]) > 1)
    keys = [f"gid://shopify/ProductVariant/{one}" for one in product["variants"][:2]]
    variants = [{"id": keys[0], "price": "5.00"}, {"id": keys[1], "price": "-1"}]
    owner = f"gid://shopify/Product/{product['id']}"
    before = twin.state.dump()
    refused = shop.ask(VARIANTS, product=owner, variants=variants)["productVariantsBulkUpdate"]
    assert refused["userErrors"][0]["code"] == "NEGATIVE_PRICE_VALUE"
    assert refused["userErrors"][0]["field"] == ["variants", "1", "price"]
    assert twin.state.dump() == before
    partial = shop.ask(VARIANTS, product=owner, variants=variants, partial=True)["productVariantsBulkUpdate"]
    assert [one["id"] for one in partial["productVariants"]] == [keys[0]]
    assert len(partial["userErrors"]) == 1


def test_variants_of_other_products_are_refused(shop):
    nodes = shop.ask("{ products(first: 2) { nodes { id variants(first: 1) { nodes { id } } } } }")["products"]["nodes"]
    foreign = nodes[1]["variants"]["nodes"][0]["id"]
    payload = shop.ask(VARIANTS, product=nodes[0]["id"], variants=[{"id": foreign, "price": "1"}])[
        "productVariantsBulkUpdate"
    ]
    assert payload["userErrors"][0]["code"] == "PRODUCT_VARIANT_DOES_NOT_EXIST"


def stock_of(shop):
    item = one_product(shop)["variants"]["nodes"][0]["inventoryItem"]["id"]
    query = 'query ($id: ID!) { inventoryItem(id: $id) { inventoryLevels(first: 5) { nodes { location { id } quantities(names: ["available"]) { quantity } } } } }'
    level = shop.ask(query, id=item)["inventoryItem"]["inventoryLevels"]["nodes"][0]
    return item, level["location"]["id"], level["quantities"][0]["quantity"]


def quantities(item, location, quantity, **rest):
    one = {"inventoryItemId": item, "locationId": location, "quantity": quantity, **rest}
    return {"name": "available", "reason": "correction", "quantities": [one]}


def test_stock_is_set_only_over_the_quantity_that_was_read(shop, twin):
    item, location, held = stock_of(shop)
    stale = shop.ask(STOCK, key="1", input=quantities(item, location, 77, changeFromQuantity=held + 1))[
        "inventorySetQuantities"
    ]
    assert stale["userErrors"][0]["code"] == "CHANGE_FROM_QUANTITY_STALE"
    assert stock_of(shop)[2] == held
    done = shop.ask(STOCK, key="2", input=quantities(item, location, 77, changeFromQuantity=held))[
        "inventorySetQuantities"
    ]
    assert done["inventoryAdjustmentGroup"]["changes"] == [{"delta": 77 - held, "quantityAfterChange": 77}]
    assert stock_of(shop)[2] == 77
    assert (
        shop.ask(STOCK, key="3", input=quantities(item, location, 5, changeFromQuantity=None))[
            "inventorySetQuantities"
        ]["userErrors"]
        == []
    )


def test_the_same_key_works_once_and_for_one_purpose(shop):
    item, location, held = stock_of(shop)
    first = shop.ask(STOCK, key="k", input=quantities(item, location, 50, changeFromQuantity=held))
    assert shop.ask(STOCK, key="k", input=quantities(item, location, 50, changeFromQuantity=held)) == first
    other = shop.ask(STOCK, key="k", input=quantities(item, location, 51, changeFromQuantity=50))[
        "inventorySetQuantities"
    ]
    assert other["userErrors"][0]["code"] == "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
    assert stock_of(shop)[2] == 50


def test_stock_needs_a_key_and_a_comparison(shop):
    item, location, _ = stock_of(shop)
    bare = "mutation ($input: InventorySetQuantitiesInput!) { inventorySetQuantities(input: $input) { userErrors { code } } }"
    assert "@idempotent" in shop.error(bare, input=quantities(item, location, 1, changeFromQuantity=None))["message"]
    missing = shop.ask(STOCK, key="k", input=quantities(item, location, 1))["inventorySetQuantities"]
    assert missing["userErrors"][0]["field"][-1] == "changeFromQuantity"


@pytest.mark.parametrize(
    "change, code",
    [
        ({"name": "committed"}, "INVALID_NAME"),
        ({"reason": "because"}, "INVALID_REASON"),
        ({"quantity": 2_000_000_000}, "INVALID_QUANTITY_TOO_HIGH"),
        ({"inventoryItemId": "gid://shopify/InventoryItem/1"}, "INVALID_INVENTORY_ITEM"),
        ({"locationId": "gid://shopify/Location/1"}, "INVALID_LOCATION"),
    ],
)
def test_wrong_stock_is_refused(shop, twin, change, code):
    item, location, held = stock_of(shop)
    wanted = quantities(item, location, 1, changeFromQuantity=held)
    target = wanted if set(change) & {"name", "reason"} else wanted["quantities"][0]
    target.update(change)
    before = twin.state.dump()
    assert shop.ask(STOCK, key="k", input=wanted)["inventorySetQuantities"]["userErrors"][0]["code"] == code
    assert twin.state.dump() == before


def test_orders_are_merged_and_checked(shop, twin):
    order = shop.ask("{ orders(first: 1) { nodes { id email shippingAddress { city zip phone } } } }")["orders"][
        "nodes"
    ][0]
    update = """mutation ($input: OrderInput!) { orderUpdate(input: $input) {
        order { email phone shippingAddress { city zip phone } } userErrors { field message } } }"""
    merged = shop.ask(update, input={"id": order["id"], "shippingAddress": {"zip": "01067"}})["orderUpdate"]
    assert merged["order"]["shippingAddress"] == order["shippingAddress"] | {"zip": "01067"}
    wrong = shop.ask(update, input={"id": order["id"], "email": "a b@c", "phone": "call me"})["orderUpdate"]
    assert [error["field"] for error in wrong["userErrors"]] == [["email"], ["phone"]]
    assert wrong["order"]["email"] == order["email"]
    country = shop.error(update, input={"id": order["id"], "shippingAddress": {"countryCode": "Deutschland"}})
    assert country["extensions"]["code"] == "INVALID_VARIABLE"
