"""The pages on payouts and webhooks: their commands are there, their ten lines verify."""

from __future__ import annotations

import re
import time
import tomllib
from typing import Any

import click
import pytest

from core.lending.payout import Finding, PayoutState
from server.app import main
from server.services.hooks.signature import secret_text, signed_headers
from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"
SECRET = b"d" * 32


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def receiver() -> Any:
    [code] = blocks(page("webhooks.md"), "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 11
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the page's own lines
    return names["verified"]


def test_the_ten_lines_verify_and_refuse():
    verified, now_ms, body = receiver(), time.time_ns() // 1_000_000, b'{"type":"payout.paid"}'
    secret = secret_text(SECRET)
    good = signed_headers(SECRET, "m1", now_ms, body)
    seen: set[str] = set()
    assert verified(secret, good, body, seen)
    assert not verified(secret, good, body, seen)  # a replay
    assert not verified(secret, good, body + b" ", set())
    assert not verified(secret_text(b"x" * 32), good, body, set())
    both = signed_headers(b"n" * 32, "m3", now_ms, body, [SECRET])  # while a secret changes
    assert verified(secret, both, body, set())
    assert verified(secret_text(b"n" * 32), both, body, set())
    old = signed_headers(SECRET, "m2", now_ms - 3_600_000, body)
    assert not verified(secret, old, body, set())


@pytest.mark.parametrize("name", ["payout.md", "webhooks.md"])
def test_every_command_of_a_page_is_there(name: str):
    named = re.findall(r"`?(?:harvestline-server )?(payout|hook) ((?:payee )?[a-z]+)", page(name))
    words = {f"{group} {rest}" for group, rest in named if f"{group} {rest}" in _all_commands()}
    assert len(words) >= 4
    quoted = re.findall(r"`((?:payout|hook) [a-z]+(?: [a-z]+)?)", page(name))
    for each in quoted:
        assert any(known.startswith(" ".join(each.split()[:2])) for known in _all_commands()), each


def _all_commands() -> set[str]:
    context = click.Context(main)
    found: set[str] = set()
    for group in ("payout", "hook"):
        command = main.get_command(context, group)
        assert isinstance(command, click.Group)
        for name, inner in command.commands.items():
            found.add(f"{group} {name}")
            if isinstance(inner, click.Group):
                found |= {f"{group} {name} {each}" for each in inner.commands}
    return found


def test_the_page_names_every_state_and_finding_and_its_rails_parse():
    text = page("payout.md")
    for each in (*PayoutState, *Finding):
        assert f"| {each.value} |" in text, each
    [rails] = blocks(text, "toml")
    assert [each["kind"] for each in tomllib.loads(rails)["rails"]] == [
        "iso20022", "file", "webhook",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["payout.md", "webhooks.md"])
def test_every_test_that_a_page_names_is_there(name: str):
    tests = "".join(
        each.read_text(encoding="utf-8")
        for each in (REPOSITORY / "tests" / "server").glob("test_*.py")
    )
    for each in re.findall(r"`(test_\w+)`", page(name)):
        assert f"def {each}(" in tests, each
