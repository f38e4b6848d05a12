"""Every finding as a flag for an officer: what does not fit, its numbers, its picture.

A flag refuses nobody and moves no limit. Each carries how often such a flag is true at
the base rate, so that whoever reads it knows that most are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from core.canonical import sha256_hex
from core.wire.evidence import Flag, PictureRef
from satellite.hazards.crowd import Watched
from satellite.indices import Levels
from satellite.integrity.boundary import BoundaryReading, read_boundary
from satellite.integrity.crop import OtherCrop, other_crop
from satellite.integrity.growth import is_annual, neighbours_of
from satellite.integrity.loss import LoneLoss, lone_loss
from satellite.integrity.overlap import Overlap
from satellite.integrity.patches import Patch
from satellite.integrity.phantom import NoCrop, no_crop
from satellite.integrity.pictures import (
    MEDIA_TYPE,
    Span,
    boundary_picture,
    growth_picture,
    overlap_picture,
)
from satellite.integrity.rates import base_rate_ppm, precision_ppm
from satellite.statistics.plots import Plot

OVERLAP, BOUNDARY, PHANTOM = "pledge_overlap", "boundary_exaggerated", "phantom_plot"
CROP, LOSS = "wrong_crop", "staged_loss"
CODES = (OVERLAP, BOUNDARY, PHANTOM, CROP, LOSS)
HECTARE_M2 = 10_000.0


@dataclass(frozen=True, slots=True)
class Known:
    """What is known besides the series.

    Parameters
    ----------
    claims
        Days on which farmers say that a loss happened, by plot id [ordinals].
    patches
        The pixels around plots, by plot id; a plot without is not tested for its boundary.
    """

    claims: Mapping[str, int] = field(default_factory=dict)
    patches: Mapping[str, Patch] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """A flag and the picture that shows it (PNG); no bytes where none was asked for."""

    plot_id: str
    flag: Flag
    picture: bytes = b""

    @property
    def picture_ref(self) -> PictureRef | None:
        """The picture as evidence refers to it."""
        if self.flag.picture_sha256 is None:
            return None
        return PictureRef(
            self.flag.code, self.flag.raised_on, self.flag.picture_sha256, MEDIA_TYPE,
            len(self.picture),
        )  # fmt: skip


Draw = Callable[[], bytes]


def findings_of(
    every: Sequence[Watched], levels: Levels, known: Known, *, draw: bool
) -> list[Finding]:
    """What imagery shows of all plots together, in their order.

    Parameters
    ----------
    every
        All plots of the place, not only those in doubt: they are each other's neighbours.
    draw
        Whether to draw the pictures.
    """
    near = neighbours_of(every)
    found: list[Finding] = []
    for row, one in enumerate(every):
        around = [every[j] for j in near[row]]
        empty = no_crop(row, every, near[row], levels)
        lone = lone_loss(row, every, near[row], levels, known.claims)
        other = other_crop(row, every, near[row], levels)
        edge = None if empty is not None else _boundary(one, known)
        each = (
            empty and _phantom(one, around, empty),
            edge and _exaggerated(one, *edge),
            other and _wrong_crop(one, around, other),
            lone and _staged(one, around, lone),
        )
        found += [_finding(one.plot.plot_id, *parts, draw=draw) for parts in each if parts]
    return found


def flags_of(every: Sequence[Watched], levels: Levels, known: Known) -> dict[str, tuple[Flag, ...]]:
    """The same findings as flags without pictures, by plot id."""
    flags: dict[str, tuple[Flag, ...]] = {}
    for finding in findings_of(every, levels, known, draw=False):
        flags[finding.plot_id] = (*flags.get(finding.plot_id, ()), finding.flag)
    return flags


def overlap_findings(
    plots: Sequence[Plot],
    pledged: Sequence[Plot],
    overlaps: Mapping[str, Sequence[Overlap]],
    as_of: date,
    *,
    draw: bool,
) -> list[Finding]:
    """Pledge overlaps as findings, in the plots' order; they need no imagery."""
    others = {plot.plot_id: plot for plot in pledged}
    found = []
    for plot in plots:
        for overlap in sorted(overlaps.get(plot.plot_id, ()), key=lambda o: -o.area_m2):
            facts, title = _overlap_words(plot, overlap)
            flag = _flag(OVERLAP, as_of.isoformat(), facts)
            picture = b""
            if draw:
                other = others[overlap.other_id]
                picture = overlap_picture(
                    title, (plot.plot_id, plot.polygon), (other.plot_id, other.polygon)
                )
            found.append(Finding(plot.plot_id, _with_picture(flag, picture), picture))
    return found


Parts = tuple[str, str, dict[str, str], Draw]


def _finding(
    plot_id: str, code: str, raised_on: str, facts: dict[str, str], drawn: Draw, *, draw: bool
) -> Finding:
    picture = drawn() if draw else b""
    return Finding(plot_id, _with_picture(_flag(code, raised_on, facts), picture), picture)


def _flag(code: str, raised_on: str, facts: dict[str, str], picture: str | None = None) -> Flag:
    return Flag(code, raised_on, precision_ppm(code), base_rate_ppm(), facts, picture)


def _with_picture(flag: Flag, picture: bytes) -> Flag:
    if not picture:
        return flag
    return _flag(flag.code, flag.raised_on, flag.facts, sha256_hex(picture))


