"""The language in which a farmer last wished to be spoken to at this station."""

from __future__ import annotations

from edge_node.store.database import StationDatabase


def keep(db: StationDatabase, farmer_id: str, language: str) -> None:
    """Remember a choice; the one before is forgotten."""
    with db.atomic():
        db.execute(
            "INSERT INTO chosen_languages (farmer_id, language) VALUES (?, ?) "
            "ON CONFLICT (farmer_id) DO UPDATE SET language = excluded.language",
            [farmer_id, language],
        )


def of_farmer(db: StationDatabase, farmer_id: str) -> str:
    """The language that a farmer chose; empty if they never did."""
    row = db.execute(
        "SELECT language FROM chosen_languages WHERE farmer_id = ?", [farmer_id]
    ).fetchone()
    return row[0] if row else ""
