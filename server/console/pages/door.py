"""Log-in and log-out."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.console.desk import READERS, Desk, Visitor
from server.console.render import PREFIX
from server.console.session import (
    SESSION_COOKIE,
    SESSION_S_MAX,
    STEP_UP_COOKIE,
    VISIT_COOKIE,
    visit_hash,
)
from server.console.speaking import inside
from server.console.words import message, say
from server.keys import password_matches
from server.services.centre import Work
from server.store import people, visits
from server.store.people import Actor, User
from server.store.visits import Visit

NAME_CHARACTERS_MAX = 100
PASSWORD_CHARACTERS_MAX = 1000
BROWSER_CHARACTERS_MAX = 200
WRONG = message("The name or the password is not right.")


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

    async def leave(request: Request) -> Response:
        visitor = await run_in_threadpool(desk.permit, request, await request.form(), *READERS)
        await run_in_threadpool(_end, desk, visitor)
        answer = RedirectResponse(f"{PREFIX}/login", 303)
        for cookie in (SESSION_COOKIE, STEP_UP_COOKIE):
            answer.delete_cookie(cookie, path=PREFIX)
        return answer

    return [
        Route("/login", form, methods=["GET"]),
        Route("/login", enter, methods=["POST"]),
        Route("/logout", leave, methods=["POST"]),
    ]


def _form(
    desk: Desk, request: Request, wanted: str, fault: str = "", status: int = 200
) -> Response:
    visit = request.cookies.get(VISIT_COOKIE) or desk.centre.new_token()
    context = {"token": desk.seals.token(visit), "next": wanted, "fault": fault}
    answer = desk.page(request, "login.html", context, status=status)
    set_cookie(request, answer, VISIT_COOKIE, visit)
    return answer


def _enter(desk: Desk, request: Request, given: dict[str, str], nobody: str) -> Response:
    name, wanted = given["name"].strip()[:NAME_CHARACTERS_MAX], inside(given["next"])
    wait_s = desk.throttle.wait_s(name)
    if wait_s:
        words = say(
            "Too many wrong passwords for this name. Wait {count} seconds and try again.",
            count=wait_s,
        )
        return _form(desk, request, wanted, words, status=429)
    user = _checked(desk, name, given["password"][:PASSWORD_CHARACTERS_MAX], nobody)
    if user is None:
        desk.throttle.wrong(name)
        return _form(desk, request, wanted, say(WRONG), status=401)
    desk.throttle.right(name)
    # A new visit, so that a token from before the log-in is worth nothing after it.
    visit = desk.centre.new_token()
    browser = request.headers.get("user-agent", "")[:BROWSER_CHARACTERS_MAX]
    desk.centre.write(lambda work: _begin(work, user, visit_hash(visit), browser))
    answer = RedirectResponse(wanted, 303)
    set_cookie(request, answer, SESSION_COOKIE, desk.seals.cookie(user, visit))
    answer.delete_cookie(VISIT_COOKIE, path=PREFIX)
    return answer


def _begin(work: Work, user: User, visit_sha256: str, browser: str) -> None:
    visits.begin(work.tx, Visit(visit_sha256, user.username, browser, work.at_ms))
    actor, subject = Actor(user.username, user.role.value), ("user", user.username)
    people.record(work.tx, work.at_ms, actor, "logged_in", subject)


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
