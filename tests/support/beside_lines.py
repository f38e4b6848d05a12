"""A lender whose product asks a bureau, counts covers, is priced by risk and lent together."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.decision.quote import quote
from core.lending.colending import Arrangement, JointRules, Party
from core.lending.lease import DrawState
from core.lending.product import Product, parse_product
from core.shape import encode
from core.units import civil_day
from core.wire.records import Consent, ConsentAction, Drawdown
from server.keys import write_secret
from server.services.bureau.asking import index_of
from server.services.bureau.extracts import COLUMNS
from server.store import reports, rulebooks
from server.store.bureau import BureauRow
from server.store.people import Actor
from server.store.reports import KeptConsent
from server.store.rulebooks import RuleKind
from tests.support.centre_kit import TESTER, Kit
from tests.support.kiosk_kit import MONEY, deliver, leases_at_station
from tests.support.policies import put_in_force

OFFICER = Actor("asha", "supervisor")
SECRET = b"7" * 64
COVER = {
    "insurers": ["agri-re"],
    "insured_counts": "sum",
    "insured_minor_per_ha": 2_000_000,
    "guaranteed_ppm_max": 500_000,
    "guarantor_minor_max": 5_000_000,
}
BUREAU = {"bureaus": ["crb"], "answer_days_max": 60, "required": False}
LENDERS = ["The Bank", "The Cooperative", "The Fund"]


def offer(kit: Kit, **tables: Any) -> Product:
    """Put the next version of the kit's product in force, with some tables of its own."""
    table = {**encode(kit.product), "version": kit.product.version + 1, **tables}
    product = parse_product(table)
    put_in_force(kit.centre, product, TESTER)
    kit.product = product
    return product


def consent(kit: Kit, farmer_id: str, *purposes: str, take_back: bool = False) -> str:
    """A farmer's consent, or its withdrawal, as the centre keeps it."""
    said = Consent(
        consent_id=kit.ids.next_id(),
        farmer_id=farmer_id,
        action=ConsentAction.WITHDRAW if take_back else ConsentAction.GRANT,
        purposes=purposes,
        recipient="lender",
        shown_sha256="0" * 64,
        spoken=False,
        helped=False,
    )
    kit.clock.at_ms += 1
    kept = KeptConsent(said, "st-one", kit.clock.at_ms, 0)
    kit.centre.write(lambda work: reports.add_consent(work.tx, kept))
    return said.consent_id


def with_secret(kit: Kit, folder: Path) -> Path:
    """Give the centre the secret that it shares with bureaus."""
    path = folder / "bureau.key"
    if not path.exists():
        write_secret(path, SECRET)
    kit.centre = replace(
        kit.centre, settings=replace(kit.centre.settings, bureau_key_file=str(path))
    )
    return path


def owes(document: str, dues: int, liens: int = 0, **changes: Any) -> BureauRow:
    """A row of a bureau's extract about who holds an identity document."""
    row = BureauRow(index_of(bytes.fromhex(SECRET.decode()), document), "KES", dues, liens, 1, 0)
    return replace(row, **changes)


def extract(
    folder: Path, as_of: str, *rows: BureauRow, manifest: dict[str, Any] | None = None
) -> Path:
    """A bureau's folder with an extract in CSV and its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"crb-{as_of}.csv"
    lines = [",".join(COLUMNS), *(",".join(map(str, asdict(row).values())) for row in rows)]
    data = ("\n".join(lines) + "\n").encode()
    (folder / name).write_bytes(data)
    said = {
        "bureau": "crb", "as_of": as_of, "file": name, "rows_count": len(rows),
        "sha256": hashlib.sha256(data).hexdigest(), **(manifest or {}),
    }  # fmt: skip
    (folder / f"{name}.manifest.json").write_text(json.dumps(said))
    return folder


OURS, COOP = Party("us", LENDERS[0], 700_000), Party("coop", LENDERS[1], 300_000)


def rules(kit: Kit, **changes: object) -> None:
    """The lender states its capital; the book's share is let be, for the book is one line."""
    stated = JointRules(
        2, "2026-01-01", 300_000, 250_000, 1_000_000, 40_000_000, "KES", "the lender's books"
    )
    kept = replace(stated, **changes)  # type: ignore[arg-type]
    kit.centre.write(lambda work: rulebooks.add(work.tx, RuleKind.JOINT, kept, (1, "asha")))


def agreement(*parties: Party, **changes: str) -> Arrangement:
    found = Arrangement("joint-1", "crop-season", "2026-01-01", "2026-12-31", parties)
    return replace(found, **changes)


WORD: dict[str, Any] = {
    "cover_id": "policy-1", "kind": "insurance", "farmer_id": "farmer-b", "party": "agri-re",
    "from_on": "2026-03-01", "until_on": "2026-05-14", "currency": "KES",
    "sum_minor": 6_000_000, "said_on": "2026-03-01", "trigger_kg_per_ha": 1_500,
    "exit_kg_per_ha": 500,
}  # fmt: skip
GUARANTEE: dict[str, Any] = {
    "cover_id": "word-1", "kind": "guarantee", "farmer_id": "farmer-b", "party": "farmer-a",
    "from_on": "2026-03-01", "until_on": "2026-12-31", "currency": "KES",
    "sum_minor": 4_000_000, "said_on": "2026-03-01", "share_ppm": 500_000,
}  # fmt: skip


def words(*said: dict[str, Any]) -> bytes:
    return json.dumps({"covers": list(said)}).encode()


def draw_at(kit: Kit, draw_id: str, line_id: str, amount: int, rate_ppm: int) -> None:
    """A station's posted draw under the line's newest lease that can carry it."""
    kit.station.pull(kit.centre)
    fit = [e for e in leases_at_station(kit) if e.line_id == line_id and e.amount_minor >= amount]
    on = civil_day(kit.clock.at_ms)
    price = quote(kit.product.at_rate(rate_ppm), amount, on)
    for state in (DrawState.PENDING, DrawState.POSTED):
        body = Drawdown(
            draw_id, line_id, fit[-1].lease_id, state, amount, price.fee_minor, "KES", "consent-1",
            price.apr_ppm, on.isoformat(), rate_ppm=rate_ppm,
        )  # fmt: skip
        kit.station.write(MONEY, "drawdown", body, kit.clock.at_ms)
    deliver(kit)
