"""What every page has in its hands: the centre, the session, the templates.

A page asks for a user with :meth:`Desk.visitor` before it reads anything, and a
change asks for a role and for the page's own token with :meth:`Desk.permit`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from jinja2 import Environment
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from core.units import civil_day
from core.wire.personal_data import DataClass, Purpose
from server.console import render
from server.console.navigation import navigation
from server.console.session import (
    SESSION_COOKIE,
    STEP_UP_COOKIE,
    Seals,
    SecondFactorNeededError,
    Session,
    StepUpError,
    Throttle,
    fingerprint,
    visit_hash,
)
from server.services import second_factor
from server.services.access import reading
from server.services.centre import MS_PER_MINUTE, Centre, LoginRequiredError, RoleError
from server.services.consents.looks import CONSOLE, Look, note, note_list
from server.store import people, registry, scoping, second_factors, visits
from server.store.engine import Tx
from server.store.people import Actor, Role
from server.store.scoping import Holder, Scope

READERS = frozenset({Role.LENDER, Role.SUPERVISOR, Role.AUDITOR})
DECIDERS = (Role.LENDER, Role.SUPERVISOR)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A logged-in user on one request; ``scope`` is the part of the book that they may see."""

    username: str
    role: Role
    visit: str
    token: str
    scope: Scope = field(default_factory=Scope)

    @property
    def actor(self) -> Actor:
        """The visitor as the audit trail names them."""
        return Actor(self.username, self.role.value)


@dataclass(frozen=True, slots=True)
class Desk:
    """The console's own parts."""

    centre: Centre
    seals: Seals
    throttle: Throttle
    templates: Environment

    def routes(
        self,
        path: str,
        page: Callable[[Request, Visitor], Response],
        act: Callable[[Request, FormData], Response],
    ) -> list[Route]:
        """A page for whoever is logged in, and what its forms send, at one address."""

        def shown(request: Request) -> Response:
            return page(request, self.visitor(request))

        async def sent(request: Request) -> Response:
            return await run_in_threadpool(act, request, await request.form())

        return [Route(path, shown, methods=["GET"]), Route(path, sent, methods=["POST"])]

    def visitor(self, request: Request) -> Visitor:
        """The user behind a request.

        Raises
        ------
        LoginRequiredError
            If nobody is logged in, or the account has changed since.
        RoleError
            If the user's role has no place at the console.
        SecondFactorNeededError
            If they must enrol a second factor first.
        """
        return self._at(request, enrolling=False)

    def enrolling(self, request: Request) -> Visitor:
        """The same, where a second factor is enrolled: nobody needs to have one there."""
        return self._at(request, enrolling=True)

    def _at(self, request: Request, *, enrolling: bool) -> Visitor:
        session = self.seals.read(request.cookies.get(SESSION_COOKIE))
        if session is None:
            raise LoginRequiredError("expected a log-in, got none or one that has ended")
        with self.centre.store.reading() as tx:
            return self._known(tx, session, enrolling=enrolling)

    def _known(self, tx: Tx, session: Session, *, enrolling: bool) -> Visitor:
        user = people.user(tx, session.username)
        if user is None or user.disabled or fingerprint(user) != session.fingerprint:
            raise LoginRequiredError("the account has changed since the log-in: log in again")
        if user.role not in READERS:
            raise RoleError(f"the role {user.role.value} has no place at the console")
        if not visits.is_open(tx, visit_hash(session.visit)):
            raise LoginRequiredError("this visit was ended: log in again")
        setting = self.centre.settings.second_factor
        if not enrolling and second_factor.is_needed(tx, setting, user):
            raise SecondFactorNeededError(
                f"expected a second factor of {user.username}: set one up on its page first"
            )
        token = self.seals.token(session.visit)
        scope = scoping.scope_of(tx, Holder.USER, user.username)
        return Visitor(user.username, user.role, session.visit, token, scope)

    def reading(self, visitor: Visitor) -> AbstractContextManager[Tx]:
        """A transaction that reads what a visitor may see, and nothing else."""
        return reading(self.centre, visitor.scope)

    def holds_second_factor(self, visitor: Visitor) -> bool:
        """Whether a visitor has a second factor beside their password."""
        with self.centre.store.reading() as tx:
            return second_factors.in_force(tx, visitor.username) is not None

    def require_step_up(self, request: Request, visitor: Visitor) -> None:
        """Return if the visitor has given their password again a short while ago.

        Raises
        ------
        StepUpError
            If they have not.
        """
        if not self.seals.is_stepped_up(request.cookies.get(STEP_UP_COOKIE), visitor.visit):
            raise StepUpError("expected your password once more before this, none was given lately")

    def permit(self, request: Request, form: FormData, *roles: Role) -> Visitor:
        """The user behind a change, with the page's token and one of the roles.

        Raises
        ------
        LoginRequiredError, RoleError
            As for :meth:`visitor`, or if the role may not do this.
        ForgedRequestError
            If the form did not come from a page of this visit.
        """
        visitor = self.visitor(request)
        self._require_form(form, visitor, roles)
        return visitor

    def permit_enrolling(self, request: Request, form: FormData, *roles: Role) -> Visitor:
        """The same for who enrols a second factor, or leaves."""
        visitor = self.enrolling(request)
        self._require_form(form, visitor, roles)
        return visitor

    def _require_form(self, form: FormData, visitor: Visitor, roles: tuple[Role, ...]) -> None:
        self.seals.require_token(str(form.get("token", "")), visitor.visit)
        if visitor.role not in roles:
            allowed = " or ".join(role.value for role in roles)
            raise RoleError(f"expected the role {allowed} for this, got {visitor.role.value}")

    def saw(
        self, visitor: Visitor, shown: str, classes: tuple[DataClass, ...], *farmer_ids: str
    ) -> None:
        """Write down whose data a page shows; of a list of people once a day for each."""
        look = Look(visitor.actor, Purpose.SERVICING, classes, CONSOLE, shown)
        if len(farmer_ids) == 1:
            note(self.centre, look, farmer_ids[0])
        else:
            note_list(self.centre, look, farmer_ids)

    def today(self, tx: Tx) -> date:
        """The civil date in the zone of the first site, or in UTC."""
        sites = registry.all_sites(tx)
        offset = sites[0].utc_offset_minutes if sites else 0
        return civil_day(self.centre.now_ms(), offset * MS_PER_MINUTE)

    def page(
        self,
        request: Request,
        name: str,
        context: Mapping[str, Any],
        visitor: Visitor | None = None,
        status: int = 200,
    ) -> HTMLResponse:
        """A page, with what the frame around every page needs."""
        frame = {
            "visitor": visitor,
            "nav": self._nav(visitor, request.url.path.removeprefix(render.PREFIX)),
            "lender": self.centre.settings.name,
            "now_ms": self.centre.now_ms(),
            "here": _here(request),
        }
        return HTMLResponse(render.fill(self.templates, name, {**frame, **context}), status)

    def _nav(self, visitor: Visitor | None, path: str) -> list[Mapping[str, object]]:
        if visitor is None:
            return []
        return navigation(visitor.role, path, whole=visitor.scope.is_whole)


def _here(request: Request) -> str:
    """Where a choice of language leads back to: the page itself, where it can be asked again."""
    if request.method != "GET":
        return f"{render.PREFIX}/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
