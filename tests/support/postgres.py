"""A throwaway PostgreSQL: one server for a test session, one database for a test.

PostgreSQL refuses to run as root, so it then runs as uid 65534. It listens on a unix
socket in its own folder and nowhere else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.support.memory import memory_folder
from tests.support.requirements import require

NOBODY = 65534
USER = "harvestline"
START_S_MAX = 60
EMPTY = "template0"  # PostgreSQL's own, which nobody may alter
# It is thrown away: what a crash would lose does not matter, and its files are kept in memory
# where there is room (a new database took 16 ms there and 470 ms on a disk). Few buffers,
# because each new database writes down all that have changed.
SETTINGS = (
    "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c listen_addresses=''"
    " -c shared_buffers=16MB -c autovacuum=off"
)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server, reached by its socket's folder."""

    folder: Path

    def url(self, database: str) -> str:
        """SQLAlchemy's address of a database."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}"

    def create(self, database: str, template: str = EMPTY) -> str:
        """A new database, the copy of another; its address.

        Its files are copied: that takes a sixth of writing every page to the journal.
        """
        self.execute(f"CREATE DATABASE {database} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run one statement outside all databases of tests."""
        conninfo = f"host={self.folder} user={USER} dbname=postgres"
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_postgres(settings: str = SETTINGS) -> Iterator[Postgres]:
    """A server that lives as long as the block; skips or fails where there is none.

    A bench gives settings of its own, with which a commit is durable, and has it on the disk.
    """
    programs = require("postgresql")
    place = memory_folder() if settings == SETTINGS else None
    folder = Path(tempfile.mkdtemp(prefix="hl-pg-", dir=place))
    identity = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
    if identity:
        os.chown(folder, NOBODY, NOBODY)
    data = folder / "data"

    def run(*arguments: str) -> None:
        # Its own stdin and a file for output: the server keeps them open.
        with (folder / "commands.log").open("ab") as log:
            subprocess.run(
                arguments, check=True, cwd=folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, timeout=START_S_MAX, extra_groups=[] if identity else None,
                **identity,
            )  # fmt: skip

    try:
        run(str(programs / "initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-N",
            "--no-locale", "-E", "UTF8")  # fmt: skip
        options = f"-k {folder} {settings}"
        run(str(programs / "pg_ctl"), "-D", str(data), "-w", "-o", options,
            "-l", str(folder / "server.log"), "start")  # fmt: skip
        try:
            yield Postgres(folder)
        finally:
            run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
