"""How long before a limit is cut a drought was told, by the centre that cuts it.

A simulated village's evidence, as documents, goes look by look to a real centre with
the demonstration's product and a line for every farmer over all his plots: the rule of
core.lending.limit moves the limits, in the server's own reviews.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from core.lending.limit import Movement
from core.lending.product import Product, parse_product
from core.wire.evidence import EvidenceKind, HazardKind
from core.wire.records import ConsentAction
from firmware_sim.district.imagery import scene_days
from firmware_sim.district.perils import Peril, draw_perils
from firmware_sim.district.places import District
from firmware_sim.district.simulate import declared_sowing, live_season
from firmware_sim.history.past import harvests_csv
from firmware_sim.history.register import plots_geojson, registry_of
from satellite.evidence.document import document_bytes, evidence_of
from satellite.hazards.alerts import hazards_of
from satellite.yields.estimate import Subject, outlooks
from satellite.yields.model import YieldModel
from satellite.yields.train import read_harvests, train
from server.config import Settings
from server.keys import write_secret
from server.services import enrolment
from server.services.centre import Centre, Work
from server.services.consents.taking import write_consent
from server.services.evidence import Refused, accept_many
from server.services.opening import NewLine, open_line
from server.services.origination import opening_terms
from server.store import lines, registry
from server.store.engine import open_store
from tests.support.centre_kit import ENROLLED, TESTER, Clock, Counter, keys_of
from tests.support.centre_store import lay_out
from tests.support.village_yields import two_at_a_time
from tests.support.watched_village import NDVI, Live, Village

PRODUCT = Path(__file__).resolve().parents[2] / "server" / "products" / "crop-season.toml"
STATION = "station-1"
OPENED_ON = date(2026, 3, 20)
LAST_ON = date(2026, 8, 31)
WEEK_DAYS = 7
DROUGHT_LOSS = 0.20  # of the harvest
CROP_KG_PER_HA = 300.0  # a harvest at all


@dataclass(frozen=True, slots=True)
class Struck:
    """A plot that a planted drought struck: when it was told, and when its line was cut.

    ``loss`` is the share of the harvest that thirst took beside the same season without
    the planted drought; what never happened, or happened before the drought, is absent.
    """

    seed: int
    plot_id: str
    since: date
    loss: float
    told_on: date | None
    cut_on: date | None

    @property
    def lead_days(self) -> int | None:
        """Days from the alert to the cut; below 0 too late, absent without either."""
        if self.told_on is None or self.cut_on is None:
            return None
        return (self.cut_on - self.told_on).days


@dataclass(frozen=True, slots=True)
class Season:
    """One village's season: its struck plots, and what befell lines on no struck plot."""

    struck: tuple[Struck, ...]
    other_lines: int
    other_cut: int
    due_on: date


def seasons_of(seeds: Sequence[int], folder: Path) -> list[Season]:
    """The seasons of many villages, two at a time."""
    return list(two_at_a_time(season_of, seeds, [folder / str(seed) for seed in seeds]))


def season_of(seed: int, folder: Path) -> Season:
    """A village with a planted drought, told to a centre look by look."""
    folder.mkdir(parents=True)
    village = Village(seed, folder)
    live, ordinary = village.live((Peril.DROUGHT,)), village.live().truth
    usual_kg = ordinary.yield_kg_per_ha
    lost = 1 - live.truth.yield_kg_per_ha / np.maximum(usual_kg, CROP_KG_PER_HA)
    lost = np.where(usual_kg >= CROP_KG_PER_HA, lost, 0.0)
    planted = draw_perils(village.district, live_season(drought=False), (Peril.DROUGHT,))
    since = {strike.plot: live.truth.spec.first_day + timedelta(strike.day)
             for strike in planted.strikes}  # fmt: skip
    told, book = _told(village, live), Book(village.district, live, folder)
    book.tell(_model(village, live, folder))
    plots, cut = village.district.plots, book.cuts()
    struck = tuple(
        Struck(
            seed, plots[row].plot_id, day, float(lost[row]),
            _from(day, [told[plots[row].plot_id]] if plots[row].plot_id in told else []),
            _from(day, cut[plots[row].farmer_id]),
        )
        for row, day in since.items()
    )  # fmt: skip
    spared = {plot.farmer_id for plot in plots} - {plots[row].farmer_id for row in since}
    return Season(struck, len(spared), sum(bool(cut[each]) for each in spared), book.due_on)


def _from(since: date, days: Iterable[date]) -> date | None:
    return min((day for day in days if day >= since), default=None)


def _told(village: Village, live: Live) -> dict[str, date]:
    """The day of each plot's drought alert, which rests on what was known by then."""
    said = hazards_of(live.seen, village.past, live.weather, NDVI.levels)
    return {
        one.plot.plot_id: date.fromisoformat(hazard.raised_on)
        for one, hazards in zip(live.seen, said, strict=True)
        for hazard in hazards
        if hazard.kind is HazardKind.DROUGHT
    }


def _model(village: Village, live: Live, folder: Path) -> YieldModel:
    path = folder / "harvests.csv"
    path.write_text(harvests_csv(village.district, tuple(village.past_truths)))
    return train(read_harvests(path), live.plots, village.archive, NDVI)


