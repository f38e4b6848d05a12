"""Log-in and log-out.

Who holds a second factor gives its code on a page of its own, once the password was right; until
then there is no visit, and wrong codes are slowed as wrong passwords are, by the same count.
"""

from __future__ import annotations

import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server import one_time
from server.console.desk import READERS, Desk, Visitor
from server.console.render import PREFIX
from server.console.session import (
    DOOR_COOKIE,
    SESSION_COOKIE,
    SESSION_S_MAX,
    STEP_UP_COOKIE,
    VISIT_COOKIE,
    fingerprint,
    visit_hash,
)
from server.console.speaking import inside
from server.console.words import message, say
from server.keys import password_matches
from server.services import second_factor
from server.services.centre import Work
from server.services.second_factor import Passed
from server.store import people, second_factors, visits
from server.store.people import Actor, User
from server.store.visits import Visit

_OURS = re.compile("[0-9a-f]{64}")  # as the centre's tokens are; a browser may send anything
NAME_CHARACTERS_MAX = 100
PASSWORD_CHARACTERS_MAX = 1000
BROWSER_CHARACTERS_MAX = 200
CODE_CHARACTERS_MAX = 40
WRONG = message("The name or the password is not right.")
WRONG_CODE = message("That code does not count: it is wrong, too old, or was used before.")


def routes(desk: Desk) -> list[Route]:
    """The door's addresses."""
    # Against this a password is checked when the name is not known, so that an
    # answer takes as long as for a name that is.
    nobody = desk.centre.password_hash(desk.centre.new_token())

    def form(request: Request) -> Response:
        return _form(desk, request, inside(request.query_params.get("next", "")))

    async def enter(request: Request) -> Response:
        sent = await request.form()
        given = {key: str(sent.get(key, "")) for key in ("name", "password", "next", "token")}
        desk.seals.require_token(given["token"], request.cookies.get(VISIT_COOKIE, ""))
        return await run_in_threadpool(_enter, desk, request, given, nobody)

    async def enter_by_code(request: Request) -> Response:
        sent = await request.form()
        given = {key: str(sent.get(key, "")) for key in ("code", "next", "token")}
        desk.seals.require_token(given["token"], request.cookies.get(VISIT_COOKIE, ""))
        return await run_in_threadpool(_enter_by_code, desk, request, given)

    async def leave(request: Request) -> Response:
        sent = await request.form()
        visitor = await run_in_threadpool(desk.permit_enrolling, request, sent, *READERS)
        await run_in_threadpool(_end, desk, visitor)
        answer = RedirectResponse(f"{PREFIX}/login", 303)
        for cookie in (SESSION_COOKIE, STEP_UP_COOKIE, DOOR_COOKIE):
            answer.delete_cookie(cookie, path=PREFIX)
        return answer

    return [
        Route("/login", form, methods=["GET"]),
        Route("/login", enter, methods=["POST"]),
        Route("/login/code", enter_by_code, methods=["POST"]),
        Route("/logout", leave, methods=["POST"]),
    ]


def _form(
    desk: Desk, request: Request, wanted: str, fault: str = "", status: int = 200
) -> Response:
    kept = request.cookies.get(VISIT_COOKIE, "")
    visit = kept if _OURS.fullmatch(kept) else desk.centre.new_token()
    context = {"token": desk.seals.token(visit), "next": wanted, "fault": fault}
    answer = desk.page(request, "login.html", context, status=status)
    set_cookie(request, answer, VISIT_COOKIE, visit)
    return answer


def _enter(desk: Desk, request: Request, given: dict[str, str], nobody: str) -> Response:
    name, wanted = given["name"].strip()[:NAME_CHARACTERS_MAX], inside(given["next"])
    wait_s = desk.throttle.take(name)
    if wait_s:
        words = say(
            "Too many wrong passwords for this name. Wait {count} seconds and try again.",
            count=wait_s,
        )
        return _form(desk, request, wanted, words, status=429)
    user = _checked(desk, name, given["password"][:PASSWORD_CHARACTERS_MAX], nobody)
    if user is None:
        return _form(desk, request, wanted, say(WRONG), status=401)
    visit, browser = desk.centre.new_token(), _browser(request)
    if not desk.centre.write(lambda work: _begin(work, user, visit_hash(visit), browser)):
        desk.throttle.give_back(name)
        answer = _ask_code(desk, request, wanted)
        at_door = request.cookies.get(VISIT_COOKIE, "")
        set_cookie(request, answer, DOOR_COOKIE, desk.seals.at_door(user, at_door))
        return answer
    desk.throttle.right(name)
    return _inside(desk, request, wanted, (user, visit))


