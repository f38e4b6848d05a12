"""A process that draws down as fast as it can and prints each receipt after its commit.

Started by a test, which kills it at a random moment: ``python -m
tests.support.draw_until_killed FOLDER LINE_ID AMOUNT_MINOR``.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from core.canonical import sha256_hex
from core.decision.quote import Quote
from core.lending.lease import Clock
from core.wire.records import Consent, ConsentAction
from edge_node.decide.desk import Desk
from edge_node.decide.draws import (
    DrawAsk,
    Receipt,
    begin,
    confirm_payout,
    quote_draw,
    quote_sha256,
    recover,
)
from edge_node.keys import load_key_file
from edge_node.store.database import open_database

AT_MS = 1_775_088_000_000  # 2026-04-02, a day into the test village's leases


def main(folder: Path, line_id: str, amount_minor: int, run: str) -> None:
    """Draw until nothing is left or the process is killed."""
    keys = load_key_file(folder / "kijani.json", "kijani")
    db = open_database(folder / "station.db")
    desk, clock = Desk("kijani", keys.signer, 0), Clock(AT_MS, 1_000)
    recover(db, desk, clock)
    print("ready", flush=True)
    for number in itertools.count():
        price = quote_draw(db, desk, line_id, amount_minor, clock)
        if not isinstance(price, Quote):
            print(f"end {price.code.value}", flush=True)
            return
        name = sha256_hex(f"{run}/{number}".encode())[:32]
        given = Consent(
            f"c-{name}", "f-1", ConsentAction.GRANT, ("drawdown",), "lender",
            quote_sha256(price), spoken=False, helped=False,
        )  # fmt: skip
        begun = begin(db, desk, DrawAsk(f"d-{name}", line_id, amount_minor, given), clock)
        if isinstance(begun, Receipt):
            print(f"pending {begun.drawdown.draw_id}", flush=True)
            posted = confirm_payout(db, desk, begun.drawdown.draw_id, clock)
            print(f"posted {posted.drawdown.draw_id} {posted.drawdown.amount_minor}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
