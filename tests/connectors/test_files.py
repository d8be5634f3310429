"""Reading merchants' files: layouts, encodings, damage, hostile input; and correcting them beside their source."""

from __future__ import annotations

import json
import os
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import SourceError
from connectors.files import LAYOUTS, Reading, read_file, recognise
from connectors.files import formats as formats_module
from connectors.files import writing as writing_module
from connectors.files.forms import FORMS, Unwritable, convert
from connectors.files.source import corrected
from connectors.platform import CHANGES, Connection, connector, platform
from connectors.record import schema

SHARED = Path(os.environ.get("CHANNELMEND_SHARED", Path(__file__).parents[3] / "shared")) / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no shared data at {SHARED} (CHANNELMEND_SHARED)")


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def records(reading: Reading, kind: str = "product") -> pl.DataFrame:
    frame = pl.concat([page.records[kind] for page in reading])
    assert frame.schema == pl.Schema(schema(kind))
    return frame


def broken(reading: Reading) -> pl.DataFrame:
    return pl.concat([page.quarantined for page in reading])


def attributes(row: dict) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in row["attributes"]}


def files(path: Path, **credentials: str):
    return connector(Connection("mine", "files", {"path": str(path), **credentials}))


def change(key: str, field: str, before: str, value: str, kind: str = "product", number: str = "c1") -> dict[str, str]:
    return dict(zip(CHANGES, (number, kind, key, "", field, before, value), strict=True))


def pushed(store, *changes: dict[str, str]) -> list[tuple[str, str]]:
    answer = store.push(pl.DataFrame(list(changes), schema=CHANGES))
    return list(answer.select("status", "code").iter_rows())


SHOPIFY = """Handle,Title,Body (HTML),Vendor,Type,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,Variant Price,Variant Compare At Price,Image Src,Image Position,Variant Image
mug,Mug,<p>Blue</p>,Acme,Kitchen,TRUE,Title,Default Title,M1,300,8.50,,https://x.test/2.jpg,2,
mug,,,,,,,,,,,,https://x.test/1.jpg,1,
shirt,Shirt,,Acme,,TRUE,Size,S,S-S,120,19.90,25.00,https://x.test/s.jpg,1,https://x.test/s-s.jpg
shirt,,,,,,,M,S-M,130,19.90,19.00,,,
hat,Hat,Warm,Acme,,FALSE,,,,,,,,,
"""


class TestShopify:
    def test_rows_of_one_product_become_one_record_or_a_parent_with_its_variants(self, tmp_path):
        frame = records(read_file(write(tmp_path / "p.csv", SHOPIFY), currency="EUR", language="en"))
        assert frame.select("record_key", "parent_key", "level").rows() == [
            ("mug", "", "single"),
            ("shirt", "", "parent"),
            ("shirt/S", "shirt", "variant"),
            ("shirt/M", "shirt", "variant"),
            ("hat", "", "single"),
        ]
        mug, shirt, small, medium, hat = frame.to_dicts()
        assert (mug["title"], mug["price"], mug["weight_g"], mug["sku"]) == ("Mug", "8.50", "300", "M1")
        assert mug["images"] == ["https://x.test/1.jpg", "https://x.test/2.jpg"], "in the order of their positions"
        assert "Title" not in attributes(mug), "the option of a product without options is none"
        assert (shirt["price"], shirt["sku"], shirt["images"]) == ("", "", ["https://x.test/s.jpg"])
        assert (small["price"], small["sale_price"]) == ("25.00", "19.90"), (
            "a higher compare-at price is the regular one"
        )
        assert (medium["price"], medium["sale_price"]) == ("19.90", ""), "a lower one means nothing"
        assert attributes(medium)["Size"] == "M", "the option's name stands on the first row only"
        assert (medium["title"], small["images"]) == ("", ["https://x.test/s-s.jpg"])
        assert (mug["status"], hat["status"], mug["category"]) == ("active", "draft", "Kitchen")
        assert frame["currency"].to_list() == ["EUR", "", "EUR", "EUR", "EUR"], "a parent is not sold itself"
        assert json.loads(mug["raw"])[1]["Image Src"] == "https://x.test/1.jpg", "all rows stay in the raw payload"

    def test_todays_column_names_mean_the_same(self, tmp_path):
        names = {"Handle": "URL handle", "Body (HTML)": "Description", "Published": "Published on online store"}
        names |= {"Variant SKU": "SKU", "Variant Grams": "Weight value (grams)", "Variant Price": "Price"}
        names |= {"Variant Compare At Price": "Compare-at price", "Image Src": "Product image URL"}
        head, _, body = SHOPIFY.partition("\n")
        header = ",".join(names.get(name, name) for name in head.split(",")).replace(
            "Variant Image", "Variant image URL"
        )
        old = records(read_file(write(tmp_path / "old.csv", SHOPIFY))).drop("raw")
        assert records(read_file(write(tmp_path / "new.csv", f"{header}\n{body}"))).drop("raw").equals(old)

    @pytest.mark.parametrize("batch_rows", [1, 2, 3, 50])
    def test_a_product_is_never_parted_between_pages(self, tmp_path, batch_rows):
        path = write(tmp_path / "p.csv", SHOPIFY)
        whole = records(read_file(path))
        assert records(read_file(path, batch_rows=batch_rows)).equals(whole)

    @needs_shared
    @pytest.mark.parametrize(
        ("name", "singles", "parents", "variants"),
        [("apparel", 17, 2, 4), ("jewelery", 17, 3, 6), ("home-and-garden", 18, 1, 3)],
    )
    def test_real_exports(self, name, singles, parents, variants):
        reading = read_file(SHARED / "shopify_csv" / f"{name}.csv")
        frame = records(reading)
        source = pl.read_csv(SHARED / "shopify_csv" / f"{name}.csv", infer_schema=False)
        levels = dict(frame.group_by("level").len().rows())
        assert reading.plan.layout == "shopify"
        assert levels["single"] + levels["parent"] == source["Handle"].n_unique()
        assert frame.filter(pl.col("level") != "parent")["price"].ne("").all()
        assert (
            frame.filter(pl.col("level") != "variant")
            .select(pl.all_horizontal(pl.col("title", "brand") != ""))
            .to_series()
            .all()
        )
        assert frame["images"].list.len().sum() >= source["Image Src"].drop_nulls().len()


