"""The page on suppliers' orders shows the table that the code has."""

from __future__ import annotations

from core.lending.ordering import ORDER_STEPS
from tools.agreement_page import with_steps
from tools.order_page import PAGE


def test_the_page_is_as_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_steps(page, ORDER_STEPS)
