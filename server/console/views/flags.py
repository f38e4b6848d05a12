"""What an officer should look at: flags in the newest evidence, in plain words.

A flag decides nothing. Each says how often such a flag is true, because most are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.units import PPM
from core.wire.evidence import Flag
from server.console.words import known, message, say
from server.store import blobs, evidence, registry
from server.store.engine import Tx

FLAGS_SHOWN_MAX = 200
WORDS = {
    "pledge_overlap": message("Part of this land is pledged as another plot."),
    "boundary_exaggerated": message("The boundary seems wider than the crop inside it."),
    "phantom_plot": message("No crop came up here in the season."),
    "wrong_crop": message("It does not grow like the crop that was declared."),
    "staged_loss": message("Its loss is not shared by the plots around it."),
}
UNKNOWN = message("Something does not fit ({code}).")
FACTS = {
    "other_plot": message("other plot"),
    "likeness": message("how"),
    "shared_ha": message("shared, ha"),
    "shared_percent": message("shared, % of it"),
    "tolerance_ha": message("tolerance, ha"),
    "plot_ha": message("plot, ha"),
    "other_ha": message("other, ha"),
    "source": message("boundary was"),
    "declared_ha": message("declared, ha"),
    "cropped_ha_at_most": message("bears the crop, at most, ha"),
    "border_error_m": message("border error, m"),
    "border_inside_m": message("crop ends inside by, m"),
    "judged_percent": message("boundary judged, %"),
    "cover": message("looks like"),
    "clear_looks": message("clear looks"),
    "neighbours_green": message("neighbours green"),
    "what": message("what"),
    "declared_crop": message("declared"),
    "seen_days_after_sowing": message("seen, day from sowing"),
    "expected_days_after_sowing": message("expected, days"),
    "neighbours_days_after_sowing": message("neighbours, day"),
    "claimed_on": message("loss claimed on"),
    "before_on": message("green until"),
    "after_on": message("lower by"),
    "neighbours_change": message("neighbours changed by"),
}


@dataclass(frozen=True, slots=True)
class FlagRow:
    """One flag as a person reads it; ``picture_sha256`` is empty until the picture came."""

    subject_id: str
    name: str
    evidence_id: str
    raised_on: str
    words: str
    true_of_100: str
    facts: tuple[tuple[str, str], ...]
    picture_sha256: str


def read_flags(tx: Tx, subject_ids: Iterable[str]) -> tuple[FlagRow, ...]:
    """The flags of some subjects' newest evidence, the surest first."""
    newest = [evidence.latest(tx, subject_id) for subject_id in subject_ids]
    return _rows(tx, [(kept.subject_id, kept.evidence_id) for kept in newest if kept])


def read_every_flag(tx: Tx) -> tuple[FlagRow, ...]:
    """The flags of every plot's newest evidence, the surest first."""
    return _rows(tx, evidence.flagged(tx, FLAGS_SHOWN_MAX))


def flag_days(tx: Tx) -> list[str]:
    """The days on which those flags were raised."""
    return [flag.raised_on for flag in evidence.flags(tx, FLAGS_SHOWN_MAX)]


def _rows(tx: Tx, wanted: Sequence[tuple[str, str]]) -> tuple[FlagRow, ...]:
    found: list[tuple[str, str, Flag]] = []
    for subject_id, evidence_id in wanted:
        findings = evidence.document(tx, evidence_id).findings
        flags = () if findings is None else findings.flags
        found += [(subject_id, evidence_id, flag) for flag in flags]
    come = blobs.known(tx, (f.picture_sha256 for _, _, f in found if f.picture_sha256))
    found.sort(key=lambda row: (-row[2].precision_ppm, row[0], row[2].code))
    return tuple(_row(tx, *row, come) for row in found)


def _row(tx: Tx, subject_id: str, evidence_id: str, flag: Flag, come: frozenset[str]) -> FlagRow:
    subject = registry.find_subject(tx, subject_id)
    picture = flag.picture_sha256 or ""
    return FlagRow(
        subject_id=subject_id,
        name=subject.name if subject else subject_id,
        evidence_id=evidence_id,
        raised_on=flag.raised_on,
        words=say(WORDS[flag.code]) if flag.code in WORDS else say(UNKNOWN, code=flag.code),
        true_of_100=_of_100(flag.precision_ppm),
        facts=tuple((_fact(name), known(value)) for name, value in flag.facts.items()),
        picture_sha256=picture if picture in come else "",
    )


def _of_100(precision_ppm: int) -> str:
    share = 100 * precision_ppm / PPM
    return say("fewer than 1") if share < 1 else say("about {count}", count=round(share))


def _fact(name: str) -> str:
    return say(FACTS[name]) if name in FACTS else name.replace("_", " ")
