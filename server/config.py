"""Settings of the centre: a TOML file, then ``HARVESTLINE_SERVER_<NAME_UNIT>``.

The file and the environment are read in ``app.py``; this module only judges them.
Relative paths are relative to the file. Secrets are never settings: they lie in
files whose paths are settings. An unknown key is an error.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import HarvestlineError

ENV_PREFIX = "HARVESTLINE_SERVER_"


class SettingError(HarvestlineError):
    """A setting is unknown, has another type, or lies outside its bound."""

    code = "HL-SRV-001"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment may change.

    Parameters
    ----------
    name
        The centre's name: the writer of its logs, and of its key files.
    tenant_id
        Whose book this is; first in every key.
    database_url
        ``sqlite:///PATH`` (relative to the settings file) or ``postgresql+psycopg://…``.
    key_file, session_secret_file
        Secrets, mode 0600.
    maps_folder
        Where the district maps lie that the console shows.
    bureau_key_file
        The secret that bureaus share, by which a person is found without a name (mode 0600).
    updates_folder, updates_key_file
        The repository of updates, and the keys that sign what is published (mode 0600).
    rails_file
        The rails that pay suppliers and accounts; without it nothing is paid by a rail.
    host, port
        Where the API listens; port 0 takes a free one.
    envelope_bytes_max, evidence_bytes_max, document_bytes_max
        Largest accepted request bodies [bytes].
    evidence_batch_max, evidence_batch_bytes_max
        Largest accepted batch of evidence [documents, bytes].
    blob_bytes_max
        Largest picture that a maker may put [bytes].
    photo_bytes_a_station_max
        What is kept of one station's photos of visits, whole and in parts [bytes].
    api_requests_per_minute_max
        How often one token may ask, in each process that serves.
    held_envelopes_max
        Early envelopes that are kept for one log.
    quarantine_rows_max
        Refused deliveries that are kept for people to look at.
    pull_records_max, pull_bytes_max
        Largest answer to one pull [records, bytes of records].
    lease_renew_days
        An onboarding lease is renewed when it has so many days left [days].
    evidence_wait_h
        How long a review waits for the evidence of a line's other plots [h].
    second_factor
        ``asked``: who approves is asked to hold a second factor; ``needed``: before they do,
        they may do nothing else.
    transaction_tries_max
        Attempts at one transaction that met another.
    """

    name: str = "centre"
    tenant_id: str = "lender"
    database_url: str = "sqlite:///centre.sqlite"
    key_file: str = "centre.key"
    session_secret_file: str = "session.secret"  # noqa: S105 - a file name, no secret
    bureau_key_file: str = "bureau.key"
    maps_folder: str = "maps"
    updates_folder: str = "updates"
    updates_key_file: str = "updates.key"
    rails_file: str = "rails.toml"
    second_factor: str = "asked"
    host: str = "127.0.0.1"
    port: int = 0
    envelope_bytes_max: int = 9 * 1024 * 1024
    evidence_bytes_max: int = 4 * 1024 * 1024
    document_bytes_max: int = 64 * 1024
    evidence_batch_max: int = 1_000
    evidence_batch_bytes_max: int = 32 * 1024 * 1024
    blob_bytes_max: int = 1024 * 1024
    photo_bytes_a_station_max: int = 8 * 1024**3
    api_requests_per_minute_max: int = 1_200
    held_envelopes_max: int = 64
    quarantine_rows_max: int = 10_000
    pull_records_max: int = 2_000
    pull_bytes_max: int = 4 * 1024 * 1024
    lease_renew_days: int = 10
    evidence_wait_h: int = 24
    transaction_tries_max: int = 8


_CHOICES: Mapping[str, tuple[str, ...]] = {"second_factor": ("asked", "needed")}
_BOUNDS: Mapping[str, tuple[int, int]] = {
    "port": (0, 65_535),
    "envelope_bytes_max": (4096, 64 * 1024 * 1024),
    "evidence_bytes_max": (4096, 64 * 1024 * 1024),
    "document_bytes_max": (4096, 4 * 1024 * 1024),
    "evidence_batch_max": (1, 10_000),
    "evidence_batch_bytes_max": (4096, 256 * 1024 * 1024),
    "blob_bytes_max": (1024, 8 * 1024 * 1024),
    "photo_bytes_a_station_max": (0, 2**44),
    "api_requests_per_minute_max": (1, 1_000_000),
    "held_envelopes_max": (1, 10_000),
    "quarantine_rows_max": (1, 1_000_000),
    "pull_records_max": (1, 5_000),
    "pull_bytes_max": (4096, 6 * 1024 * 1024),  # an envelope inflates to at most 8 MiB
    "lease_renew_days": (1, 90),
    "evidence_wait_h": (0, 240),
    "transaction_tries_max": (1, 100),
}


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings from an optional TOML file, overruled by the environment.

    Raises
    ------
    SettingError
        If the file cannot be read, or a key is unknown, mistyped or out of range.
    """
    found: dict[str, object] = {}
    if path is not None:
        found.update(_read_toml(path))
    for name, text in environ.items():
        if name.startswith(ENV_PREFIX):
            found[name.removeprefix(ENV_PREFIX).lower()] = text
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Settings)}
    unknown = sorted(set(found) - set(kinds))
    if unknown:
        raise SettingError(f"expected settings among {sorted(kinds)}, got {unknown}: remove them")
    typed: dict[str, Any] = {name: _typed(name, v, kinds[name]) for name, v in found.items()}
    settings = Settings(**typed)
    return settings if path is None else _anchored(settings, path.resolve().parent)


def settings_text(settings: Settings) -> str:
    """A settings file that says what differs from the defaults, and where things are."""
    shown = {"name", "tenant_id", "database_url", "key_file", "session_secret_file", "host", "port"}
    lines = ["# Settings of the centre. Paths are relative to this file."]
    for field in dataclasses.fields(Settings):
        value = getattr(settings, field.name)
        if field.name in shown or value != field.default:
            lines.append(f"{field.name} = {_toml_value(value)}")
    return "\n".join(lines) + "\n"


def _toml_value(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _anchored(settings: Settings, folder: Path) -> Settings:
    """The settings with file names made absolute against the folder."""
    url = settings.database_url
    if url.startswith("sqlite:///"):
        url = f"sqlite:///{folder / url.removeprefix('sqlite:///')}"
    return dataclasses.replace(
        settings,
        database_url=url,
        key_file=str(folder / settings.key_file),
        session_secret_file=str(folder / settings.session_secret_file),
        bureau_key_file=str(folder / settings.bureau_key_file),
        maps_folder=str(folder / settings.maps_folder),
        updates_folder=str(folder / settings.updates_folder),
        updates_key_file=str(folder / settings.updates_key_file),
        rails_file=str(folder / settings.rails_file),
    )


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"expected a TOML file of settings at {path}: {error}") from error


def _typed(name: str, value: object, kind: type) -> object:
    if kind is str:
        if name in _CHOICES and value not in _CHOICES[name]:
            allowed = " or ".join(_CHOICES[name])
            raise SettingError(f"expected {allowed} for {name}, got {value!r}")
        if isinstance(value, str) and value:
            return value
        raise SettingError(f"expected text for {name}, got {value!r}")
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    low, high = _BOUNDS[name]
    if type(value) is not int or not low <= value <= high:
        raise SettingError(f"expected {name} from {low} to {high}, got {value!r}")
    return value
