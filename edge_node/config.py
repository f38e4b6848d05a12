"""Settings of the station: a TOML file, then ``HARVESTLINE_EDGE_<NAME_UNIT>``.

The file and the environment are handed in by ``app.py``; this module only judges
them. Secrets are never settings: a setting names the file that holds the secret.
An unknown key is an error, because a misspelt bound is a missing bound.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import HarvestlineError
from core.units import MS_PER_DAY, MS_PER_HOUR
from core.wire.telemetry import require_name

ENVIRONMENT_PREFIX = "HARVESTLINE_EDGE_"
BROKERS = ("amqtt", "mosquitto", "external")
TLS_MODES = ("off", "server", "mutual")
LOOPBACK_ADDRESS = "127.0.0.1"
LOOPBACK_NAMES = frozenset({LOOPBACK_ADDRESS, "localhost", "::1"})
DATABASE_FILE = "station.db"
METRICS_TO = ("off", "loopback", "network")


class SettingError(HarvestlineError):
    """A setting is unknown, of the wrong type, or out of its range."""

    code = "HL-EDGE-001"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a station may be told.

    Parameters
    ----------
    station, site
        The station's name as its records are signed, and the site in its topics.
    folder
        Where the database, the key file and the broker's files live.
    utc_offset_minutes
        The civil day of the site [min east of UTC].
    broker
        ``amqtt`` (in process), ``mosquitto`` (started and watched), ``external``.
    broker_host, broker_port
        Where it listens; port 0 takes a free one (not for ``external``).
    broker_user, broker_password_file
        The station's own login at an external broker.
    mosquitto_path
        The executable; a bare name is looked up, in ``/usr/sbin`` too.
    device_passwords_file
        JSON ``{device_id: {"password": …}}``: Mosquitto cannot check the registry's
        SHA-256 hashes, so with ``mosquitto`` the lender hands over this secret file.
    batch_messages_max, batch_ms_max
        A batch is committed when it holds so many messages or is that old [ms].
    queue_messages_max
        Messages that wait for the committer; the broker keeps the rest.
    quarantine_rows_max
        Distinct bad messages that are remembered.
    database_mib_max
        The intake stops acknowledging when the database is this large [MiB]; money
        may still be written.
    ballast_mib
        Space set aside and released when the disk is full [MiB].
    retry_s_max
        Longest pause between attempts at a full disk, a lost broker or centre [s].
    late_after_ms
        A reading received later than this after it was taken is marked late [ms].
    clock_ahead_ms_max, clock_error_ms_max
        A device clock further ahead, or less certain, than this is not plausible [ms].
    stuck_samples_min
        So many identical non-zero values of a gauge are a stuck sensor.
    raw_retention_days
        Raw readings older than this may go once the centre has them [days].
    raw_age_days_max
        … and older than this even if it has not [days].
    raw_waiting_max
        Signed documents that may wait for the centre in the raw log; the others follow
        when it has taken those. 0 sends none but those that a decision cites.
    day_grace_ms
        How long after midnight a day's features stay open [ms].
    soil_stress_moisture_ppm
        A day with a mean below this is a day of soil stress [ppm of volume].
    rain_normal_um_per_day
        What rain is normal in the season [thousandths of a mm per day].
    latitude_mdeg, altitude_m
        Where the site is [millidegrees, north positive; m]: the sun above its air.
    soil
        What soils are here where nothing better is known (``edge_node.features.crops``).
    plots_file
        TOML: each plot's soil and weather station; without it probes tell their soil.
    server_url, server_identity_file
        The centre, and its public identity (``core.wire.registry.Identity``).
    server_authority_file
        PEM: the lender's own authority that an https centre's certificate is held against;
        without it the public ones.
    sync_every_s
        Pause between two looks at the centre when nothing is urgent [s].
    uplink_bytes_a_day_max
        What may be sent on one civil day of the site [bytes]; 0 if the link is not metered.
    uplink_reserve_bytes
        By how much money and consents may exceed it [bytes].
    picture_bytes_a_day_max
        What plots' pictures may cost on one civil day, both ways [bytes]; 0 for no pictures.
    photo_bytes_a_day_max
        What agents' photos may cost on their way to the centre on one civil day [bytes].
    photo_bytes_kept_max
        Above this, photos that the centre has give up their bytes here [bytes].
    photo_bytes_a_tablet_max
        What one tablet's photos may take here that the centre does not have yet [bytes].
    update_root_file
        The root of updates that the lender handed over; without it no update is believed.
    update_every_s
        Pause between two looks for updates at the centre [s].
    update_watch_h
        How long a new version is watched, and rolled back if it turns out unsound [h].
    update_bytes_a_day_max
        What updates may cost on one civil day, both ways [bytes]; 0 for none by the link.
    adapters_file
        TOML: which foreign device is which of ours; without it gateways are not heard.
    carrier_token_file
        The secret by which an agent's device may fetch and bring files of envelopes at
        ``/carrier``; without it that endpoint is not there.
    carrier_bytes_max
        Largest file at that endpoint [bytes].
    broker_tls, broker_tls_port
        ``off``, ``server`` (the station shows a certificate) or ``mutual`` (devices must
        too); with TLS the plain listener is on the loopback only, for the station itself.
    page_tls
        ``off`` or ``server``: whether the pages are served over TLS.
    tls_names
        Host names and addresses of the station, with commas between, for its certificate.
    page_host, page_port
        Where the kiosk and the tablet pages are served; port 0 takes a free one.
    printer_path
        The device file of a 58 mm receipt printer that speaks ESC/POS, e.g.
        ``/dev/usb/lp0``; without it the browser prints.
    metrics
        Who may read ``/metrics`` beside the pages: ``off`` (nobody), ``loopback`` (this
        machine), ``network``.
    log_file, log_file_mib_max
        Where the log goes instead of stderr, and how large it grows before it is rotated
        [MiB]; four older ones are kept.
    """

    station: str = "station-1"
    site: str = "site-1"
    folder: Path = Path("harvestline-edge")
    utc_offset_minutes: int = 180
    broker: str = "amqtt"
    broker_host: str = "127.0.0.1"
    broker_port: int = 1883
    broker_user: str = ""
    broker_password_file: Path = Path()
    mosquitto_path: str = "mosquitto"
    device_passwords_file: Path = Path()
    batch_messages_max: int = 500
    batch_ms_max: int = 250
    queue_messages_max: int = 1_000
    quarantine_rows_max: int = 10_000
    database_mib_max: int = 16_384
    ballast_mib: int = 16
    retry_s_max: int = 60
    late_after_ms: int = MS_PER_HOUR
    clock_ahead_ms_max: int = MS_PER_DAY
    clock_error_ms_max: int = MS_PER_DAY // 2
    stuck_samples_min: int = 24
    raw_retention_days: int = 400
    raw_age_days_max: int = 1_200
    raw_waiting_max: int = 50_000
    day_grace_ms: int = 6 * MS_PER_HOUR
    soil_stress_moisture_ppm: int = 140_000
    rain_normal_um_per_day: int = 4_000
    latitude_mdeg: int = -1_050
    altitude_m: int = 1_500
    soil: str = "loam"
    plots_file: Path = Path()
    server_url: str = ""
    server_identity_file: Path = Path()
    server_authority_file: Path = Path()
    sync_every_s: int = 60
    uplink_bytes_a_day_max: int = 0
    uplink_reserve_bytes: int = 256 * 1024
    picture_bytes_a_day_max: int = 200_000
    photo_bytes_a_day_max: int = 50_000_000
    photo_bytes_kept_max: int = 2 * 1024**3
    photo_bytes_a_tablet_max: int = 512 * 1024**2
    update_root_file: Path = Path()
    update_every_s: int = 21_600
    update_watch_h: int = 24
    update_bytes_a_day_max: int = 2_000_000
    adapters_file: Path = Path()
    carrier_token_file: Path = Path()
    carrier_bytes_max: int = 16 * 1024 * 1024
    broker_tls: str = "off"
    broker_tls_port: int = 8883
    page_tls: str = "off"
    tls_names: str = ""
    page_host: str = "127.0.0.1"
    page_port: int = 8080
    printer_path: Path = Path()
    metrics: str = "loopback"
    log_file: Path = Path()
    log_file_mib_max: int = 8

    @property
    def database_path(self) -> Path:
        """The one database of the station."""
        return self.folder / DATABASE_FILE

    @property
    def key_path(self) -> Path:
        """The station's private keys; the public half is beside it."""
        return self.folder / f"{self.station}.json"

    @property
    def box_request_path(self) -> Path:
        """The request of a box that was put back from a backup."""
        return self.folder / "box-request.json"

    @property
    def link_key_path(self) -> Path:
        """The link keys of a box that took the station over; its first box has none."""
        return self.folder / f"{self.station}.link.json"

    @property
    def updates_folder(self) -> Path:
        """Where updates are kept: metadata that was verified, targets, and parts of them."""
        return self.folder / "updates"

    @property
    def tls_folder(self) -> Path:
        """Where the station's authority and certificates live."""
        return self.folder / "tls"

    @property
    def recordings_folder(self) -> Path:
        """Where a cooperative puts prompts of its own, ``{locale}/{key}.ogg``."""
        return self.folder / "recordings"

    @property
    def ballast_path(self) -> Path:
        """The file that is given up when the disk is full."""
        return self.folder / "ballast"

    @property
    def utc_offset_ms(self) -> int:
        """The site's offset [ms east of UTC]."""
        return self.utc_offset_minutes * 60_000


