"""A season played step by step with the rules that move real lines: limit, draws, interest.

Nothing is posted and nobody is asked; what a line would have been is printed. Of the live
path it leaves out scoring, leases and the network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from core.lending.account import account, principal_changes
from core.lending.dated import subsidised_minor
from core.lending.facts import Fact, FactKind
from core.lending.kinds.voucher import order_refusal
from core.lending.limit import Movement, Review, Standing, estimate, has_worsened, limit_terms
from core.lending.movement import review
from core.lending.product import Product, ProductKind
from core.lending.views import MachineView, OrderView, Seen, StoreView
from core.lending.whole_price import whole_price
from core.reasons import Reason, ReasonCode
from core.units import floor_to_unit, format_money, share_ppm
from server.services.rehearsal.scenario import (
    Known,
    Scenario,
    Step,
    learn,
    new_orders,
    with_order,
)


@dataclass(frozen=True, slots=True)
class Played:
    """A line at the end of a step [minor units].

    ``binding`` is the term that sets the rule's limit, empty while it is not known;
    ``subsidy_minor`` the interest that a region pays of what ran so far.
    """

    on: str
    movement: str
    limit_minor: int
    available_minor: int
    drawn_minor: int
    repaid_minor: int
    principal_minor: int
    interest_minor: int
    fee_minor: int
    subsidy_minor: int
    binding: str
    watch: bool
    reasons: tuple[str, ...]
    refused: str = ""

    @property
    def owed_minor(self) -> int:
        """All that is owed [minor units]."""
        return self.principal_minor + self.interest_minor + self.fee_minor


def play(product: Product, scenario: Scenario) -> tuple[Played, ...]:
    """Play a product through a season, one result a step.

    Raises
    ------
    ProductError, ShapeError
        If product and scenario do not fit each other.
    """
    season = Season(product, scenario)
    return tuple(season.step(step) for step in scenario.steps)


@dataclass(slots=True)
class Season:
    """A line as it is played; lives within one call of :func:`play`."""

    product: Product
    scenario: Scenario
    known: Known = field(default_factory=lambda: Known(Seen(), {}))
    limit_minor: int = 0
    frozen: bool = False
    opened: bool = False
    facts: list[Fact] = field(default_factory=list)
    supported: list[tuple[date, int]] = field(default_factory=list)
    looks: dict[date, int | None] = field(default_factory=dict)
    estimate_then: int | None = None

    def step(self, step: Step) -> Played:
        """Let a step happen: what is paid in, then what is seen, then what is drawn."""
        on = date.fromisoformat(step.on)
        before = self.known
        self.known = learn(before, step)
        has_views = bool(step.plots or step.herds or step.machines or step.stores or step.assets)
        repaid = self._repay(on, step)
        found = self._review(on, is_new=has_views or self.known.seen != before.seen)
        drawn, refused = self._draw(on, step)
        return self._seen(on, found, (drawn, repaid), refused)

    def _review(self, on: date, *, is_new: bool) -> Review | None:
        seen = self.known.aged(on)
        is_stale = seen.age_days > self.product.movement.stale_days_max and not self.frozen
        if not seen.pledged or not (is_new or is_stale or not self.opened):
            return None
        terms = limit_terms(self.product, seen, self.scenario.household, on)
        looked_on = self.known.looked_on
        others: tuple[MachineView | StoreView, ...] = (*seen.machines, *seen.stores)
        self.looks[looked_on] = estimate(seen.plots, seen.herds, others)
        self.supported = [each for each in self.supported if each[0] < looked_on]
        if not self.opened:
            unit = self.product.credit.rounding_unit_minor
            limit = 0 if terms is None else terms.limit(unit)
            self.opened = terms is not None
            self._set(looked_on, limit)
            code = ReasonCode.LIMIT_NOT_SEEN if terms is None else ReasonCode.LIMIT_OPENED
            move = Movement.HELD if terms is None else Movement.OPENED
            return Review(move, limit, terms, (Reason(code),), (), self.product.policy_version())
        found = review(self.product, self._standing(on, seen), terms, seen.age_days, ())
        self.supported = [
            *self.supported[len(self.supported) - len(found.supported_minor) + 1 :],
            *((looked_on, each) for each in found.supported_minor[-1:]),
        ] if found.supported_minor else []  # fmt: skip
        self.frozen = found.movement is Movement.FROZEN
        if found.movement in (Movement.RAISED, Movement.CUT):
            self._set(looked_on, found.limit_minor)
        return found

    def _set(self, looked_on: date, limit_minor: int) -> None:
        self.limit_minor = limit_minor
        self.estimate_then = self.looks.get(looked_on)
        self.looks = {}

    def _standing(self, on: date, seen: Seen) -> Standing:
        stages = self.product.stages
        grazing_to = self.product.herd.grazing_to if self.product.herd else None
        harvested = self.product.kind.needs_stages and all(
            plot.stage == stages[-1].stage for plot in seen.plots
        )
        ordered = [self.looks[day] for day in sorted(self.looks)]
        return Standing(
            limit_minor=self.limit_minor,
            outstanding_minor=self._owed(on)[0],
            leased_unspent_minor=0,
            frozen=self.frozen,
            supported_minor=tuple(each for _, each in self.supported),
            season_over=harvested or (grazing_to is not None and on.isoformat() > grazing_to),
            worsened=self.product.kind is ProductKind.VOUCHER
            or has_worsened(self.product, self.estimate_then, ordered),
            sources_count=seen.sources_count,
        )

    def _repay(self, on: date, step: Step) -> int:
        asked = share_ppm(step.sold_minor, self.product.proceeds_ppm) + step.repay_minor
        paid = min(asked, sum(self._owed(on)))
        if paid:
            self._happened(FactKind.REPAYMENT, on, paid)
        return paid

    def _draw(self, on: date, step: Step) -> tuple[int, str]:
        drawn, refused = 0, []
        asked: list[tuple[OrderView | None, int]] = [
            (order, order.amount_minor) for order in new_orders(self.known, step)
        ]
        if step.draw_minor:
            asked.append((None, step.draw_minor))
        for order, amount in asked:
            reason = self._refusal(on, amount, order)
            if reason is not None:
                money = format_money(amount, self.product.currency)
                refused.append(f"{money} refused: {reason.sentence()}")
                continue
            self.pay_out(on, amount)
            drawn += amount
            if order is not None:
                self.known = with_order(self.known, order, on)
        return drawn, " ".join(refused)

    def _refusal(self, on: date, amount: int, order: OrderView | None) -> Reason | None:
        """Why an amount is not paid out, in the order in which a station asks; None if it is."""
        product = self.product
        step, currency = product.credit.draw_step_minor, product.currency
        most = floor_to_unit(self.available(on), step)
        if amount <= 0 or amount % step:
            return Reason(ReasonCode.DRAW_AMOUNT_INVALID, {"step": format_money(step, currency)})
        if product.kind is ProductKind.VOUCHER and (stops := self._order_refusal(on, order)):
            return stops
        checks = (
            (self.frozen, Reason(ReasonCode.DRAW_FROZEN)),
            (
                amount > most,
                Reason(ReasonCode.DRAW_ABOVE_LEASE, {"available": format_money(most, currency)}),
            ),
            (on >= product.repayment().drawn_before, Reason(ReasonCode.DRAW_SEASON_OVER)),
        )
        first = next((reason for stops, reason in checks if stops), None)
        if first is not None:
            return first
        dear = whole_price(product, amount, on).apr_ppm > product.apr_cap_ppm_on(on)
        return Reason(ReasonCode.DRAW_PRICE_CAP) if dear else None

    def _order_refusal(self, on: date, order: OrderView | None) -> Reason | None:
        if order is None:
            return Reason(ReasonCode.DRAW_SUPPLIER_ONLY)
        seen = self.known.aged(on)
        area_m2 = sum(plot.area_m2 for plot in seen.plots)
        return order_refusal(self.product, area_m2, seen.orders, order)

    def pay_out(self, on: date, amount: int) -> None:
        """Pay an amount out, with its fee [minor units]."""
        self._happened(FactKind.DRAWDOWN, on, amount)
        fee = share_ppm(amount, self.product.credit.fee_ppm)
        if fee:
            self._happened(FactKind.FEE, on, fee)

    def _happened(self, kind: FactKind, on: date, amount_minor: int) -> None:
        self.facts.append(Fact(f"{len(self.facts):06d}", kind, on, amount_minor))

    def _owed(self, on: date) -> tuple[int, int, int]:
        owed = account(self.product.repayment(), self.facts, on).owed
        return owed.principal_minor, owed.interest_minor, owed.fee_minor

    def available(self, on: date) -> int:
        """What may be drawn [minor units]."""
        return 0 if self.frozen else max(0, self.limit_minor - self._owed(on)[0])

    def _seen(self, on: date, found: Review | None, moved: tuple[int, int], refused: str) -> Played:
        principal, interest, fee = self._owed(on)
        terms = found.terms if found else None
        return Played(
            on=on.isoformat(),
            movement=found.movement.value if found else "",
            limit_minor=self.limit_minor,
            available_minor=self.available(on),
            drawn_minor=moved[0],
            repaid_minor=moved[1],
            principal_minor=principal,
            interest_minor=interest,
            fee_minor=fee,
            subsidy_minor=self._subsidy(on),
            binding=terms.binding if terms else "",
            watch=principal > self.limit_minor,
            reasons=tuple(reason.sentence() for reason in found.reasons) if found else (),
            refused=refused,
        )

    def _subsidy(self, on: date) -> int:
        rows = self.product.subsidies_here()
        if not rows:
            return 0
        changes = principal_changes(self.facts, account(self.product.repayment(), self.facts, on))
        return subsidised_minor(rows, changes, on, self.product.credit.day_count)
