"""What tablets paid out, at the centre: into the ledger once, and named where it is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from core.canonical import parse_canonical, sha256_hex
from core.decision.field_draw import field_quote, shown_sha256
from core.lending.draw_terms import draw_terms
from core.lending.lease import DrawState, Lease
from core.shape import encode
from core.signing import sign_document
from core.units import MS_PER_DAY, civil_day
from core.wire.envelope import GENESIS
from core.wire.fieldwork import OPERATION, Operation, OperationKind, TakenOperation
from core.wire.records import Consent, ConsentAction, Drawdown
from core.wire.subleases import (
    SUBLEASE,
    FieldDraw,
    SubLease,
    SubLeaseAct,
    SubLeaseEnd,
    SubLeaseEvent,
)
from server.console.views.station import read_stations
from server.services.audit.run import audit
from server.store import leases, lines, people
from tests.support.centre_kit import STATION, Kit, keys_of, open_known
from tests.support.kiosk_kit import MONEY, deliver, flags, leases_at_station

CHECK = ("tablets",)


@dataclass
class Field:
    """A station with a tablet, as its money log tells of both."""

    kit: Kit
    lease: Lease
    farmer_id: str = "farmer-b"
    keys: Any = field(default_factory=lambda: keys_of("tab-1", 11))
    seq: int = 0
    head: str = GENESIS

    def write(self, kind: str, body: object) -> None:
        self.kit.station.write(MONEY, kind, body, self.kit.clock.at_ms)

    def part(self, amount: int, serial: int = 1, **changes: Any) -> SubLease:
        """A sub-lease that the station signs."""
        at_ms = self.kit.clock.at_ms
        made = SubLease(
            f"s-{serial}", serial, STATION, "tab-1", self.keys.identity().public_key, "agent-1",
            self.lease.lease_id, self.lease.line_id, self.farmer_id, self.lease.product_id,
            amount, at_ms, at_ms + 14 * MS_PER_DAY, 0, draw_terms(self.kit.product),
        )  # fmt: skip
        return replace(made, **changes)

    def grant(self, made: SubLease, keys: Any = None) -> SubLease:
        signed = sign_document(SUBLEASE, encode(made), keys or self.kit.station.keys)
        document = parse_canonical(signed, 10**6)
        self.write(
            "sub_lease",
            SubLeaseEvent(made.sublease_id, SubLeaseAct.GRANTED, document=document),
        )
        return made

    def told(self, part: SubLease, amount: int, draw_id: str = "fd-1") -> FieldDraw:
        at_ms = self.kit.clock.at_ms
        price = field_quote(part.terms, amount, civil_day(at_ms))
        return FieldDraw(
            draw_id, part.sublease_id, part.line_id, part.farmer_id, amount, price.drawn_on,
            at_ms, 0, price.fee_minor, price.total_minor, price.due_on, price.apr_ppm,
            f"c-{draw_id}", shown_sha256(price), "sw", spoken=False,
        )  # fmt: skip

    def book(self, part: SubLease, told: FieldDraw, **changes: Any) -> None:
        """What the station writes when it has taken the draw."""
        self.write("consent", Consent(
            told.consent_id, told.farmer_id, ConsentAction.GRANT, ("drawdown",), "lender",
            told.shown_sha256, spoken=False, helped=True,
        ))  # fmt: skip
        draw = Drawdown(
            told.draw_id, told.line_id, part.lease_id, DrawState.POSTED, told.amount_minor,
            told.fee_minor, part.terms.currency, told.consent_id, told.apr_ppm, told.drawn_on,
            sublease_id=told.sublease_id,
        )  # fmt: skip
        self.write("drawdown", replace(draw, **changes))

    def sign(self, kind: OperationKind, body: object, code: str = "", **changes: Any) -> None:
        """The operation in the tablet's chain, as the station passes it on."""
        made = Operation(
            f"op-{self.seq + 1}", "tab-1", self.seq + 1, self.head, 1, kind, encode(body)
        )
        data = sign_document(OPERATION, encode(replace(made, **changes)), self.keys)
        self.seq, self.head = self.seq + 1, sha256_hex(data)
        document = parse_canonical(data, 10**6)
        key = self.keys.identity().public_key
        taken = TakenOperation(made.operation_id, "tab-1", "agent-1", key, code, document)
        self.write("tablet_operation", taken)

    def pay(self, part: SubLease, amount: int, draw_id: str = "fd-1") -> None:
        told = self.told(part, amount, draw_id)
        self.book(part, told)
        self.sign(OperationKind.DRAW, told)

    def fault(self) -> str:
        """What the audit finds first; nothing if all holds."""
        deliver(self.kit)
        first = audit(self.kit.centre, CHECK).first
        return f"{first.record_id}: {first.expected} / {first.found}" if first else ""


@pytest.fixture
def tablet(kit: Kit) -> Field:
    open_known(kit)
    kit.station.pull(kit.centre)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    [lease] = [one for one in leases_at_station(kit) if one.line_id == line.line_id]
    return Field(kit, lease)


def test_a_draw_of_a_tablet_is_in_the_ledger_once_and_every_check_holds(tablet: Field):
    kit, part = tablet.kit, tablet.grant(tablet.part(400_000))
    tablet.pay(part, 150_000)
    tablet.sign(OperationKind.SUBLEASE_END, SubLeaseEnd("s-1", 150_000))
    tablet.write("sub_lease", SubLeaseEvent("s-1", SubLeaseAct.ENDED, 150_000))
    assert tablet.fault() == ""
    deliver(kit)  # the same again
    assert flags(kit) == []
    booked = kit.read(leases.find_draw, "fd-1")
    assert (booked.amount_minor, booked.state) == (150_000, DrawState.POSTED)
    assert audit(kit.centre).holds
    kit.station.pull(kit.centre)
    assert {one["accepted"] for one in kit.station.bodies("operation")} == {True}
    told = kit.read(people.trail_of, "sublease", "s-1")
    assert [row.action for row in told] == [
        "sublease_granted", "sublease_given_back", "sublease_ended",
    ]  # fmt: skip
    [paid] = [
        row for row in kit.read(people.trail_of, "line", tablet.lease.line_id)
        if row.action == "field_paid_out"
    ]  # fmt: skip
    assert (paid.actor, paid.detail["amount_minor"]) == ("agent-1", 150_000)


