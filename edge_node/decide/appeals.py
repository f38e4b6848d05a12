"""A farmer asks for a person, complains or appeals: written down once, with the day of answer."""

from __future__ import annotations

from dataclasses import dataclass

from core.lending.lease import Clock
from core.wire.appeals import Appeal, AppealKind, AppealTopic, answer_by
from core.wire.fieldwork import require_id
from core.wire.records import Up
from edge_node.decide.desk import Desk, RequestError
from edge_node.store import appeals, decisions, lines, logs, village
from edge_node.store.database import StationDatabase

OPEN_MAX = 10  # of one farmer at a time
OPEN_HELPED_MAX = 4  # of those, asked with somebody's help: nobody keeps a farmer from complaining


@dataclass(frozen=True, slots=True)
class Asking:
    """What a farmer asks; ``about`` is one of their cards or lines, or empty."""

    appeal_id: str
    kind: AppealKind
    topic: AppealTopic
    about: str
    language: str
    helped: bool = False
    helped_by: str = ""


def ask(db: StationDatabase, desk: Desk, farmer_id: str, asking: Asking, clock: Clock) -> Appeal:
    """Write down what a farmer asks, and by when it is answered; again, nothing changes.

    Raises
    ------
    RequestError
        If it is about something that is not the farmer's, or too much is open already.
    ShapeError
        If its id can be none.
    """
    require_id(asking.appeal_id, "appeal_id")
    with db.atomic():
        kept = appeals.of_farmer(db, farmer_id)
        known = next((e.appeal for e in kept if e.appeal.appeal_id == asking.appeal_id), None)
        if known is not None:
            return known
        if sum(each.answer is None for each in kept) >= OPEN_MAX:
            raise RequestError(f"expected at most {OPEN_MAX} open questions: they are at work")
        by_helpers = sum(each.answer is None and each.appeal.helped for each in kept)
        if asking.helped and by_helpers >= OPEN_HELPED_MAX:
            raise RequestError(f"expected at most {OPEN_HELPED_MAX} open questions with help")
        product_id = _product_of(db, farmer_id, asking.about)
        days = village.product(db, product_id).decision.appeal_days if product_id else None
        opened_on = desk.accrual_day(clock)
        asked = Appeal(
            appeal_id=asking.appeal_id,
            farmer_id=farmer_id,
            kind=asking.kind,
            topic=asking.topic,
            about=asking.about,
            language=asking.language,
            opened_on=opened_on.isoformat(),
            answer_by=answer_by(asking.kind, opened_on, days).isoformat(),
            helped=asking.helped,
            product_id=product_id or None,
            helped_by=asking.helped_by or None,
        )
        appeals.keep(db, asked, clock.at_ms)
        subject = f"appeal/{asked.appeal_id}"
        logs.append(db, desk.station, Up.APPEAL, asked, clock, subject)
        return asked


def _product_of(db: StationDatabase, farmer_id: str, about: str) -> str:
    if not about:
        return ""
    for kept in decisions.cards_of(db, farmer_id):
        if kept.card.card_id == about:
            return kept.card.inputs.application.product_id
    line = lines.find(db, about)
    if line is None or line.farmer_id != farmer_id:
        raise RequestError("expected something of your own to ask about")
    return line.product_id
