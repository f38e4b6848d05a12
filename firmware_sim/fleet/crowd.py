"""A village with more devices than it has places: the same places, taken again and again.

Their keys and passwords follow from the village's seed, as those of the first do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from firmware_sim.config import SettingError
from firmware_sim.district.places import District
from firmware_sim.fleet.secrets import Secret
from firmware_sim.keys import device_key_seed, device_password

DEVICES_MAX = 5_000


def crowded(district: District, devices: int) -> District:
    """The district with so many devices; the second at a place is ``<device>-x2``.

    Raises
    ------
    SettingError
        If it would be none, or more than ``DEVICES_MAX``.
    """
    if not 1 <= devices <= DEVICES_MAX:
        raise SettingError(f"expected 1 to {DEVICES_MAX} devices, got {devices}")
    places = district.devices
    made = []
    for i in range(devices):
        turn, row = divmod(i, len(places))
        name = places[row].device_id
        made.append(replace(places[row], device_id=f"{name}-x{turn + 1}" if turn else name))
    return replace(district, devices=tuple(made))


def crowd_secrets(district: District) -> Mapping[str, Secret]:
    """What each device of a district holds, worked out from the seed."""
    names = [place.device_id for place in district.devices]
    seed = district.seed
    return {
        name: Secret(device_key_seed(seed, name), device_password(seed, name)) for name in names
    }
