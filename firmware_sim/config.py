"""Settings of the simulator: a TOML file, then ``HARVESTLINE_SIM_<NAME_UNIT>``.

The files and the environment are read in ``app.py``; this module only judges them.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import HarvestlineError

ENVIRONMENT_PREFIX = "HARVESTLINE_SIM_"


class SettingError(HarvestlineError):
    """A setting is unknown, of the wrong type, or out of its range."""

    code = "HL-SIM-001"


class OutputFolderError(HarvestlineError):
    """A folder or file cannot be written, or does not hold what was expected."""

    code = "HL-SIM-003"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a simulator process may be told.

    Parameters
    ----------
    broker_host, broker_port
        Where the station's MQTT broker listens.
    retry_s_max
        Longest pause between two attempts to reach it [s].
    outbox_samples_max
        Samples that a device keeps while nothing is acknowledged.
    """

    broker_host: str = "127.0.0.1"
    broker_port: int = 1883
    retry_s_max: int = 60
    outbox_samples_max: int = 20_000


_BOUNDS: Mapping[str, tuple[int, int]] = {
    "broker_port": (1, 65_535),
    "retry_s_max": (1, 3_600),
    "outbox_samples_max": (1, 1_000_000),
}


def load_settings(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Settings from a file, if any, overruled by the environment.

    Raises
    ------
    SettingError
        If the file cannot be read, or a key is unknown, mistyped or out of range.
    """
    found: dict[str, object] = {}
    if path is not None:
        found.update(_read_toml(path))
    for name, text in environment.items():
        if name.startswith(ENVIRONMENT_PREFIX):
            found[name.removeprefix(ENVIRONMENT_PREFIX).lower()] = text
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Settings)}
    unknown = sorted(set(found) - set(kinds))
    if unknown:
        raise SettingError(f"expected settings among {sorted(kinds)}, got {unknown}: remove them")
    typed: dict[str, Any] = {n: _typed(n, value, kinds[n]) for n, value in found.items()}
    return Settings(**typed)


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"expected a TOML file of settings at {path}: {error}") from error


def _typed(name: str, value: object, kind: type) -> object:
    if kind is str:
        if isinstance(value, str) and value:
            return value
        raise SettingError(f"expected text for {name}, got {value!r}")
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    low, high = _BOUNDS[name]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SettingError(f"expected {name} from {low} to {high}, got {value!r}")
    return value
