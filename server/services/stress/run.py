"""A scenario against the whole book, line by line, by the one rule in ``core``.

Each line's limit is reviewed as :mod:`core.lending.movement` reviews it, on what would be
seen; each loan's loss is expected anew by the provisioning rules in force. Nothing is
written. What stations hold in leases cannot be called back, so it can still be drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from core.lending.account import Account
from core.lending.limit import Seen, Standing, Terms, limit_terms, review
from core.lending.product import Product
from core.lending.provisioning import ProvisioningRules, Risk, provision
from core.units import PPM, civil_date, civil_day
from server.services.centre import Centre, Work
from server.services.outlook import read_seen
from server.services.reports.loans import Loan, as_of, loans
from server.services.reviews import household
from server.services.standing import onboarding_unspent
from server.services.stress.failing import raised_pd_ppm, shortfall_ppm
from server.services.stress.scenario import Funds, Scenario, Shock
from server.services.stress.shocks import product_after, seen_after
from server.store import leases, line_pages, products, registry, rulebooks
from server.store.engine import Tx
from server.store.lines import LineMovement

PAGE_LOANS = 500
LATE_DAYS = 90


@dataclass(frozen=True, slots=True)
class Side:
    """One line before or after the shock [minor units, ppm]."""

    limit_minor: int
    drawable_minor: int
    pd_ppm: int
    ead_minor: int
    expected_loss_minor: int
    at_risk_minor: int


@dataclass(frozen=True, slots=True)
class Stressed:
    """One line under a scenario."""

    line_id: str
    crop: str
    village: str
    currency: str
    outstanding_minor: int
    before: Side
    after: Side
    due_minor: int  # owed, and due within the horizon


@dataclass(frozen=True, slots=True)
class Cell:
    """Lines of one crop and village, or of all, summed."""

    crop: str
    village: str
    currency: str
    lines_count: int
    cut_count: int
    outstanding_minor: int
    before: Side
    after: Side


@dataclass(frozen=True, slots=True)
class Liquidity:
    """Whether the funds suffice within the horizon [minor units]."""

    currency: str
    horizon_days: int
    cash_minor: int
    drawn_before_minor: int
    drawn_after_minor: int
    repaid_before_minor: int
    repaid_after_minor: int

    @property
    def left_before_minor(self) -> int:
        """What is left without the shock."""
        return self.cash_minor + self.repaid_before_minor - self.drawn_before_minor

    @property
    def left_after_minor(self) -> int:
        """What is left with it; below nought, the lender cannot pay."""
        return self.cash_minor + self.repaid_after_minor - self.drawn_after_minor


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scenario does to the book of a day."""

    scenario: Scenario
    as_of: str
    rules_version: int
    cells: tuple[Cell, ...]
    totals: tuple[Cell, ...]
    liquidity: tuple[Liquidity, ...]


def stress(centre: Centre, scenario: Scenario) -> Outcome:
    """Put a scenario to the book of its day."""
    now_ms = centre.now_ms()
    on = civil_date(scenario.as_of or "") or civil_day(now_ms)
    cells: dict[tuple[str, str, str], Cell] = {}
    totals: dict[tuple[str, str, str], Cell] = {}
    flows: dict[str, list[int]] = {}
    with centre.store.reading() as tx:
        rules = rulebooks.provisioning_on(tx, on.isoformat())
        for each in _lines(centre, tx, (scenario, on, rules)):
            _add(cells, (each.crop, each.village, each.currency), each)
            _add(totals, ("all", "", each.currency), each)
            _flow(flows.setdefault(each.currency, [0, 0, 0, 0]), each)
    return Outcome(
        scenario=scenario,
        as_of=on.isoformat(),
        rules_version=rules.version,
        cells=tuple(cells[key] for key in sorted(cells)),
        totals=tuple(totals[key] for key in sorted(totals)),
        liquidity=tuple(_liquid(each, flows.get(each.currency)) for each in scenario.funds),
    )


Asked = tuple[Scenario, date, ProvisioningRules]


def _lines(centre: Centre, tx: Tx, asked: Asked) -> Iterator[Stressed]:
    page: list[Loan] = []
    for loan in loans(tx, as_of(asked[1], centre.now_ms())):
        if loan.line.is_open:
            page.append(loan)
        if len(page) == PAGE_LOANS:
            yield from _page(centre, tx, page, asked)
            page = []
    yield from _page(centre, tx, page, asked)


def _page(centre: Centre, tx: Tx, page: Sequence[Loan], asked: Asked) -> Iterator[Stressed]:
    line_ids = [loan.line.line_id for loan in page]
    if not line_ids:
        return
    last = {key: moves[-1] for key, moves in line_pages.movements_of(tx, line_ids).items() if moves}
    with tx.remembering() as remembering:
        registry.learn_subjects(remembering, [s for loan in page for s in loan.line.subject_ids])
        onboarding = sorted({loan.line.onboarding_lease_id for loan in page} - {""})
        leases.learn_leases(remembering, line_ids, onboarding)
        work = centre.work(remembering, centre.now_ms())
        for loan in page:
            moved = last.get(loan.line.line_id)
            if moved is not None:
                yield _stressed(work, loan, moved, asked)


def _stressed(work: Work, loan: Loan, moved: LineMovement, asked: Asked) -> Stressed:
    scenario, on, rules = asked
    found = loan.account(on)
    shock = scenario.on(loan.crop, loan.village)
    case = _Case(work, loan, found, moved, on)
    before = case.side(Shock(), rules)
    after = case.side(shock, rules) if shock != Shock() else before
    horizon = max((each.horizon_days for each in scenario.funds), default=0)
    due = date.fromisoformat(loan.line.due_on) <= on + timedelta(days=horizon)
    return Stressed(
        line_id=loan.line.line_id,
        crop=loan.crop,
        village=loan.village,
        currency=loan.line.currency,
        outstanding_minor=found.owed.principal_minor,
        before=before,
        after=after,
        due_minor=found.owed.total_minor if due else 0,
    )


