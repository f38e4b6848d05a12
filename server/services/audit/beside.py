"""The promises beside lines: partners' parts add up, covers pay once, rates keep their bands."""

from __future__ import annotations

from collections.abc import Sequence

from core.lending.risk_price import RateReason, RiskPrice
from server.services.audit.finding import Looks, first_fault
from server.services.beside import by_cover, paid_minor, repayment_of
from server.services.centre import Centre
from server.services.colending import unshared
from server.store import colending, covers, ledger, line_rates, products
from server.store.covers import CoverEvent
from server.store.engine import Tx
from server.store.line_rates import LineRate


def shares_add_up(_: Centre, tx: Tx) -> Looks:
    """What partners' accounts hold of each joint line is what its books come to, day by day."""
    for line_id in colending.lines_shared(tx):
        found = colending.shared(tx, line_id)
        if found is None:
            continue
        wrong = unshared(tx, found)
        told = ", ".join(sorted({f"{each.partner_id} on {each.on}" for each in wrong})[:5])
        total = sum(each.share_ppm for each in found.parties)
        yield first_fault(
            "line_partners",
            line_id,
            (total != 1_000_000, "shares that sum to 1,000,000 ppm", f"{total}"),
            (bool(wrong), "each partner's part of the line's books", f"differing {told}"),
        )


def covers_paid(_: Centre, tx: Tx) -> Looks:
    """No cover paid more than its sum, and each payment is a repayment of its amount."""
    for steps in by_cover(covers.every(tx)):
        said, paid = steps[0], paid_minor(tx, steps)
        booked = True
        for each in steps:
            if each.event is CoverEvent.PAID:
                repayment_id = repayment_of(each.cover_id, str(each.content["reference"]))
                kept = ledger.find_repayment(tx, repayment_id)
                booked = booked and kept is not None and kept.amount_minor == each.sum_minor
        yield first_fault(
            "covers",
            said.cover_id,
            (said.event is not CoverEvent.STATED, "a statement first", said.event.value),
            (paid > said.sum_minor, f"at most {said.sum_minor} paid", f"{paid}"),
            (not booked, "a repayment for each payment", "one that is missing or differs"),
        )


def rates_in_band(_: Centre, tx: Tx) -> Looks:
    """Every rate that moved lies in the band that was in force, and follows the one before."""
    last: tuple[str, int] = ("", 0)
    for rate in line_rates.stream(tx):
        number = last[1] + 1 if last[0] == rate.line_id else 1
        last = (rate.line_id, rate.seq)
        product = products.by_policy(tx, rate.policy_version)
        rows = (product.risk_prices or ()) if product is not None else ()
        yield first_fault(
            "line_rates",
            f"{rate.line_id}/{rate.seq}",
            (rate.seq != number, f"number {number}", f"{rate.seq}"),
            (product is None, f"the product {rate.policy_version}", "none"),
            (not rate.reasons, "a reason", "none"),
            (not _is_within(rate, rows), "a rate inside its band", f"{rate.rated.rate_ppm}"),
        )


def _is_within(rate: LineRate, rows: Sequence[RiskPrice]) -> bool:
    """Whether a rate lies in the band of its day; a first one in that of its card's day."""
    if rate.rated.reason is RateReason.ABOVE_CAP:
        return True  # it stayed where it was, whatever the band says
    held = [
        row
        for row in rows
        if rate.rated.reason is RateReason.FIRST
        or (row.from_on <= rate.effective_on and (row.until_on or "9999") >= rate.effective_on)
    ]
    found = rate.rated.rate_ppm
    return not held or any(row.rate_min_ppm <= found <= row.rate_max_ppm for row in held)
