"""Migrations on both databases, settings, keys and seals."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import SignatureError
from server.config import SettingError, Settings, load_settings, settings_text
from server.keys import (
    KeyFileError,
    KeyRing,
    Seals,
    hash_password,
    load_key_pair,
    password_matches,
    seal_key_id,
    write_key_pair,
)
from server.services.verifying import verify
from server.store import counts, people, schema
from server.store.engine import Store, StoreError, open_store
from server.store.people import Actor
from tests.support.centre_kit import Kit, keys_of, open_known

pytestmark = pytest.mark.both_engines


def test_migrations_build_the_tables(empty_store: Store):
    assert schema.current(empty_store) == ""
    with pytest.raises(StoreError, match="harvestline-server migrate"):
        schema.require_current(empty_store)
    assert schema.migrate(empty_store) == schema.newest()
    assert schema.differences(empty_store) == []
    assert schema.migrate(empty_store) == schema.newest()
    schema.require_current(empty_store)


def test_tenants_do_not_see_each_other(kit: Kit):
    open_known(kit)
    other = Store(kit.centre.store.engine, "another")
    with other.reading() as tx:
        assert set(counts.rows_by_table(tx).values()) == {0}


def test_database_of_another_kind_is_refused():
    with pytest.raises(StoreError, match="expected sqlite"):
        open_store("mysql://nowhere", "lender")
    with pytest.raises(StoreError):
        open_store("nonsense", "lender")


def test_a_database_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///:memory:", "lender").close()
    assert list(tmp_path.iterdir()) == []


def test_audit_trail_shows_tampering(kit: Kit):
    actor = Actor("grace", "lender")
    for number in range(3):
        kit.centre.write(
            lambda work, n=number: people.record(
                work.tx, work.at_ms, actor, "line_viewed", ("line", f"l{n}"), {"n": n}
            )
        )
    assert verify(kit.centre).faults == ()
    trail = kit.read(people.trail_of, "line", "l1")
    assert [(row.actor, row.action, row.detail) for row in trail] == [
        ("grace", "line_viewed", {"n": 1})
    ]

    def tamper(work) -> None:
        connection = work.tx.connection
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        else:
            connection.exec_driver_sql("DROP TRIGGER audit_append_only ON audit")
        connection.exec_driver_sql("UPDATE audit SET actor = 'mallory' WHERE object_id = 'l1'")

    kit.centre.write(tamper)
    assert {fault.statement for fault in verify(kit.centre).faults} == {"audit trail holds"}


@pytest.mark.parametrize(
    ("change", "statement"),
    [
        ("UPDATE lines SET limit_minor = limit_minor + 100", "movements have evidence and reasons"),
        (
            "UPDATE leases SET leased_at_signing_minor = 99000000",
            "leases stayed within the limit when signed",
        ),
        (
            "UPDATE leases SET limit_minor = limit_minor + 100",
            "leases stayed within the limit when signed",
        ),
        ("UPDATE leases SET expires_at_ms = 1", "leases stayed within the limit when signed"),
        ("DELETE FROM models", "decision cards replay"),
    ],
)
def test_verifier_names_what_was_changed_behind_its_back(kit: Kit, change: str, statement: str):
    open_known(kit)
    kit.centre.write(lambda work: work.tx.connection.exec_driver_sql(change))
    assert statement in {fault.statement for fault in verify(kit.centre).faults}


def test_settings_come_from_file_then_environment(tmp_path: Path):
    path = tmp_path / "server.toml"
    path.write_text(settings_text(Settings(name="north", held_envelopes_max=3)), encoding="utf-8")
    found = load_settings(path, {"HARVESTLINE_SERVER_PORT": "8123", "OTHER": "x"})
    assert (found.name, found.held_envelopes_max, found.port) == ("north", 3, 8123)
    assert found.database_url == f"sqlite:///{tmp_path / 'centre.sqlite'}"
    assert found.key_file == str(tmp_path / "centre.key")


@pytest.mark.parametrize(
    "text", ["colour = 1", "port = 70000", 'port = "x"', "name = 5", "name = ''", "= ="]
)
def test_bad_settings_are_refused(tmp_path: Path, text: str):
    path = tmp_path / "server.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError):
        load_settings(path, {})


def test_keys_are_written_once_and_only_for_their_owner(tmp_path: Path):
    path = tmp_path / "c.key"
    made = write_key_pair(path, "c", b"1" * 32, b"2" * 32)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key_pair(path, "c").key_id == made.key_id
    with pytest.raises(KeyFileError):
        write_key_pair(path, "c", b"3" * 32, b"4" * 32)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(KeyFileError, match="sign and seal"):
        load_key_pair(path, "c")


def test_seal_opens_for_its_reader_in_its_context_only():
    alice, eve = keys_of("alice", 1), keys_of("eve", 2)
    sealed = Seals((alice.identity().seal_key,)).seal(alice.seal_key_id, b"secret", b"context")
    assert b"secret" not in sealed
    assert alice.open(sealed, b"context") == b"secret"
    for reader, text, context in (
        (eve, sealed, b"context"),
        (alice, sealed, b"other"),
        (alice, sealed[:-1] + bytes([sealed[-1] ^ 1]), b"context"),
        (alice, sealed[:20], b"context"),
    ):
        with pytest.raises(SignatureError):
            reader.open(text, context)
    with pytest.raises(SignatureError):
        Seals(()).seal(alice.seal_key_id, b"x", b"")
    with pytest.raises(KeyFileError, match="low order"):
        seal_key_id(replace(alice.identity(), seal_key="00" * 32))


def test_signatures_hold_for_the_registered_key_only():
    alice = keys_of("alice", 1)
    ring = KeyRing((alice.identity().public_key,))
    ring.verify(alice.key_id, b"m", alice.sign(b"m"))
    with pytest.raises(SignatureError):
        ring.verify(alice.key_id, b"n", alice.sign(b"m"))
    with pytest.raises(SignatureError):
        ring.verify("0" * 32, b"m", alice.sign(b"m"))


def test_passwords_are_kept_as_argon2():
    stored = hash_password("correct horse")
    assert stored.startswith("$argon2id$")
    assert password_matches(stored, "correct horse")
    assert not password_matches(stored, "wrong horse")
    assert not password_matches("not a hash", "x")
