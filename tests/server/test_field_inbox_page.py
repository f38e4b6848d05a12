"""The console's inbox of versions and its photos: seen side by side, chosen by who may."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from core.canonical import parse_canonical, sha256_hex
from core.shape import encode
from core.signing import sign_document
from core.wire.corrections import FieldCorrection
from core.wire.fieldwork import (
    OPERATION,
    FieldVisit,
    Operation,
    OperationKind,
    Photo,
    PlotWalk,
    TakenOperation,
    VisitPurpose,
)
from server.app import create_app
from server.services import enrolment
from server.store import consent_uses, people, photos, registry
from server.store.people import Actor, Role
from server.store.photos import StoredPhoto
from tests.support.centre import Served
from tests.support.centre_kit import Kit, keys_of
from tests.support.kiosk_kit import MONEY, deliver
from tests.support.tablet import SQUARE, WEBP

PASSWORD = "rain on dry soil"
ON = "2026-03-01"


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


class Tablets:
    """Operations of an agent's tablet, as the station of the kit passes them on."""

    def __init__(self, kit: Kit) -> None:
        self.kit, self.keys, self.count = kit, keys_of("tab-1", 11), 0
        kit.station.pull(kit.centre)

    def bring(self, kind: OperationKind, body: object) -> str:
        self.count += 1
        operation_id = f"op-{self.count}"
        made = Operation(operation_id, "tab-1", self.count, "00" * 32, 1, kind, encode(body))
        document = parse_canonical(sign_document(OPERATION, encode(made), self.keys), 10**6)
        public_key = self.keys.identity().public_key
        taken = TakenOperation(operation_id, "tab-1", "agent-1", public_key, "", document)
        self.kit.station.write(MONEY, "tablet_operation", taken, self.kit.clock.at_ms)
        deliver(self.kit)
        return operation_id

    def correct(self, value: str) -> str:
        body = FieldCorrection(
            f"c-{value}", "farmer-b", "plot-b1", "subject.sown_on", "", value, ON
        )
        return self.bring(OperationKind.CORRECTION, body)


@pytest.fixture
def enter(kit: Kit) -> Iterator[Callable[[str], httpx.Client]]:
    for name, role in (("lena", Role.LENDER), ("ada", Role.AUDITOR)):
        enrolment.add_user(kit.centre, name, PASSWORD, role, Actor("root", "operator"))
    served = Served(create_app(kit.centre))
    clients: list[httpx.Client] = []

    def come(name: str) -> httpx.Client:
        client = httpx.Client(base_url=f"{served.url}/console")
        clients.append(client)
        form = {"name": name, "password": PASSWORD, "next": ""}
        token = token_in(client.get("/login").text)
        assert client.post("/login", data={**form, "token": token}).status_code == 303
        return client

    yield come
    for client in clients:
        client.close()
    served.close()


def token_in(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def choose(
    client: httpx.Client, chosen: str, seen: str, reason: str = "asked again",
    password: str = PASSWORD,
) -> httpx.Response:  # fmt: skip
    token = token_in(client.get("/versions").text)
    form = {"seen": seen, "chosen": chosen, "reason": reason, "token": token,
            "step_up_password": password}  # fmt: skip
    return client.post("/versions", data=form)


def test_two_versions_lie_side_by_side_and_a_lender_chooses(enter, kit: Kit):
    tablets, client = Tablets(kit), enter("lena")
    first, second = tablets.correct("2026-03-02"), tablets.correct("2026-03-09")
    assert "What agents say is otherwise" in client.get("/").text
    page = html.unescape(client.get("/versions").text)
    assert "2 Mar 2026" in page
    assert "9 Mar 2026" in page
    assert f'value="{first},{second}"' in page
    changed = choose(client, first, first)
    assert (changed.status_code, "look again" in changed.text) == (409, True)
    asked = choose(client, second, f"{first},{second}", password="")
    assert "Your password once more" in asked.text
    assert kit.read(registry.subject, "plot-b1").sown_on != "2026-03-09"
    assert choose(client, second, f"{first},{second}").status_code == 303
    assert kit.read(registry.subject, "plot-b1").sown_on == "2026-03-09"
    assert "Nothing waits." in client.get("/versions").text
    assert choose_again(client, first, second).status_code == 409


def choose_again(client: httpx.Client, first: str, second: str) -> httpx.Response:
    token = token_in(client.get("/").text)
    form = {"seen": f"{first},{second}", "chosen": first, "reason": "late", "token": token}
    return client.post("/versions", data=form)


def test_who_only_looks_chooses_nothing(enter, kit: Kit):
    first = Tablets(kit).correct("2026-03-02")
    client = enter("ada")
    page = client.get("/versions").text
    assert "2 Mar 2026" in page
    assert 'name="chosen"' not in page
    token = token_in(client.get("/").text)
    form = {"seen": first, "chosen": first, "reason": "mine", "token": token}
    assert client.post("/versions", data=form).status_code == 403
    assert kit.read(registry.subject, "plot-b1").sown_on != "2026-03-02"


def test_a_walk_is_drawn_with_its_error_and_may_be_laid_aside(enter, kit: Kit):
    before = kit.read(registry.subject, "plot-b1")
    walk = PlotWalk("w-1", "farmer-b", "plot-b1", ON, SQUARE, (600,) * 4, 300, 1, 1, 1, 1)
    operation = Tablets(kit).bring(OperationKind.WALK, walk)
    client = enter("lena")
    page = html.unescape(client.get("/versions").text)
    assert "1.00 ± 0.06 ha" in page
    assert "A limit would rest on 0.93 ha." in page
    assert page.count("<polygon") == 2, "far from what is registered, each is drawn alone"
    assert (
        choose(client, "registered", operation, "the walk stopped at the road").status_code == 303
    )
    assert kit.read(registry.subject, "plot-b1") == before
    (row,) = [one for one in kit.read(people.trail_of, "subject", "plot-b1")
              if one.action == "field_chosen"]  # fmt: skip
    assert (row.actor, row.detail["chosen"]) == ("lena", "")


def test_a_photo_is_shown_as_itself_and_who_looked_is_written_down(enter, kit: Kit):
    digest = sha256_hex(WEBP)
    photo = Photo(digest, "image/webp", len(WEBP), "plot")
    visit = FieldVisit("v-1", "farmer-b", "plot-b1", ON, VisitPurpose.ROUTINE, "", "", (photo,))
    Tablets(kit).bring(OperationKind.VISIT, visit)
    client = enter("ada")
    assert client.get(f"/photos/{digest}").status_code == 404, "its bytes have not come"
    stored = StoredPhoto(digest, "image/webp", WEBP)
    kit.centre.write(lambda work: photos.keep(work.tx, stored, "station", work.at_ms))
    shown = client.get(f"/photos/{digest}")
    assert (shown.content, shown.headers["content-type"]) == (WEBP, "image/webp")
    assert "sandbox" in shown.headers["content-security-policy"]
    looks = kit.read(consent_uses.accesses_of, "farmer-b")
    assert [one.shown for one in looks if one.shown == "photo"] == ["photo"]
    stranger = httpx.Client(base_url=str(client.base_url))
    assert stranger.get(f"/photos/{digest}").status_code in (303, 401)
    stranger.close()
    assert kit.centre.write(lambda work: photos.forget_of_farmer(work.tx, "farmer-b")) == 1
    assert client.get(f"/photos/{digest}").status_code == 404
