"""Relief for a line after a verified loss, before its due date: who granted it, when and why.

The loss is seen by imagery, a weather index or a visit; the product's bands say what it opens.
The line's due date moves, its stations are told at once so that the farmer sees it, and the
step of the agreement holds every source. A falling limit never does any of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from core.lending.agreement import AgreementEvent, AgreementReason
from core.lending.relief import (
    LossSeen,
    LossSource,
    Relief,
    ReliefBand,
    band_for,
    verified_loss_ppm,
)
from core.shape import encode
from core.units import PPM
from server.services.agreements import Event, bring_about
from server.services.centre import Centre, RequestError, Work
from server.services.downlink import send_status
from server.services.ending import stands
from server.services.standing import priced_by, relief_of, restructured_of
from server.store import evidence, lines, registry
from server.store.agreements import Step
from server.store.lines import Line
from server.store.people import Actor

REFERENCE_CHARACTERS_MAX = 64


def grant_relief(
    centre: Centre, line_id: str, seen: Sequence[LossSeen], actor: Actor
) -> tuple[Step, Relief]:
    """Grant the relief that a verified loss opens.

    Raises
    ------
    NotKnownError
        If there is no such line.
    RequestError
        If the loss is not verified or below the lowest band, its evidence is not the
        line's, nothing is owed, or the due date has passed.
    AgreementError
        If the agreement is in no state for it, as when it has relief already.
    """
    return centre.write(lambda work: _grant(work, line_id, seen, actor))


def _grant(work: Work, line_id: str, seen: Sequence[LossSeen], actor: Actor) -> tuple[Step, Relief]:
    line = lines.lock(work.tx, line_id)
    for each in seen:
        _require_real(work, line, each)
    standing = stands(work, line)
    if not standing.owed_minor:
        raise RequestError(f"line {line_id}: expected something owed to put off, got nothing")
    if standing.on > date.fromisoformat(line.due_on):
        raise RequestError(
            f"line {line_id}: expected relief up to its due date {line.due_on}, got {standing.on}: "
            "what is late already is for a supervisor to restructure"
        )
    _require_first(work, line, standing.on)
    band, loss_ppm = _opened(work, line, seen, standing.on)
    relief = Relief(standing.on.isoformat(), line.due_on, band.months, band.grace_months, loss_ppm)
    detail = {"relief": encode(relief), "seen": [encode(x) for x in seen], "source": band.source}
    event = Event(AgreementEvent.GRANT_RELIEF, actor, AgreementReason.LOSS_VERIFIED, None, detail)
    step = bring_about(work, line, event, standing)
    after = replace(line, due_on=relief.due_on.isoformat())
    lines.save(work.tx, after)
    send_status(work, after)
    return step, relief


def _require_first(work: Work, line: Line, on: date) -> None:
    """That the line had no relief yet, and no new plan today.

    A loss is a reason for more time once; who lost a second harvest needs another plan, with
    its whole price told. Of two changes of one day nobody could say which came first.
    """
    if relief_of(work.tx, line) is not None:
        raise RequestError(
            f"line {line.line_id}: expected no relief before, it has had some: another loss is a "
            "reason for a new plan, of which the whole price is told (agreement restructure)"
        )
    if any(each.on >= on.isoformat() for each in restructured_of(work.tx, line)):
        raise RequestError(
            f"line {line.line_id}: its plan was made anew today: grant relief from tomorrow on"
        )


def _opened(work: Work, line: Line, seen: Sequence[LossSeen], on: date) -> tuple[ReliefBand, int]:
    loss_ppm = verified_loss_ppm(seen)
    if loss_ppm is None:
        told = " and ".join(sorted(each.source.value for each in seen)) or "nothing"
        raise RequestError(
            f"line {line.line_id}: expected a visit, or imagery and a weather index, got {told}"
        )
    bands = priced_by(work.tx, line).relief or ()
    band = band_for(bands, loss_ppm, on)
    if band is None:
        lowest = min((each.loss_from_ppm for each in bands if each.is_in_force(on)), default=None)
        wanted = "a product that offers relief" if lowest is None else f"{lowest} ppm or more"
        raise RequestError(
            f"line {line.line_id}: expected {wanted}, got a verified loss of {loss_ppm} ppm"
        )
    return band, loss_ppm


def _require_real(work: Work, line: Line, seen: LossSeen) -> None:
    """That a source can be found again; a scene's evidence must be of the line's own ground."""
    if not 0 < seen.loss_ppm <= PPM:
        raise RequestError(f"expected a loss of 1 to 1,000,000 ppm, got {seen.loss_ppm}")
    if not 0 < len(seen.reference) <= REFERENCE_CHARACTERS_MAX:
        raise RequestError(
            f"expected a reference of 1 to {REFERENCE_CHARACTERS_MAX} characters for "
            f"{seen.source.value}, got {len(seen.reference)}"
        )
    if seen.source is not LossSource.IMAGERY:
        return
    kept = evidence.find(work.tx, seen.reference)
    own = [registry.find_subject(work.tx, each) for each in line.subject_ids]
    ground = {s.subject_id for s in own if s} | {s.pasture_id for s in own if s}
    if kept is None or kept.subject_id not in ground:
        raise RequestError(
            f"line {line.line_id}: expected evidence of its own ground, got {seen.reference!r}"
        )
