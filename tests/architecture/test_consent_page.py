"""The page on consent shows the catalogue that the code has."""

from __future__ import annotations

from core.wire.personal_data import ASKS, USES, Basis, DataClass
from edge_node.faces.kiosk.data_words import CLASSES, PURPOSES, UNASKED, WITHOUT
from tools.consent_page import PAGE, with_catalogue


def test_page_has_the_catalogue_of_the_code() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert with_catalogue(written) == written, "run: make docs"


def test_the_kiosk_has_words_for_all_of_it() -> None:
    asked = set(ASKS) - {"drawdown"}
    assert set(PURPOSES) == asked
    assert set(WITHOUT) == asked
    assert set(CLASSES) == {each.value for each in DataClass}
    told = {use.purpose.value for use in USES if use.basis is not Basis.CONSENT}
    assert set(UNASKED) == told
