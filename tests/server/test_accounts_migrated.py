"""Who could log in before two persons were asked for is adopted, and is who they were."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from server.services.audit.persons import rights
from server.store import accounts, people, schema
from server.store.accounts import Done
from server.store.engine import open_store

FOLDER = Path(schema.__file__).parent / "migrations"
BEFORE = (
    (
        "INSERT INTO users (tenant_id, username, password_hash, role, disabled, created_at_ms)"
        " VALUES ('lender', 'Wanjiru', 'an old hash of a password', 'supervisor', 0, 5),"
        " ('lender', 'lena', 'another old hash of one', 'lender', 1, 6)"
    ),
    (
        "INSERT INTO scopes VALUES ('lender', 'user', 'lena', 'village', 'b'),"
        " ('lender', 'user', 'lena', 'product', 'p'), ('lender', 'user', 'lena', 'village', 'a')"
    ),
    "INSERT INTO authorities VALUES ('lender', 'rule', '', 'KES', 1, 500, 7, 'Wanjiru')",
)


def test_an_older_book_comes_up_with_its_users_scopes_and_authority(tmp_path: Path):
    store = open_store(f"sqlite:///{tmp_path / 'old.sqlite'}", "lender")
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with store.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0028")
        for statement in BEFORE:
            connection.exec_driver_sql(statement)
    schema.migrate(store)
    with store.reading() as tx:
        steps = {each.username: each for each in accounts.stream(tx)}
        assert {each.event for each in steps.values()} == {accounts.ADOPTED}
        assert steps["lena"].scope == "product=p|village=a|village=b|"
        assert accounts.scope_text(accounts.scope_from(steps["lena"].scope)) == steps["lena"].scope
        assert steps["lena"].disabled
        assert [each.expected for each in rights(None, tx) if each.expected] == []

    def renamed(tx) -> None:
        found = people.user(tx, "Wanjiru")
        accounts.take(tx, found, Done(accounts.PASSWORD_CHANGED, "Wanjiru", 9))

    store.write(renamed)  # an old name goes on, and is the same person's in small letters
    key = "SELECT person_key FROM users WHERE username = 'Wanjiru'"
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql(key).scalar() == "wanjiru"
    store.close()