WOO = (
    'ID,Type,SKU,"GTIN, UPC, EAN, or ISBN",Name,Published,Description,"Regular price","Sale price",Categories,Images,Stock,'
    '"Weight (kg)","Length (cm)",Parent,"Attribute 1 name","Attribute 1 value(s)"\n'
    '10,variable,CH,,"Chair, oak",1,One\\nTwo,,,"Home > Chairs, Sale","https://x.test/a.jpg, https://x.test/b\\,c.jpg",,1.30,45,,Colour,"Red, Blue"\n'
    '11,variation,CH-R,4006381333931,Chair red,1,,"49,90","39,90",,,5,"1,3",45,id:10,Colour,Red\n'
    "12,variation,CH-B,,Chair blue,1,,49.90,,,,5,,,CH,Colour,Blue\n"
    '13,"simple, virtual",\'=EVIL,,Plan,-1,,9,,,,,,,,,\n'
)


class TestWooCommerce:
    def test_types_units_paths_and_escapes(self, tmp_path):
        reading = read_file(write(tmp_path / "woo.csv", WOO))
        chair, red, blue, plan = records(reading).to_dicts()
        assert reading.plan.layout == "woocommerce"
        assert [r["level"] for r in (chair, red, blue, plan)] == ["parent", "variant", "variant", "single"]
        assert (chair["record_key"], red["parent_key"], blue["parent_key"]) == ("10", "10", "10"), "by id and by SKU"
        assert (chair["description"], chair["category"]) == ("One\nTwo", "Home > Chairs")
        assert chair["images"] == ["https://x.test/a.jpg", "https://x.test/b,c.jpg"]
        assert (chair["weight_g"], chair["length_mm"]) == ("1300", "450")
        assert red["weight_g"] == "1,3 kg", "what is no plain number keeps its unit, for a check to judge"
        assert (red["price"], red["sale_price"], red["gtin"]) == ("49,90", "39,90", "4006381333931")
        assert (plan["sku"], plan["status"], chair["status"]) == ("=EVIL", "draft", "active")
        assert attributes(red)["Colour"] == "Red"


class TestGoogleMerchant:
    @pytest.mark.parametrize("mark", ["\t", ","])
    def test_amounts_units_and_images(self, tmp_path, mark):
        head = "id,title,link,image link,g:additional_image_link,price,sale_price,shipping_weight,google_product_category,item_group_id,color"
        row = 'A1,Pan,https://x.test/p,https://x.test/1.jpg,"https://x.test/2.jpg,https://x.test/3.jpg",12.99 EUR,EUR 9.99,1.2 kg,Home > Pans,G7,red'
        text = (
            f"{head}\n{row}\n"
            if mark == ","
            else f"{head}\n{row}\n".replace(",", "\t").replace('"', "").replace("2.jpg\t", "2.jpg,")
        )
        reading = read_file(write(tmp_path / "feed.txt", text))
        (pan,) = records(reading).to_dicts()
        assert reading.plan.layout == "google_merchant"
        assert (pan["price"], pan["sale_price"], pan["currency"], pan["weight_g"]) == ("12.99", "9.99", "EUR", "1200")
        assert pan["images"] == [f"https://x.test/{n}.jpg" for n in (1, 2, 3)]
        assert (pan["record_key"], pan["parent_key"], pan["level"]) == ("A1", "G7", "single")
        assert attributes(pan)["color"] == "red"


