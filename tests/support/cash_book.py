"""A keeper and an agent of a book's station, and a count with which something is wrong."""

from __future__ import annotations

from datetime import timedelta

from core.lending.cashbox import CountKind, MoveKind
from core.shape import encode
from core.wire.cash import CashCount, CashRole, Count
from server.services.cash_people import NewPerson, add_person
from server.services.centre import Centre
from server.store import cash
from server.store.cash import KeptMove
from server.store.people import Actor

SUPERVISOR = Actor("wanjiru", "supervisor")


def seed_cash(centre: Centre, station: str = "kijani") -> None:
    """Akinyi counted nothing three days ago, and somebody else signed it; Juma keeps the safe."""
    for person_id, role, limit in (("juma", CashRole.KEEPER, 0), ("akinyi", CashRole.AGENT, 10**6)):
        new = NewPerson(person_id, person_id.title(), role, station, "KES", limit, limit)
        add_person(centre, new, SUPERVISOR)

    def act(work) -> None:
        on = (work.today() - timedelta(days=3)).isoformat()
        told = Count("c-1", "akinyi", "c-1", CountKind.OPEN, "KES", 0, 0, (), on)
        flag = "not signed by the card of akinyi"
        move = KeptMove(
            "c-1", "akinyi", MoveKind.COUNT, "", station, "c-1", "", 0, "KES", on,
            encode(CashCount(told, "00" * 64)), flag, work.at_ms, work.at_ms,
        )  # fmt: skip
        cash.add_move(work.tx, move)

    centre.write(act)
