"""Templates, and the few words and figures that every page spells the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from core.lending.terms import CashMonth
from core.units import PPM, minor_digits, within_calendar
from server.console import words
from server.console.words import (
    fraction,
    known,
    long_day,
    message,
    money,
    number,
    percent,
    say,
    short_day,
)

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
ICONS = STATIC / "shared" / "icons"
PREFIX = "/console"
STAGE_ICONS = {
    "sowing": "seed",
    "emergence": "sprout",
    "vegetative": "plant",
    "heading": "ear",
    "ripening": "ear",
    "harvested": "harvest",
}
MOVEMENT_ICONS = {
    "opened": "seed",
    "raised": "up",
    "held": "hold",
    "cut": "down",
    "frozen": "lock",
}
MOVEMENT_WORDS = {
    "opened": message("Opened"),
    "raised": message("Raised"),
    "held": message("Held"),
    "cut": message("Cut"),
    "frozen": message("Frozen"),
}

_SPANS = (
    (86_400_000, message("{count} d")),
    (3_600_000, message("{count} h")),
    (60_000, message("{count} min")),
    (1_000, message("{count} s")),
)
_SIZES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def environment() -> Environment:
    """The templates, with everything escaped and nothing undefined passed over."""
    found = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        money=money, amount=words.figure, day=long_day, short_day=short_day, instant=instant,
        percent=percent, signed_percent=signed_percent, points=points, hash=short_hash,
        hectares=hectares, number=number, feature=feature_name, civil=civil, code=words.code,
        bytes=size, span=span, units=units, cash_months=cash_months,
        known=words.known, known_code=words.known_code, fact=words.fact, reason=words.reason,
    )  # fmt: skip
    found.globals.update(
        icon=icon, measure=measure, prefix=PREFIX, stage_icon=STAGE_ICONS,
        movement_icon=MOVEMENT_ICONS, movement_words=MOVEMENT_WORDS, _=words.shown,
        _n=words.shown_count, languages=words.LANGUAGES, tags=words.TAGS,
        language=words.language,
    )  # fmt: skip
    return found


@cache
def icon(name: str) -> Markup:
    """An icon of the shared set, inline, so that it takes the colour of its text."""
    svg = (ICONS / f"{name}.svg").read_text(encoding="utf-8").strip()
    drawn = svg.replace("<svg ", '<svg class="icon" aria-hidden="true" focusable="false" ', 1)
    return Markup(drawn)  # noqa: S704 - our own file


def cash_months(cash: Sequence[CashMonth]) -> str:
    """A farmer's own months with their shares; no line ends within one of them."""
    return words.cash_months(cash).replace(" ", "\u00a0").replace(",\u00a0", ", ")


def instant(at_ms: int | None) -> str:
    """An instant in UTC, to the minute."""
    if at_ms is None:
        return say("never")
    found = datetime.fromtimestamp(within_calendar(at_ms) / 1000, UTC)
    return f"{long_day(found.date().isoformat())}, {found:%H:%M} UTC"


def signed_percent(ppm: int | None) -> str:
    """A deviation as a percentage with its sign; a dash where it is unknown."""
    if ppm is None:
        return "–"
    whole = round(100 * ppm / PPM)
    return f"{whole:+d} %".replace("-", "−") if whole else "0 %"


def measure(value: int, unit: str, currency: str) -> str:
    """A feature's value as people read it: shares as percentages, amounts as money."""
    if unit.startswith("ppm"):
        of = known(unit.removeprefix("ppm").strip())
        return f"{number(round(100 * value / PPM))} % {of}".strip()
    if unit == "minor units":
        return money(value, currency)
    return f"{number(value)} {known(unit)}"


def feature_name(name: str) -> str:
    """A feature's name in words; its unit stands with its value."""
    for tail in ("_count", "_ppm", "_m2", "_minor"):
        name = name.removesuffix(tail)
    told = name.replace("_", " ").replace("ndvi", "NDVI")
    return known(told[0].upper() + told[1:])


def span(ms: int) -> str:
    """A length of time in its largest unit that is not nought."""
    for unit_ms, told in _SPANS:
        if ms >= unit_ms:
            return say(told, count=ms // unit_ms)
    return say("{count} ms", count=ms)


def units(amount_minor: int, currency: str) -> str:
    """An amount in its currency's unit without separators, as a form takes it."""
    return f"{Decimal(amount_minor).scaleb(-minor_digits(currency))}"


def size(count_bytes: int) -> str:
    """A number of bytes as people read it, in powers of a thousand."""
    for unit, name in _SIZES:
        if count_bytes >= unit:
            return f"{fraction(count_bytes / unit, 1)} {name}"
    return f"{count_bytes} B"


def civil(at_ms: int) -> str:
    """The day of an instant in UTC, as a date."""
    return datetime.fromtimestamp(within_calendar(at_ms) / 1000, UTC).date().isoformat()


def points(value: int) -> str:
    """Points with their sign."""
    return f"{value:+d}".replace("-", "−")


def short_hash(text: str, digits: int = 12) -> str:
    """The beginning of a hash or an id; the whole stands in the page's title text."""
    return text if len(text) <= digits else f"{text[:digits]}…"


def hectares(area_m2: int) -> str:
    """An area in hectares."""
    return f"{area_m2 / 10_000:.2f} ha"


def fill(templates: Environment, name: str, context: Mapping[str, Any]) -> str:
    """A page's text."""
    return templates.get_template(name).render(**context)
