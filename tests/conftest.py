"""What every room's tests share: paths to what a test needs from the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.requirements import require

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hold a test marked ``browser`` to the policy on missing components."""
    if item.get_closest_marker("browser"):
        require("chromium")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with the real data sets, or a skip with its reason."""
    return require("data")