class TestOtherTables:
    def test_our_own_columns(self, tmp_path):
        text = 'record_key,title,images,attributes,attributes.colour,extra\n1,Pan,"[""https://a"",""https://b""]","{""size"": ""L""}",red,x\n'
        reading = read_file(write(tmp_path / "own.csv", text))
        (row,) = records(reading).to_dicts()
        assert (reading.plan.layout, row["images"]) == ("canonical", ["https://a", "https://b"])
        assert attributes(row) == {"size": "L", "colour": "red"}
        assert json.loads(row["raw"])["extra"] == "x"

    def test_guesses_are_reported_and_the_rest_stays_raw(self, tmp_path):
        text = "Product Name;Manufacturer;price_usd;ship_weight_lb;quantity;secret\nPan;Acme;1.299,00 €;2;100 g;42\n"
        reading = read_file(write(tmp_path / "x.csv", text))
        (row,) = records(reading).to_dicts()
        assert (row["title"], row["brand"], row["price"], row["currency"]) == ("Pan", "Acme", "1.299,00 €", "USD")
        assert (row["weight_g"], row["quantity"]) == ("907.18474", "")
        report = "\n".join(reading.report())
        assert "guessed" in report and "kept in the raw payload only: quantity, secret" in report
        assert "quantity is not read as quantity" in report
        assert json.loads(row["raw"])["secret"] == "42"

    def test_a_mapping_goes_before_the_layout(self, tmp_path):
        path = write(tmp_path / "x.csv", "Nr;Bez;Gewicht;VK\n1;Pfanne;1.5;9,90\n")
        mapping = {
            "Nr": "sku",
            "Bez": "title",
            "Gewicht": {"field": "weight_g", "unit": "kg"},
            "VK": "price",
            "-": {"field": "currency", "constant": "EUR"},
        }
        toml = write(
            tmp_path / "m.toml",
            'Nr = "sku"\nBez = "title"\nGewicht = {field = "weight_g", unit = "kg"}\nVK = "price"\n"-" = {field = "currency", constant = "EUR"}\n',
        )
        for given_as in (mapping, json.dumps(mapping), str(toml)):
            (row,) = records(read_file(path, mapping=given_as, layout="none")).to_dicts()
            assert (row["sku"], row["title"], row["weight_g"], row["price"], row["currency"]) == (
                "1",
                "Pfanne",
                "1500",
                "9,90",
                "EUR",
            )

    def test_all_mistakes_of_a_mapping_are_told_at_once(self, tmp_path):
        path = write(tmp_path / "x.csv", "a,b,c\n1,2,3\n")
        with pytest.raises(SourceError) as caught:
            read_file(path, mapping={"a": "prize", "b": {"field": "weight_g", "unit": "cm"}, "zz": "title"})
        assert all(
            word in str(caught.value)
            for word in ("'prize'", "'cm' is no unit of weight_g", "'zz': the file has no such column")
        )

    def test_keys_are_distinct_even_where_skus_are_not(self, tmp_path):
        path = write(tmp_path / "x.csv", "sku,name\nA,1\nA,2\n,3\nB,4\nA,5\n")
        for batch_rows in (1, 2, 50):
            frame = records(read_file(path, batch_rows=batch_rows))
            assert frame["record_key"].to_list() == ["A", "A#2", "row 3", "B", "A#3"]
            assert frame["sku"].to_list() == ["A", "A", "", "B", "A"]

    def test_orders_and_their_lines(self, tmp_path):
        text = "Order ID,Order Date,Customer Name,Product ID,Quantity,total\nO1,11/8/2018,Ann,P1,2,9.90\nO1,11/8/2018,Ann,P2,1,9.90\nO2,,Bob,P1,1,3\n"
        path = write(tmp_path / "o.csv", text)
        for batch_rows in (1, 2, 50):
            pages = list(read_file(path, kind="order", batch_rows=batch_rows))
            orders = pl.concat([p.records["order"] for p in pages])
            lines = pl.concat([p.records["order_line"] for p in pages])
            assert orders.select("record_key", "ordered_at", "buyer_name", "total").rows() == [
                ("O1", "11/8/2018", "Ann", "9.90"),
                ("O2", "", "Bob", "3"),
            ]
            assert lines.select("record_key", "order_key", "sku", "quantity").rows() == [
                ("O1/1", "O1", "P1", "2"),
                ("O1/2", "O1", "P2", "1"),
                ("O2/3", "O2", "P1", "1"),
            ]

    def test_recognise_tells_layouts_from_columns(self):
        assert recognise(["Handle", "Title", "Variant Price"]) is LAYOUTS["shopify"]
        assert recognise(["ID", "Type", "SKU", "Name", "Published"]) is LAYOUTS["woocommerce"]
        assert recognise(["g:id", "g:title", "g:link", "g:image_link"]) is LAYOUTS["google_merchant"]
        assert recognise(["sku", "title", "price"]) is LAYOUTS["canonical"]
        assert recognise(["name", "colour"]) is None

    @needs_shared
    @pytest.mark.parametrize(
        ("name", "kind", "fields"),
        [
            (
                "bestbuy/products",
                "product",
                {"title", "brand", "category", "price", "currency", "images", "description"},
            ),
            (
                "flipkart/products",
                "product",
                {"record_key", "sku", "title", "brand", "category", "price", "sale_price", "images"},
            ),
            (
                "amazon_uk_toys/products",
                "product",
                {"record_key", "title", "brand", "category", "price", "currency", "quantity"},
            ),
            (
                "amazon_us_electronics/products",
                "product",
                {"title", "brand", "mpn", "price", "weight_g", "length_mm", "width_mm", "height_mm"},
            ),
            ("olist/products", "product", {"record_key", "category", "weight_g", "length_mm", "width_mm", "height_mm"}),
            ("openfoodfacts/products", "product", {"gtin", "title", "brand", "category", "images"}),
            (
                "orders/superstore",
                "order",
                {
                    "record_key",
                    "ordered_at",
                    "shipped_at",
                    "buyer_name",
                    "ship_city",
                    "ship_postal_code",
                    "ship_country",
                },
            ),
            ("orders/uci_online_retail_invoices", "order", {"record_key", "ordered_at", "total"}),
        ],
    )
    def test_real_catalogues(self, name, kind, fields):
        path = SHARED / f"{name}.parquet"
        reading = read_file(path, kind=kind)
        frame = records(reading, kind)
        filled = {
            c
            for c, t in frame.schema.items()
            if (frame[c].list.len().sum() if t != pl.String else (frame[c] != "").sum())
        }
        assert fields <= filled
        assert reading.quarantined == 0
        if kind == "product":
            assert frame.height == pl.scan_parquet(path).select(pl.len()).collect().item()
            assert frame["record_key"].n_unique() == frame.height


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_text_and_delimiter_are_found(self, tmp_path, encoding, delimiter):
        rows = [
            ["sku", "name", "price"],
            ["1", "Grüße für die Küche", "1.299,00"],
            ["2", "Crème brûlée à la façon", "12.5"],
        ]
        text = "\r\n".join(delimiter.join(f'"{c}"' if delimiter in c else c for c in row) for row in rows)
        frame = records(read_file(write(tmp_path / "x.csv", text, encoding)))
        assert frame["title"].to_list() == ["Grüße für die Küche", "Crème brûlée à la façon"]
        assert frame["price"].to_list() == ["1.299,00", "12.5"]

    def test_a_cyrillic_file_is_no_western_one(self, tmp_path):
        text = "sku;name\n1;Книга для детей, новая\n2;Красный чайник со свистком\n3;Набор посуды для кухни\n"
        frame = records(read_file(write(tmp_path / "x.csv", text, "cp1251")))
        assert frame["title"][0] == "Книга для детей, новая"

    def test_a_wrong_declaration_is_seen_and_said(self, tmp_path):
        reading = read_file(write(tmp_path / "x.csv", "sku;name\n1;Küche\n", "cp1252"), encoding="utf-8")
        assert records(reading)["title"].to_list() == ["Küche"]
        assert "declared as utf-8, which it is not" in "\n".join(reading.report())

    def test_an_unknown_encoding_is_refused(self, tmp_path):
        with pytest.raises(SourceError, match="'klingon' is no known encoding"):
            read_file(write(tmp_path / "x.csv", "sku;name\n1;x\n"), encoding="klingon")

    def test_old_line_ends_and_the_hint_of_spreadsheets(self, tmp_path):
        assert records(read_file(write(tmp_path / "a.csv", "sku,name\r1,x\r2,y")))["title"].to_list() == ["x", "y"]
        assert records(read_file(write(tmp_path / "b.csv", "sep=;\r\nsku;name\r\n1;a,b,c\r\n")))["title"].to_list() == [
            "a,b,c"
        ]


