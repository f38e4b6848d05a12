"""What farmers asked at a kiosk: a person, a complaint, an appeal; and the answer to it.

The day that the farmer was told holds, unless the product's terms give an earlier one. A
person answers once, in words that the kiosk can read out; the answer goes to the station
where it was asked and to the farmer's home, and to the audit trail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from core.shape import decode, encode
from core.wire.appeals import (
    WORDS_CHARACTERS_MAX,
    Appeal,
    AppealAnswer,
    AppealKind,
    AppealOutcome,
    answer_by,
)
from core.wire.proxies import Helper, KioskEvent
from core.wire.records import Down
from server.services.centre import Centre, RequestError, RoleError, Work
from server.services.downlink import send
from server.services.reported import Reported
from server.services.serving import fault_of_telling, serves
from server.services.standing import zone_minutes
from server.store import appeals, people, products, registry
from server.store.appeals import KeptAppeal
from server.store.engine import ConflictError, NotKnownError, Tx
from server.store.people import Actor, Role

ANSWERS = (Role.LENDER, Role.SUPERVISOR)
CHANGES = (Role.SUPERVISOR,)  # who may say that a decision is put right


@dataclass(frozen=True, slots=True)
class WaitingAppeal:
    """What waits for an answer, and by how many days it is late; 0 or less: not yet."""

    kept: KeptAppeal
    farmer_name: str
    days_late: int

    @property
    def is_late(self) -> bool:
        """Whether the day that the farmer was told has passed."""
        return self.days_late > 0


@dataclass(frozen=True, slots=True)
class Reply:
    """How an officer answers, in words for the farmer."""

    outcome: AppealOutcome
    words: str


def waiting(work: Work) -> tuple[WaitingAppeal, ...]:
    """What nobody has answered, the first due first, at most ``appeals.SHOWN_MAX``."""
    asked = appeals.waiting(work.tx)
    with work.tx.remembering() as tx:
        registry.learn_farmers(tx, sorted({kept.appeal.farmer_id for kept in asked}))
        return tuple(_waiting(replace(work, tx=tx), kept) for kept in asked)


def _waiting(work: Work, kept: KeptAppeal) -> WaitingAppeal:
    farmer = registry.find_farmer(work.tx, kept.appeal.farmer_id)
    today = work.today(zone_minutes(work.tx, kept.appeal.farmer_id))
    late = (today - date.fromisoformat(kept.answer_by)).days
    return WaitingAppeal(kept, farmer.name if farmer else "", late)


def answer(centre: Centre, appeal_id: str, reply: Reply, officer: Actor) -> KeptAppeal:
    """Answer a farmer; the same answer by the same person again changes nothing.

    Raises
    ------
    NotKnownError
        If nobody asked that.
    RoleError
        If the role may not answer, or may not change a decision.
    RequestError
        If the words are missing or too many, or a talk is answered as a decision.
    ConflictError
        If it was answered otherwise before.
    """
    return centre.write(lambda work: _answer(work, appeal_id, reply, officer))


def apply_appeal(work: Work, reported: Reported) -> str:
    """Take what a farmer asked at a station; what was wrong with it, or nothing."""
    asked = decode(Appeal, reported.record.body)
    ruled = _ruled(work.tx, asked)
    kept = KeptAppeal(asked, reported.writer, ruled, reported.record.at_ms)
    before = appeals.find(work.tx, asked.appeal_id)
    if before is not None:
        same = (before.appeal, before.station) == (asked, reported.writer)
        return "" if same else f"appeal {asked.appeal_id}: other content than before"
    appeals.add(work.tx, kept)
    detail = {"appeal_id": asked.appeal_id, "kind": asked.kind.value, "answer_by": ruled}
    by, subject = Actor(reported.writer, "station"), ("farmer", asked.farmer_id)
    people.record(work.tx, work.at_ms, by, "appeal_asked", subject, detail)
    return fault_of_telling(work, reported.writer, asked.farmer_id)


def apply_helper(work: Work, reported: Reported) -> str:
    """Write down who may act for a farmer at a station, or no longer."""
    told = decode(Helper, reported.record.body)
    detail = {
        "helper_id": told.helper_id,
        "relation": told.relation.value,
        "draw_day_minor": told.draw_day_minor,
        "until_on": told.until_on,
    }
    by, subject = Actor(reported.writer, "station"), ("farmer", told.farmer_id)
    people.record(work.tx, work.at_ms, by, f"helper_{told.act.value}", subject, detail)
    return fault_of_telling(work, reported.writer, told.farmer_id)


def apply_kiosk_event(work: Work, reported: Reported) -> str:
    """Write down how a farmer was known at a kiosk, and who stood by."""
    told = decode(KioskEvent, reported.record.body)
    detail = {
        "event_id": told.event_id,
        "agent_id": told.agent_id or "",
        "helper_id": told.helper_id or "",
    }
    by, subject = Actor(reported.writer, "station"), ("farmer", told.farmer_id)
    people.record(work.tx, work.at_ms, by, f"kiosk_{told.act.value}", subject, detail)
    return fault_of_telling(work, reported.writer, told.farmer_id)


def _ruled(tx: Tx, asked: Appeal) -> str:
    """The earlier of the day that was told and the one that the product's terms give."""
    known = products.every_version(tx, asked.product_id) if asked.product_id else ()
    days = known[0].decision.appeal_days if known else None
    ruled = answer_by(asked.kind, date.fromisoformat(asked.opened_on), days)
    return min(ruled.isoformat(), asked.answer_by)


