"""The promises of documents: decision cards that replay, evidence that is as it came."""

from __future__ import annotations

from core.canonical import parse_canonical, sha256_hex
from core.signing import DOCUMENT_BYTES_MAX
from server.services.audit.finding import Look, Looks, first_fault
from server.services.cards import judge_card
from server.services.centre import Centre
from server.store import evidence, registry, reports
from server.store.engine import Tx
from server.store.reports import KeptDecision, Replay


def cards(centre: Centre, tx: Tx) -> Looks:
    """Every decision card bears its writer's signature and leads to the same bytes again."""
    keys = {one.name: one.public_key for one in registry.all_stations(tx)}
    keys[centre.settings.name] = centre.keys.identity().public_key
    with tx.remembering() as remembering:
        for kept in reports.stream_decisions(tx):
            known = (keys[kept.writer],) if kept.writer in keys else ()
            yield _card(remembering, kept, known)


def _card(tx: Tx, kept: KeptDecision, keys: tuple[str, ...]) -> Look:
    outcome, detail = judge_card(tx, kept.document, keys)
    body = parse_canonical(kept.document, DOCUMENT_BYTES_MAX)["body"]
    came = sha256_hex(kept.document)
    told = body.get("outcome", {})
    decided = (told.get("verdict"), told.get("score"), told.get("pd_ppm"), told.get("amount_minor"))
    row = (kept.verdict, kept.score, kept.pd_ppm, kept.amount_minor)
    return first_fault(
        "decisions",
        kept.card_id,
        (came != kept.document_sha256 or body["card_id"] != kept.card_id,
         f"the document {kept.document_sha256[:16]}… that was received", f"{came[:16]}…"),
        (decided != row, f"what its document says: {decided}", f"{row}"),
        (outcome is not Replay.SAME, "the same bytes when it is decided again",
         f"{outcome.value}: {detail}"),
    )  # fmt: skip


def evidence_as_it_came(_: Centre, tx: Tx) -> Looks:
    """Every evidence document has the hash with which it was received."""
    for evidence_id, sha256, document in evidence.stream_documents(tx):
        came = sha256_hex(document)
        yield first_fault(
            "evidence",
            evidence_id,
            (came != sha256, f"the document {sha256[:16]}… that was received", f"{came[:16]}…"),
        )
