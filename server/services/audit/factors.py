"""The promise of the second factor: set up by its owner, each code used once, ended by two.

What the tables say is held against the trail, which nobody rewrites unseen: a factor that its
owner never confirmed, another secret, a code more or less, a code that counts once more, a
count of wrong codes that was wiped, an end that neither its owner's next one nor two persons
made. A factor that was confirmed before the trail told which one is known by its time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from server.services import second_factor as factor
from server.services.audit.finding import Look, Looks, first_fault
from server.services.audit.said import Said
from server.store import people, second_factors
from server.store.engine import Tx
from server.store.money_words import WordKind
from server.store.people import AuditRow
from server.store.second_factors import SecondFactor, SpareCode

_TABLE, _CODES = "second_factors", "recovery_codes"
_HOLDING = (factor.OFFERED, factor.CONFIRMED, factor.ENDED, factor.SPARE_USED)
_OWN = (*_HOLDING, factor.USED, factor.WRONG)
_BY_CODE = ("logged_in", "stepped_up")  # by them alone it was told once that a code was used


@dataclass(slots=True)
class _Told:
    """What the trail tells of one person's second factors, the oldest first."""

    rows: list[AuditRow] = field(default_factory=list)

    def of(self, action: str) -> list[AuditRow]:
        return [row for row in self.rows if row.action == action]

    def confirmed(self, held: SecondFactor) -> AuditRow | None:
        """By what a factor was confirmed."""
        rows = self.of(factor.CONFIRMED)
        named = [row for row in rows if row.detail.get("factor_id") == held.factor_id]
        bare = [
            row
            for row in rows
            if "factor_id" not in row.detail and row.at_ms == held.confirmed_at_ms
        ]
        return next(iter(named or bare), None)

    def step_min(self, held: SecondFactor) -> int:
        """The newest time whose code was used, as far as it is told."""
        used = [row for row in self.of(factor.USED) if row.detail["factor_id"] == held.factor_id]
        return max((int(str(row.detail["step"])) for row in used), default=0)

    def wrong_count(self) -> int:
        """How many wrong codes in a row were given last."""
        count = 0
        for row in self.rows:
            if row.action == factor.WRONG and "in_a_row" in row.detail:
                count = int(str(row.detail["in_a_row"]))
            elif row.action in (factor.CONFIRMED, factor.USED, factor.SPARE_USED) or _is_passed(
                row
            ):
                count = 0
        return count


def _is_passed(row: AuditRow) -> bool:
    by_code = row.detail.get("by") in {each.value for each in factor.Passed}
    return "second_factor" in row.detail or by_code


def held(tx: Tx, said: Said) -> Looks:
    """Every second factor and every spare code is as the trail tells it."""
    trail = _trail(tx)
    factors: dict[str, list[SecondFactor]] = defaultdict(list)
    codes: dict[tuple[str, str], list[SpareCode]] = defaultdict(list)
    for each in second_factors.stream(tx):
        factors[each.username].append(each)
    for code in second_factors.stream_codes(tx):
        codes[code.username, code.factor_id].append(code)
    for name in sorted({*factors, *trail}):
        told, own = trail.get(name, _Told()), factors.get(name, [])
        for each in own:
            yield _factor(each, told, own, said)
            yield from _codes_of(each, told, codes.pop((name, each.factor_id), []))
        yield from _missing(name, told, own)
        yield from _used(name, told, tx)
    for (name, factor_id), left in sorted(codes.items()):
        fault = (bool(left), "a second factor that it belongs to", "none")
        yield first_fault(_CODES, f"{name}/{factor_id}", fault)


def _trail(tx: Tx) -> Mapping[str, _Told]:
    found: dict[str, _Told] = defaultdict(_Told)
    rows = (row for action in (*_OWN, *_BY_CODE) for row in people.stream_trail(tx, action))
    for row in sorted(rows, key=lambda each: each.seq):
        if row.object_kind == "user" and (row.action in _OWN or _is_passed(row)):
            found[row.object_id].rows.append(row)
    return {name: told for name, told in found.items() if any(map(told.of, _HOLDING))}


