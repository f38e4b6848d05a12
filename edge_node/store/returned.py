"""What another box of this station did, as the centre gives it back: lines, daily features."""

from __future__ import annotations

from core.scoring.features import DailyFeature
from core.units import PPM
from core.wire.records import LineOpened
from edge_node.store import daily, lines
from edge_node.store.database import StationDatabase
from edge_node.store.village import as_text


def take_opened(db: StationDatabase, opened: LineOpened, as_of: str, at_ms: int) -> None:
    """Keep that another box opened a line; the centre may have told of the line since."""
    if lines.find(db, opened.line_id) is None:
        lines.keep_opened(db, opened, as_of, at_ms)
        return
    db.execute("UPDATE lines SET opened = ? WHERE line_id = ?", [as_text(opened), opened.line_id])


def take_settled(db: StationDatabase, feature: DailyFeature, final_no: int, at_ms: int) -> None:
    """Store a settled version that another box computed; an open one of that day gives way.

    The record says nothing of what vouched for its readings, so none counts as signed: a
    box that is put back must not take a gateway's word for a device's.
    """
    day = (feature.subject_id, feature.feature, feature.day)
    db.execute(
        "DELETE FROM daily_features WHERE subject_id = ? AND feature = ? AND day = ? "
        "AND final_no IS NULL",
        day,
    )
    version = db.execute(
        "SELECT 1 + coalesce(max(version), 0) FROM daily_features "
        "WHERE subject_id = ? AND feature = ? AND day = ?",
        day,
    ).fetchone()[0]
    daily.put_version(db, feature, version, at_ms, unsigned_ppm=PPM)
    db.execute(
        "UPDATE daily_features SET final_no = ? "
        "WHERE subject_id = ? AND feature = ? AND day = ? AND version = ?",
        [final_no, *day, version],
    )
