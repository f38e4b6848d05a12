"""The password or the phone's code, asked again before what moves money or rights.

Who holds a second factor is asked for its code, everybody else for their password. They send the
same form once more with it; nothing that they filled in is lost, and nothing is done before. It
counts for a few minutes of the same visit, and wrong ones are slowed as at the log-in.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from server import one_time
from server.console.desk import Desk, Visitor
from server.console.pages.door import (
    CODE_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MAX,
    WRONG_CODE,
    set_cookie,
)
from server.console.session import STEP_UP_COOKIE, StepUpError
from server.console.words import message, say
from server.keys import password_matches
from server.services import second_factor
from server.services.centre import Work
from server.store import people

PASSWORD, CODE, TOKEN = "step_up_password", "step_up_code", "token"
WRONG = message("That is not your password.")
WAIT = message("Too many wrong passwords. Wait {count} seconds and try again.")
WAIT_CODE = message("Too many wrong codes. Wait {count} seconds and try again.")
ASKED = message("Whoever finds this screen open must not be able to do this.")


def passed(
    desk: Desk, request: Request, form: FormData, visitor: Visitor, act: Callable[[], Response]
) -> Response:
    """What ``act`` answers, once the visitor's password was given lately or with this form."""
    by_code = desk.holds_second_factor(visitor)
    given = str(form.get(CODE if by_code else PASSWORD, ""))[:PASSWORD_CHARACTERS_MAX]
    if not given:
        try:
            desk.require_step_up(request, visitor)
        except StepUpError:
            return _ask(desk, request, form, visitor, say(ASKED))
        return act()
    wait_s = desk.throttle.take(visitor.username)
    if wait_s:
        many = WAIT_CODE if by_code else WAIT
        words = say(many, count=wait_s)
        return _ask(desk, request, form, visitor, words, 429)
    if not (_counts if by_code else _is_right)(desk, visitor, given):
        return _ask(desk, request, form, visitor, say(WRONG_CODE if by_code else WRONG), 403)
    desk.throttle.right(visitor.username)
    if not by_code:
        desk.centre.write(lambda work: _record(work, visitor, "password"))
    answer = act()
    set_cookie(request, answer, STEP_UP_COOKIE, desk.seals.step_up(visitor.visit))
    return answer


def _is_right(desk: Desk, visitor: Visitor, given: str) -> bool:
    with desk.centre.store.reading() as tx:
        user = people.user(tx, visitor.username)
    return user is not None and password_matches(user.password_hash, given)


def _counts(desk: Desk, visitor: Visitor, given: str) -> bool:
    now_step = one_time.step_of(desk.centre.wall_ms())
    code = given[:CODE_CHARACTERS_MAX]

    def act(work: Work) -> bool:
        by = second_factor.pass_by(work, visitor.actor, code, now_step)
        if by is not None:
            _record(work, visitor, by.value)
        return by is not None

    return desk.centre.write(act)


def _record(work: Work, visitor: Visitor, by: str) -> None:
    subject = ("user", visitor.username)
    people.record(work.tx, work.at_ms, visitor.actor, "stepped_up", subject, {"by": by})


def _ask(
    desk: Desk, request: Request, form: FormData, visitor: Visitor, words: str, status: int = 200
) -> Response:
    """The form once more, with a field for the password."""
    kept = [
        (name, value)
        for name, value in form.multi_items()
        if isinstance(value, str) and name not in (PASSWORD, CODE, TOKEN)
    ]
    by_code = desk.holds_second_factor(visitor)
    context = {
        "kept": kept, "words": words, "field": CODE if by_code else PASSWORD, "by_code": by_code,
        "action": str(request.url.path),
    }  # fmt: skip
    return desk.page(request, "step_up.html", context, visitor, status)
