"""Envelopes of a station that means harm, or of a centre that lost a row: refused by name.

Whatever comes, nothing is lost, doubled or answered with a crash, and the log goes on with
what is sound.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from core.canonical import canonical_bytes, sha256_hex
from core.errors import ChainBrokenError, EnvelopeDamagedError, HarvestlineError
from core.shape import encode
from core.signing import bytes_to_sign
from core.units import SAFE_INTEGER_MAX
from core.wire.envelope import (
    ENVELOPE,
    GENESIS,
    MAGIC,
    RECORDS_MAX,
    Header,
    Placement,
    Record,
    chain_head,
    pack,
)
from core.wire.records import Up
from server.services.audit.run import audit
from server.services.envelopes import Answer, accept_envelope
from server.store import counts, leases, ledger, lines, logs
from server.store.engine import StoreError
from tests.support.at_once import at_once, guarded
from tests.support.cash_hands import Village
from tests.support.centre_kit import SEASON_START, STATION, Kit
from tests.support.kiosk_kit import MONEY, Opening, deliver, draw, open_at_kiosk
from tests.support.record_examples import plain_records
from tests.support.tampering import lost


@pytest.fixture
def opened(kit: Kit) -> Opening:
    """Six records: a line opened at the kiosk, and one draw, not delivered yet."""
    kit.station.pull(kit.centre)
    kit.clock.set_day(SEASON_START + timedelta(days=1))
    opening = open_at_kiosk(kit)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 300_000)
    return opening


def forged(kit: Kit, records: list[dict[str, Any]], **changes: Any) -> bytes:
    """An envelope around any records, signed by the station."""
    return forged_around(kit, canonical_bytes({"records": records}), records, **changes)


def forged_around(kit: Kit, raw: bytes, records: list[dict[str, Any]], **changes: Any) -> bytes:
    payload, keys, name = zlib.compress(raw, 9), kit.station.keys, kit.station.name(MONEY)
    run = [Record(**each) for each in records]
    try:
        head = chain_head(name, changes.get("previous", GENESIS), run)
    except HarvestlineError:
        head = "ab" * 32  # no head leads to what nobody can spell
    header = Header(
        name.writer, MONEY, "", run[0].seq, run[-1].seq, GENESIS, head,
        sha256_hex(payload), len(raw), keys.key_id,
    )  # fmt: skip
    text = canonical_bytes(encode(replace(header, **changes)))
    signature = keys.sign(bytes_to_sign(ENVELOPE, text))
    return MAGIC + len(text).to_bytes(4, "big") + text + signature + payload


def tables(kit: Kit) -> dict[str, int]:
    return kit.read(counts.rows_by_table)


def require_whole(kit: Kit, records: int, entries: int = 2) -> None:
    """All records stand once, in a chain that holds, and the money with them."""
    assert tables(kit)["inbound_records"] == records
    assert tables(kit)["ledger_entries"] == entries
    found = audit(kit.centre, ["sums", "seals", "chains", "books", "inbound", "trail"])
    assert found.holds, found.first


@pytest.mark.both_engines
def test_a_known_run_of_which_the_centre_lost_a_record_is_no_fork_of_its_writer(
    kit: Kit, opened: Opening
):
    """The station said the same twice; that the row is gone is the centre's own affair."""
    deliver(kit)
    lost(kit, "inbound_records", "seq = 6")
    with pytest.raises(StoreError, match=r"record 6 .* not kept here .* restore"):
        deliver(kit)
    assert kit.read(logs.quarantine_reason, STATION) == ""
    assert not audit(kit.centre, ["inbound"]).holds
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 100_000)
    assert deliver(kit, 7, 8).placement is Placement.NEXT
    assert tables(kit)["ledger_entries"] == 4


FORGED = ["f" * 64, "", 'x","record":{"at_ms":1,"body":{}', '"', "\\"]


