"""The page on the life of agreements shows the table that the code has."""

from __future__ import annotations

from tools.agreement_page import PAGE, with_steps


def test_page_has_the_steps_of_the_code() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert with_steps(written) == written, "run: make docs"
