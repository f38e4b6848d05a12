"""Lines that several lenders carry: who joins in, what each carries, and that it adds up.

The farmer deals with one lender and pays one price; an agreement names the product, and the
product names the lenders to the farmer. A line is joined when it is opened, if the farmer
consented to it and no rule is broken; else the lender lends alone, and the trail says why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import AgreementError
from core.lending.books import line_accounts, written_off_account
from core.lending.colending import (
    Arrangement,
    JointExposure,
    Refused,
    account_of,
    accounts_of,
    carried,
    loan_refusals,
    positions,
    share_refusals,
)
from core.lending.ledger import Entry, EntryKind, EntryLine
from core.lending.product import Product
from core.units import allocate
from core.wire.personal_data import DataClass, Purpose, Recipient
from server.services.centre import Centre, Work
from server.services.consents.using import may, use_data
from server.store import colending, ledger, people, products, rulebooks
from server.store.colending import SharedLine
from server.store.engine import Tx
from server.store.lines import Line
from server.store.people import Actor

_USES = tuple(
    (Purpose.CO_LENDING, each, Recipient.CO_LENDER)
    for each in (DataClass.IDENTITY, DataClass.MONEY)
)


@dataclass(frozen=True, slots=True)
class Missing:
    """What the books of a line lack, or hold too much of, for a partner on a day."""

    partner_id: str
    on: str
    lines: tuple[EntryLine, ...]


def sign_agreement(centre: Centre, found: Arrangement, by: Actor) -> bool:
    """Sign an agreement between lenders; False if the same is signed.

    Raises
    ------
    AgreementError
        If it contradicts itself, a share is too small, the product does not name the
        lenders to the farmer, or the chart lacks the accounts.
    NotKnownError
        If there is no such product.
    ConflictError
        If its id has other content.
    """

    def act(work: Work) -> bool:
        faults = [*found.faults(), *_refusals(work, found)]
        if faults:
            raise AgreementError("; ".join(faults))
        is_new = colending.sign(work.tx, found, by.name, work.at_ms)
        if is_new:
            detail = {"product_id": found.product_id, "parties_count": len(found.parties)}
            subject = ("partner_agreement", found.agreement_id)
            people.record(work.tx, work.at_ms, by, "partners_agreed", subject, detail)
        return is_new

    return centre.write(act)


def _refusals(work: Work, found: Arrangement) -> list[str]:
    today = work.today().isoformat()
    told = [str(each) for each in share_refusals(rulebooks.joint_on(work.tx, today), found)]
    product = products.newest(work.tx, found.product_id)
    named = set(product.lenders or ())
    unnamed = [each.name for each in found.parties if each.name not in named]
    if unnamed:
        told.append(
            f"expected that {product.product_id} tells the farmer who lends (lenders), got no "
            + ", ".join(unnamed)
        )
    chart = rulebooks.chart_on(rulebooks.charts(work.tx), today)
    lacks = [a for a in accounts_of("partner", "line") if chart.find(a) is None]
    if lacks:
        told.append(f"expected a chart with {lacks[0].split('/partner')[0]}/*: add a version")
    return told


def join_partners(work: Work, line: Line, product: Product) -> tuple[Refused, ...]:
    """Let partners carry a new line, where an agreement holds; why they do not, if a rule stops it.

    The same line again changes nothing.
    """
    on = line.opened_on
    signed = [
        each
        for each in colending.agreements(work.tx, product.product_id)
        if each.from_on <= on <= each.until_on
    ]
    if not signed or colending.shared(work.tx, line.line_id) is not None:
        return ()
    under = signed[-1]
    if not _consented(work, line.farmer_id):
        _alone(work, line, under, "no consent")
        return ()
    rules = rulebooks.joint_on(work.tx, on)
    exposure = exposure_of(work.tx, line.currency, but=line.line_id)
    refused = loan_refusals(rules, under, exposure, line.limit_minor)
    if rules.tier1_minor and rules.currency != line.currency:
        _alone(work, line, under, f"tier-1 capital is stated in {rules.currency}")
    elif refused:
        _alone(work, line, under, str(refused[0]))
    else:
        colending.share(work.tx, line.line_id, under, on, work.at_ms)
        use_data(work, line.farmer_id, _USES, ("joint_line", line.line_id))
        detail = {"agreement_id": under.agreement_id}
        subject = ("line", line.line_id)
        people.record(work.tx, work.at_ms, work.myself, "line_shared", subject, detail)
    return refused


def _alone(work: Work, line: Line, under: Arrangement, why: str) -> None:
    detail = {"agreement_id": under.agreement_id, "why": why}
    subject = ("line", line.line_id)
    people.record(work.tx, work.at_ms, work.myself, "line_lent_alone", subject, detail)


def _consented(work: Work, farmer_id: str) -> bool:
    return all(may(work.tx, farmer_id, use).allowed for use in _USES)


def exposure_of(tx: Tx, currency: str, but: str = "") -> JointExposure:
    """What the lender signed for, its own part of it: with each partner, of joint loans, of all.

    Of an open line its limit counts, for it may be drawn any day, or what is lent out of it if
    that is more; of one that has ended what is lent out still. ``but`` names a line that does
    not count yet.
    """
    lent, limits = colending.principal_minor(tx, currency), colending.limits_minor(tx, currency)
    signed = {
        line_id: max(lent.get(line_id, 0), limits.get(line_id, 0)) for line_id in {*lent, *limits}
    }
    return _exposed(tx, {line_id: minor for line_id, minor in signed.items() if line_id != but})


def lent_of(tx: Tx, currency: str) -> JointExposure:
    """The same of what is lent out, whatever may still be drawn."""
    return _exposed(tx, colending.principal_minor(tx, currency))


def _exposed(tx: Tx, lines_minor: Mapping[str, int]) -> JointExposure:
    with_partner: dict[str, int] = defaultdict(int)
    shared, joint, book = colending.every_shared(tx), 0, 0
    for line_id, minor in lines_minor.items():
        found = shared.get(line_id)
        if found is None:
            book += minor
            continue
        own = allocate(minor, [each.share_ppm for each in found.parties])[0]
        joint, book = joint + own, book + own
        for each in found.parties[1:]:
            with_partner[each.partner_id] += own
    return JointExposure(dict(with_partner), joint, book)


def share_out(work: Work, line_id: str) -> int:
    """Bring each partner's part of a line up to its books; how many entries that took."""
    found = colending.shared(work.tx, line_id)
    if found is None:
        return 0
    wanted = unshared(work.tx, found)
    for each in wanted:
        entry = Entry(
            entry_id=work.new_id(),
            kind=EntryKind.SHARED,
            effective_on=each.on,
            recorded_at_ms=work.at_ms,
            cause_id=f"shared/{line_id}/{each.partner_id}/{each.on}/{work.new_id()}",
            lines=each.lines,
        )
        ledger.post(work.tx, work.settings.name, entry)
    return len(wanted)


