"""Each kind of device's true quantities, in the units of ``core.wire.telemetry.METRICS``.

Still real numbers without any error: what a perfect instrument would say before it
rounds.
"""

from __future__ import annotations

from core.units import PPM

Quantities = dict[str, float]


def soil_probe(moisture_m3_per_m3: float, temperature_c: float) -> Quantities:
    """A probe in the root zone: water by volume [m³/m³] and temperature [°C]."""
    return {
        "soil_moisture_ppm": moisture_m3_per_m3 * PPM,
        "soil_temperature_mdeg_c": temperature_c * 1000,
    }


def weather_station(
    air_temperature_c: float,
    humidity: float,
    sun_w_per_m2: float,
    wind_m_per_s: float,
    rain_mm: float,
) -> Quantities:
    """A mast in the village.

    Parameters
    ----------
    air_temperature_c
        At two metres [°C].
    humidity
        Relative humidity [0–1].
    sun_w_per_m2
        Global radiation [W/m²].
    wind_m_per_s
        At two metres [m/s].
    rain_mm
        Since the previous sample [mm].
    """
    return {
        "air_temperature_mdeg_c": air_temperature_c * 1000,
        "relative_humidity_ppm": humidity * PPM,
        "solar_radiation_w_per_m2": sun_w_per_m2,
        "wind_speed_mm_per_s": wind_m_per_s * 1000,
        "rain_um": rain_mm * 1000,
    }


def ear_tag_reader(animals_near: float, steps: float) -> Quantities:
    """A gate reader: animals within its reach [1], their mean steps since the last sample [1]."""
    return {"animals_seen_count": animals_near, "activity_steps": steps}


def machine(engine_h: float, area_worked_ha: float, fuel_l: float) -> Quantities:
    """A tracker on a tractor, all since it was fitted: engine [h], area [ha], fuel [l]."""
    return {
        "engine_s": engine_h * 3600,
        "area_worked_m2": area_worked_ha * 10_000,
        "fuel_used_ml": fuel_l * 1000,
    }


def electricity_meter(energy_wh: float, store_temperature_c: float) -> Quantities:
    """A meter at a pump or cold store: energy since it was fitted [Wh], room temperature [°C]."""
    return {
        "energy_wh": energy_wh,
        "store_temperature_mdeg_c": store_temperature_c * 1000,
    }


def silo_sensor(level_kg: float, humidity: float, store_temperature_c: float) -> Quantities:
    """A silo's cable: grain [kg], air between the grain [0–1], warmth of the store [°C]."""
    return {
        "store_level_kg": level_kg,
        "relative_humidity_ppm": humidity * PPM,
        "store_temperature_mdeg_c": store_temperature_c * 1000,
    }
