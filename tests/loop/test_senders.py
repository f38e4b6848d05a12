"""Who is heard at the centre's doors: a station's box of today, in its own name, and no other."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from core.errors import HarvestlineError, SignatureError
from core.shape import encode
from core.signing import DocumentType, sign_document
from core.wire.blob import BLOB_REQUEST, BlobRequest
from core.wire.boxes import BOX_REQUEST
from core.wire.envelope import GENESIS, PULL, Pull
from core.wire.times import TIME_REQUEST, TimeRequest
from core.wire.update import UPDATE_REQUEST, UpdateRequest
from server.services import enrolment
from server.services.blobs import get_for_station
from server.services.boxes import replace_box
from server.services.centre import Centre, RequestError, SenderError
from server.services.envelopes import accept_envelope
from server.services.publishing.serving import file_for_station
from server.services.pulls import answer_pull
from server.services.senders import BoxReplacedError
from server.services.timing import answer_time
from server.store.people import Actor
from tests.support.box_story import Story
from tests.support.boxes import OFFICERS
from tests.support.centre_kit import keys_of

SHA = "ab" * 32
Door = tuple[DocumentType, Callable[[str], object], Callable[[Centre, bytes], object]]
DOORS: dict[str, Door] = {
    "time": (TIME_REQUEST, lambda name: TimeRequest(name, "ab" * 16), answer_time),
    "updates": (
        UPDATE_REQUEST,
        lambda name: UpdateRequest(name, "metadata/timestamp.json", 1),
        lambda centre, data: file_for_station(centre, "metadata/timestamp.json", data),
    ),
    "pictures": (
        BLOB_REQUEST,
        lambda name: BlobRequest(name, "plot-a1", SHA, 1),
        lambda centre, data: get_for_station(centre, SHA, data),
    ),
    "pull": (PULL, lambda name: Pull(name, 0, GENESIS, 1), answer_pull),
}


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path)
    yield made
    made.old.close()
    made.world.close()


@pytest.mark.parametrize("door", DOORS)
def test_no_door_hears_a_stranger_or_one_who_speaks_for_another(story: Story, door: str):
    kind, ask, knock = DOORS[door]
    other = next(name for name in story.world.stations if name != story.old.name)
    with pytest.raises(SenderError, match=f"expected {story.old.name}, got a request of"):
        knock(story.world.centre, sign_document(kind, encode(ask(other)), story.old.keys.signer))
    with pytest.raises(SignatureError, match="enrol its holder"):
        knock(story.world.centre, sign_document(kind, encode(ask(other)), keys_of("stranger", 66)))


@pytest.mark.parametrize("door", DOORS)
def test_a_box_that_was_replaced_is_told_so_at_every_door(story: Story, door: str):
    kind, ask, knock = DOORS[door]
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    new.close()
    story.boxes.confirm(told)
    request = sign_document(kind, encode(ask(story.old.name)), story.old.keys.signer)
    if door == "pull":
        assert b"harvestline/box-replaced/v1" in bytes(knock(story.world.centre, request))
        return
    with pytest.raises(BoxReplacedError, match="replaced by another"):
        knock(story.world.centre, request)


def test_a_door_asks_no_more_of_the_store_for_a_thousand_stations(story: Story):
    centre, asked = story.world.centre, []
    kind, ask, knock = DOORS["time"]
    request = sign_document(kind, encode(ask(story.old.name)), story.old.keys.signer)
    event.listen(centre.store.engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    knock(centre, request)
    few = len(asked)
    for number in range(20):
        identity = keys_of(f"st-more-{number}", 70 + number).identity()
        enrolment.enroll_station(centre, identity, Actor("tester", "operator"))
    asked.clear()
    knock(centre, request)
    assert len(asked) == few


def test_a_box_that_is_replaced_between_the_look_and_the_work_changes_nothing(story: Story):
    """The centre looks at the clock after it has verified, and before it writes."""
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    new.close()
    assert story.draw(story.old) == "posted"
    carried = next(data for data in iter(lambda: story.old.stick(story.world.chance), None) if data)

    def now_ms() -> int:
        if not confirmed:
            confirmed.append(story.boxes.confirm(told))
        return story.world.centre.now_ms()

    confirmed: list[object] = []
    late = dataclasses.replace(story.world.centre, now_ms=now_ms)
    with pytest.raises(BoxReplacedError):
        accept_envelope(late, carried[0])
    assert confirmed
    assert story.owed() == 0


@pytest.mark.parametrize("whose", ["its own", "a neighbour's"])
def test_a_box_with_a_key_that_is_anothers_is_refused(story: Story, whose: str):
    told, new = story.boxes.put_back(story.boxes.back_up(story.old))
    new.close()
    other = next(each for each in story.world.stations.values() if each.name != story.old.name)
    taken = story.old if whose == "its own" else other
    body = json.loads(Path(told.request).read_bytes())["body"]
    body["public_key"] = taken.keys.identity.public_key
    with pytest.raises(RequestError, match="another's"):
        replace_box(
            story.world.centre, sign_document(BOX_REQUEST, body, story.old.keys.signer), OFFICERS[0]
        )
    with pytest.raises(HarvestlineError):
        replace_box(
            story.world.centre, sign_document(BOX_REQUEST, body, other.keys.signer), OFFICERS[0]
        )
    assert not story.boxes.sync(other)
