"""What tests of the kiosk share: somebody who stands before it, and the time that passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.kiosk import Elapsed, visiting

if TYPE_CHECKING:
    import httpx

    from tests.support.lending_station import Station


@pytest.fixture
def elapsed() -> Elapsed:
    return Elapsed()


@pytest.fixture
def client(station: Station, elapsed: Elapsed) -> Iterator[httpx.Client]:
    """A visit to the kiosk of the file's own ``station``."""
    with visiting(station, elapsed) as found:
        yield found
