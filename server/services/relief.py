"""Relief for a line after a verified loss, before its due date: who granted it, when and why.

The loss is seen by imagery, a weather index or a visit; the product's bands say what it opens.
One supervisor tells it and a second person confirms it, for whoever could put debts off alone
could hide them. What a scene or an agent's visit is cited for it must show itself. The line's
due date moves, its stations are told at once so that the farmer sees it, and the step of the
agreement holds every source. A falling limit never does any of this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from core.lending.agreement import AgreementEvent, AgreementReason, Standing
from core.lending.relief import (
    LossSeen,
    LossSource,
    Relief,
    ReliefBand,
    band_for,
    verified_loss_ppm,
)
from core.shape import decode, encode
from core.units import PPM
from server.services.agreements import Event, bring_about
from server.services.centre import RequestError, Work
from server.services.downlink import send_status
from server.services.ending import stands
from server.services.standing import priced_by, relief_of, restructured_of
from server.services.words_kept import tell
from server.store import evidence, lines, people, registry
from server.store.engine import Tx
from server.store.evidence import KeptEvidence
from server.store.lines import Line
from server.store.money_words import KeptWord, WordKind
from server.store.people import Actor, Role

SECONDS = (Role.SUPERVISOR, Role.LENDER)  # who may confirm it
REFERENCE_CHARACTERS_MAX = 64
VISITED = "field_visited"  # as the trail tells an agent's visit
_PERCENT = PPM // 100


@dataclass(frozen=True, slots=True)
class _Opened:
    """What a verified loss opens of a line, as it stands."""

    line: Line
    standing: Standing
    band: ReliefBand
    relief: Relief


def tell_relief(
    work: Work, line_id: str, seen: Sequence[LossSeen], said: tuple[Actor, str]
) -> KeptWord:
    """Tell that a verified loss opens relief; it is granted once another person confirms it.

    Raises
    ------
    NotKnownError
        If there is no such line.
    RequestError
        If the loss is not verified or below the lowest band, a source does not show it, nothing
        is owed, or the due date has passed.
    RoleError, ConflictError
        If the officer cannot tell it, or another word about it waits.
    """
    _opened(work, line_id, seen)
    body = {"seen": [encode(each) for each in seen]}
    return tell(work, (WordKind.RELIEF, line_id), body, *said)


def grant_by_two(work: Work, word: KeptWord, by: Actor) -> None:
    """Grant the relief that a word tells, if it can still be.

    Raises
    ------
    RequestError, AgreementError
        As for :func:`tell_relief`, or if the agreement is in no state for it.
    """
    seen = seen_of(word)
    found = _opened(work, word.subject_id, seen)
    detail = {
        "relief": encode(found.relief), "seen": [encode(each) for each in seen],
        "source": found.band.source, "word_id": word.word_id,
    }  # fmt: skip
    event = Event(AgreementEvent.GRANT_RELIEF, by, AgreementReason.LOSS_VERIFIED, None, detail)
    bring_about(work, found.line, event, found.standing)
    after = replace(found.line, due_on=found.relief.due_on.isoformat())
    lines.save(work.tx, after)
    send_status(work, after)


def seen_of(word: KeptWord) -> tuple[LossSeen, ...]:
    """By what a word says that the loss was seen."""
    return tuple(decode(LossSeen, dict(each)) for each in word.body["seen"])


def sentence(work: Work, word: KeptWord) -> str:
    """What a word about relief would do."""
    seen = seen_of(word)
    line = lines.get(work.tx, word.subject_id)
    by = ", ".join(
        f"{each.source.value.replace('_', ' ')} {each.reference} {each.loss_ppm / _PERCENT:g} %"
        + ("" if is_kept(work.tx, line, each) else " (on paper)")
        for each in seen
    )
    return f"What line {word.subject_id} owes is put off for a loss of harvest: {by}."


def is_kept(tx: Tx, line: Line, seen: LossSeen) -> bool:
    """Whether the centre itself keeps what a loss was seen by, and not only its name."""
    if seen.source is LossSource.IMAGERY:
        return evidence.find(tx, seen.reference) is not None
    return seen.source is LossSource.VISIT and _visit(tx, line, seen.reference) is not None


def _opened(work: Work, line_id: str, seen: Sequence[LossSeen]) -> _Opened:
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
    band, loss_ppm = _band(work, line, seen, standing.on)
    relief = Relief(standing.on.isoformat(), line.due_on, band.months, band.grace_months, loss_ppm)
    return _Opened(line, standing, band, relief)


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


def _band(work: Work, line: Line, seen: Sequence[LossSeen], on: date) -> tuple[ReliefBand, int]:
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
    """That a source can be found again, and shows as much as it is cited for."""
    if not 0 < seen.loss_ppm <= PPM:
        raise RequestError(f"expected a loss of 1 to 1,000,000 ppm, got {seen.loss_ppm}")
    if not 0 < len(seen.reference) <= REFERENCE_CHARACTERS_MAX:
        raise RequestError(
            f"expected a reference of 1 to {REFERENCE_CHARACTERS_MAX} characters for "
            f"{seen.source.value}, got {len(seen.reference)}"
        )
    if seen.source is LossSource.WEATHER_INDEX:
        return
    shown_ppm = (
        _lost_from_above(work.tx, line, seen.reference)
        if seen.source is LossSource.IMAGERY
        else _lost_on_a_visit(work.tx, line, seen.reference)
    )
    if shown_ppm is not None and seen.loss_ppm > shown_ppm:
        raise RequestError(
            f"line {line.line_id}: {seen.source.value} {seen.reference}: expected a loss of at "
            f"most {shown_ppm} ppm, which it shows, got {seen.loss_ppm}"
        )


def _lost_from_above(tx: Tx, line: Line, evidence_id: str) -> int:
    """What a scene's evidence shows to be lost of the harvest [ppm].

    The greater of two: how far the harvest that is expected has fallen from the best that was
    expected this season, and how far the plot is below what is usual for crop, place and day.
    """
    kept = evidence.find(tx, evidence_id)
    own = [registry.find_subject(tx, each) for each in line.subject_ids]
    ground = {s.subject_id for s in own if s} | {s.pasture_id for s in own if s}
    if kept is None or kept.subject_id not in ground:
        raise RequestError(
            f"line {line.line_id}: expected evidence of its own ground, got {evidence_id!r}"
        )
    return max(0, -(kept.anomaly_ppm or 0), _fallen(tx, kept))


def _fallen(tx: Tx, kept: KeptEvidence) -> int:
    """How far the median of a harvest has fallen from the season's best before [ppm]."""
    season = evidence.of_subject(tx, kept.subject_id, kept.season_id)
    best = max((each.yield_p50 or 0 for each in season if each.as_of <= kept.as_of), default=0)
    if kept.yield_p50 is None or not best:
        return 0
    return PPM - kept.yield_p50 * PPM // best


def _lost_on_a_visit(tx: Tx, line: Line, visit_id: str) -> int | None:
    """What an agent judged to be lost [ppm]; None for a visit that is kept on paper alone."""
    visit = _visit(tx, line, visit_id)
    return int(visit["damage_percent"]) * _PERCENT if visit is not None else None


def _visit(tx: Tx, line: Line, visit_id: str) -> Mapping[str, Any] | None:
    """What the trail tells of an agent's visit to a line's own ground, or to its farmer."""
    whose = [("subject", each) for each in line.subject_ids] + [("farmer", line.farmer_id)]
    return next(
        (
            row.detail
            for kind, name in whose
            for row in people.trail_of(tx, kind, name)
            if row.action == VISITED and row.detail["visit_id"] == visit_id
        ),
        None,
    )
