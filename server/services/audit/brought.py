"""The promise about rails' files: each was brought by one within its bound, or said by two."""

from __future__ import annotations

from collections import defaultdict

from server.services.audit.finding import Looks, first_fault
from server.services.audit.said import Said
from server.services.payouts.admitting import ADMITTED, ANSWERS
from server.store import people, rail_books
from server.store.engine import Tx
from server.store.money_words import WordKind

_RECONCILED = "rail_reconciled"  # as the trail tells it
_BY_ITSELF = frozenset({"call", "answer"})  # signed by the rail, and brought by nobody


def files(tx: Tx, said: Said) -> Looks:
    """Every answer that stood in a file rests on a file that was let in, and that on two or one.

    Files that were read before the trail told who lets one in are known by that they were read.
    """
    let_in: dict[tuple[str, str], list[people.AuditRow]] = defaultdict(list)
    for row in people.stream_trail(tx, ADMITTED):
        let_in[row.object_id, str(row.detail["sha256"])].append(row)
        word_id = str(row.detail["word_id"])
        subject = f"{row.object_id}|{row.detail['purpose']}|{row.detail['sha256']}"
        fault = said.fault(word_id, (WordKind.RAIL_FILE, subject), row.actor)
        yield first_fault("audit", str(row.seq), (bool(word_id) and fault[0], *fault[1:]))
    read_before = {
        (row.object_id, str(row.detail.get("sha256", "")))
        for row in people.stream_trail(tx, _RECONCILED)
        if "let_in" not in row.detail
    }
    for file in rail_books.files_let_in(tx):
        rows = let_in.get((file.rail, file.sha256), [])
        told = {(row.actor, row.detail["purpose"], row.detail["word_id"]) for row in rows}
        is_told = (file.brought_by, file.purpose, file.word_id) in told
        is_told = is_told or (file.rail, file.sha256) in read_before
        fault = (not is_told, "a file that the trail says was let in", file.brought_by)
        yield first_fault("rail_files", f"{file.rail}/{file.sha256[:16]}", fault)
    for rail, sha256 in rail_books.files(tx, _BY_ITSELF):
        rows = let_in.get((rail, sha256), [])
        is_let_in = any(row.detail["purpose"] == ANSWERS and _is_good(said, row) for row in rows)
        is_known = is_let_in or (rail, sha256) in read_before
        fault = (not is_known, "a file brought by one within its bound, or by two", "neither")
        yield first_fault("rail_answers", f"{rail}/{sha256[:16]}", fault)


def _is_good(said: Said, row: people.AuditRow) -> bool:
    word_id = str(row.detail["word_id"])
    word = said.words.get(word_id)
    subject = f"{row.object_id}|{row.detail['purpose']}|{row.detail['sha256']}"
    return not word_id or (word is not None and word.subject_id == subject)
