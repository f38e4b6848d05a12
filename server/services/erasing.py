"""Erasing a person at their word, by two: who they were goes, what the books rest on stays.

Name, card, household, the names and outlines of their plots go from the centre, their
consents end, and their stations take the same over the usual orders. Ids, amounts, decisions
and hashes stay: the ledger, the chains and the audit verify as before. What is kept, and why,
stands in ``docs/privacy.md``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from core.lending.agreement import AgreementState
from core.lending.payout import PayoutState
from core.wire.consents import granted_names
from core.wire.personal_data import Recipient
from core.wire.records import ConsentAction, Down
from core.wire.registry import Farmer
from server.services.centre import RequestError, Work
from server.services.consents.taking import write_consent
from server.services.downlink import send_once
from server.services.moving import HOME_MOVED
from server.services.roaming import LINE_ROAMS
from server.services.standing import owed
from server.services.words_kept import tell
from server.store import (
    agreements,
    lines,
    moves,
    payouts,
    people,
    photos,
    places,
    registry,
    reports,
)
from server.store.lines import Line
from server.store.money_words import KeptWord, WordKind
from server.store.people import Actor

_PAYING = (PayoutState.PENDING, PayoutState.SENT, PayoutState.STUCK, PayoutState.FAILED)
ERASED = "person_erased"  # as the trail tells it


def is_erased(farmer: Farmer | None) -> TypeGuard[Farmer]:
    """Whether a registered person was erased."""
    return farmer is not None and not farmer.name


def tell_erasure(work: Work, farmer_id: str, said: tuple[Actor, str]) -> KeptWord:
    """Tell that a person is to be erased; it is done once another supervisor confirms it.

    Raises
    ------
    NotKnownError
        If there is no such farmer.
    RequestError
        If a loan is open, anything is owed or paid out still, or they are erased already.
    RoleError, ConflictError
        If the officer cannot tell it, or another word about it waits.
    """
    _require_free(work, farmer_id)
    return tell(work, (WordKind.ERASURE, farmer_id), {}, *said)


def erase(work: Work, word: KeptWord, by: Actor) -> None:
    """Erase a person, as two said.

    Raises
    ------
    NotKnownError, RequestError
        As for :func:`tell_erasure`.
    """
    farmer = _require_free(work, word.subject_id)
    facts = reports.facts_of(work.tx, farmer.farmer_id)
    allowed = tuple(granted_names(facts, farmer.farmer_id, Recipient.LENDER.value))
    if allowed:
        write_consent(work, farmer.farmer_id, allowed, ConsentAction.WITHDRAW, by)
    stations = _stations(work, farmer)
    bare = replace(farmer, name="", card_sha256="", household_size=0)
    site = registry.farmer_site(work.tx, farmer.farmer_id)
    registry.put_farmer(work.tx, site.site if site else "", bare)
    subjects = _bare_subjects(work, farmer.farmer_id)
    photos.forget_of_farmer(work.tx, farmer.farmer_id)
    for station in stations:
        send_once(work, station, Down.FARMER, bare)
        for subject_id in subjects:
            placed = registry.placed_subject(work.tx, subject_id)
            if placed is not None:
                send_once(work, station, Down.SUBJECT, placed.drawn())
    detail = {"told_by": word.told_by, "word_id": word.word_id, "stations": list(stations)}
    people.record(work.tx, work.at_ms, by, ERASED, ("farmer", farmer.farmer_id), detail)


def sentence(_: Work, word: KeptWord) -> str:
    """What a word about an erasure would do."""
    return f"Who {word.subject_id} is gets erased, for good: name, card, household and plots."


def _require_free(work: Work, farmer_id: str) -> Farmer:
    """The farmer, if nothing stands between them and the lender any more."""
    farmer = registry.farmer(work.tx, farmer_id)
    if is_erased(farmer):
        raise RequestError(f"{farmer_id} is erased already")
    for line in lines.of_farmer(work.tx, farmer_id):
        _require_over(work, line)
    for step in agreements.referred(work.tx):
        asked = reports.find_application(work.tx, step.agreement_id)
        if asked is not None and asked.application.farmer_id == farmer_id:
            waits = AgreementState.REFERRED.value
            raise RequestError(f"application {step.agreement_id} is {waits}: answer it first")
    if any(each.farmer_id == farmer_id for each in moves.of_station(work.tx, farmer.home_station)):
        raise RequestError(f"{farmer_id} is moving to another station: wait until that is done")
    return farmer


def _require_over(work: Work, line: Line) -> None:
    owes = owed(work.tx, line, work.today()).total_minor
    if line.is_open or owes:
        raise RequestError(
            f"expected that no loan is open, line {line.line_id} is"
            f"{' open' if line.is_open else ' closed'} and owes {owes} [minor units]"
        )
    for payout in payouts.of_line(work.tx, line.line_id):
        if payout.state in _PAYING:
            raise RequestError(f"payout {payout.payout_id} is {payout.state.value} still")


def _stations(work: Work, farmer: Farmer) -> tuple[str, ...]:
    """Where somebody lives or draws, and where they ever did: those know them still."""
    found = {farmer.home_station}
    for row in people.trail_of(work.tx, "farmer", farmer.farmer_id):
        if row.action == HOME_MOVED:
            found |= {str(row.detail["from"]), str(row.detail["to"])}
    for line in lines.of_farmer(work.tx, farmer.farmer_id):
        found |= {place.station for place in places.of_line(work.tx, line)}
        trail = people.trail_of(work.tx, "line", line.line_id)
        # A share of nothing tells a station nothing: without one before it, it knows nobody.
        found |= {
            str(row.detail["station"])
            for row in trail
            if row.action == LINE_ROAMS and row.detail["share_ppm"]
        }
    return tuple(sorted(found - {""}))


def _bare_subjects(work: Work, farmer_id: str) -> tuple[str, ...]:
    """Take names and outlines from what is a farmer's; kinds, sizes and hashes stay."""
    found = registry.subjects_of(work.tx, farmer_id)
    for each in found:
        registry.put_subject(work.tx, replace(each, name="", outline_e7=None), None)
    return tuple(each.subject_id for each in found)
