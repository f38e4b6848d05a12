"""What the lender reports to a bureau: its own lines, of farmers who let it, by blind index.

The file is of the same form as those that come in, so one lender's report is another's
extract.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import asdict, dataclass
from io import StringIO

from core.canonical import sha256_hex
from core.shape import encode
from core.signing import sign_document
from core.wire.personal_data import DataClass, Purpose, Recipient
from server.services.bureau.extracts import COLUMNS, EXTRACT, Manifest
from server.services.centre import Centre, Work
from server.services.consents.using import may
from server.services.standing import account_of, zone_minutes
from server.store import bureau, lines
from server.store.bureau import BureauRow


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its rows as CSV, and its manifest, signed by the centre."""

    name: str
    data: bytes
    manifest: bytes
    rows_count: int
    left_out_count: int


def report_to(centre: Centre, name: str) -> Report:
    """The lender's report to a bureau as of today; who gave no consent to it is left out."""
    with centre.store.reading() as tx:
        work = centre.work(tx, centre.now_ms())
        rows, left_out = _rows(work)
    text = StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    data, as_of = text.getvalue().encode(), work.today().isoformat()
    file = f"{name}-{as_of}.csv"
    body = Manifest(name, as_of, file, len(rows), sha256_hex(data))
    signed = sign_document(EXTRACT, encode(body), centre.keys)
    return Report(file, data, signed, len(rows), left_out)


def _rows(work: Work) -> tuple[list[BureauRow], int]:
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    left_out = set[str]()
    for line in lines.every(work.tx, open_only=True):
        index = _index_if_allowed(work, line.farmer_id)
        if not index:
            left_out.add(line.farmer_id)
            continue
        today = work.today(zone_minutes(work.tx, line.farmer_id))
        owes = account_of(work.tx, line, today)
        found = sums[index, line.currency]
        found[0] += owes.owed.total_minor
        found[2] = 1
        found[3] = max(found[3], owes.late_days)
    rows = [BureauRow(*whose, *numbers) for whose, numbers in sorted(sums.items())]
    return rows, len(left_out)


def _index_if_allowed(work: Work, farmer_id: str) -> str:
    known = bureau.answers_of(work.tx, farmer_id)
    uses = [(Purpose.BUREAU_REPORT, each, Recipient.BUREAU)
            for each in (DataClass.IDENTITY, DataClass.MONEY)]  # fmt: skip
    allowed = all(may(work.tx, farmer_id, use).allowed for use in uses)
    return known[0].subject_index if known and allowed else ""
