"""Whom and what the lender has registered here, by the newest record of each."""

from __future__ import annotations

import json

from core.canonical import canonical_bytes
from core.errors import HarvestlineError
from core.lending.product import Product
from core.shape import decode, encode
from core.wire.records import EvidenceDigest
from core.wire.registry import Dossier, Farmer, Subject, SubjectKind
from edge_node.store import updates
from edge_node.store.database import StationDatabase


class UnknownRecordError(HarvestlineError):
    """Nothing by this id is known at the station."""

    code = "HL-EDGE-008"


def keep_farmer(db: StationDatabase, farmer: Farmer) -> None:
    """Take the newest word on a farmer."""
    db.execute(
        "INSERT INTO farmers (farmer_id, card_sha256, body) VALUES (?, ?, ?) "
        "ON CONFLICT (farmer_id) DO UPDATE SET card_sha256 = excluded.card_sha256, "
        "body = excluded.body",
        [farmer.farmer_id, farmer.card_sha256, as_text(farmer)],
    )


def keep_subject(db: StationDatabase, subject: Subject) -> None:
    """Take the newest word on a plot, pasture, herd, machine or store."""
    db.execute(
        "INSERT INTO subjects (subject_id, farmer_id, kind, body) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (subject_id) DO UPDATE SET farmer_id = excluded.farmer_id, "
        "kind = excluded.kind, body = excluded.body",
        [subject.subject_id, subject.farmer_id, subject.kind.value, as_text(subject)],
    )


def keep_dossier(db: StationDatabase, dossier: Dossier) -> None:
    """Take the newest word on what the centre knows of a farmer."""
    db.execute(
        "INSERT INTO dossiers (farmer_id, body) VALUES (?, ?) "
        "ON CONFLICT (farmer_id) DO UPDATE SET body = excluded.body",
        [dossier.farmer_id, as_text(dossier)],
    )


def keep_product(db: StationDatabase, product: Product) -> None:
    """Keep a version of a product; every version stays, so that cards replay."""
    db.execute(
        "INSERT INTO products (product_id, policy_version, version, body) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        [product.product_id, product.policy_version(), product.version, as_text(product)],
    )


def keep_evidence(db: StationDatabase, digest: EvidenceDigest, down_seq: int) -> None:
    """Keep the digest of an evidence document; the same again changes nothing."""
    db.execute(
        "INSERT INTO evidence_digests (evidence_id, subject_id, as_of, down_seq, body) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [digest.evidence_id, digest.subject_id, digest.as_of, down_seq, as_text(digest)],
    )


def find_farmer(db: StationDatabase, farmer_id: str) -> Farmer | None:
    """A farmer, if known here."""
    row = db.execute("SELECT body FROM farmers WHERE farmer_id = ?", [farmer_id]).fetchone()
    return decode(Farmer, json.loads(row[0])) if row else None


def farmer(db: StationDatabase, farmer_id: str) -> Farmer:
    """A farmer.

    Raises
    ------
    UnknownRecordError
        If the station does not know them.
    """
    row = db.execute("SELECT body FROM farmers WHERE farmer_id = ?", [farmer_id]).fetchone()
    return decode(Farmer, _known(row, "farmer", farmer_id))


def farmer_of_card(db: StationDatabase, card_sha256: str) -> Farmer | None:
    """Whose card it is; an unregistered card (or none) belongs to nobody."""
    if not card_sha256:
        return None
    row = db.execute("SELECT body FROM farmers WHERE card_sha256 = ?", [card_sha256]).fetchone()
    return decode(Farmer, json.loads(row[0])) if row else None


def subjects_of(db: StationDatabase, farmer_id: str) -> tuple[Subject, ...]:
    """All that is registered for a farmer, in order of id."""
    rows = db.execute(
        "SELECT body FROM subjects WHERE farmer_id = ? ORDER BY subject_id", [farmer_id]
    )
    return tuple(decode(Subject, json.loads(row[0])) for row in rows)


