"""What stands beside a line: a bureau's answers and covers move its limit, and are told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import SignatureError
from core.lending.limit import Movement
from core.reasons import ReasonCode
from core.shape import encode
from core.signing import sign_document
from core.wire.evidence import Stage
from server.services.audit.run import audit
from server.services.bureau.asking import Question, ask_bureau, import_extracts
from server.services.bureau.extracts import EXTRACT
from server.services.bureau.reporting import report_to
from server.services.centre import RequestError
from server.services.covering import Payment, end_cover, state_covers, take_payment
from server.services.evidence import accept_evidence
from server.services.standing import owed
from server.services.verifying import verify
from server.store import bureau, covers, ledger, lines, people
from server.store.engine import ConflictError, NotKnownError
from tests.support.beside_lines import (
    BUREAU,
    COVER,
    GUARANTEE,
    OFFICER,
    WORD,
    consent,
    extract,
    offer,
    owes,
    with_secret,
    words,
)
from tests.support.centre_kit import SEASON_START, Kit, keys_of, open_known
from tests.support.kiosk_kit import drawn_by_farmer_b


def day(number: int) -> date:
    return SEASON_START + timedelta(days=number)


def line_of(kit: Kit, farmer_id: str = "farmer-b") -> lines.Line:
    [found] = kit.read(lines.of_farmer, farmer_id)
    return found


def see(kit: Kit, number: int, p10: int, stage: Stage = Stage.VEGETATIVE) -> lines.LineMovement:
    """A look at farmer B's plot on a day, and what the review made of it."""
    kit.clock.set_day(day(number))
    accept_evidence(kit.centre, kit.evidence("plot-b1", day(number), stage, p10))
    moved = kit.read(lines.last_movement, line_of(kit).line_id)
    assert moved is not None
    return moved


def codes(moved: lines.LineMovement) -> list[ReasonCode]:
    return [reason.code for reason in moved.reasons]


def ask(kit: Kit, document: str = "", farmer_id: str = "farmer-b") -> bureau.BureauAnswer:
    return ask_bureau(kit.centre, Question(farmer_id, "crb", "KES", document), OFFICER)


@pytest.fixture
def asked(kit: Kit, tmp_path: Path) -> Kit:
    """A product that asks a bureau; farmer B has a line, and lets the bureau be asked."""
    with_secret(kit, tmp_path)
    offer(kit, bureau=BUREAU)
    open_known(kit)
    consent(kit, "farmer-b", "bureau_query")
    return kit


def deliver_extract(kit: Kit, folder: Path, number: int, *rows: bureau.BureauRow) -> None:
    as_of = day(number).isoformat()
    kit.clock.set_day(day(number))
    import_extracts(kit.centre, "crb", extract(folder / as_of, as_of, *rows), None, OFFICER)


def test_what_is_owed_elsewhere_cuts_a_limit_although_the_harvest_is_no_worse(
    asked: Kit, tmp_path: Path
):
    kit = asked
    see(kit, 40, 2_000)
    high = see(kit, 45, 2_000)
    deliver_extract(kit, tmp_path, 46, owes("ID-123 456", 10_000_000))
    answer = ask(kit, "id 123456")
    assert (answer.outcome, answer.dues_minor, answer.as_of) == (
        "found", 10_000_000, day(46).isoformat(),
    )  # fmt: skip
    cut = see(kit, 50, 2_000)
    assert cut.movement is Movement.CUT
    assert cut.limit_minor < high.limit_minor
    assert ReasonCode.LIMIT_DUES_MORE in codes(cut)
    [view] = [each for each in cut.views if "query_id" in each]
    assert (view["source"], view["consent_id"]) == (answer.file_sha256, answer.consent_id)
    assert cut.terms["dues_minor"] == 10_000_000
    assert verify(kit.centre).faults == ()
    assert audit(kit.centre, ["limits"]).holds


def test_a_stale_answer_is_marked_and_unknown(asked: Kit, tmp_path: Path):
    kit = asked
    deliver_extract(kit, tmp_path, 1, owes("ID123456", 10_000_000))
    ask(kit, "ID123456")
    see(kit, 60, 2_000)
    fresh = see(kit, 61, 2_000)
    assert fresh.terms["dues_minor"] == 10_000_000
    stale = see(kit, 62, 2_000)
    [view] = [each for each in stale.views if "query_id" in each]
    assert (view["stale"], stale.terms["dues_minor"]) == (True, 0)


