"""Settings of the simulator: a TOML file, then ``HARVESTLINE_SIM_<COMMAND>_<OPTION>``.

A setting is a default of a command's option, so what stands on the command line
wins over the environment, and the environment over the file. The file has one table
a command, e.g. ``[district]`` with ``past_seasons = 4``. File and environment are
read in ``app.py``; this module only judges them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from core.errors import HarvestlineError

ENVIRONMENT_PREFIX = "HARVESTLINE_SIM_"
FILE_BYTES_MAX = 1_000_000


class SettingError(HarvestlineError):
    """A setting is unknown, of the wrong type, or out of its range."""

    code = "HL-SIM-001"


class OutputFolderError(HarvestlineError):
    """A folder or file cannot be written, or does not hold what was expected."""

    code = "HL-SIM-003"


def output_folder(path: Path) -> Path:
    """A folder to write into, made if it is not there.

    Raises
    ------
    OutputFolderError
        If it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFolderError(f"expected a writable folder at {path}: {error}") from error
    return path


def read_tables(path: Path, commands: Collection[str]) -> dict[str, Mapping[str, object]]:
    """The tables of a settings file, one a command.

    Raises
    ------
    SettingError
        If the file cannot be read, or names something that is not a command.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise SettingError(f"expected at most {FILE_BYTES_MAX} bytes of settings in {path}")
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"expected a TOML file of settings at {path}: {error}") from error
    for name, table in found.items():
        if name not in commands or not isinstance(table, dict):
            raise SettingError(
                f"expected tables named after {sorted(commands)} in {path}, got {name}: remove it"
            )
    return found


def option_defaults(
    command: str,
    options: Mapping[str, str],
    table: Mapping[str, object],
    environment: Mapping[str, str],
) -> dict[str, object]:
    """The defaults of one command's options, by the name of the parameter.

    Parameters
    ----------
    command
        The command that was called.
    options
        Its long options as settings spell them (``past_seasons``), each with the
        parameter that it sets.
    table
        What the settings file says of the command.
    environment
        All variables of the process; those of other commands are passed over.

    Raises
    ------
    SettingError
        If the command has no such option, or a value is not a scalar.
    """
    prefix = f"{ENVIRONMENT_PREFIX}{command.upper()}_"
    found = dict(table)
    for name, text in environment.items():
        if name.startswith(prefix):
            found[name.removeprefix(prefix).lower()] = text
    unknown = sorted(set(found) - set(options))
    if unknown:
        raise SettingError(
            f"expected settings of {command} among {sorted(options)}, got {unknown}: remove them"
        )
    for name, value in found.items():
        if not isinstance(value, str | int | bool):
            raise SettingError(
                f"expected text, a whole number or true/false for {name} of {command}"
            )
    return {options[name]: value for name, value in found.items()}