@pytest.mark.parametrize("previous", FORGED)
@pytest.mark.parametrize(("first", "last"), [(2, 3), (2, 4), (3, 6)])
def test_a_run_that_follows_a_forged_hash_is_a_fork_below_at_and_above_high_water(
    kit: Kit, opened: Opening, first: int, last: int, previous: str
):
    deliver(kit, 1, 4)
    before = tables(kit)
    run = [encode(each) for each in kit.station.records[MONEY][first - 1 : last]]
    with pytest.raises(ChainBrokenError, match="forked"):
        accept_envelope(kit.centre, forged(kit, run, previous=previous))
    changed = {name for name, count in tables(kit).items() if count != before[name]}
    assert changed <= {"quarantine"}
    assert "forked" in kit.read(logs.quarantine_reason, STATION)


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**63, -(2**63) - 1, 10**400])
@pytest.mark.parametrize("field", ["at_ms", "error_ms", "seq", "body"])
def test_an_integer_that_not_every_reader_counts_alike_is_refused(
    kit: Kit, opened: Opening, field: str, number: int
):
    record = {"seq": 1, "kind": "clock_set", "at_ms": 1, "error_ms": 0, "body": {"a": 1}}
    value = f'{{"a":{number}}}' if field == "body" else str(number)
    good = canonical_bytes({"records": [record]})
    plain = b'{"a":1}' if field == "body" else str(record[field]).encode()
    raw = good.replace(f'"{field}":'.encode() + plain, f'"{field}":{value}'.encode())
    assert raw != good
    with pytest.raises(EnvelopeDamagedError, match="record 1 cannot be read"):
        accept_envelope(kit.centre, forged_around(kit, raw, [record]))
    deliver(kit)
    require_whole(kit, 6)


@pytest.mark.both_engines
@pytest.mark.parametrize("at_ms", [SAFE_INTEGER_MAX, -SAFE_INTEGER_MAX])
def test_records_of_a_time_beyond_every_calendar_stop_no_log(kit: Kit, opened: Opening, at_ms: int):
    run = kit.station.records[MONEY]
    for kind, body in plain_records().values():
        if kind in Up:
            run.append(Record(len(run) + 1, kind.value, at_ms, SAFE_INTEGER_MAX, encode(body)))
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 100_000)
    answer = deliver(kit)
    assert kit.station.receipt(answer.receipt).high_water == len(run)
    require_whole(kit, len(run), 4)


@pytest.mark.both_engines
@pytest.mark.parametrize("at_ms", [SAFE_INTEGER_MAX, -SAFE_INTEGER_MAX])
def test_cash_that_moved_at_a_time_beyond_every_calendar_is_booked(
    kit: Kit, opened: Opening, at_ms: int
):
    """Its day is reckoned from the record's own time: none must stop the money log for ever."""
    hands = Village.at(kit)
    hands.hand_over("float", hands.keeper, hands.agent, 100_000)
    hands.repay("repaid", hands.agent, opened.line_id, 1_000)
    run = kit.station.records[MONEY]
    run[-2:] = [replace(each, at_ms=at_ms, error_ms=at_ms) for each in run[-2:]]
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 1_000)
    assert kit.station.receipt(deliver(kit).receipt).high_water == len(run)
    assert len(kit.read(ledger.repayments_of, opened.line_id)) == 1
    assert kit.read(leases.find_draw, "draw-2") is not None
    assert audit(kit.centre, ["sums", "seals", "chains", "books", "inbound"]).holds


def test_amounts_at_the_limit_of_what_is_counted_are_flagged_and_the_log_goes_on(
    kit: Kit, opened: Opening
):
    good = kit.station.records[MONEY][-1].body
    for number, most in enumerate((SAFE_INTEGER_MAX, -SAFE_INTEGER_MAX, 10**12 + 1, 0)):
        for name in ("amount_minor", "fee_minor", "apr_ppm", "rate_ppm"):
            body = {**good, "draw_id": f"odd-{number}-{name}", "state": "posted", name: most}
            kit.station.write(MONEY, "drawdown", body, kit.clock.at_ms)
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 1_000)
    records = len(kit.station.records[MONEY])
    assert kit.station.receipt(deliver(kit).receipt).high_water == records
    posted = {each.draw_id: each for each in kit.read(leases.every_draw)}
    assert all(0 < each.amount_minor <= 10**12 for each in posted.values())
    refused = [name for name in ("odd-0-amount_minor", "odd-1-fee_minor") if name in posted]
    assert refused == []
    assert posted["draw-2"].amount_minor == 1_000
    assert tables(kit)["inbound_records"] == records
    assert audit(kit.centre, ["sums", "seals", "chains", "books", "inbound"]).holds