def test_without_an_answer_that_the_product_demands_nothing_rises(kit: Kit, tmp_path: Path):
    with_secret(kit, tmp_path)
    offer(kit, bureau={**BUREAU, "required": True})
    open_known(kit)
    see(kit, 40, 2_000)
    held = see(kit, 45, 2_000)
    assert (held.movement, codes(held)[-1]) == (Movement.HELD, ReasonCode.LIMIT_DUES_UNKNOWN)
    consent(kit, "farmer-b", "bureau_query")
    deliver_extract(kit, tmp_path, 46)
    assert ask(kit, "ID123456").outcome == "not_listed"
    see(kit, 50, 2_000)
    assert see(kit, 55, 2_000).movement is Movement.RAISED


def test_an_answer_is_not_used_after_its_consent_was_taken_back(asked: Kit, tmp_path: Path):
    kit = asked
    deliver_extract(kit, tmp_path, 40, owes("ID123456", 10_000_000))
    ask(kit, "ID123456")
    consent(kit, "farmer-b", "bureau_query", take_back=True)
    assert all("query_id" not in view for view in see(kit, 45, 2_000).views)
    with pytest.raises(RequestError, match="standing consent"):
        ask(kit)


def test_nobody_is_asked_about_without_consent_and_every_question_is_kept(
    asked: Kit, tmp_path: Path
):
    kit = asked
    deliver_extract(kit, tmp_path, 1)
    with pytest.raises(RequestError, match="nobody is asked"):
        ask(kit, "ID999999", "farmer-a")
    assert kit.read(bureau.answers_of, "farmer-a") == ()
    with pytest.raises(RequestError, match="identity document"):
        ask(kit)
    first = ask(kit, "ID123456")
    again = ask(kit)
    assert first.subject_index == again.subject_index
    trail = [row for row in kit.read(people.trail) if row.action == "bureau_asked"]
    assert [row.detail["consent_id"] for row in trail] == [first.consent_id, again.consent_id]
    assert "123456" not in json.dumps([encode(row) for row in kit.read(people.trail)])


def test_another_persons_document_is_refused(asked: Kit, tmp_path: Path):
    kit = asked
    deliver_extract(kit, tmp_path, 1, owes("ID123456", 0), owes("ID777777", 9_000_000))
    ask(kit, "ID123456")
    with pytest.raises(ConflictError, match="got another"):
        ask(kit, "ID777777")
    consent(kit, "farmer-a", "bureau_query")
    with pytest.raises(ConflictError, match="of farmer farmer-b"):
        ask(kit, "id-123456", "farmer-a")


# what is wrong with an extract, and the words of its refusal
BAD: list[tuple[dict[str, Any], tuple[bureau.BureauRow, ...], str]] = [
    ({"sha256": "0" * 64}, (), "SHA-256"),
    ({"rows_count": 2}, (owes("ID123456", 1),), "2 rows as its manifest says"),
    ({"bureau": "other"}, (), "bureau crb"),
    ({"as_of": "2027-01-01"}, (), "as_of up to"),
    ({"file": "../crb.csv"}, (), "same folder"),
    ({}, (owes("ID123456", 1, subject_index="Name B"),), "row 1.*a name is never taken"),
    ({}, (owes("ID123456", -1),), "row 1.*dues_minor"),
    ({}, (owes("ID123456", 1, currency="shilling"),), "row 1.*ISO 4217"),
    ({}, (owes("ID123456", 1), owes("ID123456", 2)), "row 2.*one twice"),
]


@pytest.mark.parametrize(("manifest", "rows", "words"), BAD)
def test_an_extract_that_does_not_fit_is_told_and_nothing_is_taken(
    kit: Kit, tmp_path: Path, manifest: dict[str, Any], rows: tuple[bureau.BureauRow, ...],
    words: str,
):  # fmt: skip
    good = extract(tmp_path / "in", "2026-03-01", owes("ID000001", 5))
    extract(good, "2026-03-02", *rows, manifest=manifest)
    with pytest.raises(RequestError, match=words):
        import_extracts(kit.centre, "crb", good, None, OFFICER)
    assert kit.read(bureau.files_of) == ()