class TestDamage:
    @pytest.mark.parametrize(
        ("row", "why"),
        [
            ("3,c,d,e,f", "5 fields where the header has 3"),
            ("3,c", "2 fields where the header has 3"),
            ('3,"c,9', "a quote is opened and never closed"),
            ('3,"c"x,9', "text behind a closing quote"),
            ("3,c\0,9", "zero byte"),
        ],
    )
    def test_a_broken_row_is_set_aside_with_its_line(self, tmp_path, row, why):
        text = f'sku,name,price\n1,"two\nlines",5\n{row}\n2,b,"6"\n4,d,7\n'
        pages = list(read_file(write(tmp_path / "x.csv", text)))
        assert pl.concat([p.records["product"] for p in pages])["sku"].to_list() == ["1", "2", "4"]
        (bad,) = pl.concat([p.quarantined for p in pages]).to_dicts()
        assert (bad["record_key"], bad["raw"]) == ("line 4", row)
        assert why in bad["error"] and "Line 4 of x.csv" in bad["error"]

    def test_many_broken_rows_in_a_large_file(self, tmp_path):
        rows = [f"S{i},Name {i},{i}" if i % 1000 else f'S{i},"Name,{i}' for i in range(1, 60_001)]
        reading = read_file(write(tmp_path / "x.csv", "sku,name,price\n" + "\n".join(rows)))
        frame = records(reading)
        assert (frame.height, reading.quarantined) == (59_940, 60)
        assert frame["sku"].to_list() == [f"S{i}" for i in range(1, 60_001) if i % 1000]

    def test_marks_inside_text_and_surplus_empty_fields_are_no_damage(self, tmp_path):
        frame = records(read_file(write(tmp_path / "x.csv", 'sku,name\n1,24" screen\n2,b,,\n\n3,"c"\n')))
        assert frame["title"].to_list() == ['24" screen', "b", "c"]

    def test_a_bad_line_of_json(self, tmp_path):
        text = '{"sku": 1, "price": 1.10, "ean": 4006381333931, "tags": ["a"], "gone": null}\n{"sku": 2, "na\n[1]\n{"sku": "\\ud800"}\n\n{"sku": 3, "brand": "B"}\n'
        pages = list(read_file(write(tmp_path / "x.jsonl", text)))
        first, last = pl.concat([p.records["product"] for p in pages]).to_dicts()
        assert (first["sku"], first["price"], first["gtin"], last["brand"]) == ("1", "1.10", "4006381333931", "B")
        assert json.loads(first["raw"])["tags"] == ["a"], "nested values stay in the raw payload"
        assert pl.concat([p.quarantined for p in pages])["record_key"].to_list() == ["line 2", "line 3", "line 4"]

    def test_a_field_that_only_later_objects_have(self, tmp_path):
        text = "".join(f'{{"sku": "{i}"}}\n' for i in range(5)) + '{"sku": "9", "brand": "B"}\n'
        for batch_rows in (1, 2, 50):
            assert records(read_file(write(tmp_path / "x.jsonl", text), batch_rows=batch_rows))["brand"][-1] == "B"

    def test_a_json_document(self, tmp_path):
        assert records(read_file(write(tmp_path / "x.json", ' [{"sku": "1", "price": 1.50},\n {"sku": "2"}]')))[
            "price"
        ].to_list() == ["1.50", ""]
        with pytest.raises(SourceError, match="not JSON"):
            read_file(write(tmp_path / "y.json", '[{"sku": "1"} {"sku": "2"}]'))

    def test_repeated_and_empty_column_names(self, tmp_path):
        reading = read_file(write(tmp_path / "x.csv", "sku,name,name,\n1,a,b,c\n"))
        (row,) = records(reading).to_dicts()
        assert row["title"] == "a"
        assert json.loads(row["raw"]) == {"sku": "1", "name": "a", "name (2)": "b", "column 4": "c"}
        assert "occurs more than once" in "\n".join(reading.report())

    def test_ten_megabytes_in_one_cell(self, tmp_path):
        big = "x" * 10 * 2**20
        frame = records(read_file(write(tmp_path / "x.csv", f'sku,name\n1,a\n2,"{big}\n,"\n3,c\n')))
        assert frame["sku"].to_list() == ["1", "2", "3"]
        assert frame["title"][1] == f"{big}\n,"


