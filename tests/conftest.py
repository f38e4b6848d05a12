"""What every room's tests share: paths to what a test needs from the machine."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from tests.support.engine_turns import Turn, is_met
from tests.support.memory import memory_folder
from tests.support.requirements import require

REPOSITORY = Path(__file__).resolve().parents[1]
TEMPORARY_SETTING = "PYTEST_DEBUG_TEMPROOT"  # pytest's own name for it
# These begin first, so that no worker is left alone with one of them at the end.
LONGEST = (
    "tests/e2e/test_story.py",
    "tests/e2e/test_faces_browser.py",
    "tests/edge_node/test_kiosk_journey_browser.py",
    "tests/satellite/test_tutorial.py",
    "tests/satellite/test_sat_hazards.py",
    "tests/server/test_console_browser.py",
    "tests/edge_node/test_looks_browser.py",
    "tests/edge_node/test_tablet_browser.py",
    "tests/edge_node/test_kiosk_browser.py",
    "tests/server/test_console_journey_browser.py",
    "tests/edge_node/test_tablet_paying_browser.py",
    "tests/edge_node/test_tablet_agent_browser.py",
    "tests/simulation/test_seeds_1.py",
    "tests/simulation/test_seeds_2.py",
    "tests/simulation/test_seeds_3.py",
    "tests/simulation/test_seeds_4.py",
    "tests/loop/test_one_account.py",
    "tests/edge_node/test_kiosk_every_sentence.py",
    "tests/server/test_second_factor_commands.py",
    "tests/edge_node/test_kiosk_people.py",
    "tests/server/test_updates_published.py",
    "tests/server/test_review_marks.py",
    "tests/server/test_exports_in_languages.py",
    "tests/server/test_api_schema.py",
    "tests/edge_node/test_kiosk_pages.py",
    "tests/satellite/test_sat_yield_backtest.py",
    "tests/server/test_training.py",
    "tests/server/test_hostile_envelopes.py",
    "tests/edge_node/test_intake_brokers.py",
    "tests/server/test_scopes.py",
    "tests/server/test_second_factor_door.py",
    "tests/firmware_sim/district/test_perils.py",
    "tests/server/test_review_sift.py",
    "tests/server/test_schema_and_settings.py",
    "tests/simulation/test_seeds.py",
    "tests/server/test_console_decisions.py",
    "tests/server/test_signed_nonsense.py",
    "tests/server/test_spread.py",
    "tests/server/test_cash_boxes.py",
    "tests/server/test_book_review.py",
    "tests/server/test_console.py",
    "tests/loop/test_photos_to_centre.py",
    "tests/satellite/test_sat_yields.py",
    "tests/server/test_envelopes_in.py",
    "tests/server/test_envelopes_by_chance.py",
    "tests/server/test_evidence_batch.py",
    "tests/server/test_carried_files.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run choose its databases; see tests/support/engine_turns.py."""
    parser.addoption(
        "--engines",
        choices=[turn.value for turn in Turn],
        default=Turn.OWN.value,
        help="the centre's tests on their own database (the default), on the other, or on both",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests' folders in memory where there is room."""
    memory = memory_folder()
    if TEMPORARY_SETTING not in os.environ and memory is not None:
        os.environ[TEMPORARY_SETTING] = str(memory)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the tests whose turn it is, the longest files first; within a file nothing changes."""
    turn = Turn(config.getoption("--engines"))
    left = [item for item in items if not is_met(item, turn)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if is_met(item, turn)]
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))


def pytest_collection_finish() -> None:
    """Look for garbage seldom, and not among the tests themselves: a twelfth of a run's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 25, 50)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Say how the run ended, for `.ci/once_more`: one that broke off has not shown the rest."""
    cache = getattr(session.config, "cache", None)  # -p no:cacheprovider leaves none
    if cache is not None and not hasattr(session.config, "workerinput"):
        cache.set("harvestline/ended", int(exitstatus))


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
