"""Log-in and log-out."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.console.desk import READERS, Desk
from server.console.render import PREFIX
from server.console.session import SESSION_COOKIE, SESSION_S_MAX, VISIT_COOKIE
from server.keys import hash_password, password_matches
from server.store import people
from server.store.people import Actor, User

NAME_CHARACTERS_MAX = 100
PASSWORD_CHARACTERS_MAX = 1000
WRONG = "The name or the password is not right."


def routes(desk: Desk) -> list[Route]:
    """The door's addresses."""
    # Against this a password is checked when the name is not known, so that an
    # answer takes as long as for a name that is.
    nobody = hash_password(desk.centre.new_token())

    def form(request: Request) -> Response:
        return _form(desk, request, _inside(request.query_params.get("next", "")))

    async def enter(request: Request) -> Response:
        sent = await request.form()
        given = {key: str(sent.get(key, "")) for key in ("name", "password", "next", "token")}
        desk.seals.require_token(given["token"], request.cookies.get(VISIT_COOKIE, ""))
        return await run_in_threadpool(_enter, desk, request, given, nobody)

    async def leave(request: Request) -> Response:
        await run_in_threadpool(desk.permit, request, await request.form(), *READERS)
        answer = RedirectResponse(f"{PREFIX}/login", 303)
        answer.delete_cookie(SESSION_COOKIE, path=PREFIX)
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
    _set_cookie(request, answer, VISIT_COOKIE, visit)
    return answer


def _enter(desk: Desk, request: Request, given: dict[str, str], nobody: str) -> Response:
    name, wanted = given["name"].strip()[:NAME_CHARACTERS_MAX], _inside(given["next"])
    wait_s = desk.throttle.wait_s(name)
    if wait_s:
        words = f"Too many wrong passwords for this name. Wait {wait_s} seconds and try again."
        return _form(desk, request, wanted, words, status=429)
    user = _checked(desk, name, given["password"][:PASSWORD_CHARACTERS_MAX], nobody)
    if user is None:
        desk.throttle.wrong(name)
        return _form(desk, request, wanted, WRONG, status=401)
    desk.throttle.right(name)
    actor = Actor(user.username, user.role.value)
    desk.centre.write(
        lambda work: people.record(work.tx, work.at_ms, actor, "logged_in", ("user", user.username))
    )
    answer = RedirectResponse(wanted, 303)
    # A new visit, so that a token from before the log-in is worth nothing after it.
    _set_cookie(request, answer, SESSION_COOKIE, desk.seals.cookie(user, desk.centre.new_token()))
    answer.delete_cookie(VISIT_COOKIE, path=PREFIX)
    return answer


def _checked(desk: Desk, name: str, password: str, nobody: str) -> User | None:
    with desk.centre.store.reading() as tx:
        user = people.user(tx, name)
    matches = password_matches(user.password_hash if user else nobody, password)
    if user is None or not matches or user.disabled:
        return None
    return user if user.role in READERS else None


def _set_cookie(request: Request, answer: Response, name: str, value: str) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=SESSION_S_MAX,
        path=PREFIX,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def _inside(wanted: str) -> str:
    """Where to go after the log-in: a page of the console and nowhere else."""
    inside = wanted.startswith(f"{PREFIX}/") and "\\" not in wanted and "//" not in wanted
    return wanted if inside and wanted.isprintable() else f"{PREFIX}/"
