"""Whether a model still decides about people like those whom it learnt from, by counts alone.

Stations count each day's decisions by bins; here they are summed and held against the counts
of the applications that the model was fitted on, which travel in the model itself. An index
from .10 on is to be watched, from .25 on to be acted upon; one that chance alone could bring
to half of .10, for there are so few decisions, says nothing yet. A roll-out halts by itself
on the second alarm, or when the share of refusals is surely outside the bounds that were set.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.errors import ShapeError
from core.scoring.drift import NOISE_PPM_MAX, SCORES, Alarm, alarm, noise_ppm, psi_ppm
from core.shape import decode
from core.units import PPM
from core.wire.modelcounts import ModelCounts, summed
from core.wire.modelfile import Model
from server.services.cards import read_model
from server.services.centre import Work
from server.services.model_life.recount import fault_of_counts, recounted
from server.services.model_life.rollout import halt_by_rule
from server.services.model_orders import RollOut, roll_outs
from server.services.model_steps import Why
from server.services.reported import Reported
from server.store import model_counts, models
from server.store.engine import Tx
from server.store.model_counts import CountsOfStation
from server.store.models import RegisteredModel

WINDOW_DAYS = 90
DAYS_AHEAD_MAX = 1  # a station may be in a zone where tomorrow has begun
REFUSALS_COUNTED_MIN = 30  # below, no share of refusals says anything
Z_99 = 2.5758


@dataclass(frozen=True, slots=True)
class Part:
    """How far one feature, or the score, has moved; ``told`` is whether its index says anything."""

    name: str
    then: tuple[int, ...]
    now: tuple[int, ...]
    psi_ppm: int
    noise_ppm: int
    told: bool
    alarm: Alarm


@dataclass(frozen=True, slots=True)
class Drift:
    """How a model's decisions of the last days stand to what it learnt from.

    ``refused_ppm`` is the share that was not approved, with its interval of 99 % (Wilson 1927);
    ``compared`` is False where the model names no reference.
    """

    sha256: str
    version: int
    first_day: str
    last_day: str
    decisions_count: int
    stations_count: int
    compared: bool
    parts: tuple[Part, ...]
    refused_ppm: int
    refused_low_ppm: int
    refused_high_ppm: int

    @property
    def alarm(self) -> Alarm:
        """The worst of what its parts ask for."""
        order = (Alarm.NONE, Alarm.WATCH, Alarm.ACT)
        return max((part.alarm for part in self.parts), key=order.index, default=Alarm.NONE)

    @property
    def worst(self) -> Part | None:
        """The part that moved most, if any says anything."""
        return max((p for p in self.parts if p.told), key=lambda p: p.psi_ppm, default=None)


def take_counts(work: Work, reported: Reported) -> str:
    """Keep a station's counts of a day, and halt what they speak against; what is wrong, or ''.

    The same counts again change nothing; other counts of the same day are kept out and told.
    Where they are not those of the station's cards, which came before them, the cards count.
    """
    counts = decode(ModelCounts, reported.record.body)
    registered = models.known(work.tx, counts.model_sha256)
    if registered is None or registered.kind != models.POINTS:
        return f"counts of a model that is not registered here: {counts.model_sha256[:16]}…"
    model = read_model(registered.document)
    if not counts.fits(model.table):
        raise ShapeError(f"counts of {counts.day}: expected the bins of model {registered.version}")
    if counts.day > (work.today() + timedelta(days=DAYS_AHEAD_MAX)).isoformat():
        raise ShapeError(f"counts of {counts.day}: expected a day that has come")
    before = model_counts.find(work.tx, reported.writer, counts.model_sha256, counts.day)
    if before is not None:
        return "" if before == counts else f"counts of {counts.day} were told otherwise before"
    here = recounted(work.tx, reported.writer, model, counts)
    if here is not None:
        found = CountsOfStation(reported.writer, reported.record.seq, here)
        model_counts.put(work.tx, found, work.at_ms)
        _halt_on_alarm(work, registered)
    return fault_of_counts(counts, here)


def _halt_on_alarm(work: Work, registered: RegisteredModel) -> None:
    for one in roll_outs(work.tx):
        if one.model.sha256 == registered.sha256 and not one.halted:
            found = drift_of(work.tx, registered, work.today())
            worst = found.worst
            if found.alarm is Alarm.ACT and worst is not None:
                detail = {"part": worst.name, "psi_ppm": worst.psi_ppm}
                halt_by_rule(work, one, Why.DRIFT, detail)
            elif refuses_otherwise(found, one):
                halt_by_rule(work, one, Why.REFUSALS, {"refused_ppm": found.refused_ppm})


def refuses_otherwise(found: Drift, one: RollOut) -> bool:
    """Whether the share of refusals is surely outside the roll-out's bounds."""
    low_ppm, high_ppm = one.refused_ppm
    outside = found.refused_high_ppm < low_ppm or found.refused_low_ppm > high_ppm
    return found.decisions_count >= REFUSALS_COUNTED_MIN and outside


def drift_of(tx: Tx, registered: RegisteredModel, today: date, days: int = WINDOW_DAYS) -> Drift:
    """How a model's decisions of the last days stand to what it learnt from."""
    first = (today - timedelta(days=days)).isoformat()
    found = model_counts.since(tx, registered.sha256, first)
    model = read_model(registered.document)
    bins, verdicts = summed(one.counts for one in found)
    decisions = sum(verdicts.values())
    refused = decisions - verdicts["approve"]
    low_ppm, high_ppm = wilson_ppm(refused, decisions)
    return Drift(
        sha256=registered.sha256,
        version=registered.version,
        first_day=found[0].counts.day if found else "",
        last_day=found[-1].counts.day if found else "",
        decisions_count=decisions,
        stations_count=len({one.station for one in found}),
        compared=model.reference is not None,
        parts=_parts(model, bins),
        refused_ppm=refused * PPM // decisions if decisions else 0,
        refused_low_ppm=low_ppm,
        refused_high_ppm=high_ppm,
    )


def watched_drifts(tx: Tx, today: date) -> tuple[Drift, ...]:
    """How the models by which stations decide have drifted: on its way first, then in force."""
    found = [one.model for one in roll_outs(tx)]
    current = models.active(tx)
    return tuple(drift_of(tx, one, today) for one in (*found, *((current,) if current else ())))


def _parts(model: Model, bins: Mapping[str, Sequence[int]]) -> tuple[Part, ...]:
    then = model.reference or {}
    names = [SCORES, *(one.feature for one in model.table.features)]
    return tuple(_part(name, then[name], bins[name]) for name in names if _fits(name, then, bins))


def _fits(name: str, then: Mapping[str, Sequence[int]], now: Mapping[str, Sequence[int]]) -> bool:
    return name in then and name in now and len(then[name]) == len(now[name])


def _part(name: str, then: Sequence[int], now: Sequence[int]) -> Part:
    index_ppm, chance_ppm = psi_ppm(then, now), noise_ppm(then, now)
    told = chance_ppm <= NOISE_PPM_MAX
    asks = alarm(index_ppm) if told else Alarm.NONE
    return Part(name, tuple(then), tuple(now), index_ppm, chance_ppm, told, asks)


def wilson_ppm(count: int, of: int, z: float = Z_99) -> tuple[int, int]:
    """The interval of a share [ppm]; all of it where nothing was counted.

    Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if not of:
        return 0, PPM
    share, spread = count / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0, round((middle - half) * PPM)), min(PPM, round((middle + half) * PPM))
