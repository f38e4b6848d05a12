"""One document for two, a ring closed from two sides, a payment that a bank took back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from server.services.audit.run import audit
from server.services.bouncing import BounceReason, BounceRequest
from server.services.bureau.asking import Question, ask_bureau
from server.services.centre import RequestError
from server.services.covering import Payment, state_covers, take_payment
from server.store import bureau, covers, ledger
from server.store.bureau import BureauAnswer
from server.store.engine import ConflictError
from tests.support.at_once import at_once, guarded
from tests.support.beside_lines import (
    BUREAU,
    COVER,
    GUARANTEE,
    OFFICER,
    WORD,
    consent,
    offer,
    with_secret,
    words,
)
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.kiosk_kit import drawn_by_farmer_b
from tests.support.two_words import bounced


def test_one_document_is_one_persons_however_many_ask_at_once(kit: Kit, tmp_path: Path) -> None:
    with_secret(kit, tmp_path)
    offer(kit, bureau=BUREAU)
    open_known(kit)
    farmers = ("farmer-a", "farmer-b", "farmer-c")
    for farmer_id in farmers:
        consent(kit, farmer_id, "bureau_query")
    guarded(kit)
    asked = [Question(each, "crb", "KES", "ID 123456") for each in farmers]
    found = at_once([lambda one=one: ask_bureau(kit.centre, one, OFFICER) for one in asked])
    assert sum(isinstance(each, BureauAnswer) for each in found) == 1
    assert sum(isinstance(each, ConflictError) for each in found) == 2
    assert sum(len(kit.read(bureau.answers_of, each)) for each in farmers) == 1


def test_a_ring_of_guarantors_is_not_closed_from_two_sides_at_once(kit: Kit) -> None:
    guarded(kit)
    back = {
        **GUARANTEE, "cover_id": "word-back", "farmer_id": GUARANTEE["party"],
        "party": GUARANTEE["farmer_id"],
    }  # fmt: skip
    files = [words(GUARANTEE), words(back)]
    found = at_once([lambda one=one: state_covers(kit.centre, one, OFFICER) for one in files])
    assert sum(isinstance(each, RequestError) for each in found) == 1
    assert len(kit.read(covers.every)) == 1


def test_what_bounced_of_a_cover_can_be_paid_again(kit: Kit) -> None:
    offer(kit, cover=COVER)
    line_id = drawn_by_farmer_b(kit, SEASON_START + timedelta(days=1))
    consent(kit, "farmer-b", "insurance")
    state_covers(kit.centre, words({**WORD, "sum_minor": 200_000}), OFFICER)
    on = SEASON_START + timedelta(days=50)
    kit.clock.set_day(on)
    paid = Payment(WORD["cover_id"], line_id, 200_000, on.isoformat(), "wire-1")
    take_payment(kit.centre, paid, OFFICER)
    repayment_id = f"cover/{WORD['cover_id']}/wire-1"
    word = BounceRequest(repayment_id, BounceReason.TRANSFER_RETURNED, "wire-1 back", paid.on)
    bounced(kit.centre, word)
    assert take_payment(kit.centre, replace(paid, reference="wire-2"), OFFICER)[1]
    assert kit.read(ledger.find_repayment, f"cover/{WORD['cover_id']}/wire-2") is not None
    assert audit(kit.centre, ["covers", "books"]).holds
