"""A run of raw readings: written at once, judged document by document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from core.canonical import parse_canonical
from core.shape import encode
from core.signing import sign_document
from core.wire.envelope import LogClass
from core.wire.telemetry import BATCH, Batch, Sample
from server.services.envelopes import accept_envelope
from server.services.verifying import verify
from server.store import counts
from tests.support.centre_kit import Kit, keys_of

DOCUMENTS = 240
STATEMENTS_MORE_MAX = 2  # where rows are sent in pages
PROBE, STRANGER = keys_of("probe-1", 40), keys_of("x", 42)


def document(number: int, device: str = "probe-1", signer: Any = PROBE) -> Any:
    """A signed batch of one sample."""
    sample = Sample(number, 1_773_565_200_000 + number, 800, {"soil_moisture_ppm": 200_000})
    batch = Batch(device, "e1", 1, number, (sample,))
    return parse_canonical(sign_document(BATCH, encode(batch), signer), 10**6)


@contextmanager
def statements(kit: Kit) -> Iterator[list[str]]:
    """What the database is told meanwhile."""
    told: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        told.append(statement)

    engine = kit.centre.store.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield told
    finally:
        event.remove(engine, "before_cursor_execute", note)


def write(kit: Kit, bodies: list[Any], kind: str = "telemetry") -> None:
    for body in bodies:
        kit.station.write(LogClass.RAW, kind, body, kit.clock.at_ms)


def flags(kit: Kit) -> list[str]:
    rows = kit.read(lambda tx: tx.connection.exec_driver_sql(
        "SELECT flag FROM inbound_records WHERE log = 'raw' ORDER BY seq"
    ).fetchall())  # fmt: skip
    return [flag for (flag,) in rows]


def test_a_run_asks_the_database_as_often_as_one_document(kit: Kit):
    write(kit, [document(n) for n in range(1, DOCUMENTS + 1)])
    with statements(kit) as for_one:
        accept_envelope(kit.centre, kit.station.envelope(LogClass.RAW, 1, 1))
    with statements(kit) as for_many:
        accept_envelope(kit.centre, kit.station.envelope(LogClass.RAW, 2))
    assert len(for_many) <= len(for_one) + STATEMENTS_MORE_MAX, for_many
    assert kit.read(counts.rows_by_table)["telemetry"] == DOCUMENTS
    assert flags(kit) == [""] * DOCUMENTS
    assert not verify(kit.centre).faults


def test_each_document_of_a_run_is_judged_by_itself(kit: Kit):
    forged = document(3, signer=STRANGER)
    altered = document(4)
    altered["body"]["samples"][0]["values"]["soil_moisture_ppm"] += 1
    write(
        kit,
        [
            document(1), document(2, "probe-x"), forged, altered, [1, 2], {"body": {}},
            {"body": {"device": "a\0b"}}, document(1), document(5),
        ],
    )  # fmt: skip
    accept_envelope(kit.centre, kit.station.envelope(LogClass.RAW))
    told = flags(kit)
    assert [bool(flag) for flag in told] == [
        False, True, True, True, True, True, True, False, False,
    ]  # fmt: skip
    assert "not registered" in told[1]
    assert "registered key" in told[2]
    assert "verify" in told[3]
    assert "got list" in told[4]
    assert "NUL" in told[6]
    # The very same bytes twice are one document; a wrong one is kept for people to look at.
    assert kit.read(counts.rows_by_table)["telemetry"] == 5
    assert not verify(kit.centre).faults


def test_records_of_other_kinds_between_readings_keep_their_place(kit: Kit):
    write(kit, [document(1)])
    write(kit, [{"new": "kind"}], kind="not_known_here")
    write(kit, [document(2)])
    accept_envelope(kit.centre, kit.station.envelope(LogClass.RAW))
    assert [bool(flag) for flag in flags(kit)] == [False, True, False]
    assert kit.read(counts.rows_by_table)["telemetry"] == 2


def test_a_run_that_comes_again_changes_nothing(kit: Kit):
    write(kit, [document(n) for n in range(1, 9)])
    accept_envelope(kit.centre, kit.station.envelope(LogClass.RAW, 1, 5))
    accept_envelope(kit.centre, kit.station.envelope(LogClass.RAW, 3))
    accept_envelope(kit.centre, kit.station.envelope(LogClass.RAW))
    assert kit.read(counts.rows_by_table)["telemetry"] == 8
    assert len(flags(kit)) == 8
