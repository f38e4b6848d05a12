"""Maize from sowing to harvest: thermal time, light, water, and the farmer's hand.

Development by thermal time; leaf area by early exponential growth, then by dry
matter given to leaves (WOFOST 7, Boogaard et al. 2014); dry matter by radiation use
(Sinclair and Muchow 1999, doi:10.1016/S0065-2113(08)60914-1) reduced by water
stress and nutrition; grain by a harvest index that stress around flowering and
during filling lowers (AquaCrop, Steduto et al. 2009, doi:10.2134/agronj2008.0139s).
Yields also fall to weeds, birds and pests that no picture and no sensor shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_sim.district.season import Floats, Ints

BASE_C = 8.0
_TOP_C = 30.0
EMERGENCE_GDD = 75.0
FLOWERING_GDD = 690.0
MATURITY_GDD = 1_270.0
DRYING_DAYS = 12  # from maturity to harvest
_LIGHT_EXTINCTION = 0.62
_RADIATION_USE_G_PER_MJ = 3.1  # per MJ of intercepted photosynthetic light
_LEAF_M2_PER_G = 0.026
_EARLY_GROWTH_PER_GDD = 0.0185
_LAI_AT_EMERGENCE = 0.03
_HARVEST_INDEX = 0.44
_FLOWERING_WINDOW_GDD = 190.0
_HANGING_SHARE = 0.15  # of torn leaves, dry on the stalk
_LEAVES_OF_MATTER = 0.45


@dataclass(frozen=True, slots=True)
class Stand:
    """What a plot's crop is, besides the weather; every array is (plots,).

    ``sown_day`` column of the weather; ``emerges`` False where the seed rots;
    ``nutrition`` share of unlimited growth [0–1]; ``earliness`` factor on thermal
    time; ``unseen_loss`` share of grain lost to what nobody measures [0–1].
    """

    sown_day: Ints
    emerges: np.ndarray
    nutrition: Floats
    earliness: Floats
    unseen_loss: Floats


@dataclass(slots=True)
class CropState:
    """The standing crop (plots,); changed in place by :func:`step_crop`."""

    thermal_gdd: Floats
    green_lai: Floats
    dry_lai: Floats
    biomass_g_per_m2: Floats
    stress_sum: Floats  # Ks over the flowering window, and its weight
    stress_days: Floats
    filling_sum: Floats
    filling_days: Floats
    ripe_days: Floats


def bare(count: int) -> CropState:
    """Fields before sowing."""
    return CropState(*(np.zeros(count) for _ in CropState.__slots__))


def cover_of(lai: Floats) -> Floats:
    """Share of light that leaves hold back [0–1]."""
    return 1 - np.exp(-_LIGHT_EXTINCTION * lai)


def unrolled(stress: Floats) -> Floats:
    """Share of the leaf area that shows; thirsty maize rolls its leaves [0–1]."""
    return np.asarray(0.6 + 0.4 * np.clip(stress / 0.75, 0, 1))


def thermal_step_gdd(tmin_c: Floats, tmax_c: Floats) -> Floats:
    """A day's thermal time above the base [°C d]."""
    return np.maximum((np.minimum(tmax_c, _TOP_C) + np.maximum(tmin_c, BASE_C)) / 2 - BASE_C, 0)


def step_crop(
    state: CropState,
    stand: Stand,
    day: int,
    gdd: Floats,
    radiation_mj_per_m2: Floats,
    water_stress: Floats,
) -> None:
    """Grow all plots by one day.

    Parameters
    ----------
    state
        Changed in place.
    stand
        The crop's fixed properties.
    day
        Column of the weather.
    gdd, radiation_mj_per_m2, water_stress
        Thermal time [°C d], solar radiation [MJ/m²] and Ks [0–1] (plots,).
    """
    growing = (day >= stand.sown_day) & stand.emerges & (state.ripe_days < DRYING_DAYS)
    state.thermal_gdd += np.where(growing, gdd * stand.earliness, 0)
    age = state.thermal_gdd
    up = growing & (age >= EMERGENCE_GDD)
    state.green_lai = np.where(
        up & (state.green_lai == 0) & (age < FLOWERING_GDD), _LAI_AT_EMERGENCE, state.green_lai
    )
    made = _made_g_per_m2(state, stand, up, radiation_mj_per_m2, water_stress)
    state.biomass_g_per_m2 += made
    _grow_leaves(state, stand, up, gdd, made, water_stress)
    _wither(state, up, gdd, water_stress)
    _remember_stress(state, up, water_stress)
    state.ripe_days += up & (age >= MATURITY_GDD)
    _clear_harvested(state)


