"""Does a version do here what it must? Asked before it comes into use, and while it is watched.

A model reproduces its golden vectors to the point; a product is valid, comes to the policy
version that it claims and prices, limits and decides; prompts have every sentence that
the screens need, with the same blanks to fill in; a basemap opens within its bounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from core.canonical import canonical_bytes, canonical_hash, parse_canonical
from core.decision.policy import DecisionInputs, decide
from core.decision.quote import quote
from core.errors import HarvestlineError
from core.lending.limit import HerdView, Household, PlotView, Seen, limit_terms
from core.lending.product import Product, parse_product
from core.scoring.features import FeatureValue
from core.shape import decode
from core.signing import Verifier, open_document
from core.units import PPM, floor_to_unit
from core.wire.modelfile import MODEL, MODEL_BYTES_MAX, Model
from core.wire.records import Application
from core.wire.tiles import HEADER_BYTES, ROOT_BYTES_MAX, read_basemap, require_root
from core.wire.update import (
    PACK_BYTES_MAX,
    ModelPack,
    ProductPack,
    PromptsPack,
    TargetNote,
    UpdateKind,
    vectors_that_differ,
)
from edge_node.updates.errors import HealthCheckError, UpdateMisfitError

_BLANK = re.compile(r"{\w*}")
_HECTARE_M2 = 10_000
_YIELDS_KG_PER_HA = (0, 500, 2_000, 8_000)
_HEADS = 10
_MISSING_TOLD_MAX = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """What a version is held against here.

    Parameters
    ----------
    verifier
        Knows the centre's key.
    prompts
        Sentences that the screens need, of each language that this release shows.
    today
        The civil day.
    at_ms
        The instant [ms UTC].
    model
        The model that decides now, if any.
    first
        Before it comes into use; later its dates may end without its being unsound.
    """

    verifier: Verifier
    prompts: Mapping[str, frozenset[str]]
    today: date
    at_ms: int
    model: Model | None = None
    first: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A version that is sound: what cards call it, and what is to be kept of it."""

    cites: str = ""
    model: Mapping[str, Any] | None = None
    product: Product | None = None


def examine(note: TargetNote, content: bytes | Path, measure: Measure) -> Found:
    """Hold a verified target against what it must do.

    Parameters
    ----------
    content
        The bytes of a pack, or the file of a basemap.

    Raises
    ------
    HealthCheckError
        If it does not; the message says where.
    UpdateMisfitError
        If it is for a language that this release does not show.
    """
    try:
        if isinstance(content, Path):
            return _basemap(note, content)
        return _EXAMINE[note.place.kind](note, content, measure)
    except (HealthCheckError, UpdateMisfitError):
        raise
    except (HarvestlineError, ArithmeticError, ValueError, LookupError, OSError) as error:
        raise HealthCheckError(f"{note.path}: {type(error).__name__}: {error}") from error


def cited_as(note: TargetNote, data: bytes) -> str:
    """What cards would call a pack's content; empty if it has none or cannot be read."""
    try:
        if note.place.kind is UpdateKind.MODEL:
            return canonical_hash(decode(ModelPack, parse_canonical(data, PACK_BYTES_MAX)).model)
        if note.place.kind is UpdateKind.PRODUCT:
            return decode(ProductPack, parse_canonical(data, PACK_BYTES_MAX)).policy_version
    except HarvestlineError:
        return ""
    return ""


def _model(note: TargetNote, data: bytes, measure: Measure) -> Found:
    pack = decode(ModelPack, parse_canonical(data, PACK_BYTES_MAX))
    signed = open_document(canonical_bytes(pack.model), MODEL, measure.verifier, MODEL_BYTES_MAX)
    model = decode(Model, signed.body)
    _require(model.version == note.version, note, f"it is version {model.version}")
    _require(not measure.first or measure.at_ms < model.valid_to_ms, note, "its dates are over")
    differ = vectors_that_differ(model, pack.golden)
    _require(
        not differ,
        note,
        f"{len(differ)} of {len(pack.golden)} golden vectors score otherwise here, first "
        f"number {differ[0] if differ else 0}",
    )
    return Found(signed.sha256, model=pack.model)


def _product(note: TargetNote, data: bytes, measure: Measure) -> Found:
    pack = decode(ProductPack, parse_canonical(data, PACK_BYTES_MAX))
    product = parse_product(pack.product)
    comes_to = product.policy_version()
    _require(product.product_id == note.place.name, note, f"it is {product.product_id}")
    _require(product.version == note.version, note, f"it is version {product.version}")
    _require(comes_to == pack.policy_version, note, f"it comes to {comes_to} here")
    due = date.fromisoformat(product.due_on)
    _require(not measure.first or measure.today < due, note, f"it was due on {product.due_on}")
    _simulate(note, product, measure)
    return Found(comes_to, product=product)


