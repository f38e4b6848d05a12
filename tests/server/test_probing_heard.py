"""A station that does not say how often a farmer asked is heard out, and flagged."""

from __future__ import annotations

from dataclasses import replace

from core.decision.card import DecisionCard
from core.decision.policy import decide
from core.wire.records import Application
from tests.support.centre_kit import Kit, model
from tests.support.kiosk_kit import MONEY, card_of, deliver, flags, grant, write_card


def ask(kit: Kit, number: int, asked_before: int | None, asked_minor: int = 20_000_000) -> None:
    """Farmer C asks for more than any station may give, so that a person is to decide."""
    application = Application(
        f"app-{number}", "farmer-c", kit.product.product_id, ("plot-c1",), asked_minor, "KES"
    )
    kit.station.write(MONEY, "application", application, kit.clock.at_ms)
    card = card_of(kit, application, asked_minor)
    inputs = replace(card.inputs, asked_before=asked_before)
    outcome = decide(inputs, model(), kit.product)
    write_card(kit, DecisionCard(card.card_id, inputs, outcome))
    kit.clock.add_days(1)


def test_a_station_that_counts_truly_is_not_flagged(kit: Kit) -> None:
    grant(kit, "farmer-c", "consent-1")
    for number in range(4):
        ask(kit, number, number or None)
    deliver(kit)
    assert flags(kit) == []


def test_a_station_that_hides_earlier_applications_is_flagged(kit: Kit) -> None:
    grant(kit, "farmer-c", "consent-1")
    for number in range(3):
        ask(kit, number, None)
    deliver(kit)
    assert sorted(flags(kit)) == [
        "card card-app-1: says 0 earlier applications, 1 are here",
        "card card-app-2: says 0 earlier applications, 2 are here",
    ]
