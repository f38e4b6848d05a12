"""The books' rules as data, and the day's root: pure, and held against hand-made examples."""

from __future__ import annotations

import copy
import tomllib
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from core.canonical import canonical_bytes
from core.errors import ChartError, ProvisioningError, ShapeError
from core.lending.books import line_accounts, written_off_account
from core.lending.chart import AccountKind, parse_chart
from core.lending.dayroot import HEADS_MAX, Head, leads_to, leaf_hash, ordered, proof_of, root_of
from core.lending.provisioning import (
    Risk,
    bucket_of,
    bucket_words,
    expected_loss_minor,
    lifetime_pd_ppm,
    parse_provisioning,
    provision,
)
from core.shape import encode

BOOKS = Path(__file__).resolve().parents[2] / "server" / "books"


def table(name: str) -> dict[str, Any]:
    return tomllib.loads((BOOKS / f"{name}.toml").read_text(encoding="utf-8"))


def test_the_chart_that_comes_with_the_program_knows_what_it_posts_to():
    chart = parse_chart(table("chart"))
    kinds = {
        "loan/principal/line-1": AccountKind.ASSET,
        "cash/st-one": AccountKind.ASSET,
        "income/interest": AccountKind.INCOME,
        "payable/line-1": AccountKind.LIABILITY,
    }
    found = {account: chart.find(account) for account in kinds}
    assert {account: each.kind for account, each in found.items() if each} == kinds
    assert chart.find("income/gifts") is None
    assert chart.find("cash/") is None  # a family has members, it is none itself


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 0}, "version must be at least 1"),
        ({"effective_from": "soon"}, "effective_from must be a date"),
        ({"accounts": []}, "expected 1 to 500 accounts"),
        ({"drop": "cash/*"}, "cash/\\* is missing: the program posts to it"),
        ({"add": {"path": "cash/till", "code": "1", "name": "x", "kind": "asset"}}, "covered by"),
        ({"add": {"path": "a/*/b", "code": "1", "name": "x", "kind": "asset"}}, "a \\* may only"),
        ({"add": {"path": "a//b", "code": "1", "name": "x", "kind": "asset"}}, "empty parts"),
        ({"add": {"path": "a", "code": "1000", "name": "x", "kind": "asset"}}, "code 1000 stands"),
        ({"add": {"path": "a", "code": "1", "name": "", "kind": "asset"}}, "a code and a name"),
        ({"add": {"path": "a", "code": "1", "name": "x", "kind": "gift"}}, "kind"),
    ],
)
def test_a_chart_that_contradicts_itself_is_refused_by_name(change: dict[str, Any], words: str):
    body = copy.deepcopy(table("chart"))
    added, dropped = change.pop("add", None), change.pop("drop", None)
    body["accounts"] = [each for each in body["accounts"] if each["path"] != dropped]
    body["accounts"] += [added] if added else []
    with pytest.raises(ChartError, match=words):
        parse_chart({**body, **change})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lgd_ppm": 1_000_001}, "lgd_ppm must be 0 to"),
        ({"stage2_days": 90}, "stage2_days < stage3_days"),
        ({"lgd": [{"product_id": "a", "lgd_ppm": 1}] * 2}, "each product once"),
        ({"effective_from": "2026-13-01"}, "a date"),
        ({"version": "one"}, "version"),
    ],
)
def test_provisioning_rules_that_cannot_be_are_refused_by_name(change: dict[str, Any], words: str):
    with pytest.raises(ProvisioningError, match=words):
        parse_provisioning({**table("provisioning"), **change})


def test_a_provision_by_hand():
    """PD × LGD × EAD, each stage once: 2 % × 65 % of 10,000 + half of 4,000 free is 156."""
    rules = replace(parse_provisioning(table("provisioning")), watch_is_stage2=True)
    risk = Risk("crop-season", 0, watch=False, owed_minor=1_000_000, undrawn_minor=400_000,
                pd_ppm=20_000)  # fmt: skip
    first = provision(rules, risk)
    assert (first.stage, first.ead_minor, first.expected_loss_minor) == (1, 1_200_000, 15_600)
    late = provision(rules, replace(risk, late_days=31))  # PD at least 20 % now
    assert (late.stage, late.pd_ppm, late.expected_loss_minor) == (2, 200_000, 156_000)
    assert provision(rules, replace(risk, late_days=30)).stage == 1
    assert provision(rules, replace(risk, watch=True)).stage == 2
    failed = provision(rules, replace(risk, late_days=91))  # nothing more is drawn, all may go
    assert (failed.stage, failed.ead_minor, failed.expected_loss_minor) == (3, 1_000_000, 650_000)
    unscored = provision(rules, replace(risk, pd_ppm=None, undrawn_minor=0))
    assert (unscored.pd_ppm, unscored.expected_loss_minor) == (150_000, 97_500)
    sure = provision(rules, replace(risk, pd_ppm=0))
    assert sure.pd_ppm == rules.pd_ppm_min
    assert provision(rules, replace(risk, product_id="other")).lgd_ppm == rules.lgd_ppm