def test_the_stations_page_tells_what_tablets_hold_and_till_when(tablet: Field):
    kit, part = tablet.kit, tablet.grant(tablet.part(400_000))
    deliver(kit)
    [row] = [one for one in kit.read(read_stations, kit.clock.at_ms).rows if one.held]
    [held] = row.held
    assert (held.tablet_id, held.line_id, held.amount_minor) == ("tab-1", part.line_id, 400_000)
    assert (held.expires_at_ms, held.is_over) == (part.expires_at_ms, False)
    over = kit.read(read_stations, part.expires_at_ms).rows
    assert [one.is_over for each in over for one in each.held] == [True], (
        "a date gives nothing back"
    )
    first = len(kit.station.records[MONEY]) + 1
    tablet.write("sub_lease", SubLeaseEvent(part.sublease_id, SubLeaseAct.ENDED, 0, ""))
    deliver(kit, first)
    assert [
        one for each in kit.read(read_stations, kit.clock.at_ms).rows for one in each.held
    ] == []


def test_a_draw_without_its_tablets_word_is_named(tablet: Field):
    part = tablet.grant(tablet.part(400_000))
    tablet.book(part, tablet.told(part, 150_000))
    assert "draw fd-1 signed by its tablet / no operation" in tablet.fault()


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"amount_minor": 200_000}, "as the tablet signed"), ({"fee_minor": 1}, "as the tablet")],
)
def test_a_draw_that_is_booked_otherwise_than_it_was_signed_is_named(
    tablet: Field, changes: dict[str, int], words: str
):
    part = tablet.grant(tablet.part(400_000))
    told = tablet.told(part, 150_000)
    tablet.book(part, told, **changes)
    tablet.sign(OperationKind.DRAW, told)
    assert words in tablet.fault()
    assert any("fd-1" in flag for flag in flags(tablet.kit))


def test_an_operation_without_its_drawdown_is_told_to_its_agent_and_to_people(tablet: Field):
    part = tablet.grant(tablet.part(400_000))
    tablet.sign(OperationKind.DRAW, tablet.told(part, 150_000))
    assert "booked as it was signed / no drawdown" in tablet.fault()
    kit = tablet.kit
    kit.station.pull(kit.centre)
    [verdict] = kit.station.bodies("operation")
    assert (verdict["accepted"], "has not come" in verdict["words"]) == (False, True)


def test_more_than_a_sub_lease_or_the_lease_holds_is_named(tablet: Field):
    part = tablet.grant(tablet.part(400_000))
    tablet.pay(part, 300_000)
    tablet.pay(part, 150_000, "fd-2")
    assert "at most 100000 under s-1 / 150000" in tablet.fault()


def test_two_sub_leases_beyond_one_lease_are_named(tablet: Field):
    most = tablet.lease.amount_minor
    tablet.grant(tablet.part(most))
    tablet.grant(tablet.part(1_000, serial=2))
    assert f"at most {most} drawn and sub-leased" in tablet.fault()


def test_a_station_that_draws_what_a_tablet_holds_is_named(tablet: Field):
    most = tablet.lease.amount_minor
    part = tablet.grant(tablet.part(most))
    told = tablet.told(part, 100_000)
    tablet.book(part, told, sublease_id=None)
    assert f"at most {most} drawn and sub-leased" in tablet.fault()


def test_a_fork_and_a_hole_in_a_tablets_chain_are_named(tablet: Field):
    part = tablet.grant(tablet.part(400_000))
    tablet.pay(part, 100_000)
    told = tablet.told(part, 100_000, "fd-2")
    tablet.book(part, told)
    tablet.sign(OperationKind.DRAW, told, previous="00" * 32)
    assert "an operation after" in tablet.fault()


def test_a_sub_lease_by_another_hand_or_of_anothers_lease_is_named(tablet: Field):
    tablet.grant(tablet.part(400_000), keys_of("st-thief", 77))
    assert "a record that can be verified" in tablet.fault()
    tablet.grant(tablet.part(400_000, lease_id="le-nobodys"))
    deliver(tablet.kit)
    assert any("is not the centre's" in flag for flag in flags(tablet.kit))


def test_what_a_station_refused_is_for_people_to_look_at(tablet: Field):
    part = tablet.grant(tablet.part(400_000))
    tablet.sign(OperationKind.DRAW, tablet.told(part, 150_000), code="HL-EDGE-046")
    assert tablet.fault() == ""
    [flag] = flags(tablet.kit)
    assert "says that it paid out, the station refused it (HL-EDGE-046)" in flag


@pytest.mark.parametrize(("error_ms", "named"), [(60_000, ""), (1_000, "the sub-lease's term")])
def test_a_draw_counts_by_a_clock_and_its_error(tablet: Field, error_ms: int, named: str):
    part = tablet.grant(tablet.part(400_000))
    late = replace(tablet.told(part, 150_000), at_ms=part.signed_at_ms - 30_000, error_ms=error_ms)
    tablet.book(part, late)  # a tablet's clock is behind its station's by what a request takes
    tablet.sign(OperationKind.DRAW, late)
    assert named in tablet.fault()
    assert bool(tablet.fault()) is bool(named)