def tear_leaves(state: CropState, share: Floats) -> None:
    """Take a share of the leaves at once (plots,) [0–1]: torn by hail or drowned.

    Leaves are about half of a maize plant's dry matter before grain; a little of what
    falls stays on the stalks, dead.
    """
    gone = state.green_lai * share
    state.green_lai -= gone
    state.dry_lai += _HANGING_SHARE * gone
    state.biomass_g_per_m2 *= 1 - _LEAVES_OF_MATTER * share


def grain_kg_per_ha(state: CropState, stand: Stand) -> Floats:
    """Grain at harvest (plots,) [kg/ha]; nothing where the crop never ripened."""
    flowering = state.stress_sum / np.maximum(state.stress_days, 1)
    filling = state.filling_sum / np.maximum(state.filling_days, 1)
    set_share = np.clip(flowering, 0.05, 1) ** 0.45
    index = _HARVEST_INDEX * set_share * (0.55 + 0.45 * np.clip(filling, 0, 1))
    ripe = state.ripe_days > 0
    return np.where(ripe, 10 * state.biomass_g_per_m2 * index * (1 - stand.unseen_loss), 0.0)


def _made_g_per_m2(
    state: CropState, stand: Stand, up: np.ndarray, radiation: Floats, stress: Floats
) -> Floats:
    light = 0.5 * radiation * cover_of(state.green_lai)
    ageing = np.clip(1.25 - 0.35 * state.thermal_gdd / FLOWERING_GDD, 0.5, 1.0)
    efficiency = _RADIATION_USE_G_PER_MJ * stand.nutrition * ageing
    return np.where(up, efficiency * light * stress, 0)


def _grow_leaves(
    state: CropState, stand: Stand, up: np.ndarray, gdd: Floats, made: Floats, stress: Floats
) -> None:
    """Leaves first double with warmth, then take a falling share of dry matter."""
    age = state.thermal_gdd / FLOWERING_GDD
    given = np.interp(age, [0.1, 0.4, 0.75, 1.0], [0.65, 0.55, 0.28, 0.0])
    by_matter = made * given * _LEAF_M2_PER_G
    warmth = _EARLY_GROWTH_PER_GDD * gdd * np.sqrt(stand.nutrition) * np.clip(2 * stress, 0, 1)
    by_warmth = state.green_lai * warmth
    early = state.green_lai < 0.6
    grown = np.where(early, np.maximum(by_warmth, by_matter), by_matter)
    state.green_lai += np.where(up, grown, 0)


def _wither(state: CropState, up: np.ndarray, gdd: Floats, stress: Floats) -> None:
    """Leaves die of age after flowering, of shade, and of thirst at any time."""
    past = np.clip((state.thermal_gdd - FLOWERING_GDD) / (MATURITY_GDD - FLOWERING_GDD), 0, 1.2)
    by_age = 0.0065 * gdd * past**2
    by_shade = 0.0006 * gdd * np.clip(state.green_lai - 3.5, 0, 3)
    by_thirst = 0.085 * np.clip(1 - stress / 0.75, 0, 1)
    dead = np.where(up, state.green_lai * np.clip(by_age + by_shade + by_thirst, 0, 1), 0)
    state.green_lai -= dead
    state.dry_lai = state.dry_lai * 0.985 + 0.8 * dead


def _remember_stress(state: CropState, up: np.ndarray, stress: Floats) -> None:
    at_flowering = up & (np.abs(state.thermal_gdd - FLOWERING_GDD) < _FLOWERING_WINDOW_GDD)
    at_filling = up & (state.thermal_gdd > FLOWERING_GDD + _FLOWERING_WINDOW_GDD)
    at_filling &= state.thermal_gdd < MATURITY_GDD
    state.stress_sum += np.where(at_flowering, stress, 0)
    state.stress_days += at_flowering
    state.filling_sum += np.where(at_filling, stress, 0)
    state.filling_days += at_filling


def _clear_harvested(state: CropState) -> None:
    """Stover is cut or grazed at harvest; a little litter stays."""
    cut = state.ripe_days == DRYING_DAYS
    state.green_lai = np.where(cut, 0.0, state.green_lai)
    state.dry_lai = np.where(cut, np.minimum(state.dry_lai, 0.25), state.dry_lai)