def breaking(opened: Opening, good: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Each record breaks a rule that no other of them breaks: its kind, body, and what is told."""
    lease, line = opened.lease.lease_id, opened.line_id
    fresh = {**good, "state": "posted", "amount_minor": 1_000, "fee_minor": 15}
    return [
        ("of_tomorrow", {"x": 1}, "not known here"),
        ("drawdown", {**fresh, "draw_id": "a\0"}, "NUL"),
        ("drawdown", {"draw_id": "b"}, "no such field"),
        ("drawdown", [1], "expected an object"),
        ("drawdown", {**fresh, "draw_id": "c", "amount_minor": -1}, "positive amount"),
        ("drawdown", {**fresh, "draw_id": "d", "currency": "USD"}, "in KES"),
        ("drawdown", {**fresh, "draw_id": "e", "fee_minor": 2_000}, "fee from 0"),
        ("drawdown", {**fresh, "draw_id": "f", "lease_id": "none"}, "not the centre's"),
        ("drawdown", {**fresh, "draw_id": "g", "line_id": "nobody"}, "suspense"),
        ("drawdown", {**fresh, "draw_id": "i", "fee_minor": 1}, "its fee is"),
        ("drawdown", {**fresh, "draw_id": "k", "effective_on": "soon"}, "effective_on"),
        ("drawdown", {**good, "state": "posted", "amount_minor": 300_001}, "other content"),
        ("drawdown", {**good, "state": "voided"}, "cannot become voided"),
        ("drawdown", {**fresh, "draw_id": "h", "amount_minor": 10**9, "fee_minor": 0}, "lease car"),
        ("lease_closed", {"lease_id": "none", "posted_minor": 0}, "expected a lease"),
        ("lease_closed", {"lease_id": lease, "posted_minor": 1}, "nothing is released"),
        ("line_opened", {"line_id": line}, "no such field"),
        ("decision", {"application_id": "app-1", "card": {}}, "HL-"),
        ("consent", {"consent_id": 5}, "expected str"),
    ]


@pytest.mark.both_engines
def test_records_that_each_break_another_rule_are_flagged_each_by_its_own(
    kit: Kit, opened: Opening
):
    cases = breaking(opened, kit.station.records[MONEY][-1].body)
    for kind, body, _ in cases:
        kit.station.write(MONEY, kind, body, kit.clock.at_ms)
    draw(kit, "draw-2", opened.line_id, opened.lease.lease_id, 1_000)
    records = len(kit.station.records[MONEY])
    assert kit.station.receipt(deliver(kit).receipt).high_water == records
    kept = kit.read(logs.inbound_run, kit.station.name(MONEY), 0, records)
    told = [each.flag for each in kept]
    assert told[:6] == [""] * 6
    assert told[-2:] == ["draw draw-2: more is drawn than the lease carries"] * 2
    for (kind, _, words), flag in zip(cases, told[6:-2], strict=True):
        assert words in flag, (kind, words, flag)
    assert audit(kit.centre, ["sums", "seals", "chains", "books", "inbound", "suspense"]).holds


@pytest.mark.parametrize("numbers", [(1, 2, 4), (1, 1, 2), (2, 1, 3), (1, SAFE_INTEGER_MAX)])
def test_records_whose_numbers_jump_are_refused_whole(
    kit: Kit, opened: Opening, numbers: tuple[int, ...]
):
    run = [encode(each) for each in kit.station.records[MONEY]]
    jumping = [{**each, "seq": seq} for each, seq in zip(run, numbers, strict=False)]
    with pytest.raises(ChainBrokenError, match="hole"):
        accept_envelope(kit.centre, forged(kit, jumping))
    assert tables(kit)["inbound_records"] == 0


CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "more records than came": ({"last": SAFE_INTEGER_MAX}, "do not lead"),
    "a first that came not": ({"first": 5, "last": 10}, "do not lead"),
    "more bytes than are taken": ({"raw_bytes": SAFE_INTEGER_MAX}, "at most"),
    "more bytes than came": ({"raw_bytes": 8 * 1024 * 1024}, "expected 8388608 bytes"),
    "no bytes": ({"raw_bytes": 0}, "at most"),
}


@pytest.mark.parametrize("claim", sorted(CLAIMS))
def test_an_envelope_that_claims_what_it_does_not_bring_is_set_aside(
    kit: Kit, opened: Opening, claim: str
):
    changes, words = CLAIMS[claim]
    run = [encode(each) for each in kit.station.records[MONEY]]
    with pytest.raises(HarvestlineError, match=words):
        accept_envelope(kit.centre, forged(kit, run, **changes))
    assert tables(kit)["quarantine"] == 1
    assert tables(kit)["inbound_records"] == 0


def test_more_records_than_an_envelope_may_hold_are_refused_and_none_is_applied(
    kit: Kit, opened: Opening
):
    run = [
        {"seq": seq, "kind": "x", "at_ms": 1, "error_ms": 0, "body": {}}
        for seq in range(1, RECORDS_MAX + 2)
    ]
    with pytest.raises(EnvelopeDamagedError, match=f"at most {RECORDS_MAX} records"):
        accept_envelope(kit.centre, forged(kit, run))
    assert tables(kit)["inbound_records"] == 0
    deliver(kit)
    require_whole(kit, 6)


def test_a_far_number_is_held_within_the_bound_and_frees_its_place(kit: Kit, opened: Opening):
    """A single record that claims the last number there is cannot keep the log from going on."""
    far = {"seq": SAFE_INTEGER_MAX, "kind": "x", "at_ms": 1, "error_ms": 0, "body": {}}
    assert accept_envelope(kit.centre, forged(kit, [far])).placement is Placement.EARLY
    assert tables(kit)["held_envelopes"] == 1
    assert kit.station.receipt(deliver(kit).receipt).high_water == 6
    require_whole(kit, 6)


SPANS = [((1, 4), (3, 6)), ((3, 6), (1, 4)), ((1, 6), (2, 5)), ((2, 5), (1, 6)), ((4, 6), (1, 5))]


@pytest.mark.parametrize("spans", SPANS)
def test_two_envelopes_that_overlap_leave_each_record_once(
    kit: Kit, opened: Opening, spans: tuple[tuple[int, int], ...]
):
    for span in spans:
        answer = deliver(kit, *span)
    assert kit.station.receipt(answer.receipt).high_water == 6
    assert tables(kit)["held_envelopes"] == 0
    require_whole(kit, 6)


@pytest.mark.both_engines
@pytest.mark.parametrize("spans", SPANS)
def test_two_envelopes_that_come_at_the_same_time_leave_each_record_once(
    kit: Kit, opened: Opening, spans: tuple[tuple[int, int], ...]
):
    guarded(kit)
    sent = [kit.station.envelope(MONEY, *span) for span in spans]
    acts: list[Callable[[], object]] = [
        partial(accept_envelope, kit.centre, data) for data in (*sent, *sent)
    ]
    answers = at_once(acts)
    assert all(isinstance(each, Answer) for each in answers), answers
    assert kit.station.receipt(deliver(kit).receipt).high_water == 6
    assert tables(kit)["held_envelopes"] == 0
    require_whole(kit, 6)


def test_two_logs_under_one_name_that_interleave_are_a_fork_whichever_comes_first(
    kit: Kit, opened: Opening
):
    """A copied station: the second of the two is refused, and what the first said stands."""
    name, keys = kit.station.name(MONEY), kit.station.keys
    run = kit.station.records[MONEY]
    twin = [*run[:4], replace(run[4], body={**run[4].body, "draw_id": "twin"}), run[5]]
    assert deliver(kit, 1, 5).placement is Placement.NEXT
    head = chain_head(name, GENESIS, twin[:4])
    with pytest.raises(ChainBrokenError, match="record 5 differs"):
        accept_envelope(kit.centre, pack(name, head, twin[4:], keys))
    assert {each.draw_id for each in kit.read(leases.every_draw)} == {"draw-1"}
    assert kit.read(lines.get, opened.line_id).line_id == opened.line_id
    assert kit.read(ledger.entries) == ()