# Lowest and highest value of every number, in its own unit.
_BOUNDS: Mapping[str, tuple[int, int]] = {
    "utc_offset_minutes": (-14 * 60, 14 * 60),
    "broker_port": (0, 65_535),
    "batch_messages_max": (1, 500),
    "batch_ms_max": (1, 1_000),
    "queue_messages_max": (1, 100_000),
    "quarantine_rows_max": (1, 1_000_000),
    "database_mib_max": (1, 1_000_000),
    "ballast_mib": (0, 1_024),
    "retry_s_max": (1, 3_600),
    "late_after_ms": (1, 30 * MS_PER_DAY),
    "clock_ahead_ms_max": (1, 30 * MS_PER_DAY),
    "clock_error_ms_max": (1, 30 * MS_PER_DAY),
    "stuck_samples_min": (3, 10_000),
    "raw_retention_days": (1, 36_500),
    "raw_age_days_max": (1, 36_500),
    "raw_waiting_max": (0, 10_000_000),
    "day_grace_ms": (0, 30 * MS_PER_DAY),
    "soil_stress_moisture_ppm": (0, 1_000_000),
    "rain_normal_um_per_day": (1, 200_000),
    "latitude_mdeg": (-89_000, 89_000),
    "altitude_m": (-430, 6_000),
    "sync_every_s": (1, 86_400),
    "uplink_bytes_a_day_max": (0, 2**40),
    "uplink_reserve_bytes": (0, 2**30),
    "picture_bytes_a_day_max": (0, 2**30),
    "photo_bytes_a_day_max": (0, 2**40),
    "photo_bytes_kept_max": (0, 2**40),
    "photo_bytes_a_tablet_max": (0, 2**40),
    "update_every_s": (60, 30 * 86_400),
    "update_watch_h": (0, 24 * 30),
    "update_bytes_a_day_max": (0, 2**40),
    "carrier_bytes_max": (64 * 1024, 2**30),
    "page_port": (0, 65_535),
    "log_file_mib_max": (1, 1_024),
    "broker_tls_port": (0, 65_535),
}