def unshared(tx: Tx, found: SharedLine) -> tuple[Missing, ...]:
    """What partners' accounts of a line lack, or hold too much of, day by day."""
    line_id = found.line_id
    own = (*line_accounts(line_id), written_off_account(line_id))
    entries = ledger.entries_for(tx, own)
    at = positions(line_id, [each.entry for each in entries])
    currency = next((x.currency for e in entries for x in e.entry.lines), "")
    missing: list[Missing] = []
    for number, party in enumerate(found.parties):
        if number == 0:
            continue
        posted = _posted(tx, party.partner_id, line_id)
        wanted = {on: carried(found.parties, each)[number] for on, each in at.items()}
        missing += _differences((party.partner_id, line_id, currency), wanted, posted)
    return tuple(missing)


def _posted(tx: Tx, partner_id: str, line_id: str) -> dict[str, dict[str, int]]:
    """What was posted for a partner on each day, by account."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    accounts = set(accounts_of(partner_id, line_id))
    for each in ledger.entries_for(tx, sorted(accounts)):
        for line in each.entry.lines:
            if line.account in accounts:
                found[each.entry.effective_on][line.account] += line.amount_minor
    return found


def _differences(
    whose: tuple[str, str, str],
    wanted: Mapping[str, Mapping[str, int]],
    posted: Mapping[str, Mapping[str, int]],
) -> Sequence[Missing]:
    partner_id, line_id, currency = whose
    before: Mapping[str, int] = {}
    found = []
    for on in sorted({*wanted, *posted}):
        now = wanted.get(on, before)
        moved = {
            account_of(name, partner_id, line_id): amount - before.get(name, 0)
            for name, amount in now.items()
        }
        had = posted.get(on, {})
        lines = tuple(
            EntryLine(account, currency, moved.get(account, 0) - had.get(account, 0))
            for account in sorted({*moved, *had})
            if moved.get(account, 0) != had.get(account, 0)
        )
        if lines:
            found.append(Missing(partner_id, on, lines))
        before = now
    return found
