"""A restored box with a link asks by itself to be its station's; an officer decides (B8)."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from core.shape import encode
from core.signing import sign_document
from core.wire.boxes import BOX_REQUEST, BoxRequest
from edge_node.commands.backing_up import make_backup, put_back
from edge_node.commands.hands import Bench, ends_of
from edge_node.config import load_settings
from edge_node.keys import load_key_file, write_identity
from edge_node.store import box
from edge_node.store.box import BoxState
from edge_node.store.database import open_database
from edge_node.store.outbox import trust_clock
from edge_node.sync.asking import ASK_AGAIN_MS, PATH
from edge_node.sync.rounds import sync_once
from edge_node.sync.wires import DOCUMENT_TYPE
from server.services.box_requests import KEPT_MAX, approve, waiting
from server.services.centre import RequestError
from server.store import box_requests
from server.store.people import Actor
from tests.support.boxes import PASSPHRASE, hands
from tests.support.centre_kit import STATION, keys_of
from tests.support.linked_station import linked_station

OFFICER = Actor("amina", "supervisor")


class NewBox:
    """A backup of the linked station, put back; it syncs as its commands do."""

    def __init__(self, linked, folder: Path) -> None:
        self.linked, self.at_ms = linked, linked.station.at_ms
        self.hands = hands(lambda: self.at_ms, 9)
        old = folder / "station"
        write_identity(old / "centre.pub.json", linked.kit.centre.keys.identity())
        config = old / "station.toml"
        lines = {"station": STATION, "site": STATION, "folder": str(old),
                 "server_identity_file": str(old / "centre.pub.json")}  # fmt: skip
        config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items()))
        settings = load_settings(config, {})
        keys = load_key_file(settings.key_path, STATION)
        bench = Bench(self.hands, settings, keys, linked.station.db, linked.station.ends)
        make_backup(bench, folder / "b.hlb", PASSPHRASE, config)
        self.told = put_back(self.hands, folder / "b.hlb", folder / "new", PASSPHRASE)
        self.settings = load_settings(Path(self.told.config), {})
        self.db = open_database(self.settings.database_path)
        keys = load_key_file(self.settings.key_path, STATION)
        self.ends = ends_of(self.hands, self.settings, keys)
        self.client = linked.client()

    def sync(self):
        return sync_once(self.db, self.ends, self.client, trust_clock(self.db, self.at_ms, 1_000))

    @property
    def state(self) -> BoxState:
        return box.standing(self.db).state


@pytest.fixture
def new(tmp_path):
    with linked_station(tmp_path) as linked:
        linked.station.sync(linked.client())
        linked.station.money(3)
        found = NewBox(linked, tmp_path)
        yield found
        found.db.close()


def post(new: NewBox, document: bytes) -> httpx.Response:
    url = f"http://127.0.0.1:{new.linked.link.port}{PATH}"
    return httpx.post(url, content=document, headers={"content-type": DOCUMENT_TYPE},
                      trust_env=False)  # fmt: skip


def test_a_box_asks_waits_and_goes_on_when_an_officer_has_said_so(new: NewBox):
    centre = new.linked.kit.centre
    assert f"--link-key {new.told.link_key}" in new.sync().problem
    (asked,) = waiting(centre)
    assert (asked.station, asked.key_id) == (STATION, new.told.link_key)
    assert asked.document == Path(new.told.request).read_bytes(), "the same as is carried by hand"
    sent = new.client.sent_bytes
    assert "waits for an officer" in new.sync().problem, "it says so although it does not ask again"
    assert new.client.sent_bytes - sent < len(asked.document), "only a pull went up"
    assert new.state is BoxState.RESTORED
    with pytest.raises(RequestError, match="waits with the link key"):
        approve(centre, "0" * 32, OFFICER)
    assert approve(centre, new.told.link_key, OFFICER).new
    assert waiting(centre) == ()
    assert new.sync().problem == ""
    assert new.state is BoxState.ACTIVE
    new.linked.station.db.close()
    assert post(new, asked.document).json() == {"key_id": new.told.link_key, "confirmed": True}


def test_it_asks_again_at_a_centre_that_has_forgotten(new: NewBox):
    new.sync()
    centre = new.linked.kit.centre
    (asked,) = waiting(centre)
    centre.write(lambda work: box_requests.drop(work.tx, asked))
    new.at_ms += ASK_AGAIN_MS
    new.sync()
    assert len(waiting(centre)) == 1


def test_what_does_not_fit_is_refused_and_nothing_of_it_is_kept(new: NewBox):
    known = new.ends.desk.signer
    stranger = keys_of("stranger", 77)
    good = BoxRequest(STATION, "ab" * 32, "cd" * 32, 1, handed_over=False, logs=(), at_ms=1)
    refused = {
        "by a stranger": sign_document(BOX_REQUEST, encode(good), stranger),
        "in another's name": sign_document(BOX_REQUEST, encode(good) | {"station": "st-9"}, known),
        "no key": sign_document(BOX_REQUEST, encode(good) | {"public_key": "zz"}, known),
        "damaged": b'{"body":',
        "too long": b"x" * (64 * 1024),
    }
    for words, document in refused.items():
        answer = post(new, document)
        assert 400 <= answer.status_code < 500, words
        assert answer.json()["type"].startswith("urn:harvestline:error:HL-"), words
    assert waiting(new.linked.kit.centre) == ()


def test_a_copied_backup_fills_no_disk(new: NewBox):
    for n in range(KEPT_MAX + 3):
        body = BoxRequest(STATION, f"{n:064x}", "cd" * 32, 1, handed_over=False, logs=(), at_ms=1)
        document = sign_document(BOX_REQUEST, encode(body), new.ends.desk.signer)
        new.linked.kit.clock.at_ms += 1_000
        assert post(new, document).status_code == 202
    assert len(waiting(new.linked.kit.centre)) == KEPT_MAX
    assert "waits for an officer" in new.sync().problem
    assert new.told.link_key in {one.key_id for one in waiting(new.linked.kit.centre)}
