"""What devices hold and nobody else, as a file: ``devices-secret.json``, ``replay-devices.json``.

``{"site": …, "devices": [{"device_id", "key_seed", "password", …}, …]}``; other keys
are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import HarvestlineError
from core.shape import decode
from firmware_sim.config import SettingError
from firmware_sim.keys import KEY_SEED_BYTES

SECRETS_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Secret:
    """A device's key seed and its MQTT password."""

    key_seed: bytes
    password: str


@dataclass(frozen=True, slots=True)
class _Row:
    device_id: str
    key_seed: str
    password: str


@dataclass(frozen=True, slots=True)
class _File:
    site: str
    devices: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class Secrets:
    """All secrets of a site's devices, by device id."""

    site: str
    of: Mapping[str, Secret]


def read_secrets(path: Path) -> Secrets:
    """The secrets in a file.

    Raises
    ------
    SettingError
        If the file cannot be read, is too large, or does not hold secrets.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SECRETS_BYTES_MAX + 1)
        if len(data) > SECRETS_BYTES_MAX:
            raise SettingError(f"expected at most {SECRETS_BYTES_MAX} bytes in {path}")
        found = decode(_File, json.loads(data))
        of = {row.device_id: _secret(row) for row in found.devices}
    except SettingError:
        raise
    except (OSError, ValueError, HarvestlineError) as error:
        raise SettingError(f"expected the secrets of devices in {path}: {error}") from error
    return Secrets(found.site, of)


def _secret(row: _Row) -> Secret:
    seed = bytes.fromhex(row.key_seed)
    if len(seed) != KEY_SEED_BYTES:
        raise SettingError(
            f"expected {KEY_SEED_BYTES} bytes as key_seed of {row.device_id}, got {len(seed)}"
        )
    return Secret(seed, row.password)
