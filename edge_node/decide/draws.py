"""Drawdowns inside a lease: pending, then posted or voided; each step one transaction.

A draw is taken from one lease that can carry it, the one with most left first, and
never split. The farmer has seen the whole price and consented to its hash. The
till pays only against the receipt, and the receipt is shown only once *posted* is
committed. A draw that a crash left pending is voided at the next start, unless
the payout had been confirmed: then it is posted (:func:`recover`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from core.canonical import canonical_hash
from core.decision.quote import Quote, quote
from core.errors import LeaseError
from core.lending.lease import Clock, Draw, DrawState, LeaseBook, begin_draw, settle_draw
from core.lending.product import Product
from core.reasons import Reason, ReasonCode
from core.shape import encode
from core.units import format_money
from core.wire.orders import OrderOffer, shown_goods_sha256, shown_order_sha256
from core.wire.records import Consent, ConsentAction, Drawdown, Up
from edge_node.decide.cash import name_payer, refuse_cash
from edge_node.decide.consents import write_consent
from edge_node.decide.debt import priced
from edge_node.decide.desk import Desk, RequestError
from edge_node.decide.proxies import refuse_helper
from edge_node.decide.rates import at_lease
from edge_node.decide.room import Room, rooms
from edge_node.store import cash, leases, lines, logs, village
from edge_node.store.box import may_write
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import ChangedRequestError
from edge_node.store.leases import KeptDraw
from edge_node.store.lines import KeptLine
from edge_node.store.village import UnknownRecordError

HUNDREDTH_PPM = 100  # of a percent
PENDING_MS_MAX = 15 * 60_000  # a draw that nobody confirms is given up after this


@dataclass(frozen=True, slots=True)
class PaidFor:
    """Whom a voucher's draw pays and for what; ``offer`` is the order that it meets, if one."""

    supplier: str
    goods: tuple[str, ...]
    offer: OrderOffer | None = None


