"""How much is decided without a person, and what that costs in bad decisions. Simulated.

Seeded districts whose every outcome is known, also of those whom a lender would decline, which
no real book can tell. A model is trained on six seasons; three more, which it never saw, set
the cut-offs of *refer to a person*; the last three are decided by ``core.decision`` with the
demonstration's product and compared: how many end without a person, how many of the approved
default, how many of those who would have repaid are declined. Each row is one width of the
refer band (the conformal alpha); what a person then decides is not part of it. Drawdowns are
counted beside it in a told season: every one that was asked for at the station's kiosk.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.report import Effort, Figure, Report
from bench.simulated_loans import simulated_loans
from bench.village import tell
from core.canonical import canonical_hash
from core.decision.policy import DecisionInputs, Verdict, decide
from core.lending.product import Product
from core.scoring.features import FeatureValue
from core.scoring.points import score
from core.shape import encode
from core.units import PPM
from core.wire.modelfile import Model
from core.wire.records import Application
from server.commands.products import read_product_file
from server.training.canvas import CLAY, OCHRE, Axis, Canvas, percent
from server.training.catalogue import Catalogue, read_catalogue
from server.training.command import CATALOGUE
from server.training.cutoffs import calibrate
from server.training.release import Release
from server.training.run import train
from server.training.split import split_by_season
from server.training.table import Loan, LoanTable

# Alpha, the share of each outcome that may fall on the wrong side of the band, and up to which
# probability of default is approved and, above that, referred [ppm]. That of the catalogue and the
# demonstration's product is among them.
CUTS = (
    (50_000, 150_000, 300_000),
    (100_000, 150_000, 300_000),
    (150_000, 150_000, 300_000),
    (200_000, 150_000, 300_000),
    (300_000, 150_000, 300_000),
    (300_000, 150_000, 200_000),
    (300_000, 150_000, 150_000),
    (300_000, 300_000, 300_000),
)
PRODUCT = Path(__file__).resolve().parents[1] / "server" / "products" / "crop-season.toml"
ON = "2026-05-10"  # a day on which the product lends
SEASON_DAYS = 120  # farmers draw in these; the rest is harvest and repayment
SEED = 1


@dataclass(frozen=True, slots=True)
class Price:
    """What one width of the refer band decides and costs; shares [ppm].

    ``bad_ppm`` is of the approved those who default, ``missed_ppm`` of those who repay the ones
    who are declined; ``alone_ppm`` is of all applications those that no person sees.
    """

    cuts: tuple[int, int, int]
    alone_ppm: int
    approved_ppm: int
    declined_ppm: int
    bad_ppm: int
    missed_ppm: int


def measure(effort: Effort) -> Report:
    """Decide every held-out application at every width, and read the told village's draws."""
    drawn = _drawdowns(effort)
    return _report(curve(), drawn)


def curve() -> list[Price]:
    """Automation and its price, width by width."""
    catalogue = read_catalogue(CATALOGUE)
    table = simulated_loans().table
    earlier, last = _apart(table, catalogue)
    model = train(earlier, catalogue, Release(1, 0, 36_500, seed=SEED), simulated=True).model
    setting = split_by_season(earlier, catalogue.training).test
    scores = [score(model.table, loan.values) for loan in setting]
    outcomes = [loan.defaulted for loan in setting]
    product = read_product_file(PRODUCT)
    found = []
    for alpha, approve, refer in CUTS:
        terms = replace(catalogue.training, conformal_alpha_ppm=alpha, approve_pd_ppm_max=approve)
        cut = replace(model, table=calibrate(model.table, scores, outcomes, terms))
        rule = replace(product.decision, approve_pd_ppm_max=approve, refer_pd_ppm_max=refer)
        found.append(_price((alpha, approve, refer), cut, replace(product, decision=rule), last))
    return found


def _apart(table: LoanTable, catalogue: Catalogue) -> tuple[LoanTable, list[Loan]]:
    """Loans that train and set the cut-offs, and loans of later seasons that examine both."""
    split = split_by_season(table, catalogue.training)
    return replace(table, loans=split.fit), list(split.test)


def _price(
    cuts: tuple[int, int, int], model: Model, product: Product, loans: Sequence[Loan]
) -> Price:
    digest, policy = canonical_hash(encode(model)), product.policy_version()
    counts: dict[tuple[Verdict, bool], int] = {}
    for loan in loans:
        inputs = _inputs(loan.values, digest, policy)
        found = decide(inputs, model, product).verdict, loan.defaulted
        counts[found] = counts.get(found, 0) + 1
    return _shares(cuts, counts, len(loans))


def _shares(
    cuts: tuple[int, int, int], counts: Mapping[tuple[Verdict, bool], int], total: int
) -> Price:
    of = {
        verdict: counts.get((verdict, False), 0) + counts.get((verdict, True), 0)
        for verdict in Verdict
    }
    good = sum(count for (_, defaulted), count in counts.items() if not defaulted)
    return Price(
        cuts=cuts,
        alone_ppm=(total - of[Verdict.REFER]) * PPM // total,
        approved_ppm=of[Verdict.APPROVE] * PPM // total,
        declined_ppm=of[Verdict.DECLINE] * PPM // total,
        bad_ppm=counts.get((Verdict.APPROVE, True), 0) * PPM // max(of[Verdict.APPROVE], 1),
        missed_ppm=counts.get((Verdict.DECLINE, False), 0) * PPM // max(good, 1),
    )


