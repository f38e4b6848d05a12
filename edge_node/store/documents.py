"""Signed telemetry documents, verbatim, as a decision cites them."""

from __future__ import annotations

from edge_node.store.database import StationDatabase
from edge_node.store.village import UnknownRecordError


def document(db: StationDatabase, sha256: str) -> bytes:
    """The bytes of a signed telemetry document.

    Raises
    ------
    UnknownRecordError
        If the station does not have it, or has it no more.
    """
    row = db.execute("SELECT raw FROM telemetry_documents WHERE sha256 = ?", [sha256]).fetchone()
    if row is None:
        raise UnknownRecordError(f"expected telemetry document {sha256[:16]}…, it is not here")
    return bytes(row[0])