def load_settings(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Settings from a file, if any, overruled by the environment.

    Raises
    ------
    SettingError
        If the file cannot be read, or a key is unknown, mistyped or out of range.
    """
    found: dict[str, object] = {} if path is None else dict(_read_toml(path))
    for name, text in environment.items():
        if name.startswith(ENVIRONMENT_PREFIX):
            found[name.removeprefix(ENVIRONMENT_PREFIX).lower()] = text
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Settings)}
    unknown = sorted(set(found) - set(kinds))
    if unknown:
        raise SettingError(f"expected settings among {sorted(kinds)}, got {unknown}: remove them")
    typed: dict[str, Any] = {name: _typed(name, v, kinds[name]) for name, v in found.items()}
    return _judged(Settings(**typed))


def read_secret(path: Path) -> str:
    """The one line of a secret file, without its end.

    Raises
    ------
    SettingError
        If it cannot be read or is empty.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"expected a secret file at {path}: {error}") from error
    if not text:
        raise SettingError(f"expected a secret in {path}, got an empty file")
    return text


def _judged(settings: Settings) -> Settings:
    require_name(settings.station, "station")
    require_name(settings.site, "site")
    if settings.broker not in BROKERS:
        raise SettingError(f"expected broker among {BROKERS}, got {settings.broker!r}")
    if settings.broker_tls not in TLS_MODES or settings.page_tls not in TLS_MODES[:2]:
        raise SettingError(f"expected broker_tls among {TLS_MODES}, page_tls off or server")
    if settings.broker == "external" and not (settings.broker_port and settings.broker_user):
        raise SettingError(
            "an external broker needs broker_port, broker_user and broker_password_file: set them"
        )
    if settings.broker == "mosquitto" and settings.device_passwords_file == Path():
        raise SettingError(
            "broker mosquitto needs device_passwords_file, the secret file with the devices' "
            "passwords: set it, or use broker amqtt, which checks the registry itself"
        )
    if settings.metrics not in METRICS_TO:
        raise SettingError(f"expected metrics among {METRICS_TO}, got {settings.metrics!r}")
    if settings.raw_age_days_max < settings.raw_retention_days:
        raise SettingError("expected raw_age_days_max of at least raw_retention_days")
    return settings


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"expected a TOML file of settings at {path}: {error}") from error


def _typed(name: str, value: object, kind: type) -> object:
    if kind is not int:
        if isinstance(value, str) and value:
            return kind(value).expanduser() if issubclass(kind, Path) else value
        raise SettingError(f"expected text for {name}, got {value!r}")
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        value = int(value)
    low, high = _BOUNDS[name]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SettingError(f"expected {name} from {low} to {high}, got {value!r}")
    return value