def _simulate(note: TargetNote, product: Product, measure: Measure) -> None:
    """Price, limit and decide with it, as the kiosk would."""
    credit, drawn_on = product.credit, _first_day(product)
    cap_ppm = product.apr_cap_ppm_on(drawn_on)
    for amount in (credit.draw_step_minor, credit.limit_max_minor):
        price = quote(product, amount, drawn_on)
        _require(
            price.apr_ppm <= cap_ppm, note,
            f"a draw of {amount} costs {price.apr_ppm} ppm a year, the cap is {cap_ppm}",
        )  # fmt: skip
    for limit in _limits(product):
        _require(0 <= limit <= credit.limit_max_minor, note, f"it leads to a limit of {limit}")
    if measure.model is not None:
        outcome = decide(_inputs(product, measure), measure.model, product)
        _require(
            outcome.amount_minor <= product.decision.authority_minor_max, note,
            f"it grants {outcome.amount_minor}, above its authority",
        )  # fmt: skip


def _first_day(product: Product) -> date:
    """The day on which the product's term begins."""
    return date.fromisoformat(product.due_on) - timedelta(days=max(1, product.credit.term_days))


def _limits(product: Product) -> list[int]:
    unit = product.credit.rounding_unit_minor
    seen = [Seen(herds=(HerdView("herd", _HEADS, 0, ppm, ppm, tags_read=_HEADS),))
            for ppm in (0, PPM // 2, PPM)]  # fmt: skip
    if product.kind.pledge == "plot":
        stages = [stage.stage for stage in product.stages] or [""]
        seen = [_plot(stage, kg) for stage in stages for kg in _YIELDS_KG_PER_HA]
        seen.append(_plot(stages[0], None))
    on, home = _first_day(product), Household(5)
    terms = [limit_terms(product, each, home, on) for each in seen]
    return [one.limit(unit) for one in terms if one is not None]


def _plot(stage: str, yield_kg_per_ha: int | None) -> Seen:
    kg = yield_kg_per_ha
    return Seen((PlotView("plot", _HECTARE_M2, stage, stage, 0, kg, kg, "simulated"),))


def _inputs(product: Product, measure: Measure) -> DecisionInputs:
    """An applicant in the middle of every feature, who consents to everything."""
    model = measure.model
    features = model.features if model is not None else ()
    asked = floor_to_unit(product.decision.authority_minor_max, product.credit.draw_step_minor)
    values = tuple(
        FeatureValue(one.name, (one.low + one.high) // 2, PPM, "simulated") for one in features
    )
    purposes = {one.purpose for one in features if one.purpose} | set(product.decision.purposes)
    application = Application(
        "simulated", "simulated", product.product_id, ("plot",), asked, product.currency
    )
    return DecisionInputs(
        application=application,
        station="simulated",
        home_station="simulated",
        features=tuple(sorted(values, key=lambda value: value.name)),
        purposes=tuple(sorted(purposes)),
        consent_ids=(),
        evidence_ids=(),
        readings=(),
        available_minor=product.credit.limit_max_minor,
        capacity_minor=product.credit.limit_max_minor,
        model_sha256="",
        model_version=model.version if model is not None else 0,
        model_stale=False,
        policy_version=product.policy_version(),
        decided_on=_first_day(product).isoformat(),
        decided_at_ms=measure.at_ms,
        error_ms=0,
    )


def _prompts(note: TargetNote, data: bytes, measure: Measure) -> Found:
    pack = decode(PromptsPack, parse_canonical(data, PACK_BYTES_MAX))
    _require(pack.language == note.place.name, note, f"it speaks {pack.language}")
    if pack.language not in measure.prompts:
        raise UpdateMisfitError(
            f"{note.path}: this release shows {sorted(measure.prompts)}, not {pack.language}"
        )
    texts = pack.texts()
    missing = sorted(key for key in measure.prompts[pack.language] if not texts.get(key))
    told = "; ".join(repr(key[:60]) for key in missing[:_MISSING_TOLD_MAX])
    _require(not missing, note, f"{len(missing)} sentences of the screens lack: {told}")
    torn = [key for key, text in texts.items() if _blanks(key) != _blanks(text)]
    told = "; ".join(repr(key[:60]) for key in sorted(torn)[:_MISSING_TOLD_MAX])
    _require(not torn, note, f"{len(torn)} sentences have other blanks: {told}")
    return Found()


def _blanks(text: str) -> list[str]:
    return sorted(set(_BLANK.findall(text)))


def _basemap(note: TargetNote, file: Path) -> Found:
    with file.open("rb") as read:
        found = read_basemap(read.read(HEADER_BYTES), file.stat().st_size)
        read.seek(found.root_offset)
        require_root(found, read.read(min(found.root_bytes, ROOT_BYTES_MAX)))
    _require(
        note.bounds_e7 in (None, found.bounds_e7), note,
        f"its bounds are {found.bounds_e7}, {note.bounds_e7} were signed for",
    )  # fmt: skip
    return Found()


def _require(holds: bool, note: TargetNote, told: str) -> None:  # noqa: FBT001  (a condition)
    if not holds:
        raise HealthCheckError(f"{note.path}: {told}")


_EXAMINE: Mapping[UpdateKind, Callable[[TargetNote, bytes, Measure], Found]] = {
    UpdateKind.MODEL: _model,
    UpdateKind.PRODUCT: _product,
    UpdateKind.PROMPTS: _prompts,
}
