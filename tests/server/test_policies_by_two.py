"""What is lent by and what stations are given is said by two, once two supervisors stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DatabaseError

from core.errors import HarvestlineError
from core.lending.product import Product
from server.services import enrolment, policies
from server.services.audit.run import audit, audit_in
from server.services.centre import RequestError
from server.services.money_words import confirm, refuse
from server.store import products, schema, update_steps
from server.store.engine import open_store
from server.store.people import Actor, Role
from server.store.update_steps import UpdateStep
from tests.server.test_updates_published import PRODUCT, Shell, publishing, revised
from tests.support.centre_kit import TESTER, Kit
from tests.support.officers import known
from tests.support.tampering import changed
from tests.support.update_repository import basemap_bytes

ANN, BEN, LOU = Actor("ann", "supervisor"), Actor("ben", "supervisor"), Actor("lou", "lender")
REFUSED = (DatabaseError, HarvestlineError)
SECRET = "rain on dry soil"
FOLDER = Path(schema.__file__).parent / "migrations"


@pytest.fixture
def newer(kit: Kit) -> Product:
    """A version that lends twice as much, in nobody's books yet."""
    credit = replace(kit.product.credit, limit_max_minor=2 * kit.product.credit.limit_max_minor)
    return replace(kit.product, version=kit.product.version + 1, credit=credit)


def newest(kit: Kit, product: Product) -> int:
    found: int = kit.read(products.newest, product.product_id).version
    return found


@pytest.mark.both_engines
def test_founders_put_a_product_in_force_alone_and_nobody_does_after_them(kit: Kit, newer: Product):
    known(kit.centre, ANN, LOU)
    assert enrolment.add_product(kit.centre, newer, TESTER), "one supervisor has no second yet"
    known(kit.centre, BEN)
    third = replace(newer, version=newer.version + 1)
    with pytest.raises(RequestError, match="two supervisors stand: one gives `product propose"):
        enrolment.add_product(kit.centre, third, TESTER)
    assert newest(kit, newer) == newer.version
    assert not enrolment.add_product(kit.centre, newer, TESTER), "the same again changes nothing"
    name = third.policy_version()
    policies.propose(kit.centre, third, TESTER)
    word = kit.centre.write(lambda work: policies.tell_policy(work, name, (ANN, "dry years")))
    for nobody in (ANN, Actor("Ann ", "supervisor"), LOU):
        with pytest.raises(REFUSED):
            kit.centre.write(lambda work, by=nobody: confirm(work, word.word_id, by))
    kit.centre.write(lambda work: refuse(work, word.word_id, BEN, "too much for a dry year"))
    with pytest.raises(RequestError, match="approved by two persons"):
        enrolment.add_product(kit.centre, third, TESTER)
    again = kit.centre.write(lambda work: policies.tell_policy(work, name, (BEN, "half of it")))
    kit.centre.write(lambda work: confirm(work, again.word_id, ANN))
    assert enrolment.add_product(kit.centre, third, TESTER)
    assert newest(kit, newer) == third.version
    assert audit(kit.centre, ["policies", "words", "trail"]).holds


@pytest.mark.both_engines
def test_the_database_refuses_a_policy_of_one_and_a_version_rewritten(kit: Kit, newer: Product):
    known(kit.centre, ANN, BEN)
    with pytest.raises(REFUSED):
        kit.centre.write(lambda work: products.add(work.tx, newer, work.at_ms))
    policies.propose(kit.centre, newer, TESTER)
    with pytest.raises(REFUSED):  # a candidate of one is not put in force past the service
        kit.centre.write(lambda work: products.add(work.tx, newer, work.at_ms))
    for statement in (
        "UPDATE products SET content = '{}'",
        "UPDATE products SET state = 'candidate' WHERE state = 'in_force'",
        "DELETE FROM products",
    ):
        with pytest.raises(DatabaseError), kit.centre.store.engine.begin() as connection:
            connection.exec_driver_sql(statement)
    assert newest(kit, newer) == kit.product.version


