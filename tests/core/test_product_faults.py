"""What is wrong with a product's file is told with what was expected, what came and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import ProductError
from core.lending.bounds import VALUES_TOLD_MAX, with_what_came
from core.lending.product import parse_product
from tests.support.products import CROP


def changed(**changes: Any) -> dict[str, Any]:
    """The crop product with some fields otherwise; a name with a dot stands inside a table."""
    table: dict[str, Any] = {**CROP}
    for name, value in changes.items():
        outer, _, inner = name.partition("__")
        table[outer] = {**table.get(outer, {}), inner: value} if inner else value
    return table


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (changed(credit__rounding_unit_minor=0),
         ("rounding_unit_minor and draw_step_minor must be positive, got "
         "credit.rounding_unit_minor 0, credit.draw_step_minor ")),
        (changed(movement__fresh_days_max=90),
         ("fresh_days_max must be below stale_days_max, got movement.fresh_days_max 90, "
         "movement.stale_days_max ")),
        (changed(decision__approve_pd_ppm_max=900_000),
         ("approve_pd_ppm_max must not exceed refer_pd_ppm_max, got decision.approve_pd_ppm_max "
         "900,000, decision.refer_pd_ppm_max ")),
        (changed(schedule={"kind": "equal_principal", "every_months": 25}),
         "schedule.every_months must be 0 to 24, got schedule.every_months 25"),
        (changed(schedule={"kind": "cash_months", "cash": [{"month": 13, "weight": 0}]}),
         "among them, with positive weights, got schedule.cash.month 13, schedule.cash.weight 0"),
        (changed(waterfall=["fee", "fee"]),
         ('waterfall must name penalty, fee, interest and principal, each once, got waterfall '
         '["fee", "fee"]')),
        (changed(own_cash={"months_max": 3, "share_ppm_min": 0, "early_months_max": 0}),
         "got own_cash.months_max 3, own_cash.share_ppm_min 0"),
        (changed(arrears={"grace_days": -1, "penalty_rate_ppm": 0}),
         "arrears.grace_days must be 0 to 180, got arrears.grace_days -1"),
        (changed(stages=[]), "a crop product needs [price] and [[stages]], got no stages"),
    ],
)  # fmt: skip
def test_a_fault_tells_what_came(table: dict[str, Any], told: str) -> None:
    with pytest.raises(ProductError) as refused:
        parse_product(table)
    words = str(refused.value)
    assert told in words
    assert words.endswith(": correct the product's file")
    assert "got" in words


def test_every_fault_of_a_file_tells_what_came_of_its_own_fields() -> None:
    table = changed(
        credit__rounding_unit_minor=0, movement__fresh_days_max=900, due_on="soon",
        decision__approve_pd_ppm_max=900_000, lease__term_days=0,
        schedule={"kind": "equal_principal", "every_months": 25, "rounding_minor": 0},
    )  # fmt: skip
    with pytest.raises(ProductError) as refused:
        parse_product(table)
    faults = str(refused.value).partition(": ")[2].split("; ")
    assert len(faults) > VALUES_TOLD_MAX
    assert [each for each in faults if "got" not in each] == []


def test_a_fault_that_tells_what_came_stays_as_it_is() -> None:
    said = "due_on must be a date, got 'soon'"
    assert with_what_came(said, {"due_on": "soon"}) == said
    assert with_what_came("grace must be 1", {"due_on": "soon"}) == "grace must be 1, got none"
    many = {"stages": [{"stage": f"s{n}", "share": n} for n in range(9)]}
    assert with_what_came("share must rise", many).endswith("stages.s5.share 5, …")
