"""Who brings what waits to whom it is for, while the centre runs.

A thread for each rail and one for news, so that one that answers slowly keeps nobody
waiting. They are woken by the bell when something that waits was committed here, and at
the latest after ``POLL_S``, for other processes write too. They keep nothing in memory
that the store does not hold, so they may die at any point. No fault ends one, of the
catalogue or not: it is written down (:mod:`server.services.rounds`), and the thread tries
again, later with each fault in a row, and not when all the others do.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from core.errors import HarvestlineError
from server.services.centre import Centre
from server.services.hooks.backoff import wait_ms
from server.services.hooks.delivering import chance_ppm, deliver_due
from server.services.hooks.delivering import is_due as hook_is_due
from server.services.payouts.rails import Rails
from server.services.payouts.sending import Order, is_due, send_due

POLL_S = 2.0
STOP_S_MAX = 60  # as long as a round can take
FAULT_WAIT_S_MAX = 60.0
Act = Callable[[], bool]
_log = logging.getLogger("harvestline.server")


@contextmanager
def carrying(centre: Centre, rails: Rails) -> Iterator[None]:
    """Carry payouts and news for as long as the block runs."""
    stop = threading.Event()
    acts: dict[str, Act] = {"hooks": partial(_tell, centre)}
    acts |= {f"rail {name}": partial(_pay, centre, rails, Order(name)) for name in rails}
    threads = [
        threading.Thread(target=_until, args=(centre, stop, (name, act)), name=name, daemon=True)
        for name, act in acts.items()
    ]
    for name in acts:
        centre.rounds.add(name)
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        centre.bell.ring()
        for thread in threads:
            thread.join(STOP_S_MAX)


def _until(centre: Centre, stop: threading.Event, task: tuple[str, Act]) -> None:
    """Do rounds until there is nothing left to do, then wait; a fault ends the round only.

    A round is done by a worker whose fault comes back as a value, so that none goes unseen
    and none ends this thread.
    """
    name, act = task
    with ThreadPoolExecutor(1, thread_name_prefix=name) as worker:
        while not stop.is_set():
            heard = centre.bell.count
            done = worker.submit(act)
            fault = done.exception()
            if fault is not None:
                noted = worker.submit(_put_off, centre, name, fault)
                stop.wait(FAULT_WAIT_S_MAX if noted.exception() else noted.result())
                continue
            before = centre.rounds.went_well(name)
            if not before.is_up:
                _log.warning("courier_up thread=%s", name)
            if not done.result():
                centre.bell.wait(heard, POLL_S)


def _put_off(centre: Centre, name: str, fault: BaseException) -> float:
    """Write a fault down; how long to wait after it [s]."""
    told = told_of(fault)
    met = centre.rounds.met(name, told, centre.now_ms())
    if met.in_row_count == 1:
        _log.warning("courier_down thread=%s fault=%s", name, told)
    return min(FAULT_WAIT_S_MAX, wait_ms(met.in_row_count, chance_ppm(centre)) / 1000)


def told_of(fault: BaseException) -> str:
    """A fault's code, or its name and where it arose; never its words."""
    if isinstance(fault, HarvestlineError):
        return fault.code
    last = traceback.extract_tb(fault.__traceback__)[-1:]
    where = "".join(f" at {each.name}:{each.lineno}" for each in last)
    return f"{type(fault).__name__}{where}"


def _pay(centre: Centre, rails: Rails, order: Order) -> bool:
    if not is_due(centre):
        return False
    found = send_due(centre, rails, order)
    for fault in found.faults:
        _log.warning("payout_not_booked %s", fault)
    return found.tried_count > 0


def _tell(centre: Centre) -> bool:
    return hook_is_due(centre) and deliver_due(centre).tried_count > 0