@dataclass(frozen=True, slots=True)
class DrawAsk:
    """A farmer asks for a drawdown, having consented to the quote by its hash.

    ``pays`` is absent where the draw is cash, or its product pays one supplier only.
    ``drawn_by`` is the helper who draws in the farmer's place; empty where the farmer does.
    """

    draw_id: str
    line_id: str
    amount_minor: int
    consent: Consent
    pays: PaidFor | None = None
    drawn_by: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A draw as it is committed, with its price."""

    drawdown: Drawdown
    price: Quote


def quote_sha256(price: Quote) -> str:
    """The hash of a quote: what a consent to it names as shown."""
    return canonical_hash(encode(price))


def shown_draw_sha256(line_id: str, price: Quote, pays: PaidFor | None = None) -> str:
    """The hash of all that a consent to a draw names: its price, and whom it pays for what."""
    quoted = quote_sha256(price)
    if pays is None:
        return quoted
    if pays.offer is not None:
        return shown_order_sha256(pays.offer, quoted)
    return shown_goods_sha256(line_id, pays.supplier, pays.goods, quoted)


def quote_draw(
    db: StationDatabase,
    desk: Desk,
    line_id: str,
    amount_minor: int,
    clock: Clock,
    pays: PaidFor | None = None,
) -> Quote | Reason:
    """The whole price of drawing an amount today, or why it cannot be drawn."""
    line = lines.line(db, line_id)
    product = priced(line, village.product(db, line.product_id))
    refusal = _refuse_amount(product, amount_minor, pays)
    if refusal is not None:
        return refusal
    found = rooms(db, line, clock)
    room = _best_room(line, found, amount_minor)
    if isinstance(room, ReasonCode):
        return _reason(room, found, product)
    short = refuse_cash(db, desk, (product, amount_minor), clock)
    own = at_lease(db, line, product, room.book.lease)
    return short or _price(own, amount_minor, desk.today(clock))


def begin(db: StationDatabase, desk: Desk, ask: DrawAsk, clock: Clock) -> Receipt | Reason:
    """Commit a pending draw, or say why not; the same ask again changes nothing.

    Raises
    ------
    ChangedRequestError
        If the id belongs to a draw with other content.
    UnknownRecordError
        If the line is not known here.
    RequestError
        If it names a supplier under a line that pays cash: no receipt may promise goods then.
    """
    with db.atomic():
        known = leases.draw(db, ask.draw_id)
        if known is not None:
            return _repeat(db, known, ask)
        line = lines.line(db, ask.line_id)
        product = priced(line, village.product(db, line.product_id))
        if ask.pays is not None and product.voucher is None:
            raise RequestError("expected a line that pays suppliers, this one pays cash")
        refusal = _refuse_amount(product, ask.amount_minor, ask.pays)
        refusal = refusal or refuse_goods(product, ask.pays)
        refusal = refusal or _refuse_helper(db, desk, line, ask, clock)
        if refusal is not None:
            return refusal
        found = rooms(db, line, clock)
        room = _best_room(line, found, ask.amount_minor)
        if isinstance(room, ReasonCode):
            return _reason(room, found, product)
        short = refuse_cash(db, desk, (product, ask.amount_minor), clock)
        own = at_lease(db, line, product, room.book.lease)
        price = short or _price(own, ask.amount_minor, desk.today(clock))
        if isinstance(price, Reason):
            return price
        if not _consented(line, ask, price):
            return Reason(ReasonCode.DRAW_CONSENT_MISSING)
        return _write_pending(db, desk, ask, (room.book, price, product), clock)


def confirm_payout(db: StationDatabase, desk: Desk, draw_id: str, clock: Clock) -> Receipt:
    """Post a pending draw whose payout the farmer confirms; again, nothing changes.

    The confirmation is committed by itself first, so that a crash in between ends
    in *posted* and not in *voided*.

    Raises
    ------
    UnknownRecordError
        If there is no such draw.
    LeaseError
        If it was voided.
    """
    with db.atomic():
        if _known(db, draw_id).drawdown.state is DrawState.PENDING:
            leases.mark_paid_out(db, draw_id, max(clock.at_ms, 1))
    return _settle(db, desk, draw_id, DrawState.POSTED, clock)


def void(db: StationDatabase, desk: Desk, draw_id: str, clock: Clock) -> Receipt:
    """Void a pending draw whose payout was not confirmed.

    Raises
    ------
    UnknownRecordError
        If there is no such draw.
    LeaseError
        If its payout was confirmed.
    """
    with db.atomic():  # looked at under the lock: another connection may be confirming it
        if _known(db, draw_id).paid_out_at_ms:
            raise LeaseError(f"draw {draw_id}: the payout was confirmed, so it cannot be voided")
        return _settle(db, desk, draw_id, DrawState.VOIDED, clock)


def recover(db: StationDatabase, desk: Desk, clock: Clock) -> tuple[Drawdown, ...]:
    """Settle what a crash left pending: posted if the payout was confirmed, else voided."""
    settled = []
    for kept in leases.pending_draws(db) if may_write(db) else ():
        state = DrawState.POSTED if kept.paid_out_at_ms else DrawState.VOIDED
        settled.append(_settle(db, desk, kept.drawdown.draw_id, state, clock).drawdown)
    return tuple(settled)


def give_up_abandoned(db: StationDatabase, desk: Desk, clock: Clock) -> tuple[Drawdown, ...]:
    """Void draws that nobody has confirmed for ``PENDING_MS_MAX``."""
    old = [
        kept
        for kept in (leases.pending_draws(db) if may_write(db) else ())
        if not kept.paid_out_at_ms and clock.at_ms - kept.began_at_ms > PENDING_MS_MAX
    ]
    return tuple(void(db, desk, kept.drawdown.draw_id, clock).drawdown for kept in old)


def receipt(db: StationDatabase, drawdown: Drawdown) -> Receipt:
    """A draw with its price, as it was told."""
    line = lines.line(db, drawdown.line_id)
    product = priced(line, village.product(db, line.product_id))
    drawn_on = date.fromisoformat(drawdown.effective_on)
    product = product.at_rate(drawdown.rate_ppm)
    return Receipt(drawdown, quote(product, drawdown.amount_minor, drawn_on))


def refuse_goods(product: Product, pays: PaidFor | None) -> Reason | None:
    """Why a draw may not pay whom and what it names; None if it may, or pays in cash."""
    if product.voucher is None:
        return None
    if pays is None:
        several = len(product.voucher.suppliers) > 1
        return Reason(ReasonCode.DRAW_SUPPLIER_ONLY) if several else None
    if pays.supplier not in product.voucher.suppliers:
        return Reason(ReasonCode.DRAW_SUPPLIER_ONLY)
    known = {each.goods for each in product.voucher.goods}
    wrong = [each for each in pays.goods if each not in known]
    return Reason(ReasonCode.DRAW_GOODS_ONLY, {"goods": wrong[0]}) if wrong else None


def _refuse_amount(
    product: Product, amount_minor: int, pays: PaidFor | None = None
) -> Reason | None:
    step = product.credit.draw_step_minor
    if pays is not None and pays.offer is not None:
        step = 1  # goods cost what they cost
    if amount_minor <= 0 or amount_minor % step:
        return Reason(
            ReasonCode.DRAW_AMOUNT_INVALID, {"step": format_money(step, product.currency)}
        )
    return None


def _refuse_helper(
    db: StationDatabase, desk: Desk, line: KeptLine, ask: DrawAsk, clock: Clock
) -> Reason | None:
    if not ask.drawn_by:
        return None
    asked = (line.farmer_id, ask.drawn_by, ask.amount_minor)
    return refuse_helper(db, desk, asked, clock)


def _best_room(line: KeptLine, found: tuple[Room, ...], amount_minor: int) -> Room | ReasonCode:
    if line.left is not None:
        return ReasonCode.DRAW_LEFT
    if not found:
        return ReasonCode.DRAW_NO_LEASE
    best = found[0]
    if best.refusal is None:
        enough = amount_minor <= best.drawable_minor
        return best if enough else ReasonCode.DRAW_ABOVE_LEASE
    order = list(ReasonCode)
    # Of several leases that refuse, the reason that is least final is the useful one.
    return max((room.refusal for room in found if room.refusal), key=order.index)


def _reason(code: ReasonCode, found: tuple[Room, ...], product: Product) -> Reason:
    if code is not ReasonCode.DRAW_ABOVE_LEASE:
        return Reason(code)
    most = max((room.drawable_minor for room in found), default=0)
    return Reason(code, {"available": format_money(most, product.currency)})


def _price(product: Product, amount_minor: int, today: date) -> Quote | Reason:
    if today >= product.repayment().drawn_before:
        return Reason(ReasonCode.DRAW_SEASON_OVER)
    price = quote(product, amount_minor, today)
    cap_ppm = product.apr_cap_ppm_on(today)
    return price if price.apr_ppm <= cap_ppm else above_cap(price.apr_ppm, cap_ppm)


def above_cap(apr_ppm: int, cap_ppm: int) -> Reason:
    """Why a price is refused, and by how much it is above the cap in force.

    Rates are rounded up to hundredths of a percent, the cap down: what is too much is never
    told as nothing.
    """
    rates = (
        ("apr", -(-apr_ppm // HUNDREDTH_PPM)),
        ("cap", cap_ppm // HUNDREDTH_PPM),
        ("over", -(-(apr_ppm - cap_ppm) // HUNDREDTH_PPM)),
    )
    told = {name: f"{rate // 100}.{rate % 100:02}" for name, rate in rates}
    return Reason(ReasonCode.DRAW_PRICE_ABOVE_CAP, told)


def _consented(line: KeptLine, ask: DrawAsk, price: Quote) -> bool:
    consent, shown = ask.consent, shown_draw_sha256(ask.line_id, price, ask.pays)
    return (
        consent.action is ConsentAction.GRANT
        and consent.farmer_id == line.farmer_id
        and consent.shown_sha256 == shown
    )


def _write_pending(
    db: StationDatabase,
    desk: Desk,
    ask: DrawAsk,
    chosen: tuple[LeaseBook, Quote, Product],
    clock: Clock,
) -> Receipt | Reason:
    (book, price, product), pays = chosen, ask.pays
    draw = Draw(ask.draw_id, ask.line_id, ask.amount_minor, DrawState.PENDING)
    begun = begin_draw(book, draw, clock)
    if isinstance(begun, ReasonCode):
        return Reason(begun)
    drawdown = Drawdown(
        draw_id=ask.draw_id,
        line_id=ask.line_id,
        lease_id=book.lease.lease_id,
        state=DrawState.PENDING,
        amount_minor=ask.amount_minor,
        fee_minor=price.fee_minor,
        currency=price.currency,
        consent_id=ask.consent.consent_id,
        apr_ppm=price.apr_ppm,
        effective_on=price.drawn_on,
        supplier=pays.supplier if pays else None,
        goods=pays.goods or None if pays else None,
        order_id=pays.offer.order_id if pays and pays.offer else None,
        rate_ppm=price.rate_ppm,
        paid_by=name_payer(db, product, ask.draw_id),
        drawn_by=ask.drawn_by or None,
    )
    write_consent(db, desk, ask.consent, clock)
    leases.keep_draw(db, drawdown, clock.at_ms)
    _log(db, desk, drawdown, clock)
    return Receipt(drawdown, price)


def _settle(
    db: StationDatabase, desk: Desk, draw_id: str, state: DrawState, clock: Clock
) -> Receipt:
    with db.atomic():
        kept = _known(db, draw_id)
        book = leases.book(db, kept.drawdown.lease_id)
        settled = settle_draw(book, draw_id, state)
        paid_by = cash.payer_of(db, draw_id)
        drawdown = replace(kept.drawdown, state=state, paid_by=paid_by)
        if settled is not book:
            leases.mark_settled(db, draw_id, state)
            if state is DrawState.POSTED:
                cash.keep_payout(db, drawdown, clock.at_ms)
            _log(db, desk, drawdown, clock)
    return receipt(db, drawdown)


def _log(db: StationDatabase, desk: Desk, drawdown: Drawdown, clock: Clock) -> None:
    subject = f"draw/{drawdown.draw_id}/{drawdown.state.value}"
    logs.append(db, desk.station, Up.DRAWDOWN, drawdown, clock, subject)


def _repeat(db: StationDatabase, known: KeptDraw, ask: DrawAsk) -> Receipt:
    drawdown = known.drawdown
    offer = ask.pays.offer if ask.pays else None
    told = (ask.line_id, ask.amount_minor, offer.order_id if offer else None)
    if (drawdown.line_id, drawdown.amount_minor, drawdown.order_id) != told:
        raise ChangedRequestError(f"draw {ask.draw_id} exists with other content")
    return receipt(db, drawdown)


def _known(db: StationDatabase, draw_id: str) -> KeptDraw:
    kept = leases.draw(db, draw_id)
    if kept is None:
        raise UnknownRecordError(f"expected a draw that was begun here, got {draw_id!r}")
    return kept
