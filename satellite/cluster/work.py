"""Work as data: a task says what all its orders share, workers carry the orders out.

Nothing here knows scenes. What travels to a worker are frozen values and the names of
functions that are installed there; a closure never travels. Results come back in the
order in which the orders were given, whatever the number of workers, so that the one
process that owns the store commits the same rows in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

O_contra = TypeVar("O_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)
O = TypeVar("O")  # noqa: E741  # an order, where a function takes and gives it
R = TypeVar("R")


class Task(Protocol[O_contra, R_co]):
    """What many orders have in common; ``key`` names its content, so that it is kept once."""

    @property
    def key(self) -> str:
        """Equal for equal tasks, and for no others."""
        ...

    def open(self) -> Callable[[O_contra], R_co]:
        """What carries out orders; opened once a worker and kept there."""
        ...


class Workers(Protocol):
    """Carry out orders, few at a time."""

    def map(self, task: Task[O, R], orders: Iterable[O]) -> Iterator[R]:
        """The result of each order, in the orders' order; orders are taken as needed."""
        ...

    def require_seen(self, path: Path) -> None:
        """Refuse a path that some worker does not see: it would name good scenes broken."""
        ...


class Serial:
    """The process itself does the work, one order after the other."""

    def __init__(self) -> None:
        self._opened: dict[str, Callable[[Any], Any]] = {}

    def map(self, task: Task[O, R], orders: Iterable[O]) -> Iterator[R]:
        """The result of each order."""
        carry_out = self._opened.get(task.key)
        if carry_out is None:
            carry_out = task.open()
            self._opened = {task.key: carry_out}  # the one before is of other plots
        for order in orders:
            yield carry_out(order)

    def require_seen(self, path: Path) -> None:
        """Nothing to refuse: the process sees what it sees."""