class _Case:
    """One line that is put to shocks; lives within one call."""

    def __init__(
        self, work: Work, loan: Loan, found: Account, moved: LineMovement, on: date
    ) -> None:
        self.loan, self.found, self.moved, self.on = loan, found, moved, on
        self.product = products.newest(work.tx, loan.line.product_id)
        self.offered = self.product.on(on)
        self.seen = read_seen(moved.views)
        self.household = household(work, loan.line)
        books = leases.books_of_line(work.tx, loan.line.line_id)
        self.leased_minor = sum(book.unspent_minor for book in books)
        self.leased_minor += onboarding_unspent(work.tx, loan.line)
        self.plain_ppm = self._shortfall(self.offered, self.seen)

    def side(self, shock: Shock, rules: ProvisioningRules) -> Side:
        """The line after a shock; after none, as it stands."""
        product, seen = product_after(self.offered, shock), seen_after(self.seen, shock)
        limit = self._limit(product, seen) if shock != Shock() else self.loan.limit.limit_minor
        undrawn = max(0, limit - self.found.owed.principal_minor)
        drawable = max(undrawn if self.loan.limit.may_draw else 0, self.leased_minor)
        risk = self.loan.risk(self.found)
        scored = rules.unscored_pd_ppm if risk.pd_ppm is None else risk.pd_ppm
        short = self._shortfall(product, seen) if shock != Shock() else self.plain_ppm
        raised = raised_pd_ppm(scored, self.plain_ppm, short)
        made = provision(rules, replace(risk, pd_ppm=raised, undrawn_minor=drawable))
        return Side(
            limit, drawable, made.pd_ppm, made.ead_minor, made.expected_loss_minor,
            self._at_risk(risk, made.pd_ppm),
        )  # fmt: skip

    def _at_risk(self, risk: Risk, pd_ppm: int) -> int:
        """The principal that is late by 90 days, or may be expected to be."""
        owed = self.found.owed.principal_minor
        return owed if risk.late_days > LATE_DAYS else owed * pd_ppm // PPM

    def _limit(self, product: Product, seen: Seen) -> int:
        terms = self._terms(product, seen)
        line, owed = self.loan.line, self.found.owed.principal_minor
        standing = Standing(
            limit_minor=self.loan.limit.limit_minor,
            outstanding_minor=owed,
            leased_unspent_minor=self.leased_minor,
            frozen=line.frozen,
        )
        return min(
            review(product, standing, terms, 0, self.moved.evidence_ids).limit_minor,
            self.loan.limit.limit_minor,
        )

    def _terms(self, product: Product, seen: Seen) -> Terms | None:
        if not self.moved.terms:
            return None  # nothing was ever seen of it: there is nothing to shock
        return limit_terms(product, seen, self.household, self.on)

    def _shortfall(self, product: Product, seen: Seen) -> int:
        """The chance of falling short of what is owed, with the dearer interest until it is due."""
        days = max(0, (date.fromisoformat(self.loan.line.due_on) - self.on).days)
        owed = self.found.owed
        dearer = product.credit.rate_ppm - self.offered.credit.rate_ppm
        interest = owed.principal_minor * dearer * days // (PPM * 365)
        return shortfall_ppm(product, seen, self.household, owed.total_minor + interest)


def _add(cells: dict[tuple[str, str, str], Cell], key: tuple[str, str, str], new: Stressed) -> None:
    cut = int(new.after.limit_minor < new.before.limit_minor)
    found = cells.get(key)
    if found is None:
        cells[key] = Cell(*key, 1, cut, new.outstanding_minor, new.before, new.after)
        return
    cells[key] = replace(
        found,
        lines_count=found.lines_count + 1,
        cut_count=found.cut_count + cut,
        outstanding_minor=found.outstanding_minor + new.outstanding_minor,
        before=_plus(found.before, new.before),
        after=_plus(found.after, new.after),
    )


def _plus(a: Side, b: Side) -> Side:
    """Sums; the probability of default is the mean by exposure."""
    ead = a.ead_minor + b.ead_minor
    weighted = a.pd_ppm * a.ead_minor + b.pd_ppm * b.ead_minor
    return Side(
        a.limit_minor + b.limit_minor,
        a.drawable_minor + b.drawable_minor,
        weighted // ead if ead else 0,
        ead,
        a.expected_loss_minor + b.expected_loss_minor,
        a.at_risk_minor + b.at_risk_minor,
    )


def _flow(flow: list[int], each: Stressed) -> None:
    flow[0] += each.before.drawable_minor
    flow[1] += each.after.drawable_minor
    flow[2] += each.due_minor * (PPM - each.before.pd_ppm) // PPM
    flow[3] += each.due_minor * (PPM - each.after.pd_ppm) // PPM


def _liquid(funds: Funds, flow: Sequence[int] | None) -> Liquidity:
    before, after, repaid_before, repaid_after = flow or (0, 0, 0, 0)
    return Liquidity(
        currency=funds.currency,
        horizon_days=funds.horizon_days,
        cash_minor=funds.cash_minor,
        drawn_before_minor=before * funds.draw_ppm // PPM,
        drawn_after_minor=after * funds.draw_ppm // PPM,
        repaid_before_minor=repaid_before,
        repaid_after_minor=repaid_after,
    )
