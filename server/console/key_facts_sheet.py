"""The key-facts sheet: one page that is given before consent, as HTML or as a PDF.

Both tell the same facts in the same order: what is lent, what it costs, when it is paid
back, what being late costs, what the farmer may do, and what nobody may do to the farmer.
"""

from __future__ import annotations

import re
import tempfile
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from core.lending.keyfacts import KeyFacts
from core.lending.terms import InterestKind, Part
from server.console.printing import typeset
from server.console.render import STATIC, environment, fill
from server.console.words import known, long_day, message, money, percent, say, say_count, speaking

_FONTS = STATIC / "shared" / "vendor" / "noto-sans-devanagari-5.3.0"
_DEVANAGARI = re.compile("[\u0900-\u097f]")
_HUNDREDTH_PPM = 100  # of a percent
_DAY_COUNTS = {
    "act/365f": message("Counted by the days that pass, of 365 a year."),
    "act/360": message("Counted by the days that pass, of 360 a year."),
    "30e/360": message("Counted by months of 30 days, of 360 a year."),
}
_PARTS = {
    Part.PENALTY: message("penalty"),
    Part.FEE: message("fee"),
    Part.INTEREST: message("interest"),
    Part.PRINCIPAL: message("principal"),
}


@dataclass(frozen=True, slots=True)
class Lender:
    """Who lends, and where a farmer can complain."""

    name: str
    contact: str


def as_html(facts: KeyFacts, lender: Lender, language: str = "en") -> str:
    """The sheet as one page, in a language of the console.

    It carries Devanagari where it has any; other letters are of the reader's own fonts.
    """
    with speaking(language):
        told = _told(facts, lender)
        fonts = _devanagari() if _DEVANAGARI.search(f"{told}") else Markup()
        return fill(environment(), "key_facts.html", {**told, "fonts": fonts})


@cache
def _devanagari() -> Markup:
    """The style that brings the letters into the page itself: it asks nobody for anything."""
    faces = []
    for weight in (400, 700):
        file = _FONTS / f"noto-sans-devanagari-devanagari-{weight}-normal.woff2"
        data = b64encode(file.read_bytes()).decode()
        faces.append(
            f'@font-face {{ font-family: "Sheet Devanagari"; font-weight: {weight}; '
            f'src: url("data:font/woff2;base64,{data}") format("woff2"); }}'
        )
    return Markup("\n".join(faces))  # noqa: S704 - our own files


def as_pdf(facts: KeyFacts, lender: Lender, language: str = "en") -> bytes:
    """The sheet as a PDF, in a language of the console.

    Raises
    ------
    RequestError
        If it cannot be set.
    """
    with (
        speaking(language),
        tempfile.TemporaryDirectory(prefix="harvestline-sheet-") as scratch,
    ):
        return typeset("key_facts.typ", _told(facts, lender), Path(scratch))


def _told(facts: KeyFacts, lender: Lender) -> dict[str, Any]:
    def much(minor: int) -> str:
        return money(minor, facts.currency)

    drawn_on = long_day(facts.drawn_on)
    return {
        "lender": lender.name,
        "contact": lender.contact,
        "product": known(facts.product_name),
        "drawn": say("If you draw on {day}", day=drawn_on),
        "amount": much(facts.amount_minor),
        "apr": _rate(facts.apr_ppm),
        "total": much(facts.total_minor),
        "cost": much(facts.cost_minor),
        "cap": say(
            "The highest annual percentage rate that may be charged on that day is {rate}: "
            "{source}.",
            rate=_rate(facts.cap_ppm), source=known(facts.cap_source),
        ),
        "prices": [
            [say("Interest"), _interest(facts), much(facts.interest_minor)],
            [say("Fee"), say("Once, with the drawdown."), much(facts.fee_minor)],
        ],
        "payments": [
            [long_day(each.on), much(each.principal_minor), much(each.interest_minor),
             much(each.fee_minor), much(each.total_minor)]
            for each in facts.payments
        ],
        "late": _late(facts),
        "rights": _rights(facts),
        "made": say(
            "Made by {policy}. These facts’ fingerprint: {hash}",
            policy=facts.policy_version, hash=facts.sha256(),
        ),
        "words": _words(lender),
    }  # fmt: skip


