"""Setting the stage: village, models, centre, station, imagery, devices, and the link.

Everything is done with the commands that an operator would use, into one folder.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from core.wire.registry import read_identity
from firmware_sim.config import OutputFolderError
from firmware_sim.district.imagery import scene_days, scene_rng, write_scene
from firmware_sim.district.places import District
from firmware_sim.district.season import SeasonTruth
from firmware_sim.fleet.fleet import Fleet
from firmware_sim.fleet.secrets import read_secrets
from firmware_sim.fleet.station import uplink_to
from firmware_sim.fleet.village import Habits, season_start_ms, village_members
from firmware_sim.history.folder import SECRETS_FILE, read_district
from firmware_sim.links.tcp import TcpLink
from firmware_sim.story.clockfile import ClockFile
from firmware_sim.story.peers import CentreDesk, StationPage
from firmware_sim.story.plan import StoryPlan
from firmware_sim.story.process import Child, Surroundings, run_once

Tell = Callable[[str], None]
STATION = "station-1"
PRODUCTS = ("crop-season", "livestock")
ROLES = ("lender", "supervisor", "auditor")
SYNC_EVERY_S = 1
CONNECT_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Chance:
    """What ``app.py`` lends the story: fresh epochs and passwords."""

    new_epoch: Callable[[], str]
    new_password: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything of one story lies, and where the products are read from."""

    root: Path
    products: Path

    @property
    def village(self) -> Path:
        """The lender's files of the village."""
        return self.root / "village"

    @property
    def centre(self) -> Path:
        """The centre's folder."""
        return self.root / "centre"

    @property
    def station(self) -> Path:
        """The station's folder."""
        return self.root / "station"

    @property
    def imagery(self) -> Path:
        """The satellite room's output."""
        return self.root / "imagery"

    @property
    def scenes(self) -> Path:
        """The live season's catalog."""
        return self.root / "scenes"

    @property
    def secrets(self) -> Path:
        """Keys, passwords, tokens and cards of the demonstration."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """What the processes said."""
        return self.root / "logs"

    def make(self) -> None:
        """Make the folders.

        Raises
        ------
        OutputFolderError
            If the story's folder exists already and is not empty.
        """
        if self.root.exists() and any(self.root.iterdir()):
            raise OutputFolderError(f"expected a new folder for the story, got {self.root}")
        for folder in (self.root, self.imagery, self.secrets, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        self.secrets.chmod(0o700)

    def secret(self, name: str, text: str) -> Path:
        """Write a secret for its owner's eyes."""
        path = self.secrets / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path


@dataclass(slots=True)
class Stage:
    """Everything that runs, and the hands to move it."""

    plan: StoryPlan
    places: Places
    around: Surroundings
    clock: ClockFile
    district: District
    truth: SeasonTruth
    link: TcpLink
    server: Child
    station: Child
    satellite: Child
    fleet: Fleet
    centre_url: str
    page_url: str
    centre: CentreDesk
    page: StationPage
    cards: dict[str, str]
    passwords: dict[str, str]

    def scene_on(self, day: int) -> str | None:
        """Let the satellite pass on a day of the story; the date of its picture, if any."""
        on = self.truth.spec.first_day.toordinal() + day
        date = type(self.truth.spec.first_day).fromordinal(on)
        if not list(scene_days(date, date)):
            return None
        rng = scene_rng(self.district.seed, date)
        write_scene(self.places.scenes, date, self.truth, self.district, rng)
        return date.isoformat()

    def command(self, program: str, *arguments: str) -> str:
        """Run one of the centre's or the station's commands to its end."""
        return run_once(self.around, program, *arguments)

    def server_command(self, *arguments: str) -> str:
        """Run a command of the centre on its settings."""
        return self.command(
            "harvestline-server", *arguments, "--config", str(self.places.centre / "server.toml")
        )


