"""Templates with words, money, days and pictures in the farmer's language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from edge_node.faces.district import district_of
from edge_node.faces.formats import Formats, formats_of
from edge_node.faces.kiosk.drawings import limit_curve, notes_of
from edge_node.faces.kiosk.plot_map import plot_map
from edge_node.faces.kiosk.said import Clips, Said, clips_of, says
from edge_node.faces.kiosk.season_drawing import field_drawing, growth_curve
from edge_node.faces.kiosk.visits import GRACE_MS, IDLE_MS_MAX
from edge_node.faces.kiosk.voice import Voice
from edge_node.faces.kiosk.words import LANGUAGES, MONTHS, TAGS, Words, words_in

STYLES = (
    *("kiosk.css", "farmer.css", "kiosk.js", "journey.js", "camera.js", "paper.js"),
    "shared/tokens.css",
    "shared/fonts.css",
    "shared/theme.js",
)
STILL_THERE = "Are you still there?"
WRONG_TOUCH = "A wrong touch? You can still stop."
STAGE_ICONS = (
    ("sowing", "seed"),
    ("emergence", "sprout"),
    ("vegetative", "plant"),
    ("heading", "ear"),
    ("ripening", "ear"),
    ("harvested", "harvest"),
)
NOTICE_ICONS = {"dry_soil": "drop", "fever_like": "cow", "damp_grain": "harvest"}
SUBJECT_ICONS = {"herd": "cow", "pasture": "pasture", "machine": "tractor", "store": "harvest"}
PLEDGE_ICONS = {**SUBJECT_ICONS, "plot": "sprout"}
MOVEMENT_ICONS = {
    "opened": "check",
    "raised": "up",
    "cut": "down",
    "held": "hold",
    "frozen": "lock",
}


class Rendering:
    """Pages from templates; one environment a language, for numbers in its own manner.

    Parameters
    ----------
    utc_offset_ms
        The site's zone, for days that are shown [ms].
    spoken
        A language's words.
    basemap
        Where the map of the district lies, if there is one.
    voice
        What can be said; the release's own clips without it.
    """

    def __init__(
        self,
        utc_offset_ms: int,
        spoken: Callable[[str], Words] = words_in,
        basemap: Callable[[], Path | None] = lambda: None,
        voice: Voice | None = None,
    ) -> None:
        self._voice = voice or Voice()
        self._offset_ms, self._spoken, self._basemap = utc_offset_ms, spoken, basemap
        self._environments: dict[str, Environment] = {}

    def _environment(self, language: str) -> Environment:
        found = self._environments.get(language)
        if found is None:
            found = self._environments[language] = self._made(formats_of(language))
        return found

    def _made(self, formats: Formats) -> Environment:
        environment = Environment(
            loader=PackageLoader("edge_node.faces.kiosk", "templates"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.update(
            icon=icon,
            money=formats.money_of,
            figure=formats.figure,
            number=formats.number,
            percent=formats.percent_of,
            limit_curve=limit_curve,
            plot_map=partial(_plot_map, self._basemap),
            notes_of=notes_of,
            field_drawing=field_drawing,
            growth_curve=growth_curve,
            stages=STAGE_ICONS,
            movement_icons=MOVEMENT_ICONS,
            notice_icons=NOTICE_ICONS,
            pledge_icons=PLEDGE_ICONS,
            subject_icons=SUBJECT_ICONS,
            languages=LANGUAGES,
            tags=TAGS,
            idle_ms=IDLE_MS_MAX,
            grace_ms=GRACE_MS,
            version=asset_version(),
        )
        return environment

    def page(
        self,
        template: str,
        language: str,
        *,
        status: int = 200,
        said: Sequence[Said] | None = None,
        more: Sequence[Said] = (),
        **shown: Any,
    ) -> HTMLResponse:
        """A page in a language.

        Parameters
        ----------
        said
            What it says aloud by itself; None where it has no voice.
        more
            What it says besides, when it is asked to.
        """
        words = self._spoken(language)
        clips = None if said is None else clips_of(self._voice, words.language, said)
        at_touch = clips_of(self._voice, words.language, more)
        complete = (not said or bool(clips and clips.complete)) and (not more or at_touch.complete)
        text = (
            self._environment(words.language)
            .get_template(template)
            .render(
                _=words.say,
                words=words,
                day=lambda on: self.day(words, on),
                instant=self.instant,
                asks=clips_of(self._voice, words.language, [says(STILL_THERE)]),
                undoes=clips_of(self._voice, words.language, [says(WRONG_TOUCH)]),
                more=at_touch.paths,
                complete=complete and bool(said or more),
                **{"visit": None, "clips": clips, **shown},
            )
        )
        return HTMLResponse(text, status)

    def clips(self, language: str, said: Sequence[Said]) -> Clips:
        """The clips of a part of a screen that speaks when it is asked to."""
        return clips_of(self._voice, self._spoken(language).language, said)

    def problem(self, language: str, error: HarvestlineError) -> HTMLResponse:
        """What went wrong, in plain words, with its number for the agent."""
        told = ("That did not work", "Nothing was paid and nothing was lost. Please ask the agent.")
        return self.page(
            "problem.html", language, status=error.entry.http_status, error=error,
            said=[says(each) for each in told],
        )  # fmt: skip

    @staticmethod
    def day(words: Words, on: str) -> str:
        """A civil date as people say it; a dash if there is none."""
        if not on:
            return "–"
        formats = formats_of(words.language)
        return formats.day_of(date.fromisoformat(on), lambda month: words.say(MONTHS[month - 1]))

    def instant(self, at_ms: int) -> str:
        """An instant in the site's zone, to the minute; a dash if there was none."""
        if at_ms <= 0:
            return "–"
        moment = datetime.fromtimestamp((at_ms + self._offset_ms) / 1000, UTC)
        return moment.strftime("%Y-%m-%d %H:%M")


def money(amount_minor: int, currency: str) -> str:
    """An amount in English, without empty decimals, e.g. ``KES 8,000``."""
    return formats_of("en").money_of(amount_minor, currency)


def percent(ppm: int) -> str:
    """A rate in English, with one decimal, e.g. ``18.1%``."""
    return formats_of("en").percent_of(ppm)


def _plot_map(
    basemap: Callable[[], Path | None], outline_e7: Sequence[tuple[int, int]], said: str
) -> Markup:
    found = district_of(basemap)
    return plot_map(outline_e7, found.map if found is not None else None, said)


@cache
def icon(name: str, label: str = "") -> Markup:
    """One of the shared icons, inline; silent for screen readers unless it has a label."""
    folder = resources.files("edge_node.faces.kiosk") / "static" / "shared" / "icons"
    text = (folder / f"{name}.svg").read_text(encoding="utf-8")
    spoken = Markup(' role="img" aria-label="{}"').format(label) if label else ' aria-hidden="true"'
    return Markup(text.replace("<svg ", f'<svg class="icon" focusable="false"{spoken} ', 1))  # noqa: S704


@cache
def asset_version() -> str:
    """Changes with the style and script, so that no screen keeps old ones."""
    folder = resources.files("edge_node.faces.kiosk") / "static"
    return sha256_hex(b"".join((folder / name).read_bytes() for name in STYLES))[:12]
