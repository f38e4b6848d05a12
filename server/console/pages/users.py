"""Users, roles, scopes, visits, tokens and authority: who may do what, in which part.

Every change is a supervisor's, with the password asked again. What gives rights waits in the
queue for a second person; what takes them away is done at once.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.console.desk import READERS, Desk, Visitor
from server.console.pages.door import PASSWORD_CHARACTERS_MAX
from server.console.pages.stepping import passed
from server.console.render import PREFIX
from server.console.session import SESSION_S_MAX
from server.console.views.users import read_authority, read_users
from server.console.words import code, say
from server.services import account_words, officers
from server.services.access import require_whole
from server.services.account_words import tell_invite
from server.services.authority import AMOUNT_MINOR_MAX, tell_authority
from server.services.centre import RequestError, RoleError, Work
from server.store import people
from server.store.money_words import KeptWord
from server.store.people import Actor, Role
from server.store.scoping import Dimension, Scope

LOOKERS = (Role.SUPERVISOR, Role.AUDITOR)
Act = Callable[[Desk, FormData, Visitor], str]


def routes(desk: Desk) -> list[Route]:
    """The addresses of users, tokens and authority."""

    def users(request: Request) -> Response:
        return _page(desk, request, _looker(desk, request))

    def authority(request: Request) -> Response:
        visitor = _looker(desk, request)
        with desk.reading(visitor) as tx:
            shown = read_authority(tx)
        context = {"shown": shown, "may": visitor.role is Role.SUPERVISOR}
        return desk.page(request, "authority.html", context, visitor)

    async def act(request: Request) -> Response:
        return await run_in_threadpool(_act, desk, request, await request.form())

    async def set_most(request: Request) -> Response:
        return await run_in_threadpool(_set_most, desk, request, await request.form())

    async def password(request: Request) -> Response:
        return await run_in_threadpool(_password, desk, request, await request.form())

    def me(request: Request) -> Response:
        return desk.page(request, "me.html", {}, desk.visitor(request))

    return [
        Route("/users", users, methods=["GET"]),
        Route("/users", act, methods=["POST"]),
        Route("/authority", authority, methods=["GET"]),
        Route("/authority", set_most, methods=["POST"]),
        Route("/me", me, methods=["GET"]),
        Route("/me", password, methods=["POST"]),
    ]


def _looker(desk: Desk, request: Request) -> Visitor:
    visitor = desk.visitor(request)
    require_whole(visitor.scope)
    if visitor.role not in LOOKERS:
        raise RoleError(f"expected a supervisor or an auditor, got {visitor.role.value}")
    return visitor


def _page(desk: Desk, request: Request, visitor: Visitor, done: str = "") -> Response:
    since_ms = desk.centre.now_ms() - SESSION_S_MAX * 1000
    with desk.reading(visitor) as tx:
        shown = read_users(tx, since_ms)
    context = {
        "shown": shown, "done": done, "may": visitor.role is Role.SUPERVISOR,
        "roles": [role.value for role in officers.LOGIN_ROLES],
    }  # fmt: skip
    return desk.page(request, "users.html", context, visitor)


def _act(desk: Desk, request: Request, form: FormData) -> Response:
    visitor = desk.permit(request, form, Role.SUPERVISOR)
    require_whole(visitor.scope)
    act = _ACTS.get(str(form.get("act", "")))
    if act is None:
        raise RequestError(f"expected one of {', '.join(_ACTS)}")

    def done() -> Response:
        return _page(desk, request, visitor, act(desk, form, visitor))

    return passed(desk, request, form, visitor, done)


def _set_most(desk: Desk, request: Request, form: FormData) -> Response:
    visitor = desk.permit(request, form, Role.SUPERVISOR)
    require_whole(visitor.scope)
    given = str(form.get("amount_minor", "")).strip()
    most_digits = len(str(AMOUNT_MINOR_MAX))
    if not given.isdecimal() or len(given) > most_digits or int(given) > AMOUNT_MINOR_MAX:
        raise RequestError(f"expected a whole amount in minor units, got {given[:40]!r}")
    most = (int(given), str(form.get("currency", "")))

    def done() -> Response:
        holder, product = str(form.get("holder", "")).strip(), str(form.get("product_id", ""))
        said = _said(form, visitor)
        _tell(desk, lambda work: tell_authority(work, holder, product, most, said))
        return RedirectResponse(f"{PREFIX}/queue", 303)

    return passed(desk, request, form, visitor, done)


def _password(desk: Desk, request: Request, form: FormData) -> Response:
    visitor = desk.permit(request, form, *READERS)
    old, new = str(form.get("old", ""))[:PASSWORD_CHARACTERS_MAX], str(form.get("new", ""))
    if new != str(form.get("again", "")):
        raise RequestError("expected the new password twice the same")
    if len(new) > PASSWORD_CHARACTERS_MAX:  # the door reads no more of it
        raise RequestError(f"expected a password of at most {PASSWORD_CHARACTERS_MAX} characters")
    wait_s = desk.throttle.take(visitor.username)
    if wait_s:
        raise RequestError(f"too many wrong passwords: wait {wait_s} seconds and try again")
    officers.change_own_password(desk.centre, old, new, visitor.actor)
    desk.throttle.right(visitor.username)
    return RedirectResponse(f"{PREFIX}/login", 303)


def _scope(form: FormData) -> Scope:
    found = {
        each: frozenset(str(v) for v in form.getlist(each.value) if str(v)) for each in Dimension
    }
    return Scope("", found[Dimension.STATION], found[Dimension.VILLAGE], found[Dimension.PRODUCT])


def _role(form: FormData) -> Role:
    given = str(form.get("role", ""))
    found = next((role for role in officers.LOGIN_ROLES if role.value == given), None)
    if found is None:
        raise RequestError(f"expected a role, got {given[:40]!r}")
    return found


def _name(form: FormData, field: str = "username") -> str:
    return str(form.get(field, "")).strip()


def _said(form: FormData, by: Visitor) -> tuple[Actor, str]:
    return by.actor, str(form.get("reason", "")).strip() or "asked for at the console"


def _tell(desk: Desk, act: Callable[[Work], KeptWord]) -> str:
    def told(work: Work) -> tuple[str, str]:
        word = act(work)
        return word.word_id, account_words.told_half(work, word)

    word_id, half = desk.centre.write(told)
    waits = say(
        "Word {word} waits in the queue for a second person; nothing has changed yet.",
        word=word_id,
    )  # fmt: skip
    if not half:
        return waits
    return waits + " " + say("Your half of the first password, shown only now: {half}", half=half)


def _invite(desk: Desk, form: FormData, by: Visitor) -> str:
    name, role, scope = _name(form), _role(form), _scope(form)
    return _tell(desk, lambda work: tell_invite(work, name, role, scope, _said(form, by)))


def _set_role(desk: Desk, form: FormData, by: Visitor) -> str:
    name, role = _name(form), _role(form)
    with desk.centre.store.reading() as tx:
        user = people.user(tx, name)
    if user is None or account_words.rank(role) > account_words.rank(user.role):
        return _tell(desk, lambda work: account_words.tell_role(work, name, role, _said(form, by)))
    officers.lower_role(desk.centre, name, role, by.actor)
    told = code(role.value)
    return say("{name} is {role} from now on, and logs in anew.", name=name, role=told)


def _set_scope(desk: Desk, form: FormData, by: Visitor) -> str:
    name, scope = _name(form), _scope(form)
    return _tell(desk, lambda work: account_words.tell_scope(work, name, scope, _said(form, by)))


def _lock(desk: Desk, form: FormData, by: Visitor) -> str:
    officers.lock(desk.centre, _name(form), by.actor)
    return say("{name} is locked out, and every visit is ended.", name=_name(form))


def _unlock(desk: Desk, form: FormData, by: Visitor) -> str:
    name = _name(form)
    return _tell(desk, lambda work: account_words.tell_unlock(work, name, _said(form, by)))


def _reset(desk: Desk, form: FormData, by: Visitor) -> str:
    name = _name(form)
    return _tell(desk, lambda work: account_words.tell_password(work, name, _said(form, by)))


def _factor(desk: Desk, form: FormData, by: Visitor) -> str:
    name = _name(form)
    return _tell(desk, lambda work: account_words.tell_factor_end(work, name, _said(form, by)))


def _end_visit(desk: Desk, form: FormData, by: Visitor) -> str:
    ended = officers.end_visit(desk.centre, _name(form, "visit"), by.actor)
    return say("A visit of {name} is ended.", name=ended)


def _revoke(desk: Desk, form: FormData, by: Visitor) -> str:
    officers.take_back_token(desk.centre, _name(form, "label"), by.actor)
    return say("The tokens of {name} are taken back.", name=_name(form, "label"))


def _token_scope(desk: Desk, form: FormData, by: Visitor) -> str:
    label, scope, said = _name(form, "label"), _scope(form), _said(form, by)
    return _tell(desk, lambda work: account_words.tell_token_scope(work, label, scope, said))


_ACTS: dict[str, Act] = {
    "invite": _invite, "role": _set_role, "scope": _set_scope, "lock": _lock, "unlock": _unlock,
    "reset": _reset, "end_visit": _end_visit, "revoke": _revoke, "token_scope": _token_scope,
    "factor": _factor,
}  # fmt: skip
