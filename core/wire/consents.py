"""May a reader use a class of data of a farmer for a purpose, and by which consents.

One pure function over append-only facts, called by the station and by the centre alike
(statement C1 of docs/wire.md). Facts are a set: whatever the order of their arrival, the
answer is the same.

A grant stands unless a withdrawal of the same use comes after it. Of one writer the order of
its writing decides, never its clock. Of two writers the clocks decide, each with its stated
error, and where they leave it open the withdrawal wins; a consent that names another one in
``follows`` is the later of the two, so a clock that is wrong undoes nothing that was seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from core.wire.personal_data import (
    ASKS,
    Basis,
    DataClass,
    Purpose,
    Recipient,
    Use,
    use_of,
)
from core.wire.records import Consent, ConsentAction

CACHED_MAX = 1_024  # of what consents name: forms are few, people many
ACCESSES_MAX = 200  # looks at one farmer's data that are told to the station


@dataclass(frozen=True, slots=True)
class KnownConsent:
    """A consent as a fact: who wrote it down, and when by that writer's clock.

    ``at_ms`` rises with each consent of a farmer that a writer writes; ``error_ms`` is what
    its clock may be off.
    """

    consent: Consent
    writer: str
    at_ms: int
    error_ms: int


@dataclass(frozen=True, slots=True)
class Access:
    """Looks at a farmer's data on one day: how often, by which role, what for, which classes."""

    on: str
    role: str
    purpose: str
    classes: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Accesses:
    """Who looked at a farmer's data at the centre, newest day first."""

    farmer_id: str
    as_of: str
    looks: tuple[Access, ...]


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One use: a class of data for a purpose by a reader.

    A name that the catalogue does not know is a cell of its own, without class and reader.
    """

    purpose: str
    data_class: str = ""
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a use is allowed, on which ground, and by which consents.

    ``without`` says what happens if it is not.
    """

    allowed: bool
    basis: Basis | None
    consent_ids: tuple[str, ...] = ()
    without: str = ""


def cells_of(use: Use) -> frozenset[Cell]:
    """The cells that a line of the catalogue stands for."""
    return frozenset(
        Cell(use.purpose.value, data_class.value, recipient.value)
        for data_class in use.classes
        for recipient in use.recipients
    )


_CELLS: Mapping[str, frozenset[Cell]] = {name: cells_of(use) for name, use in ASKS.items()}


def cells_of_consent(consent: Consent) -> frozenset[Cell]:
    """What a consent speaks of: its names, narrowed to the classes and readers that it states."""
    return _cells(consent.purposes, consent.classes, consent.recipients)


@lru_cache(maxsize=CACHED_MAX)
def _cells(
    names: tuple[str, ...], classes: tuple[str, ...] | None, recipients: tuple[str, ...] | None
) -> frozenset[Cell]:
    found = [
        cell
        for name in names
        for cell in _CELLS.get(name, frozenset({Cell(name)}))
        if _is_named(cell, classes, recipients)
    ]
    return frozenset(found)


def _is_named(
    cell: Cell, classes: tuple[str, ...] | None, recipients: tuple[str, ...] | None
) -> bool:
    of_class = classes is None or not cell.data_class or cell.data_class in classes
    for_reader = recipients is None or not cell.recipient or cell.recipient in recipients
    return of_class and for_reader


def standing(
    facts: Iterable[KnownConsent],
    farmer_id: str,
    at_ms: int | None = None,
    wanted: frozenset[Cell] | None = None,
) -> dict[Cell, str]:
    """The cells that stand granted to a farmer's readers, each with the consent that grants it.

    Parameters
    ----------
    facts
        All that is known, in any order; another farmer's are passed over.
    at_ms
        The instant that is asked for [ms UTC]; None for now: all that is known counts.
    wanted
        The cells that are asked for; None for all.
    """
    mine = [fact for fact in facts if fact.consent.farmer_id == farmer_id]
    grants = [fact for fact in mine if _is_grant(fact) and _is_given(fact, at_ms)]
    ends = [fact for fact in mine if not _is_grant(fact) and _is_taken(fact, at_ms)]
    ended = [(fact, cells_of_consent(fact.consent)) for fact in ends]
    found: dict[Cell, str] = {}
    for grant in sorted(grants, key=_place):
        granted = cells_of_consent(grant.consent)
        granted = granted if wanted is None else _among(granted, wanted)
        if not ended:
            found |= dict.fromkeys(granted, grant.consent.consent_id)
            continue
        for cell in granted:
            if all(cell not in cells or _is_before(end, grant) for end, cells in ended):
                found[cell] = grant.consent.consent_id
    return found


@lru_cache(maxsize=CACHED_MAX)
def _among(granted: frozenset[Cell], wanted: frozenset[Cell]) -> frozenset[Cell]:
    """Those of the wanted cells that are granted; asked of many farmers who gave the same."""
    return frozenset(cell for cell in wanted if cell in granted)


def may_use(
    facts: Iterable[KnownConsent],
    farmer_id: str,
    use: tuple[Purpose, DataClass, Recipient],
    at_ms: int | None = None,
) -> Answer:
    """Whether a reader may use a class of a farmer's data for a purpose at an instant."""
    purpose, data_class, recipient = use
    line = use_of(purpose, data_class, recipient)
    if line is None:
        return Answer(allowed=False, basis=None, without="nobody may make this use")
    if line.basis is not Basis.CONSENT:
        return Answer(allowed=True, basis=line.basis)
    cell = Cell(purpose.value, data_class.value, recipient.value)
    consent_id = standing(facts, farmer_id, at_ms).get(cell)
    given = (consent_id,) if consent_id is not None else ()
    return Answer(bool(given), Basis.CONSENT, given, "" if given else line.without)


def granted_names(
    facts: Iterable[KnownConsent], farmer_id: str, recipient: str, at_ms: int | None = None
) -> dict[str, tuple[str, ...]]:
    """The names that stand granted to a reader in full, each with the consents that grant it.

    Of a name that is not the reader's at all (as what a bureau is told), every cell must
    stand; a name that the catalogue does not know stands by itself.
    """
    cells = standing(facts, farmer_id, at_ms)
    names = [*_CELLS, *(cell.purpose for cell in cells if not cell.data_class)]
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(set(names)):
        wanted = _CELLS.get(name, frozenset({Cell(name)}))
        here = frozenset(cell for cell in wanted if cell.recipient == recipient) or wanted
        if here <= cells.keys():
            found[name] = tuple(sorted({cells[cell] for cell in here}))
    return found


def _is_grant(fact: KnownConsent) -> bool:
    return fact.consent.action is ConsentAction.GRANT


def _is_given(fact: KnownConsent, at_ms: int | None) -> bool:
    return at_ms is None or fact.at_ms <= at_ms


def _is_taken(fact: KnownConsent, at_ms: int | None) -> bool:
    """Whether a withdrawal may have been there by then: the doubt is the farmer's."""
    return at_ms is None or fact.at_ms - fact.error_ms <= at_ms


def _place(fact: KnownConsent) -> tuple[int, str, str]:
    return (fact.at_ms, fact.writer, fact.consent.consent_id)


def _is_before(end: KnownConsent, grant: KnownConsent) -> bool:
    """Whether a withdrawal is certainly before a grant, and so does not touch it."""
    if grant.consent.consent_id in (end.consent.follows or ()):
        return False
    if end.consent.consent_id in (grant.consent.follows or ()):
        return True
    if end.writer == grant.writer:
        return end.at_ms < grant.at_ms
    return end.at_ms + end.error_ms < grant.at_ms - grant.error_ms