@pytest.mark.both_engines
def test_the_database_refuses_an_update_that_rests_on_no_word_about_it(kit: Kit, newer: Product):
    known(kit.centre, ANN, BEN)
    name = newer.policy_version()
    policies.propose(kit.centre, newer, TESTER)
    word = kit.centre.write(lambda work: policies.tell_policy(work, name, (ANN, "as agreed")))
    step = UpdateStep("prompts/sw/1.json", 0, "promoted", "prompts/sw/1.json|abc", "{}", "",
                      "ann", 7)  # fmt: skip
    good = replace(step, path="product/crop-season/2.json", subject_id=name, word_id=word.word_id)
    for each in (step, replace(step, word_id=word.word_id), good):
        with pytest.raises(REFUSED):  # none, another's, and one that nobody confirmed
            kit.centre.write(lambda work, each=each: update_steps.add(work.tx, each))
    kit.centre.write(lambda work: confirm(work, word.word_id, BEN))
    assert kit.centre.write(lambda work: update_steps.add(work.tx, good)).seq == 1
    for statement in ("UPDATE update_steps SET actor = 'ben'", "DELETE FROM update_steps"):
        with pytest.raises(DatabaseError), kit.centre.store.engine.begin() as connection:
            connection.exec_driver_sql(statement)


@pytest.mark.both_engines
def test_a_policy_that_no_two_said_is_named_by_the_audit(kit: Kit, newer: Product):
    known(kit.centre, ANN, BEN)
    policies.propose(kit.centre, newer, TESTER)
    name = newer.policy_version()
    tampered = {
        "UPDATE products SET state = 'in_force' WHERE version = 2":
            ("products", name, "the word of two"),
        "UPDATE products SET content = replace(content, 'season', 'seasons') WHERE version = 2":
            ("products", name, "the terms that its name"),
        "INSERT INTO update_steps VALUES ('lender', 'basemap/1.pmtiles', 1, 'promoted', "
        "'basemap/1.pmtiles|abc', '{}', '', 'ann', 9007199254740991)":
            ("update_steps", "basemap/1.pmtiles/1", "the word of two"),
    }  # fmt: skip
    for statement, (table, record_id, expected) in tampered.items():
        own = statement.replace("'lender',", f"'{kit.centre.store.tenant_id}',", 1)
        with changed(kit, own, table) as tx:
            [found] = audit_in(kit.centre, tx, ("policies",)).checks
            assert found.first is not None, statement
            assert (found.first.table, found.first.record_id) == (table, record_id)
            assert expected in found.first.expected
    assert audit(kit.centre, ["policies"]).holds


def test_what_an_older_centre_lends_by_is_adopted_and_nothing_else(tmp_path: Path):
    store = open_store(f"sqlite:///{tmp_path / 'old.sqlite'}", "lender")
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    row = (
        "INSERT INTO products (tenant_id, policy_version, product_id, version, content, sha256,"
        " added_at_ms, state) VALUES ('lender', '{0}', 'p', {1}, '{{}}', 'x', 5, '{2}')"
    )
    with store.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0036")
        connection.exec_driver_sql(row.format("p@1:a", 1, "in_force"))
        connection.exec_driver_sql(row.format("p@2:b", 2, "candidate"))
    schema.migrate(store)
    question = "SELECT kind, subject_id FROM money_words_before"
    with store.engine.begin() as connection:
        assert connection.exec_driver_sql(question).fetchall() == [("policy", "p@1:a")]
    store.close()


# By commands, as a cooperative with two officers gives them.


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    found = publishing(tmp_path)
    found.on("updates add-product", PRODUCT)
    found.on("updates promote", "product/crop-season", "1")  # a new centre is set up by one
    return found


