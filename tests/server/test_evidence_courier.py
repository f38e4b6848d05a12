"""The imagery room's courier against a real centre over HTTP: many documents together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI, Request, Response

from core.wire.evidence import Stage
from satellite.config import Settings
from satellite.evidence.delivery import BATCH, TOGETHER_MIN, Courier, DeliveryCount
from satellite.evidence.outbox import Document, Outbox, Status
from satellite.statistics.store import Store
from server.app import create_app
from server.store import lines
from tests.support.centre import Served
from tests.support.centre_kit import SEASON_START, Kit, open_known

KNOWN = ("plot-a1", "plot-a2", "plot-b1", "plot-c1")


def filled(folder: Path, documents: list[tuple[str, str, bytes]]) -> tuple[Store, Outbox]:
    store = Store(folder / "state.sqlite")
    outbox = Outbox(store)
    outbox.add([Document(i, plot, "key", "2026-03-25", data) for i, plot, data in documents],
               deliver=True)  # fmt: skip
    return store, outbox


def sent(app: FastAPI, outbox: Outbox, pause: Callable[[float], None]) -> DeliveryCount:
    with (
        closing(Served(app)) as served,
        Courier(f"{served.url}/api/v1/evidence", Settings(), pause) as courier,
    ):
        return courier.deliver(outbox)


def test_many_documents_are_judged_each_by_itself(kit: Kit, tmp_path: Path):
    open_known(kit)
    day = SEASON_START + timedelta(days=10)
    kit.clock.set_day(day)
    strangers = [f"plot-x{i:03d}" for i in range(TOGETHER_MIN)]
    documents = [
        (f"ev-{i:04d}", plot, kit.evidence(plot, day, Stage.EMERGENCE, 1500))
        for i, plot in enumerate((*KNOWN, *strangers), start=1)
    ]
    store, outbox = filled(tmp_path, documents)
    waits: list[float] = []
    with closing(store):
        done = sent(create_app(kit.centre), outbox, waits.append)
        assert done == DeliveryCount(len(KNOWN), len(strangers), 0, "")
        refused = outbox.refused()
        assert {each.subject_id for each in refused} == set(strangers)
        assert all(each.detail.startswith("HTTP 404: expected a regis") for each in refused)
        assert outbox.count(Status.PENDING) == 0
    assert waits == []
    moved = [kit.read(lines.last_movement, one.line_id) for one in kit.read(lines.every)]
    assert {each.as_of for each in moved if each} == {day.isoformat()}


def test_centre_that_knows_no_batches_gets_them_one_by_one(tmp_path: Path):
    older, bodies = FastAPI(), []

    @older.post("/api/v1/evidence")
    async def take(request: Request) -> Response:
        bodies.append(await request.body())
        return Response(status_code=201)

    documents = [(f"ev-{i:04d}", f"plot-{i}", b"%d" % i) for i in range(BATCH + 7)]
    store, outbox = filled(tmp_path, documents)
    with closing(store):
        assert sent(older, outbox, lambda _: None) == DeliveryCount(len(documents), 0, 0, "")
    assert bodies == [data for _, _, data in documents]


def test_centre_whose_store_is_out_of_order_gets_them_next_time(tmp_path: Path):
    broken = FastAPI()

    @broken.post("/api/v1/evidence:batch")
    async def refuse(request: Request) -> Response:
        await request.body()
        return Response(status_code=503)

    documents = [(f"ev-{i:04d}", f"plot-{i}", b"%d" % i) for i in range(TOGETHER_MIN)]
    store, outbox = filled(tmp_path, documents)
    waits: list[float] = []
    with closing(store):
        done = sent(broken, outbox, waits.append)
        assert (done.delivered, done.refused, done.pending) == (0, 0, TOGETHER_MIN)
        assert "HTTP 503" in done.error
    assert len(waits) == Settings().deliver_tries_max - 1