def test_stage_2_expects_the_loss_of_the_whole_life_and_stage_1_of_twelve_months():
    """10 % a year over five years: 1 − 0.9^5 = 40.951 %; over two of 2 %: 1 − 0.98² = 3.96 %."""
    assert lifetime_pd_ppm(100_000, 1_825) == 409_510
    assert lifetime_pd_ppm(20_000, 730) == 39_600
    assert [lifetime_pd_ppm(20_000, days) for days in (0, 179, 365)] == [20_000] * 3
    assert (lifetime_pd_ppm(0, 730), lifetime_pd_ppm(1_000_000, 730)) == (0, 1_000_000)
    rules = parse_provisioning(table("provisioning"))  # in stage 2 at least 20 %
    risk = Risk("kisan-revolving", 0, watch=False, owed_minor=1_000_000, undrawn_minor=0,
                pd_ppm=100_000, remaining_days=1_825)  # fmt: skip
    assert provision(rules, risk).pd_ppm == 100_000
    late = replace(risk, late_days=31)
    assert provision(rules, late).pd_ppm == 409_510
    assert provision(rules, replace(late, remaining_days=365)).pd_ppm == 200_000
    assert provision(rules, replace(late, late_days=91)).pd_ppm == 1_000_000


@pytest.mark.parametrize(
    ("late", "days", "pd_ppm", "loss_minor"),
    [
        (0, 730, 200_000, 1_300_000),
        (31, 200, 200_000, 1_300_000),
        (31, 365, 200_000, 1_300_000),
        (31, 548, 284_677, 1_850_400),
        (31, 730, 360_000, 2_340_000),
        (31, 1_825, 672_320, 4_370_080),
        (91, 200, 1_000_000, 6_500_000),
        (91, 1_825, 1_000_000, 6_500_000),
    ],
)
def test_the_loss_of_a_whole_life_as_the_page_on_the_ledger_tells_it(
    late: int, days: int, pd_ppm: int, loss_minor: int
):
    known = parse_provisioning(table("provisioning"))
    rules = replace(known, pd_ppm_min=0, stage2_pd_ppm_min=0, lgd_ppm=650_000, lgd=())
    risk = Risk("crop-season", late, watch=False, owed_minor=10_000_000, undrawn_minor=0,
                pd_ppm=200_000, remaining_days=days)  # fmt: skip
    found = provision(rules, risk)
    assert (found.pd_ppm, found.expected_loss_minor) == (pd_ppm, loss_minor)


def test_expected_loss_is_rounded_once_half_to_even():
    assert expected_loss_minor(500_000, 1_000_000, 5) == 2  # 2.5
    assert expected_loss_minor(500_000, 1_000_000, 7) == 4  # 3.5


def test_buckets_of_lateness():
    days = (0, 1, 30, 31, 60, 61, 90, 91, 180, 181)
    assert [bucket_of(each) for each in days] == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert bucket_words()[1:] == ("1–30 days", "31–60 days", "61–90 days", "91–180 days",
                                  "over 180 days")  # fmt: skip


def heads(count: int) -> list[Head]:
    return [Head("ledger", f"w{i:02}", "", i + 1, f"{i:064x}") for i in range(count)]


def test_a_root_by_hand():
    """Three leaves, after RFC 6962 (2.1): the first two are joined, then with the third."""

    def hashed(*parts: bytes) -> bytes:
        return sha256(b"".join(parts)).digest()

    a, b, c = (hashed(b"\0", canonical_bytes(encode(head))) for head in heads(3))
    assert root_of(heads(3)) == hashed(b"\1", hashed(b"\1", a, b), c).hex()
    assert root_of(heads(1)) == leaf_hash(heads(1)[0]).hex()
    assert root_of([]) == sha256(b"").hexdigest()


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_every_head_is_proved_and_nothing_else_is(count: int):
    found = heads(count)
    root = root_of(found)
    for place, head in enumerate(found):
        proof = proof_of(found, place)
        assert leads_to(head, place, count, proof, root)
        assert not leads_to(replace(head, seq=99), place, count, proof, root)
        assert not leads_to(head, place, count, (*proof, "00" * 32), root)
    assert not leads_to(found[0], count, count, (), root)


def test_heads_stand_in_one_order_and_are_bounded():
    found = heads(4)
    assert ordered(found[::-1]) == tuple(found)
    with pytest.raises(ShapeError, match="at most"):
        ordered([found[0]] * (HEADS_MAX + 1))


def test_every_account_that_the_program_posts_to_is_in_the_chart():
    chart = parse_chart(table("chart"))
    posted = (*line_accounts("line-1"), written_off_account("line-1"), "payable/supplier/agro",
              "cash/st-one", "suspense/line-1", "income/recovery", "expense/write-off",
              "income/rebate", "income/penalty")  # fmt: skip
    assert [account for account in posted if chart.find(account) is None] == []
