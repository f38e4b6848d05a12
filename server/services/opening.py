"""Opening lines: one that a station reports, or one that the centre decides itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.canonical import parse_canonical
from core.decision.card import DecisionCard
from core.lending.agreement import AgreementReason
from core.lending.limit import Movement
from core.lending.own_cash import with_own_cash
from core.lending.product import Product
from core.lending.terms import CashMonth
from core.reasons import Reason, ReasonCode
from core.shape import decode, encode
from core.signing import DOCUMENT_BYTES_MAX
from server.services.agreements import frozen_changed, offered
from server.services.centre import Work
from server.services.colending import join_partners
from server.services.downlink import send_freeze
from server.services.freezing import FROZE, FreezeReason
from server.services.outlook import look
from server.services.pricing import price_opening
from server.services.spreading import place_line
from server.services.standing import zone_minutes
from server.store import lines, people, products, reports
from server.store.lines import Line, LineMovement
from server.store.people import Actor
from server.store.reports import Replay


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line to open; ``onboarding_lease_id`` is empty for one that the centre opens.

    ``cash`` are the farmer's own months, as the application brought them.
    """

    line_id: str
    application_id: str
    card_id: str
    farmer_id: str
    product_id: str
    station: str
    subject_ids: tuple[str, ...]
    limit_minor: int
    currency: str
    onboarding_lease_id: str = ""
    terms: tuple[tuple[str, int], ...] = ()
    cash: tuple[CashMonth, ...] = ()


def open_line(work: Work, new: NewLine, *, frozen: bool = False) -> Line:
    """Open a line with its first movement; the same again changes nothing.

    One that is ``frozen`` from the start is so until a person lifts it: it stands in
    the trail as frozen, so that no look at its plot thaws it. The caller tells
    the station how the line stands.
    """
    known = lines.find(work.tx, new.line_id)
    if known is not None:
        return known
    product = products.newest(work.tx, new.product_id)
    today = work.today(zone_minutes(work.tx, new.farmer_id))
    line = _new_line(work, new, (product, today), frozen=frozen)
    lines.add(work.tx, line)
    offered(work, line, Actor(new.station, "station") if new.onboarding_lease_id else work.myself)
    opened = _first_movement(work, line, (product, today), dict(new.terms))
    lines.add_movement(work.tx, opened)
    place_line(work, line)
    price_opening(work, line, product, _card_of(work, new.card_id))
    join_partners(work, line, product)
    if frozen:
        _freeze(work, line, opened.reasons)
        doubt = AgreementReason.STATION_IN_DOUBT
        frozen_changed(work, line, work.myself, doubt, today)
    return line


def _card_of(work: Work, card_id: str) -> DecisionCard | None:
    """The card that a line was opened by, if it is here and replays."""
    kept = reports.find_decision(work.tx, card_id)
    if kept is None or kept.replay is not Replay.SAME:
        return None
    return decode(DecisionCard, parse_canonical(kept.document, DOCUMENT_BYTES_MAX)["body"])


def _new_line(work: Work, new: NewLine, under: tuple[Product, date], *, frozen: bool) -> Line:
    product, today = under
    return Line(
        line_id=new.line_id,
        farmer_id=new.farmer_id,
        product_id=new.product_id,
        application_id=new.application_id,
        card_id=new.card_id,
        station=new.station,
        currency=new.currency,
        limit_minor=new.limit_minor,
        due_on=with_own_cash(product, new.cash).due_on,
        opened_on=today.isoformat(),
        opened_at_ms=work.at_ms,
        frozen=frozen,
        watch=False,
        is_open=True,
        closed_at_ms=None,
        reviewed_as_of="",
        supported=(),
        movements_count=1,
        onboarding_lease_id=new.onboarding_lease_id,
        onboarding_minor=new.limit_minor if new.onboarding_lease_id else 0,
        subject_ids=tuple(sorted(new.subject_ids)),
        cash=new.cash,
    )


def _first_movement(
    work: Work, line: Line, under: tuple[Product, date], terms: dict[str, int]
) -> LineMovement:
    product, today = under
    outlook = look(work, line, product, today)
    return LineMovement(
        line_id=line.line_id,
        seq=1,
        movement_id=work.new_id(),
        movement=Movement.OPENED,
        as_of=today.isoformat(),
        at_ms=work.at_ms,
        limit_before_minor=0,
        limit_minor=line.limit_minor,
        outstanding_minor=0,
        leased_unspent_minor=line.onboarding_minor,
        terms=terms,
        views=outlook.views,
        reasons=(Reason(ReasonCode.LIMIT_OPENED),),
        evidence_ids=outlook.evidence_ids,
        policy_version=product.policy_version(),
        supported=(),
        watch=False,
    )


def _freeze(work: Work, line: Line, reasons: tuple[Reason, ...]) -> None:
    why = {"reason": FreezeReason.STATION_IN_DOUBT.value}
    people.record(work.tx, work.at_ms, work.myself, FROZE, ("line", line.line_id), why)
    send_freeze(work, line, reasons)


def terms_for_record(terms: object) -> tuple[tuple[str, int], ...]:
    """The rule's terms as plain pairs."""
    return tuple((str(name), int(value)) for name, value in encode(terms).items())
