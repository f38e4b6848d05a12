"""The password, asked again before what moves money or rights.

Whoever was asked sends the same form once more with their password; nothing that they
filled in is lost, and nothing is done before. A password counts for a few minutes of the
same visit, and wrong ones are slowed as at the log-in.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from server.console.desk import Desk, Visitor
from server.console.pages.door import PASSWORD_CHARACTERS_MAX, set_cookie
from server.console.session import STEP_UP_COOKIE, StepUpError
from server.console.words import message, say
from server.keys import password_matches
from server.services.centre import Work
from server.store import people

PASSWORD, TOKEN = "step_up_password", "token"
WRONG = message("That is not your password.")
ASKED = message("Whoever finds this screen open must not be able to do this.")


def passed(
    desk: Desk, request: Request, form: FormData, visitor: Visitor, act: Callable[[], Response]
) -> Response:
    """What ``act`` answers, once the visitor's password was given lately or with this form."""
    given = str(form.get(PASSWORD, ""))[:PASSWORD_CHARACTERS_MAX]
    if not given:
        try:
            desk.require_step_up(request, visitor)
        except StepUpError:
            return _ask(desk, request, form, visitor, say(ASKED))
        return act()
    wait_s = desk.throttle.wait_s(visitor.username)
    if wait_s:
        words = say("Too many wrong passwords. Wait {count} seconds and try again.", count=wait_s)
        return _ask(desk, request, form, visitor, words, 429)
    if not _is_right(desk, visitor, given):
        desk.throttle.wrong(visitor.username)
        return _ask(desk, request, form, visitor, say(WRONG), 403)
    desk.throttle.right(visitor.username)
    desk.centre.write(lambda work: _record(work, visitor))
    answer = act()
    set_cookie(request, answer, STEP_UP_COOKIE, desk.seals.step_up(visitor.visit))
    return answer


def _is_right(desk: Desk, visitor: Visitor, given: str) -> bool:
    with desk.centre.store.reading() as tx:
        user = people.user(tx, visitor.username)
    return user is not None and password_matches(user.password_hash, given)


def _record(work: Work, visitor: Visitor) -> None:
    subject = ("user", visitor.username)
    people.record(work.tx, work.at_ms, visitor.actor, "stepped_up", subject)


def _ask(
    desk: Desk, request: Request, form: FormData, visitor: Visitor, words: str, status: int = 200
) -> Response:
    """The form once more, with a field for the password."""
    kept = [
        (name, value)
        for name, value in form.multi_items()
        if isinstance(value, str) and name not in (PASSWORD, TOKEN)
    ]
    context = {"kept": kept, "words": words, "field": PASSWORD, "action": str(request.url.path)}
    return desk.page(request, "step_up.html", context, visitor, status)
