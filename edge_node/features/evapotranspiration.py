"""Reference evapotranspiration of a day: Penman–Monteith, or Hargreaves where less is known.

Equation numbers are those of FAO Irrigation and Drainage Paper 56 (Allen, Pereira,
Raes and Smith 1998). Integers in, an integer out [thousandths of a mm per day],
rounded half to even once at the end; in between 28 decimal digits, so that every
processor comes to the same number.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cache

from core.units import PPM
from edge_node.features.trigonometry import PI, arc_cosine, cosine, exact, sine

_SOLAR_CONSTANT = Decimal("0.0820")  # [MJ/m²/min], eq. 21
_LATENT_MM_PER_MJ = Decimal("0.408")  # 1 / 2.45 MJ/kg, eq. 20
_STEFAN = Decimal("4.903e-9")  # [MJ/K⁴/m²/d], eq. 39
_ALBEDO = Decimal("0.23")  # of the reference grass, eq. 38
_CLEAR_SHARE_MIN = Decimal("0.3")  # Rs/Rso of a fully clouded day, below which eq. 39 fails
_W_TO_MJ_A_DAY = Decimal("0.0864")
_UM_PER_MM = 1000
_NIGHT_FLUX = Decimal(0)  # G of a whole day, eq. 42


class Method(Enum):
    """How a day's reference evapotranspiration was reached."""

    PENMAN_MONTEITH = "penman_monteith"
    HARGREAVES = "hargreaves"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the weather is measured: latitude [millidegrees, north positive], altitude [m]."""

    latitude_mdeg: int
    altitude_m: int


@dataclass(frozen=True, slots=True)
class DayWeather:
    """A day's weather; what was not measured is None.

    Parameters
    ----------
    tmin_mdeg_c, tmax_mdeg_c
        Lowest and highest air temperature [thousandths of °C].
    humidity_ppm
        Mean relative humidity [ppm].
    radiation_w_per_m2
        Mean global radiation over 24 hours [W/m²].
    wind_mm_per_s
        Mean wind at 2 m [mm/s].
    """

    tmin_mdeg_c: int
    tmax_mdeg_c: int
    humidity_ppm: int | None = None
    radiation_w_per_m2: int | None = None
    wind_mm_per_s: int | None = None


def reference_um(place: Place, day_of_year: int, weather: DayWeather) -> tuple[int, Method]:
    """Reference evapotranspiration [thousandths of a mm per day], and by which method.

    Parameters
    ----------
    place
        Latitude and altitude.
    day_of_year
        1 to 366.
    weather
        Penman–Monteith if humidity, radiation and wind are known, else Hargreaves.
    """
    with exact():
        above = extraterrestrial_mj(place.latitude_mdeg, day_of_year)
        known = (weather.humidity_ppm, weather.radiation_w_per_m2, weather.wind_mm_per_s)
        if None in known:
            return _rounded_um(_hargreaves_mm(above, weather)), Method.HARGREAVES
        return _rounded_um(_penman_monteith_mm(place, above, weather)), Method.PENMAN_MONTEITH


@cache
def extraterrestrial_mj(latitude_mdeg: int, day_of_year: int) -> Decimal:
    """Radiation above the air, Ra [MJ/m²/d] (eq. 21–25)."""
    with exact():
        latitude = Decimal(latitude_mdeg) / 1000 * PI / 180
        year = 2 * PI * day_of_year / 365
        distance = 1 + Decimal("0.033") * cosine(year)
        declination = Decimal("0.409") * sine(year - Decimal("1.39"))
        slope = (sine(latitude) / cosine(latitude)) * (sine(declination) / cosine(declination))
        sunset = arc_cosine(-slope)
        height = sunset * sine(latitude) * sine(declination)
        height += cosine(latitude) * cosine(declination) * sine(sunset)
        return 24 * 60 / PI * _SOLAR_CONSTANT * distance * height


def vapour_pressure_kpa(temperature_c: Decimal) -> Decimal:
    """Saturation vapour pressure at an air temperature [kPa] (eq. 11)."""
    exponent = Decimal("17.27") * temperature_c / (temperature_c + Decimal("237.3"))
    return Decimal("0.6108") * exponent.exp()


def _hargreaves_mm(above_mj: Decimal, weather: DayWeather) -> Decimal:
    """Eq. 52; Ra as evaporation [mm/d]."""
    low, high = _celsius(weather)
    swing = max(high - low, Decimal(0)).sqrt()
    mean = (high + low) / 2
    radiation_mm = _LATENT_MM_PER_MJ * above_mj
    return Decimal("0.0023") * (mean + Decimal("17.8")) * swing * radiation_mm


def _penman_monteith_mm(place: Place, above_mj: Decimal, weather: DayWeather) -> Decimal:
    """Eq. 6, with the vapour pressure from the mean humidity (eq. 19) and G = 0 (eq. 42)."""
    low, high = _celsius(weather)
    mean = (low + high) / 2
    saturated = (vapour_pressure_kpa(low) + vapour_pressure_kpa(high)) / 2
    actual = saturated * Decimal(weather.humidity_ppm or 0) / PPM
    slope = 4098 * vapour_pressure_kpa(mean) / (mean + Decimal("237.3")) ** 2  # eq. 13
    pressure = Decimal("101.3") * _power((293 - Decimal("0.0065") * place.altitude_m) / 293)
    gamma = Decimal("0.000665") * pressure  # eq. 7 and 8
    wind = Decimal(weather.wind_mm_per_s or 0) / 1000
    net = _net_radiation_mj(place, above_mj, weather, actual) - _NIGHT_FLUX
    energy = _LATENT_MM_PER_MJ * slope * net
    drying = gamma * 900 / (mean + 273) * wind * (saturated - actual)
    return (energy + drying) / (slope + gamma * (1 + Decimal("0.34") * wind))


def _power(base: Decimal) -> Decimal:
    """``base`` to 5.26, the exponent of eq. 7."""
    return (Decimal("5.26") * base.ln()).exp()


def _net_radiation_mj(
    place: Place, above_mj: Decimal, weather: DayWeather, vapour_kpa: Decimal
) -> Decimal:
    """Net radiation [MJ/m²/d] (eq. 37–40)."""
    sun = Decimal(weather.radiation_w_per_m2 or 0) * _W_TO_MJ_A_DAY
    clear = (Decimal("0.75") + Decimal("2e-5") * place.altitude_m) * above_mj
    share = min(max(sun / clear, _CLEAR_SHARE_MIN), Decimal(1)) if clear else Decimal(1)
    low, high = _celsius(weather)
    warm = ((low + Decimal("273.16")) ** 4 + (high + Decimal("273.16")) ** 4) / 2
    damp = Decimal("0.34") - Decimal("0.14") * vapour_kpa.sqrt()
    longwave = _STEFAN * warm * damp * (Decimal("1.35") * share - Decimal("0.35"))
    return (1 - _ALBEDO) * sun - longwave


def _celsius(weather: DayWeather) -> tuple[Decimal, Decimal]:
    return Decimal(weather.tmin_mdeg_c) / 1000, Decimal(weather.tmax_mdeg_c) / 1000


def _rounded_um(depth_mm: Decimal) -> int:
    return max(0, int((depth_mm * _UM_PER_MM).to_integral_value()))
