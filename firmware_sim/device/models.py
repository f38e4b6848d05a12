"""What the makers' data sheets say of each kind of device: metrics, battery, clock.

The figures are those of common field hardware: a soil probe on a 19 Wh lithium cell
with a palm-sized panel, a weather station with a larger one, a gate reader whose
antenna draws all day, a tracker on a tractor's 12 V, a meter on the mains that
bridges an hour's outage.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.wire.telemetry import DeviceKind
from firmware_sim.device.clock import ClockMemory, ClockSpec
from firmware_sim.device.machine import DeviceSpec
from firmware_sim.device.power import PowerSpec

FIRMWARE = "hl-1.0.0"
UJ_PER_WH = 3_600_000_000
SAMPLE_MS = 3 * 3_600_000

METRICS_OF: Mapping[DeviceKind, tuple[str, ...]] = {
    DeviceKind.SOIL_PROBE: ("soil_moisture_ppm", "soil_temperature_mdeg_c", "battery_mv"),
    DeviceKind.WEATHER_STATION: (
        "air_temperature_mdeg_c",
        "relative_humidity_ppm",
        "solar_radiation_w_per_m2",
        "wind_speed_mm_per_s",
        "rain_um",
        "battery_mv",
    ),
    DeviceKind.EAR_TAG_READER: ("animals_seen_count", "activity_steps", "battery_mv"),
    DeviceKind.MACHINE: ("engine_s", "area_worked_m2", "fuel_used_ml", "battery_mv"),
    DeviceKind.ELECTRICITY_METER: ("energy_wh", "store_temperature_mdeg_c", "battery_mv"),
    DeviceKind.SILO_SENSOR: (
        "store_level_kg",
        "relative_humidity_ppm",
        "store_temperature_mdeg_c",
        "battery_mv",
    ),
}


def _power(
    capacity_wh: int, volts: tuple[int, int], panel_mm2: int, supply_uw: int, sleep_uw: int
) -> PowerSpec:
    return PowerSpec(
        capacity_uj=capacity_wh * UJ_PER_WH,
        empty_mv=volts[0],
        full_mv=volts[1],
        cutoff_ppm=50_000,
        restart_ppm=150_000,
        panel_mm2=panel_mm2,
        panel_efficiency_ppm=120_000,
        supply_uw=supply_uw,
        sleep_uw=sleep_uw,
        sample_uj=500_000,
        send_nj_per_byte=80_000,
    )


_LITHIUM = (3_200, 4_200)
_LEAD = (11_000, 12_700)
_POWER_OF: Mapping[DeviceKind, PowerSpec] = {
    DeviceKind.SOIL_PROBE: _power(19, _LITHIUM, 6_000, 0, 3_000),
    DeviceKind.WEATHER_STATION: _power(38, _LITHIUM, 20_000, 0, 20_000),
    DeviceKind.EAR_TAG_READER: _power(140, _LEAD, 120_000, 0, 500_000),
    DeviceKind.MACHINE: _power(600, _LEAD, 0, 400_000, 100_000),
    DeviceKind.ELECTRICITY_METER: _power(2, _LITHIUM, 0, 2_000_000, 600_000),
    DeviceKind.SILO_SENSOR: _power(19, _LITHIUM, 6_000, 0, 3_000),
}
# Only the weather station and the tracker pay for a chip that runs on.
_CLOCK_OF: Mapping[DeviceKind, ClockMemory] = {
    DeviceKind.SOIL_PROBE: ClockMemory.LAST_KNOWN,
    DeviceKind.WEATHER_STATION: ClockMemory.CHIP,
    DeviceKind.EAR_TAG_READER: ClockMemory.LAST_KNOWN,
    DeviceKind.MACHINE: ClockMemory.CHIP,
    DeviceKind.ELECTRICITY_METER: ClockMemory.NONE,
    DeviceKind.SILO_SENSOR: ClockMemory.LAST_KNOWN,
}


def device_spec(
    device: str,
    kind: DeviceKind,
    drift_ppm: int,
    outbox_samples_max: int,
    sample_ms: int = SAMPLE_MS,
) -> DeviceSpec:
    """A device of a kind, as its maker describes it.

    Parameters
    ----------
    device
        The device's id.
    kind
        What it measures.
    drift_ppm
        How much faster than true time its crystal runs [ppm].
    outbox_samples_max
        How many samples its flash holds.
    sample_ms
        How often it measures [ms].
    """
    return DeviceSpec(
        device=device,
        kind=kind,
        firmware=FIRMWARE,
        metrics=METRICS_OF[kind],
        sample_ms=sample_ms,
        outbox_samples_max=outbox_samples_max,
        clock=ClockSpec(drift_ppm, max(50, abs(drift_ppm)), _CLOCK_OF[kind]),
        power=_POWER_OF[kind],
    )
