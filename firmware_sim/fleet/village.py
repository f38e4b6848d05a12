"""The fleet that a district's places call for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from core.units import MS_PER_DAY, day_start_ms
from firmware_sim.config import SettingError
from firmware_sim.device.machine import ACK_WAIT_MS
from firmware_sim.device.models import METRICS_OF, SAMPLE_MS, device_spec
from firmware_sim.district.places import DevicePlace, District
from firmware_sim.district.season import SeasonTruth
from firmware_sim.fleet.field import FieldReadings, Lie, field_of, sun_of
from firmware_sim.fleet.member import DutyCycle, Member
from firmware_sim.fleet.secrets import Secret
from firmware_sim.history.register import UTC_OFFSET_MINUTES
from firmware_sim.keys import DeviceSigner
from firmware_sim.sensors.draws import Draws
from firmware_sim.sensors.faults import FaultRates, plan_faults
from firmware_sim.sensors.instrument import Instrument

DRIFT_PPM_SPREAD = 15.0  # of ordinary watch crystals, one standard deviation
DRIFT_PPM_MAX = 60
_BATTERY = "battery_mv"


@dataclass(frozen=True, slots=True)
class Habits:
    """How the village's devices are set up.

    Parameters
    ----------
    sample_ms
        How often they measure [ms].
    outbox_samples_max
        How many samples each keeps while nothing is acknowledged.
    faults
        How often their sensors fail.
    page_samples
        How many samples they gather in RAM before they write a page of flash.
    duty
        When their radios are on.
    ack_wait_ms
        How long they first wait for an acknowledgement before they send again [ms, steady].
    """

    sample_ms: int = SAMPLE_MS
    outbox_samples_max: int = 20_000
    faults: FaultRates = field(default_factory=FaultRates)
    page_samples: int = 1
    duty: DutyCycle = field(default_factory=DutyCycle)
    ack_wait_ms: int = ACK_WAIT_MS


def village_members(
    district: District,
    truth: SeasonTruth,
    secrets: Mapping[str, Secret],
    habits: Habits | None = None,
    lies: Mapping[str, Lie] | None = None,
) -> tuple[Member, ...]:
    """All devices of a district in one season, ready for a :class:`Fleet`.

    Parameters
    ----------
    district, truth
        Where they stand, and what happens there.
    secrets
        Each device's key and password.
    habits
        How they are set up.
    lies
        By device: what its sensors are shown instead of the truth.

    Raises
    ------
    SettingError
        If a device has no secret.
    """
    missing = [p.device_id for p in district.devices if p.device_id not in secrets]
    if missing:
        raise SettingError(f"expected a secret for each device, got none for {missing}")
    wanted, told = habits or Habits(), lies or {}
    return tuple(
        village_member(
            (district, truth), place, secrets[place.device_id], wanted, told.get(place.device_id)
        )
        for place in district.devices
    )


def season_start_ms(truth: SeasonTruth) -> int:
    """Midnight, local time, of the season's first day [ms UTC]: when devices are fitted."""
    return day_start_ms(truth.spec.first_day, UTC_OFFSET_MINUTES * 60_000)


def village_member(
    season: tuple[District, SeasonTruth],
    place: DevicePlace,
    secret: Secret,
    habits: Habits,
    lie: Lie | None = None,
) -> Member:
    """The device of a place; ``lie`` stands between its sensors and what is true there."""
    district, truth = season
    draws = Draws(district.seed, f"{place.device_id}/{truth.spec.year}")
    start_ms = season_start_ms(truth)
    end_ms = start_ms + truth.spec.days * MS_PER_DAY
    metrics = [metric for metric in METRICS_OF[place.kind] if metric != _BATTERY]
    faults = plan_faults(draws, metrics, start_ms, end_ms, habits.faults)
    shown = field_of(district, truth, place)
    readings = FieldReadings(
        field=lie(shown) if lie is not None else shown,
        sun=sun_of(truth, place),
        truth=truth,
        instrument=Instrument(draws, start_ms, faults),
        at_ms=start_ms,
    )
    drift = round(draws.normal("drift") * DRIFT_PPM_SPREAD)
    drift_ppm = max(-DRIFT_PPM_MAX, min(DRIFT_PPM_MAX, drift))
    spec = device_spec(
        place.device_id, place.kind, drift_ppm, habits.outbox_samples_max, habits.sample_ms
    )
    return Member(
        spec=replace(spec, page_samples=habits.page_samples, ack_wait_ms=habits.ack_wait_ms),
        signer=DeviceSigner(secret.key_seed),
        password=secret.password,
        readings=readings,
        duty=habits.duty,
    )
