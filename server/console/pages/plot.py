"""A plot's or pasture's own page: all that is known of it, and the money that rests on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.wire.personal_data import DataClass
from core.wire.registry import Farmer
from server.console.desk import Desk
from server.console.exporting import export
from server.console.figures.curve import STAGE_WORDS, Around, curve_picture, season_span
from server.console.figures.narrowing import narrowing_picture, narrowing_words
from server.console.figures.terms import terms_picture
from server.console.reader_lists import Listed
from server.console.views.around import Compared, read_compared
from server.console.views.measured import Measured, read_sensors, read_weather
from server.console.views.pictures import PictureDay, read_pictures
from server.console.views.plot import (
    EVIDENCE_SHOWN_MAX,
    PlotStory,
    days_since,
    geometry,
    read_plot,
)
from server.console.views.resting import (
    VERDICTS,
    CardRow,
    RestingLine,
    read_cards,
    read_resting,
)
from server.console.views.visited import PURPOSES, Visited, read_visited
from server.console.words import say
from server.services.centre import Work
from server.services.reports.table import Cell, CellKind, Report, columns, count, text
from server.store import registry
from server.store.engine import Tx

SEASON_DAYS = 120  # of weather and sensors where no satellite has told of a season
_SHOWN = (
    *(DataClass.IDENTITY, DataClass.REGISTERED, DataClass.MONEY, DataClass.DECISIONS),
    *(DataClass.IMAGERY, DataClass.TELEMETRY, DataClass.LIVESTOCK, DataClass.VISITS),
)


@dataclass(frozen=True, slots=True)
class PlotPage:
    """Everything that the page shows."""

    story: PlotStory
    compared: Compared | None
    pictures: tuple[PictureDay, ...]
    weather: Measured
    sensors: Measured
    resting: tuple[RestingLine, ...]
    cards: tuple[CardRow, ...]
    visited: Visited
    today: date


def routes(desk: Desk) -> list[Route]:
    """The addresses of a plot."""

    def plot(request: Request) -> Response:
        visitor = desk.visitor(request)
        asked = (request.path_params["subject_id"], request.query_params.get("evidence", ""))
        with desk.reading(visitor) as tx:
            shown = read_page(tx, asked, desk.today(tx))
        farmer = shown.story.farmer
        desk.saw(visitor, "plot", _SHOWN, farmer.farmer_id if farmer else "")
        return desk.page(request, "plot.html", _context(shown), visitor)

    def file(request: Request) -> Response:
        visitor = desk.visitor(request)
        subject_id = request.path_params["subject_id"]
        return export(desk, request, visitor, lambda work: plot_listed(work, subject_id))

    return [
        Route("/plots/{subject_id}", plot, methods=["GET"]),
        Route("/plots/{subject_id}/export.{form}", file, methods=["GET"]),
    ]


def read_page(tx: Tx, asked: tuple[str, str], today: date) -> PlotPage:
    """What a plot's page shows, drawn from its newest evidence or from the one that is named.

    Raises
    ------
    NotKnownError
        If there is no such plot, or the evidence is not of this plot.
    """
    story = read_plot(tx, *asked)
    subjects = (story.subject, *story.grazed_by)
    span = _span(story, today)
    compared = None
    if story.shown is not None:
        compared = read_compared(tx, story.subject, story.shown, story.kept)
    return PlotPage(
        story=story,
        compared=compared,
        pictures=read_pictures(tx, story.subject.name, story.shown),
        weather=read_weather(tx, _home(tx, story), span),
        sensors=read_sensors(tx, story.subject, story.grazed_by, span),
        resting=read_resting(tx, [each.subject_id for each in subjects], today),
        cards=read_cards(tx, subjects),
        visited=read_visited(tx, subjects, story.farmer),
        today=today,
    )


def _span(story: PlotStory, today: date) -> tuple[date, date]:
    """The days that the pictures of a season share."""
    if story.shown is not None:
        return season_span(story.shown)
    sown = story.subject.sown_on
    first = date.fromisoformat(sown) if sown else today - timedelta(days=SEASON_DAYS)
    return min(first, today - timedelta(days=30)), today


def _home(tx: Tx, story: PlotStory) -> Farmer | None:
    """Whose station hears the weather: the farmer's, or of a common pasture a grazer's."""
    if story.farmer is not None or not story.grazed_by:
        return story.farmer
    return registry.find_farmer(tx, story.grazed_by[0].farmer_id)


def _context(page: PlotPage) -> Mapping[str, object]:
    story = page.story
    curve = narrowed = None
    words = ""
    if story.shown is not None:
        around = page.compared.around if page.compared else Around()
        curve = curve_picture(story.shown, story.stages, around, story.sentence)
        if story.estimates:
            title = say("Expected yield over the season, {unit}", unit=story.unit)
            span = season_span(story.shown)
            narrowed = narrowing_picture(story.estimates, span, story.unit, title)
            words = narrowing_words(story.estimates, story.unit)
    last = story.shown.last_clear_on if story.shown else None
    return {
        "page": page,
        "story": story,
        "kept": story.kept[:EVIDENCE_SHOWN_MAX],
        "curve": curve,
        "narrowed": narrowed,
        "narrowed_words": words,
        "terms": {one.line.line_id: _terms(one) for one in page.resting if one.story},
        "age_days": days_since(last, page.today),
        "stage_words": STAGE_WORDS,
        "purposes": PURPOSES,
        "verdict_words": VERDICTS,
    }


def _terms(resting: RestingLine) -> object:
    title = say(
        "The limit of {name} and each term of the rule, review after review",
        name=resting.farmer_name,
    )
    return terms_picture(resting.story, title) if resting.story else None


def plot_listed(work: Work, subject_id: str) -> Listed:
    """A plot's evidence as a list, newest first, and its shape with the newest as GeoJSON.

    Raises
    ------
    NotKnownError
        If there is no such plot.
    """
    story = read_plot(work.tx, subject_id)
    scale = ("kg_per_ha",) if story.subject.crop else ("ppm_of_normal",)

    def rows() -> Iterator[tuple[Cell, ...]]:
        for one in story.kept:
            yield (
                one.as_of, one.season_id, one.stage.value, one.last_clear_on or "",
                one.clear_looks, one.anomaly_ppm if one.anomaly_ppm is not None else "",
                *(value if value is not None else "" for value in
                  (one.yield_p10, one.yield_p50, one.yield_p90)),
                one.evidence_id, one.sha256,
            )  # fmt: skip

    named = (
        *columns(("as_of", CellKind.DAY)), *text("season", "stage", "last_clear_on"),
        *count("clear_looks"), *text("against_normal_ppm"),
        *text(*(f"yield_{q}_{unit}" for q in ("p10", "p50", "p90") for unit in scale)),
        *text("evidence", "sha256"),
    )  # fmt: skip
    title = f"Evidence of {story.subject.name}"
    report = Report("plot", title, work.today().isoformat(), named, rows())
    farmers = (story.farmer.farmer_id,) if story.farmer else ()
    return Listed(
        report, {"plot": subject_id}, title={"name": story.subject.name},
        features=_features(work.tx, story), farmer_ids=farmers,
    )  # fmt: skip


def _features(tx: Tx, story: PlotStory) -> Sequence[Mapping[str, object]]:
    placed = registry.placed_subject(tx, story.subject.subject_id)
    shape = geometry(placed) if placed else None
    if shape is None:
        return ()
    newest = story.kept[0] if story.kept else None
    told: dict[str, object] = {
        "plot": story.subject.subject_id, "name": story.subject.name, "crop": story.subject.crop,
        "area_m2": story.subject.area_m2, "sown_on": story.subject.sown_on,
    }  # fmt: skip
    if newest is not None:
        told |= {
            "as_of": newest.as_of, "stage": newest.stage.value, "anomaly_ppm": newest.anomaly_ppm,
            "yield_p10": newest.yield_p10, "yield_p50": newest.yield_p50,
            "yield_p90": newest.yield_p90,
        }  # fmt: skip
    return ({"type": "Feature", "geometry": shape, "properties": told},)
