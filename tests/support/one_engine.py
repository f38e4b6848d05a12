"""One engine for every test's database of a kind: what SQLAlchemy has compiled stays known.

An engine keeps the SQL of the statements that it has seen. One for each test would compile
all of them anew, which took a quarter of the CPU of the server's tests.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, make_url

from server.store.engine import Store, open_store


class OneEngine:
    """A store that is led to one database after another; a test's own, one at a time."""

    def __init__(self, url: str, tenant_id: str) -> None:
        self._url = make_url(url)
        self._store = open_store(url, tenant_id)
        event.listen(self._store.engine, "do_connect", self._lead)

    def _lead(
        self, dialect: Any, _record: object, arguments: list[Any], parameters: dict[str, Any]
    ) -> None:
        there, named = dialect.create_connect_args(self._url)
        arguments[:] = there
        parameters.clear()
        parameters.update(named)

    def at(self, url: str) -> Store:
        """The store at a database; the one before must have given back its connections."""
        pool: Any = self._store.engine.pool
        assert pool.checkedout() == 0, f"{pool.checkedout()} connections to {self._url} are out"
        self._store.close()
        self._url = make_url(url)
        return self._store