class TestWholeFileErrors:
    @pytest.mark.parametrize(
        ("name", "content", "why"),
        [
            ("x.csv", b"", "is empty"),
            ("x.csv", b"\n\n", "no column names|header"),
            ("x.csv", b"\x00\x01\x02PK\x00\x00", "not a table"),
            ("x.parquet", b"not parquet", "not a Parquet file"),
            ("x.xlsx", b"not a zip", "not an XLSX workbook"),
            ("x.jsonl", b"nonsense\n", "no row that can be read"),
            ("x.docx", b"word", "no reader knows"),
            ("x.csv", b"foo,bar\n1,2\n", "No column means anything as product"),
        ],
    )
    def test_each_has_its_own_clear_message(self, tmp_path, name, content, why):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=why):
            read_file(tmp_path / name)

    def test_missing_and_folder(self, tmp_path):
        with pytest.raises(SourceError, match="There is no file"):
            read_file(tmp_path / "none.csv")
        with pytest.raises(SourceError, match="is a folder"):
            read_file(tmp_path)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_no_permission(self, tmp_path):
        path = write(tmp_path / "x.csv", "sku\n1\n")
        path.chmod(0)
        with pytest.raises(SourceError, match="cannot be read: Permission denied"):
            read_file(path)

    def test_a_file_that_vanishes_while_it_is_read(self, tmp_path):
        path = write(tmp_path / "x.csv", "sku,name\n" + f"1,{'a' * 2_000}\n" * 12_000)
        reading = read_file(path, batch_rows=1_000)
        next(reading)
        path.unlink()
        assert sum(p.records["product"].height for p in reading) > 0, "an open file is read to its end"
        with pytest.raises(SourceError, match="There is no file"):
            read_file(path)

    def test_only_a_header_is_no_error_and_is_said(self, tmp_path):
        for name, content in (("x.csv", "sku,name\n"), ("y.csv", "sku,name")):
            reading = read_file(write(tmp_path / name, content))
            assert records(reading).height == 0
            assert f"{name} has a header and no rows" in reading.report()

    def test_wrong_layout_and_kind(self, tmp_path):
        path = write(tmp_path / "x.csv", "sku,name\n1,a\n")
        with pytest.raises(SourceError, match="There is no layout 'etsy'"):
            read_file(path, layout="etsy")
        with pytest.raises(SourceError, match="holds products, not orders"):
            read_file(path, layout="shopify", kind="order")
        with pytest.raises(SourceError, match="There is no kind 'invoice'"):
            read_file(path, kind="invoice")


