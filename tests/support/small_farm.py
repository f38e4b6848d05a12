"""A small farm at a real store: a plot, a herd, a silo, a machine, and what measures them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from core.canonical import sha256_hex
from core.scoring.features import FeatureValue
from core.units import day_start_ms
from core.wire.registry import Subject, SubjectKind
from core.wire.telemetry import Batch, DeviceKind, Sample
from edge_node.config import Settings
from edge_node.features.compute import compute_daily_features
from edge_node.features.season import features_for_subject
from edge_node.intake.committer import Arrival, Committed, Committer
from edge_node.intake.messages import Heard
from edge_node.store import village
from edge_node.store.daily import daily_features
from edge_node.store.database import StationDatabase
from edge_node.store.devices import put_device
from edge_node.watch.notices import Notice
from edge_node.watch.rounds import watch
from tests.support.edge_station import database, device, settings_for, signed_batch

SOWN = date(2026, 4, 1)
OFFSET_MS, DAY_MS = 180 * 60_000, 86_400_000
DRY_AIR = {
    "air_temperature_mdeg_c": 20_000, "relative_humidity_ppm": 600_000,
    "solar_radiation_w_per_m2": 230, "wind_speed_mm_per_s": 1_500, "rain_um": 0,
}  # fmt: skip


class Farm:
    """One plot with a probe, and a weather station; days count from sowing."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.db: StationDatabase = database(folder)
        self.settings: Settings = settings_for(folder, **settings)
        with self.db.atomic():
            village.keep_subject(
                self.db,
                Subject("plot-1", SubjectKind.PLOT, "f-1", "Juu", "maize", "s", SOWN.isoformat(),
                        5_000),
            )  # fmt: skip
            village.keep_subject(self.db, Subject("village", SubjectKind.VILLAGE, "f-1", "Kijani"))
        put_device(self.db, device("probe-1", "plot-1"))
        put_device(self.db, device("mast-1", "village", DeviceKind.WEATHER_STATION))
        self._seqs: dict[str, int] = {}

    def day(self, number: int) -> str:
        return (SOWN + timedelta(days=number)).isoformat()

    def say(
        self,
        name: str,
        number: int,
        values: Mapping[str, int],
        count: int = 8,
        epoch: str = "e1",
        late_ms: int = 0,
    ) -> Committed:
        first = self._seqs.get(name + epoch, 0) + 1
        start_ms = day_start_ms(SOWN + timedelta(days=number), OFFSET_MS) + late_ms
        samples = tuple(
            Sample(first + i, start_ms + i * DAY_MS // 8, 0, {m: v + i for m, v in values.items()})
            for i in range(count)
        )
        self._seqs[name + epoch] = first + count - 1
        body = Batch(name, epoch, 1, first, samples)
        raw = signed_batch(body)
        heard = Heard(body, sha256_hex(raw), raw)
        arrival = Arrival(heard, f"v1/kijani/{name}/t", samples[-1].at_ms)
        return Committer(self.settings).commit(self.db, [arrival])

    def weather(self, numbers: Sequence[int], **changes: int) -> None:
        for number in numbers:
            # No two days are alike to the last digit: one that is, is a copy.
            warm = {"air_temperature_mdeg_c": 20_000 + 10 * number}
            self.say("mast-1", number, {**DRY_AIR, **warm, **changes})

    def probe(self, number: int, moisture_ppm: int, count: int = 8, epoch: str = "e1") -> None:
        self.say("probe-1", number, {"soil_moisture_ppm": moisture_ppm}, count, epoch)

    def compute(self, number: int) -> None:
        """Compute up to the day of a number, closed."""
        end_ms = day_start_ms(SOWN + timedelta(days=number + 1), OFFSET_MS)
        compute_daily_features(self.db, self.settings, end_ms + self.settings.day_grace_ms)

    def close_day(self, number: int) -> tuple[Notice, ...]:
        """Compute up to a day and watch it; the notices that began."""
        self.compute(number)
        end_ms = day_start_ms(SOWN + timedelta(days=number + 1), OFFSET_MS)
        return watch(self.db, self.settings, end_ms + self.settings.day_grace_ms)

    def values(self, number: int, subject: str = "plot-1") -> dict[str, int]:
        on = self.day(number)
        return {one.feature: one.value for one in daily_features(self.db, subject, (on, on))}

    def season(self, number: int, days: int, subject: str = "plot-1") -> dict[str, FeatureValue]:
        until = SOWN + timedelta(days=number)
        found = features_for_subject(self.db, self.settings, subject, until, days)
        return {one.name: one for one in found}
