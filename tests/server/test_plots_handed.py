"""What a list hands to the map of its page: one reading for both, and for nobody else."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event

from server.app import create_app
from server.console.desk import Visitor
from server.console.plots_handed import FRESH_MS, VISITS_MAX, HandedPlots
from server.console.views.plot_list import PlotQuery
from server.services.centre import Centre
from server.store.people import Role
from server.store.scoping import Scope
from server.store.tables import subjects
from tests.support.centre import Served
from tests.support.centre_kit import Counter
from tests.support.console_book import PASSWORD
from tests.support.wide_book import wide_centre

PLOTS = 60
MAIZE = PlotQuery(crop="maize")
VISITOR = Visitor("olive", Role.LENDER, "visit-1", "token")


class Clock:
    """A clock that is put forward by hand [ms]."""

    def __init__(self) -> None:
        self.now = 0

    def now_ms(self) -> int:
        """What it shows."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def handed(clock: Clock) -> HandedPlots:
    return HandedPlots(Counter().next_token, clock.now_ms)


def test_what_was_handed_over_is_taken_once(handed: HandedPlots):
    rows: list[object] = []
    key = handed.give(VISITOR, MAIZE, rows)
    assert handed.take(VISITOR, replace(MAIZE, sort="-risk", page=3), key) is rows
    assert handed.take(VISITOR, MAIZE, key) is None


@pytest.mark.parametrize(
    ("visitor", "query"),
    [
        (replace(VISITOR, visit="visit-2"), MAIZE),
        (replace(VISITOR, scope=Scope("olive", villages=frozenset({"v"}))), MAIZE),
        (VISITOR, PlotQuery(crop="beans")),
        (VISITOR, PlotQuery()),
    ],
)
def test_another_visit_another_scope_or_another_question_gets_nothing(
    handed: HandedPlots, visitor: Visitor, query: PlotQuery
):
    key = handed.give(VISITOR, MAIZE, [])
    assert handed.take(visitor, query, key) is None


def test_what_nobody_comes_for_is_gone_after_a_minute(handed: HandedPlots, clock: Clock):
    key = handed.give(VISITOR, MAIZE, [])
    clock.now = FRESH_MS + 1
    assert handed.take(VISITOR, MAIZE, key) is None
    assert not handed._kept


def test_the_newest_list_of_the_last_few_visits_is_kept(handed: HandedPlots):
    first = handed.give(VISITOR, MAIZE, [])
    handed.give(VISITOR, MAIZE, [])
    assert handed.take(VISITOR, MAIZE, first) is None
    for n in range(VISITS_MAX + 3):
        handed.give(replace(VISITOR, visit=f"visit-{n}"), MAIZE, [])
        assert len(handed._kept) <= VISITS_MAX


# On the pages


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    folder: Path = tmp_path_factory.mktemp("handed")
    found = wide_centre(folder, f"sqlite:///{folder / 'centre.sqlite'}", PLOTS)
    yield found
    found.store.close()


@pytest.fixture
def client(centre: Centre) -> Iterator[httpx.Client]:
    served = Served(create_app(centre))
    with httpx.Client(base_url=f"{served.url}/console", trust_env=False) as found:
        text = found.get("/login").text
        token = text.partition('name="token" value="')[2].partition('"')[0]
        form = {"name": "supervisor", "password": PASSWORD, "next": "", "token": token}
        assert found.post("/login", data=form).status_code == 303
        yield found
    served.close()


def test_map_is_of_the_reading_that_its_list_was_made_of(client: httpx.Client, centre: Centre):
    page = client.get("/map", params={"crop": "beans", "sort": "-area"}).text
    found = re.search(r'data-reading="([^"]+)"', page)
    assert found
    asked = {"crop": "beans", "reading": html.unescape(found[1])}
    every = client.get("/map/plots.json", params={"crop": "beans"}).json()["id"]
    gone = subjects.c.subject_id == every[0]
    centre.store.write(lambda tx: tx.run(subjects.update().where(gone).values(crop="cotton")))
    questions: list[str] = []

    def note(_conn: object, _cursor: object, text: str, *_: object) -> None:
        questions.append(text)

    event.listen(centre.store.engine, "before_cursor_execute", note)
    of_the_list = client.get("/map/plots.json", params=asked)
    event.remove(centre.store.engine, "before_cursor_execute", note)
    assert sorted(of_the_list.json()["id"]) == sorted(every)
    assert not [text for text in questions if "newest_looks" in text]  # the book was not read
    again = client.get("/map/plots.json", params=asked).json()["id"]
    assert sorted(again) == sorted(every[1:])
