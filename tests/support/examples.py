"""One example of every wire document, with fixed keys: what the golden bytes hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.canonical import canonical_bytes
from core.decision.card import CARD, DecisionCard
from core.decision.policy import DecisionInputs, decide
from core.lending.accrual import DayCount
from core.lending.dayroot import DAY_ROOT, FIRST, DayRoot, Head, ordered, root_of
from core.lending.lease import LEASE, DrawState, Lease, LeaseKind
from core.lending.limit import Movement
from core.lending.terms import ScheduleKind, ScheduleTerms
from core.reasons import Reason, ReasonCode
from core.scoring.features import DailyFeature, FeatureValue
from core.shape import encode
from core.signing import DocumentType, sign_document
from core.wire import blob, boxes, carrier, slips, times, update
from core.wire import envelope as env
from core.wire import evidence as ev
from core.wire import records as rec
from core.wire import registry as reg
from core.wire import telemetry as tel
from core.wire.linefacts import LineDraw, LineFacts, LinePaid, LineTerms
from core.wire.modelfile import MODEL, MODEL_ORDER
from tests.support.cash_examples import cash_documents, cash_records
from tests.support.models import model_hash, small_model
from tests.support.products import crop_product
from tests.support.record_examples import order_of, plain_records, signed_records
from tests.support.signing import NumberSigner
from tests.support.tablet_examples import tablet_documents, tablet_records

SIGNER = NumberSigner(1)


def _pull_with_machine() -> env.Pull:
    told = env.MachineState("0.1.0", 9_000_000_000, 41_000_000, 12, 8_200, 600_000, 900)
    return env.Pull("kijani", 7, "ab" * 32, 1_775_000_000_000, machine=told)


def _evidence() -> ev.Evidence:
    return ev.Evidence(
        evidence_id="0f5c", kind=ev.EvidenceKind.CROP, subject_id="plot-1",
        subject_sha256="ab" * 32, season_id="2026-long-rains", crop="maize", index="ndvi",
        as_of="2026-05-20", clear_looks=3, stage=ev.Stage.VEGETATIVE,
        season=ev.Season(start_on="2026-04-05"),
        observations=(ev.Observation("2026-05-20", 6120, 980_000, "S2A_1", used=True),),
        curve=(ev.CurvePoint("2026-05-20", 6100, 5800, 6400),),
        scenes=(ev.SceneRef("S2A_1", "cd" * 32),), software="harvestline-satellite 0.1.0",
        last_clear_on="2026-05-20", stage_observed_on="2026-05-15", anomaly_ppm=-12_000,
        yield_estimate=ev.YieldEstimate(900, 1100, 2200, 3300, 3600, "ridge", "ef" * 32),
    )  # fmt: skip


def _evidence_with_findings() -> ev.Evidence:
    flag = ev.Flag(
        "boundary_exaggerated", "2026-05-20", 140_000, 1_800, {"outside_ppm": "310000"}, "12" * 32
    )
    findings = ev.Findings(
        observability=ev.Observability(9, 710_000, 20, 4_150, 28),
        anomalies=ev.Anomalies(own_ppm=-210_000, neighbours_ppm=-15_000, vci_ppm=180_000),
        hazards=(ev.Hazard(ev.HazardKind.DROUGHT, "2026-05-02", "2026-05-20", 240_000),),
        flags=(flag,),
        pictures=(ev.PictureRef("true_color", "2026-05-20", "34" * 32, "image/webp", 3_140),),
        stage_chances_ppm=(0, 20_000, 910_000, 70_000, 0, 0),
    )
    season = ev.Season(start_on="2026-04-05", start_days_90=4)
    return replace(_evidence(), season=season, findings=findings)


def _card() -> DecisionCard:
    model, product = small_model(), crop_product()
    inputs = DecisionInputs(
        application=rec.Application("ap-1", "f-1", "wheat", ("plot-1",), 800_000, "CNY"),
        station="kijani", home_station="kijani",
        features=(FeatureValue("past_late_days", 0), FeatureValue("area_m2", 9_000)),
        purposes=("automated_decision",), consent_ids=("c-1",), evidence_ids=("0f5c",),
        readings=(), available_minor=5_000_000, capacity_minor=2_000_000,
        model_sha256=model_hash(model), model_version=1, model_stale=False,
        policy_version=product.policy_version(), decided_on="2026-04-01",
        decided_at_ms=1_775_000_000_000, error_ms=1000,
    )  # fmt: skip
    return DecisionCard("card-1", inputs, decide(inputs, model, product))


def _records() -> dict[str, tuple[rec.Up | rec.Down, Any]]:
    reasons = (Reason(ReasonCode.LIMIT_STAGE_SEEN, {"stage": "vegetative"}),)
    return {
        "consent": (rec.Up.CONSENT, rec.Consent(
            "c-1", "f-1", rec.ConsentAction.GRANT, ("automated_decision",), "lender",
            "ab" * 32, spoken=True, helped=False)),
        "drawdown": (rec.Up.DRAWDOWN, rec.Drawdown(
            "d-1", "line-1", "lease-1", DrawState.POSTED, 100_000, 1_500, "KES", "c-1",
            178_010, "2026-05-21")),
        "line_opened": (rec.Up.LINE_OPENED, rec.LineOpened(
            "line-1", "ap-1", "f-1", "wheat", "lease-1", ("plot-1",), 800_000, "CNY")),
        "lease_closed": (rec.Up.LEASE_CLOSED, rec.LeaseClosed("lease-1", 100_000)),
        "daily_feature": (rec.Up.DAILY_FEATURE, DailyFeature(
            "plot-1", "soil_moisture_ppm", "2026-05-20", 231_000, 960_000, 23, "ab" * 32)),
        "farmer": (rec.Down.FARMER, reg.Farmer("f-1", "Amina Otieno", "sw", "kijani", 5)),
        "subject": (rec.Down.SUBJECT, reg.Subject(
            "plot-1", reg.SubjectKind.PLOT, "f-1", "Upper field", crop="maize",
            season_id="2026-long-rains", sown_on="2026-03-22", area_m2=9_000)),
        "device": (rec.Down.DEVICE, reg.Device(
            "soil-1", tel.DeviceKind.SOIL_PROBE, "plot-1", "kijani", "ab" * 32, "cd" * 32)),
        "dossier": (rec.Down.DOSSIER, reg.Dossier("f-1", "2026-03-01", {"past_late_days": 3})),
        "line": (rec.Down.LINE, rec.LineStatus(
            "line-1", "f-1", "wheat", ("plot-1",), "KES", 1_500_000, 100_000, 320, 1_500,
            140_000, "2026-09-15", "2026-05-20", Movement.RAISED, reasons, ("0f5c",),
            open=True)),
        "line-facts": (rec.Down.LINE, rec.LineStatus(
            "line-2", "f-1", "wheat", ("plot-1",), "KES", 1_500_000, 60_000, 320, 1_500,
            140_000, "2026-09-15", "2026-06-20", Movement.RAISED, reasons, ("0f5c",),
            open=True, facts=LineFacts(
                LineTerms(DayCount.ACT_365F, ScheduleTerms(ScheduleKind.INTEREST_ONLY, 1)),
                (LineDraw("d-1", "2026-05-20", 100_000, 1_500),),
                (LinePaid("2026-06-15", 42_000),)))),
        "freeze": (rec.Down.FREEZE, rec.Freeze("line-1", frozen=True, reasons=reasons)),
        "evidence": (rec.Down.EVIDENCE, rec.EvidenceDigest(
            "0f5c", "ab" * 32, "plot-1", "2026-05-20", "vegetative",
            {"ndvi_anomaly_ppm": -12_000}, 1100, 2200)),
        "evidence-pictures": (rec.Down.EVIDENCE, rec.EvidenceDigest(
            "0f5d", "ab" * 32, "plot-1", "2026-05-20", "vegetative", {}, 1100, 2200, (
                ev.PictureRef("true_color", "2026-05-20", "34" * 32, "image/webp", 3_140),
                ev.PictureRef("index", "2026-05-20", "56" * 32, "image/webp", 2_890)))),
    }  # fmt: skip


def _registry() -> reg.Registry:
    known = dict(_records().values())
    return reg.Registry(
        "site-1", "Kijani", 180, "KES", (known[rec.Down.FARMER],), (known[rec.Down.SUBJECT],),
        (known[rec.Down.DEVICE],), (known[rec.Down.DOSSIER],),
    )  # fmt: skip


def _batch() -> tel.Batch:
    return tel.Batch(
        "soil-1", "e1", 2, 40,
        (tel.Sample(41, 1_775_000_000_000, 1500, {"soil_moisture_ppm": 231_000}),),
    )  # fmt: skip


def _lease() -> Lease:
    return Lease("lease-1", LeaseKind.LINE, "kijani", "wheat", "KES", 500_000, 1, 2, "line-1", 9)


def _day_root() -> DayRoot:
    heads = ordered(
        (
            Head("money", "kijani", "", 4, "ab" * 32),
            Head("ledger", "centre", "", 9, "cd" * 32),
            Head("audit", "centre", "", 12, "ef" * 32),
        )
    )
    return DayRoot(1, "2026-04-01", 1_775_000_000_000, FIRST, root_of(heads), heads)


def _documents() -> dict[str, tuple[DocumentType, Any]]:
    """Name of the golden file to type and body of every signed document."""
    birth = tel.Birth(
        "soil-1", "e1", 2, tel.DeviceKind.SOIL_PROBE, "1.0.0", ("soil_moisture_ppm",),
        1_775_000_000_000, 1500,
    )  # fmt: skip
    return {
        "telemetry": (tel.BATCH, _batch()),
        "birth": (tel.BIRTH, birth),
        "death": (tel.DEATH, tel.Death("soil-1", "e1", 2)),
        "watermark": (tel.WATERMARK, tel.Watermark("soil-1", "e1", 41)),
        "evidence": (ev.EVIDENCE, _evidence()),
        "evidence-findings": (ev.EVIDENCE, _evidence_with_findings()),
        "lease": (LEASE, _lease()),
        "model": (MODEL, small_model()),
        "model-order": (MODEL_ORDER, order_of(small_model(), SIGNER)),
        "decision-card": (CARD, _card()),
        "receipt": (env.RECEIPT, env.Receipt("kijani", env.LogClass.MONEY, "", 4, "ab" * 32)),
        "blob": (blob.BLOB, blob.BlobClaim("34" * 32, "image/webp", 3_140)),
        "blob-request": (
            blob.BLOB_REQUEST,
            blob.BlobRequest("kijani", "plot-1", "34" * 32, 1_775_000_000_000),
        ),
        **_questions(),
        "box-request": (
            boxes.BOX_REQUEST,
            boxes.BoxRequest(
                "kijani",
                "ab" * 32,
                "cd" * 32,
                1,
                handed_over=True,
                logs=(boxes.LogEnd(env.LogClass.MONEY, 4, "ab" * 32),),
                at_ms=1_775_000_000_000,
            ),
        ),
        "slip": (
            slips.SLIP,
            slips.Slip(
                slips.SlipKind.DRAW,
                "draw-1",
                "kijani",
                "2026-04-02",
                "KES",
                300_000,
                322_500,
                "2026-09-15",
            ),
        ),
        "vouch": (slips.VOUCH, slips.Vouch("kijani", "ab" * 32)),
        "box-replaced": (boxes.REPLACED, boxes.Replaced("kijani", 2, 1_775_000_000_000)),
        "registry": (reg.REGISTRY, _registry()),
        "day-root": (DAY_ROOT, _day_root()),
    }


def _questions() -> dict[str, tuple[DocumentType, Any]]:
    """What a station asks of the centre, and the time."""
    return {
        "pull": (env.PULL, env.Pull("kijani", 7, "ab" * 32, 1_775_000_000_000)),
        "pull-machine": (env.PULL, _pull_with_machine()),
        "time-request": (times.TIME_REQUEST, times.TimeRequest("kijani", "0f" * 16)),
        "time": (times.TIME, times.TimeAnswer("kijani", "0f" * 16, 1_775_000_000_000)),
        "update-request": (
            update.UPDATE_REQUEST,
            update.UpdateRequest("kijani", "metadata/timestamp.json", 1_775_000_000_000),
        ),
    }


def golden() -> dict[str, bytes]:
    """File name to the exact bytes of every document of wire version 1."""
    name = env.LogName("kijani", env.LogClass.MONEY)
    run = tuple(
        env.Record(i, kind.value, 1_775_000_000_000 + i, 1000, encode(body))
        for i, (kind, body) in enumerate(_records().values(), start=1)
        if isinstance(kind, rec.Up)
    )
    files = {
        f"{stem}.v1.json": sign_document(kind, encode(body), SIGNER)
        for stem, (kind, body) in (_documents() | cash_documents() | tablet_documents()).items()
    }
    plain = plain_records() | cash_records(SIGNER) | _of_tablets()
    later = plain | signed_records(SIGNER, _card(), _lease(), small_model(), _batch())
    for stem, (_, body) in (_records() | later).items():
        files[f"record-{stem}.v1.json"] = canonical_bytes(encode(body))
    files["envelope.v1.hle"] = env.pack(name, env.GENESIS, run, SIGNER)
    down = env.LogName("lender", env.LogClass.DOWN, "kijani")
    recall = env.Record(1, rec.Down.RECALL.value, 1_775_000_000_000, 0, encode(rec.Recall("l-1")))
    files["envelope-down.v1.hle"] = env.pack(down, env.GENESIS, [recall], SIGNER)
    documents = (files["envelope.v1.hle"], files["receipt.v1.json"], files["pull.v1.json"])
    files["carrier.v1.hls"] = carrier.MAGIC + b"".join(carrier.framed(one) for one in documents)
    return files


def _of_tablets() -> dict[str, tuple[rec.Up | rec.Down, Any]]:
    return tablet_records(SIGNER, SIGNER.public_key.hex())


def record_examples() -> dict[str, tuple[rec.Up | rec.Down, Any]]:
    """Golden file's name to kind and body, of the records whose body is a value."""
    every = _records() | plain_records() | cash_records(SIGNER) | _of_tablets()
    return {f"record-{stem}.v1.json": kind_and_body for stem, kind_and_body in every.items()}
