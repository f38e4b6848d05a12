"""One example of the records that came after the first golden bytes, and of signed bodies.

They are not in the golden envelope, whose bytes hold the first ones for ever.
"""

from __future__ import annotations

from typing import Any

from core.canonical import canonical_hash, parse_canonical
from core.decision.card import CARD, DecisionCard
from core.lending.lease import LEASE, DrawState, Lease
from core.lending.ordering import OrderStatus
from core.lending.terms import CashMonth
from core.shape import encode
from core.signing import DOCUMENT_BYTES_MAX, DocumentType, Signer, sign_document
from core.wire import appeals, boxes, consents, orders, proxies, records, weather
from core.wire import registry as reg
from core.wire.envelope import LogClass
from core.wire.modelcounts import ModelCounts
from core.wire.modelfile import MODEL, MODEL_ORDER, Model, ModelOrder
from core.wire.records import DeviceAct, Down, Up
from core.wire.slips import VOUCH, Vouch
from core.wire.telemetry import BATCH, Batch, DeviceKind
from core.wire.update import UpdateAct, UpdateEvent
from tests.support.products import crop_product

DEVICE = reg.Device("soil-1", DeviceKind.SOIL_PROBE, "plot-1", "kijani", "ab" * 32, "cd" * 32)


def kiosk_records() -> dict[str, tuple[Up | Down, Any]]:
    """Records of people at the kiosk."""
    return {
        "appeal": (Up.APPEAL, appeals.Appeal(
            "apl-1", "f-1", appeals.AppealKind.APPEAL, appeals.AppealTopic.DECISION, "card-1",
            "sw", "2026-05-23", "2026-06-02", helped=False, product_id="wheat")),
        "appeal_answer": (Down.APPEAL_ANSWER, appeals.AppealAnswer(
            "apl-1", "f-1", appeals.AppealOutcome.CHANGED, "2026-05-28", "otieno",
            "Ombi lako limekubaliwa.")),
        "helper": (Up.HELPER, proxies.Helper(
            "he-1", "f-1", proxies.HelperAct.GRANT, "Juma", proxies.Relation.CHILD, 200_000,
            "CNY", "2026-09-01")),
        "kiosk_event": (Up.KIOSK_EVENT, proxies.KioskEvent(
            "ke-1", "f-1", proxies.KioskAct.CODE_RESET, agent_id="agent-1")),
        "drawdown-helper": (Up.DRAWDOWN, records.Drawdown(
            "draw-10", "line-1", "lease-1", DrawState.POSTED, 50_000, 750, "CNY", "co-10",
            182_500, "2026-04-03", drawn_by="he-1")),
        "evidence-curve": (Down.EVIDENCE, records.EvidenceDigest(
            "ev-9", "ab" * 32, "plot-1", "2026-05-20", "vegetative",
            {"ndvi_anomaly_ppm": -120_000}, 1_500, 2_100,
            curve=(records.GrowthPoint("2026-05-10", 3_400),
                   records.GrowthPoint("2026-05-20", 4_100)))),
        "model_counts": (Up.MODEL_COUNTS, ModelCounts(
            "2026-05-23", "ab" * 32, 5, {"approve": 3, "refer": 1, "decline": 1},
            {"score": (2, 3), "area_m2": (1, 4, 0)})),
    }  # fmt: skip


def own_cash_records() -> dict[str, tuple[Up | Down, Any]]:
    """Records of a farmer's own cash months."""
    months = (CashMonth(6, 1), CashMonth(9, 3))
    return {
        "application-cash": (Up.APPLICATION, records.Application(
            "ap-2", "f-1", "wheat", ("plot-1",), 800_000, "CNY", cash=months)),
        "line_opened-cash": (Up.LINE_OPENED, records.LineOpened(
            "line-2", "ap-2", "f-1", "wheat", "lease-1", ("plot-1",), 800_000, "CNY",
            cash=months)),
    }  # fmt: skip