class Book:
    """A lender's centre with the village registered and a line for every farmer."""

    def __init__(self, district: District, live: Live, folder: Path) -> None:
        self._live, self._district = live, district
        self._clock, ids = Clock(), Counter()
        self._clock.set_day(OPENED_ON)
        secret = folder / "session.secret"
        write_secret(secret, b"5" * 64)
        store = open_store(f"sqlite:///{folder / 'centre.sqlite'}", "lender")
        lay_out(store)
        settings = Settings(session_secret_file=str(secret))
        keys = keys_of(settings.name, 1)
        self._centre = Centre(settings, store, keys, self._clock.now_ms, ids.next_id,
                              ids.next_token)  # fmt: skip
        self._maker = keys_of("sat-one", 3)
        self._product = _product()
        self._register()

    @property
    def due_on(self) -> date:
        """When the lines are due."""
        return date.fromisoformat(self._product.due_on)

    def _register(self) -> None:
        centre, district, spec = self._centre, self._district, self._live.truth.spec
        sown = tuple(declared_sowing(district, spec, district.seed))
        enrolment.add_product(centre, self._product, TESTER)
        enrolment.enroll_station(centre, keys_of(STATION, 2).identity(), TESTER)
        enrolment.enroll_satellite(centre, self._maker.identity(), TESTER)
        declared = plots_geojson(district, spec.season_id, sown)
        polygons = {each["properties"]["plot_id"]: each["geometry"]
                    for each in declared["features"]}  # fmt: skip
        village = registry_of(district, STATION, spec.season_id, sown, ())
        enrolment.import_village(centre, village, polygons, TESTER)
        for farmer_id in sorted({plot.farmer_id for plot in district.plots}):
            centre.write(lambda work, each=farmer_id: self._open(work, each))

    def _open(self, work: Work, farmer_id: str) -> None:
        """The line that the centre opens for a farmer whom it knows, before any picture."""
        mine = {plot.plot_id for plot in self._district.plots if plot.farmer_id == farmer_id}
        subjects = tuple(registry.subject(work.tx, each) for each in sorted(mine))
        terms = opening_terms(self._product, subjects, OPENED_ON)
        write_consent(work, farmer_id, ENROLLED, ConsentAction.GRANT, TESTER)
        limit = terms.limit(self._product.credit.rounding_unit_minor)
        open_line(work, NewLine(
            line_id=f"line-{farmer_id}", application_id=f"asked-{farmer_id}",
            card_id=f"card-{farmer_id}", farmer_id=farmer_id,
            product_id=self._product.product_id, station=STATION,
            subject_ids=tuple(sorted(mine)), limit_minor=limit,
            currency=self._product.currency,
        ))  # fmt: skip

    def tell(self, model: YieldModel) -> None:
        """Deliver each look's evidence on its day, as ``ingest --deliver`` does."""
        for day in scene_days(OPENED_ON, LAST_ON):
            self._clock.set_day(day)
            subjects = [
                Subject(one.plot, one.series, one.curve, one.season)
                for one in self._live.until(day)
                if one.plot.kind is EvidenceKind.CROP
            ]
            words = outlooks(model, subjects, NDVI.levels)
            documents = [
                document_bytes(evidence_of(subject, word, NDVI.name), self._maker)
                for subject, word in zip(subjects, words, strict=True)
            ]
            refused = [each for each in accept_many(self._centre, documents)
                       if isinstance(each, Refused)]  # fmt: skip
            assert not refused, refused[0].error

    def cuts(self) -> dict[str, list[date]]:
        """The days on which each farmer's limit was cut."""
        with self._centre.store.reading() as tx:
            return {
                line.farmer_id: [
                    date.fromisoformat(moved.as_of)
                    for moved in lines.movements_of(tx, line.line_id)
                    if moved.movement is Movement.CUT
                ]
                for line in lines.every(tx)
            }


def _product() -> Product:
    return parse_product(tomllib.loads(PRODUCT.read_text(encoding="utf-8")))


def leads_of(struck: Iterable[Struck]) -> list[int]:
    """Days from alert to cut, of those that were told and cut."""
    return [lead for each in struck if (lead := each.lead_days) is not None]


def table_of_leads(seasons: Sequence[Season]) -> str:
    """The table of docs/hazards.md: all struck plots, and those that lost a fifth or more."""
    every = [each for season in seasons for each in season.struck]
    rows = {
        "all struck plots": every,
        "a fifth of the harvest lost, or more": [one for one in every if one.loss >= DROUGHT_LOSS],
        "less lost": [one for one in every if one.loss < DROUGHT_LOSS],
    }
    due_on = seasons[0].due_on
    head = (
        "| | plots | told | limit cut | told before or on the way to it | days from alert to cut "
        f"| at least {WEEK_DAYS} days | days from alert to the due date |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    lines_cut = sum(season.other_cut for season in seasons)
    lines_other = sum(season.other_lines for season in seasons)
    return "\n".join(
        [head, *(_row(name, some, due_on) for name, some in rows.items()), "",
         f"lines on no struck plot that were cut: {lines_cut} of {lines_other}"]
    )  # fmt: skip


def _row(name: str, some: Sequence[Struck], due_on: date) -> str:
    cut = [one for one in some if one.cut_on is not None]
    leads = leads_of(cut)
    due = [(due_on - one.told_on).days for one in some if one.told_on is not None]
    week = sum(lead >= WEEK_DAYS for lead in leads)
    return (
        f"| {name} | {len(some)} | {len(due)} | {len(cut)} | {sum(lead >= 0 for lead in leads)} "
        f"| {_spread(leads)} | {week} of {len(cut)} ({week / max(len(cut), 1):.2f}) "
        f"| {_spread(due)} |"
    )


def _spread(days: Sequence[int]) -> str:
    if not days:
        return "–"
    low, mid, high = np.percentile(days, [10, 50, 90])
    return f"{mid:.0f} ({low:.0f} to {high:.0f})"
