"""Payouts against a limit of one second: from a station's envelope to the answer in the books.

A real centre with its courier's threads and a real payment service on the loopback, on
SQLite (FULL) and on PostgreSQL. Each draw comes alone, in an envelope of its own; what is
timed is the door (verify, decrypt, book, sign the receipt), the rail's hearing of it, and
the booking of its answer. Then many payouts that are due at once.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.report import Effort, Figure, Report
from core.lending.payout import PayoutState
from server.config import Settings
from server.keys import write_secret
from server.services.courier import carrying
from server.store import payouts
from server.store.engine import Store, open_store
from server.store.schema import migrate
from tests.support.centre_kit import Kit, build_kit
from tests.support.kiosk_kit import deliver, draw, leases_at_station
from tests.support.packs import pack
from tests.support.payout_kit import PaymentService, line_of, set_up_rails, with_account
from tests.support.postgres import running_postgres
from tests.support.web_receiver import Answer, Posted, receiving

LIMIT_MS = 1_000
DRAWS_EACH = 20  # a repeat; a line's lease carries so many of the smallest step
BURST = 20
AMOUNT_MINOR = 10_000
WAIT_S_MAX = 60
POLL_S = 0.0005


class _Heard(PaymentService):
    """A payment service that notes when it heard of each instruction [s]."""

    def __call__(self, posted: Posted) -> Answer:
        self.at_s = time.perf_counter()
        return super().__call__(posted)


def measure(effort: Effort) -> Report:
    """Draw one after another, then many at once, on both databases."""
    rows, numbers = [], dict[str, float]()
    for name in ("SQLite", "PostgreSQL"):
        door, heard, booked, burst = [], [], [], []
        for repeat in range(effort.repeats):
            folder = effort.scratch / f"payouts-{name}-{repeat}"
            folder.mkdir(parents=True, exist_ok=True)
            with _store(name, folder) as store:
                singles, per_s = _measured(store, folder)
            door += [each[0] for each in singles]
            heard += [each[1] for each in singles]
            booked += [each[2] for each in singles]
            burst.append(per_s)
        rows.append((
            name, _ms(door, 50), _ms(heard, 50), _ms(booked, 50), _ms(booked, 99),
            f"{statistics.median(burst):.0f}/s",
        ))  # fmt: skip
        numbers[f"{name.lower()}_booked_p50_ms"] = _quantile(booked, 50)
        numbers[f"{name.lower()}_booked_p99_ms"] = _quantile(booked, 99)
        numbers[f"{name.lower()}_burst_per_s"] = statistics.median(burst)
    worst = max(value for key, value in numbers.items() if key.endswith("p99_ms"))
    return Report(
        title="From a drawdown's envelope to its payment in the books",
        headings=("database", "receipt", "rail has it", "paid in the books", "99 %", "at once"),
        rows=tuple(rows),
        note=(
            f"Each of {DRAWS_EACH * effort.repeats} draws came alone; medians from the first "
            "byte at the door, but for the last two columns. The payment service is on the "
            "loopback and answers at once; what a real one takes comes on top."
        ),
        figures=(Figure("drawdown to payment", f"{worst:.0f} ms (99 %)", f"limit {LIMIT_MS} ms"),),
        numbers=numbers,
    )


@contextmanager
def _store(name: str, folder: Path) -> Iterator[Store]:
    if name == "SQLite":
        store = open_store(f"sqlite:///{folder / 'centre.sqlite'}", "lender")
        yield store
        store.close()
        return
    with running_postgres() as server:
        store = open_store(server.create("bench"), "lender")
        yield store
        store.close()


def _measured(store: Store, folder: Path) -> tuple[list[tuple[float, float, float]], float]:
    migrate(store)
    secret = folder / "session.secret"
    write_secret(secret, b"5" * 64)
    kit = build_kit(store, Settings(session_secret_file=str(secret)))
    line = line_of(kit, pack("input-voucher"))
    lease = next(each for each in leases_at_station(kit) if each.line_id == line.line_id)
    service = _Heard(kit.clock.now_ms)
    with receiving(service) as receiver:
        rails = set_up_rails(folder, receiver.url)
        with_account(kit, "mobile")
        with carrying(kit.centre, rails):
            singles = [
                _single(kit, (line.line_id, lease.lease_id), n, service) for n in range(DRAWS_EACH)
            ]
            per_s = _burst(kit, (line.line_id, lease.lease_id))
    return singles, per_s


def _single(
    kit: Kit, where: tuple[str, str], number: int, service: _Heard
) -> tuple[float, float, float]:
    """The receipt, the rail's hearing and the booking of one draw [ms after its arrival]."""
    first = _written(kit, where, f"single-{number}")
    started_s = time.perf_counter()
    deliver(kit, first)
    door_s = time.perf_counter()
    _until_paid(kit, where[0])
    return tuple(1000 * (at - started_s) for at in (door_s, service.at_s, time.perf_counter()))  # type: ignore[return-value]


def _burst(kit: Kit, where: tuple[str, str]) -> float:
    """Payouts a second, of draws that come in one envelope."""
    firsts = [_written(kit, where, f"burst-{number}") for number in range(BURST)]
    started_s = time.perf_counter()
    deliver(kit, firsts[0])
    _until_paid(kit, where[0])
    return BURST / (time.perf_counter() - started_s)


def _written(kit: Kit, where: tuple[str, str], draw_id: str) -> int:
    """Write a draw into the station's log; the number of its first record."""
    before = sum(len(run) for run in kit.station.records.values())
    draw(kit, draw_id, *where, AMOUNT_MINOR)
    return before + 1


def _until_paid(kit: Kit, line_id: str) -> None:
    deadline_s = time.perf_counter() + WAIT_S_MAX
    while any(each.state is not PayoutState.PAID for each in kit.read(payouts.of_line, line_id)):
        assert time.perf_counter() < deadline_s, "expected every payout to be paid"
        time.sleep(POLL_S)


def _ms(values: list[float], percent: int) -> str:
    return f"{_quantile(values, percent):.0f} ms"


def _quantile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