def season_ms(truth: SeasonTruth, day: int, hour: float) -> int:
    """An instant of the story: its day and local hour [ms UTC]."""
    return season_start_ms(truth) + round((day * 24 + hour) * 3_600_000)


@contextlib.contextmanager
def set_stage(plan: StoryPlan, places: Places, chance: Chance, tell: Tell) -> Iterator[Stage]:
    """Build and start everything; stop it all at the end, whatever happens."""
    places.make()
    with contextlib.ExitStack() as stack:
        tell("Sowing the village from its seed")
        _write_village(plan, places)
        district, truth = read_district(places.village, drought=plan.drought)
        clock = ClockFile(places.root / "clock", season_ms(truth, 0, 6))
        around = Surroundings(places.logs, clock.environment())
        tell("Fitting the yield model and training the compact model (both on simulated past)")
        _learn(places, around, truth.spec.first_day.isoformat())
        tell("Opening the centre, enrolling station and satellite")
        passwords = _open_centre(places, around, chance)
        server = Child(around, "centre", ["harvestline-server", "run", *_config(places)])
        stack.callback(server.stop)
        centre_url = str(server.start()["url"])
        address = urlsplit(centre_url)
        link = TcpLink(
            str(address.hostname), int(address.port or 80), np.random.default_rng(plan.seed)
        )
        link.start()
        stack.callback(link.stop)
        tell("Starting the station and its devices")
        _settle_station(places, link)
        station = Child(around, "station", ["harvestline-edge", "run", *_station_config(places)])
        stack.callback(station.stop)
        ready = station.start()
        satellite = Child(around, "satellite", _watch(plan, places, centre_url))
        stack.callback(satellite.stop)
        fleet = _fleet(plan, places, (district, truth), str(ready["broker"]), chance)
        stack.callback(fleet.stop)
        fleet.start()
        centre = CentreDesk(
            centre_url, _read(places, "auditor.token"), _read(places, "cashier.token")
        )
        stack.callback(centre.close)
        page = StationPage(str(ready["page"]))
        stack.callback(page.close)
        yield Stage(
            plan=plan, places=places, around=around, clock=clock, district=district, truth=truth,
            link=link, server=server, station=station, satellite=satellite, fleet=fleet,
            centre_url=centre_url, page_url=str(ready["page"]), centre=centre, page=page,
            cards=_cards(places), passwords=passwords,
        )  # fmt: skip


def _write_village(plan: StoryPlan, places: Places) -> None:
    quiet = Surroundings(places.logs, {})
    run_once(
        quiet, "harvestline-sim", "district", "--seed", str(plan.seed),
        "--farmers", str(plan.farmers), "--station", STATION, "--out", str(places.village),
    )  # fmt: skip


def _learn(places: Places, around: Surroundings, valid_from: str) -> None:
    """Fit both models at once: they share nothing but the village's past."""
    archive = places.village / "archive"
    fit = (
        "harvestline-satellite", "calibrate", str(archive / "catalog.json"),
        "--plots", str(archive / "plots.geojson"), "--harvests", str(archive / "harvests.csv"),
        "--out", str(places.root / "yield-model.json"),
    )  # fmt: skip
    train = (
        "harvestline-server", "train", "--loans", str(places.village / "loans.csv"),
        "--out", str(places.root / "compact-model.json"), "--valid-from", valid_from,
    )  # fmt: skip
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(run_once, around, *each) for each in (fit, train)]:
            done.result()