def _factor(held: SecondFactor, told: _Told, own: Sequence[SecondFactor], said: Said) -> Look:
    name = f"{held.username}/{held.factor_id}"
    offers = {row.at_ms for row in told.of(factor.OFFERED) if row.actor == held.username}
    confirmed = told.confirmed(held)
    is_confirmed = held.confirmed_at_ms is not None
    in_force = [each for each in own if _is_in_force(each)]
    is_now = _is_in_force(held)
    return first_fault(
        _TABLE,
        name,
        (held.offered_at_ms not in offers, "an offer that the trail tells", "none"),
        (
            is_confirmed and not _is_own(held, confirmed),
            "the confirmation by its owner that the trail tells",
            "none",
        ),
        (
            confirmed is not None
            and confirmed.detail.get("sealed_sha256", held.sealed_sha256) != held.sealed_sha256,
            "the secret that was confirmed",
            "another",
        ),
        (not is_confirmed and held.ended_at_ms is not None, "an offer", "one that ended"),
        (is_now and len(in_force) > 1, "one second factor in force", f"{len(in_force)}"),
        (
            held.last_step < told.step_min(held),
            f"the time {told.step_min(held)} as used",
            f"{held.last_step}",
        ),
        (
            is_now and held.wrong_count != told.wrong_count(),
            f"{told.wrong_count()} wrong in a row",
            f"{held.wrong_count}",
        ),
        _end_fault(held, told, own, said),
    )


def _is_in_force(held: SecondFactor) -> bool:
    return held.confirmed_at_ms is not None and held.ended_at_ms is None


def _is_own(held: SecondFactor, confirmed: AuditRow | None) -> bool:
    told = (confirmed.actor, confirmed.at_ms) if confirmed is not None else None
    return told == (held.username, held.confirmed_at_ms)


def _end_fault(
    held: SecondFactor, told: _Told, own: Iterable[SecondFactor], said: Said
) -> tuple[bool, str, str]:
    """Whether it ended neither by its owner's next one nor by two."""
    if held.ended_at_ms is None:
        return bool(held.word_id), "no word while it is in force", held.word_id
    if held.word_id:
        ends = [row for row in told.of(factor.ENDED) if row.detail.get("word_id") == held.word_id]
        actor = next((row.actor for row in ends if row.at_ms == held.ended_at_ms), "(nobody)")
        return said.fault(held.word_id, (WordKind.USER_FACTOR, held.username), actor)
    is_next = any(
        each.confirmed_at_ms == held.ended_at_ms for each in own if each.factor_id != held.factor_id
    )
    return not is_next, "its owner's next one, or the word of two", "an end by neither"


def _codes_of(held: SecondFactor, told: _Told, codes: list[SpareCode]) -> Iterator[Look]:
    name = f"{held.username}/{held.factor_id}"
    wanted = factor.SPARE_CODES if held.confirmed_at_ms is not None else 0
    confirmed = told.confirmed(held)
    mark = factor.codes_mark([each.code_sha256 for each in codes])
    kept = confirmed.detail.get("codes_sha256", mark) if confirmed is not None else mark
    yield first_fault(
        _CODES,
        name,
        (len(codes) != wanted, f"{wanted} recovery codes", f"{len(codes)}"),
        (kept != mark, "the recovery codes that were made", "others"),
    )


def _missing(name: str, told: _Told, own: Sequence[SecondFactor]) -> Iterator[Look]:
    """What the trail tells of and the table does not hold, or holds as if it had not ended."""
    known = {each.factor_id for each in own}
    for row in told.of(factor.CONFIRMED):
        lost = str(row.detail.get("factor_id", ""))
        fault = (bool(lost) and lost not in known, "what its owner confirmed", "nothing")
        yield first_fault(_TABLE, f"{name}/{lost}", fault)
    words = {each.word_id for each in own}
    for row in told.of(factor.ENDED):
        word_id = str(row.detail.get("word_id", ""))
        fault = (word_id not in words, "the end that two said", "none")
        yield first_fault(_TABLE, f"{name}/{word_id}", fault)


def _used(name: str, told: _Told, tx: Tx) -> Iterator[Look]:
    """Each recovery code was used when the trail tells it, and no more of them."""
    said = Counter(row.at_ms for row in told.of(factor.SPARE_USED) if row.actor == name)
    found = Counter(second_factors.used_at(tx, name))
    fault = (said != found, f"{said.total()} used, as the trail tells", f"{found.total()}")
    yield first_fault(_CODES, name, fault)
