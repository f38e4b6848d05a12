"""What an officer asks of a stress test, as a scenario; and its outcome as pictures and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from core.units import PPM
from server.console.figures.stress import limit_picture, risk_picture, whole_picture
from server.console.stress_report import told
from server.console.views.section import Section, Table
from server.console.words import message, say
from server.services.stress.run import Outcome
from server.services.stress.scenario import Scenario, parse_scenario

PERCENT_MAX = 100.0
RATE_PERCENT_MAX = 50.0  # more interest than any cap allows
LOSSES = ("harvest", "forage", "price", "herd")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The shocks as they were typed [percent]; nothing typed is nought."""

    harvest: float = 0.0
    forage: float = 0.0
    price: float = 0.0
    rate: float = 0.0
    herd: float = 0.0
    faults: tuple[str, ...] = ()

    @property
    def is_asked(self) -> bool:
        """Whether there is any shock, and nothing wrong with it."""
        shocks = (self.harvest, self.forage, self.price, self.rate, self.herd)
        return any(shocks) and not self.faults

    @property
    def shocks(self) -> Mapping[str, str]:
        """What is not nought [percent]."""
        given = {name: getattr(self, name) for name in (*LOSSES, "rate")}
        return {name: f"{value:g}" for name, value in given.items() if value}

    @property
    def query(self) -> str:
        """The same as part of an address."""
        names = (*LOSSES, "rate")
        return urlencode({name: f"{getattr(self, name):g}" for name in names})


PRESETS: tuple[tuple[str, Wanted], ...] = (
    (message("A third of the harvest and forage is lost"), Wanted(harvest=33, forage=33)),
    (message("Prices fall by a fifth"), Wanted(price=20)),
    (message("Interest rises by three points"), Wanted(rate=3)),
    (message("One animal in ten dies"), Wanted(herd=10)),
    (message("All four at once"), Wanted(harvest=33, forage=33, price=20, rate=3, herd=10)),
)


def read_wanted(params: Mapping[str, str]) -> Wanted:
    """The shocks that an address names; what cannot be is named."""
    found: dict[str, float] = {}
    faults = []
    for name in (*LOSSES, "rate"):
        most = RATE_PERCENT_MAX if name == "rate" else PERCENT_MAX
        value = _number(params.get(name, ""))
        if value is None or not 0 <= value <= most:
            faults.append(
                say("expected 0 to {most} percent, got {got}", most=round(most),
                    got=params.get(name, "")[:20])
            )  # fmt: skip
        else:
            found[name] = value
    return Wanted(**found, faults=tuple(faults))


def _number(text: str) -> float | None:
    if not text.strip():
        return 0.0
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def scenario_of(wanted: Wanted) -> Scenario:
    """The scenario of what was asked: all crops and villages, on today's book.

    Raises
    ------
    ScenarioError
        If there is no shock in it.
    """
    table: dict[str, object] = {
        "name": "console", "title": say("Shocks chosen at the console"),
        "source": say("chosen by an officer at the console"),
    }  # fmt: skip
    if wanted.harvest or wanted.forage:
        table["drought"] = [
            {"yield_loss_ppm": _ppm(wanted.harvest), "forage_loss_ppm": _ppm(wanted.forage)}
        ]
    if wanted.price:
        table["price_fall"] = [{"fall_ppm": _ppm(wanted.price)}]
    if wanted.rate:
        table["rate_rise"] = [{"rise_ppm": _ppm(wanted.rate)}]
    if wanted.herd:
        table["herd_disease"] = [{"heads_lost_ppm": _ppm(wanted.herd)}]
    return parse_scenario(table)


def _ppm(percent: float) -> int:
    return round(percent * PPM / 100)


def sections_of(outcome: Outcome) -> tuple[Section, ...]:
    """The outcome as pictures, each with its numbers."""
    rows = told(outcome)
    words = rows["words"]
    names = tuple(words[name] for name in ("what", "before", "after", "change"))
    totals = tuple(
        (row["name"], row["before"], row["after"], row["change"]) for row in rows["totals"]
    )
    cells = tuple(tuple(row) for row in rows["cells"])
    by_cell = Table(say("By crop and village"), tuple(rows["headings"]), cells)
    return (
        Section("whole", words["whole"], " ".join(rows["shocks"]),
                whole_picture(outcome), Table(words["whole"], names, totals)),
        Section("risk", words["risk"],
                say("Late by 90 days, or to be expected to fail."),
                risk_picture(outcome), by_cell),
        Section("limits", words["limits"],
                say("What is undrawn is cut at once; what stations hold in leases stays."),
                limit_picture(outcome), by_cell),
    )  # fmt: skip