def _open_centre(places: Places, around: Surroundings, chance: Chance) -> dict[str, str]:
    def centre(*arguments: str) -> None:
        run_once(around, "harvestline-server", *arguments, *_config(places))

    run_once(around, "harvestline-server", "init", "--out", str(places.centre))
    for product in PRODUCTS:
        centre("product", "add", str(places.products / f"{product}.toml"))
    centre(
        "import", "--registry", str(places.village / "registry.json"),
        "--plots", str(places.village / "plots.geojson"),
        "--cards-out", str(places.secrets / "cards.json"),
    )  # fmt: skip
    centre("model", "add", str(places.root / "compact-model.json"))
    run_once(
        around, "harvestline-edge", "init", "--name", STATION, "--site", _site(places),
        "--out", str(places.station), "--server-url", "http://127.0.0.1:1",
        "--server-identity", str(places.centre / "centre.pub.json"),
    )  # fmt: skip
    centre("enroll-station", str(places.station / f"{STATION}.pub.json"))
    run_once(
        around, "harvestline-satellite", "keygen", "--out", str(places.secrets / "satellite.key")
    )
    centre("enroll-satellite", str(places.secrets / "satellite.pub.json"))
    passwords = {role: chance.new_password() for role in ROLES}
    for role, password in passwords.items():
        written = places.secret(f"{role}.password", password)
        centre("user", "add", role, "--role", role, "--password-file", str(written))
    for act, role in (("propose", "lender"), ("approve", "supervisor"), ("promote", "supervisor")):
        proof = ("--officer", role, "--password-file", str(places.secrets / f"{role}.password"))
        centre("model", act, "1", *proof)
    for role in ("auditor", "cashier"):
        centre("token", "add", f"{role}-program", "--role", role,
               "--out", str(places.secrets / f"{role}.token"))  # fmt: skip
    return passwords


def _settle_station(places: Places, link: TcpLink) -> None:
    """Point the station at the link, free ports, and a brisk sync."""
    wanted = {
        "server_url": f'"http://127.0.0.1:{link.port}"',
        "sync_every_s": SYNC_EVERY_S,
        "retry_s_max": 2,
        "broker_port": 0,
        "page_port": 0,
        "ballast_mib": 4,
    }
    path = places.station / "station.toml"
    kept = [
        line for line in path.read_text(encoding="utf-8").splitlines()
        if line.split("=")[0].strip() not in wanted
    ]  # fmt: skip
    path.write_text("\n".join([*kept, *(f"{k} = {v}" for k, v in wanted.items())]) + "\n")


def _watch(plan: StoryPlan, places: Places, centre_url: str) -> list[str]:
    return [
        "harvestline-satellite", "watch", str(places.scenes / "catalog.json"),
        "--plots", str(places.village / "plots.geojson"), "--out", str(places.imagery),
        "--model", str(places.root / "yield-model.json"),
        "--deliver", f"{centre_url}/api/v1/evidence",
        "--key", str(places.secrets / "satellite.key"), "--poll-s", "0.2", "--json",
        *(["--chips"] if plan.pictures else []),
    ]  # fmt: skip


def _fleet(
    plan: StoryPlan,
    places: Places,
    village: tuple[District, SeasonTruth],
    broker: str,
    chance: Chance,
) -> Fleet:
    district, truth = village
    held = read_secrets(places.village / SECRETS_FILE)
    key = read_identity((places.station / f"{STATION}.pub.json").read_bytes()).public_key
    habits = Habits(sample_ms=plan.sample_minutes * 60_000)
    members = village_members(district, truth, held.of, habits)
    uplink = uplink_to(held.site, broker, key)
    return Fleet(members, uplink, season_ms(truth, 0, 6), chance.new_epoch)


def _config(places: Places) -> tuple[str, str]:
    return ("--config", str(places.centre / "server.toml"))


def _station_config(places: Places) -> tuple[str, str]:
    return ("--config", str(places.station / "station.toml"))


def _site(places: Places) -> str:
    registry: dict[str, Any] = json.loads((places.village / "registry.json").read_bytes())
    return str(registry["site"])


def _cards(places: Places) -> dict[str, str]:
    rows = json.loads((places.secrets / "cards.json").read_bytes())
    return {str(row["farmer_id"]): str(row["token"]) for row in rows}


def _read(places: Places, name: str) -> str:
    return (places.secrets / name).read_text(encoding="utf-8").strip()