class TestWorkbooks:
    def test_numbers_dates_and_formulas(self, tmp_path):
        path = tmp_path / "x.xlsx"
        with xlsxwriter.Workbook(path) as book:
            sheet, _ = book.add_worksheet("Items"), book.add_worksheet("Notes")
            day = book.add_format({"num_format": "yyyy-mm-dd"})
            sheet.write_row(0, 0, ["sku", "ean", "price", "name", "updated_at", "qty"])
            sheet.write_row(1, 0, ["007", 4006381333931, 12.5])
            sheet.write_string(1, 3, "=1+1")
            sheet.write_datetime(1, 4, datetime(2026, 1, 2), day)
            sheet.write_number(1, 5, 3)
        reading = read_file(path)
        (row,) = records(reading).to_dicts()
        assert [row[f] for f in ("sku", "gtin", "price", "title", "updated_at", "quantity")] == [
            "007",
            "4006381333931",
            "12.5",
            "=1+1",
            "2026-01-02",
            "3",
        ]
        assert "left out: Notes" in "\n".join(reading.report())

    def test_a_bomb_is_refused_before_it_is_unpacked(self, tmp_path, monkeypatch):
        monkeypatch.setattr(formats_module, "WORKBOOK_LIMIT", 30 * 2**20)
        path = tmp_path / "bomb.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.xml", "w") as part:
            for _ in range(60):
                part.write(bytes(2**20))
        assert path.stat().st_size < 100_000
        tracemalloc.start()
        with pytest.raises(SourceError, match="unpacks to more than 30 MB"):
            read_file(path)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
        tracemalloc.stop()

    def test_two_cells_far_apart_do_not_take_all_memory(self, tmp_path):
        path = tmp_path / "far.xlsx"
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            sheet.write(0, 0, "sku")
            sheet.write(1_048_575, 16_383, "x")
        with pytest.raises(SourceError, match="17,179,869,184 cells"):
            read_file(path)