def test_a_bureau_with_a_key_signs_its_manifests(kit: Kit, tmp_path: Path):
    key = keys_of("crb", 60)
    folder = extract(tmp_path, "2026-03-01", owes("ID000001", 5))
    [path] = folder.glob("*.manifest.json")
    with pytest.raises((SignatureError, RequestError)):
        import_extracts(kit.centre, "crb", folder, key.identity(), OFFICER)
    body = json.loads(path.read_text())
    path.write_bytes(sign_document(EXTRACT, body, keys_of("else", 61)))
    with pytest.raises(SignatureError):
        import_extracts(kit.centre, "crb", folder, key.identity(), OFFICER)
    path.write_bytes(sign_document(EXTRACT, body, key))
    [taken] = import_extracts(kit.centre, "crb", folder, key.identity(), OFFICER)
    assert taken.key_id
    assert import_extracts(kit.centre, "crb", folder, key.identity(), OFFICER) == ()


def test_a_day_has_one_extract(kit: Kit, tmp_path: Path):
    import_extracts(
        kit.centre, "crb", extract(tmp_path / "a", "2026-03-01", owes("ID1234", 5)), None, OFFICER
    )
    other = extract(tmp_path / "b", "2026-03-01", owes("ID1234", 6))
    with pytest.raises(ConflictError, match="dates a correction anew"):
        import_extracts(kit.centre, "crb", other, None, OFFICER)


def test_the_lenders_report_is_another_ones_extract(asked: Kit, tmp_path: Path):
    kit = asked
    deliver_extract(kit, tmp_path, 1)
    ask(kit, "ID123456")
    assert report_to(kit.centre, "lender").rows_count == 0  # farmer B did not let it be told
    consent(kit, "farmer-b", "bureau_report")
    made = report_to(kit.centre, "lender")
    assert (made.rows_count, made.left_out_count) == (1, 1)
    out = tmp_path / "out"
    out.mkdir()
    (out / made.name).write_bytes(made.data)
    (out / f"{made.name}.manifest.json").write_bytes(made.manifest)
    kit.clock.add_days(1)
    [taken] = import_extracts(kit.centre, "lender", out, kit.centre.keys.identity(), OFFICER)
    assert taken.rows_count == 1


@pytest.fixture
def covered(kit: Kit) -> Kit:
    offer(kit, cover=COVER)
    open_known(kit)
    consent(kit, "farmer-b", "insurance")
    return kit


def test_a_cover_raises_a_limit_and_falls_out_when_it_has_ended(covered: Kit):
    kit = covered
    [step] = state_covers(kit.centre, words(WORD), OFFICER)
    see(kit, 50, 700)
    insured = see(kit, 55, 700)
    assert insured.movement is Movement.RAISED
    assert insured.terms["insured_minor"] == 3_200_000  # of 1.6 ha, at most 2,000,000 a hectare
    [view] = [each for each in insured.views if "cover_id" in each]
    assert (view["source"], view["said_on"], view["counted"]) == (step.sha256, "2026-03-01", True)
    assert audit(kit.centre, ["limits", "covers"]).holds
    ended = see(kit, 61, 700)
    assert (ended.movement, ended.terms["insured_minor"]) == (Movement.CUT, 0)
    assert ReasonCode.LIMIT_COVER_ENDED in codes(ended)
    [reason] = [each for each in ended.reasons if each.code is ReasonCode.LIMIT_COVER_ENDED]
    assert dict(reason.params) == {"party": "agri-re"}
    assert audit(kit.centre, ["limits"]).holds


def test_a_cover_that_begins_tomorrow_does_not_count_today(covered: Kit):
    kit = covered
    state_covers(kit.centre, words({**WORD, "from_on": day(51).isoformat()}), OFFICER)
    assert see(kit, 50, 700).terms["insured_minor"] == 0
    assert see(kit, 51, 700).terms["insured_minor"] == 3_200_000


def test_a_cover_that_is_ended_before_its_day_counts_no_more(covered: Kit):
    kit = covered
    state_covers(kit.centre, words(WORD), OFFICER)
    assert see(kit, 50, 700).terms["insured_minor"] == 3_200_000
    end_cover(kit.centre, "policy-1", "the premium was not paid", OFFICER)
    assert see(kit, 55, 700).terms["insured_minor"] == 0
    with pytest.raises(RequestError, match="stands"):
        end_cover(kit.centre, "policy-1", "again", OFFICER)
    with pytest.raises(NotKnownError):
        end_cover(kit.centre, "policy-9", "none", OFFICER)


