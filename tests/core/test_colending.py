"""Loans that several lenders carry: the law's bounds, and sums that never drift."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AgreementError
from core.lending.books import (
    fee_account,
    interest_account,
    penalty_account,
    principal_account,
    written_off_account,
)
from core.lending.colending import (
    COMPONENTS,
    Arrangement,
    JointExposure,
    JointRule,
    JointRules,
    Party,
    Position,
    carried,
    loan_refusals,
    loss_shares,
    parse_joint_rules,
    positions,
    share_refusals,
)
from core.lending.ledger import Entry, EntryKind, transfer
from core.shape import encode
from core.units import allocate

RULES = JointRules(
    2, "2026-01-01", 300_000, 250_000, 500_000, 10_000_000, "KES", "CBIRC, 20 February 2021"
)
TWO = (Party("us", "The Bank", 700_000), Party("coop", "The Cooperative", 300_000))
THREE = tuple(Party(name, name, share) for name, share in
              (("us", 333_334), ("a", 333_333), ("b", 333_333)))  # fmt: skip
JOINT = Arrangement("joint-1", "crop-season", "2026-01-01", "2026-12-31", TWO)


def test_the_splits_of_the_notes():
    assert allocate(100_001, [each.share_ppm for each in TWO]) == (70_001, 30_000)
    assert allocate(100, [1, 1, 1]) == (34, 33, 33)
    assert [-part["principal"] for part in carried(THREE, Position(principal_minor=100))] == [
        34, 33, 33,
    ]  # fmt: skip


# share of the partner [ppm], whether it may
@pytest.mark.parametrize(
    ("share", "allowed"), [(300_000, True), (299_999, False), (299_900, False)]
)
def test_a_share_below_three_tenths_is_refused_by_how_much(share: int, allowed: bool):
    parties = (Party("us", "The Bank", 1_000_000 - share), Party("coop", "C", share))
    refused = share_refusals(RULES, replace(JOINT, parties=parties))
    assert (refused == ()) == allowed
    if not allowed:
        assert (refused[0].rule, refused[0].by) == (JointRule.SHARE_MIN, 300_000 - share)
        assert "short" in str(refused[0])
        assert f"{300_000 - share:,}" in str(refused[0])


# own part with the partner, of joint loans, of the book, the new line's limit, the rules broken
@pytest.mark.parametrize(
    ("with_partner", "joint", "book", "limit", "broken"),
    [
        (0, 0, 4_000_000, 1_000_000, ()),
        (1_800_000, 1_800_000, 9_000_000, 1_000_000, ()),  # 2,500,000: a quarter of capital
        (1_800_000, 1_800_000, 9_000_000, 1_000_002, (JointRule.PARTNER_MAX,)),
        (0, 0, 699_999, 1_000_000, (JointRule.BOOK_MAX,)),
        (0, 0, 700_000, 1_000_000, ()),
        (2_500_000, 2_500_000, 2_500_000, 10, (JointRule.PARTNER_MAX, JointRule.BOOK_MAX)),
    ],
)
def test_a_loan_is_held_against_capital_and_book(
    with_partner: int, joint: int, book: int, limit: int, broken: tuple[JointRule, ...]
):
    exposure = JointExposure({"coop": with_partner}, joint, book)
    refused = loan_refusals(RULES, JOINT, exposure, limit)
    assert tuple(each.rule for each in refused) == broken
    assert all(each.by > 0 for each in refused)


def test_without_capital_nothing_is_lent_together():
    refused = loan_refusals(replace(RULES, tier1_minor=0), JOINT, JointExposure({}, 0, 0), 1)
    assert [each.rule for each in refused] == [JointRule.NO_CAPITAL]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parties": (TWO[0],)}, "2 to 10 parties"),
        ({"parties": (TWO[0], replace(TWO[1], share_ppm=300_001))}, "sum to 1000000"),
        ({"parties": (TWO[0], replace(TWO[1], partner_id="us"))}, "each party once"),
        ({"parties": (TWO[0], replace(TWO[1], partner_id="a/b"))}, "without a slash"),
        ({"until_on": "2025-12-31"}, "from_on up to until_on"),
        (
            {"parties": tuple(replace(each, first_loss_ppm=1) for each in TWO)},
            "one party at most",
        ),
    ],
)
def test_an_arrangement_that_cannot_be_is_told(change: dict[str, object], words: str):
    assert any(words in fault for fault in replace(JOINT, **change).faults())  # type: ignore[arg-type]


def test_rules_that_cannot_be_are_refused_all_at_once():
    table = {**encode(RULES), "share_ppm_min": 600_000, "book_ppm_max": 0}
    with pytest.raises(AgreementError, match=r"share_ppm_min.*book_ppm_max"):
        parse_joint_rules(table)


def test_the_first_loss_falls_on_who_stands_for_it():
    parties = (TWO[0], replace(TWO[1], first_loss_ppm=100_000))
    assert loss_shares(parties, 90_000, 1_000_000) == (0, 90_000)
    assert loss_shares(parties, 200_000, 1_000_000) == (70_000, 130_000)
    at = Position(principal_minor=200_000, written_off_minor=200_000, drawn_minor=1_000_000)
    ours, theirs = carried(parties, at)
    # It carries 60,000 of what is lost and bears 130,000: it owes 70,000 more than its part.
    assert theirs["loss"] == -130_000
    assert theirs["settlement"] == -(-60_000 + 60_000 - 130_000)
    assert ours["settlement"] + theirs["settlement"] == 200_000


LINE = "line-1"


def test_a_draw_that_came_back_widens_nobodys_first_loss():
    drawn = transfer(principal_account(LINE), "payable/supplier/s", "KES", 500_000)
    back = transfer("payable/supplier/s", principal_account(LINE), "KES", 500_000)
    draw, undo = EntryKind.DRAWDOWN, EntryKind.REVERSAL
    entries = [
        Entry("e1", draw, "2026-01-01", 1, "draw/d1", drawn),
        Entry("e2", undo, "2026-01-01", 2, "payout/p1/undoes/draw/d1", back),
        Entry("e3", draw, "2026-01-02", 3, "draw/d2", drawn),
        Entry("e4", undo, "2026-01-03", 4, "bounce/r1/undoes/repayment/r0", drawn),
    ]
    drawn_minor = [each.drawn_minor for each in positions(LINE, entries).values()]
    assert drawn_minor == [0, 500_000, 500_000]


MOVES = {
    "draw": (principal_account(LINE), "cash/st", EntryKind.DRAWDOWN),
    "interest": (interest_account(LINE), "income/interest", EntryKind.INTEREST),
    "fee": (fee_account(LINE), "income/fee", EntryKind.FEE),
    "penalty": (penalty_account(LINE), "income/penalty", EntryKind.PENALTY),
    "repay": ("cash/st", principal_account(LINE), EntryKind.REPAYMENT),
    "pay_interest": ("cash/st", interest_account(LINE), EntryKind.REPAYMENT),
    "capitalise": (principal_account(LINE), interest_account(LINE), EntryKind.CAPITALISATION),
    "rebate": ("income/rebate", "payable/line-1", EntryKind.REBATE),
    "write_off": ("expense/write-off", written_off_account(LINE), EntryKind.WRITE_OFF),
    "recover": (written_off_account(LINE), "income/recovery", EntryKind.RECOVERY),
}
STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(MOVES)), st.integers(1, 10**9)), min_size=1, max_size=25
)


@st.composite
def party_lists(draw: st.DrawFn) -> tuple[Party, ...]:
    weights = draw(st.lists(st.integers(1, 1_000), min_size=2, max_size=5))
    shares = allocate(1_000_000, weights)
    bears = draw(st.integers(0, len(shares) - 1))
    most = draw(st.integers(0, 1_000_000))
    return tuple(
        Party(f"p{n}", "", share, most if n == bears else 0) for n, share in enumerate(shares)
    )


@given(parties=party_lists(), steps=STEPS)
def test_parts_sum_to_the_whole_after_any_sequence(
    parties: tuple[Party, ...], steps: list[tuple[str, int]]
):
    """Every component of every party, and their settlements, on every day."""
    entries = []
    for number, (name, amount) in enumerate(steps):
        debit, credit, kind = MOVES[name]
        on = f"2026-01-{number + 1:02}"
        lines = transfer(debit, credit, "KES", amount)
        entries.append(Entry(f"e{number}", kind, on, number, f"c{number}", lines))
    for at in positions(LINE, entries).values():
        parts = carried(parties, at)
        whole = {
            "principal": -at.principal_minor, "interest": -at.interest_minor,
            "fee": -at.fee_minor, "penalty": -at.penalty_minor,
            "written-off": at.written_off_minor, "earned-interest": at.earned_interest_minor,
            "earned-fee": at.earned_fee_minor, "earned-penalty": at.earned_penalty_minor,
            "rebate": -at.rebate_minor, "loss": -at.written_off_minor,
        }  # fmt: skip
        for name in COMPONENTS:
            assert sum(part[name] for part in parts) == whole[name]
        for party, part in zip(parties, parts, strict=True):
            assert sum(part.values()) == 0
            for name in COMPONENTS[:-1]:
                exact = whole[name] * party.share_ppm
                assert abs(part[name] * 1_000_000 - exact) < 1_000_000, "drifted by a unit"


@given(parties=party_lists(), count=st.integers(1, 200))
def test_a_thousand_repayments_of_one_unit_drift_by_nothing(parties: tuple[Party, ...], count: int):
    at_once = carried(parties, Position(principal_minor=1_000 - count, drawn_minor=1_000))
    posted = dict.fromkeys((each.partner_id for each in parties), 0)
    before = carried(parties, Position(principal_minor=1_000, drawn_minor=1_000))
    for number, each in enumerate(parties):
        posted[each.partner_id] = before[number]["settlement"]
    for paid in range(1, count + 1):
        now = carried(parties, Position(principal_minor=1_000 - paid, drawn_minor=1_000))
        for number, each in enumerate(parties):
            posted[each.partner_id] += now[number]["settlement"] - before[number]["settlement"]
        before = now
    assert list(posted.values()) == [part["settlement"] for part in at_once]