def _answer(work: Work, appeal_id: str, reply: Reply, actor: Actor) -> KeptAppeal:
    may = CHANGES if reply.outcome is AppealOutcome.CHANGED else ANSWERS
    if actor.role not in {role.value for role in may}:
        raise RoleError(f"expected a role that may answer {reply.outcome.value}, got {actor.role}")
    kept = appeals.find(work.tx, appeal_id)
    if kept is None:
        raise NotKnownError(f"expected something that a farmer asked, got {appeal_id[:64]!r}")
    _require_fitting(kept, reply)
    on = work.today(zone_minutes(work.tx, kept.appeal.farmer_id)).isoformat()
    words = reply.words.strip()
    said = AppealAnswer(appeal_id, kept.appeal.farmer_id, reply.outcome, on, actor.name, words)
    if kept.answer is not None:
        known = kept.answer
        if (known.outcome, known.words, known.answered_by) != (said.outcome, words, actor.name):
            raise ConflictError(f"{appeal_id} was answered by {known.answered_by} before")
        return kept
    if not appeals.answer(work.tx, said, work.at_ms):
        raise ConflictError(f"{appeal_id} was answered by another at the same time: look again")
    _tell(work, kept, said)
    detail = {"appeal_id": appeal_id, "outcome": said.outcome.value}
    subject = ("farmer", said.farmer_id)
    people.record(work.tx, work.at_ms, actor, "appeal_answered", subject, detail)
    return KeptAppeal(kept.appeal, kept.station, kept.answer_by, kept.at_ms, said)


def _require_fitting(kept: KeptAppeal, reply: Reply) -> None:
    if not 0 < len(reply.words.strip()) <= WORDS_CHARACTERS_MAX:
        raise RequestError(
            f"expected words for the farmer, 1 to {WORDS_CHARACTERS_MAX} characters, got "
            f"{len(reply.words)}"
        )
    decides = reply.outcome is not AppealOutcome.EXPLAINED
    if decides != (kept.appeal.kind is AppealKind.APPEAL):
        raise RequestError(
            "expected 'stands' or 'changed' of an appeal, 'explained' of anything else, got "
            f"{reply.outcome.value} of a {kept.appeal.kind.value}"
        )


def _tell(work: Work, kept: KeptAppeal, said: AppealAnswer) -> None:
    """Tell the farmer's home, and where it was asked if that station has to do with them."""
    farmer = registry.find_farmer(work.tx, said.farmer_id)
    stations = {kept.station} if farmer is None else {farmer.home_station}
    if farmer is not None and serves(work, kept.station, farmer):
        stations.add(kept.station)
    for station in sorted(stations):
        send(work, station, Down.APPEAL_ANSWER, said)


def as_row(one: WaitingAppeal) -> dict[str, object]:
    """A row for lists: who asked what, where, and by when it is to be answered."""
    return {
        **encode(one.kept.appeal),
        "farmer_name": one.farmer_name,
        "station": one.kept.station,
        "answer_by": one.kept.answer_by,
        "days_late": one.days_late,
    }
