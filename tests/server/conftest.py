"""The centre on both of its databases: SQLite, and a throwaway PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.config import Settings
from server.keys import write_secret
from server.store.engine import Store, open_store
from server.store.schema import migrate
from tests.support.centre_kit import Kit, build_kit
from tests.support.postgres import Postgres, running_postgres

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'centre.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    schema = f"test_{next(_NUMBERS)}"
    server.execute(f"CREATE SCHEMA {schema}")
    return server.url(schema)


@pytest.fixture
def empty_store(database_url: str) -> Iterator[Store]:
    store = open_store(database_url, "lender")
    yield store
    store.close()


@pytest.fixture
def store(empty_store: Store) -> Store:
    migrate(empty_store)
    return empty_store


@pytest.fixture
def kit(store: Store, tmp_path: Path) -> Kit:
    secret = tmp_path / "session.secret"
    write_secret(secret, b"5" * 64)
    return build_kit(store, Settings(session_secret_file=str(secret)))