class TestCorrections:
    TEXT = 'sku;name;price;weight_kg;brand\r\n"A1";Mug;12,5;1.30;\r\nbroken;row\r\nB2;"Pan; big";9.00;2;Acme\r\n'

    def test_only_the_changed_cells_differ_and_the_source_is_untouched(self, tmp_path):
        path = write(tmp_path / "x.csv", self.TEXT, "cp1252")
        store = files(path)
        assert (
            pushed(
                store,
                change("A1", "price", "12,5", "12.50"),
                change("A1", "brand", "", "Küche; Co"),
                change("B2", "weight_g", "2000", "2500"),
            )
            == [("accepted", "")] * 3
        )
        assert path.read_bytes() == self.TEXT.encode("cp1252")
        new = self.TEXT.replace("12,5;1.30;", '12.50;1.30;"Küche; Co"').replace("9.00;2;", "9.00;2.5;")
        assert corrected(path).read_bytes().decode() == new
        assert store.read("product", [("A1", ""), ("zz", "")]).select("price", "brand").rows() == [
            ("12.50", "Küche; Co")
        ]
        assert sum(p.quarantined.height for p in store.fetch("product")) == 1

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_undo_gives_the_exact_bytes_back(self, tmp_path, encoding):
        text = self.TEXT.replace("Mug", "Müg")
        path = write(tmp_path / "x.csv", text, encoding)
        store = files(path)
        changes = [
            ("A1", "weight_g", "1300", "1400"),
            ("A1", "title", "Müg", 'Mug, "blue";\nlarge'),
            ("B2", "title", "Pan; big", "Pan"),
        ]
        assert {s for s, _ in pushed(store, *(change(*c, number=str(i)) for i, c in enumerate(changes)))} == {
            "accepted"
        }
        assert store.read("product", [("A1", "")])["title"].to_list() == ['Mug, "blue";\nlarge']
        assert store.read("product", [("B2", "")])["title"].to_list() == ["Pan"], (
            "rows keep their keys behind a longer one"
        )
        assert {s for s, _ in pushed(store, *(change(k, f, v, b) for k, f, b, v in changes))} == {"accepted"}
        assert corrected(path).read_bytes() == path.read_bytes()

    def test_a_second_push_keeps_the_first(self, tmp_path):
        path = write(tmp_path / "x.csv", self.TEXT)
        store = files(path)
        pushed(store, change("A1", "price", "12,5", "12.50"))
        pushed(store, change("B2", "price", "9.00", "9.50"))
        assert store.read("product", [("A1", ""), ("B2", "")])["price"].to_list() == ["12.50", "9.50"]

    def test_a_newer_export_goes_before_old_corrections(self, tmp_path):
        path = write(tmp_path / "x.csv", self.TEXT)
        store = files(path)
        pushed(store, change("A1", "price", "12,5", "12.50"))
        write(path, self.TEXT.replace("12,5", "14,0"))
        later = corrected(path).stat().st_mtime + 5
        os.utime(path, (later, later))
        assert store.read("product", [("A1", "")])["price"].to_list() == ["14,0"]
        assert pushed(store, change("A1", "price", "12,5", "12.50")) == [("refused", "conflict")]

    def test_what_cannot_be_written_is_refused_in_words(self, tmp_path):
        path = write(tmp_path / "x.csv", self.TEXT.replace("Mug", "Müg"), "cp1252")
        store = files(path)
        answer = store.push(
            pl.DataFrame(
                [
                    change("A1", "price", "99", "1", number="conflict"),
                    change("zz", "price", "", "1", number="missing"),
                    change("A1", "category", "", "Home", number="column"),
                    change("A1", "sku", "A1", "A9", number="key"),
                    change("A1", "record_key", "A1", "A9", number="identifier"),
                    change("A1", "title", "Müg", "杯", number="encoding"),
                    change("B2", "price", "9.00", "9.50", number="fine"),
                ],
                schema=CHANGES,
            )
        )
        by_id = {r["correction_id"]: (r["status"], r["code"], r["message"]) for r in answer.to_dicts()}
        assert [by_id[k][1] for k in ("conflict", "missing", "column", "key", "identifier", "encoding", "fine")] == [
            "conflict",
            "not-found",
            "no-column",
            "not-writable",
            "not-writable",
            "not-writable",
            "",
        ]
        assert "'杯' does not exist in the file's encoding cp1252" in by_id["encoding"][2]
        assert by_id["fine"][0] == "accepted"
        assert b"9.50" in corrected(path).read_bytes()

    def test_a_full_disk_leaves_the_former_state(self, tmp_path, monkeypatch):
        path = write(tmp_path / "x.csv", self.TEXT)
        store = files(path)
        pushed(store, change("A1", "price", "12,5", "12.50"))
        before = corrected(path).read_bytes()

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(writing_module.os, "fsync", full)
        with pytest.raises(SourceError, match="No space left on device"):
            pushed(store, change("B2", "price", "9.00", "9.50"))
        assert corrected(path).read_bytes() == before
        assert sorted(p.name for p in tmp_path.iterdir()) == ["x.corrected.csv", "x.csv"]

    def test_prices_of_layouts_with_a_compare_at_price(self, tmp_path):
        path = write(tmp_path / "p.csv", SHOPIFY)
        store = files(path)

        def state(key: str) -> tuple:
            return store.read("product", [(key, "")]).select("price", "sale_price").row(0)

        assert (
            pushed(store, change("shirt/S", "price", "25.00", "26.00"), change("mug", "sale_price", "", "7.00"))
            == [("accepted", "")] * 2
        )
        assert (state("shirt/S"), state("mug")) == (("26.00", "19.90"), ("8.50", "7.00"))
        assert (
            pushed(store, change("shirt/S", "price", "26.00", "25.00"), change("mug", "sale_price", "7.00", ""))
            == [("accepted", "")] * 2
        )
        assert corrected(path).read_bytes() == path.read_bytes()
        assert pushed(store, change("mug", "sale_price", "", "9.00")) == [("refused", "not-writable")], (
            "no sale above the price"
        )
        assert pushed(store, change("shirt", "title", "Shirt", "T-Shirt"), change("mug", "images", "", "[]")) == [
            ("accepted", ""),
            ("refused", "conflict"),
        ]
        assert pushed(store, change("shirt/M", "attributes.Size", "M", "Medium")) == [("refused", "not-writable")], (
            "it identifies the variant"
        )

    def test_amounts_escapes_and_lists_keep_their_manner(self, tmp_path):
        path = write(tmp_path / "woo.csv", WOO)
        store = files(path)
        images = json.dumps(["https://x.test/b,c.jpg"], separators=(",", ":"))
        changes = [
            change("10", "description", "One\nTwo", "One\nTwo\nThree"),
            change("10", "category", "Home > Chairs", "Home > Seats"),
            change("10", "images", json.dumps(["https://x.test/a.jpg", "https://x.test/b,c.jpg"]), images),
            change("10", "weight_g", "1300", "1250"),
            change("13", "sku", "=EVIL", "-5"),
            change("11", "attributes.Colour", "Red", "Crimson"),
        ]
        assert pushed(store, *changes) == [("accepted", "")] * 6
        text = corrected(path).read_text("utf-8")
        assert all(
            part in text
            for part in (
                "One\\nTwo\\nThree",
                '"Home > Seats, Sale"',
                "https://x.test/b\\,c.jpg",
                ",1.25,",
                "'-5",
                "Crimson",
            )
        )
        feed = write(
            tmp_path / "feed.tsv", "id\ttitle\tlink\timage_link\tprice\nA1\tPan\thttps://x\thttps://i\tEUR 12.99\n"
        )
        assert (
            pushed(files(feed), change("A1", "price", "12.99", "13.50"), change("A1", "currency", "EUR", "USD"))
            == [("accepted", "")] * 2
        )
        assert "USD 13.50" in corrected(feed).read_text("utf-8")

    def test_json_lines_change_one_value_only(self, tmp_path):
        text = '{"sku":"A","price":1.10,  "nested":{"a":[1.50]},"name":"x"}\r\n\nnonsense\n{"sku":"B","price":"2","images":["https://a"]}'
        path = write(tmp_path / "x.jsonl", text)
        store = files(path)
        assert (
            pushed(
                store,
                change("A", "price", "1.10", "1.25"),
                change("B", "title", "", "New"),
                change("B", "images", '["https://a"]', '["https://b"]'),
            )
            == [("accepted", "")] * 3
        )
        new = text.replace("1.10", "1.25").replace('["https://a"]', '["https://b"], "name": "New"')
        assert corrected(path).read_bytes().decode() == new
        assert pushed(store, change("A", "price", "1.25", "1.10")) == [("accepted", "")]
        assert '"price":1.10,' in corrected(path).read_text("utf-8")

    def test_parquet_keeps_its_types(self, tmp_path):
        path = tmp_path / "x.parquet"
        pl.DataFrame(
            {"sku": ["A", "B"], "price": [1.5, None], "qty": [1, 2], "images": [["https://a"], None]}
        ).write_parquet(path)
        store = files(path)
        assert pushed(
            store,
            change("A", "price", "1.5", "2.25"),
            change("B", "quantity", "2", "7"),
            change("A", "images", '["https://a"]', '["https://b"]'),
            change("B", "price", "", "12.50"),
        ) == [("accepted", "")] * 3 + [("refused", "not-writable")]
        after = pl.read_parquet(corrected(path))
        assert after.schema == pl.read_parquet(path).schema
        assert after.rows() == [("A", 2.25, 1, ["https://b"]), ("B", None, 7, None)]

    def test_workbooks_are_corrected_as_csv(self, tmp_path):
        path = tmp_path / "x.xlsx"
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, ["sku", "name", "price"])
            sheet.write_row(1, 0, ["007", "Müg", 12.5])
            sheet.write_row(3, 0, ["8", "Pan", 3])
        store = files(path)
        assert (
            pushed(store, change("007", "price", "12.5", "12.50"), change("8", "price", "3", "3.00"))
            == [("accepted", "")] * 2
        )
        assert corrected(path).name == "x.corrected.csv"
        assert store.read("product", [("007", ""), ("8", "")])["price"].to_list() == ["12.50", "3.00"]
        assert corrected(path).read_bytes().startswith(b"\xef\xbb\xbfsku,name,price\r\n007,M\xc3\xbcg,12.50")


