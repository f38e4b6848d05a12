"""Pasture: grass that grows with rain and light, and animals that eat it.

Growth is light times a radiation-use efficiency of tropical grass (about 1 g per MJ
of photosynthetic light above ground under grazing, after Cardoso et al. 2020,
doi:10.3390/agronomy10121970, order of magnitude only); thirst turns leaves dry; a
head of 250 kg eats 2.5 % of its weight a day (Minson 1990). Animals that find
little walk more, and are driven to other land when the grass is gone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_sim.district.season import Floats, Ints

_RADIATION_USE_G_PER_MJ = 0.95
_LEAF_M2_PER_G = 0.013
_LIGHT_EXTINCTION = 0.55
_TILLER_COVER = 0.30  # grazed swards shoot from reserves as if so much were green
_EATEN_KG_A_HEAD = 6.2
_EATEN_HERE_SHARE = 0.6  # the rest is stover, hedges and roadsides
_SPARSE_KG_PER_HA = 550.0  # below it animals find too little
_UNGRAZED_KG_PER_HA = 260.0  # what teeth cannot reach


@dataclass(slots=True)
class GrassState:
    """Standing grass (pastures,) [kg/ha]; changed in place by :func:`step_grass`."""

    green_kg_per_ha: Floats
    dry_kg_per_ha: Floats


def dry_season_grass(count: int) -> GrassState:
    """Grass as the dry weeks of January leave it."""
    return GrassState(np.full(count, 450.0), np.full(count, 700.0))


def lai_of(kg_per_ha: Floats) -> Floats:
    """Leaf area [m²/m²] of a mass of grass."""
    return _LEAF_M2_PER_G * kg_per_ha / 10


def cover_of(state: GrassState) -> Floats:
    """Share of the ground under green grass [0–1]."""
    return 1 - np.exp(-_LIGHT_EXTINCTION * lai_of(state.green_kg_per_ha))


def step_grass(
    state: GrassState, heads_per_ha: Floats, radiation_mj_per_m2: Floats, stress: Floats
) -> None:
    """Grow, wither and graze all pastures by one day.

    Parameters
    ----------
    state
        Changed in place.
    heads_per_ha
        Animals on the pasture (pastures,) [1/ha].
    radiation_mj_per_m2
        Solar radiation (pastures,) [MJ/m²].
    stress
        Ks of the soil (pastures,) [0–1].
    """
    light = 0.5 * radiation_mj_per_m2 * np.maximum(cover_of(state), _TILLER_COVER)
    made = 10 * _RADIATION_USE_G_PER_MJ * light * stress
    withered = state.green_kg_per_ha * (0.012 + 0.065 * np.clip(1 - stress / 0.5, 0, 1))
    withered += 0.000012 * state.green_kg_per_ha * np.maximum(state.green_kg_per_ha - 1200, 0)
    state.green_kg_per_ha += made - withered
    state.dry_kg_per_ha += 0.7 * withered - 0.022 * state.dry_kg_per_ha
    standing = state.green_kg_per_ha + state.dry_kg_per_ha
    eaten = np.minimum(
        heads_per_ha * _EATEN_HERE_SHARE * _EATEN_KG_A_HEAD * present_share(standing),
        np.maximum(standing - _UNGRAZED_KG_PER_HA, 0),
    )
    from_green = (
        eaten
        * 0.85
        * state.green_kg_per_ha
        / np.maximum(0.85 * state.green_kg_per_ha + 0.15 * state.dry_kg_per_ha, 1)
    )
    state.green_kg_per_ha = np.maximum(state.green_kg_per_ha - from_green, 90.0)
    state.dry_kg_per_ha = np.maximum(state.dry_kg_per_ha - (eaten - from_green), 0.0)


def present_share(standing_kg_per_ha: Floats) -> Floats:
    """Share of a herd that still grazes at home [0–1]; the rest is driven away."""
    return np.clip(standing_kg_per_ha / _SPARSE_KG_PER_HA, 0.35, 1.0)


def herd_days(
    heads: Ints, standing_kg_per_ha: Floats, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Animals that pass the reader and an average animal's steps (herds, days).

    Parameters
    ----------
    heads
        Declared animals (herds,).
    standing_kg_per_ha
        Grass on the herd's pasture (herds, days) [kg/ha].
    """
    share = _slow(present_share(standing_kg_per_ha))
    home = np.round(heads[:, None] * share).astype(np.int64)
    seen = rng.binomial(home, 0.97)
    hunger = np.clip(1.6 - standing_kg_per_ha / 1_000, 0, 1.2)
    steps = (3_600 + 2_600 * hunger) * rng.lognormal(0, 0.12, standing_kg_per_ha.shape)
    return seen, np.round(steps).astype(np.int64)


def _slow(share: Floats) -> Floats:
    """A herd is moved within about ten days, not overnight."""
    out = share.copy()
    for day in range(1, share.shape[1]):
        out[:, day] = 0.9 * out[:, day - 1] + 0.1 * share[:, day]
    return out
