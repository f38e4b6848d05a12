"""The annual percentage rate: time of one solve, beside a naive solver and pyxirr.

The naive solver halves the range 140 times with one power a payment, in the same decimals;
it is what stood here before. pyxirr is compiled and works in binary fractions: it is fast
and takes dates only, so for Regulation Z, which counts unit-periods, it has no answer. The
cases are of the shapes that are priced: a draw at harvest, a season's instalments, twenty
years of months. CPU time of this process.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Context, Decimal, localcontext
from functools import partial

import pyxirr

from bench.report import Effort, Figure, Report
from bench.timing import median_ms
from core.lending.price import Flow, apr_ppm, effective_rate
from core.lending.regz import Transfer, UnitKind, UnitPeriod, apr
from core.lending.schedule import months_from

FIRST = date(2026, 3, 20)
SOLVES = 15
CARD_BLOCK = 20
PEER_BLOCK = 1_000  # the peer takes microseconds
NAIVE_SOLVES = 3
NAIVE_STEPS = 140
CASES = {
    "one draw, repaid at harvest": ((179, -1_083_658),),
    "six instalments": tuple((26 + 30 * k, -175_756) for k in range(6)),
    "240 monthly instalments": tuple((30 * k, -7_164) for k in range(1, 241)),
}
AMOUNT = 1_000_000

Timed = Sequence[tuple[Decimal, Decimal]]


def measure(effort: Effort) -> Report:
    """Solve each case over and over."""
    rows, numbers = [], {}
    for name, paid in CASES.items():
        flows = ((0, AMOUNT), *paid)
        timed = [(Decimal(days) / 365, Decimal(amount)) for days, amount in flows]
        dated = [(FIRST + timedelta(days=days), float(amount)) for days, amount in flows]
        ours_ms = median_ms(lambda timed=timed: effective_rate(timed), SOLVES * effort.repeats)
        whole = [Flow(days, amount) for days, amount in flows]
        card_ms = median_ms(partial(apr_ppm, whole), SOLVES * effort.repeats, CARD_BLOCK)
        naive_ms = median_ms(lambda timed=timed: _naive(timed), NAIVE_SOLVES * effort.repeats)
        peer_ms = median_ms(lambda dated=dated: pyxirr.xirr(dated), SOLVES, PEER_BLOCK)
        gap = abs(effective_rate(timed) - Decimal(pyxirr.xirr(dated) or 0))
        assert gap < Decimal("1e-9"), f"{name}: the oracle differs by {gap}"
        rows.append(_row(f"EU, {name}", (card_ms, ours_ms), naive_ms, f"{peer_ms:.4f}"))
        numbers |= {
            f"{name} [ms]": ours_ms,
            f"{name}, card [ms]": card_ms,
            f"{name}, naive [ms]": naive_ms,
        }
    regz_ms = median_ms(_regz, SOLVES * effort.repeats)
    rows.append(
        (f"Regulation Z, {len(_LOAN) - 1} months", "", f"{regz_ms:.2f}", "", "", "no answer")
    )
    return _report(rows, numbers | {"regz [ms]": regz_ms})


def _row(name: str, took: tuple[float, float], naive_ms: float, peer: str) -> tuple[str, ...]:
    card_ms, ours_ms = took
    return (
        name,
        f"{card_ms:.3f}",
        f"{ours_ms:.2f}",
        f"{naive_ms:.1f}",
        f"{naive_ms / ours_ms:.0f} ×",
        peer,
    )


def _naive(timed: Timed) -> Decimal:
    with localcontext(Context(prec=34)):
        low, high = Decimal("-0.99"), Decimal(1000)
        for _ in range(NAIVE_STEPS):
            middle = (low + high) / 2
            log_growth = (1 + middle).ln()
            worth = sum(amount * (-log_growth * years).exp() for years, amount in timed)
            low, high = (low, middle) if worth > 0 else (middle, high)
        return (low + high) / 2


_LOAN = [Transfer(date(1978, 2, 10), Decimal(6000))] + [
    Transfer(months_from(date(1978, 4, 1), k), Decimal(-200)) for k in range(36)
]  # 12 CFR 1026, Appendix J (c)(1)(ii)


def _regz() -> Decimal:
    return apr(_LOAN, UnitPeriod(UnitKind.MONTH), _LOAN[0].on)


def _report(rows: Sequence[tuple[str, ...]], numbers: dict[str, float]) -> Report:
    longest = rows[len(CASES) - 1]
    return Report(
        title="Annual percentage rate: one solve",
        headings=(
            "case", "on a card [ms]", "18 decimals [ms]", "naive [ms]", "naive : ours",
            "pyxirr [ms]",
        ),
        rows=tuple(rows),
        note="On a card: proven to the whole part per million that is printed. Else ours is "
        "enclosed to 10⁻²⁰ in decimals and refuses several rates; the naive solver returns "
        " one of them, and pyxirr the one nearest to its first guess.",
        figures=(
            Figure("annual percentage rate of 240 payments", f"{longest[2]} ms CPU",
                   f"naive decimals {longest[3]} ms, pyxirr (binary) {longest[5]} ms"),
        ),
        numbers=numbers,
    )  # fmt: skip