def _inputs(values: Mapping[str, int], digest: str, policy: str) -> DecisionInputs:
    """A first application for one step of money: nothing but the risk and the record decides."""
    return DecisionInputs(
        application=Application("a", "f", "crop-season", ("p",), 800_000, "KES"),
        station="s", home_station="s",
        features=tuple(FeatureValue(name, value) for name, value in sorted(values.items())),
        purposes=("automated_decision", "device_readings", "satellite_images"),
        consent_ids=("c",), evidence_ids=(), readings=(), available_minor=800_000,
        capacity_minor=800_000, model_sha256=digest, model_version=1, model_stale=False,
        policy_version=policy, decided_on=ON, decided_at_ms=1_778_400_000_000, error_ms=1_000,
    )  # fmt: skip


def _drawdowns(effort: Effort) -> dict[str, int]:
    """How a told season's drawdowns and kiosk applications ended."""
    outcome = tell(effort.scratch / "season", SEASON_DAYS).outcome
    return {
        "drawn": int(outcome["draws"]),
        "refused": int(outcome["draws_refused"]),
        **{str(name): int(n) for name, n in outcome["verdicts_at_the_kiosk"].items()},
    }


def _report(prices: Sequence[Price], told: Mapping[str, int]) -> Report:
    shipped = _shipped()
    own = next(price for price in prices if price.cuts == shipped)
    asked = told["drawn"] + told["refused"]
    return Report(
        title="Automation and its price: a simulation",
        headings=(
            "band's alpha; approved, referred up to", "without a person", "approved", "declined",
            "of the approved default", "of those who repay are declined",
        ),
        rows=tuple(_cells(price, shipped=price is own) for price in prices),
        note=(
            "Simulated: first applications of the last three of twelve seasons in four districts, "
            "each decided by the demonstration's product; everybody consents and asks for little, "
            "so that the score alone decides. Everybody's outcome is known here, also of the "
            "declined; in a real book it is not. A told season (seed 5, 120 days, drought, thirty "
            f"days without a link): {told['drawn']} of {asked} drawdowns that were asked for were "
            f"paid out and {told['refused']} refused by rule, none waited for a person; "
            f"applications at the kiosk: {_verdicts(told)}."
        ),
        figures=(
            Figure(
                "first applications without a person (simulated)",
                f"{own.alone_ppm / PPM:.0%}",
                f"{own.bad_ppm / PPM:.1%} of the approved default",
            ),
        ),
        numbers={
            name: value
            for price in prices
            for name, value in (
                (f"{price.cuts} alone_ppm", float(price.alone_ppm)),
                (f"{price.cuts} bad_ppm", float(price.bad_ppm)),
                (f"{price.cuts} missed_ppm", float(price.missed_ppm)),
            )
        } | {"drawn_count": float(told["drawn"]), "refused_count": float(told["refused"])},
    )  # fmt: skip


def _shipped() -> tuple[int, int, int]:
    """What the catalogue and the demonstration's product say."""
    rule = read_product_file(PRODUCT).decision
    alpha_ppm = read_catalogue(CATALOGUE).training.conformal_alpha_ppm
    return alpha_ppm, rule.approve_pd_ppm_max, rule.refer_pd_ppm_max


def _verdicts(told: Mapping[str, int]) -> str:
    rest = [(name, n) for name, n in told.items() if name not in ("drawn", "refused")]
    return ", ".join(f"{n} {name}" for name, n in rest) or "none"


def _cells(price: Price, *, shipped: bool) -> tuple[str, ...]:
    shares = (
        price.alone_ppm, price.approved_ppm, price.declined_ppm, price.bad_ppm, price.missed_ppm
    )  # fmt: skip
    alpha, approve, refer = (cut / PPM for cut in price.cuts)
    name = f"{alpha:.2f}; {approve:.0%}, {refer:.0%}" + (" (shipped)" if shipped else "")
    return (name, *(f"{share / PPM:.1%}" for share in shares))


def figure(prices: Sequence[Price]) -> str:
    """The price against automation, as SVG; dashed where the rest is approved, not declined."""
    own = next(price for price in prices if price.cuts == _shipped())
    declining = sorted(prices[:-1], key=lambda price: price.alone_ppm)
    top = max(max(price.bad_ppm, price.missed_ppm) for price in prices) / PPM
    canvas = Canvas(
        Axis(declining[0].alone_ppm / PPM, 1, "first applications without a person", percent),
        Axis(0, top * 1.1, "share", percent),
        "bad approvals and missed good applicants against the share decided without a person",
        width=700,
        height=300,
    )
    costs: tuple[tuple[str, str, Callable[[Price], int]], ...] = (
        ("of the approved default", CLAY, lambda price: price.bad_ppm),
        ("of those who repay are declined", OCHRE, lambda price: price.missed_ppm),
    )
    for name, colour, of in costs:
        for run, dash in ((declining, ""), ((own, prices[-1]), "5 4")):
            points = [(price.alone_ppm / PPM, of(price) / PPM) for price in run]
            canvas.line(points, colour, 2.2, dash)
            for x, y in points:
                canvas.dot(x, y, 3.5, colour)
        x, y = declining[0].alone_ppm / PPM, of(declining[0]) / PPM
        canvas.words(canvas.x(x) + 6, canvas.y(y) - 8, name, colour=colour)
    return canvas.svg()


if __name__ == "__main__":
    told_prices = curve()
    Path(sys.argv[1]).write_text(figure(told_prices) + "\n", encoding="utf-8")
    for one in told_prices:
        print(one)