def plain_records() -> dict[str, tuple[Up | Down, Any]]:
    """Records whose body is a value: name of the golden file to kind and body."""
    return kiosk_records() | own_cash_records() | {
        "application": (Up.APPLICATION, records.Application(
            "ap-1", "f-1", "wheat", ("plot-1",), 800_000, "CNY")),
        "farmer_left": (Up.FARMER_LEFT, records.FarmerLeft("f-1", 17)),
        "clock_set": (Up.CLOCK_SET, records.ClockSet(
            1_775_000_000_000, 60_000, 1_774_000_000_000, "the battery was empty")),
        "device_event": (Up.DEVICE_EVENT, records.DeviceEvent(
            "soil-1", DeviceAct.REVOKED, "stolen")),
        "device_event-enrolled": (Up.DEVICE_EVENT, records.DeviceEvent(
            "soil-1", DeviceAct.ENROLLED, "by one-time code", DEVICE)),
        "update_event": (Up.UPDATE_EVENT, UpdateEvent(
            "product/wheat", 3, "ab" * 32, UpdateAct.ROLLED_BACK, 2, "HL-EDGE-001", "no health")),
        "consent-by_class": (Up.CONSENT, records.Consent(
            "c-2", "f-1", records.ConsentAction.WITHDRAW, ("satellite_images",), "lender",
            "ab" * 32, spoken=True, helped=False, classes=("imagery",),
            recipients=("lender", "station"), follows=("c-1",))),
        "agreement_left": (Up.AGREEMENT_LEFT, records.AgreementLeft(
            "al-1", "line-1", "f-1", records.Leaving.WITHDRAW, "2026-05-23", 101_530,
            "2026-06-22", "ab" * 32, spoken=False, helped=True)),
        "consent_known": (Down.CONSENT, consents.KnownConsent(
            records.Consent(
                "c-3", "f-1", records.ConsentAction.GRANT, ("satellite_images",), "lender",
                "ab" * 32, spoken=False, helped=True),
            "centre", 1_775_000_000_000, 1000)),
        "accesses": (Down.ACCESSES, consents.Accesses("f-1", "2026-05-23", (
            consents.Access("2026-05-23", "lender", "decision", ("money", "registered"), 3),))),
        "box_retired": (Up.BOX_RETIRED, boxes.BoxRetired(1)),
        "product": (Down.PRODUCT, crop_product()),
        "drawdown-order": (Up.DRAWDOWN, records.Drawdown(
            "draw-9", "line-1", "lease-1", DrawState.POSTED, 123_450, 1_851, "CNY", "co-9",
            182_500, "2026-04-03", supplier="agrovet", goods=("fertiliser",), order_id="or-1")),
        "consent-goods": (Up.CONSENT, records.Consent(
            "co-8", "f-1", records.ConsentAction.GRANT, ("drawdown",), "lender",
            orders.shown_goods_sha256("line-1", "agrovet", ("seed", "fertiliser"), "cd" * 32),
            spoken=True, helped=False)),
        "drawdown-goods": (Up.DRAWDOWN, records.Drawdown(
            "draw-8", "line-1", "lease-1", DrawState.POSTED, 123_450, 1_851, "CNY", "co-8",
            182_500, "2026-04-03", supplier="agrovet", goods=("seed", "fertiliser"))),
        "order_answer": (Up.ORDER_ANSWER, orders.OrderAnswer(
            "or-1", 1, orders.Answer.RECEIVED, (orders.Received("DAP-50", 1),))),
        "order": (Down.ORDER, orders.OrderOffer(
            "or-1", "line-1", "f-1", "agrovet", "Agrovet of Kijani", "CNY", 123_450,
            (orders.OrderItem("DAP-50", "DAP, 50 kg", "fertiliser", 1, "bag", 123_450),),
            "2026-04-20", "2026-04-15", OrderStatus.DELIVERING, 1,
            (orders.Received("DAP-50", 1),))),
        "recall": (Down.RECALL, records.Recall("lease-1")),
        "forecast": (Down.FORECAST, weather.Forecast(
            "village-1", "2026-05-20", (0, 0, 4_200, 12_000, 0), "the met office")),
        "own": (Down.OWN, boxes.Own(
            LogClass.MONEY, 4, "lease_closed", 1_775_000_000_000, 1000, "ab" * 32,
            encode(records.LeaseClosed("lease-1", 100_000)))),
        "box": (Down.BOX, boxes.Box(2, "ab" * 16, ("lease-1",))),
        "leases_released": (Down.LEASES_RELEASED, boxes.LeasesReleased(("lease-1",))),
    }  # fmt: skip


def signed_records(
    signer: Signer, card: DecisionCard, lease: Lease, model: Model, batch: Batch
) -> dict[str, tuple[Up | Down, Any]]:
    """Records whose body is, or holds, a document that somebody signed."""
    return {
        "decision": (
            Up.DECISION, records.DecisionRecord("ap-1", _signed(CARD, card, signer))
        ),
        "telemetry": (Up.TELEMETRY, _signed(BATCH, batch, signer)),
        "lease": (Down.LEASE, _signed(LEASE, lease, signer)),
        "model": (Down.MODEL, _signed(MODEL, model, signer)),
        "model_order": (Down.MODEL_ORDER, _signed(MODEL_ORDER, order_of(model, signer), signer)),
        "vouch": (Down.VOUCH, _signed(VOUCH, Vouch("kijani", "ab" * 32), signer)),
    }  # fmt: skip


def order_of(model: Model, signer: Signer) -> ModelOrder:
    """An order to decide by a model."""
    document = _signed(MODEL, model, signer)
    return ModelOrder(7, "kijani", canonical_hash(document), document)


def _signed(kind: DocumentType, body: object, signer: Signer) -> Any:
    return parse_canonical(sign_document(kind, encode(body), signer), DOCUMENT_BYTES_MAX)
