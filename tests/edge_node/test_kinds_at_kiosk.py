"""A first line on a machine or on stored grain, opened at the kiosk without a link."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.wire.records import Down
from core.wire.registry import Subject, SubjectKind
from edge_node.faces.kiosk.rendering import icon
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import CARDS, Station, onboarding
from tests.support.packs import pack


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


@pytest.mark.parametrize(
    ("name", "kind", "said", "mark"),
    [
        ("machinery", SubjectKind.MACHINE, "Trekta la Wanjiru", "tractor"),
        ("warehouse-receipt", SubjectKind.STORE, "Silo ya Wanjiru", "harvest"),
    ],
)
def test_a_first_line_on_what_devices_count_opens_at_the_kiosk(
    station: Station, name: str, kind: SubjectKind, said: str, mark: str
) -> None:
    price = pack(name).price
    product = replace(pack(name), prices=None, bounds=None)
    # The small model knows little of people who have no field.
    product = replace(product, decision=replace(product.decision, known_features_min=1))
    if price is not None:
        product = replace(product, price=replace(price, as_of="2026-03-01"))
    owned = Subject("thing-1", kind, "f-1", said, crop=product.crop)
    station.centre.say(Down.SUBJECT, owned, station.at_ms)
    station.centre.say(Down.PRODUCT, product, station.at_ms)
    station.centre.say_lease(onboarding("on-2", product_id=product.product_id))
    station.take_down()
    with visiting(station, Elapsed()) as client:
        client.post("/identify", data={"card": CARDS["f-1"]})
        home = client.get("/home").text
        heading = home[: home.index(product.name)].rsplit("<h2>", 1)[1]
        assert icon(mark) in heading
        assert said in home
        page = client.get(f"/apply/{product.product_id}")
        assert page.status_code == 200, page.text
    kept = station.apply(
        product_id=product.product_id, subject_ids=("thing-1",), asked_minor=800_000
    )
    assert kept.line_id, kept.card.outcome
    assert kept.card.outcome.amount_minor == 800_000  # what a first line may be
