import json

import phonenumbers
import polars as pl
import pytest
from email_validator import validate_email
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import ean

from connectors.record import schema
from connectors.sandbox import make_catalogue
from connectors.sandbox.catalogue import check_digit, slug
from connectors.sandbox.defects import DEFECTS


def rows_of(catalogue):
    found = {}
    for product in catalogue.products:
        for row in (product, *product["variants"]):
            found[row["key"]] = row
    return found | {order["key"]: order for order in catalogue.orders}


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def items(catalogue):
    return [item for product in catalogue.products for item in (product["variants"] or [product])]


def test_the_demo_has_enough_of_every_defect_to_learn_from():
    catalogue = make_catalogue()
    counts = dict(catalogue.truth.group_by("defect").len().rows())
    assert set(counts) == {defect.name for defect in DEFECTS}
    assert min(counts.values()) >= 10


def test_the_demo_has_singles_variants_and_orders():
    catalogue = make_catalogue()
    varied = [product for product in catalogue.products if product["variants"]]
    assert len(catalogue.products) - len(varied) == 240
    assert len(varied) == 40
    assert len(catalogue.orders) == 60


def test_a_healthy_shop_has_few_defects():
    catalogue = make_catalogue(defects=0.02)
    products = catalogue.truth.filter(pl.col("kind") == "product")["record"].n_unique()
    assert 0 < products / len(rows_of(catalogue)) < 0.05


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    products=st.integers(1, 60),
    orders=st.integers(0, 20),
    defects=st.sampled_from([0.02, 0.18, 0.5]),
    day=st.integers(1, 4),
)
def test_the_truth_is_exactly_what_differs_from_the_clean_catalogue(seed, products, orders, defects, day):
    dirty = make_catalogue(seed, products, orders=orders, defects=defects, day=day)
    clean = rows_of(make_catalogue(seed, products, orders=orders, defects=0, day=day))
    truth = {(row["record"], row["field"]): row for row in dirty.truth.iter_rows(named=True)}
    assert len(truth) == dirty.truth.height
    for key, row in rows_of(dirty).items():
        for field, value in row.items():
            if field == "variants":
                continue
            if (key, field) in truth:
                found = truth[key, field]
                assert as_text(value) == found["dirty"] != as_text(clean[key][field])
                assert found["right"] in (None, as_text(clean[key][field]))
            else:
                assert value == clean[key][field]


def test_the_same_arguments_give_the_same_catalogue():
    first, second = make_catalogue(7, 30), make_catalogue(7, 30)
    assert (first.products, first.orders) == (second.products, second.orders)
    assert first.truth.equals(second.truth)
    assert make_catalogue(8, 30).products != first.products


def test_the_next_day_brings_other_things():
    first, second = make_catalogue(), make_catalogue(day=2)
    for name in ("sku", "gtin"):
        assert not {item[name] for item in items(first)} & {item[name] for item in items(second)}
    assert not {order["key"] for order in first.orders} & {order["key"] for order in second.orders}
    assert set(second.truth["defect"]) == set(first.truth["defect"])
    assert min(p["updated_at"] for p in second.products) > min(p["updated_at"] for p in first.products)


def test_clean_values_are_valid():
    catalogue = make_catalogue(3, 300, orders=150, defects=0)
    gtins = [item["gtin"] for item in items(catalogue)]
    assert len(set(gtins)) == len(gtins)
    assert all(ean.is_valid(gtin) for gtin in gtins)
    assert sum(gtin.startswith("0") for gtin in gtins) > len(gtins) / 5
    for item in items(catalogue):
        assert float(item["weight_g"]) > 0
        assert not item["sale_price"] or float(item["sale_price"]) < float(item["price"])
    for order in catalogue.orders:
        assert phonenumbers.is_valid_number(phonenumbers.parse(order["phone"]))
        typed = phonenumbers.parse(order["phone_typed"], order["ship_country"])
        assert phonenumbers.format_number(typed, phonenumbers.PhoneNumberFormat.E164) == order["phone"]
        validate_email(order["email"], check_deliverability=False)
    titles = [product["title"] for product in catalogue.products]
    assert len(set(titles)) == len(titles)


def test_frames_are_canonical():
    catalogue = make_catalogue(products=14, orders=5)
    for kind in ("product", "order", "order_line"):
        frame = catalogue.records(kind)
        assert dict(frame.schema) == schema(kind)
        assert frame["record_key"].is_unique().all()
    products = catalogue.records("product")
    levels = dict(products.group_by("level").len().rows())
    assert levels["parent"] == 2
    assert set(products.filter(pl.col("level") == "variant")["parent_key"]) <= set(products["record_key"])


def test_mending_takes_a_class_out_and_leaves_the_original():
    catalogue = make_catalogue(products=70)
    before = json.dumps(catalogue.products)
    mended = catalogue.without({"images-http", "brand-blank"})
    assert json.dumps(catalogue.products) == before
    assert not {"images-http", "brand-blank"} & set(mended.truth["defect"])
    assert not [url for product in mended.products for url in product["images"] if url.startswith("http://")]
    assert all(isinstance(product["images"], list) for product in mended.products)


@pytest.mark.parametrize("digits, expected", [("400638133393", "1"), ("03600029145", "2"), ("9638507", "4")])
def test_check_digits_of_published_examples(digits, expected):
    assert check_digit(digits) == expected


@given(st.text(max_size=40))
def test_slugs_are_plain(text):
    assert all(letter.isascii() and (letter.isalnum() or letter == "-") for letter in slug(text))


@pytest.mark.parametrize(
    "wrong", [{"defects": 0.9}, {"defects": -0.1}, {"products": 0}, {"day": 0}, {"languages": ("de", "xx")}]
)
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError):
        make_catalogue(**wrong)