def _overlap_words(plot: Plot, overlap: Overlap) -> tuple[dict[str, str], str]:
    facts = {
        "other_plot": overlap.other_id,
        "likeness": overlap.likeness.value,
        "shared_ha": _ha(overlap.area_m2),
        "shared_percent": f"{100 * overlap.share:.0f}",
        "tolerance_ha": _ha(overlap.tolerance_m2),
        "plot_ha": _ha(overlap.plot_m2),
        "other_ha": _ha(overlap.other_m2),
        "source": plot.source or "not said",
    }
    title = (
        f"{plot.plot_id} claims land that is pledged as {overlap.other_id}:\n"
        f"{facts['shared_ha']} ha, {facts['shared_percent']} % of it"
    )
    return facts, title


def boundary_of(one: Watched, patch: Patch) -> BoundaryReading | None:
    """How far a plot's crop reaches, on its clear days from the season's start to harvest."""
    if not is_annual(one) or one.series.is_small:
        return None
    declared = one.season.declared
    days = [
        look.day
        for look in one.series.used
        if declared.first_day <= look.day <= max(declared.harvest_from, declared.peak_to) + 20
    ]
    return read_boundary(patch.on(days))


def _boundary(one: Watched, known: Known) -> tuple[Patch, BoundaryReading] | None:
    patch = known.patches.get(one.plot.plot_id)
    reading = None if patch is None else boundary_of(one, patch)
    if patch is None or reading is None or not reading.is_exaggerated:
        return None
    return patch, reading


def _exaggerated(one: Watched, patch: Patch, reading: BoundaryReading) -> Parts:
    facts = {
        "declared_ha": _ha(reading.declared_m2),
        "cropped_ha_at_most": _ha(reading.cropped_m2),
        "border_inside_m": f"{reading.border_m:.1f}",
        "border_error_m": f"{reading.error_m:.1f}",
        "judged_percent": f"{100 * reading.judged_share:.0f}",
        "days": str(len(reading.days)),
    }
    title = (
        f"{one.plot.plot_id}: {facts['declared_ha']} ha are declared, at most "
        f"{facts['cropped_ha_at_most']} ha look like its crop"
    )
    day = date.fromordinal(int(reading.days[-1])).isoformat()
    return BOUNDARY, day, facts, lambda: boundary_picture(title, patch, reading)


def _phantom(one: Watched, around: Sequence[Watched], seen: NoCrop) -> Parts:
    facts = {
        "cover": seen.cover,
        "lowest_index": f"{seen.lowest:.2f}",
        "highest_index": f"{seen.highest:.2f}",
        "clear_looks": str(seen.looks),
        "neighbours_green": f"{seen.neighbours_green} of {seen.neighbours}",
    }
    title = (
        f"{one.plot.plot_id}: no crop came up on {seen.looks} clear looks; it looks like "
        f"{seen.cover}"
    )
    declared = one.season.declared
    spans = (Span(declared.peak_from, declared.peak_to, f"{declared.crop} is green here"),)
    return PHANTOM, _newest(one), facts, lambda: growth_picture(title, one, around, spans)


def _wrong_crop(one: Watched, around: Sequence[Watched], seen: OtherCrop) -> Parts:
    declared = one.season.declared
    sown = declared.first_day if declared.sown_day is None else declared.sown_day
    facts = {
        "declared_crop": declared.crop,
        "what": seen.what,
        "seen_days_after_sowing": str(seen.seen_day),
        "expected_days_after_sowing": f"{seen.from_day} to {seen.to_day}",
        "neighbours_days_after_sowing": str(seen.neighbours_day),
        "neighbours": str(seen.neighbours),
    }
    title = (
        f"{one.plot.plot_id}: does not grow like {declared.crop}: {seen.what}, "
        f"day {seen.seen_day} after sowing"
    )
    due = "at its greenest" if seen.what.startswith("greenest") else "harvested"
    span = Span(sown + seen.from_day, sown + seen.to_day, f"{declared.crop} should be {due}")
    marks = ((sown + seen.seen_day, seen.what),)
    return CROP, _newest(one), facts, lambda: growth_picture(title, one, around, (span,), marks)


def _staged(one: Watched, around: Sequence[Watched], seen: LoneLoss) -> Parts:
    facts = {
        "what": seen.what,
        "before_on": _iso(seen.before_day),
        "after_on": _iso(seen.after_day),
        "before_index": f"{seen.before:.2f}",
        "after_index": f"{seen.after:.2f}",
        "neighbours_change": f"{seen.neighbours_change:+.2f}",
        "neighbours_alike": f"{seen.neighbours_alike} of {seen.neighbours}",
    }
    marks = [(seen.after_day, f"fell by {_iso(seen.after_day)}")]
    words = "fell at one blow while its neighbours stayed green"
    if seen.what == "nothing lost":
        words, marks = "is claimed as lost, but does no worse than its neighbours", []
    if seen.claimed_day is not None:
        facts["claimed_on"] = _iso(seen.claimed_day)
        marks.append((seen.claimed_day, f"loss claimed {_iso(seen.claimed_day)}"))
    title = f"{one.plot.plot_id} {words}"
    return LOSS, _newest(one), facts, lambda: growth_picture(title, one, around, (), marks)


def _newest(one: Watched) -> str:
    return one.series.used[-1].date.isoformat()


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _ha(area_m2: float) -> str:
    return f"{area_m2 / HECTARE_M2:.2f}"
