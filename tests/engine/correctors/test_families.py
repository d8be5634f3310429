"""The learned families beside `learned_value`: programs of decisions, the row's vicinity, the column's domain."""

from __future__ import annotations

import polars as pl

from connectors.record import conform
from engine.correctors import Context, correctors
from engine.types import DECISIONS, QUESTIONS


def decided(*rows: dict[str, str]) -> pl.DataFrame:
    """Decisions of the connection "shop" on "market" about the title and the rule that `ask` uses."""
    base = dict.fromkeys(DECISIONS, "x") | {"connection": "shop", "channel": "market", "kind": "product"}
    base |= {"field": "title", "rule_id": "rule", "verdict": "approved", "decided_at": None}
    return pl.DataFrame([base | row | {"final": row.get("final", row["suggested"])} for row in rows], schema=DECISIONS)


def approved(before: str, after: str, **more: str) -> dict[str, str]:
    return {"observed": before, "suggested": after} | more


CAPITALS = [("BLUE MUG", "Blue Mug"), ("RED PAN", "Red Pan"), ("OLD TENT", "Old Tent")]


def test_a_program_answers_values_that_nobody_decided(ask) -> None:
    decisions = decided(*(approved(*pair) for pair in CAPITALS))
    ((value, score, reason),) = ask("program", "product", "title", ["GREEN BOWL"], decisions=decisions)["GREEN BOWL"]
    assert value == "Green Bowl"
    assert 0.6 < score < 0.7
    assert reason == "Explains 3 of 3 different values decided here: writes every word with a capital."


def test_the_narrowest_scope_that_answers_speaks(ask) -> None:
    elsewhere = [approved(a, a.lower(), connection="other", channel="far") for a, _ in CAPITALS]
    on_channel = [approved(a, a.capitalize(), connection="other") for a, _ in CAPITALS]
    here = [approved(*pair) for pair in CAPITALS]
    for rows, value, whose in (
        (elsewhere, "green bowl", "on all channels"),
        (elsewhere + on_channel, "Green bowl", "on this channel"),
        (elsewhere + on_channel + here, "Green Bowl", "here"),
    ):
        found = ask("program", "product", "title", ["GREEN BOWL"], decisions=decided(*rows))["GREEN BOWL"]
        assert [one[0] for one in found] == [value]
        assert whose in found[0][2]


def test_other_rules_and_fields_teach_nothing(ask) -> None:
    for other in ({"rule_id": "other"}, {"field": "brand"}, {"kind": "stock"}):
        decisions = decided(*(approved(*pair, **other) for pair in CAPITALS))
        assert ask("program", "product", "title", ["GREEN BOWL"], decisions=decisions)["GREEN BOWL"] == []


def test_a_rejection_and_what_a_modification_replaced_count_against(ask) -> None:
    taught = [approved(*pair) for pair in CAPITALS]
    rejected = approved("BIG POT", "Big Pot", verdict="rejected", final="")
    found = ask("program", "product", "title", ["GREEN BOWL"], decisions=decided(*taught, rejected))
    assert found["GREEN BOWL"] == []
    modified = [approved(a, b, verdict="modified", final=f"{a}!") for a, b in CAPITALS]
    found = ask("program", "product", "title", ["GREEN BOWL"], decisions=decided(*modified))
    assert not any(value == "Green Bowl" for value, _, _ in found["GREEN BOWL"])


def test_disputed_readings_score_low_and_say_so(ask) -> None:
    decisions = decided(*(approved(f"0{n}/0{n}/2024", f"2024-0{n}-0{n}", field="updated_at") for n in (3, 5, 7)))
    found = ask("program", "product", "updated_at", ["03/04/2024"], decisions=decisions)
    assert {one[0] for one in found["03/04/2024"]} == {"2024-03-04", "2024-04-03"}
    assert all(score < 0.4 and "several readings" in reason for _, score, reason in found["03/04/2024"])


def test_a_program_that_would_turn_its_own_result_is_not_offered(ask) -> None:
    turned = [("11/10/14", "10/14/11"), ("12/05/09", "05/09/12"), ("09/03/12", "03/12/09")]
    decisions = decided(*(approved(*pair) for pair in turned))
    assert ask("program", "product", "title", ["08/07/13"], decisions=decisions)["08/07/13"] == []


def test_personal_data_teaches_none_of_the_families(ask) -> None:
    orders = [{"email": f"anna{n % 3}@example.com", "ship_city": "Lyon", "currency": "EUR"} for n in range(60)]
    rows = [approved(f"A{n}@B.DE", f"a{n}@b.de", kind="order", field="email") for n in range(9)]
    for name in ("program", "vicinity", "domain", "learned_value"):
        found = ask(
            name, "order", "email", ["A1@B.DE", "anna1@example.con", ""], decisions=decided(*rows), records=orders
        )
        assert not any(found.values()), name
    model = correctors()["vicinity"]()
    model.fit(Context(records=conform(pl.DataFrame(orders), "order").lazy()))
    assert not {"email", "ship_city"} & set(model.model_.columns_)


