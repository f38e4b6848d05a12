"""A farmer's own cash months, for Python and the tablet's JavaScript to agree upon.

Seeded: the same cases on every machine. Python's answer is the vector: which months are offered,
which bounds are broken, and the hash of what was shown with the months.
"""

from __future__ import annotations

import random
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from core.canonical import sha256_hex
from core.lending.own_cash import own_cash_faults
from core.lending.product import Product, parse_product
from core.lending.terms import CashMonth
from core.shape import encode
from core.wire.fieldwork import shown_with_cash
from tests.support.products import CROP

# The beginnings of what Python says, and the sentence by which the tablet says the same.
BOUNDS = {
    "expected at most": "At most",
    "expected at least": "Each month has to bring",
    "expected a last cash month": "The last money has to come in",
}


@dataclass(frozen=True, slots=True)
class CashCase:
    """A product's bounds, a day, and the months that a farmer brings."""

    product: Product
    on: date
    cash: tuple[CashMonth, ...]

    def told(self) -> dict[str, Any]:
        """The case as JavaScript is given it."""
        product = {"due_on": self.product.due_on, "own_cash": encode(self.product.own_cash)}
        cash, on = encode(self.cash), self.on.isoformat()
        return {"product": product, "on": on, "cash": cash, "words": WORDS_SHA256}

    def answer(self) -> dict[str, Any]:
        """What Python says of it."""
        faults = own_cash_faults(self.product, self.cash or None, date.min)
        said = {
            says for begins, says in BOUNDS.items() if any(f.startswith(begins) for f in faults)
        }
        return {
            "months": [month for month in range(1, 13) if self._is_offered(month)],
            "faults": sorted(said),
            "shown": shown_with_cash(WORDS_SHA256, self.cash or None),
        }

    def _is_offered(self, month: int) -> bool:
        """Whether money in that month alone could repay what is drawn on the day."""
        assert self.product.own_cash is not None
        any_month = replace(self.product.own_cash, early_months_max=11)
        product = replace(self.product, own_cash=any_month)
        told = own_cash_faults(product, (CashMonth(month, 1),), self.on)
        return not any(fault.startswith("expected a cash month after") for fault in told)


WORDS_SHA256 = sha256_hex(b"what the farmer was shown")


def cases(count: int) -> list[CashCase]:
    """So many cases, on every kind of day: also where a month has no such day."""
    chance = random.Random("own cash months")
    return [_case(chance) for _ in range(count)]


def _case(chance: random.Random) -> CashCase:
    year, month = chance.choice((2026, 2027, 2028)), chance.randint(1, 12)
    day = min(chance.choice((1, 15, 28, 29, 30, 31)), monthrange(year, month)[1])
    due_on = date(year, month, day)
    most = chance.randint(1, 4)
    share_ppm = chance.choice((10_000, 100_000, 1_000_000 // most))
    bounds = {"months_max": most, "early_months_max": 11, "share_ppm_min": share_ppm}
    if chance.random() < 0.5:
        bounds["early_months_max"] = chance.randint(0, 10)
    product = parse_product({**CROP, "due_on": due_on.isoformat(), "own_cash": bounds})
    count = chance.randint(0, 5)
    cash = tuple(
        CashMonth(each, chance.randint(1, 9)) for each in sorted(chance.sample(range(1, 13), count))
    )
    return CashCase(product, due_on - timedelta(days=chance.randint(1, 360)), cash)