def _words(lender: Lender) -> dict[str, str]:
    return {
        "title": say("Key facts before you agree"),
        "receive": say("You receive"),
        "pay_back": say("You pay back in all"),
        "it_costs": say("It costs you"),
        "rate": say("Annual percentage rate, with every fee"),
        "costs": say("What it costs"),
        "in_all": say("In all"),
        "when": say("When you pay"),
        "day": say("Day"),
        "principal": say("Principal"),
        "interest": say("Interest"),
        "fee": say("Fee"),
        "pay": say("You pay"),
        "late": say("If you are late"),
        "rights": say("What you may do"),
        "wrong": say("If something is wrong"),
        "sign_farmer": say("Day and signature of the farmer"),
        "sign_lender": say("Day and signature for {lender}", lender=lender.name),
    }


def _rate(ppm: int) -> str:
    """A rate to two decimals, rounded half up as core's own."""
    half = _HUNDREDTH_PPM // 2
    return percent((ppm + half) // _HUNDREDTH_PPM * _HUNDREDTH_PPM, 2)


def _interest(facts: KeyFacts) -> str:
    told = (
        message("{rate} a year, on the principal only.")
        if facts.interest is InterestKind.SIMPLE
        else message("{rate} a year, with interest on interest.")
    )
    return f"{say(told, rate=_rate(facts.nominal_rate_ppm))} {say(_DAY_COUNTS[facts.day_count])}"


def _late(facts: KeyFacts) -> list[str]:
    found = []
    if facts.penalty_rate_ppm:
        found.append(
            say(
                "What is not paid on its day costs {rate} a year on top, on the overdue principal; "
                "never a penalty on a penalty.",
                rate=_rate(facts.penalty_rate_ppm),
            )
        )
        found.append(
            say_count(
                "This begins after {count} day.",
                "This begins after {count} days.",
                facts.grace_days,
            )
            if facts.grace_days
            else say("This begins on the next day.")
        )
    else:
        found.append(
            say("Being late costs the interest of the days that pass, and nothing on top.")
        )
    charged = [
        part for part in facts.waterfall if facts.penalty_rate_ppm or part is not Part.PENALTY
    ]
    order = " → ".join(say(_PARTS[part]) for part in charged)
    found.append(say("A payment goes to these, one after the other: {order}.", order=order))
    return found


def _rights(facts: KeyFacts) -> list[str]:
    found = [
        say("You may repay earlier, in parts, at no cost: interest ends with the day of payment.")
    ]
    if facts.rebate_minor:
        much = money(facts.rebate_minor, facts.currency)
        found.append(say("If nothing is paid late, {amount} comes back to you.", amount=much))
    if facts.cooling_off_days:
        found += [_leave(facts.cooling_off_days), _pay_back(facts.withdrawn_repay_days)]
    if facts.lenders:
        together = ", ".join(facts.lenders)
        found.append(
            say(
                "Together they lend this money: {lenders}. You deal with {lender} alone and pay "
                "one price.",
                lenders=together, lender=facts.lenders[0],
            )
        )  # fmt: skip
    if facts.rate_min_ppm is not None and facts.rate_max_ppm is not None:
        found.append(
            say(
                "What you draw keeps its rate. New money is priced by its risk, from {least} to "
                "{most} a year.",
                least=_rate(facts.rate_min_ppm), most=_rate(facts.rate_max_ppm),
            )
        )  # fmt: skip
    found += [
        say(
            "Your limit may fall with the crop. It then takes only what you have not drawn: a "
            "lower limit never makes anything due earlier."
        ),
        say("You may ask a person to look at any decision, and take back any consent."),
    ]
    return found


def _leave(days: int) -> str:
    return say_count(
        "You may leave within {count} day of the first drawdown without giving a reason.",
        "You may leave within {count} days of the first drawdown without giving a reason.",
        days,
    )


def _pay_back(days: int) -> str:
    return say_count(
        "If you leave, what was drawn is paid back within {count} day, with interest for the days "
        "that passed and no fee.",
        "If you leave, what was drawn is paid back within {count} days, with interest for the days "
        "that passed and no fee.",
        days,
    )
