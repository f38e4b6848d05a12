"""The centre on both of its databases: SQLite, and a throwaway PostgreSQL.

The lender's kit comes with its village: it is built once a session on each of the two,
and every test writes into a copy of its own.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from server.app import create_app
from server.config import Settings
from server.keys import write_secret
from server.store.engine import Store, open_store
from server.store.schema import migrate
from tests.support.centre import Served
from tests.support.centre_kit import BuiltVillage, Kit, take_kit
from tests.support.centre_store import TENANT, laid_out
from tests.support.chromium import chromium
from tests.support.console_book import Book
from tests.support.console_visits import visits
from tests.support.one_engine import OneEngine
from tests.support.postgres import EMPTY, Postgres, running_postgres

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def village_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> BuiltVillage:
    path = str(tmp_path_factory.mktemp("village") / "centre.sqlite")
    return BuiltVillage.at(path, f"sqlite:///{path}")


@pytest.fixture(scope="session")
def village_on_postgresql(postgres: Postgres) -> BuiltVillage:
    return BuiltVillage.at("village", postgres.create("village"))


@pytest.fixture(scope="session")
def bare_on_postgresql(postgres: Postgres) -> str:
    """The name of a database with the newest schema alone, to be copied."""
    found = open_store(postgres.create("bare"), TENANT)
    migrate(found)
    found.close()
    return "bare"


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def built_village(request: pytest.FixtureRequest, engine_name: str) -> BuiltVillage:
    found: BuiltVillage = request.getfixturevalue(f"village_on_{engine_name}")
    return found


@pytest.fixture
def database_url(request: pytest.FixtureRequest, engine_name: str, tmp_path: Path) -> Iterator[str]:
    """An empty database; for a test of ``store`` with the schema, of a kit with its village."""
    village = request.getfixturevalue("built_village") if has_kit(request) else None
    if engine_name == "sqlite":
        path = tmp_path / "centre.sqlite"
        if village is not None:
            shutil.copyfile(village.database, path)
        elif has_store(request):
            path.write_bytes(laid_out())
        yield f"sqlite:///{path}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    bare = request.getfixturevalue("bare_on_postgresql") if has_store(request) else EMPTY
    database = f"test_{next(_NUMBERS)}"
    yield server.create(database, bare if village is None else village.database)
    server.drop(database)


def has_kit(request: pytest.FixtureRequest) -> bool:
    return "kit" in request.fixturenames


def has_store(request: pytest.FixtureRequest) -> bool:
    return "store" in request.fixturenames


@pytest.fixture(scope="session")
def engines() -> dict[str, OneEngine]:
    """The one engine of this process for each kind of database."""
    return {}


@pytest.fixture
def empty_store(
    database_url: str, engine_name: str, engines: dict[str, OneEngine]
) -> Iterator[Store]:
    if engine_name not in engines:
        engines[engine_name] = OneEngine(database_url, "lender")
    store = engines[engine_name].at(database_url)
    yield store
    store.close()


@pytest.fixture
def store(empty_store: Store) -> Store:
    """A store with the newest schema, which ``database_url`` laid out."""
    return empty_store


@pytest.fixture
def kit(store: Store, built_village: BuiltVillage, tmp_path: Path) -> Kit:
    secret = tmp_path / "session.secret"
    write_secret(secret, b"5" * 64)
    settings = Settings(session_secret_file=str(secret))
    return take_kit(store, settings, built_village.ids_last)


# The console in a browser, over the ``book`` of the file that asks.


@pytest.fixture(scope="module")
def url(book: Book) -> Iterator[str]:
    served = Served(create_app(book.centre))
    yield f"{served.url}/console"
    served.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    with visits(browser, url) as come:
        yield come
