"""What waits at the lender, for tests of the review queue: a raise, and a referred application."""

from __future__ import annotations

from datetime import timedelta

from core.wire.evidence import Stage
from core.wire.records import Application
from server.services.evidence import accept_evidence
from server.services.review_queue.answering import Pick, Said, answer
from server.services.review_queue.waiting import Kind, Waiting, waiting
from server.store import lines
from server.store.people import Actor
from server.store.scoping import Scope
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.kiosk_kit import MONEY, card_of, deliver, write_card
from tests.support.officers import authority_set, known

ANNA, BEN = Actor("anna", "supervisor"), Actor("ben", "supervisor")
LENA = Actor("lena", "lender")
EVERYTHING = Scope()
WANTED_MINOR = 2_000_000  # what the second look at farmer B's plot raises the line to


def bound(kit: Kit, holder: str, amount_minor: int) -> None:
    """Say how high a holder may set a limit; a user who is named is known."""
    known(kit.centre, ANNA, BEN, LENA)
    authority_set(kit.centre, holder, (amount_minor, "KES"), (ANNA, BEN))


def raise_wanted(kit: Kit, rule_minor: int = 1_500_000) -> lines.Line:
    """Farmer B's line, which the rule would raise to 20,000 KES and may not alone."""
    bound(kit, "rule", rule_minor)
    open_known(kit)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    see_twice(kit)
    found: lines.Line = kit.read(lines.get, line.line_id)
    return found


def see_twice(kit: Kit, first: int = 10, p10: int = 1500) -> None:
    """Two clear looks at farmer B's plot, five days apart."""
    for number in (first, first + 5):
        on = SEASON_START + timedelta(days=number)
        kit.clock.set_day(on)
        accept_evidence(kit.centre, kit.evidence("plot-b1", on, Stage.EMERGENCE, p10))


def refer(kit: Kit, number: int = 1, asked_minor: int = 350_000) -> str:
    """Farmer C applies, and the station's card leaves it to a person; the application's id."""
    application = Application(
        f"app-{number}", "farmer-c", kit.product.product_id, ("plot-c1",), asked_minor, "KES"
    )
    kit.station.write(MONEY, "application", application, kit.clock.at_ms)
    # Consented to nothing: so a person decides.
    write_card(kit, card_of(kit, application, asked_minor, purposes=()))
    deliver(kit)
    return application.application_id


def queue(kit: Kit, kind: Kind) -> tuple[Waiting, ...]:
    """What waits of a kind."""
    with kit.centre.store.reading() as tx:
        return waiting(kit.centre.work(tx, kit.centre.now_ms()), kind)


def pick(found: Waiting) -> Pick:
    """One thing as it is shown."""
    return Pick(found.kind, found.item_id, found.seen)


def say(kit: Kit, by: Actor, *found: Waiting, approve: bool = True, reason: str = "looked at it"):
    """Answer what was shown."""
    return answer(kit.centre, EVERYTHING, [pick(each) for each in found], Said(by, approve, reason))
