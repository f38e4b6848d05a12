"""Photos from an agent's tablet to the centre: after everything else, in parts, once, whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.canonical import sha256_hex
from core.shape import encode
from core.signing import sign_document
from core.units import civil_day
from core.wire.fieldwork import OperationKind, Photo
from core.wire.photos import PHOTO_PART, PhotoPart, packed
from edge_node.commands.standing import PHOTOS, backlog
from edge_node.decide.fieldwork import FieldDesk, take, take_part
from edge_node.decide.tablets import TabletDoor
from edge_node.decide.telemetry import Telemetry
from edge_node.store import fieldwork, photo_sends, tablets
from edge_node.sync.metering import Allowance
from edge_node.sync.photos import PART_TYPE, PARTS_A_ROUND_MAX, PATH
from firmware_sim.links.tcp import LinkShape
from server.services.photos import PhotoRoomError, get_photo
from server.services.photos import take_part as take_at_centre
from server.store import photos
from server.store.engine import NotKnownError
from server.store.scoping import Scope
from tests.support.centre import entropy
from tests.support.centre_kit import STATION
from tests.support.linked_station import linked_station
from tests.support.tablet import FieldTablet, visit

PLENTY = Allowance(photo_bytes_a_day_max=10**9)
WHOSE = {"farmer_id": "farmer-a", "subject_id": "plot-a1", "visited_on": "2026-03-01"}


def webp(number: int, size_bytes: int) -> bytes:
    """A picture's frame and bytes that no compression takes away, each unlike the others."""
    body = bytearray(b"\x2f" + (39 | 29 << 14).to_bytes(4, "little"))
    chunk = number.to_bytes(4, "big")
    while len(body) < size_bytes - 20:
        chunk = bytes.fromhex(sha256_hex(chunk))
        body += chunk
    body = body[: (size_bytes - 20) // 2 * 2]
    inner = b"WEBPVP8L" + len(body).to_bytes(4, "little") + bytes(body)
    return b"RIFF" + len(inner).to_bytes(4, "little") + inner


class Agent:
    """An agent's tablet at a real station."""

    def __init__(self, station) -> None:
        self.station, self.tablet = station, FieldTablet()
        door = TabletDoor(station.db, STATION, station.clock, entropy("door"))
        code, _ = door.invite("tab-1", ("agent-1", "Juma"), (), 14)
        door.enrol(code, self.tablet.public_key)

    def bring(self, number: int, data: bytes) -> str:
        station, digest = self.station, sha256_hex(data)
        body = visit(
            f"v-{number}", **WHOSE, photos=(Photo(digest, "image/webp", len(data), "plot"),)
        )
        desk = FieldDesk(
            station.desk, lambda *_: Telemetry(), lambda: "x", lambda _: (), lambda *_: ""
        )
        who = tablets.tablet(station.db, "tab-1")
        taken = take(
            station.db, desk, who, self.tablet.operation(OperationKind.VISIT, body), station.clock
        )
        assert taken.code == "", taken
        for start in range(0, len(data), 50_000):
            part = (digest, start, data[start : start + 50_000])
            take_part(station.db, who, part, station.clock)
        return digest


@pytest.fixture
def linked(tmp_path):
    with linked_station(tmp_path) as found:
        yield found


def settle(linked, client, allowance=PLENTY, rounds=40):
    for _ in range(rounds):
        done = linked.station.sync(client, allowance)
        if not done.problem and not done.more:
            return
    pytest.fail(f"expected the rounds to come to an end, got {done}")


def met(linked):
    """An agent at a station that knows its village, and the station's way to the centre."""
    agent, client = Agent(linked.station), linked.client()
    settle(linked, client)
    return agent, client


def at_centre(linked, digest):
    return linked.kit.read(photos.find, digest)


def waiting(linked):
    return {one.log: one for one in backlog(linked.station.db, linked.station.clock)}[PHOTOS]


def test_photos_come_whole_after_the_readings_and_are_read_by_who_may(linked):
    agent, client = met(linked)
    sent = {agent.bring(n, webp(n, 150_000)): webp(n, 150_000) for n in range(3)}
    linked.station.raw(40)
    assert (waiting(linked).records_count, waiting(linked).size_bytes) == (3, 450_000)
    assert linked.station.sync(client, PLENTY).more
    assert linked.station.waiting() == 0, "readings went before the first photo was whole"
    settle(linked, client)
    assert waiting(linked).records_count == 0
    for digest, data in sent.items():
        kept, named = get_photo(linked.kit.centre, Scope(), digest)
        assert (kept.data, kept.media_type) == (data, "image/webp")
        assert (named.farmer_id, named.subject_id, named.taken_on) == tuple(WHOSE.values())
    named = linked.kit.read(photos.of_subject, "plot-a1")
    assert {one.sha256 for one in named} == set(sent)
    assert linked.kit.read(photos.whole, sent) == set(sent)
    with pytest.raises(NotKnownError):
        get_photo(linked.kit.centre, Scope("other", stations=frozenset({"elsewhere"})), digest)
    linked.require_all_once()


def test_a_link_that_is_cut_every_few_kilobytes_loses_nothing_and_doubles_nothing(tmp_path):
    shape = LinkShape(drop_after_bytes_mean=40_000)
    with linked_station(tmp_path, shape) as linked:
        agent, client = Agent(linked.station), linked.client()
        settle(linked, client, Allowance(), rounds=100)
        sent = {agent.bring(n, webp(n, 90_000)): webp(n, 90_000) for n in range(4)}
        for _ in range(400):
            linked.station.sync(client, PLENTY)
            if not waiting(linked).records_count:
                break
        for digest, data in sent.items():
            assert at_centre(linked, digest).data == data
        day = civil_day(linked.station.at_ms, 180 * 60_000).isoformat()
        cost = photo_sends.sent_on(linked.station.db, day)
        assert cost < 5 * 4 * 90_000, "a part that broke off counts whole"


def test_money_that_is_made_meanwhile_goes_before_the_next_part(linked):
    agent, client = met(linked)
    agent.bring(1, webp(1, 900_000))
    assert linked.station.sync(client, PLENTY).more
    begun = waiting(linked).size_bytes
    assert 0 < begun < 900_000, f"a round sends at most {PARTS_A_ROUND_MAX} parts"
    linked.station.money(1)
    linked.station.sync(client, PLENTY)
    assert linked.station.waiting() == 0
    settle(linked, client)


def test_photos_have_a_budget_a_day_and_none_without_one(linked):
    agent, client = met(linked)
    digest = agent.bring(1, webp(1, 200_000))
    settle(linked, client, Allowance())
    assert waiting(linked).size_bytes == 200_000
    settle(linked, client, Allowance(photo_bytes_a_day_max=50_000))
    assert 150_000 <= waiting(linked).size_bytes < 200_000
    assert at_centre(linked, digest) is None
    settle(linked, client)
    assert at_centre(linked, digest).sha256 == digest


def test_a_station_s_room_at_the_centre_is_bounded_and_its_photos_wait(linked):
    kit = linked.kit
    agent, client = met(linked)
    digest = agent.bring(1, webp(1, 90_000))
    settle(linked, client, Allowance())
    small = replace(
        kit.centre, settings=replace(kit.centre.settings, photo_bytes_a_station_max=100)
    )
    part = webp(1, 90_000)[:1000]
    claim = PhotoPart(STATION, digest, 0, sha256_hex(part), 0)
    body = packed(sign_document(PHOTO_PART, encode(claim), linked.station.ends.signer), part)
    with pytest.raises(PhotoRoomError):
        take_at_centre(small, body)
    assert fieldwork.photo(linked.station.db, digest) is not None
    settle(linked, client)
    assert at_centre(linked, digest).sha256 == digest


@pytest.mark.parametrize("spoil", ["bytes", "unnamed", "another", "foreign"])
def test_the_centre_takes_no_part_that_it_was_not_promised(linked, spoil):
    agent, client = met(linked)
    digest = agent.bring(1, webp(1, 9_000))
    settle(linked, client, Allowance())
    part, signer, name = webp(1, 9_000), linked.station.ends.signer, STATION
    said = sha256_hex(part)
    if spoil == "bytes":
        part = part[:-1] + bytes([part[-1] ^ 1])
    elif spoil == "unnamed":
        digest = "ab" * 32
    elif spoil == "another":
        name = "somewhere"
    else:
        signer = FieldTablet().signer
    claim = PhotoPart(name, digest, 0, said, 0)
    body = packed(sign_document(PHOTO_PART, encode(claim), signer), part)
    assert client.post(PATH, body, PART_TYPE).refused
    assert client.post(PATH, b"\x00\x00\x00\x05abc", PART_TYPE).status == 422
    settle(linked, client)
    assert linked.kit.read(photos.kept_bytes, STATION) in (0, 9_000)


def test_what_is_not_the_named_photo_is_forgotten_and_comes_again(linked):
    agent, client = met(linked)
    data = webp(1, 9_000)
    digest = agent.bring(1, data)
    settle(linked, client, Allowance())
    wrong = bytes(9_000)
    claim = PhotoPart(STATION, digest, 0, sha256_hex(wrong), 0)
    body = packed(sign_document(PHOTO_PART, encode(claim), linked.station.ends.signer), wrong)
    assert b'"received_bytes":0' in client.post(PATH, body, PART_TYPE).body
    settle(linked, client)
    assert at_centre(linked, digest).data == data


def test_a_centre_that_lost_days_is_given_its_photos_again(linked):
    agent, client = met(linked)
    digest = agent.bring(1, webp(1, 9_000))
    settle(linked, client)
    photo_sends.offer_again(linked.station.db)
    assert waiting(linked).records_count == 1
    settle(linked, client)
    assert waiting(linked).records_count == 0
    assert at_centre(linked, digest).sha256 == digest
