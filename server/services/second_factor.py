"""A second factor beside the password: a code that the person's own phone makes.

A secret is offered once, lies sealed to the centre's own key, and counts when a code of it has
come back. Each code is taken once, by whoever comes first; a row of wrong ones shuts the phone's
codes until a spare code is given or two persons end the factor. Nothing secret goes to the trail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from server import one_time
from server.keys import Seals
from server.services.centre import RequestError, Work
from server.store import people, second_factors, visits
from server.store.engine import Tx
from server.store.people import Actor, Role, User
from server.store.second_factors import SecondFactor

NEEDED = "needed"  # the setting `second_factor`; otherwise it is asked for
ENROLLING = (Role.LENDER, Role.SUPERVISOR)  # who approves
SPARE_CODES = 10
OFFER_MS_MAX = 10 * 60 * 1000
WRONG_IN_A_ROW_MAX = 30  # 90 of a million codes: from then on the phone's codes are shut
OFFERED, CONFIRMED, ENDED = (  # what the trail tells
    "second_factor_offered", "second_factor_confirmed", "second_factor_ended",
)  # fmt: skip
USED, SPARE_USED, WRONG = "second_factor_used", "recovery_code_used", "second_factor_wrong"
_CONTEXT = "harvestline/second-factor/v1"


class Passed(Enum):
    """By what a second factor was passed."""

    CODE = "code"
    SPARE = "recovery code"


@dataclass(frozen=True, slots=True)
class Offer:
    """A secret as it is shown, once: to a camera, and to be typed."""

    factor_id: str
    address: str
    secret_text: str


def is_needed(tx: Tx, setting: str, user: User) -> bool:
    """Whether somebody may do nothing before they have enrolled."""
    if setting != NEEDED or user.role not in ENROLLING:
        return False
    return second_factors.in_force(tx, user.username) is None


def offer(work: Work, by: Actor, chance: Callable[[], str]) -> Offer:
    """Offer somebody a new secret; what they hold counts until it is confirmed."""
    people.lock_trail(work.tx)
    secret = bytes.fromhex(chance())[-one_time.SECRET_BYTES :]
    factor_id = work.new_id()
    seals = Seals((work.keys.identity().seal_key,))
    sealed = seals.seal(work.keys.seal_key_id, secret, _context(work, by.name, factor_id))
    second_factors.offer(work.tx, SecondFactor(by.name, factor_id, sealed, work.at_ms))
    _record(work, by, OFFERED)
    shown = one_time.address(secret, by.name, work.settings.name)
    return Offer(factor_id, shown, one_time.secret_text(secret))


def confirm(
    work: Work, by: Actor, proof: tuple[str, str], now_step: int, chance: Callable[[], str]
) -> tuple[str, ...]:
    """Confirm an offer by its id and a code; the spare codes, which are shown once.

    The caller ends the other visits. An empty answer says that the code was not right.

    Raises
    ------
    RequestError
        If there is no such offer to this person, or it is too old.
    """
    factor_id, code = proof
    people.lock_trail(work.tx)
    found = second_factors.offered(work.tx, by.name, factor_id)
    if found is None or work.at_ms - found.offered_at_ms > OFFER_MS_MAX:
        raise RequestError(
            "expected the code of the secret that was offered last, at most 10 minutes ago: "
            "begin again"
        )
    step = one_time.matching_step(_secret(work, found), _plain(code), now_step, 0)
    if step is None:
        second_factors.count_wrong(work.tx, found)
        _record(work, by, WRONG, {"for": "enrolment"})
        return ()
    second_factors.confirm(work.tx, found, work.at_ms, step)
    spare = tuple(one_time.spare_text(bytes.fromhex(chance())) for _ in range(SPARE_CODES))
    hashes = tuple(one_time.spare_hash(by.name, each) for each in spare)
    second_factors.add_codes(work.tx, found, hashes)
    told = {"factor_id": factor_id, "sealed_sha256": found.sealed_sha256}
    _record(work, by, CONFIRMED, {**told, "codes_sha256": codes_mark(hashes)})
    return spare


def pass_by(work: Work, by: Actor, given: str, now_step: int) -> Passed | None:
    """Take a code of the phone or a spare one, each once; None if it does not count.

    A wrong one is counted, so the caller commits. Who comes with the same code at the same
    time waits for the first, and is refused.
    """
    people.lock_trail(work.tx)
    found = second_factors.in_force(work.tx, by.name)
    if found is None:
        return None
    spare = one_time.spare_hash(by.name, given)
    if spare and second_factors.spend_code(work.tx, found, spare, work.at_ms):
        left = second_factors.codes_left(work.tx, found)
        _record(work, by, SPARE_USED, {"left": str(left)})
        return Passed.SPARE
    step = None
    if found.wrong_count < WRONG_IN_A_ROW_MAX:
        secret = _secret(work, found)
        step = one_time.matching_step(secret, _plain(given), now_step, found.last_step)
    if step is None:
        second_factors.count_wrong(work.tx, found)
        _record(work, by, WRONG, {"in_a_row": str(found.wrong_count + 1)})
        return None
    second_factors.use(work.tx, found, step)
    _record(work, by, USED, {"factor_id": found.factor_id, "step": str(step)})
    return Passed.CODE


def codes_mark(hashes: Iterable[str]) -> str:
    """By what the trail knows the spare codes of a factor, which it does not tell."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


def forget(work: Work, username: str, by: Actor, word_id: str) -> None:
    """End what somebody holds and every visit of theirs, by a confirmed word of two.

    Raises
    ------
    RequestError
        If they hold none.
    """
    found = require_held(work.tx, username)
    second_factors.end(work.tx, found, work.at_ms, word_id)
    visits.end_all(work.tx, username, (work.at_ms, by.name))


def require_held(tx: Tx, username: str) -> SecondFactor:
    """What a user holds.

    Raises
    ------
    RequestError
        If they hold none.
    """
    found = second_factors.in_force(tx, username)
    if found is None:
        raise RequestError(f"expected somebody with a second factor, {username} has none")
    return found


def _secret(work: Work, found: SecondFactor) -> bytes:
    return work.keys.open(found.sealed, _context(work, found.username, found.factor_id))


def _context(work: Work, username: str, factor_id: str) -> bytes:
    return f"{_CONTEXT}\0{work.tx.tenant_id}\0{username}\0{factor_id}".encode()


def _plain(code: str) -> str:
    return "".join(each for each in code if each != " ")


def _record(work: Work, by: Actor, action: str, detail: dict[str, str] | None = None) -> None:
    people.record(work.tx, work.at_ms, by, action, ("user", by.name), detail or {})
