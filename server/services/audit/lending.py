"""The promises of lending: leases inside limits, draws inside leases, limits that replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby

from core.errors import HarvestlineError
from core.lending.books import fee_account, principal_account, slot_of
from core.lending.facts import FactKind, standing_facts
from core.lending.lease import LEASE, Lease, LeaseKind
from core.lending.limit import Movement, Terms, limit_terms
from core.lending.product import Product
from core.shape import decode, encode
from core.signing import open_document
from server.keys import KeyRing
from server.services.audit.finding import Look, Looks, first_fault, well
from server.services.centre import Centre
from server.services.chunks import read_lines
from server.services.giving_back import FEES_BACK
from server.services.outlook import read_seen
from server.services.posting import unsquared
from server.services.reviews import SPREAD_TERM, household
from server.services.standing import facts_of, priced_by, suspense_account, zone_minutes
from server.store import agreements, cash, leases, ledger, line_pages, products, registry, suspense
from server.store.engine import Tx
from server.store.leases import SignedLease
from server.store.lines import Line, LineMovement

PAGE_LEASES = 500
_OF_HOUSEHOLD = ("capacity_minor", "dues_minor")  # what was declared may have changed since


def _pages(centre: Centre, tx: Tx) -> Iterator[tuple[Tx, list[Line]]]:
    """Lines a page at a time, with all that is asked of them read in a dozen questions."""
    for page in line_pages.pages(tx):
        with tx.remembering() as remembering:
            read_lines(centre.work(remembering, centre.now_ms()), page)
            yield remembering, page


def books_match_facts(centre: Centre, tx: Tx) -> Looks:
    """What the ledger holds of each line is what its draws and repayments come to."""
    till = f"cash/{centre.settings.name}"
    for remembering, page in _pages(centre, tx):
        for line in page:
            yield _squared(remembering, line, till)


def _squared(tx: Tx, line: Line, till: str) -> Look:
    facts = {fact.fact_id: fact for fact in facts_of(tx, line)}.values()
    drawn = sum(fact.amount_minor for fact in facts if fact.kind is FactKind.DRAWDOWN)
    booked = ledger.drawn_minor(tx, principal_account(line.line_id))
    kept = _kept_fees_minor(tx, line)
    wrong = ", ".join(each.cause_id for each in unsquared(tx, line, till, "audit"))
    return first_fault(
        "lines",
        line.line_id,
        (booked != drawn, f"{drawn} drawn in the ledger, as its draws say", f"{booked}"),
        (bool(kept), "no fee of a draw before its farmer left in time", f"{kept} kept"),
        (bool(wrong), "entries that its draws and repayments come to", f"differing {wrong}"),
    )


def _kept_fees_minor(tx: Tx, line: Line) -> int:
    """What a line that was left while it cooled still bears of fees, or has back too much of."""
    steps = agreements.life(tx, line.application_id) if priced_by(tx, line).agreement else ()
    left = next((each for each in steps if FEES_BACK in each.detail and not each.irregular), None)
    if left is None:
        return 0
    entries = ledger.entries_for(tx, [fee_account(line.line_id)])
    moved = [
        (each.entry.cause_id, part.amount_minor)
        for each in entries
        for part in each.entry.lines
        if part.account == fee_account(line.line_id) and not slot_of(each.entry)
    ]
    told = [
        fact.amount_minor
        for fact in standing_facts(facts_of(tx, line))
        if fact.kind is FactKind.FEE and fact.on.isoformat() > left.on_day
    ]
    return sum(amount for _, amount in moved) - sum(told)


def suspense_matches_draws(_: Centre, tx: Tx) -> Looks:
    """What stands in suspense was paid out on lines that are not known here, and no other."""
    paid: dict[tuple[str, str], int] = {}
    for each in suspense.suspended(tx):
        key = (each.line_id, each.currency)
        paid[key] = paid.get(key, 0) + each.amount_minor
    for move in cash.unplaced(tx):  # repaid in cash on such a line, and waiting beside it
        key = (move.line_id, move.currency)
        paid[key] = paid.get(key, 0) - move.amount_minor
    for (line_id, currency), amount in paid.items():
        booked = ledger.account_balance(tx, suspense_account(line_id), currency)
        yield first_fault(
            "ledger_lines",
            suspense_account(line_id),
            (booked != amount, f"{amount}, as was paid out", f"{booked}"),
        )
    for page in line_pages.pages(tx):
        for line in page:
            left = ledger.account_balance(tx, suspense_account(line.line_id), line.currency)
            yield first_fault(
                "ledger_lines",
                suspense_account(line.line_id),
                (left != 0, "nothing, for the line is known", f"{left}"),
            )


def leases_within_limits(centre: Centre, tx: Tx) -> Looks:
    """No lease ever went a unit over: posted, pending and leased within the limit in force."""
    ring = KeyRing((centre.keys.identity().public_key,))
    page: list[SignedLease] = []
    for signed in leases.stream(tx):
        page.append(signed)
        if len(page) == PAGE_LEASES:
            yield from _leases(tx, page, ring)
            page = []
    yield from _leases(tx, page, ring)


def _leases(tx: Tx, page: Sequence[SignedLease], ring: KeyRing) -> Looks:
    line_ids = sorted({each.lease.line_id for each in page} - {""})
    moved = line_pages.movements_of(tx, line_ids)
    for signed in page:
        yield _lease(signed, moved.get(signed.lease.line_id, []), ring)


def _lease(signed: SignedLease, moved: Sequence[LineMovement], ring: KeyRing) -> Look:
    lease = signed.lease
    try:
        same = decode(Lease, open_document(signed.document, LEASE, ring).body) == lease
    except HarvestlineError as error:
        return Look("leases", lease.lease_id, "a lease that the centre signed", str(error))
    total = signed.posted_at_signing_minor + signed.pending_at_signing_minor
    total += signed.leased_at_signing_minor + lease.amount_minor
    of_line = lease.kind is LeaseKind.LINE
    in_force = _limits_at(lease, moved) if of_line else {lease.limit_minor}
    return first_fault(
        "leases",
        lease.lease_id,
        (not same, "what its document says", "another lease in its row"),
        (of_line and total > lease.limit_minor,
         f"at most {lease.limit_minor} posted, pending and leased", f"{total}"),
        (lease.limit_minor not in in_force,
         f"a limit in force when it was signed: {sorted(in_force)}", f"{lease.limit_minor}"),
    )  # fmt: skip


def _limits_at(lease: Lease, moved: Sequence[LineMovement]) -> set[int]:
    """The limits that were in force at the instant of signing.

    A movement in the same millisecond may have come before the lease or after it.
    """
    past = [each for each in moved if each.at_ms <= lease.signed_at_ms]
    at_once = [each for each in past if each.at_ms == lease.signed_at_ms]
    found = {each.limit_minor for each in (*past[-1:], *at_once)}
    return found | {each.limit_before_minor for each in at_once if each.seq > 1}


def draws_within_leases(_: Centre, tx: Tx) -> Looks:
    """What was drawn under a lease is within it, line by line where it opened lines."""
    rows = line_pages.leases_with_use(tx)
    for lease_id, group in groupby(rows, key=lambda row: str(row["lease_id"])):
        used = list(group)
        lease, total = used[0], sum(int(row["used_minor"] or 0) for row in used)
        opens = lease["kind"] == LeaseKind.ONBOARDING.value
        drawn = [row for row in used if row["line_used"] is not None and row["used_minor"]]
        most = max((int(row["used_minor"]) for row in drawn), default=0)
        others = {row["line_used"] for row in drawn} - {lease["line_id"]}
        yield first_fault(
            "leases",
            lease_id,
            (total > lease["amount_minor"], f"at most {lease['amount_minor']} drawn", f"{total}"),
            (opens and most > lease["per_line_minor"],
             f"at most {lease['per_line_minor']} drawn by any line", f"{most}"),
            (opens and len(drawn) > lease["lines_max"],
             f"at most {lease['lines_max']} lines", f"{len(drawn)}"),
            (not opens and bool(others), f"draws of {lease['line_id']} alone",
             ", ".join(sorted(map(str, others)))),
        )  # fmt: skip


def limits(centre: Centre, tx: Tx) -> Looks:
    """Every movement follows the one before, has reasons and evidence, and replays."""
    for page in line_pages.pages(tx):
        with tx.remembering() as remembering:
            registry.learn_subjects(remembering, [s for line in page for s in line.subject_ids])
            found = line_pages.movements_of(remembering, [line.line_id for line in page])
            cited = sorted({e for moves in found.values() for m in moves for e in m.evidence_ids})
            known = line_pages.known_evidence(remembering, cited)
            for line in page:
                yield from _line(centre, remembering, line, (found[line.line_id], known))


def _line(
    centre: Centre, tx: Tx, line: Line, found: tuple[Sequence[LineMovement], AbstractSet[str]]
) -> Looks:
    moves, known = found
    limit = 0
    supported: tuple[int, ...] = ()
    for number, moved in enumerate(moves, 1):
        where = f"{line.line_id}/{moved.seq}"
        look = _recorded(where, moved, (number, limit), known)
        yield look if look.expected else _replayed(centre, tx, line, moved, supported)
        limit, supported = moved.limit_minor, tuple(s.limit_minor for s in moved.supported)
    yield first_fault(
        "lines",
        line.line_id,
        (line.limit_minor != limit, f"limit {limit}, as its last movement set",
         f"{line.limit_minor}"),
        (line.movements_count != len(moves), f"{line.movements_count} movements", f"{len(moves)}"),
    )  # fmt: skip


def _recorded(
    where: str, moved: LineMovement, before: tuple[int, int], known: AbstractSet[str]
) -> Look:
    number, limit = before
    moves = moved.movement in (Movement.RAISED, Movement.CUT)
    missing = sorted(set(moved.evidence_ids) - known)
    return first_fault(
        "movements",
        where,
        (moved.seq != number, f"number {number}", f"{moved.seq}"),
        (moved.limit_before_minor != limit, f"limit {limit} before it",
         f"{moved.limit_before_minor}"),
        (not moved.reasons, "a reason", "none"),
        (moves and not moved.evidence_ids, "evidence for a limit that moved", "none"),
        (bool(missing), "evidence that is here", f"missing {', '.join(missing)}"),
        (not moves and moved.seq > 1 and moved.limit_minor != limit,
         f"{limit}, for it held", f"{moved.limit_minor}"),
    )  # fmt: skip


def _replayed(
    centre: Centre, tx: Tx, line: Line, moved: LineMovement, supported: Sequence[int]
) -> Look:
    """A movement from its own record: the rule's terms on what was seen, and the limit."""
    where = f"{line.line_id}/{moved.seq}"
    product = products.by_policy(tx, moved.policy_version)
    if product is None:
        return Look("movements", where, f"the product {moved.policy_version}", "none")
    if not moved.terms:
        return well("movements", where)
    recorded = decode(Terms, dict(moved.terms))
    wanted = _terms(centre, tx, line, moved, product)
    differing = _differing(recorded, wanted) if wanted is not None else ""
    low, high = _span(product, moved, recorded, supported)
    moves = moved.movement in (Movement.RAISED, Movement.CUT, Movement.OPENED)
    return first_fault(
        "movements",
        where,
        (bool(differing), "the terms that the rule gives on what was seen", differing),
        (moves and not low <= moved.limit_minor <= high,
         f"a limit of {low} to {high} by its terms", f"{moved.limit_minor}"),
        (moved.movement is Movement.RAISED and moved.limit_minor > _most(moved),
         f"at most {_most(moved)}, as the caps on the spread left", f"{moved.limit_minor}"),
    )  # fmt: skip


