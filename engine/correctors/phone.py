"""Telephone numbers as people type them become E.164 (ITU-T Recommendation E.164: "+", country code, number)."""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers
import polars as pl
from phonenumbers import phonenumberutil

from engine.correctors.base import Context, Corrector, Proposal, answered, fits, of_record
from engine.correctors.country import territory

__all__ = ["CORRECTOR", "PhoneCorrector"]


class PhoneCorrector(Corrector):
    """Reads a number by the numbering plan of the country that the order ships to, else of the connection's home."""

    name = "phone"
    handles = frozenset(("phone",))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """One E.164 number for each text that is a valid number under some plan tried; nothing for an invalid one."""
        home = context.country.upper()

        def reply(observed: str, country: str) -> Iterator[Proposal]:
            if not fits(observed):
                return
            ship = territory(country)
            tried = (
                [(ship, 0.97, f"Valid under the numbering plan of {ship}, the country of the order.")] if ship else []
            )
            if home and home != ship:
                score = 0.5 if ship else 0.85
                tried.append((home, score, f"Valid under the numbering plan of {home}, the connection's home."))
            for region, score, reason in [*tried, ("", 0.95, "Written with its country code.")]:
                number = _valid(observed, region)
                if number is None:
                    continue
                if region and _lacks_trunk_prefix(observed, region):
                    score = min(score, 0.7 if region == ship else 0.4)
                    reason += " It lacks the leading 0 that is usual there."
                if number.extension:
                    score, reason = min(score, 0.6), f"{reason} The extension has no place in E.164 and is left out."
                yield Proposal(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), score, reason)
                return
            bare = "".join(c for c in observed if c.isdecimal())
            number = _valid(f"+{bare.lstrip('0')}", "")
            if number is not None and not observed.strip().startswith("+"):
                code = phonenumbers.region_code_for_number(number) or "another country"
                score = 0.8 if code == ship else 0.4
                yield Proposal(
                    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
                    score,
                    f"Valid as an international number of {code} whose '+' was lost.",
                )

        return answered(
            self.asked(questions),
            self.name,
            keys={"observed": pl.col("observed").fill_null(""), "country": of_record(questions, "ship_country")},
            reply=reply,
        )


def _lacks_trunk_prefix(text: str, region: str) -> bool:
    """Whether the text starts with neither "+" nor the 0 with which national numbers of the region are written."""
    prefix = phonenumberutil.ndd_prefix_for_region(region, True)
    first = next((c for c in text if c == "+" or c.isdecimal()), "")
    return prefix == "0" and first not in ("+", "0")


def _valid(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


CORRECTOR = PhoneCorrector
