"""Who brings what waits to whom it is for, while the centre runs.

A thread for each rail and one for news, so that one that answers slowly keeps nobody
waiting. They are woken by the bell when something that waits was committed here, and at
the latest after ``POLL_S``, for other processes write too. They keep nothing in memory
that the store does not hold, so they may die at any point.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from core.errors import HarvestlineError
from server.services.centre import Centre
from server.services.hooks.delivering import deliver_due
from server.services.hooks.delivering import is_due as hook_is_due
from server.services.payouts.rails import Rails
from server.services.payouts.sending import Order, is_due, send_due

POLL_S = 2.0
STOP_S_MAX = 60  # as long as a round can take
_log = logging.getLogger("harvestline.server")


@contextmanager
def carrying(centre: Centre, rails: Rails) -> Iterator[None]:
    """Carry payouts and news for as long as the block runs."""
    stop = threading.Event()
    acts: dict[str, Callable[[], bool]] = {"hooks": partial(_tell, centre)}
    acts |= {f"rail {name}": partial(_pay, centre, rails, Order(name)) for name in rails}
    threads = [
        threading.Thread(target=_until, args=(centre, stop, act), name=name, daemon=True)
        for name, act in acts.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        centre.bell.ring()
        for thread in threads:
            thread.join(STOP_S_MAX)


def _until(centre: Centre, stop: threading.Event, act: Callable[[], bool]) -> None:
    """Do rounds until there is nothing left to do, then wait; a fault ends the round only."""
    is_down = False
    while not stop.is_set():
        heard = centre.bell.count
        try:
            more = act()
        except HarvestlineError as error:
            more = False
            if not is_down:
                name = threading.current_thread().name
                _log.warning("courier_down thread=%s code=%s", name, error.code)
            is_down = True
        else:
            if is_down:
                _log.warning("courier_up thread=%s", threading.current_thread().name)
            is_down = False
        if not more:
            centre.bell.wait(heard, POLL_S)


def _pay(centre: Centre, rails: Rails, order: Order) -> bool:
    if not is_due(centre):
        return False
    found = send_due(centre, rails, order)
    for fault in found.faults:
        _log.warning("payout_not_booked %s", fault)
    return found.tried_count > 0


def _tell(centre: Centre) -> bool:
    return hook_is_due(centre) and deliver_due(centre).tried_count > 0