def officers(shell: Shell) -> Callable[..., dict[str, Any]]:
    """Two supervisors, each with a password, and what they say."""
    secret = shell.folder / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    for name in (ANN.name, BEN.name):
        shell.run("user", "add", name, "--role", Role.SUPERVISOR.value, "--password-file", secret,
                  "--config", shell.config)  # fmt: skip
    return lambda who, act, *words: shell.on(
        act, *words, "--officer", who.name, "--password-file", secret
    )


def holds(shell: Shell) -> None:
    """The audit ends well, and has looked at something."""
    found = shell.on("audit", "--only", "policies")["checks"]
    assert [(each["faults_count"], each["looked_count"] > 0) for each in found] == [(0, True)]


def test_two_officers_of_a_cooperative_change_prices_and_roll_out_together(shell: Shell):
    says = officers(shell)
    slot = ("product/crop-season", "2")
    shell.on("updates add-product", revised(shell, 2))
    for act in ("promote", "stage"):
        more = ("--station", "st-one") if act == "stage" else ()
        refusal = shell.refused(f"updates {act}", *slot, *more)
        assert "`updates propose product/crop-season 2 --officer NAME --reason WHY`" in refusal
    assert [p["version"] for p in shell.on("product list")["products"]] == [1]
    word = says(ANN, "updates propose", *slot, "--reason", "as the board said")
    assert "another person than ann" in shell.refused(
        "word confirm", str(word["word_id"]), "--officer", "ann", "--password-file",
        shell.folder / "secret", code=4,
    )  # fmt: skip
    says(BEN, "word confirm", str(word["word_id"]))
    shell.on("updates stage", *slot, "--station", "st-one")
    shell.on("updates promote", *slot)
    assert [p["version"] for p in shell.on("product list")["products"]] == [2]
    assert "is for every station already" in shell.refused(
        "updates propose", *slot, "--reason", "again", "--officer", "ann", "--password-file",
        shell.folder / "secret",
    )  # fmt: skip
    holds(shell)


def test_a_map_for_stations_is_approved_by_two_or_refused_with_a_reason(shell: Shell):
    says = officers(shell)
    path = shell.folder / "map.pmtiles"
    path.write_bytes(basemap_bytes())
    shell.on("updates add-basemap", path, "--version", "1")
    assert "approved by two persons" in shell.refused("updates promote", "basemap", "1")
    word = says(ANN, "updates propose", "basemap", "1", "--reason", "newer roads")
    [waits] = shell.on("word list")["words"]
    assert waits["sentence"].startswith("Stations may be given basemap/1.pmtiles, whose hash")
    says(BEN, "word refuse", str(word["word_id"]), "--reason", "of another village")
    assert "approved by two persons" in shell.refused("updates promote", "basemap", "1")
    word = says(BEN, "updates propose", "basemap", "1", "--reason", "the right village")
    says(ANN, "word confirm", str(word["word_id"]))
    shell.on("updates promote", "basemap", "1")
    holds(shell)
    assert shell.on("updates withdraw", "basemap", "1")["note"]["withdrawn"], "one takes away alone"


def test_a_product_is_proposed_and_asked_for_in_one_command(tmp_path: Path):
    shell = Shell(tmp_path)
    shell.run("init", "--out", tmp_path / "centre")
    shell.on("product add", PRODUCT)  # a new centre is set up by one
    says = officers(shell)
    newer = revised(shell, 2)
    assert "`product propose FILE --officer NAME" in shell.refused("product add", newer)
    assert "--officer and --reason together" in shell.refused(
        "product propose", newer, "--reason", "dry years"
    )
    word = says(ANN, "product propose", newer, "--reason", "dry years")["word"]
    assert word["told_by"] == "ann"
    assert "approved by two persons" in shell.refused("product add", newer)
    says(BEN, "word confirm", word["word_id"])
    assert shell.on("product add", newer)["new"]
    assert [p["version"] for p in shell.on("product list")["products"]] == [2]
    holds(shell)
