"""The station's log: one JSON object a line, and no personal data in it.

An event of ours is a snake_case noun phrase with facts. What libraries say is kept as its
template only, without what was filled in; of an exception its type and the place where it
was raised, not its words. Quoted text and long numbers are taken out of every value: errors
quote what they got, and that may be a name, a card or a telephone.

Under systemd the lines go to the journal, which rotates them. With ``log_file`` they go to a
file that is rotated here.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from edge_node.config import Settings

LOG = logging.getLogger("harvestline.edge")
OURS = "harvestline"
VALUE_CHARACTERS_MAX = 300
FILES_KEPT = 4
BYTES_PER_MIB = 1024 * 1024
QUIET = ("amqtt", "transitions", "httpx", "httpcore", "uvicorn")
_EVENT = re.compile(r"([a-z][a-z0-9_]*)((?: [a-z_]+=%[sd])*)")
_FACT = re.compile(r"([a-z_]+)=%[sd]")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”")
_LONG_NUMBER = re.compile(r"\+?\d[\d ()-]{6,}\d")


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """One line: when, how grave, which event, its facts."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, str | int] = {"at": at, "level": record.levelname.lower()}
        line |= _event(record)
        if record.exc_info and record.exc_info[0] is not None:
            line |= _raised(record)
        return json.dumps(line, ensure_ascii=False)


def start_log(settings: Settings) -> None:
    """Let everything that is logged go to stderr, or to the file that the settings name."""
    handler: logging.Handler
    if settings.log_file == Path():
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = RotatingFileHandler(
            settings.log_file, maxBytes=settings.log_file_mib_max * BYTES_PER_MIB,
            backupCount=FILES_KEPT, encoding="utf-8",
        )  # fmt: skip
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.raiseExceptions = False  # a full disk must not turn every event into a traceback
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def log_event(event: str, facts: Mapping[str, str | int]) -> None:
    """Write an event with its facts to the log."""
    LOG.info(event, extra={"facts": dict(facts)})


def scrubbed(value: str | int) -> str | int:
    """A value without quoted text and long numbers, and not too long."""
    if isinstance(value, int):
        return value
    text = _LONG_NUMBER.sub("…", _QUOTED.sub("'…'", str(value)))
    return text[:VALUE_CHARACTERS_MAX]


def _event(record: logging.LogRecord) -> dict[str, str | int]:
    template = str(record.msg)
    if record.name.split(".")[0] != OURS:
        return {"event": "library_said", "logger": record.name, "template": _plain(template)}
    facts: Mapping[str, str | int] = getattr(record, "facts", {})
    found = _EVENT.fullmatch(template)
    if found is None:
        return {"event": "unnamed", "template": _plain(template)}
    names, values = _FACT.findall(found[2]), record.args or ()
    if isinstance(values, tuple):
        given = (each if isinstance(each, int) else str(each) for each in values)
        facts = {**facts, **dict(zip(names, given, strict=False))}
    return {"event": found[1], **{name: scrubbed(value) for name, value in facts.items()}}


def _plain(template: str) -> str:
    return str(scrubbed(template.splitlines()[0] if template else ""))


def _raised(record: logging.LogRecord) -> dict[str, str | int]:
    kind, _, trace = record.exc_info or (None, None, None)
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace is not None else ""
    return {"raised": kind.__name__ if kind else "", "where": where}
