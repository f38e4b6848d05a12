"""The rail of files: a CSV for each batch, then a manifest that says that it is whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.canonical import canonical_bytes, sha256_hex
from server.services.payouts.folder import put_once
from server.services.payouts.rails import (
    Document,
    Handed,
    Parcel,
    RailTerms,
    amount_text,
)

COLUMNS = (
    "instruction_id", "amount", "currency", "scheme", "number", "bank", "name", "told",
)  # fmt: skip
WAIT_S = 900
BATCH_MAX = 1_000


@dataclass(frozen=True, slots=True)
class FileRail:
    """Batches as ``BATCH.csv`` with ``BATCH.manifest.json`` beside it, written last."""

    terms: RailTerms
    folder: Path

    @property
    def wait_ms(self) -> int:
        """How long a batch waits for more [ms]."""
        return 1000 * (WAIT_S if self.terms.wait_s is None else self.terms.wait_s)

    @property
    def batch_max(self) -> int:
        """The most instructions of one batch."""
        return self.terms.batch_max or BATCH_MAX

    @property
    def ask_again_ms(self) -> int | None:
        """Never: a file that was put stays put."""
        return None

    def compose(self, parcel: Parcel) -> Document:
        """The batch as CSV, one row an instruction."""
        text = io.StringIO(newline="")
        rows = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        rows.writerow(COLUMNS)
        for each in parcel.instructions:
            account = each.account
            rows.writerow((
                each.instruction_id, amount_text(each.amount_minor, each.currency), each.currency,
                account.scheme.value, account.number, account.bank, account.name, each.told,
            ))  # fmt: skip
        return Document(parcel.batch_id, f"{parcel.batch_id}.csv", text.getvalue().encode())

    def hand_over(self, documents: Sequence[Document], at_ms: int) -> tuple[Handed, ...]:  # noqa: ARG002 - the protocol's signature
        """Put each batch into the folder, then its manifest."""
        return tuple(hand_to_folder(self.folder, each, manifest=True) for each in documents)


def hand_to_folder(folder: Path, document: Document, *, manifest: bool) -> Handed:
    """Put a document into a folder once, with a manifest if the rail reads one."""
    try:
        put_once(folder, document.file_name, document.data)
        if manifest:
            put_once(folder, f"{document.batch_id}.manifest.json", manifest_of(document))
    except OSError as error:
        return Handed(is_taken=False, told=f"{folder.name}: {error.strerror or error}")
    return Handed(is_taken=True, told="put")


def manifest_of(document: Document) -> bytes:
    """What says that a batch is whole: its name, its length and its hash."""
    rows = document.data.count(b"\r\n") - 1
    told = {
        "batch_id": document.batch_id,
        "file": document.file_name,
        "bytes": len(document.data),
        "instructions_count": rows,
        "sha256": sha256_hex(document.data),
    }
    return canonical_bytes(told) + b"\n"