def shelf(count: int = 120) -> list[dict[str, object]]:
    """Products whose brand follows from the lead time, with records of their own keys."""
    brands = ["Norvik", "Kettler", "Acme"]
    return [
        {
            "record_key": f"known-{n}",
            "brand": brands[n % 3],
            "lead_time_days": str(2 + n % 3),
            "category": "Kitchen > Pans" if n % 2 else "Kitchen > Mugs",
            "currency": "EUR",
            "attributes": [{"key": "origin", "value": ["NO", "DE", "FR"][n % 3]}],
        }
        for n in range(count)
    ]


def test_the_vicinity_fills_what_the_records_foretell(ask) -> None:
    found = ask("vicinity", "product", "brand", ["", "Nrovik"], record={"lead_time_days": "2"}, records=shelf())
    for ((value, score, reason),) in found.values():
        assert value == "Norvik"
        assert score > 0.9
        assert "40 of 40 records with the same lead_time_days" in reason
    assert (
        ask("vicinity", "product", "brand", ["Norvik"], record={"lead_time_days": "2"}, records=shelf())["Norvik"] == []
    )


def test_the_vicinity_fills_attributes_too() -> None:
    asked_record = {"brand": "Kettler", "attributes": [{"key": "origin", "value": ""}]}
    whole = conform(pl.DataFrame([asked_record | {"record_key": "new"}]), "product").drop("raw")
    fixed = dict.fromkeys(QUESTIONS, "x") | {"kind": "product", "field": "attributes.origin", "observed": ""}
    question = pl.DataFrame([fixed | {"record_key": "new"}], schema=QUESTIONS).with_columns(
        record=whole.to_struct("record")
    )
    context = Context(records=conform(pl.DataFrame(shelf()), "product").lazy())
    corrector = correctors()["vicinity"]()
    corrector.fit(context)
    assert corrector.suggest(question, context)["value"].to_list() == ["DE"]


def test_the_vicinity_is_silent_without_a_dependency(ask) -> None:
    assert ask("vicinity", "product", "brand", [""], record={"category": "Kitchen > Mugs"}, records=shelf())[""] == []
    assert ask("vicinity", "product", "currency", [""], record={"lead_time_days": "2"}, records=shelf())[""] == []
    assert ask("vicinity", "product", "brand", [""], record={"lead_time_days": "2"}, records=shelf(6))[""] == []


def test_a_slip_of_typing_goes_back_to_the_frequent_value(ask) -> None:
    found = ask("domain", "product", "brand", ["Norvick", "Zephyr", "Norvik", "n/a", "Ketler"], records=shelf())
    assert [one[0] for one in found["Norvick"]] == ["Norvik"]
    assert "40 records" in found["Norvick"][0][2]
    assert [one[0] for one in found["Ketler"]] == ["Kettler"]
    assert found["Zephyr"] == found["Norvik"] == found["n/a"] == []


def test_numbers_rare_values_and_names_of_single_things_are_left_alone(ask) -> None:
    numbers = [{"weight_g": "12500", "record_key": f"k{n}"} for n in range(60)]
    assert ask("domain", "product", "weight_g", ["12501"], records=numbers)["12501"] == []
    titles = [{"title": f"Mug number {n}", "record_key": f"k{n}"} for n in range(60)]
    assert ask("domain", "product", "title", ["Mug numbr 7"], records=titles)["Mug numbr 7"] == []
    rare = [{"brand": "Norvik", "record_key": f"k{n}"} for n in range(4)]
    assert ask("domain", "product", "brand", ["Norvick"], records=rare)["Norvick"] == []
    both = shelf() + [{"brand": "Norvick", "record_key": f"m{n}"} for n in range(30)]
    assert ask("domain", "product", "brand", ["Norvick"], records=both)["Norvick"] == []


def test_every_decision_counts_though_programs_are_searched_in_steps(ask) -> None:
    rows = [
        approved(f"BRAND{chr(65 + n % 26)}{chr(65 + n // 26)}", f"Brand{chr(97 + n % 26)}{chr(97 + n // 26)}")
        for n in range(59)
    ]
    for count in (57, 58, 59):
        ((value, _, reason),) = ask("program", "product", "title", ["NAME"], decisions=decided(*rows[:count]))["NAME"]
        assert value == "Name"
        assert reason.startswith(f"Explains {count} of {count}")
    refused = [approved(f"OTHER{letter}", f"Other{letter.lower()}", verdict="rejected", final="") for letter in "ABCD"]
    assert ask("program", "product", "title", ["NAME"], decisions=decided(*rows[:55], *refused))["NAME"] == []
