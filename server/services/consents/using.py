"""Asked before each use at the centre: may this be used, on which ground, and by which consents.

The rule is :func:`core.wire.consents.may_use`, on the same facts as at the station. What is
used for something that is kept is written down beside it (:func:`use_data`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.wire.consents import Answer, Cell, may_use, standing
from core.wire.personal_data import ASKS, Basis, DataClass, Purpose, Recipient
from server.services.centre import RequestError, Work
from server.store import consent_uses, reports
from server.store.consent_uses import DataUse
from server.store.engine import Tx

Use = tuple[Purpose, DataClass, Recipient]
REVIEWED = {
    DataClass.IMAGERY: "satellite_images",
    DataClass.TELEMETRY: "device_readings",
    DataClass.MACHINERY: "device_readings",
    DataClass.LIVESTOCK: "device_readings",
}
# Nobody is refused for want of it: only a rise that needs what agents saw waits.
_ALSO_SEEN = (DataClass.VISITS,)
_DECIDING = tuple(
    (each, Cell(Purpose.DECISION.value, each.value, Recipient.LENDER.value))
    for each in (*REVIEWED, *_ALSO_SEEN)
)
_DECIDED = frozenset(cell for _, cell in _DECIDING)


def may(tx: Tx, farmer_id: str, use: Use, at_ms: int | None = None) -> Answer:
    """Whether a use of a farmer's data is allowed, now or at an instant [ms UTC]."""
    return may_use(reports.facts_of(tx, farmer_id), farmer_id, use, at_ms)


def consents_to_decide(tx: Tx, farmer_id: str) -> dict[DataClass, str]:
    """The classes that the lender may look at to decide on a limit, each with its consent."""
    given = standing(reports.facts_of(tx, farmer_id), farmer_id, wanted=_DECIDED)
    found = ((data_class, given.get(cell, "")) for data_class, cell in _DECIDING)
    return {data_class: consent_id for data_class, consent_id in found if consent_id}


def use_data(
    work: Work, farmer_id: str, uses: Sequence[Use], of: tuple[str, str]
) -> tuple[Answer, ...]:
    """Make uses for something that is kept, and write down what they rest on.

    Parameters
    ----------
    of
        The kind and the id of what is made with the data.

    Raises
    ------
    RequestError
        If one of them is not allowed; nothing is written.
    """
    answers = tuple(may(work.tx, farmer_id, use) for use in uses)
    for use, answer in zip(uses, answers, strict=True):
        if not answer.allowed:
            named = f"{use[1].value} for {use[0].value} by {use[2].value}"
            raise RequestError(
                f"farmer {farmer_id}: expected a consent to use {named}, none stands: "
                f"{answer.without}"
            )
    consent_uses.add_uses(work.tx, _rows(work, farmer_id, zip(uses, answers, strict=True), of))
    return answers


def who_allows(tx: Tx, farmer_ids: Iterable[str], name: str) -> dict[str, tuple[str, ...]]:
    """Of farmers those who allow all that a name stands for, each with the consents behind it.

    For what is made of many people's records, as a model that learns from them.
    """
    farmers = sorted(set(farmer_ids))
    reports.learn_consents(tx, farmers)
    use = ASKS[name]
    found: dict[str, tuple[str, ...]] = {}
    for farmer_id in farmers:
        given = standing(reports.facts_of(tx, farmer_id), farmer_id)
        cells = [
            Cell(use.purpose.value, data_class.value, recipient.value)
            for data_class in use.classes
            for recipient in use.recipients
        ]
        if all(cell in given for cell in cells):
            found[farmer_id] = tuple(sorted({given[cell] for cell in cells}))
    return found


def _rows(
    work: Work, farmer_id: str, made: Iterable[tuple[Use, Answer]], of: tuple[str, str]
) -> list[DataUse]:
    return [
        DataUse(
            kind=of[0],
            object_id=of[1],
            farmer_id=farmer_id,
            purpose=purpose.value,
            data_class=data_class.value,
            recipient=recipient.value,
            basis=(answer.basis or Basis.CONSENT).value,
            consent_ids=answer.consent_ids,
            at_ms=work.at_ms,
        )
        for (purpose, data_class, recipient), answer in made
    ]