def _enter_by_code(desk: Desk, request: Request, given: dict[str, str]) -> Response:
    wanted = inside(given["next"])
    waiting = desk.seals.read_door(request.cookies.get(DOOR_COOKIE))
    if waiting is None or waiting.visit != request.cookies.get(VISIT_COOKIE, ""):
        return _form(desk, request, wanted, say("That took too long. Begin again."), status=401)
    wait_s = desk.throttle.take(waiting.username)
    if wait_s:
        words = say("Too many wrong codes. Wait {count} seconds and try again.", count=wait_s)
        return _ask_code(desk, request, wanted, words, status=429)
    visit, browser = desk.centre.new_token(), _browser(request)
    begun = (visit_hash(visit), browser)

    def act(work: Work) -> User | None:
        user = people.user(work.tx, waiting.username)
        if user is None or user.disabled or fingerprint(user) != waiting.fingerprint:
            return None
        return user if _pass(desk, work, user, given["code"], begun) else None

    user = desk.centre.write(act)
    if user is None:
        return _ask_code(desk, request, wanted, say(WRONG_CODE), status=401)
    desk.throttle.right(user.username)
    answer = _inside(desk, request, wanted, (user, visit))
    answer.delete_cookie(DOOR_COOKIE, path=PREFIX)
    return answer


def _inside(desk: Desk, request: Request, wanted: str, begun: tuple[User, str]) -> RedirectResponse:
    # A new visit, so that a token from before the log-in is worth nothing after it.
    answer = RedirectResponse(wanted, 303)
    set_cookie(request, answer, SESSION_COOKIE, desk.seals.cookie(*begun))
    answer.delete_cookie(VISIT_COOKIE, path=PREFIX)
    return answer


def _ask_code(
    desk: Desk, request: Request, wanted: str, fault: str = "", status: int = 200
) -> Response:
    token = desk.seals.token(request.cookies.get(VISIT_COOKIE, ""))
    context = {"token": token, "next": wanted, "fault": fault}
    return desk.page(request, "login_code.html", context, status=status)


def _browser(request: Request) -> str:
    return request.headers.get("user-agent", "")[:BROWSER_CHARACTERS_MAX]


def _begin(work: Work, user: User, visit_sha256: str, browser: str) -> bool:
    """Begin a visit by the password alone; False if a second factor is held."""
    people.lock_trail(work.tx)
    if second_factors.in_force(work.tx, user.username) is not None:
        return False
    _keep(work, user, (visit_sha256, browser), {})
    return True


def _pass(desk: Desk, work: Work, user: User, code: str, begun: tuple[str, str]) -> Passed | None:
    """Begin a visit if a code counts."""
    actor = Actor(user.username, user.role.value)
    now_step = one_time.step_of(desk.centre.wall_ms())
    by = second_factor.pass_by(work, actor, code[:CODE_CHARACTERS_MAX], now_step)
    if by is not None:
        _keep(work, user, begun, {"second_factor": by.value})
    return by


def _keep(work: Work, user: User, begun: tuple[str, str], detail: dict[str, str]) -> None:
    visits.begin(work.tx, Visit(begun[0], user.username, begun[1], work.at_ms))
    actor, subject = Actor(user.username, user.role.value), ("user", user.username)
    people.record(work.tx, work.at_ms, actor, "logged_in", subject, detail)


def _end(desk: Desk, visitor: Visitor) -> None:
    def act(work: Work) -> None:
        visits.end(work.tx, visit_hash(visitor.visit), (work.at_ms, visitor.username))
        subject = ("user", visitor.username)
        people.record(work.tx, work.at_ms, visitor.actor, "logged_out", subject)

    desk.centre.write(act)


def _checked(desk: Desk, name: str, password: str, nobody: str) -> User | None:
    with desk.centre.store.reading() as tx:
        user = people.user(tx, name)
    matches = password_matches(user.password_hash if user else nobody, password)
    if user is None or not matches or user.disabled:
        return None
    return user if user.role in READERS else None


def set_cookie(request: Request, answer: Response, name: str, value: str) -> None:
    """Set a cookie that scripts, other sites and plain HTTP do not get."""
    answer.set_cookie(
        name,
        value,
        max_age=SESSION_S_MAX,
        path=PREFIX,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
