"""An envelope at once leaves what its records leave one by one: entries, hashes and refusals."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.wire.records import LeaseClosed
from server.config import Settings
from server.services.audit.run import audit
from server.store import leases, ledger, lines
from server.store.cash_tables import cash_logins
from server.store.engine import ConflictError, Tx, open_store
from server.store.ledger import content_hash
from server.store.schema import migrate
from tests.support.centre_kit import SEASON_START, Kit, build_kit, open_known
from tests.support.kiosk_kit import MONEY, deliver, draw, flags, leases_at_station


def written(kit: Kit) -> int:
    """Draws that fit, one told twice, one above its lease, nonsense, and a closed lease."""
    open_known(kit)
    kit.station.pull(kit.centre)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    [lease] = [each for each in leases_at_station(kit) if each.line_id == line.line_id]
    kit.clock.set_day(SEASON_START + timedelta(days=1))
    for number in (1, 2, 3):
        draw(kit, f"draw-{number}", line.line_id, lease.lease_id, 100_000)
    draw(kit, "draw-2", line.line_id, lease.lease_id, 100_000, "posted")  # known
    draw(kit, "draw-2", line.line_id, lease.lease_id, 70_000, "posted")  # other content
    draw(kit, "draw-4", line.line_id, lease.lease_id, 5_000_000)  # above the lease
    draw(kit, "draw-5", "line\0", lease.lease_id, 100_000, "posted")
    draw(kit, "draw-6", line.line_id, lease.lease_id, 100_000, "pending", "voided", "posted")
    kit.station.write(MONEY, "lease_closed", LeaseClosed(lease.lease_id, 1), kit.clock.at_ms)
    draw(kit, "draw-7", line.line_id, lease.lease_id, 100_000)
    [records] = kit.station.records.values()
    return len(records)


def left(kit: Kit) -> tuple[list[tuple[str, str, str]], list[str], list[tuple[str, str, str]]]:
    """What the ledger says with its hashes, what was flagged, and how the draws stand."""
    entries = [
        (each.entry.cause_id, each.entry.kind.value, content_hash(each.entry))
        for each in kit.read(ledger.entries)
    ]
    draws = [(each.draw_id, each.state.value, each.flag) for each in kit.read(leases.every_draw)]
    return entries, flags(kit), draws


def test_at_once_and_one_by_one_leave_the_same(kit: Kit, tmp_path: Path):
    store = open_store(f"sqlite:///{tmp_path / 'other.sqlite'}", "lender")
    migrate(store)
    other = build_kit(store, Settings())
    count = written(kit)
    assert written(other) == count
    deliver(kit)
    for seq in range(1, count + 1):
        deliver(other, seq, seq)
    assert left(kit) == left(other)
    assert len(left(kit)[0]) == 10  # five draws, each with its fee
    assert len(left(kit)[1]) >= 4
    assert audit(kit.centre, ["seals", "chains", "books", "sums"]).holds
    store.close()


def test_what_a_refused_part_read_and_wrote_is_forgotten(kit: Kit):
    """Else a later record would go by rows that were undone."""

    def act(tx: Tx) -> tuple[int, int]:
        with tx.remembering() as memory:
            memory.learn(cash_logins, "known", 1)

            def part() -> None:
                memory.append(cash_logins, person_id="p", username="u", at_ms=1, actor="x")
                memory.learn(cash_logins, "known", 2)
                raise ConflictError("refused in the middle")

            with pytest.raises(ConflictError):
                memory.attempt(part)
            known = memory.recall(cash_logins, "known", lambda: 3)
        return known, len(tx.find_rows(cash_logins, "person_id"))

    assert kit.centre.store.write(act) == (3, 0)