class TestPlatform:
    def test_is_found_and_described(self):
        ours = platform("files")
        assert {c.name for c in ours.credentials if c.required} == {"path"}
        assert not any(c.secret for c in ours.credentials)
        assert "price" in ours.writable["product"] and "record_key" not in ours.writable["product"]

    def test_a_folder_and_a_pattern_are_read_as_one(self, tmp_path):
        write(tmp_path / "a.csv", "sku,name\nA,1\n")
        write(tmp_path / "b.jsonl", '{"sku": "A", "name": "2"}\n')
        write(tmp_path / "readme.md", "no data")
        store = files(tmp_path)
        assert pl.concat(
            [p.records["product"] for p in store.fetch("product", since=datetime(2030, 1, 1, tzinfo=UTC))]
        )["record_key"].to_list() == ["A", "A#2"]
        assert pushed(store, change("A#2", "title", "2", "two")) == [("accepted", "")]
        assert not corrected(tmp_path / "a.csv").exists()
        assert store.read("product", [("A#2", "")])["title"].to_list() == ["two"]
        assert [p.records["product"]["record_key"].to_list() for p in files(tmp_path / "*.csv").fetch("product")] == [
            ["A"]
        ]
        assert list(store.fetch("order")) == []

    def test_check_says_what_is_read_as_what(self, tmp_path):
        good = files(write(tmp_path / "a.csv", "sku,manufacturer\nA,1\n")).check()
        assert good.ok and any("manufacturer -> brand" in line for line in good.messages)
        bad = files(tmp_path / "none.csv").check()
        assert not bad.ok and "There is no file" in bad.messages[-1]
        with pytest.raises(SourceError, match="path is missing"):
            connector(Connection("x", "files", {}))


class TestForms:
    @given(
        st.decimals(min_value=0, max_value=10**6, places=3), st.sampled_from(["g", "kg", "lb", "oz", "mm", "cm", "in"])
    )
    def test_a_measure_that_is_written_reads_as_itself(self, number, unit):
        value = convert(str(number))
        cell = FORMS["measure"].write(value, "1", unit)
        assert FORMS["measure"].read(pl.Series([cell]), unit)[0] == convert(format(number.normalize(), "f"), "mm")

    @given(
        st.sampled_from(["guarded", "lines", "first_path", "amount"]),
        st.text(st.sampled_from(list("a'=+-@\\n\n,> 1.E")), max_size=8),
    )
    def test_what_is_written_reads_as_itself_or_is_refused_by_the_proof(self, form, value):
        try:
            cell = FORMS[form].write(value, "9.99 EUR" if form == "amount" else "", "")
        except Unwritable:
            return
        read = FORMS[form].read(pl.Series([cell]), "")[0]
        if form in ("guarded", "lines"):
            assert read == value
