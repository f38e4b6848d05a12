"""The centre's word that this station's key is this station's."""

from __future__ import annotations

from edge_node.store.database import StationDatabase


def keep(db: StationDatabase, document: str) -> None:
    """Take the centre's newest word on this station's key."""
    db.execute(
        "INSERT INTO vouch (only_row, document) VALUES (1, ?) "
        "ON CONFLICT (only_row) DO UPDATE SET document = excluded.document",
        [document],
    )


def vouch(db: StationDatabase) -> str:
    """The centre's word on this station's key, a signed document; empty if none has come."""
    row = db.execute("SELECT document FROM vouch").fetchone()
    return str(row[0]) if row else ""
