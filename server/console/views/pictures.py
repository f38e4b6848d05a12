"""The pictures that a plot's evidence names, by day, with what they show in words."""

from __future__ import annotations

from dataclasses import dataclass

from core.wire.evidence import Evidence, Observation, PictureRef
from server.console.words import fraction, long_day, message, percent, say
from server.store import blobs
from server.store.engine import Tx

DAYS_SHOWN_MAX = 40
COLOURS = {
    "true_color": message("{plot} on {day} as the eye sees it"),
    "false_color": message("{plot} on {day} in false colour"),
}
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
                Picture(
                    one.sha256, _words(name, one, shown.index, looks.get(day)), one.sha256 in come
                )
                for one in sorted(wanted, key=lambda one: one.kind == INDEX)
                if one.day == day
            ),
        )
        for day in days
    )


def _words(name: str, one: PictureRef, index: str, look: Observation | None) -> str:
    place = {"plot": name, "day": long_day(one.day)}
    if one.kind in COLOURS:
        told = say(COLOURS[one.kind], **place)
    else:
        value = "" if look is None else f" {fraction(look.mean_e4 / 10_000, 2)}"
        told = say("{plot} on {day}: {index}", **place, index=f"{index.upper()}{value}")
    if look is None:
        return told
    return told + say(", {share} of it seen", share=percent(look.valid_ppm, 0))
