"""Credit lines as known here: opened here, or told by the centre."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.canonical import canonical_bytes
from core.reasons import Reason
from core.shape import decode, encode
from core.wire.records import Freeze, Leaving, LineOpened, LineStatus
from edge_node.store.database import StationDatabase
from edge_node.store.village import UnknownRecordError, as_text

HISTORY_STEPS_MAX = 60
# What the farmer ended holds until the centre has heard of it; from then on its word does.
_SELECT = (
    "SELECT line_id, farmer_id, product_id, opened, status, counted_seq, frozen, freeze, "
    "(SELECT v.event FROM leavings v JOIN log_subjects s ON s.log = 'money' "
    "AND s.subject = 'line/' || v.line_id || '/' || v.event "
    "WHERE v.line_id = lines.line_id AND s.seq > lines.counted_seq ORDER BY v.at_ms LIMIT 1) "
    "FROM lines "
)


@dataclass(frozen=True, slots=True)
class KeptLine:
    """A line: how it was opened here, the centre's newest word, whether it is frozen.

    ``counted_seq`` is the number of the station's money log up to which draws are
    counted in ``status``. ``left`` is how the farmer ended it here, while the centre has
    not heard of it.
    """

    line_id: str
    farmer_id: str
    product_id: str
    opened: LineOpened | None
    status: LineStatus | None
    counted_seq: int
    frozen: bool
    freeze_reasons: tuple[Reason, ...]
    left: Leaving | None = None

    @property
    def limit_minor(self) -> int:
        """The limit in force as known here [minor units]."""
        if self.status is not None:
            return self.status.limit_minor
        return self.opened.limit_minor if self.opened is not None else 0

    @property
    def open(self) -> bool:
        """Whether the line may still be used."""
        told = self.status is None or self.status.open
        return told and self.left is not Leaving.ABANDON


@dataclass(frozen=True, slots=True)
class LimitStep:
    """A limit as it stood from a day on, and why."""

    as_of: str
    limit_minor: int
    movement: str
    reasons: tuple[Reason, ...]


def keep_opened(db: StationDatabase, opened: LineOpened, as_of: str, at_ms: int) -> None:
    """Write a line that was opened here, with its first limit."""
    db.execute(
        "INSERT INTO lines (line_id, farmer_id, product_id, opened) VALUES (?, ?, ?, ?)",
        [opened.line_id, opened.farmer_id, opened.product_id, as_text(opened)],
    )
    step = LimitStep(as_of, opened.limit_minor, "opened", ())
    _keep_step(db, opened.line_id, step, at_ms)


def keep_status(db: StationDatabase, status: LineStatus, counted_seq: int, at_ms: int) -> None:
    """Take the centre's newest word on a line, and remember a limit that moved."""
    db.execute(
        "INSERT INTO lines (line_id, farmer_id, product_id, status, status_at_ms, counted_seq) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (line_id) DO UPDATE SET "
        "status = excluded.status, status_at_ms = excluded.status_at_ms, "
        "counted_seq = excluded.counted_seq",
        [
            status.line_id,
            status.farmer_id,
            status.product_id,
            as_text(status),
            at_ms,
            counted_seq,
        ],
    )
    step = LimitStep(status.as_of, status.limit_minor, status.movement.value, status.reasons)
    _keep_step(db, status.line_id, step, at_ms)


def keep_freeze(db: StationDatabase, freeze: Freeze) -> bool:
    """Freeze or release a line; False if the line is not known here."""
    changed = db.execute(
        "UPDATE lines SET frozen = ?, freeze = ? WHERE line_id = ?",
        [int(freeze.frozen), as_text(freeze), freeze.line_id],
    )
    return bool(changed.rowcount)


def line(db: StationDatabase, line_id: str) -> KeptLine:
    """A line.

    Raises
    ------
    UnknownRecordError
        If the station does not know it.
    """
    found = find(db, line_id)
    if found is None:
        raise UnknownRecordError(f"expected a line that is known here, got {line_id!r}")
    return found


def find(db: StationDatabase, line_id: str) -> KeptLine | None:
    """A line, if it is known here."""
    row = db.execute(_SELECT + "WHERE line_id = ?", [line_id]).fetchone()
    return _line(row) if row else None


def lines_of(db: StationDatabase, farmer_id: str) -> tuple[KeptLine, ...]:
    """A farmer's lines, in order of id."""
    rows = db.execute(_SELECT + "WHERE farmer_id = ? ORDER BY line_id", [farmer_id])
    return tuple(_line(row) for row in rows)


def opened_under(db: StationDatabase, lease_id: str) -> tuple[LineOpened, ...]:
    """The lines that were opened under an onboarding lease."""
    rows = db.execute(
        "SELECT opened FROM lines WHERE opened <> '' "
        "AND json_extract(opened, '$.lease_id') = ? ORDER BY line_id",
        [lease_id],
    )
    return tuple(decode(LineOpened, json.loads(row[0])) for row in rows)


def limit_history(db: StationDatabase, line_id: str) -> tuple[LimitStep, ...]:
    """The limits of a line, oldest first; the newest ``HISTORY_STEPS_MAX`` of them."""
    rows = db.execute(
        "SELECT as_of, limit_minor, movement, reasons FROM limit_history WHERE line_id = ? "
        "ORDER BY step DESC LIMIT ?",
        [line_id, HISTORY_STEPS_MAX],
    ).fetchall()
    return tuple(
        LimitStep(as_of, limit_minor, movement, _reasons(json.loads(reasons)))
        for as_of, limit_minor, movement, reasons in reversed(rows)
    )


def _keep_step(db: StationDatabase, line_id: str, step: LimitStep, at_ms: int) -> None:
    last = db.execute(
        "SELECT step, as_of, limit_minor, movement FROM limit_history WHERE line_id = ? "
        "ORDER BY step DESC LIMIT 1",
        [line_id],
    ).fetchone()
    if last and (last[2], last[3]) == (step.limit_minor, step.movement):
        return
    db.execute(
        "INSERT INTO limit_history (line_id, step, at_ms, as_of, limit_minor, movement, reasons) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            line_id,
            last[0] + 1 if last else 1,
            at_ms,
            step.as_of,
            step.limit_minor,
            step.movement,
            canonical_bytes(encode(step.reasons)).decode(),
        ],
    )


def _line(row: tuple[Any, ...]) -> KeptLine:
    line_id, farmer_id, product_id, opened, status, counted_seq, frozen, freeze, left = row
    return KeptLine(
        line_id=line_id,
        farmer_id=farmer_id,
        product_id=product_id,
        opened=decode(LineOpened, json.loads(opened)) if opened else None,
        status=decode(LineStatus, json.loads(status)) if status else None,
        counted_seq=counted_seq,
        frozen=bool(frozen or left),
        freeze_reasons=decode(Freeze, json.loads(freeze)).reasons if freeze else (),
        left=Leaving(left) if left else None,
    )


def _reasons(found: Sequence[object]) -> tuple[Reason, ...]:
    return tuple(decode(Reason, one) for one in found)
