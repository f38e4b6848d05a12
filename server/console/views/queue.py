"""The queue as it is shown: what waits by kind, and whether the one who looks may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.console.words import message, money, say
from server.services import money_words
from server.services.authority import authority_of
from server.services.centre import Work
from server.services.review_queue.waiting import CARD_OF, Kind, Waiting, count_waiting, waiting
from server.store import products, registry
from server.store.people import Actor, Role, is_one_of

SHOWN_MAX = 200  # of a kind on one page; the oldest come first
KIND_NAMES: Mapping[Kind, str] = {
    Kind.RAISE: message("Raises over authority"),
    Kind.APPLICATION: message("Referred applications"),
    Kind.PLAN: message("New plans"),
    Kind.WORD: message("Words about money"),
}


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One thing that waits; ``bar`` says why the one who looks may not answer, if so."""

    waits: Waiting
    made_by: str
    farmer_name: str
    product_name: str
    path: str
    bar: str
    note: str


@dataclass(frozen=True, slots=True)
class QueuePage:
    """What waits of one kind, and how many of each."""

    kind: Kind
    rows: tuple[QueueRow, ...]
    left_out: int
    counts: Mapping[Kind, int]


def read_queue(work: Work, kind: Kind | None, by: Actor) -> QueuePage:
    """What waits of a kind; of the first kind of which anything does, where none is named."""
    counts = {each: count_waiting(work, each).count for each in Kind}
    shown = kind or next((each for each in Kind if counts[each]), Kind.RAISE)
    sold = {one.product_id: one.name for one in products.in_force(work.tx)}
    found = waiting(work, shown, SHOWN_MAX)
    rows = tuple(_row(work, each, by, sold) for each in found)
    return QueuePage(shown, rows, max(0, counts[shown] - SHOWN_MAX), counts)


def _row(work: Work, waits: Waiting, by: Actor, sold: Mapping[str, str]) -> QueueRow:
    farmer = registry.find_farmer(work.tx, waits.farmer_id) if waits.farmer_id else None
    path = f"lines/{waits.line_id}" if waits.line_id else ""
    if waits.application_id:
        path = f"applications/{waits.application_id}"
    return QueueRow(
        waits=waits,
        made_by=_maker(waits),
        farmer_name=farmer.name if farmer else waits.farmer_id,
        product_name=sold.get(waits.product_id, waits.product_id),
        path=path,
        bar=_bar(work, waits, by),
        note=_note(work, waits, by),
    )


def _maker(waits: Waiting) -> str:
    """Who made it, as the one who looks reads it."""
    if waits.kind is Kind.APPLICATION and waits.made_by.startswith(CARD_OF):
        return say("the card of {station}", station=waits.made_by.removeprefix(CARD_OF))
    return waits.made_by


def _bar(work: Work, waits: Waiting, by: Actor) -> str:
    if is_one_of(by.name, (waits.made_by,)):
        return say("You made this: another person answers it.")
    may: tuple[Role, ...] = (Role.SUPERVISOR,)
    if waits.kind is Kind.WORD:
        may = money_words.answerers(work, waits.item_id)
    if waits.kind in (Kind.PLAN, Kind.WORD) and by.role not in {each.value for each in may}:
        return say("A supervisor answers this.")
    return ""


def _note(work: Work, waits: Waiting, by: Actor) -> str:
    """What approving will do where it is above the authority of the one who looks."""
    most = authority_of(work.tx, by, waits.product_id, waits.currency)
    if most is None or waits.amount_minor <= most or waits.kind in (Kind.PLAN, Kind.WORD):
        return ""
    return say(
        "Above your authority of {most}: approving passes it on to another person.",
        most=money(most, waits.currency),
    )
