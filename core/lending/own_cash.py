"""A farmer's own cash months: when money comes in, told at application.

A product states within which bounds a farmer may bring their own; without bounds nobody
may. A line with own months falls due in them, and in them alone, as with the product's own
``cash_months``: days are counted back from the due date, and the last payment takes what is
left. Where the month of the product's due date brings the farmer nothing, the line's due
date is the last of their months before it; it is never later than the product's. Statement
C16 of docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from core.lending.product import Product
from core.lending.schedule import months_from
from core.lending.terms import MONTHS_A_YEAR, CashMonth, ScheduleKind, ScheduleTerms
from core.units import PPM


def with_own_cash(product: Product, cash: Sequence[CashMonth] | None) -> Product:
    """The product as it is repaid in a farmer's own months; itself where they brought none."""
    if not cash:
        return product
    due_on = date.fromisoformat(product.due_on)
    schedule = product.schedule or ScheduleTerms(ScheduleKind.BULLET)
    own = replace(schedule, kind=ScheduleKind.CASH_MONTHS, every_months=0, cash=tuple(cash))
    last = months_from(due_on, -early_months(due_on, cash))
    return replace(product, due_on=last.isoformat(), schedule=own)


def early_months(due_on: date, cash: Sequence[CashMonth]) -> int:
    """How many months before a due date the last of the months with cash lies [months]."""
    return min((due_on.month - each.month) % MONTHS_A_YEAR for each in cash)


def own_cash_faults(product: Product, cash: Sequence[CashMonth] | None, on: date) -> list[str]:
    """What is wrong with the months that a farmer brings on a day, in words; none if they fit.

    Each says what was expected and what came.
    """
    if cash is None:
        return []
    bounds = product.own_cash
    if bounds is None:
        told = f"expected no own cash months, because {product.product_id} has its own plan"
        return [f"{told}, got {len(cash)}: apply without them"]
    whole, due_on = sum(each.weight for each in cash), date.fromisoformat(product.due_on)
    faults = [
        f"expected at least {_percent(bounds.share_ppm_min)} of what is repaid in each cash "
        f"month, got {_percent(each.weight * PPM // whole)} in month {each.month}"
        for each in cash
        if each.weight * PPM < whole * bounds.share_ppm_min
    ]
    if len(cash) > bounds.months_max:
        faults.append(f"expected at most {bounds.months_max} cash months, got {len(cash)}")
    early = early_months(due_on, cash)
    if early > bounds.early_months_max:
        faults.append(
            f"expected a last cash month at most {bounds.early_months_max} months before "
            f"{product.due_on}, got one {early} months before"
        )
    elif with_own_cash(product, cash).repayment().drawn_before <= on:
        faults.append(f"expected a cash month after {on} and up to {product.due_on}, got none")
    return faults


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm // 100 % 100:02} %"