def test_without_consent_nobody_is_insured(covered: Kit):
    kit = covered
    state_covers(kit.centre, words(WORD), OFFICER)
    consent(kit, "farmer-b", "insurance", take_back=True)
    assert see(kit, 50, 700).terms.get("insured_minor", 0) == 0
    other = {**WORD, "cover_id": "policy-2", "farmer_id": "farmer-a"}
    with pytest.raises(RequestError, match="standing consent insurance"):
        state_covers(kit.centre, words(other), OFFICER)


# change of a statement, and the words of its refusal
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({**GUARANTEE, "party": "farmer-b"}, "nobody stands in for himself"),
    ({**GUARANTEE, "party": " Farmer:FARMER-B "}, "nobody stands in for himself"),
    ({**GUARANTEE, "share_ppm": 1_000_001}, "share_ppm"),
    ({**GUARANTEE, "trigger_kg_per_ha": 5}, "no trigger"),
    ({**WORD, "sum_minor": 0}, "sum_minor above 0"),
    ({**WORD, "exit_kg_per_ha": 1_500}, "below the trigger"),
    ({**WORD, "until_on": "2026-02-01"}, "from_on up to until_on"),
    ({**WORD, "said_on": "2027-01-01"}, "said_on up to"),
    ({**WORD, "premium": 1}, "docs/cover.md"),
    ({**WORD, "farmer_id": 5}, "file of covers"),
]


@pytest.mark.parametrize(("said", "told"), FAULTS)
def test_a_cover_that_cannot_be_is_refused_and_none_of_its_file_is_taken(
    covered: Kit, said: dict[str, Any], told: str
):
    other = {**GUARANTEE, "cover_id": "word-good"}
    with pytest.raises(RequestError, match=told):
        state_covers(covered.centre, words(other, said), OFFICER)
    assert covered.read(covers.every) == ()


def test_guarantors_in_a_ring_are_refused(covered: Kit):
    kit = covered
    state_covers(kit.centre, words(GUARANTEE), OFFICER)
    through = {**GUARANTEE, "cover_id": "word-2", "farmer_id": "farmer-a", "party": "farmer-c"}
    state_covers(kit.centre, words(through), OFFICER)
    back = {**GUARANTEE, "cover_id": "word-3", "farmer_id": "farmer-c", "party": "farmer-b"}
    with pytest.raises(RequestError, match="ring: farmer-c ← farmer-b ← farmer-a ← farmer-c"):
        state_covers(kit.centre, words(back), OFFICER)
    end_cover(kit.centre, "word-2", "the guarantor has died", OFFICER)
    assert len(state_covers(kit.centre, words(back), OFFICER)) == 1


def test_a_statement_is_taken_once_and_never_changed(covered: Kit):
    kit = covered
    state_covers(kit.centre, words(WORD), OFFICER)
    assert state_covers(kit.centre, words(WORD), OFFICER) == ()
    with pytest.raises(ConflictError, match="end it"):
        state_covers(kit.centre, words({**WORD, "sum_minor": 7_000_000}), OFFICER)


def test_what_a_cover_pays_is_a_repayment_in_the_waterfall(kit: Kit):
    offer(kit, cover=COVER)
    line_id = drawn_by_farmer_b(kit, day(1))
    consent(kit, "farmer-b", "insurance")
    state_covers(kit.centre, words(WORD), OFFICER)
    kit.clock.set_day(day(50))
    line = line_of(kit)
    before = kit.read(owed, line, day(50))
    payment = Payment("policy-1", line_id, 200_000, day(50).isoformat(), "wire-1")
    step, is_new = take_payment(kit.centre, payment, OFFICER)
    assert (is_new, take_payment(kit.centre, payment, OFFICER)) == (True, (step, False))
    after = kit.read(owed, line, day(50))
    assert before.total_minor - after.total_minor == 200_000
    assert (after.fee_minor, after.interest_minor) == (0, 0)  # fees and interest come first
    kept = kit.read(ledger.find_repayment, "cover/policy-1/wire-1")
    assert kept.amount_minor == 200_000
    assert audit(kit.centre, ["covers", "books"]).holds
    with pytest.raises(ConflictError):
        take_payment(kit.centre, replace(payment, amount_minor=1), OFFICER)
    too_much = replace(payment, amount_minor=5_800_001, reference="wire-2")
    with pytest.raises(RequestError, match="1 to 5800000"):
        take_payment(kit.centre, too_much, OFFICER)
