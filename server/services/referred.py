"""Applications that a card referred to a person: offered within the rule, or declined.

A person may lend less than was asked and never more than the rule's terms carry on that
day; the card stays what it was.
"""

from __future__ import annotations

from core.lending.agreement import AgreementEvent, AgreementReason, Standing
from core.lending.own_cash import own_cash_faults
from core.wire.records import Application
from server.services.agreements import Event, bring_about_for, state_of
from server.services.authority import require_authority
from server.services.centre import Centre, RequestError, Work
from server.services.downlink import send_status
from server.services.leasing import issue_for_line
from server.services.opening import NewLine, open_line, terms_for_record
from server.services.origination import opening_terms
from server.services.spreading import place_of_new, room_to_open
from server.services.standing import zone_minutes
from server.store import lines, products, registry, reports
from server.store.agreements import Step
from server.store.engine import NotKnownError
from server.store.lines import Line
from server.store.people import Actor
from server.store.reports import KeptApplication


def offer_referred(centre: Centre, application_id: str, limit_minor: int, by: Actor) -> Line:
    """Open a line on a referred application.

    Raises
    ------
    NotKnownError
        If there is no such application.
    RequestError
        If the limit is above what was asked or what the rule carries, what it would rest on
        is pledged already, or the product does not take the farmer's own months today.
    AgreementError
        If no card referred it, or it was decided already.
    RoleError
        If the limit is above the officer's authority.
    """
    return centre.write(lambda work: offer_in(work, application_id, limit_minor, by))


def decline_referred(centre: Centre, application_id: str, by: Actor) -> Step:
    """Decline a referred application.

    Raises
    ------
    NotKnownError
        If there is no such application.
    AgreementError
        If no card referred it, or it was decided already.
    """
    return centre.write(lambda work: decline_in(work, application_id, by))


def offer_in(work: Work, application_id: str, limit_minor: int, by: Actor) -> Line:
    """Open a line on a referred application, in a transaction that is open.

    Raises
    ------
    RoleError
        If the limit is above the officer's authority; another may approve it in the queue.
    """
    kept = _known(work, application_id)
    asked = kept.application
    require_authority(work.tx, by, asked.product_id, (limit_minor, asked.currency))
    product = products.newest(work.tx, asked.product_id)
    today = work.today(zone_minutes(work.tx, asked.farmer_id))
    if faults := own_cash_faults(product, asked.cash or None, today):
        raise RequestError("; ".join(faults))
    subjects = tuple(registry.subject(work.tx, each) for each in asked.subject_ids)
    terms = opening_terms(product, subjects, today)
    carried = terms.limit(product.credit.rounding_unit_minor)
    _require_within(limit_minor, {"was asked": asked.asked_minor, "the rule carries": carried})
    room = room_to_open(work, place_of_new(work, product, asked.farmer_id, asked.subject_ids))
    if room is not None:
        most = {f"the cap by {room.dimension.value} leaves today": room.limit_minor}
        _require_within(limit_minor, most)
    _require_free(work, asked)
    cards = reports.decisions_of(work.tx, application_id)
    new = NewLine(
        line_id=work.new_id(),
        application_id=application_id,
        card_id=cards[-1].card_id if cards else "",
        farmer_id=asked.farmer_id,
        product_id=asked.product_id,
        station=registry.farmer(work.tx, asked.farmer_id).home_station,
        subject_ids=asked.subject_ids,
        limit_minor=limit_minor,
        currency=asked.currency,
        terms=terms_for_record(terms),
        cash=asked.cash or (),
    )
    detail = {"limit_minor": limit_minor, "card_id": new.card_id}
    event = Event(AgreementEvent.OFFER, by, AgreementReason.REVIEWED, None, detail)
    bring_about_for(work, (application_id, new.line_id), event, Standing(today))
    line = open_line(work, new)
    send_status(work, line)
    issue_for_line(work, line.line_id)
    return line


def decline_in(work: Work, application_id: str, by: Actor) -> Step:
    """Decline a referred application, in a transaction that is open."""
    kept = _known(work, application_id)
    today = work.today(zone_minutes(work.tx, kept.application.farmer_id))
    event = Event(AgreementEvent.DECLINE, by, AgreementReason.REVIEWED)
    return bring_about_for(work, (application_id, ""), event, Standing(today))


def _known(work: Work, application_id: str) -> KeptApplication:
    kept = reports.find_application(work.tx, application_id)
    if kept is None or state_of(work.tx, application_id) is None:
        raise NotKnownError(f"expected an application, got {application_id!r}")
    return kept


def _require_within(limit_minor: int, bounds: dict[str, int]) -> None:
    for words, most in bounds.items():
        if limit_minor > most:
            raise RequestError(f"expected at most {most}, as {words}, got {limit_minor}")


def _require_free(work: Work, asked: Application) -> None:
    for line_id in lines.resting_on(work.tx, asked.subject_ids):
        other = lines.get(work.tx, line_id)
        if other.is_open and other.application_id != asked.application_id:
            raise RequestError(
                f"expected that nothing else rests on {', '.join(asked.subject_ids)}: line "
                f"{line_id} does"
            )
