"""From the centre's hand to a station in use and back in the centre's status, over a real link."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import httpx
import pytest
from pmtiles.reader import MmapSource, Reader
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from core.shape import encode
from core.signing import sign_document
from core.units import MS_PER_DAY, PPM
from core.wire.tiles import HEADER_BYTES, read_basemap, require_root
from core.wire.update import REQUEST_HEADER, UPDATE_REQUEST, Rollout, UpdateRequest
from edge_node.store import models, updates
from edge_node.sync.metering import REQUEST_OVERHEAD_BYTES, Allowance, Meter
from edge_node.sync.updating import LinkSource
from edge_node.sync.wires import Patience
from edge_node.updates.activation import Bay
from edge_node.updates.rounds import Channel, basemap_path, look, roll_back, watch
from edge_node.updates.source import FolderSource
from firmware_sim.links.tcp import LinkShape
from server.keys import write_update_seeds
from server.services.model_life import rollout
from server.services.model_life.rollout import halt_by_rule
from server.services.model_orders import roll_outs
from server.services.model_steps import Why
from server.services.publishing.rollout import Desk
from server.services.publishing.signing import ONLINE_ROLES
from server.services.publishing.status import updates_status
from server.store import models as registered
from tests.support.centre_kit import STATION, TESTER, model, product_of
from tests.support.linked_station import linked_station
from tests.support.model_desk import CHEN, approved

ROOT_SEEDS = [bytes([n]) * 32 for n in (1, 2, 3)]
PLENTY = Allowance(update_bytes_a_day_max=10_000_000)
IMPATIENT = Patience(connect_s=5.0, answer_s=5.0)


class Published:
    """A centre that publishes, and a station that looks."""

    def __init__(self, linked, folder: Path) -> None:
        self.linked, self.kit, self.station = linked, linked.kit, linked.station
        self.desk = Desk(linked.kit.centre, TESTER)
        self.folder = folder
        seeds = {role: bytes([20 + n]) * 32 for n, role in enumerate(ONLINE_ROLES)}
        write_update_seeds(self.desk.publisher.online_key_file, seeds)
        self.desk.publisher.create(ROOT_SEEDS, 2, _keys_are_there)
        self.client = linked.client(IMPATIENT)

    def channel(self) -> Channel:
        ends = self.station.ends
        bay = Bay(self.station.db, ends.desk, self.folder / "kept", ends.centre.verifier)
        root = (self.desk.folder.metadata / "1.root.json").read_bytes()
        return Channel(bay, root, {}, 24, lambda _step: None)

    def source(self, allowance: Allowance = PLENTY) -> LinkSource:
        station = self.station
        meter = Meter.of(station.db, station.ends, self.client, station.clock, allowance)
        return LinkSource(station.ends, meter, station.clock)

    def basemap(self) -> Path | None:
        return basemap_path(self.station.db, self.folder / "kept")

    def look(self, allowance: Allowance = PLENTY):
        return look(self.channel(), self.source(allowance), self.station.clock)

    def offer(self, listed) -> None:
        self.desk.stage(listed.note.slot, listed.note.version, Rollout((STATION,)))

    def stage_model(self, version: int) -> str:
        """Two officers let the station have a model; its hash."""
        found = approved(self.kit.centre, json.dumps(encode(model(version))).encode())
        rollout.stage(self.kit.centre, found.sha256, rollout.Stage((STATION,)), CHEN)
        return found.sha256

    def running(self) -> dict[str, tuple[int, int, str]]:
        """What the centre knows: slot to version in use, version that is out, and why."""
        self.station.sync(self.client)
        found = updates_status(self.desk).stations
        return {one.slot: (one.version, one.refused_version, one.refused_code) for one in found}


@pytest.fixture
def published(tmp_path):
    with linked_station(tmp_path) as linked:
        linked.station.sync(linked.client())
        yield Published(linked, tmp_path / "station")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with linked_station(folder) as linked:
        yield Published(linked, folder / "station")


def write_map(path: Path, tiles: int, tile_bytes: int) -> None:
    with path.open("wb") as file:
        writer = Writer(file)
        for n in range(tiles):
            column, row = divmod(n, 64)
            data = (f"{n}-".encode() * tile_bytes)[:tile_bytes]
            writer.write_tile(zxy_to_tileid(6, column, row), data)
        writer.finalize(
            {"tile_type": TileType.PNG, "tile_compression": Compression.NONE,
             "min_zoom": 6, "max_zoom": 6,
             "min_lon_e7": 340_000_000, "min_lat_e7": -10_000_000,
             "max_lon_e7": 350_000_000, "max_lat_e7": 10_000_000,
             "center_zoom": 6, "center_lon_e7": 0, "center_lat_e7": 0},
            {},
        )  # fmt: skip


def test_a_model_goes_to_a_canary_then_to_all_and_the_centre_sees_who_runs_what(
    published, tmp_path
):
    """Added, staged, promoted; the next by stick, withdrawn; and one rolled back by hand."""
    data = json.dumps(encode(model(2))).encode()
    second = approved(published.kit.centre, data).sha256
    assert published.look().activated == ()  # it is for nobody yet
    rollout.stage(published.kit.centre, second, rollout.Stage((STATION,)), CHEN)
    assert published.look().activated == ("model/2.json",)
    assert published.running() == {"model": (2, 0, "")}
    kept = models.current_model(published.station.db)
    with published.kit.centre.store.reading() as tx:
        assert registered.active(tx).version == 1  # the centre decides by it after promotion
        assert registered.known(tx, kept.sha256).state == "candidate"  # cards by it replay
    rollout.promote(published.kit.centre, second, CHEN)
    with published.kit.centre.store.reading() as tx:
        assert registered.active(tx).version == 2
    published.station.sync(published.client)  # the log brings the very same document
    assert models.current_model(published.station.db).sha256 == kept.sha256
    assert published.look().refusals == ()
    third = published.stage_model(3)
    published.linked.link.cut()
    published.desk.export(tmp_path / "stick")
    source = FolderSource(tmp_path / "stick")
    assert look(published.channel(), source, published.station.clock).activated == ("model/3.json",)
    published.linked.link.mend()
    assert published.look().activated == ()  # the link has nothing that the stick had not
    rollout.roll_back(published.kit.centre, third, CHEN)
    published.look()
    assert published.running() == {"model": (2, 3, "")}
    roll_back(published.channel(), "model", "declines everybody", published.station.clock)
    assert published.running()["model"][:2] == (0, 2)
    assert models.current_model(published.station.db).model.version == 1


def test_a_version_that_fails_at_the_station_is_seen_at_the_centre_with_its_reason(published):
    product = dataclasses.replace(product_of("crop-season"), version=2)
    published.desk.add_product(_toml(product))
    published.desk.stage("product/crop-season", 2, Rollout(share_ppm=PPM))
    published.station.at_ms += 365 * MS_PER_DAY  # dark for a year: the season is over
    published.kit.clock.at_ms = published.station.at_ms
    published.desk.renew()
    assert published.look().refusals[0].startswith("HL-EDGE-033")
    found = published.running()
    assert found == {"product/crop-season": (0, 2, "HL-EDGE-033")}


def test_a_basemap_comes_through_a_link_that_breaks_every_few_pieces(published, tmp_path):
    path = tmp_path / "district.pmtiles"
    write_map(path, tiles=200, tile_bytes=2_000)
    with path.open("rb") as file:  # the field's own reader says the same of it as ours
        theirs = Reader(MmapSource(file)).header()
    header = path.read_bytes()[:HEADER_BYTES]
    ours = read_basemap(header, path.stat().st_size)
    assert ours.bounds_e7 == tuple(theirs[f"{end}_{axis}_e7"] for end, axis in (
        ("min", "lon"), ("min", "lat"), ("max", "lon"), ("max", "lat")))  # fmt: skip
    root = path.read_bytes()[ours.root_offset :][: ours.root_bytes]
    assert require_root(ours, root) == 200
    published.offer(published.desk.add_basemap(path, 1))
    published.linked.link.reshape(LinkShape(drop_after_bytes_mean=60_000))
    looks = 0
    while published.basemap() is None:
        looks += 1
        assert looks < 200
        published.look()
    assert published.basemap().read_bytes() == path.read_bytes()
    moved = updates.moved_on(published.station.db, _day(published))
    assert moved < 3 * path.stat().st_size  # it went on where it broke off
    assert watch(published.channel(), published.station.clock, starting=True) == ()


def test_a_day_s_bytes_hold_and_the_next_day_goes_on(published, tmp_path):
    path = tmp_path / "district.pmtiles"
    write_map(path, tiles=100, tile_bytes=2_000)
    size = path.stat().st_size
    published.offer(published.desk.add_basemap(path, 1))
    assert published.look(Allowance()).problem.startswith("HL-EDGE-035")  # not one byte
    assert updates.moved_on(published.station.db, _day(published)) == 0
    most = size // 3
    days = 0
    while published.basemap() is None:
        days += 1
        assert days < 12
        looked = published.look(Allowance(update_bytes_a_day_max=most))
        assert updates.moved_on(published.station.db, _day(published)) <= most
        assert (looked.problem + " ".join(looked.refusals)).startswith("HL-EDGE-035") or (
            looked.activated
        )
        published.station.at_ms += MS_PER_DAY
    assert days >= 3
    assert published.basemap().read_bytes() == path.read_bytes()


def test_keys_rotate_and_a_station_that_was_dark_follows_from_root_to_root(published):
    desk = published.desk
    fresh = {role: bytes([40 + n]) * 32 for n, role in enumerate(ONLINE_ROLES)}

    def write_keys() -> None:
        desk.publisher.online_key_file.unlink()
        write_update_seeds(desk.publisher.online_key_file, fresh)

    desk.publisher.rotate_online(ROOT_SEEDS[:2], write_keys)
    new = [bytes([60 + n]) * 32 for n in range(5)]
    desk.publisher.rotate_root(ROOT_SEEDS[1:], new, 3, _keys_are_there)
    desk.publisher.rotate_root(new[2:], [], 3, _keys_are_there)
    published.stage_model(2)
    sent, received = published.client.sent_bytes, published.client.received_bytes
    assert published.look().activated == ("model/2.json",)
    assert updates.floors(published.station.db)["root"] == 4
    moved = updates.moved_on(published.station.db, _day(published))
    requests = 8  # roots 2 to 5, timestamp, snapshot, targets, the target: all counted
    least = published.client.received_bytes - received + published.client.sent_bytes - sent
    assert least - 2_000 <= moved <= least + 3 * requests * REQUEST_OVERHEAD_BYTES


@pytest.mark.parametrize(
    ("path", "named", "signer", "status"),
    [
        ("metadata/timestamp.json", "", "own", 200),
        ("metadata/timestamp.json", "metadata/1.root.json", "own", 403),
        ("metadata/timestamp.json", "", "nobody", 401),
        ("metadata/timestamp.json", "", "stranger", 403),
        ("metadata/9.targets.json", "", "own", 404),
        ("metadata/..%2f..%2fupdates.key", "metadata/timestamp.json", "own", 422),
        (".lock", "metadata/timestamp.json", "own", 422),
        ("metadata/.lock", "metadata/timestamp.json", "own", 422),
    ],
)
def test_only_stations_that_sign_for_a_file_get_it(served, path, named, signer, status):
    url = f"http://127.0.0.1:{served.linked.link.port}/api/v1/updates/{path}"
    headers = {}
    if signer != "nobody":
        hand = served.station.ends.signer if signer == "own" else served.kit.satellite
        body = UpdateRequest(STATION, named or path, served.station.at_ms)
        headers[REQUEST_HEADER] = sign_document(UPDATE_REQUEST, encode(body), hand).decode()
    found = httpx.get(url, headers=headers, trust_env=False)
    assert found.status_code == status
    if status != 200:
        assert found.headers["content-type"] == "application/problem+json"


def test_a_file_is_given_by_ranges(served):
    path = "metadata/1.root.json"
    whole = (served.desk.folder.path / path).read_bytes()
    body = UpdateRequest(STATION, path, served.station.at_ms)
    request = sign_document(UPDATE_REQUEST, encode(body), served.station.ends.signer).decode()
    url = f"http://127.0.0.1:{served.linked.link.port}/api/v1/updates/{path}"
    headers = {REQUEST_HEADER: request, "range": f"bytes=7-{len(whole) + 50}"}
    found = httpx.get(url, headers=headers, trust_env=False)
    assert (found.status_code, found.content) == (206, whole[7:])
    headers["range"] = f"bytes={len(whole)}-{len(whole) + 50}"
    assert httpx.get(url, headers=headers, trust_env=False).status_code == 416


def _day(published) -> str:
    meter = Meter.of(
        published.station.db, published.station.ends, published.client, published.station.clock
    )
    return meter.day


def _toml(product) -> bytes:
    lines: list[str] = []
    tables: list[str] = []

    def value(found) -> str:
        return json.dumps(found) if not isinstance(found, bool) else str(found).lower()

    def table(name: str, body: dict, head: str) -> None:
        tables.append(head)
        tables.extend(f"{key} = {value(inner)}" for key, inner in body.items())

    for key, found in encode(product).items():
        if isinstance(found, dict):
            table(key, found, f"[{key}]")
        elif isinstance(found, list) and found and isinstance(found[0], dict):
            for one in found:
                table(key, one, f"[[{key}]]")
        else:
            lines.append(f"{key} = {value(found)}")
    return "\n".join([*lines, *tables]).encode()


def _keys_are_there() -> None:
    """Nothing to write: the test holds the keys itself."""


def test_a_champion_is_taken_back_at_a_station_that_was_dark_for_weeks(published):
    """By updates and by the log alike; what was withdrawn does not come again."""
    second = published.stage_model(2)
    assert published.look().activated == ("model/2.json",)
    rollout.promote(published.kit.centre, second, CHEN)
    published.station.sync(published.client)
    third = published.stage_model(3)
    published.station.at_ms += 30 * MS_PER_DAY
    published.kit.clock.at_ms = published.station.at_ms
    rollout.roll_back(published.kit.centre, third, CHEN, "never heard of at the station")
    rollout.roll_back(published.kit.centre, second, CHEN, "refuses everybody")
    assert published.look().taken_back == ("model/2.json",)
    published.station.sync(published.client)
    assert models.current_model(published.station.db).model.version == 1
    assert published.look().activated == ()
    assert models.current_model(published.station.db).model.version == 1


def test_a_halted_roll_out_is_published_to_those_who_have_it_alone(published):
    second = published.stage_model(2)
    assert published.look().activated == ("model/2.json",)
    published.running()  # the centre hears who has it
    rollout.stage(published.kit.centre, second, rollout.Stage((), PPM // 2), CHEN)
    rollout.halt(published.kit.centre, second, CHEN)
    (note,) = [o.note for o in published.desk.publisher.listed() if o.note.path == "model/2.json"]
    assert note.rollout == Rollout((STATION,))
    assert published.look().taken_back == ()
    assert models.current_model(published.station.db).model.version == 2


def test_a_halt_by_rule_is_published_before_the_next_station_looks(published):
    second = published.stage_model(2)
    published.kit.centre.write(
        lambda work: halt_by_rule(work, roll_outs(work.tx)[0], Why.DRIFT, {"part": "score"})
    )
    assert published.look().activated == ("model/1.json",), "the champion, as for everybody"
    (note,) = [o.note for o in published.desk.publisher.listed() if o.note.path == "model/2.json"]
    assert note.rollout == Rollout()
    rollout.resume(published.kit.centre, second, CHEN)
    assert published.look().activated == ("model/2.json",)
