"""A soil's water, day by day: a surface layer over a root zone (FAO-56, dual Kc).

Rain runs off by the curve-number method, fills the surface layer, then the root
zone; what is above field capacity drains within days; the surface evaporates
(FAO-56, eq. 71–77, simplified to one layer), the canopy transpires with the stress
coefficient Ks (eq. 84). Water is conserved: see ``WaterStep``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_sim.district.season import Floats

SURFACE_MM = 100.0  # depth of the layer that evaporates
_DRAINED_A_DAY = 0.55  # of the water above field capacity
_DEPLETION_SHARE = 0.50  # p: what maize may deplete without stress (FAO-56, Table 22)
_KC_MAX = 1.15


@dataclass(frozen=True, slots=True)
class SoilColumns:
    """Water constants of many columns; every array is (columns,), [m³/m³] or [mm].

    ``root_mm`` is the depth below the surface layer that roots can use;
    ``curve_number`` the SCS runoff number.
    """

    wilting_point: Floats
    field_capacity: Floats
    saturation: Floats
    root_mm: Floats
    curve_number: Floats


@dataclass(frozen=True, slots=True)
class WaterState:
    """Water held (columns,) [mm] in the surface layer and in the zone below it."""

    surface_mm: Floats
    root_mm: Floats


@dataclass(frozen=True, slots=True)
class WaterStep:
    """One day's balance (columns,) [mm].

    rain = runoff + drainage + evaporation + transpiration + change of storage.
    """

    state: WaterState
    runoff_mm: Floats
    drainage_mm: Floats
    evaporation_mm: Floats
    transpiration_mm: Floats
    stress: Floats  # Ks: 1 without stress, 0 at the wilting point


def at_share(columns: SoilColumns, share: float) -> WaterState:
    """Columns that are filled to a share of their available water [0–1]."""
    content = columns.wilting_point + share * (columns.field_capacity - columns.wilting_point)
    return WaterState(content * SURFACE_MM, content * columns.root_mm)


def step_water(
    columns: SoilColumns, state: WaterState, rain_mm: Floats, et0_mm: Floats, cover: Floats
) -> WaterStep:
    """Advance all columns by one day.

    Parameters
    ----------
    columns, state
        The soil and what it holds.
    rain_mm, et0_mm
        Rain and reference evapotranspiration (columns,) [mm].
    cover
        Share of the ground under green leaves (columns,) [0–1].
    """
    runoff = _runoff_mm(columns.curve_number, rain_mm)
    surface = state.surface_mm + rain_mm - runoff
    surface, drained = _drain(surface, columns.field_capacity, columns.saturation, SURFACE_MM)
    root, deep = _drain(
        state.root_mm + drained, columns.field_capacity, columns.saturation, columns.root_mm
    )
    evaporation = _evaporation_mm(columns, surface, et0_mm, cover)
    surface = surface - evaporation
    stress = _stress(columns, surface, root)
    wanted = _KC_MAX * cover * et0_mm * stress
    from_root = np.minimum(0.8 * wanted, np.maximum(_free(root, columns, columns.root_mm), 0))
    spare = np.maximum(_free(surface, columns, np.full_like(surface, SURFACE_MM)), 0)
    from_surface = np.minimum(wanted - from_root, spare)
    return WaterStep(
        WaterState(surface - from_surface, root - from_root),
        *(runoff, deep, evaporation, from_root + from_surface, stress),
    )


def moisture(columns: SoilColumns, state: WaterState) -> Floats:
    """Volumetric water of the whole root zone (columns,) [m³/m³]."""
    return (state.surface_mm + state.root_mm) / (SURFACE_MM + columns.root_mm)


def _runoff_mm(curve_number: Floats, rain_mm: Floats) -> Floats:
    """SCS curve number (USDA National Engineering Handbook 630, ch. 10)."""
    kept = 25_400 / curve_number - 254
    excess = np.maximum(rain_mm - 0.2 * kept, 0)
    return excess**2 / (rain_mm + 0.8 * kept)


def _drain(
    water_mm: Floats, field_capacity: Floats, saturation: Floats, depth_mm: Floats | float
) -> tuple[Floats, Floats]:
    """What stays and what passes on: all above saturation, a share above capacity."""
    over = np.maximum(water_mm - saturation * depth_mm, 0)
    held = water_mm - over
    passing = over + _DRAINED_A_DAY * np.maximum(held - field_capacity * depth_mm, 0)
    return water_mm - passing, passing


def _evaporation_mm(
    columns: SoilColumns, surface_mm: Floats, et0_mm: Floats, cover: Floats
) -> Floats:
    """Evaporation of bare soil, falling as the surface dries (FAO-56, eq. 71, 73, 74)."""
    driest = 0.5 * columns.wilting_point * SURFACE_MM
    span = np.maximum(columns.field_capacity * SURFACE_MM - driest, 1.0)
    wet = np.clip((surface_mm - driest) / span, 0, 1)
    energy = _KC_MAX * (1 - cover) * et0_mm
    return np.minimum(energy * np.clip(1.6 * wet, 0, 1) ** 1.5, np.maximum(surface_mm - driest, 0))


def _stress(columns: SoilColumns, surface_mm: Floats, root_mm: Floats) -> Floats:
    """Ks from the share of available water (FAO-56, eq. 84)."""
    depth = SURFACE_MM + columns.root_mm
    available = (columns.field_capacity - columns.wilting_point) * depth
    left = surface_mm + root_mm - columns.wilting_point * depth
    return np.clip(left / ((1 - _DEPLETION_SHARE) * available), 0, 1)


def _free(water_mm: Floats, columns: SoilColumns, depth_mm: Floats) -> Floats:
    return water_mm - columns.wilting_point * depth_mm
