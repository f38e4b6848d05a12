"""Every command that the documentation shows exists, with the options it shows.

A line that starts with ``$`` in a console block is a command, and so is a line of an
``sh`` block that starts with one of Harvestline's programs. Those of Harvestline are held
against ``--help``; ``make`` targets against the Makefile; anything else
must be a program that a newcomer has.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from click import Command
from click.testing import CliRunner

from tests.support.tree import REPOSITORY

PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = sorted(PROJECT["scripts"])
AT_HAND = {
    "git",
    "cd",
    "pip",
    "bash",
    "cat",
    "cp",
    "ls",
    "curl",
    "kill",
    "export",
    "sudo",
    "apt-get",
    "journalctl",
    "python3",
    "rm",
    "systemctl",
    "useradd",
    "python",
}
CLUSTER = "dask"  # comes with harvestline[satellite]
DEVELOPERS = {"pytest", "ruff", "mypy", "lint-imports"}
BLOCK = re.compile(r"^```(?:console|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:\$ )?(harvestline-.*)|\$ (.*)")
HELP_LINES_MIN = 5


def documented() -> list[tuple[str, str]]:
    """Page and command, for every command that is shown."""
    return [
        (path.relative_to(REPOSITORY).as_posix(), said[1] or said[2])
        for path in PAGES
        for block in BLOCK.findall(path.read_text(encoding="utf-8"))
        for line in re.sub(r"\\\n\s*", "", block).splitlines()
        if (said := COMMAND.fullmatch(line))
    ]


def words_of(command: str) -> list[str]:
    """The first simple command, without settings before it and a path to its program."""
    words = shlex.split(command, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if words[:1] == ["sudo"]:
        words = words[3:] if words[1] == "-u" else words[1:]
    if words[:2] == ["sh", "-c"]:
        return words_of(words[2])
    for stop in ("||", "|", "&&", ">", ";", "&"):
        if stop in words:
            words = words[: words.index(stop)]
    return [Path(words[0]).name, *words[1:]]


@cache
def help_of(*words: str) -> str:
    if words[0] not in OURS:
        return printed_help_of(*words)
    # In this process: a hundred programs would start for a hundred words of help.
    module, name = PROJECT["scripts"][words[0]].split(":")
    found = vars(import_module(module))
    command = found[name] if isinstance(found[name], Command) else found["cli"]
    result = CliRunner().invoke(command, [*words[1:], "--help"], prog_name=words[0])
    assert result.exit_code == 0, f"{' '.join(words)} --help: {result.output}"
    return result.stdout


@cache
def printed_help_of(*words: str) -> str:
    result = subprocess.run(
        [BIN / words[0], *words[1:], "--help"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{' '.join(words)} --help: {result.stderr}"
    return result.stdout


def unbroken(text: str) -> str:
    return re.sub(r"\s+", "", text)


def subcommands(text: str) -> set[str]:
    """The names under ``Commands:`` of a help text."""
    _, _, listed = text.partition("Commands:")
    return set(re.findall(r"^\s{1,4}([a-z][a-z0-9-]+)(?=\s|$)", listed, re.MULTILINE))


def make_targets() -> set[str]:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))


@pytest.mark.parametrize("program", OURS)
def test_program_explains_itself(program: str):
    said = printed_help_of(program)
    assert len(said.splitlines()) >= HELP_LINES_MIN
    # Where a line is broken depends on the width of a terminal.
    assert unbroken(said) == unbroken(help_of(program))


@pytest.mark.parametrize(("page", "command"), documented())
def test_shown_command_exists(page: str, command: str):
    words = words_of(command)
    if words[0] == "make":
        targets = {word for word in words[1:] if "=" not in word and not word.startswith("-")}
        assert targets <= make_targets(), page
    elif words[0] in OURS or words[0] == CLUSTER:
        assert_options_exist(words, page)
    elif words[0] in DEVELOPERS:
        assert (BIN / words[0]).exists(), page
    else:
        assert words[0] in AT_HAND, f"{page}: {command}"


def assert_options_exist(words: list[str], page: str) -> None:
    path, rest = [words[0]], words[1:]
    texts = help_of(*path)
    while rest and rest[0] in subcommands(texts):
        path, rest = [*path, rest[0]], rest[1:]
        texts = help_of(*path)
    if subcommands(texts):
        assert not rest or rest[0].startswith("-"), f"{page}: no such command: {rest[0]}"
    options = {word.split("=")[0] for word in rest if word.startswith("--")}
    unknown = {option for option in options if not re.search(rf"{option}\b", texts)}
    assert not unknown, f"{page}: {' '.join(path)} has no {unknown}"


def test_words_of_a_command_leave_out_settings_and_paths():
    assert words_of("A=1 .venv/bin/harvestline-sim demo --days 3 | cat") == [
        "harvestline-sim", "demo", "--days", "3",
    ]  # fmt: skip


def test_words_of_a_command_leave_out_who_runs_it():
    assert words_of("sudo -u me /opt/x/harvestline-edge doctor") == ["harvestline-edge", "doctor"]
    assert words_of("sudo sh -c '/opt/harvestline-edge unit > /etc/x'") == [
        "harvestline-edge", "unit",
    ]  # fmt: skip


def test_subcommands_are_read_from_help():
    text = (
        "Usage: x\n\nOptions:\n  --help  Show.\n\nCommands:\n  demo   Run it.\n  key-new  Make.\n"
    )
    assert subcommands(text) == {"demo", "key-new"}
