"""The real catalogs: what is known of Flanders in 2019, and what Tanzania's bands allow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from core.wire.evidence import Anomalies, Stage
from satellite.evidence.ingest import Ingest, Job
from satellite.hazards.anomalies import anomalies_of
from satellite.indices import BandMissingError, index_named
from satellite.season.observability import observability
from satellite.yields.estimate import Subject


def _ingest(folder: Path, out: Path, index: str, until: date | None = None) -> Ingest:
    work = Ingest(
        Job(folder / "stac" / "catalog.json", folder / "plots.geojson", out, index_named(index),
            until)
    )  # fmt: skip
    work.run(lambda *_: None)
    return work


@pytest.fixture(scope="module")
def flanders(
    data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[Subject]]]:
    out = tmp_path_factory.mktemp("flanders")
    work = _ingest(data_folder / "sentinel2_flanders_2019", out, "ndvi")
    crops: dict[str, list[Subject]] = {}
    for subject in work.subjects:
        crops.setdefault(subject.season.declared.crop, []).append(subject)
    yield crops
    work.close()


def _at(subject: Subject, day: date) -> float:
    assert subject.curve is not None
    found = subject.curve.at(day.toordinal())
    assert found is not None
    return found


def test_wheat_peaks_in_may_or_june_and_is_stubble_by_the_end_of_july(
    flanders: dict[str, list[Subject]],
) -> None:
    assert len(flanders["winter wheat"]) == 4
    for subject in flanders["winter wheat"]:
        season = subject.season
        assert season.declared.season_id == "2019-winter-wheat"
        assert season.peak_day is not None
        assert date(2019, 5, 1) <= date.fromordinal(season.peak_day) <= date(2019, 6, 30)
        assert season.peak is not None
        assert 0.75 <= season.peak <= 0.92
        assert _at(subject, date(2019, 7, 31)) < 0.35
        assert season.stage.stage is Stage.HARVESTED


def test_maize_is_bare_in_late_spring_and_peaks_in_summer_whatever_grew_before(
    flanders: dict[str, list[Subject]],
) -> None:
    assert len(flanders["maize"]) == 3
    for subject in flanders["maize"]:
        season = subject.season
        bare = [k.mean for k in subject.series.used
                if date(2019, 5, 10) <= k.date <= date(2019, 6, 25)]  # fmt: skip
        assert min(mean for mean in bare if mean is not None) < 0.35
        before = subject.curve.window(date(2018, 10, 1).toordinal(), date(2019, 4, 20).toordinal())  # type: ignore[union-attr]
        assert before.max() > 0.6, "the catch crop, which must not be taken for maize"
        assert season.start_day is not None
        assert date(2019, 5, 15) <= date.fromordinal(season.start_day) <= date(2019, 7, 10)
        assert season.peak_day is not None
        assert date(2019, 7, 1) <= date.fromordinal(season.peak_day) <= date(2019, 9, 10)
        assert season.peak is not None
        assert 0.74 <= season.peak <= 0.86


def test_maize_is_not_called_green_while_it_is_bare(data_folder: Path, tmp_path: Path) -> None:
    folder = data_folder / "sentinel2_flanders_2019"
    work = _ingest(folder, tmp_path, "ndvi", date(2019, 6, 12))
    stages = {s.season.stage.stage for s in work.subjects if s.season.declared.crop == "maize"}
    work.close()
    assert stages == {Stage.SOWING}


def test_tanzania_refuses_ndvi_by_name_and_gives_ndre(data_folder: Path, tmp_path: Path) -> None:
    folder = data_folder / "sentinel2_tanzania_2021"
    with pytest.raises(BandMissingError, match=r"no red .*NDRE"):
        _ingest(folder, tmp_path / "ndvi", "ndvi")
    work = _ingest(folder, tmp_path / "ndre", "ndre")
    maize = [s for s in work.subjects if s.season.declared.crop == "maize"]
    work.close()
    assert len(work.subjects) == 5
    assert len(maize) == 3
    assert {s.season.declared.season_id for s in maize} == {"2021-long-rains"}
    assert all(len(s.series.used) >= 15 for s in maize)


def test_catch_crops_before_and_after_are_seasons_of_their_own(
    flanders: dict[str, list[Subject]],
) -> None:
    for subject in flanders["maize"]:
        peaks = [date.fromordinal(found.peak.day) for found in subject.season.every]
        before = [peak for peak in peaks if peak < date(2019, 5, 15)]
        own = [peak for peak in peaks if date(2019, 7, 1) <= peak <= date(2019, 9, 10)]
        assert len(before) >= 1, "what grew over winter"
        assert len(own) == 1
    for subject in flanders["winter wheat"]:
        peaks = [date.fromordinal(found.peak.day) for found in subject.season.every]
        assert any(peak > date(2019, 9, 15) for peak in peaks), "what was sown after the wheat"
        assert sum(date(2019, 5, 1) <= peak <= date(2019, 6, 30) for peak in peaks) == 1


def test_every_date_of_the_real_seasons_has_a_bound_that_a_lender_can_use(
    flanders: dict[str, list[Subject]],
) -> None:
    for crop in ("winter wheat", "maize"):
        for subject in flanders[crop]:
            season = subject.season
            assert season.start_days_90 is not None
            assert season.end_days_90 is not None
            assert season.peak_days_90 is not None
            assert 2 <= season.end_days_90 <= 30
            assert 2 <= season.peak_days_90 <= 45
            assert season.chances is not None
            assert sum(season.chances.ppm) == 1_000_000


def test_how_well_a_real_plot_was_seen_is_told(flanders: dict[str, list[Subject]]) -> None:
    for subject in flanders["maize"]:
        seen = observability(subject.series, subject.season.declared)
        inside = subject.series.between(
            subject.season.declared.first_day, subject.season.declared.last_day
        )
        assert seen.looks == len(inside.looks)
        assert 300_000 < seen.valid_mean_ppm < 800_000
        assert 10 <= seen.gap_days_max <= 60
        assert seen.full_pixels >= 8


def test_wheat_is_compared_with_its_neighbours_until_it_is_harvested(
    flanders: dict[str, list[Subject]], data_folder: Path, tmp_path: Path
) -> None:
    levels = index_named("ndvi").levels
    work = _ingest(data_folder / "sentinel2_flanders_2019", tmp_path, "ndvi", date(2019, 5, 16))
    green = [s for s in work.subjects if s.season.declared.crop == "winter wheat"]
    work.close()
    told = [one.neighbours_ppm for one in anomalies_of(green, None, levels)]
    assert all(ppm is not None and abs(ppm) < 100_000 for ppm in told)
    harvested = flanders["winter wheat"]
    assert anomalies_of(harvested, None, levels) == [Anomalies()] * 4, "what grows after it"


def test_the_page_of_numbers_tells_what_the_plot_shows(
    flanders: dict[str, list[Subject]], repository: Path
) -> None:
    subject = next(s for s in flanders["winter wheat"] if s.plot.plot_id == "flanders_2019_a-01")
    series, season = subject.series, subject.season
    by_day = {look.date: look for look in series.looks}
    clear, hidden = by_day[date(2019, 5, 16)], by_day[date(2019, 4, 26)]
    assert clear.mean is not None
    assert clear.spread is not None
    assert hidden.mean is not None
    seen = [look for look in series.looks if look.mean is not None]
    bounds = [season.start_days_90, season.peak_days_90, season.end_days_90]
    dates = [season.start_day, season.peak_day, season.end_day]
    told = [date.fromordinal(day) for day in dates if day is not None]
    told_lines = [
        f"mean {clear.mean:.6f}   std {clear.spread.std:.6f}   median {clear.spread.median:.6f}",
        f"p10 {clear.spread.p10:.6f}   p90 {clear.spread.p90:.6f}",
        f"{hidden.valid_fraction:.0%} was seen, with a mean of {hidden.mean:.3f}".replace(
            "%", " %"
        ),
        f"The {series.pixels:.0f}",
        f"Of {len(series.looks)} days the plot was hidden on {len(series.looks) - len(seen)}",
        f"Of the other {len(seen)}, four showed less",
        f"{len(series.used)} looks used, four open circles",
        *(f"{day.day} {day:%B} ± {n} days" for day, n in zip(told, bounds, strict=True)),
    ]
    page = (repository / "docs" / "how-numbers-are-made.md").read_text(encoding="utf-8")
    words = " ".join(page.split())
    missing = [line for line in told_lines if " ".join(line.split()) not in words]
    assert not missing
    assert sum(look.valid_fraction < 0.4 for look in seen) == 4