def _terms(
    centre: Centre, tx: Tx, line: Line, moved: LineMovement, product: Product
) -> Terms | None:
    if moved.movement is Movement.OPENED:
        return None  # an opening lends on what was declared, before anything was seen
    seen = read_seen(moved.views)
    if len(seen.on_record) != len(moved.views):
        return None  # views of a kind that only its own review reads
    work = centre.work(tx, moved.at_ms)
    on = work.today(zone_minutes(tx, line.farmer_id))
    return limit_terms(product, seen, household(work, line), on)


def _differing(recorded: Terms, wanted: Terms) -> str:
    """Which terms differ; the household may have grown since, so its capacity is not judged."""
    had: Mapping[str, int] = encode(recorded)
    told = [
        f"{name} {had[name]}, by the rule {value}"
        for name, value in encode(wanted).items()
        if name not in _OF_HOUSEHOLD and had.get(name) != value
    ]
    return "; ".join(told)


def _most(moved: LineMovement) -> int:
    """How high the caps on the book's spread let a line rise, by its record."""
    return moved.terms.get(SPREAD_TERM, moved.limit_minor)


def _span(
    product: Product, moved: LineMovement, terms: Terms, supported: Sequence[int]
) -> tuple[int, int]:
    """From where to where a moved limit may lie, by the terms on its record."""
    unit = product.credit.rounding_unit_minor
    highest = terms.limit(unit)
    if moved.movement is Movement.OPENED:
        return 0, highest
    lowest = terms.limit(unit, product.movement.raise_margin_ppm or 0)
    target = min(max(moved.limit_before_minor, lowest), highest)
    if moved.movement is Movement.CUT:
        return target, target
    # A rise gives what every one of the latest looks supports, held to the product's step.
    terms_say = product.movement
    alone = SPREAD_TERM not in moved.terms and terms_say.raise_max_ppm is None
    if terms_say.raise_looks_min < 2 and alone:
        return target, target
    return min((moved.limit_before_minor, target, *supported)), target
