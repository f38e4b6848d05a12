"""Settings of the imagery room: TOML, then ``HARVESTLINE_SATELLITE_<NAME_UNIT>``.

Only what a deployment may want to change stands here; the constants of a method
stand beside the method, with their source. An unknown key is an error.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import HarvestlineError

ENV_PREFIX = "HARVESTLINE_SATELLITE_"


class SettingError(HarvestlineError):
    """A setting is unknown, has another type, or lies outside its bound."""

    code = "HL-SAT-001"


class OutputError(HarvestlineError):
    """The output folder, or a file in it, cannot be read or written."""

    code = "HL-SAT-009"


class StateError(HarvestlineError):
    """A folder was named that `ingest` never wrote."""

    code = "HL-SAT-022"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment may change.

    Parameters
    ----------
    deliver_timeout_s
        How long one delivery may take [s].
    deliver_tries_max
        Attempts for one document in one run [count].
    deliver_backoff_s
        Pause before the second attempt; it doubles each time [s].
    broken_scenes_named_max
        How many broken scenes a summary names; all are counted [count].
    """

    deliver_timeout_s: float = 10.0
    deliver_tries_max: int = 4
    deliver_backoff_s: float = 0.5
    broken_scenes_named_max: int = 50

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if getattr(self, field.name) < 0:
                raise SettingError(
                    f"expected {field.name} of at least 0, got {getattr(self, field.name)}"
                )
        if self.deliver_tries_max < 1:
            raise SettingError(
                f"expected deliver_tries_max of at least 1, got {self.deliver_tries_max}"
            )


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings from an optional TOML file, overridden by the environment.

    Raises
    ------
    SettingError
        If a key is unknown, a value is not a number, or the file cannot be read.
    """
    raw: dict[str, object] = {}
    if path is not None:
        try:
            raw.update(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"expected settings in TOML at {path}, got: {error}") from error
    for name, text in environ.items():
        if name.startswith(ENV_PREFIX):
            raw[name.removeprefix(ENV_PREFIX).lower()] = text
    return dataclasses.replace(Settings(), **{n: _number(n, v) for n, v in raw.items()})


def _number(name: str, value: object) -> Any:
    kinds = {field.name: field.type for field in dataclasses.fields(Settings)}
    if name not in kinds:
        raise SettingError(f"expected one of {', '.join(kinds)}, got {name!r}: remove it")
    try:
        return int(str(value)) if kinds[name] == "int" else float(str(value))
    except ValueError as error:
        raise SettingError(f"expected a number for {name}, got {value!r}") from error
