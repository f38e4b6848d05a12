"""The key-facts sheet: one page that is given before consent, as HTML or as a PDF.

Both tell the same facts in the same order: what is lent, what it costs, when it is paid
back, what being late costs, what the farmer may do, and what nobody may do to the farmer.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typst

from core.lending.keyfacts import KeyFacts, percent
from core.lending.terms import InterestKind, Part
from core.units import format_money
from server.console.render import FOLDER, environment, fill
from server.console.words import long_day
from server.services.centre import RequestError

_TEMPLATE = "key_facts.typ"
_DAY_COUNTS = {
    "act/365f": "the days that pass, of 365 a year",
    "act/360": "the days that pass, of 360 a year",
    "30e/360": "months of 30 days, of 360 a year",
}


@dataclass(frozen=True, slots=True)
class Lender:
    """Who lends, and where a farmer can complain."""

    name: str
    contact: str


def as_html(facts: KeyFacts, lender: Lender) -> str:
    """The sheet as one page that needs nothing else."""
    return fill(environment(), "key_facts.html", _told(facts, lender))


def as_pdf(facts: KeyFacts, lender: Lender) -> bytes:
    """The sheet as a PDF.

    Raises
    ------
    RequestError
        If it cannot be set.
    """
    with tempfile.TemporaryDirectory(prefix="harvestline-sheet-") as scratch:
        folder = Path(scratch)
        words = (FOLDER / "templates" / _TEMPLATE).read_text(encoding="utf-8")
        (folder / _TEMPLATE).write_text(words, encoding="utf-8")
        told = json.dumps(_told(facts, lender), ensure_ascii=False)
        (folder / "told.json").write_text(told, encoding="utf-8")
        try:
            return bytes(typst.compile(folder / _TEMPLATE, root=folder))
        except RuntimeError as error:
            raise RequestError(f"expected to set the sheet: {error}") from error


def _told(facts: KeyFacts, lender: Lender) -> dict[str, Any]:
    def money(minor: int) -> str:
        return format_money(minor, facts.currency)

    return {
        "lender": lender.name,
        "contact": lender.contact,
        "product": facts.product_name,
        "policy": facts.policy_version,
        "sha256": facts.sha256(),
        "drawn_on": _day(facts.drawn_on),
        "amount": money(facts.amount_minor),
        "apr": percent(facts.apr_ppm),
        "total": money(facts.total_minor),
        "cost": money(facts.cost_minor),
        "last_on": _day(facts.payments[-1].on),
        "cap": f"{percent(facts.cap_ppm)}: {facts.cap_source}",
        "prices": [
            ["Interest", f"{percent(facts.nominal_rate_ppm)} a year, {_interest(facts)}",
             money(facts.interest_minor)],
            ["Fee", "once, with the drawdown", money(facts.fee_minor)],
        ],
        "payments": [
            [_day(each.on), money(each.principal_minor), money(each.interest_minor),
             money(each.fee_minor), money(each.total_minor)]
            for each in facts.payments
        ],
        "late": _late(facts),
        "rights": _rights(facts),
    }  # fmt: skip


def _interest(facts: KeyFacts) -> str:
    kind = (
        "on the principal only" if facts.interest is InterestKind.SIMPLE else "with interest on it"
    )
    return f"{kind}; {_DAY_COUNTS[facts.day_count]}"


def _late(facts: KeyFacts) -> list[str]:
    found = []
    if facts.penalty_rate_ppm:
        grace = f"after {facts.grace_days} days" if facts.grace_days else "from the next day on"
        found.append(
            f"What is not paid on its day costs {percent(facts.penalty_rate_ppm)} a year on top, "
            f"{grace}, on the overdue principal; never a penalty on a penalty."
        )
    else:
        found.append("Being late costs the interest of the days that pass, and nothing on top.")
    charged = [
        part for part in facts.waterfall if facts.penalty_rate_ppm or part is not Part.PENALTY
    ]
    order = ", then ".join(part.value for part in charged)
    found.append(f"A payment goes to {order}.")
    return found


def _rights(facts: KeyFacts) -> list[str]:
    found = ["You may repay earlier, in parts, at no cost: interest ends with the day of payment."]
    if facts.rebate_minor:
        told = format_money(facts.rebate_minor, facts.currency)
        found.append(f"If nothing is paid late, {told} comes back to you.")
    if facts.cooling_off_days:
        found.append(
            f"You may leave within {facts.cooling_off_days} days of the first drawdown without "
            f"giving a reason; what was drawn is then paid back within "
            f"{facts.withdrawn_repay_days} days, with interest for the days that passed and no fee."
        )
    if facts.lenders:
        together = " and ".join(facts.lenders)
        found.append(
            f"{together} lend this money together. You deal with {facts.lenders[0]} alone and pay "
            "one price."
        )
    if facts.rate_min_ppm is not None and facts.rate_max_ppm is not None:
        found.append(
            f"What you draw keeps its rate. New money is priced by its risk, from "
            f"{percent(facts.rate_min_ppm)} to {percent(facts.rate_max_ppm)} a year."
        )
    found += [
        (
            "Your limit may fall with the crop. It then takes only what you have not drawn: a "
            "lower limit never makes anything due earlier."
        ),
        "You may ask a person to look at any decision, and take back any consent.",
    ]
    return found


def _day(text: str) -> str:
    return long_day(text)
