"""Suppliers, buyers and a farmer who orders, for tests of the centre."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from core.canonical import canonical_hash
from core.decision.quote import quote
from core.lending.lease import DrawState
from core.lending.product import Product
from core.shape import decode, encode
from core.units import civil_day
from core.wire.orders import (
    Answer,
    OrderAnswer,
    OrderOffer,
    Received,
    shown_order_sha256,
)
from core.wire.records import Consent, ConsentAction, Drawdown
from server.app import create_app
from server.services import enrolment
from server.services.orders.registering import register_partner
from server.store import lines
from server.store.partners import PartnerKind
from server.store.people import Role
from tests.support.asgi_client import AppClient
from tests.support.centre_kit import SEASON_START, TESTER, Kit, open_known
from tests.support.kiosk_kit import MONEY, deliver, leases_at_station
from tests.support.packs import pack
from tests.support.policies import put_in_force

SUPPLIER, OTHER, BUYER = "migori-agrovet", "kisii-agrovet", "nyanza-millers"


@dataclass
class Trade:
    """A centre whose product pays suppliers, its partners' tokens, and farmer B's line."""

    kit: Kit
    client: AppClient
    line_id: str
    tokens: dict[str, dict[str, str]]

    def call(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        told = {**self.tokens.get(who, {}), **headers}
        return self.client.request(method, f"/api/v1{path}", json=body, headers=told)

    def order_body(self, reference: str = "o-1", **changes: Any) -> dict[str, Any]:
        today = civil_day(self.kit.clock.at_ms)
        return {
            "reference": reference, "line_id": self.line_id, "currency": "KES",
            "total_minor": 450_000, "deliver_by": (today + timedelta(days=10)).isoformat(),
            "items": [item("DK-8031", "seed", 9, 50_000)], **changes,
        }  # fmt: skip

    def place(self, reference: str = "o-1", who: str = SUPPLIER, **changes: Any) -> Any:
        return self.call(who, "POST", "/orders", self.order_body(reference, **changes))

    def offers(self) -> dict[str, OrderOffer]:
        """The orders as the station was told of them last."""
        self.kit.station.pull(self.kit.centre)
        told = [decode(OrderOffer, body) for body in self.kit.station.bodies("order")]
        return {each.order_id: each for each in told}

    def consent(self, order_id: str, **changes: Any) -> str:
        """The farmer consents at the kiosk, and the station sends its log; the draw's id."""
        offer = self.offers()[order_id]
        draw_id = changes.pop("draw_id", f"draw-{order_id}")
        shown = changes.pop("shown", None) or self.shown(offer)
        consent = Consent(
            f"consent-{draw_id}", "farmer-b", ConsentAction.GRANT, ("drawdown",), "lender", shown,
            spoken=True, helped=False,
        )  # fmt: skip
        self.kit.station.write(MONEY, "consent", consent, self.kit.clock.at_ms)
        self.draw(offer, draw_id, consent.consent_id, **changes)
        deliver(self.kit)
        return draw_id

    def shown(self, offer: OrderOffer) -> str:
        told = quote(self.kit.product, offer.total_minor, civil_day(self.kit.clock.at_ms))
        return shown_order_sha256(offer, canonical_hash(encode(told)))

    def draw(self, offer: OrderOffer, draw_id: str, consent_id: str, **changes: Any) -> None:
        lease = max(
            (each for each in leases_at_station(self.kit) if each.line_id == self.line_id),
            key=lambda each: each.amount_minor,
        )
        on = civil_day(self.kit.clock.at_ms)
        amount_minor = changes.pop("amount_minor", offer.total_minor)
        price = quote(self.kit.product, amount_minor, on)
        drawn = Drawdown(
            draw_id, self.line_id, lease.lease_id, DrawState.PENDING, amount_minor,
            price.fee_minor, "KES", consent_id, price.apr_ppm, on.isoformat(),
            supplier=offer.supplier, goods=offer.goods, order_id=offer.order_id,
        )  # fmt: skip
        drawn = replace(drawn, **changes)
        for state in (DrawState.PENDING, DrawState.POSTED):
            self.kit.station.write(
                MONEY, "drawdown", replace(drawn, state=state), self.kit.clock.at_ms
            )

    def answer(self, order_id: str, number: int, answer: Answer, **counts: int) -> None:
        """The farmer's word on a delivery, brought by the station."""
        units = tuple(Received(code, count) for code, count in counts.items()) or None
        said = OrderAnswer(order_id, number, answer, units)
        self.kit.station.write(MONEY, "order_answer", said, self.kit.clock.at_ms)
        deliver(self.kit)

    def report(self, order_id: str, reference: str = "d-1", **changes: Any) -> Any:
        body = {
            "reference": reference, "delivered_on": civil_day(self.kit.clock.at_ms).isoformat(),
            "units": [{"code": "DK-8031", "quantity": 9}], **changes,
        }  # fmt: skip
        return self.call(SUPPLIER, "POST", f"/orders/{order_id}/deliveries", body)

    def sell(self, reference: str = "s-1", who: str = BUYER, **changes: Any) -> Any:
        body = {
            "reference": reference, "line_id": self.line_id, "currency": "KES",
            "sold_on": civil_day(self.kit.clock.at_ms).isoformat(), "sold_kg": 2_000,
            "proceeds_minor": 800_000, **changes,
        }  # fmt: skip
        return self.call(who, "POST", "/sales", body)

    def bought(self, reference: str = "o-1") -> str:
        """An order that was placed and consented to; its id."""
        order_id: str = self.place(reference).json()["order_id"]
        self.consent(order_id)
        return order_id


def item(code: str, goods: str, quantity: int, unit_price_minor: int) -> dict[str, Any]:
    return {
        "code": code, "name": code, "goods": goods, "quantity": quantity, "unit": "bag",
        "unit_price_minor": unit_price_minor,
    }  # fmt: skip


def voucher_product() -> Product:
    """The shipped voucher, which pays two suppliers."""
    product = pack("input-voucher")
    assert product.voucher is not None
    return replace(product, voucher=replace(product.voucher, suppliers=(SUPPLIER, OTHER)))


def open_trade(kit: Kit, *, pulls: bool = True) -> Trade:
    """Partners, tokens and a line, beside what the kit has; its own station pulls."""
    product = voucher_product()
    put_in_force(kit.centre, product, TESTER)
    kit.product = product
    kinds = {SUPPLIER: PartnerKind.SUPPLIER, OTHER: PartnerKind.SUPPLIER, BUYER: PartnerKind.BUYER}
    tokens = {}
    for name, kind in kinds.items():
        register_partner(kit.centre, name, kind, name.title(), TESTER)
        role = Role.SUPPLIER if kind is PartnerKind.SUPPLIER else Role.BUYER
        tokens[name] = _bearer(enrolment.add_token(kit.centre, name, role, TESTER, name))
    for role in (Role.CASHIER, Role.INTEGRATOR, Role.AUDITOR):
        tokens[role.value] = _bearer(enrolment.add_token(kit.centre, role.value, role, TESTER))
    opened = open_known(kit, product.product_id)
    line_id = next(each.line_id for each in opened if each.farmer_id == "farmer-b")
    assert kit.read(lines.get, line_id).limit_minor >= 450_000
    if pulls:
        kit.station.pull(kit.centre)
    return Trade(kit, AppClient(create_app(kit.centre)), line_id, tokens)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


SEASON = (SEASON_START, date(2026, 8, 15))