def subjects_of_kind(db: StationDatabase, kind: SubjectKind) -> tuple[Subject, ...]:
    """All registered subjects of a kind, in order of id."""
    rows = db.execute("SELECT body FROM subjects WHERE kind = ? ORDER BY subject_id", [kind.value])
    return tuple(decode(Subject, json.loads(row[0])) for row in rows)


def find_subject(db: StationDatabase, subject_id: str) -> Subject | None:
    """A plot, pasture, herd, machine or store, if the station knows it."""
    row = db.execute("SELECT body FROM subjects WHERE subject_id = ?", [subject_id]).fetchone()
    return decode(Subject, _known(row, "subject", subject_id)) if row else None


def subject(db: StationDatabase, subject_id: str) -> Subject:
    """A plot, pasture, herd, machine or store.

    Raises
    ------
    UnknownRecordError
        If the station does not know it.
    """
    row = db.execute("SELECT body FROM subjects WHERE subject_id = ?", [subject_id]).fetchone()
    return decode(Subject, _known(row, "subject", subject_id))


def dossier(db: StationDatabase, farmer_id: str) -> Dossier | None:
    """What the centre knows of a farmer, if it has said."""
    row = db.execute("SELECT body FROM dossiers WHERE farmer_id = ?", [farmer_id]).fetchone()
    return decode(Dossier, json.loads(row[0])) if row else None


def product(db: StationDatabase, product_id: str) -> Product:
    """The product as offered now: what updates put to use, else the highest version here.

    Raises
    ------
    UnknownRecordError
        If the centre has sent none.
    """
    slot = f"product/{product_id}"
    updated = updates.in_use(db, slot)
    if updated is not None:
        return product_by_policy(db, updated.cites)
    shunned = updates.shunned_cites(db, slot)
    rows = db.execute(
        "SELECT body, policy_version FROM products WHERE product_id = ? "
        "ORDER BY version DESC, policy_version DESC",
        [product_id],
    )
    offered = next(((body,) for body, policy in rows if policy not in shunned), None)
    return decode(Product, _known(offered, "product", product_id))


def product_by_policy(db: StationDatabase, policy_version: str) -> Product:
    """The very version of a product that a decision card cites.

    Raises
    ------
    UnknownRecordError
        If the station never had it.
    """
    row = db.execute(
        "SELECT body FROM products WHERE policy_version = ?", [policy_version]
    ).fetchone()
    return decode(Product, _known(row, "policy", policy_version))


def product_ids(db: StationDatabase) -> tuple[str, ...]:
    """The products on offer, in order of id."""
    rows = db.execute("SELECT DISTINCT product_id FROM products ORDER BY product_id")
    return tuple(row[0] for row in rows)


def evidence_of(db: StationDatabase, subject_id: str) -> EvidenceDigest | None:
    """The newest evidence on a plot or pasture."""
    row = db.execute(
        "SELECT body FROM evidence_digests WHERE subject_id = ? "
        "ORDER BY as_of DESC, down_seq DESC LIMIT 1",
        [subject_id],
    ).fetchone()
    return decode(EvidenceDigest, json.loads(row[0])) if row else None


def evidences_of(db: StationDatabase, subject_id: str) -> tuple[EvidenceDigest, ...]:
    """All evidence on a plot or pasture, the oldest first."""
    rows = db.execute(
        "SELECT body FROM evidence_digests WHERE subject_id = ? ORDER BY as_of, down_seq",
        [subject_id],
    )
    return tuple(decode(EvidenceDigest, json.loads(row[0])) for row in rows)


def as_text(value: object) -> str:
    """A document's canonical text, as the tables keep it."""
    return canonical_bytes(encode(value)).decode()


def _known(row: tuple[str] | None, what: str, name: str) -> object:
    if row is None:
        raise UnknownRecordError(
            f"expected a {what} that is known here, got {name!r}: check it, or wait for the link"
        )
    return json.loads(row[0])
