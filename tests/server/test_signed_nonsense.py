"""A key that was stolen signs nonsense: no answer is the centre's fault, and the log goes on.

One field of a good document at a time is left out or put another value, by a seed; the
record is flagged or the document refused, and the station's next pull is answered.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from core.errors import HarvestlineError
from core.shape import encode
from core.signing import sign_document
from core.wire.boxes import BOX_REQUEST
from core.wire.envelope import GENESIS, PULL, LogClass
from core.wire.evidence import EVIDENCE
from core.wire.records import Up
from core.wire.times import TIME_REQUEST
from server.app import create_app
from tests.support.asgi_client import AppClient
from tests.support.centre_kit import SEASON_START, STATION, Kit, open_known, ring_sha256
from tests.support.examples import _evidence_with_findings
from tests.support.kiosk_kit import MONEY, draw, give_back, open_at_kiosk
from tests.support.record_examples import plain_records

EACH, AT_ONCE = 12, 40
LEFT_OUT = object()
NONSENSE = [
    LEFT_OUT, "", "\0", "a\0b", "\u202e", "x" * 5_000, -1, 0, 2**53 - 1, 1 - 2**53, [], {}, [[]],
    True, "2026-02-30", "20260401", "9999-12-31", "0001-01-01", "NaN", "../..", {"a": 1}, ["\0"],
]  # fmt: skip
LOGS = {Up.DAILY_FEATURE.value: LogClass.FEATURES, Up.TELEMETRY.value: LogClass.RAW}


def places(body: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document."""
    inner = body.items() if isinstance(body, dict) else enumerate(body)
    for key, value in inner:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from places(value, (*at, key))


def spoiled(body: Any, chance: random.Random) -> Any:
    """The document with one thing in it left out or another."""
    found = copy.deepcopy(body)
    *way, last = chance.choice(list(places(found)))
    at = found
    for key in way:
        at = at[key]
    value = chance.choice(NONSENSE)
    if value is LEFT_OUT:
        del at[last]
    else:
        at[last] = value
    return found


@pytest.fixture
def client(kit: Kit) -> AppClient:
    return AppClient(create_app(kit.centre))


def require_heard(kit: Kit, client: AppClient) -> None:
    answer = client.post("/api/v1/pull", content=kit.station.pull_bytes(kit.clock.at_ms))
    assert answer.status_code in {200, 204}, answer.text


def test_records_of_nonsense_stop_no_log(kit: Kit, client: AppClient):
    chance = random.Random(17)
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 100_000)
    give_back(kit, opening.lease.lease_id, 100_000)
    good = [(record.kind, record.body) for record in kit.station.records.pop(MONEY)]
    good += [(kind.value, encode(it)) for kind, it in plain_records().values() if kind in Up]
    for kind, body in good:
        for _ in range(EACH):
            log = LOGS.get(kind, MONEY)
            kit.station.write(log, kind, spoiled(body, chance), kit.clock.at_ms)
    for log, records in kit.station.records.items():
        for first in range(1, len(records) + 1, AT_ONCE):
            last = min(first + AT_ONCE - 1, len(records))
            data = kit.station.envelope(log, first, last)
            answer = client.post("/api/v1/envelopes", content=data)
            assert answer.status_code == 200, (records[first - 1 : last], answer.text)
    kit.clock.add_days(1)
    require_heard(kit, client)


def test_evidence_of_nonsense_is_refused_or_harmless(kit: Kit, client: AppClient):
    chance = random.Random(18)
    open_known(kit)
    on = (SEASON_START + timedelta(days=3)).isoformat()
    good = encode(_evidence_with_findings()) | {
        "subject_id": "plot-b1", "subject_sha256": ring_sha256("plot-b1"), "as_of": on,
        "last_clear_on": on, "stage_observed_on": on, "season_id": kit.product.season_id,
    }  # fmt: skip
    kit.clock.add_days(4)
    taken = 0
    for number in range(10 * EACH):
        body = spoiled({**good, "evidence_id": f"ev-{number}"}, chance)
        answer = client.post(
            "/api/v1/evidence", content=sign_document(EVIDENCE, body, kit.satellite)
        )
        assert answer.status_code < 500, (body, answer.text)
        taken += answer.status_code == 201
    assert taken, "some of it does no harm"
    for _ in range(2):
        kit.clock.add_days(20)
        require_heard(kit, client)


@pytest.mark.parametrize(
    ("kind", "path", "good"),
    [
        (PULL, "pull", {"after": 0, "head": GENESIS, "at_ms": 1, "bytes_max": 5}),
        (TIME_REQUEST, "time", {"nonce": "ab" * 16}),
        (
            BOX_REQUEST, "box-requests",
            {"public_key": "ab" * 32, "seal_key": "09" + "00" * 31, "generation": 1,
             "handed_over": True, "logs": [{"log": "money", "seq": 0, "head": GENESIS}],
             "at_ms": 5},
        ),
    ],
)  # fmt: skip
def test_requests_of_nonsense_are_refused(
    kit: Kit, client: AppClient, kind: Any, path: str, good: dict[str, Any]
):
    chance = random.Random(19)
    for _ in range(3 * EACH):
        body = spoiled({"station": STATION, **good}, chance)
        try:
            data = sign_document(kind, body, kit.station.keys)
        except HarvestlineError:
            continue  # not even its own signer takes it
        answer = client.post(f"/api/v1/{path}", content=data)
        assert answer.status_code < 500, (body, answer.text)
    require_heard(kit, client)
