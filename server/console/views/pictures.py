"""The pictures that a plot's evidence names, by day, with what they show in words."""

from __future__ import annotations

from dataclasses import dataclass

from core.units import PPM
from core.wire.evidence import Evidence, Observation, PictureRef
from server.console.words import long_day
from server.store import blobs
from server.store.engine import Tx

DAYS_SHOWN_MAX = 40
COLOURS = {"true_color": "as the eye sees it", "false_color": "in false colour"}
INDEX = "index"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: its hash, the words for who cannot see it, and whether it has come."""

    sha256: str
    words: str
    has_come: bool


@dataclass(frozen=True, slots=True)
class PictureDay:
    """A day's pictures: colours first, then the index."""

    day: str
    pictures: tuple[Picture, ...]


def read_pictures(tx: Tx, name: str, shown: Evidence | None) -> tuple[PictureDay, ...]:
    """The days of which evidence names pictures of a plot, newest first."""
    if shown is None or shown.findings is None:
        return ()
    wanted = [one for one in shown.findings.pictures if one.kind in (*COLOURS, INDEX)]
    days = sorted({one.day for one in wanted}, reverse=True)[:DAYS_SHOWN_MAX]
    come = blobs.known(tx, (one.sha256 for one in wanted))
    looks = {look.day: look for look in shown.observations}
    return tuple(
        PictureDay(
            day,
            tuple(
                Picture(one.sha256, _words(name, one, shown.index, looks.get(day)),
                        one.sha256 in come)
                for one in sorted(wanted, key=lambda one: one.kind == INDEX)
                if one.day == day
            ),
        )
        for day in days
    )  # fmt: skip


def _words(name: str, one: PictureRef, index: str, look: Observation | None) -> str:
    what = f"{name} on {long_day(one.day)}"
    seen = "" if look is None else f", {round(look.valid_ppm * 100 / PPM)} % of it seen"
    if one.kind in COLOURS:
        return f"{what} {COLOURS[one.kind]}{seen}"
    value = "" if look is None else f" {look.mean_e4 / 10_000:.2f}"
    return f"{what}: {index.upper()}{value}{seen}"
